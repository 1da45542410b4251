"""The page in real headless Chromium, with a film in place of the camera."""

import json
import re
from urllib.parse import urlsplit

import numpy as np
import pytest

from fer.palette import OTHERS

pytestmark = pytest.mark.full  # a browser

TOKEN = "a-token-of-32-letters-0123456789"


def file(picture: bytes, name: str = "photo.png") -> dict:
    return {"name": name, "mimeType": "image/png", "buffer": picture}


def cards(page) -> list[str]:
    from playwright.sync_api import TimeoutError

    try:
        page.wait_for_selector("#faces li")
    except TimeoutError:
        pytest.fail(f"no faces; {page.inner_text('#status')!r}, {page.inner_text('#error')!r}, {page.asked}")
    return page.locator("#faces h3").all_text_contents()


def until(page, selector: str, text: str) -> None:
    """Waits; the page's own policy forbids what page.wait_for_function does."""
    page.locator(selector, has_text=text).first.wait_for(state="attached")


def drop(page, name: str, bytes_: str) -> None:
    """Drops a file of these bytes, an expression of JavaScript."""
    page.evaluate(f"""() => {{ const data = new DataTransfer();
        data.items.add(new File([new Uint8Array({bytes_})], '{name}', {{type: 'image/png'}}));
        document.body.dispatchEvent(new DragEvent('drop', {{dataTransfer: data, bubbles: true}})); }}""")


def error(page) -> str:
    page.wait_for_selector("#error:not([hidden])")
    return page.inner_text("#error")


def test_a_chosen_photo_is_answered_with_boxes_bars_crop_and_time(server, page, picture):
    page.goto(server.address)
    page.set_input_files("#file", file(picture(230, 10)))
    assert cards(page) == ["Face 1: bright 90 %", "Face 2: dark 96 %"]
    for part in ("#status", "#summary"):
        assert page.inner_text(part) == "2 faces: 1 bright, 1 dark."
    first = page.locator("#faces li").first
    assert first.locator("dt").all_inner_texts() == ["dark", "bright"]
    assert first.locator(".share").all_inner_texts() == ["10 %", "90 %"]
    widths = [one.bounding_box()["width"] for one in first.locator(".bar, .bar span").all()]
    assert widths[3] / widths[2] == pytest.approx(0.9, abs=0.02)
    assert page.evaluate("document.querySelector('#faces img').naturalWidth") == 48
    assert re.fullmatch(r"\d+ ms on the server, \d+ ms in all", page.inner_text("#latency"))


def test_the_box_stands_around_the_face_in_the_colour_of_its_class(server, page, picture):
    page.goto(server.address)
    page.set_input_files("#file", file(picture(230)))
    cards(page)
    read_pixel = """([x, y]) => { const canvas = document.getElementById('picture');
        const place = [x * canvas.width / 160, y * canvas.height / 120].map(Math.round);
        return [...canvas.getContext('2d').getImageData(...place, 1, 1).data]; }"""
    color = [*bytes.fromhex(OTHERS[1][1:]), 255]  # of the second class
    for point in ((10.5, 60), (69.5, 60), (40, 89.5)):  # left, right, bottom edge of the square at 10, 30
        assert page.evaluate(read_pixel, point) == pytest.approx(color, abs=3)
    assert page.evaluate(read_pixel, (100, 60)) == pytest.approx([128, 128, 128, 255], abs=3)


def test_a_dropped_photo_is_answered(server, page, picture):
    page.goto(server.address)
    drop(page, "a.png", str(list(picture(10))))
    assert cards(page) == ["Face 1: dark 96 %"]


def test_the_camera_is_watched_until_it_is_stopped(server, page):
    page.goto(server.address)
    page.click("#camera")
    cards(page)
    until(page, "#faces h3", "bright")
    until(page, "#faces h3", "dark")
    assert re.match(r"\d+\.\d frames/s, ", page.inner_text("#latency"))
    assert page.inner_text("#camera") == "Stop camera"
    page.click("#camera")
    assert page.inner_text("#status") == "The camera is off."
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_what_is_no_picture_is_said(server, page):
    page.goto(server.address)
    page.set_input_files("#file", file(b"hello", "letter.png"))
    assert error(page) == "letter.png: not a picture of a known kind."
    assert page.get_attribute("#error", "role") == "alert"


def test_a_photo_may_be_chosen_before_the_model_is_known(server, page, picture):
    waiting = []

    def hold(route):  # playwright sets attributes of the function
        waiting.append(route)

    page.route("**/v1/model", hold)
    page.goto(server.address)
    page.set_input_files("#file", file(picture(230)))
    until(page, "#status", "Recognising photo.png")
    page.wait_for_timeout(300)
    for route in waiting:
        route.continue_()
    assert cards(page) == ["Face 1: bright 90 %"]
    assert len(waiting) == 1


