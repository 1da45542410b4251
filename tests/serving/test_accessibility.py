"""axe-core's accessibility rules on the pages of the server, in Chromium."""

import pytest

pytestmark = pytest.mark.full  # a browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_rule_is_violated(width, scheme, violations, server, page, picture):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(server.address)
    page.locator("#model", has_text="bright").wait_for()
    assert violations(page) == []
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture(230, 10)})
    page.wait_for_selector("#faces li")
    page.focus("#boxes button")
    assert violations(page) == []
    page.evaluate("for (const id of ['access', 'error']) document.getElementById(id).hidden = false")
    page.evaluate("document.getElementById('error').textContent = 'The server does not answer.'")
    assert violations(page) == []
    page.goto(f"{server.address}/docs")
    page.wait_for_selector("#paths table")
    assert violations(page) == []
