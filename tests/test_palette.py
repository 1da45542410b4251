import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from fer.data.emotions import WITH_CONTEMPT
from fer.palette import OTHERS, PALETTE, UNSURE_COLOR, class_colors, contrast, text_color

BLACK, WHITE = "#000000", "#ffffff"


def test_contrast_is_that_of_wcag():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast("#777777", WHITE) == contrast(WHITE, "#777777") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("color", [*PALETTE.values(), *OTHERS, UNSURE_COLOR, "#767676", "#ff0000", "#00ff00"])
def test_text_on_every_colour_is_legible(color):
    assert contrast(color, {"black": BLACK, "white": WHITE}[text_color(color)]) >= 4.5


def test_every_emotion_has_its_colour_and_other_classes_get_twenty():
    assert class_colors(WITH_CONTEMPT) == {name: PALETTE[name] for name in WITH_CONTEMPT}
    others = class_colors([f"own {index}" for index in range(21)])
    assert len(set(others.values())) == 20
    assert set(others.values()) == {to_hex(color) for color in colormaps["tab20b"].colors}
    assert others["own 0"] == others["own 20"]