def test_an_error_goes_when_the_next_photo_is_good(server, page, picture):
    page.goto(server.address)
    page.set_input_files("#file", file(b"hello"))
    error(page)
    page.set_input_files("#file", file(picture(230)))
    cards(page)
    assert page.locator("#error").is_hidden()


def test_a_file_that_is_too_large_is_not_even_sent(server, page):
    page.goto(server.address)
    until(page, "#model", "bright")
    drop(page, "large.png", "17 * 2 ** 20")
    assert error(page) == "large.png has 17.0 MiB, more than the limit of 16 MiB."
    assert not any("predict" in url for url in page.asked)


def test_a_server_that_is_gone_is_said(server, page, picture):
    page.goto(server.address)
    page.context.set_offline(True)
    page.set_input_files("#file", file(picture(230)))
    assert error(page) == "The server does not answer. Is it still running?"


def test_a_picture_without_a_face_says_so(server, page, picture):
    page.goto(server.address)
    page.set_input_files("#file", file(picture()))
    page.wait_for_selector("#picture")
    assert page.inner_text("#status") == "No face found."


def test_the_token_is_asked_for_and_what_was_wanted_done(serve, page, picture):
    page.goto(serve(token=TOKEN).address)
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    assert error(page) == "The token is wrong."
    page.fill("#token", TOKEN)
    page.keyboard.press("Enter")
    until(page, "#model", "bright")
    page.set_input_files("#file", file(picture(230)))
    assert cards(page) == ["Face 1: bright 90 %"]
    page.click("#camera")
    until(page, "#latency", "frames/s")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(server, page):
    page.goto(server.address)
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')"))
    assert seen == ["file", "camera", "sample", "docs"]
    page.focus("#camera")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.querySelector('.button')).outlineStyle") == "solid"


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (element) => {
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour.length === 3 || colour[3] > 0 ? colour : ground(element.parentElement);
  };
  const texts = [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility() &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.map((element) => {
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.trim().slice(0, 30)];
  });
}"""
"""Of every visible text: the ratio of WCAG 2 between it and its ground, and its beginning."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(server, page, picture, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(server.address)
    page.set_input_files("#file", file(picture(230)))
    cards(page)
    page.evaluate("document.getElementById('error').hidden = false; document.getElementById('error').textContent = 'x'")
    measured = page.evaluate(CONTRAST)
    assert len(measured) > 10
    assert not [each for each in measured if each[0] < 4.5]


def test_dark_is_dark(server, page):
    grounds = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(server.address)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds[scheme] = np.mean([int(value) for value in re.findall(r"\d+", colour)])
    assert grounds["dark"] < 60
    assert grounds["light"] > 200


def test_a_phone_needs_no_sideways_scrolling(server, page, picture):
    page.set_viewport_size({"width": 320, "height": 640})
    for path in ("/", "/docs"):
        page.goto(server.address + path)
        if path == "/":
            page.set_input_files("#file", file(picture(230, 10)))
            cards(page)
        else:
            page.wait_for_selector("#paths table")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_every_control_and_picture_has_a_name(server, page, picture):
    page.goto(server.address)
    page.set_input_files("#file", file(picture(230)))
    cards(page)
    tree = page.locator("body").aria_snapshot()
    for part in (
        'button "Choose a photo"',
        'button "Start camera"',
        'img "1 face: bright."',
        'button "Face 1: bright 90 %"',
    ):
        assert part in tree
    assert "img\n" not in tree  # no picture without words
    assert 'img "Face 1 in 48 by 48 grey pixels"' in tree


def test_docs_show_every_way_in(server, page):
    page.goto(f"{server.address}/docs")
    page.wait_for_selector("#paths table")
    heads = page.locator("#paths h2").all_inner_texts()
    assert heads[:4] == ["POST /v1/predict", "GET /v1/model", "GET /healthz", "GET /metrics"]
    assert "Answer" in heads


def test_nothing_is_asked_of_anyone_else(server, page, picture):
    page.goto(server.address)
    page.set_input_files("#file", file(picture(230)))
    cards(page)
    page.click("#camera")
    until(page, "#latency", "frames/s")
    page.goto(f"{server.address}/docs")
    page.wait_for_selector("#paths table")
    hosts = {urlsplit(url).netloc for url in page.asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")}
    assert hosts == {urlsplit(server.address).netloc}
    assert any(url.startswith("ws:") for url in page.asked)


def test_ids_are_given_once(server):
    html = server("/").body.decode()
    ids = re.findall(r'id="(\w+)"', html)
    assert len(ids) == len(set(ids))
    assert json.dumps(sorted(re.findall(r'for="(\w+)"', html))) == '["file", "token"]'
