// Saves what the page shows: the annotated picture and the answer as JSON.

import { drawPicture } from "./draw.js";

const MAX_PIXELS = 16e6; // of a canvas in Safari

// returns the name without folder and suffix
const stem = (name) => name.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "") || "picture";

export async function savePicture({ result, image, name, kind, note }, colors) {
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (result.width * result.height)));
  canvas.width = Math.max(1, Math.floor(result.width * scale));
  canvas.height = Math.max(1, Math.floor(result.height * scale));
  drawPicture(canvas, result, image, colors, { note });
  const type = kind === "image/jpeg" ? kind : "image/png";
  const blob = await new Promise((done) => canvas.toBlob(done, type, 0.92));
  download(blob, `${stem(name)}-annotated.${type === "image/jpeg" ? "jpg" : "png"}`);
}

// the same JSON as `fer.predict --json` writes
export function saveJson({ result, name }) {
  const faces = result.faces.map(({ input, ...face }) => face);
  const { milliseconds, dropped, ...picture } = result;
  const text = JSON.stringify([{ ...picture, picture: name, faces }], null, 1);
  download(new Blob([text], { type: "application/json" }), `${stem(name)}.json`);
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
