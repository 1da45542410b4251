"""Boxes and cards of the page in Chromium: numbers, colours, what lights up together, what is saved."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.palette import OTHERS, PALETTE, UNSURE_COLOR, class_colors, text_color
from fer.prediction.labels import place_labels

pytestmark = pytest.mark.full  # a browser

WIDE, PHONE = {"width": 1280, "height": 700}, {"width": 390, "height": 700}


def show(page, server, content: bytes, name: str = "my photo.png") -> None:
    """Opens the page with the answer to a picture."""
    page.goto(server.address)
    page.locator("#model", has_text="bright").wait_for()
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
    page.wait_for_selector("#save:not([hidden])")


def lit(page) -> list[list[str]]:
    """The numbers of the boxes and of the cards that light up."""
    classes = ("#boxes > .lit", "#faces > .lit")
    return [page.locator(part).evaluate_all("all => all.map((one) => one.dataset.face)") for part in classes]


def test_hover_and_focus_light_up_box_and_card_together(server, page, picture):
    show(page, server, picture(230, 10))
    assert lit(page) == [[], []]
    page.hover("#boxes [data-face='2']")
    assert lit(page) == [["2"], ["2"]]
    page.hover("#faces [data-face='1'] h3")
    assert lit(page) == [["1"], ["1"]]
    page.hover("h1")
    assert lit(page) == [[], []]
    page.focus("#camera")
    for expected in ("1", "2"):
        page.keyboard.press("Tab")
        assert lit(page) == [[expected], [expected]]


def test_the_summary_says_where_only_the_largest_faces_are_answered(server, page):
    page.goto(server.address)
    read = """most => import('./faces.js').then(({summary}) => summary([{label: 'sad'}, {label: 'sad'}], most))"""
    assert page.evaluate(read, 32) == "2 faces: 2 sad."
    assert page.evaluate(read, 2) == "The 2 largest faces: 2 sad."


def test_a_box_lies_over_its_face(server, page, picture):
    show(page, server, picture(230, 10))
    frame = page.locator("#frame").bounding_box()
    for number, left in ((1, 10), (2, 90)):
        box = page.locator(f"#boxes [data-face='{number}']").bounding_box()
        scale = frame["width"] / 160
        assert (box["x"] - frame["x"], box["width"]) == pytest.approx((left * scale, 60 * scale), abs=1)
        assert (box["y"] - frame["y"], box["height"]) == pytest.approx((30 * scale, 60 * scale), abs=1)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["1280", "390"])
def test_the_picture_stays_in_sight_beside_the_last_card(size, server, page, picture):
    page.set_viewport_size(size | {"height": 560})
    show(page, server, picture(230, 10))
    page.keyboard.press("End")
    page.wait_for_timeout(300)
    page.locator("#faces > :last-child .share").last.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 50
    frame = page.locator("#frame").bounding_box()
    assert frame["y"] >= 0
    assert frame["y"] + frame["height"] <= 560


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["1280", "390"])
def test_a_click_on_a_box_brings_its_card_into_sight(size, server, page, picture):
    page.set_viewport_size(size | {"height": 420})
    show(page, server, picture(230, 10))
    page.focus("#boxes [data-face='2']")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    card, stage = page.locator("#faces [data-face='2'] h3").bounding_box(), page.locator("#stage").bounding_box()
    assert 0 <= card["y"] < 420
    if size == PHONE:
        assert card["y"] >= stage["y"] + stage["height"]


def test_bars_of_all_cards_start_at_one_place(server, page, picture):
    show(page, server, picture(230, 10))
    assert len({bar.bounding_box()["x"] for bar in page.locator(".bar").all()}) == 1


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["1280", "390"])
def test_nothing_scrolls_sideways_and_the_console_is_silent(size, server, page, picture):
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_viewport_size(size)
    show(page, server, picture(230, 10))
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.click("#camera")
    page.locator("#latency", has_text="frames/s").wait_for()
    page.click("#camera")
    page.goto(f"{server.address}/docs")
    page.wait_for_selector("#paths table")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert said == []


def test_a_phone_says_choose_and_a_desktop_drop(server, driven, page):
    page.goto(server.address)
    assert page.inner_text("#hint p:visible") == "Drop, paste or choose a photo."
    context = driven.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    phone = context.new_page()
    phone.goto(server.address)
    assert phone.inner_text("#hint p:visible") == "Choose a photo or start the camera."
    context.close()


def test_the_empty_page_offers_drawn_faces(server, page):
    page.goto(server.address)
    page.click("#sample")
    page.wait_for_selector("#faces li")
    assert page.locator("#sample").is_hidden()
    assert Image.open(io.BytesIO(server("/sample.jpg").body)).size[0] > 800


def test_the_annotated_picture_and_the_answer_can_be_saved(server, page, picture, tmp_path):
    show(page, server, picture(230, 10))
    with page.expect_download() as waiting:
        page.click("#save-picture")
    assert waiting.value.suggested_filename == "my photo-annotated.png"
    waiting.value.save_as(tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert pixels.shape == (120, 160, 3)
    assert pixels[60, 10].tolist() == pytest.approx([*bytes.fromhex(OTHERS[1][1:])], abs=3)
    with page.expect_download() as waiting:
        page.click("#save-json")
    assert waiting.value.suggested_filename == "my photo.json"
    waiting.value.save_as(tmp_path / "a.json")
    [saved] = json.loads(Path(tmp_path / "a.json").read_text())
    [answer] = server.post(("my photo.png", picture(230, 10))).json["pictures"]
    assert saved == answer


def test_camera_figures_agree_and_numbers_stay_in_a_loop_of_frames(server, page):
    page.goto(server.address)
    page.click("#camera")
    page.wait_for_selector("#faces li")
    read = """() => [document.getElementById('summary').textContent,
        ...[...document.querySelectorAll('#faces li')].map((card) => card.querySelector('h3').textContent)]"""
    labels = set()
    for _ in range(60):  # the film of two scenes starts again every two seconds
        summary, *cards = page.evaluate(read)
        if cards:
            [card] = cards
            number, label = re.fullmatch(r"Face (\d+): (\w+) \d+ %", card).groups()
            assert number == "1"
            assert summary == f"1 face: {label}."
            labels.add(label)
        page.wait_for_timeout(100)
    assert labels == {"bright", "dark"}


def test_labels_stand_where_those_of_annotated_pictures_do(server, page):
    page.goto(server.address)
    rng = np.random.default_rng(0)
    for count in (1, 5, 30, 80):
        boxes = [[int(rng.integers(0, 900)), int(rng.integers(0, 700)), 80, 80] for _ in range(count)]
        sizes = [[[int(rng.integers(90, 160)), 26], [int(rng.integers(40, 90)), 26], [24, 26]] for _ in range(count)]
        arguments = [boxes, sizes, [1000, 800], [[0, 0, 120, 26]]]
        read = "async (given) => (await import('/labels.js')).placeLabels(...given).map((one) => [one.text, one.box])"
        expected = place_labels(*arguments)
        assert page.evaluate(read, arguments) == [[place.text, list(place.box)] for place in expected]


def test_text_is_black_or_white_as_on_annotated_pictures(server, page):
    page.goto(server.address)
    colors = [*PALETTE.values(), *OTHERS, UNSURE_COLOR]
    read = "async (colors) => { const { textColor } = await import('/draw.js'); return colors.map(textColor); }"
    assert page.evaluate(read, colors) == [text_color(color) for color in colors]


def test_colours_come_from_the_palette(server):
    assert server("/v1/model").json["colors"] == class_colors(["dark", "bright"])
