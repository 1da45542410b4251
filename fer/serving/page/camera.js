// The camera: sends a frame, waits for its answer, and sends the newest frame.

const SIDE = 640; // longer side of the sent frames, in pixels
const QUALITY = 0.8;
const RATE_FRAMES = 20; // frames over which the rate is measured

const DENIED = {
  NotAllowedError: "The browser was not allowed to use the camera.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

export class Camera {
  // listener: answer(result, image, rate), error(text), end(text)
  constructor(video, listener) {
    this.video = video;
    this.listener = listener;
    // two, so that the frame of the last answer stays as it is while the next one is drawn
    this.frames = [document.createElement("canvas"), document.createElement("canvas")];
    this.times = [];
  }

  async start(token) {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers allow the camera only on https and localhost.");
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: SIDE }, facingMode: "user" }, audio: false });
    } catch (error) {
      throw new Error(DENIED[error.name] || `The camera cannot be used (${error.message}).`);
    }
    this.stream = stream;
    if (this.stopped) return this.stop();
    stream.getVideoTracks()[0].addEventListener("ended", () => this.end("The camera was disconnected."));
    this.video.srcObject = stream;
    await this.video.play();
    if (!this.stopped) this.connect(token);
  }

  connect(token) {
    const page = location.href.replace(/^http/, "ws").replace(/[#?].*$/, "");
    this.socket = new WebSocket(new URL("v1/stream", page));
    this.socket.addEventListener("open", () => {
      if (token) this.socket.send(JSON.stringify({ token }));
      this.send();
    });
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.end(event.reason || "The server ended the connection."));
  }

  async send() {
    if (this.stopped) return;
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, SIDE / Math.max(videoWidth, videoHeight));
    this.frames.reverse();
    const [frame] = this.frames;
    frame.width = Math.round(videoWidth * scale);
    frame.height = Math.round(videoHeight * scale);
    frame.getContext("2d").drawImage(this.video, 0, 0, frame.width, frame.height);
    const blob = await new Promise((done) => frame.toBlob(done, "image/jpeg", QUALITY));
    if (this.stopped || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(blob);
  }

  receive(result) {
    if (this.stopped) return;
    if (result.error) {
      this.listener.error(result.error);
    } else {
      this.listener.answer(result, this.frames[0], this.rate());
    }
    // pages in the background get no animation frames, so nothing is sent until the page is visible again
    requestAnimationFrame(() => this.send());
  }

  rate() {
    this.times = [...this.times, performance.now()].slice(-RATE_FRAMES);
    const span = this.times.at(-1) - this.times[0];
    return span ? (1000 * (this.times.length - 1)) / span : 0;
  }

  end(text) {
    if (!this.stopped) this.listener.end(text);
  }

  stop() {
    this.stopped = true;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
    this.socket?.close();
  }
}
