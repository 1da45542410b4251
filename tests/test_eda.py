"""The report on a few faces, its figures, and what the command says to wrong options."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer import eda
from fer.config import compose_config
from fer.data.emotions import EMOTIONS
from fer.errors import UserError
from fer.plots import PALETTE, class_colors, matrix_figure
from fer.plots import data as plots

pytestmark = pytest.mark.full  # each writes a report

TINY = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=14", "data.synthetic.test=14", "near=false"]
HEADINGS = [
    "Images of each class",
    "Samples",
    "Grey levels",
    "Brightness, contrast, sharpness and noise",
    "Mean faces",
    "Image sizes as found",
    "Augmented faces",
    "Blank images",
    "Duplicates",
    "Agreement with FER+",
]


def configured(*overrides: str):
    return compose_config(["output_dir=/nowhere", *overrides], "eda")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Path, str, list[str]]:
    """Folder, text and printed lines of a report on synthetic faces."""
    folder, printed = tmp_path_factory.mktemp("eda"), io.StringIO()
    (folder / "report.md").write_text("a report that was there")
    with contextlib.redirect_stdout(printed):
        eda.eda(configured(*TINY, f"output_dir={folder}"))
    return folder, (folder / "report.md").read_text(), printed.getvalue().splitlines()


# the report


def test_the_parts_come_in_order(drawn):
    assert re.findall("^## (.*)$", drawn[1], re.MULTILINE) == HEADINGS


def test_everything_is_in_the_folder_and_no_picture_is_missing(drawn):
    folder, text, _ = drawn
    pictures = set(re.findall(r"\]\((\w+\.png)\)", text))
    always = {"counts.png", "samples.png", "grey_levels.png", "measures.png", "mean_faces.png", "augmented.png"}
    assert always <= pictures
    left = {path.name for path in folder.iterdir()}
    assert {*pictures, "report.html", "report.md", "duplicates.json", "images.csv", "counts.csv"} <= left
    assert (folder / "report.html").read_text().count("data:image/png;base64,") == len(pictures)


def test_without_faces_only_charts_are_drawn(tmp_path):
    eda.eda(configured(*TINY, f"output_dir={tmp_path}", "faces=false", "near=false"))
    assert {path.stem for path in tmp_path.glob("*.png")} == {"counts", "grey_levels", "measures"}


def test_the_first_lines_say_which_data(drawn):
    opening = drawn[1].split("## ", maxsplit=1)[0]
    for words in ("SYNTHETIC FACES", "98 faces of 7 classes", "Official split: no", "fingerprint"):
        assert words in opening


def test_the_last_line_says_what_was_written_and_what_comes_next(drawn):
    folder, _, printed = drawn
    assert printed[-1].startswith(f"wrote {folder}/: report.html, report.md, ")
    assert printed[-1].endswith("next: python -m fer.train")
    named = re.split(", |; ", printed[-1].split("/: ")[1])[:-1]
    assert sorted(named) == sorted(path.name for path in folder.iterdir())


def test_every_image_is_listed_with_its_measures(drawn):
    images = pd.read_csv(drawn[0] / "images.csv")
    assert images["split"].value_counts().to_dict() == {"train": 70, "val": 14, "test": 14}
    module = eda.load(configured(*TINY)).module
    for split, part in module.splits.items():
        rows = images[images["split"] == split]
        assert rows["id"].tolist() == part.ids.tolist()
        assert rows["class"].tolist() == [EMOTIONS[label] for label in part.labels]
        assert np.allclose(rows["brightness"], part.images.float().mean((1, 2, 3)), atol=1e-3)


def test_a_fold_is_refused(csv):
    with pytest.raises(UserError, match=r"is an option of fer\.train"):
        eda.load(configured(f"data.root={csv}", "data.fold=1/5"))


# leaks and errors


def test_leaks_are_told_with_what_to_do(csv, capsys):
    crossing = eda.count_leaks(configured(f"data.root={csv}"))
    assert crossing == {"test_in_train": 1, "test_in_train_or_val": 1, "val_in_train": 0}
    assert "data.drop_train_copies=true" in capsys.readouterr().out


def test_clean_splits_are_called_so(capsys):
    assert not any(eda.count_leaks(configured(*TINY)).values())
    assert "no exact copy crosses the splits; next: python -m fer.train" in capsys.readouterr().out


def test_copies_in_both_held_out_splits_are_not_blamed_on_training(made, tmp_path, write_csv, capsys):
    made.images[45], made.images[25] = made.images[46], made.images[46]
    csv = write_csv(tmp_path / "here" / "fer2013.csv", made)
    assert eda.count_leaks(configured(f"data.root={csv}"))["test_in_train_or_val"] == 2
    assert "validation and test share images" in capsys.readouterr().out


def test_the_exit_code_tells_leaks_and_nothing_is_written(csv, tmp_path):
    command = eda.main.__wrapped__  # without Hydra's command line
    with pytest.raises(SystemExit) as stop:
        command(configured(f"data.root={csv}", "check=true", f"output_dir={tmp_path / 'out'}"))
    assert stop.value.code == eda.LEAKS
    command(configured(*TINY, "check=true", f"output_dir={tmp_path / 'out'}"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["near=maybe"], "near=maybe: expected true or false"),
        (["check=1"], "check=1: expected true or false"),
        (["seed=-1"], "seed=-1"),
        (["augment.flip.p=2"], "augment.flip.p=2"),
        (["labels.classes=[happy]"], "labels.classes"),
    ],
)
def test_values_out_of_range_are_one_line(options, words):
    with pytest.raises(UserError, match=re.escape(words)) as error:
        eda.check(configured(*options))
    assert "\n" not in str(error.value)


def test_impossible_augmentation_fails_before_data_is_read(monkeypatch):
    monkeypatch.setattr("fer.data.datamodule.read_faces", lambda *_: pytest.fail("data was read"))
    with pytest.raises(UserError, match="rotation must be in"):
        eda.eda(configured(*TINY, "augment.affine.rotation=900"))


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written") as error:
        eda.eda(configured(*TINY, f"output_dir={tmp_path / 'file'}"))
    assert "\n" not in str(error.value)


def test_wrong_options_are_one_line_and_load_nothing_heavy():
    heavy = "{'torch', 'lightning', 'matplotlib'} & set(sys.modules)"
    watch = f"import atexit, sys, fer.eda as e; atexit.register(lambda: print({heavy}))"
    code = f"{watch}; e.config.run_command(e.main, 'eda')"
    done = subprocess.run([sys.executable, "-c", code, "near=maybe"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: near=maybe: expected true or false\n"
    assert done.stdout == "set()\n"


# the figures


def names_of(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_are_shares_and_carry_counts():
    figure = plots.counts_figure({"train": {"happy": 30, "sad": 10}, "val": {"happy": 1, "sad": 1}})
    assert [[bar.get_width() for bar in axes.patches] for axes in figure.axes] == [[75, 25], [50, 50]]
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["30", "10"]
    figure.draw_without_rendering()


def test_a_mosaic_holds_every_face_in_its_place():
    faces = np.random.default_rng(0).integers(0, 255, (2, 3, 8, 8))
    sheet = plots.mosaic(faces)
    step = 8 + plots.GAP
    for row, column in np.ndindex(2, 3):
        cell = sheet[row * step :, column * step :][:8, :8]
        assert np.array_equal(cell, faces[row, column])
    assert (sheet == 255).sum() == sheet.size - faces.size + (faces == 255).sum()


def test_smaller_faces_lie_in_the_middle():
    sheet = plots.mosaic([[np.zeros((8, 8)), np.zeros((4, 4))], [np.zeros((8, 8))]])
    second = sheet[:8, 8 + plots.GAP :]
    assert second[2:6, 2:6].sum() == 0
    assert second.sum() == 255 * (64 - 16)


def test_rows_of_faces_are_named_in_their_middle():
    figure = plots.faces_in_rows(np.zeros((3, 2, 48, 48)), ["a", "b", "c"], ["one", "two"])
    (axes,) = figure.axes
    assert names_of(axes) == ["a", "b", "c"]
    assert axes.get_yticks().tolist() == [23.5, 23.5 + 51, 23.5 + 102]
    assert axes.get_xticks().tolist() == [23.5, 23.5 + 51]
    figure.draw_without_rendering()
    box = axes.get_tightbbox()
    assert box.x0 >= 0
    assert box.y1 <= figure.bbox.y1


def test_histograms_of_grey_levels_are_shares():
    levels = np.zeros((5, 256), int)
    levels[:, 7] = [1, 2, 3, 4, 5]
    figure = plots.grey_level_figure(levels, "abcde")
    pictures = [axes.patches[0].get_data().values for axes in figure.axes[:5]]
    assert all(values.sum() == pytest.approx(100) and values[1] == 100 for values in pictures)
    figure.draw_without_rendering()


@pytest.mark.parametrize("long_tail", [False, True])
def test_measures_are_drawn_by_class(long_tail):
    values = np.random.default_rng(0).normal(10, 1, 200)
    if long_tail:
        values[:2] = 500
    classes = ["happy", "something of one's own"]
    figure = plots.measures_figure(pd.DataFrame({"noise": values}), np.arange(200) % 2, classes, {"noise": "levels"})
    left, right = figure.axes
    assert len(left.patches) == 2
    assert names_of(right) == classes
    assert (right.get_xlim()[1] < 20) or not long_tail
    figure.draw_without_rendering()


def test_measures_that_are_all_the_same_can_be_drawn():
    table = pd.DataFrame({"noise": np.zeros(20)})
    plots.measures_figure(table, np.arange(20) % 2, ["a", "b"], {"noise": "levels"}).draw_without_rendering()


def test_mean_faces_stand_above_their_deviations():
    means, deviations = np.full((3, 8, 8), 100.0), np.arange(3 * 64).reshape(3, 8, 8).astype(float)
    figure = plots.mean_faces_figure(means, deviations, ["a", "b", "c"])
    top, bottom, _ = figure.axes
    assert np.array_equal(top.images[0].get_array()[:, :8], means[0])
    assert np.array_equal(bottom.images[0].get_array()[:, :8], deviations[0])
    assert bottom.images[0].get_clim() == (0, 191)
    figure.draw_without_rendering()


def test_a_matrix_shows_shares():
    counts = pd.DataFrame([[3, 1, 0], [0, 0, 0]], index=["a", "b"], columns=["x", "y", "z"])
    figure = matrix_figure(counts, "voted", "labelled")
    assert [text.get_text() for text in figure.axes[0].texts] == ["75", "25"]
    figure.draw_without_rendering()


def test_emotions_have_their_colours_and_other_classes_get_twenty():
    assert class_colors(list(PALETTE)) == PALETTE
    others = set(class_colors([f"own {index}" for index in range(20)]).values())
    assert len(others) == 20
    assert not others & {*PALETTE.values()}


# the real data


@pytest.mark.real
@pytest.mark.slow
def test_fer2013_is_found_as_it_is_known(real_root, tmp_path):
    eda.eda(configured(f"data.root={real_root}", f"output_dir={tmp_path}", "near=false"))
    text = (tmp_path / "report.md").read_text()
    assert "35,887 faces of 7 classes, 28,709 in train, 3,589 in val, 3,589 in test" in text
    assert "happy has 7,215 training images, 16.5 times disgust's 436." in text
    assert "One grey level throughout: 12 of 35,887 images" in text
