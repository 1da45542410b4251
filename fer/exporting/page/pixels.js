// Grey levels and resizing with Pillow's integer arithmetic, so that the network sees the pixels that fer.predict gives it.

export const SIZE = 48;
const PRECISION = 22; // bits of a weight

// returns the grey levels of an opaque ImageData (ITU-R 601 luma)
export function grey({ data, width, height }) {
  const levels = new Uint8Array(width * height);
  for (let index = 0, at = 0; index < levels.length; index++, at += 4) {
    levels[index] = (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >>> 16;
  }
  return levels;
}

// returns SIZE × SIZE grey levels of a square [left, top, side] of a picture that is `width` pixels wide
export function face(levels, width, [left, top, side]) {
  const weights = bilinear(side);
  const rows = new Uint8Array(side * SIZE); // resized across
  for (let y = 0; y < side; y++) {
    const start = (top + y) * width + left;
    weights.forEach(({ first, shares }, x) => (rows[y * SIZE + x] = weigh(levels, start + first, 1, shares)));
  }
  const result = new Uint8Array(SIZE * SIZE);
  weights.forEach(({ first, shares }, y) => {
    for (let x = 0; x < SIZE; x++) result[y * SIZE + x] = weigh(rows, first * SIZE + x, SIZE, shares);
  });
  return result;
}

function weigh(levels, start, step, shares) {
  let sum = 2 ** (PRECISION - 1);
  shares.forEach((share, index) => (sum += share * levels[start + index * step]));
  return Math.max(0, Math.min(255, sum >> PRECISION));
}

// returns for each of SIZE pixels the first of `side` pixels that count and their weights; antialiased
function bilinear(side) {
  const scale = side / SIZE;
  const reach = Math.max(scale, 1);
  return Array.from({ length: SIZE }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(side, Math.trunc(centre + reach + 0.5));
    const shares = [];
    for (let at = first; at < last; at++) shares.push(Math.max(0, 1 - Math.abs((at - centre + 0.5) / reach)));
    const sum = shares.reduce((a, b) => a + b, 0);
    return { first, shares: shares.map((share) => Math.trunc((share / sum) * 2 ** PRECISION + 0.5)) };
  });
}

// returns grey levels as a data: URL of a PNG
export function picture(levels) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const image = new ImageData(SIZE, SIZE);
  levels.forEach((level, index) => image.data.set([level, level, level, 255], 4 * index));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}
