// Finds places for the labels of boxes, as fer/prediction/labels.py does: inside the picture, beside the box, on no
// other label or face. Boxes are [left, top, width, height], sizes [width, height], in pixels.

const INSIDE_SHARE = 0.25;

// returns {text, box} for each of `boxes`; texts: sizes of the texts of each box, the longest first
export function placeLabels(boxes, texts, canvas, taken = []) {
  const shortest = (places) => places.filter((place, index) => place.text === texts[index].length - 1).length;
  let best = [];
  for (let longest = 0; longest < (texts[0]?.length ?? 0); longest++) {
    const places = placeEach(boxes, texts, longest, canvas, taken);
    if (longest === 0 || shortest(places) < shortest(best)) best = places;
    if (shortest(best) === 0) break;
  }
  return best;
}

function placeEach(boxes, texts, longest, canvas, taken) {
  const labels = [...taken];
  return boxes.map((box, index) => {
    const others = boxes.filter((_, other) => other !== index);
    const choices = texts[index].map((size, text) => ({ text, size })).slice(longest);
    const place =
      freePlace(box, choices, canvas, labels, others) ??
      freePlace(box, choices, canvas, labels, []) ??
      leastCovered(box, choices.at(-1), canvas, labels);
    labels.push(place.box);
    return place;
  });
}

function freePlace(box, choices, canvas, labels, others) {
  for (const place of candidates(box, choices, canvas)) {
    if (fits(place.box, canvas) && ![...labels, ...others].some((other) => sharedArea(place.box, other))) return place;
  }
  return null;
}

function* candidates(box, choices, canvas) {
  for (const { text, size } of choices) {
    for (const place of outside(box, size)) yield { text, box: place };
    if (size[0] * size[1] <= INSIDE_SHARE * box[2] * box[3]) {
      for (const place of inside(box, size, canvas)) yield { text, box: place };
    }
  }
  for (const { text, size } of [...choices].reverse()) {
    for (const place of inside(box, size, canvas)) yield { text, box: place };
  }
}

function leastCovered(box, { text, size }, canvas, labels) {
  const covered = (place) => labels.reduce((sum, label) => sum + sharedArea(place, label), 0);
  const places = inside(box, size, canvas);
  const least = Math.min(...places.map(covered));
  return { text, box: places.find((place) => covered(place) === least) };
}

function outside([left, top, boxWidth, boxHeight], [width, height]) {
  const right = left + boxWidth;
  const bottom = top + boxHeight;
  const rows = [top - height, bottom].flatMap((y) =>
    [left, right - width, left + Math.floor((boxWidth - width) / 2)].map((x) => [x, y, width, height]));
  const columns = [right, left - width].flatMap((x) => [top, bottom - height].map((y) => [x, y, width, height]));
  return [...rows, ...columns];
}

function inside([left, top, boxWidth, boxHeight], [width, height], canvas) {
  const clamp = (value, largest) => Math.max(0, Math.min(value, largest));
  return [top, top + boxHeight - height].flatMap((y) =>
    [left, left + boxWidth - width].map((x) => [clamp(x, canvas[0] - width), clamp(y, canvas[1] - height), width, height]));
}

const fits = ([left, top, width, height], canvas) =>
  left >= 0 && top >= 0 && left + width <= canvas[0] && top + height <= canvas[1];

function sharedArea(first, second) {
  const width = Math.min(first[0] + first[2], second[0] + second[2]) - Math.max(first[0], second[0]);
  const height = Math.min(first[1] + first[3], second[1] + second[3]) - Math.max(first[1], second[1]);
  return Math.max(width, 0) * Math.max(height, 0);
}
