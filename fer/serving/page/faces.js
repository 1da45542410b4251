// Lists the faces of an answer: a box over the picture and a card for each, which light up together.

import { answer, colorOf, confidence, percent, textColor } from "./draw.js";

// returns "3 faces: 2 happy, 1 neutral."; the server answers the `most` largest faces of a picture only
export function summary(faces, most = Infinity) {
  if (!faces.length) return "No face found.";
  if (faces.length === 1) return `1 face: ${faces[0].label}.`;
  const counts = new Map();
  for (const { label } of faces) counts.set(label, (counts.get(label) ?? 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([label, count]) => `${count} ${label}`);
  const number = faces.length < most ? `${faces.length}` : `The ${faces.length} largest`;
  return `${number} faces: ${parts.join(", ")}.`;
}

export class FaceList {
  // boxes: the element over the picture; cards: the list; template: of a card
  constructor(boxes, cards, template) {
    Object.assign(this, { boxes, cards, template, lit: null });
    this.wire(boxes);
    this.wire(cards);
    boxes.addEventListener("click", (event) => {
      const number = numberOf(event.target);
      if (number) this.item(this.cards, number)?.scrollIntoView({ block: "nearest" });
    });
  }

  wire(list) {
    for (const kind of ["pointerover", "focusin", "click"]) {
      list.addEventListener(kind, (event) => this.light(numberOf(event.target)));
    }
    for (const kind of ["pointerleave", "focusout"]) list.addEventListener(kind, () => this.light(null));
  }

  light(number) {
    this.lit = number;
    for (const element of [...this.boxes.children, ...this.cards.children]) {
      element.classList.toggle("lit", element.dataset.face === number);
    }
  }

  item(list, number) {
    return list.querySelector(`:scope > [data-face="${number}"]`);
  }

  // shows the faces of an answer; elements of a face that stays are kept, so that focus and scrolling stay too
  show(result, colors) {
    const names = Object.keys(result.faces[0]?.probabilities ?? {});
    this.cards.style.setProperty("--names", `${0.62 * Math.max(0, ...names.map((name) => name.length)) + 0.5}em`);
    this.keep(this.boxes, result.faces, () => boxButton());
    this.keep(this.cards, result.faces, () => this.template.content.firstElementChild.cloneNode(true));
    for (const face of result.faces) {
      fillBox(this.item(this.boxes, face.face), face, result);
      fillCard(this.item(this.cards, face.face), face, colors);
    }
    this.light(this.lit);
  }

  // gives the list one element for each face, in the order of their numbers
  keep(list, faces, create) {
    const numbers = faces.map((face) => face.face).sort((a, b) => a - b);
    for (const element of [...list.children]) {
      if (!numbers.includes(Number(element.dataset.face))) element.remove();
    }
    numbers.forEach((number, index) => {
      let element = this.item(list, number);
      if (!element) {
        element = create();
        element.dataset.face = number;
      }
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
    });
  }
}

const numberOf = (element) => element.closest("[data-face]")?.dataset.face ?? null;

function boxButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "box";
  return button;
}

function fillBox(button, face, { width, height }) {
  const [left, top, boxWidth, boxHeight] = face.box;
  const sides = { left: left / width, top: top / height, width: boxWidth / width, height: boxHeight / height };
  for (const [side, share] of Object.entries(sides)) button.style.setProperty(side, `${100 * share}%`);
  button.setAttribute("aria-label", `Face ${face.face}: ${answer(face)}`);
}

function fillCard(card, face, colors) {
  const color = colorOf(face, colors);
  card.style.setProperty("--color", color);
  card.style.setProperty("--on-color", textColor(color));
  card.querySelector(".chip").textContent = face.face;
  card.querySelector(".answer").textContent = answer(face);
  const crop = card.querySelector("img");
  crop.src = face.input;
  crop.alt = `Face ${face.face} in 48 by 48 grey pixels`;
  const bars = card.querySelector("dl");
  const shares = Object.entries(face.probabilities);
  if (bars.children.length !== shares.length) bars.replaceChildren(...shares.map(([name]) => row(name, colors[name])));
  const most = confidence(face);
  shares.forEach(([, share], index) => {
    const line = bars.children[index];
    line.className = share === most ? "best" : "";
    line.querySelector(".bar > span").style.width = `${100 * share}%`;
    line.querySelector(".share").textContent = percent(share);
  });
}

function row(name, color) {
  const line = document.createElement("div");
  const term = document.createElement("dt");
  term.textContent = name;
  const share = document.createElement("dd");
  share.className = "share";
  const bar = document.createElement("dd");
  bar.className = "bar";
  bar.setAttribute("aria-hidden", "true"); // the number beside it has the same content
  const length = document.createElement("span");
  length.style.background = color;
  bar.append(length);
  line.append(term, share, bar);
  return line;
}
