// Shows an answer: boxes on the picture, and a card for each face.

const percent = (share) => `${Math.round(100 * share)} %`;
const LINE = "#1b7f4b"; // contrast with white: above 5 to 1

export function summary(faces) {
  if (!faces.length) return "No face found.";
  const each = faces.map((face) => `${face.label} ${percent(confidence(face))}`).join(", ");
  return `${faces.length === 1 ? "One face" : `${faces.length} faces`}: ${each}.`;
}

const confidence = (face) => Math.max(...Object.values(face.probabilities));
const numbered = (face, index) => face.track ?? index + 1;

export function drawPicture(canvas, result, image) {
  const scale = Math.min(1, 1280 / Math.max(result.width, result.height));
  canvas.width = Math.max(1, Math.round(result.width * scale));
  canvas.height = Math.max(1, Math.round(result.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#808080"; // grey, in case the browser cannot show the picture
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (image) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const size = Math.max(10, Math.round(Math.max(canvas.width, canvas.height) / 40));
  result.faces.forEach((face, index) => drawBox(pen, face.box.map((side) => side * scale), `${numbered(face, index)}: ${face.label}`, size));
}

function drawBox(pen, [left, top, width, height], text, size) {
  pen.lineWidth = Math.max(2, size / 6);
  pen.strokeStyle = LINE;
  pen.strokeRect(left, top, width, height);
  pen.font = `600 ${size}px system-ui, sans-serif`;
  if (width < 3 * size) return; // no room for a label; the list has it
  const room = pen.measureText(text).width + size;
  const x = Math.max(0, Math.min(left, pen.canvas.width - room));
  const y = Math.max(0, top - 1.5 * size);
  pen.fillStyle = LINE;
  pen.fillRect(x, y, room, 1.5 * size);
  pen.fillStyle = "#ffffff";
  pen.fillText(text, x + size / 2, y + 1.1 * size);
}

export function listFaces(list, template, faces) {
  while (list.children.length > faces.length) list.lastElementChild.remove();
  faces.forEach((face, index) => {
    if (!list.children[index]) list.append(template.content.cloneNode(true));
    fill(list.children[index], face, numbered(face, index));
  });
}

function fill(card, face, number) {
  card.querySelector("h3").textContent = `Face ${number}: ${face.label}, ${percent(confidence(face))}`;
  const crop = card.querySelector("img");
  crop.src = face.input;
  crop.alt = `Face ${number} in 48 by 48 grey pixels`;
  const bars = card.querySelector("dl");
  const shares = Object.entries(face.probabilities);
  if (bars.children.length !== shares.length) bars.replaceChildren(...shares.map(([name]) => row(name)));
  const most = confidence(face);
  shares.forEach(([, share], index) => {
    const line = bars.children[index];
    line.className = share === most ? "best" : "";
    line.querySelector(".bar > span").style.width = `${100 * share}%`;
    line.querySelector(".share").textContent = percent(share);
  });
}

function row(name) {
  const line = document.createElement("div");
  const term = document.createElement("dt");
  term.textContent = name;
  const share = document.createElement("dd");
  share.className = "share";
  const bar = document.createElement("dd");
  bar.className = "bar";
  bar.setAttribute("aria-hidden", "true"); // the number beside it has the same content
  bar.append(document.createElement("span"));
  line.append(term, share, bar);
  return line;
}
