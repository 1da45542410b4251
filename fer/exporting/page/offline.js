// The page without a server: recognises faces in a photo or before the camera, in this browser.

import { drawPicture } from "./draw.js";
import { FaceList, summary } from "./faces.js";
import { Network } from "./network.js";
import { grey } from "./pixels.js";
import { saveJson, savePicture } from "./save.js";
import { Squares, detect } from "./squares.js";

const part = (id) => document.getElementById(id);
const CAMERA_SIDE = 640; // longer side of a camera's frames, in pixels
const MAX_PIXELS = 16e6; // of a canvas in Safari
const WAIT = 2000; // milliseconds between two spoken summaries
const FOUND = "The browser found the faces. To add one, draw a square around it.";
const NOT_FOUND = "This page does not find faces: move the square onto a face, or draw one around it.";
const DENIED = {
  NotAllowedError: "The browser was not allowed to use the camera.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

let network = null;
let image = null; // the canvas with the picture, {canvas, levels, name, kind}
let shown = null; // the answer on the page, {result, image, name, kind, note}
let stream = null;
let request = 0; // number of the last picture; answers to earlier ones are ignored
let busy = false;
let again = false;
let spoken = 0;

const list = new FaceList(part("boxes"), part("faces"), part("face"));
const squares = new Squares(part("boxes"), () => update());

const colors = () => network?.description.colors ?? {};

function fail(text) {
  part("error").textContent = text;
  part("error").hidden = false;
}

// shows a text; screen readers hear it now, or at most every two seconds
function speak(text, now) {
  part("summary").textContent = text;
  if (!now && performance.now() - spoken < WAIT) return;
  spoken = performance.now();
  part("status").textContent = text;
}

// draws a picture on a black canvas of at most `side` pixels and reads its grey levels
function read(source, width, height, scale, name, kind) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  return { canvas, levels: grey(pen.getImageData(0, 0, canvas.width, canvas.height)), name, kind };
}

async function photo(file) {
  stop();
  const number = ++request;
  part("error").hidden = true;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    return fail(`${file.name}: not a picture that this browser can read.`);
  }
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (bitmap.width * bitmap.height)));
  const next = read(bitmap, bitmap.width, bitmap.height, scale, file.name, file.type);
  const found = await detect(next.canvas);
  if (number !== request) return;
  image = next;
  squares.reset(image.canvas.width, image.canvas.height, found ?? []);
  part("how").textContent = found?.length ? FOUND : NOT_FOUND;
  await update(true);
}

// recognises the faces in the squares; changes that come meanwhile are answered after it
async function update(now = false) {
  again = true;
  if (busy || !network || !image) return;
  busy = true;
  try {
    while (again) {
      again = false;
      const started = performance.now();
      const { canvas, levels, name, kind } = image;
      const faces = await network.recognise(levels, canvas.width, squares.list);
      show({ result: { picture: name, width: canvas.width, height: canvas.height, faces }, image: canvas, name, kind, note: "" });
      speak(faces.length ? summary(faces) : "No square: draw one around a face.", now);
      part("latency").textContent = `${(performance.now() - started).toFixed(0)} ms in this browser`;
    }
  } catch (error) {
    fail(`The network failed (${error.message}).`);
  } finally {
    busy = false;
  }
}

function show(content) {
  shown = content;
  const { result } = shown;
  part("stage").className = "";
  part("hint").hidden = true;
  for (const id of ["frame", "save", "how"]) part(id).hidden = false;
  part("frame").style.setProperty("--ratio", result.width / result.height);
  part("picture").setAttribute("aria-label", summary(result.faces));
  draw();
  list.show(result, colors());
}

// draws the picture at the resolution of the screen
function draw() {
  if (!shown) return;
  const canvas = part("picture");
  const { width, height } = part("frame").getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
  drawPicture(canvas, shown.result, shown.image, colors(), { scale: devicePixelRatio });
}

async function start() {
  const number = ++request;
  part("error").hidden = true;
  if (!navigator.mediaDevices) return fail("Browsers allow the camera only on https and localhost.");
  const video = part("video");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: CAMERA_SIDE }, facingMode: "user" }, audio: false });
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stop();
    return fail(DENIED[error.name] ?? `The camera cannot be used (${error.message}).`);
  }
  part("camera").textContent = "Stop camera";
  squares.reset(1, 1);
  while (stream && number === request) {
    await frame(video);
    await new Promise((next) => requestAnimationFrame(next));
  }
}

async function frame(video) {
  const { videoWidth: width, videoHeight: height } = video;
  const next = read(video, width, height, Math.min(1, CAMERA_SIDE / Math.max(width, height)), "camera", "image/jpeg");
  const found = squares.moved ? null : await detect(next.canvas);
  if (!stream) return;
  image = next;
  const { width: across, height: down } = image.canvas;
  if (found?.length || squares.size[0] !== across || squares.size[1] !== down) squares.reset(across, down, found ?? []);
  if (!squares.moved) part("how").textContent = found?.length ? FOUND : NOT_FOUND;
  await update();
}

function stop() {
  request++;
  stream?.getTracks().forEach((track) => track.stop());
  stream = part("video").srcObject = null;
  part("camera").textContent = "Start camera";
}

part("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = ""; // the same file can be chosen again
  if (file) photo(file);
});
part("sample").addEventListener("click", async () => {
  const content = await (await fetch("sample.jpg")).blob();
  await photo(new File([content], "sample.jpg", { type: content.type }));
});
part("camera").addEventListener("click", () => {
  if (!stream) return start();
  stop();
  speak("The camera is off.", true);
});
part("save-picture").addEventListener("click", () => savePicture(shown, colors()));
part("save-json").addEventListener("click", () => saveJson(shown));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) photo(file);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
  if (file) photo(file);
});
window.addEventListener("pagehide", stop);
new ResizeObserver(draw).observe(part("frame"));

try {
  network = await Network.load();
  const { name, classes, temperature } = network.description;
  part("model").textContent = `${name}: ${classes.join(", ")}; probabilities ${temperature === null ? "not calibrated" : "calibrated"}`;
  await update();
} catch (error) {
  part("model").textContent = "No network.";
  fail(`The network cannot be loaded (${error.message}).`);
}
