"""axe-core's accessibility rules on the pages of the server, in Chromium.

FER_AXE names the file axe.min.js of axe-core; without it, node_modules/axe-core/axe.min.js of this folder is used.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VIOLATIONS = """async () => (await axe.run()).violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)} (${node.failureSummary})`))"""


@pytest.fixture(scope="module")
def axe(require) -> str:
    """The source of axe-core."""
    path = Path(os.environ.get("FER_AXE") or ROOT / "node_modules/axe-core/axe.min.js")
    if not path.is_file():
        require("axe", f"{path} is missing: npm install axe-core, or FER_AXE=axe.min.js")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_rule_is_violated(width, scheme, axe, server, page, picture):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(server.address)
    page.locator("#model", has_text="bright").wait_for()
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS) == []
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture(230, 10)})
    page.wait_for_selector("#faces li")
    page.focus("#boxes button")
    assert page.evaluate(VIOLATIONS) == []
    page.evaluate("for (const id of ['access', 'error']) document.getElementById(id).hidden = false")
    page.evaluate("document.getElementById('error').textContent = 'The server does not answer.'")
    assert page.evaluate(VIOLATIONS) == []
    page.goto(f"{server.address}/docs")
    page.wait_for_selector("#paths table")
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS) == []
