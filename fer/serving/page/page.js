// The page: sends a photo or camera frames to its own server and shows boxes and bars.

import { Camera } from "./camera.js";
import { drawPicture } from "./draw.js";
import { FaceList, summary } from "./faces.js";
import { saveJson, savePicture } from "./save.js";

const part = (id) => document.getElementById(id);
const WAIT = 2000; // milliseconds between two spoken summaries of a camera
let token = decodeURIComponent(location.hash.startsWith("#token=") ? location.hash.slice(7) : "");
let limits = null;
let colors = {}; // of the classes
let description = null; // promise of what the server says of its model, which sets limits and colors
let shown = null; // the answer on the page: {result, image, name, kind, note}
let camera = null;
let request = 0; // number of the last photo; answers to earlier ones are ignored
let afterToken = null; // the action to repeat once the token is known
let spoken = { text: "", time: 0 };

const list = new FaceList(part("boxes"), part("faces"), part("face"));

const headers = () => (token ? { authorization: `Bearer ${token}` } : {});

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: headers() });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const content = await response.json().catch(() => ({}));
  if (response.status === 401) throw new Unauthorized(token ? "The token is wrong." : "");
  if (!response.ok) throw new Error(sentence(content.error || `The server answered ${response.status}.`));
  return content;
}

class Unauthorized extends Error {}

// makes a message a sentence; a file name at its beginning stays as it is
const sentence = (text) => `${/^[a-z]+ /.test(text) ? text[0].toUpperCase() : text[0]}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

// asks the server what its model is, unless it has said so; both photos and cameras need it first
function described() {
  description ??= describe().catch((error) => {
    description = null; // the next action asks again
    throw error;
  });
  return description;
}

async function describe() {
  const model = await ask("v1/model");
  limits = model.limits;
  colors = model.colors;
  const calibration = model.temperature === null ? "not calibrated" : "calibrated";
  part("model").textContent = `${model.name}: ${model.classes.join(", ")}; probabilities ${calibration}`;
}

async function photo(file) {
  await stop();
  const number = ++request;
  clear();
  speak(`Recognising ${file.name} …`, true);
  const started = performance.now();
  const [answer, bitmap] = await Promise.all([
    recognise(file).catch((error) => error),
    createImageBitmap(file).catch(() => null),
  ]);
  if (number !== request) return;
  if (answer instanceof Error) return failed(answer, () => photo(file));
  const all = performance.now() - started;
  const [result] = answer.pictures;
  const note = result.faces.length ? "" : "no face found";
  show({ result, image: bitmap, name: file.name, kind: file.type, note });
  speak(summary(result.faces, limits.faces), true);
  part("latency").textContent = `${answer.milliseconds.toFixed(0)} ms on the server, ${all.toFixed(0)} ms in all`;
}

async function recognise(file) {
  await described();
  if (file.size > limits.body) {
    throw new Error(`${file.name} has ${(file.size / 2 ** 20).toFixed(1)} MiB, more than the limit of ${limits.body / 2 ** 20} MiB.`);
  }
  const form = new FormData();
  form.append("file", file);
  return ask("v1/predict?crops=true", { method: "POST", body: form });
}

function show(content) {
  shown = content;
  const { result } = shown;
  part("stage").className = "";
  part("hint").hidden = true;
  part("frame").hidden = part("save").hidden = false;
  part("frame").style.setProperty("--ratio", result.width / result.height);
  part("picture").setAttribute("aria-label", summary(result.faces, limits.faces));
  draw();
  list.show(result, colors);
}

// draws the picture at the resolution of the screen
function draw() {
  if (!shown) return;
  const canvas = part("picture");
  const { width, height } = part("frame").getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
  drawPicture(canvas, shown.result, shown.image, colors, { scale: devicePixelRatio, note: shown.note });
}

// shows a text; screen readers hear it `now`, or that of a camera at most every two seconds
function speak(text, now = false) {
  part("summary").textContent = text;
  const time = performance.now();
  if (!now && (text === spoken.text || time - spoken.time < WAIT)) return;
  spoken = { text, time };
  part("status").textContent = text;
}

function clear() {
  for (const id of ["error", "frame", "save"]) part(id).hidden = true;
  shown = null;
  list.show({ faces: [] }, colors);
  part("latency").textContent = "";
  part("stage").className = "empty";
  part("hint").hidden = false;
}

function fail(text) {
  speak("No result.", true);
  part("error").textContent = text;
  part("error").hidden = false;
}

function failed(error, again) {
  if (!(error instanceof Unauthorized)) return fail(error.message);
  afterToken = again;
  part("access").hidden = false;
  speak("Waiting for the token.", true);
  if (error.message) fail(error.message);
  part("token").focus();
}

async function start() {
  request++;
  clear();
  camera = new Camera(part("video"), {
    answer: (result, image, rate) => {
      part("error").hidden = true;
      show({ result, image, name: "camera", kind: "image/jpeg", note: "" });
      speak(summary(result.faces, limits.faces));
      part("latency").textContent = `${rate.toFixed(1)} frames/s, ${result.milliseconds.toFixed(0)} ms on the server`;
    },
    error: (text) => fail(sentence(text)),
    end: (text) => stop().then(() => text && (clear(), fail(sentence(text)))),
  });
  button(true);
  speak("Starting the camera …", true);
  const started = camera;
  try {
    await started.start(token);
  } catch (error) {
    if (camera !== started) return; // stopped meanwhile
    await stop();
    fail(error.message);
  }
}

async function stop() {
  const running = camera;
  camera = null;
  button(false);
  running?.stop();
}

function button(on) {
  part("camera").textContent = on ? "Stop camera" : "Start camera";
}

part("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = ""; // the same file can be chosen again
  if (file) photo(file);
});
part("sample").addEventListener("click", async () => {
  try {
    const content = await (await fetch("sample.jpg")).blob();
    await photo(new File([content], "sample.jpg", { type: content.type }));
  } catch {
    fail("The server does not answer. Is it still running?");
  }
});
part("save-picture").addEventListener("click", () => savePicture(shown, colors));
part("save-json").addEventListener("click", () => saveJson(shown));
part("camera").addEventListener("click", async () => {
  if (camera) {
    await stop();
    speak("The camera is off.", true);
  } else {
    described().then(start, (error) => failed(error, start));
  }
});
part("access").addEventListener("submit", (event) => {
  event.preventDefault();
  token = part("token").value.trim();
  part("access").hidden = part("error").hidden = true;
  speak("No picture yet.", true);
  const again = afterToken;
  afterToken = null;
  described().then(() => again?.(), (error) => failed(error, again));
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  part("stage").classList.add("over");
});
document.addEventListener("dragleave", () => part("stage").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  part("stage").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) photo(file);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
  if (file) photo(file);
});
window.addEventListener("pagehide", stop);
new ResizeObserver(draw).observe(part("frame"));

described().catch((error) => failed(error, null));
