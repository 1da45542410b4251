import html
import re

import pandas as pd
import pytest
from matplotlib.figure import Figure

from fer.report import LONG, Report, markdown_table, page, plain


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
