// The network: runs network.onnx with onnxruntime-web, in this browser.

import * as ort from "./ort.wasm.min.mjs";
import { SIZE, face, picture } from "./pixels.js";

const UNSURE = "unsure";

export class Network {
  // returns the network of this folder; description: of network.json
  static async load() {
    ort.env.wasm.numThreads = 1; // more need headers that a plain web server does not send
    const response = await fetch("network.json");
    if (!response.ok) throw new Error("network.json is missing beside this page.");
    const network = new Network();
    network.description = await response.json();
    network.session = await ort.InferenceSession.create("network.onnx");
    return network;
  }

  // returns the faces in `squares` ([left, top, side]) of a picture, in the form of fer.predict --json
  async recognise(levels, width, squares) {
    const faces = [];
    for (const [index, square] of squares.entries()) {
      const pixels = face(levels, width, square);
      const shares = await this.probabilities(pixels);
      const [left, top, side] = square;
      faces.push({
        face: index + 1,
        box: [left, top, side, side],
        label: this.label(shares),
        probabilities: Object.fromEntries(this.description.classes.map((name, at) => [name, Number(shares[at].toFixed(5))])),
        input: picture(pixels),
      });
    }
    return faces;
  }

  async probabilities(pixels) {
    const images = new ort.Tensor("uint8", pixels, [1, 1, SIZE, SIZE]);
    const { probabilities } = await this.session.run({ images });
    return [...probabilities.data];
  }

  label(shares) {
    const most = Math.max(...shares);
    return most < this.description.threshold ? UNSURE : this.description.classes[shares.indexOf(most)];
  }
}
