import html
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fer.report import Report, markdown_table, plain
from fer.report_page import LONG, page


@pytest.fixture
def report() -> Report:
    report = Report("Faces of <b>")
    report.heading("Counts")
    report.text("Training has **most**.")
    report.table(pd.DataFrame({"class": ["happy", "sad|*x*"], "n": [3, 4]}), "counts")
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1])
    report.figure(figure, "bars", "bars, one a class")
    return report


def test_numbers_of_a_column_are_written_alike():
    table = pd.DataFrame({"n": [3995, 7], "share": [1.0, 0.65], "rate": [1e-07, 1.0], "gap": [float("nan"), 12345.5]})
    *_, first, second = markdown_table(table).splitlines()
    assert first == "| 3,995 | 1.00 | 1e-07 | nan |"
    assert second == "| 7 | 0.65 | 1.0 | 12,345.5 |"


def test_everything_is_written_and_named(report, tmp_path):
    names = report.write(tmp_path / "out")
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert {"report.html", "report.md", "counts.csv", "bars.png"} == set(names)
    assert pd.read_csv(tmp_path / "out" / "counts.csv")["n"].tolist() == [3, 4]


def test_the_page_needs_no_other_file_and_no_network(report, tmp_path):
    report.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 1
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in page


def test_a_report_without_faces_draws_none_and_says_so(tmp_path):
    def draw():
        raise AssertionError("drawn")

    report = Report("a", with_faces=False)
    report.faces(draw, "samples", "a row a class")
    assert report.write(tmp_path) == ["report.html", "report.md"]
    assert "Left out because it shows faces of the data: a row a class" in (tmp_path / "report.md").read_text()


def test_the_page_says_what_the_text_says(report, tmp_path):
    report.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert '<h2 id="counts">Counts</h2>' in page
    assert "<strong>most</strong>" in page
    assert "<td>sad|*x*</td>" in page
    assert 'alt="bars, one a class"' in page
    assert "<b>" not in page


@pytest.mark.parametrize(("headings", "links"), [(LONG - 1, 0), (LONG, LONG)])
def test_a_long_page_starts_with_links_to_its_headings(headings, links, tmp_path):
    report = Report("Many parts")
    report.text("A summary.")
    for number in range(headings):
        report.heading(f"Part {number}, with *emphasis*")
    text = page(report.title, report.markdown, tmp_path)
    targets = re.findall(r'href="#([^"]+)"', text)
    assert len(targets) == links
    assert targets == re.findall(r'<h2 id="([^"]+)"', text)[:links]
    assert text.index("A summary.") < text.find("<nav") or not links


