"""What can be seen on annotated pictures, whatever their size."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fer.data.emotions import EMOTIONS
from fer.palette import PALETTE, UNSURE_COLOR, contrast
from fer.prediction import draw
from fer.prediction.predictor import UNSURE, Face

WHITE, BLACK = "#ffffff", "#000000"
SIZES = [(300, 300), (640, 480), (1200, 800), (6000, 4000)]


def face(box, label="happy", number=1, best=0.9) -> Face:
    others = [name for name in EMOTIONS if name != label]
    probabilities = dict.fromkeys(EMOTIONS, (1 - best) / 6) | {label if label != UNSURE else others[0]: best}
    return Face(box, (0, 0, 1, 1), label, probabilities, np.zeros((48, 48), np.uint8), number=number)


def rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[start : start + 2], 16) for start in (1, 3, 5))


class Recorder(ImageDraw.ImageDraw):
    """Remembers every text with the box of its ink and the colour behind it."""

    def text(self, xy, text, fill=None, font=None):
        background = self._image.getpixel((int(xy[0]), int(xy[1]) + 1))
        RECORDED.append(
            (text, self.textbbox(xy, text, font=font), fill, "#{:02x}{:02x}{:02x}".format(*background), font)
        )
        super().text(xy, text, fill=fill, font=font)


RECORDED: list[tuple] = []


@pytest.fixture
def texts(monkeypatch):
    RECORDED.clear()
    monkeypatch.setattr(draw.ImageDraw, "Draw", Recorder)
    return RECORDED


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)])
def test_text_is_inside_the_picture_and_a_fortieth_of_its_shorter_side(size, corner, texts):
    side = min(size) // 5
    left, top = (round(share * (length - side)) for share, length in zip(corner, size, strict=True))
    draw.annotate(Image.new("RGB", size, "gray"), [face((left, top, side, side))], note="12.5 frames/s")
    assert [text for text, *_ in texts] == ["1: happy 90 %", "12.5 frames/s"]
    for _, (x0, y0, x1, y1), *_, font in texts:
        assert 0 <= x0 < x1 <= size[0]
        assert 0 <= y0 < y1 <= size[1]
        assert font.size == max(13, min(size) // 40)


@pytest.mark.parametrize("label", [*EMOTIONS, UNSURE])
def test_text_has_a_contrast_of_four_and_a_half(label, texts):
    draw.annotate(Image.new("RGB", (400, 300), "gray"), [face((100, 100, 80, 80), label)])
    [(_, _, ink, background, _)] = texts
    assert background == PALETTE.get(label, UNSURE_COLOR)
    assert contrast(background, {"white": WHITE, "black": BLACK}[ink]) >= 4.5


@pytest.mark.parametrize(("side", "text"), [(24, "1"), (48, "1: happy"), (64, "1: happy"), (150, "1: happy 90 %")])
def test_a_cropped_face_gets_the_text_that_has_room(side, text, texts):
    draw.annotate(Image.new("RGB", (side, side)), [face((0, 0, side, side))])
    assert texts[0][0] == text
    assert texts[0][1][2] <= side


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (5, 5)])
def test_the_smallest_pictures_can_be_annotated(size):
    assert draw.annotate(Image.new("RGB", size), [face((0, 0, *size))], "note").size == size


def test_each_face_shows_its_own_number(texts):
    faces = [face((20 + 100 * place, 100, 60, 60), number=number) for place, number in enumerate((3, 7, 12))]
    draw.annotate(Image.new("RGB", (400, 300)), faces)
    assert [text.split(":")[0] for text, *_ in texts] == ["3", "7", "12"]


def test_an_unsure_face_names_its_best_guess_and_has_dashes(texts):
    picture = draw.annotate(Image.new("RGB", (400, 300)), [face((100, 100, 80, 80), UNSURE, best=0.4)])
    assert texts[0][0] == f"1: unsure ({EMOTIONS[0]} 40 %, {EMOTIONS[1]} 10 %)"
    edge = {picture.getpixel((x, 179)) for x in range(100, 180)}
    assert rgb(UNSURE_COLOR) in edge
    assert len(edge) > 1
    sure = draw.annotate(Image.new("RGB", (400, 300)), [face((100, 100, 80, 80))])
    assert {sure.getpixel((x, 179)) for x in range(100, 180)} == {rgb(PALETTE["happy"])}


def test_lines_and_labels_do_not_touch_the_original():
    picture = Image.new("RGB", (400, 300))
    draw.annotate(picture, [face((100, 100, 80, 80))], "note")
    assert picture.getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("background", ["white", "black", "gray", PALETTE["happy"]])
def test_a_box_shows_on_any_background(background):
    before = Image.new("RGB", (400, 300), background)
    after = draw.annotate(before, [face((100, 100, 80, 80))])
    column = np.asarray(after)[140, 95:110].astype(int) - np.asarray(before)[140, 95:110]
    assert np.abs(column).sum(axis=1).max() > 60
