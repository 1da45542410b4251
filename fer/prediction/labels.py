"""Finds places for the labels of boxes: inside the picture, beside the box, on no other label or face."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fer.prediction.detect import Box, shared_area

Size = tuple[int, int]
"""width, height in pixels."""
INSIDE_SHARE = 0.25
"""A label that covers at most this share of its box stands inside it rather than being shortened."""


class Place(NamedTuple):
    """Where a label stands. text: index of the chosen text; box: left, top, width, height in pixels."""

    text: int
    box: Box


def place_labels(
    boxes: Sequence[Box], texts: Sequence[Sequence[Size]], canvas: Size, taken: Sequence[Box] = ()
) -> list[Place]:
    """Returns the place of a label for each box. Labels overlap only where not even the shortest texts have room.

    texts: for each box the sizes of its texts, the longest first. canvas: size of the picture. taken: boxes that labels
    must not touch. A label stands above its box if it can, else below or beside it with the longest text that covers
    nothing, else inside it. Only where all this fails does it cover another box. If long texts leave only the shortest
    one to other boxes, all are shortened.
    """
    attempts = []
    for longest in range(max(map(len, texts), default=0)):
        places = place_each(boxes, texts, longest, canvas, taken)
        attempts.append(places)
        if count_shortest(places, texts) == 0:
            break
    return min(attempts, key=lambda places: count_shortest(places, texts), default=[])


def count_shortest(places: Sequence[Place], texts: Sequence[Sequence[Size]]) -> int:
    """Returns the number of labels with the shortest text."""
    return sum(place.text == len(sizes) - 1 for place, sizes in zip(places, texts, strict=True))


def place_each(
    boxes: Sequence[Box], texts: Sequence[Sequence[Size]], longest: int, canvas: Size, taken: Sequence[Box]
) -> list[Place]:
    """Returns the places of the labels, chosen one after another, from the texts numbered `longest` and above.

    Where a box has fewer texts, its shortest one is left.
    """
    taken, places = list(taken), []
    for index, (box, sizes) in enumerate(zip(boxes, texts, strict=True)):
        others = [*boxes[:index], *boxes[index + 1 :]]
        choices = [*enumerate(sizes)][min(longest, len(sizes) - 1) :]
        place = (
            free_place(box, choices, canvas, taken, others)
            or free_place(box, choices, canvas, taken, [])
            or least_covered(box, choices[-1], canvas, taken)
        )
        places.append(place)
        taken.append(place.box)
    return places


def free_place(
    box: Box, texts: Sequence[tuple[int, Size]], canvas: Size, labels: Sequence[Box], others: Sequence[Box]
) -> Place | None:
    """Returns the first place on no label and no other box, or None."""
    for place in candidates(box, texts, canvas):
        if fits(place.box, canvas) and not any(shared_area(place.box, other) for other in (*labels, *others)):
            return place
    return None


def candidates(box: Box, texts: Sequence[tuple[int, Size]], canvas: Size) -> Iterator[Place]:
    """Yields the places to try, the best first."""
    for text, size in texts:
        yield from (Place(text, place) for place in outside(box, size))
        if size[0] * size[1] <= INSIDE_SHARE * box[2] * box[3]:
            yield from (Place(text, place) for place in inside(box, size, canvas))
    for text, size in reversed(texts):
        yield from (Place(text, place) for place in inside(box, size, canvas))


def least_covered(box: Box, text: tuple[int, Size], canvas: Size, labels: Sequence[Box]) -> Place:
    """Returns the place of a text inside the box that covers least of other labels."""
    places = list(inside(box, text[1], canvas))
    areas = [sum(shared_area(place, label) for label in labels) for place in places]
    return Place(text[0], places[areas.index(min(areas))])


def outside(box: Box, size: Size) -> Iterator[Box]:
    """Yields the places of a label that touches the box from outside: above, below, right, left."""
    (left, top, box_width, box_height), (width, height) = box, size
    right, bottom = left + box_width, top + box_height
    for y in (top - height, bottom):
        for x in (left, right - width, left + (box_width - width) // 2):
            yield x, y, width, height
    for x in (right, left - width):
        for y in (top, bottom - height):
            yield x, y, width, height


def inside(box: Box, size: Size, canvas: Size) -> Iterator[Box]:
    """Yields the places of a label in the corners of the box, moved into the picture."""
    (left, top, box_width, box_height), (width, height) = box, size
    for y in (top, top + box_height - height):
        for x in (left, left + box_width - width):
            yield clamp(x, canvas[0] - width), clamp(y, canvas[1] - height), width, height


def clamp(value: int, largest: int) -> int:
    return max(0, min(value, largest))


def fits(box: Box, canvas: Size) -> bool:
    left, top, width, height = box
    return left >= 0 and top >= 0 and left + width <= canvas[0] and top + height <= canvas[1]