def test_a_wide_table_scrolls_in_a_box_that_the_keyboard_reaches(report, tmp_path):
    report.write(tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert text.count("<table>") == text.count('tabindex="0"><table>') == text.count("</table></div>") == 1


def test_an_interval_and_its_value_break_nowhere_else(tmp_path):
    table = pd.DataFrame({"accuracy": ["64.4 % (62.8–65.9)", "–"], "gain": ["+1.20 (+0.31 to +2.10)", "0.1"]})
    cells = re.findall(r"<td [^>]*>(.*?)</td>", page("t", markdown_table(table), tmp_path))
    assert cells[0] == "<span>64.4 %</span> <span>(62.8–65.9)</span>"
    assert cells[1] == "<span>+1.20</span> <span>(+0.31 to +2.10)</span>"
    assert cells[2:] == ["–", "0.1"]


@pytest.fixture(scope="module")
def browser(require):
    """Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engines:
        path = shutil.which("chromium") or engines.chromium.executable_path
        if not os.path.exists(path):
            require("chromium", "Chromium is not installed (Debian: apt-get install chromium)")
        browser = engines.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_page(browser, report, width, tmp_path):
    estimates = {"subset": "all images", "images": "3,589", "accuracy": "70.9 % (69.4–72.4)"}
    report.table(pd.DataFrame([estimates | {"balanced": "68.9 % (66.4–70.4)", "macro F1": "68.1 % (66.4–70.0)"}]))
    report.table(pd.DataFrame([{f"column {n}": "a_name_without_a_break" for n in range(12)}]))
    report.text("`python -m fer.evaluate " + "a_long_folder/" * 20 + "`")
    report.write(tmp_path)
    view = browser.new_page(viewport={"width": width, "height": 800})
    messages = []
    view.on("console", lambda message: messages.append(message.text))
    view.goto((tmp_path / "report.html").as_uri())
    assert view.evaluate("document.documentElement.scrollWidth") == width
    boxes = view.evaluate("[...document.querySelectorAll('.table')].map(box => [box.scrollWidth, box.clientWidth])")
    assert [inner > outer for inner, outer in boxes] == [False, False, True]
    assert messages == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scrolls"), [(390, [False, True]), (1280, [False, False])])
def test_a_wide_picture_stays_legible_on_a_phone(browser, width, scrolls, tmp_path):
    Image.new("L", (600, 500)).save(tmp_path / "square.png")
    Image.new("L", (1400, 500)).save(tmp_path / "wide.png")
    text = "![a square](square.png)\n\n![a wide one](wide.png)\n"
    (tmp_path / "a.html").write_text(page("t", text, tmp_path), encoding="utf-8")
    view = browser.new_page(viewport={"width": width, "height": 800})
    view.goto((tmp_path / "a.html").as_uri())
    assert view.evaluate("document.documentElement.scrollWidth") == width
    boxes = view.evaluate("[...document.querySelectorAll('img')].map(i => [i.width, i.parentElement.clientWidth])")
    assert [picture > box for picture, box in boxes] == scrolls


@pytest.mark.slow
def test_a_table_is_sorted_by_its_headings_with_mouse_and_keyboard(browser, tmp_path):
    cells = {"run": ["b", "a10", "a9"], "accuracy": ["9.5 ± 0.1", "–", "57.9 ± 0.9"], "p": ["0.5", "< 0.0001", "0.02"]}
    (tmp_path / "a.html").write_text(page("t", markdown_table(pd.DataFrame(cells)), tmp_path), encoding="utf-8")
    view = browser.new_page()
    view.goto((tmp_path / "a.html").as_uri())

    def column(number: int) -> list[str]:
        return view.locator(f"tbody td:nth-child({number})").all_text_contents()

    view.get_by_role("button", name="accuracy").click()
    assert column(2) == ["57.9 ± 0.9", "9.5 ± 0.1", "–"]
    view.get_by_role("button", name="accuracy").press("Enter")
    assert column(2) == ["9.5 ± 0.1", "57.9 ± 0.9", "–"]
    assert view.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    view.get_by_role("button", name="p", exact=True).press("Space")
    assert column(3) == ["0.5", "0.02", "< 0.0001"]
    view.get_by_role("button", name="run").click()
    assert column(1) == ["b", "a10", "a9"]
    assert view.locator("th[aria-sort]").all_text_contents() == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_rule_of_accessibility_is_violated(browser, report, width, scheme, tmp_path, require):
    path = Path(os.environ.get("FER_AXE") or Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js")
    if not path.is_file():
        require("axe", f"{path} is missing: npm install axe-core, or FER_AXE=axe.min.js")
    report.table(pd.DataFrame({"run": ["a", "b", "c"], "accuracy": [1, 2, 3]}))
    report.text(
        '```\npython -m fer.train\n```\n\n<details markdown="1"><summary>All</summary>\n\n[a](#counts)\n\n</details>'
    )
    report.write(tmp_path)
    view = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    view.goto((tmp_path / "report.html").as_uri())
    view.get_by_role("button", name="accuracy").click()
    view.evaluate(path.read_text(encoding="utf-8"))
    assert view.evaluate("async () => (await axe.run()).violations.map(rule => [rule.id, rule.nodes[0].html])") == []


@pytest.mark.parametrize("text", ["a|b", "*x*", "`x`", "[a](b)", "<script>", "a & b", "\\|", "x\ny"])
def test_plain_text_stays_what_it_is(text, tmp_path):
    shown = page("t", f"start {plain(text)} end", tmp_path).split("<main>")[1]
    assert f"<p>start {' '.join(text.split())} end</p>" in html.unescape(shown)


def test_a_markdown_table_has_a_row_a_row():
    assert markdown_table(pd.DataFrame({"a": [1], "b": ["x|y"]})).splitlines() == [
        "| a | b |",
        "| ---: | --- |",
        r"| 1 | x\|y |",
    ]


@pytest.mark.parametrize(
    ("cells", "alignment"),
    [
        (["64.4 % (62.8–65.9)", "–"], "---:"),
        (["< 0.0001", "0.0312"], "---:"),
        (["+1.20 (+0.31 to +2.10)"], "---:"),
        ([1.5, float("nan")], "---:"),
        (["1,234", "happy"], "---"),
        (["48×48"], "---"),
        (["–"], "---"),
    ],
)
def test_columns_of_numbers_are_right_aligned(cells, alignment):
    assert markdown_table(pd.DataFrame({"a": cells})).splitlines()[1] == f"| {alignment} |"
