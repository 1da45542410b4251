// Draws boxes and labels on a picture, as fer/prediction/draw.py does.

import { placeLabels } from "./labels.js";

const UNSURE = "unsure";
const UNSURE_COLOR = "#5c6670";
const EDGE = "rgb(0 0 0 / 43%)"; // of lines, which shows them on any background
const GAP = "rgb(255 255 255 / 60%)"; // between dashes
const SIDE_PER_TEXT = 40;
const SIDE_PER_LINE = 170;

export const percent = (share) => `${Math.round(100 * share)} %`;
export const confidence = (face) => Math.max(...Object.values(face.probabilities));
export const colorOf = (face, colors) => (face.label === UNSURE ? UNSURE_COLOR : colors[face.label]);

// the label and its probability; of an unsure face the two likeliest classes
export function answer(face) {
  if (face.label !== UNSURE) return `${face.label} ${percent(confidence(face))}`;
  const likeliest = Object.entries(face.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 2);
  return `${UNSURE} (${likeliest.map(([name, share]) => `${name} ${percent(share)}`).join(", ")})`;
}

// returns "black" or "white", whichever has more contrast with a "#rrggbb" colour: at least 4.58 to 1
export function textColor(color) {
  const level = (start) => {
    const value = parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * level(1) + 0.7152 * level(3) + 0.0722 * level(5) > Math.sqrt(1.05 * 0.05) - 0.05 ? "black" : "white";
}

// draws an answer on all of a canvas; scale: canvas pixels per pixel that people see, for the smallest size of text
export function drawPicture(canvas, result, image, colors, { scale = 1, note = "" } = {}) {
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#808080"; // in case the browser cannot show the picture
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (image) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const side = Math.min(canvas.width, canvas.height);
  const size = Math.max(13 * scale, side / SIDE_PER_TEXT);
  const line = Math.max(2 * scale, Math.round(side / SIDE_PER_LINE));
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  const across = canvas.width / result.width;
  const down = canvas.height / result.height;
  const boxes = result.faces.map(({ box: [x, y, w, h] }) => [x * across, y * down, w * across, h * down].map(Math.round));
  const measure = (text) => [Math.round(pen.measureText(text).width + size / 2), Math.round(1.35 * size)];
  const texts = result.faces.map((face) => [`${face.face}: ${answer(face)}`, `${face.face}: ${face.label}`, `${face.face}`]);
  const notes = note ? [[0, 0, ...measure(note)]] : [];
  const places = placeLabels(boxes, texts.map((group) => group.map(measure)), [canvas.width, canvas.height], notes);
  result.faces.forEach((face, index) => drawBox(pen, boxes[index], colorOf(face, colors), line, face.label === UNSURE));
  result.faces.forEach((face, index) => {
    const { text, box } = places[index];
    drawLabel(pen, box, texts[index][text], colorOf(face, colors), size);
  });
  notes.forEach((box) => drawLabel(pen, box, note, UNSURE_COLOR, size));
}

function drawBox(pen, [left, top, width, height], color, line, dashed) {
  const edge = Math.max(1, line / 3);
  const stroke = (style, thickness) => {
    pen.strokeStyle = style;
    pen.lineWidth = thickness;
    pen.strokeRect(left + line / 2, top + line / 2, width - line, height - line);
  };
  stroke(EDGE, line + 2 * edge);
  if (dashed) {
    stroke(GAP, line);
    pen.setLineDash([4 * line, 4 * line]);
  }
  stroke(color, line);
  pen.setLineDash([]);
}

function drawLabel(pen, [left, top, width, height], text, color, size) {
  pen.fillStyle = color;
  pen.fillRect(left, top, width, height);
  pen.fillStyle = textColor(color);
  pen.fillText(text, left + size / 4, top + 0.54 * height);
}
