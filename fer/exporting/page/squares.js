// The squares around faces: found by the browser where it can, and moved, resized, drawn or deleted by the user.

const LEAST = 16; // pixels of a side
const CORNER = 18; // pixels of the screen around the lower right corner in which a drag resizes
const STEP = 1 / 16; // of the side, for a key

const clamp = (value, least, most) => Math.max(least, Math.min(value, most));

export class Squares {
  // frame: the element over which the picture is drawn; change(): called after each change
  constructor(frame, change) {
    Object.assign(this, { frame, change, list: [], size: [1, 1], moved: false });
    frame.addEventListener("pointerdown", (event) => this.press(event));
    frame.addEventListener("keydown", (event) => this.key(event));
  }

  // starts with a picture of this size: with the found squares, or one in the middle
  reset(width, height, found = []) {
    this.size = [width, height];
    this.moved = false;
    this.list = found.length ? found.map((square) => this.inside(square)) : [this.middle()];
  }

  middle() {
    const [width, height] = this.size;
    const side = 0.5 * Math.min(width, height);
    return this.inside([(width - side) / 2, (height - side) / 2, side]);
  }

  // returns whole pixels inside the picture
  inside([left, top, side]) {
    const [width, height] = this.size;
    const most = Math.min(width, height);
    const length = Math.round(clamp(side, Math.min(LEAST, most), most));
    return [clamp(Math.round(left), 0, width - length), clamp(Math.round(top), 0, height - length), length];
  }

  set(index, square) {
    this.list[index] = this.inside(square);
    this.moved = true;
    this.change();
  }

  // returns the place of an event in pixels of the picture
  place(event) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    return [((event.clientX - left) / width) * this.size[0], ((event.clientY - top) / height) * this.size[1]];
  }

  press(event) {
    if (event.button !== 0) return;
    const box = event.target.closest("[data-face]");
    const drag = box ? this.drag(event, Number(box.dataset.face) - 1, box) : this.draw(event);
    this.frame.setPointerCapture(event.pointerId);
    const end = () => {
      this.frame.removeEventListener("pointermove", drag);
      for (const kind of ["pointerup", "pointercancel"]) this.frame.removeEventListener(kind, end);
    };
    this.frame.addEventListener("pointermove", drag);
    for (const kind of ["pointerup", "pointercancel"]) this.frame.addEventListener(kind, end);
  }

  // returns what moves a square, or resizes it from its corner
  drag(event, index, box) {
    const [startX, startY] = this.place(event);
    const [left, top, side] = this.list[index];
    const { right, bottom } = box.getBoundingClientRect();
    const resizes = Math.max(Math.abs(right - event.clientX), Math.abs(bottom - event.clientY)) < CORNER;
    return (moved) => {
      const [x, y] = this.place(moved);
      const [across, down] = [x - startX, y - startY];
      this.set(index, resizes ? [left, top, this.fitting(left, top, side + (across + down) / 2)] : [left + across, top + down, side]);
    };
  }

  // returns what draws a new square
  draw(event) {
    const [startX, startY] = this.place(event);
    const index = this.list.length;
    return (moved) => {
      const [x, y] = this.place(moved);
      const side = Math.max(Math.abs(x - startX), Math.abs(y - startY));
      if (side >= LEAST || index < this.list.length) {
        this.set(index, [x < startX ? startX - side : startX, y < startY ? startY - side : startY, side]);
      }
    };
  }

  // returns the side cut off at the edges of the picture
  fitting(left, top, side) {
    return Math.min(side, this.size[0] - left, this.size[1] - top);
  }

  key(event) {
    const box = event.target.closest("[data-face]");
    if (!box) return;
    const index = Number(box.dataset.face) - 1;
    const [left, top, side] = this.list[index];
    const step = Math.max(1, STEP * side);
    const grown = (by) => [left - by / 2, top - by / 2, side + by];
    const squares = {
      ArrowLeft: [left - step, top, side],
      ArrowRight: [left + step, top, side],
      ArrowUp: [left, top - step, side],
      ArrowDown: [left, top + step, side],
      "+": grown(2 * step),
      "-": grown(-2 * step),
    };
    if (event.key in squares) this.set(index, squares[event.key]);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove(index);
    else return;
    event.preventDefault();
  }

  remove(index) {
    this.list.splice(index, 1);
    this.moved = true;
    this.change();
  }
}

// returns the squares of the browser's own face detector; null where it has none
export async function detect(image) {
  if (!("FaceDetector" in window)) return null;
  try {
    const faces = await new window.FaceDetector({ maxDetectedFaces: 32 }).detect(image);
    const squares = faces.map(({ boundingBox: { x, y, width, height } }) => {
      const side = Math.max(width, height);
      return [x + (width - side) / 2, y + (height - side) / 2, side];
    });
    return squares.sort((a, b) => a[0] - b[0]);
  } catch {
    return null; // present but without a detector of the system
  }
}
