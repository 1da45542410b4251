"""The report on a few faces, its figures, and what the command says to wrong options."""

import contextlib
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer import eda
from fer.config import compose_config
from fer.data.emotions import EMOTIONS, USAGES
from fer.data.ferplus import CLASSES
from fer.errors import UserError
from fer.exploration import duplicates, image_statistics, overview, samples, suspicious_labels, votes
from fer.plots import PALETTE, class_colors, matrix_figure
from fer.plots import data as plots
from fer.report import Report

TINY = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=14", "data.synthetic.test=14", "near=false"]
COLUMNS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
VOTED = dict(
    zip(CLASSES, ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt"), strict=True)
)
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


def part(section, *overrides: str) -> Report:
    """One part of the report, unwritten."""
    report = Report("a part")
    section(report, eda.load(configured(*overrides)))
    return report


def text_of(report: Report) -> str:
    return "\n\n".join(report.blocks)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Path, str, list[str]]:
    """Folder, text and printed lines of a report on synthetic faces."""
    folder, printed = tmp_path_factory.mktemp("eda"), io.StringIO()
    (folder / "report.md").write_text("a report that was there")
    with contextlib.redirect_stdout(printed):
        eda.eda(configured(*TINY, f"output_dir={folder}"))
    return folder, (folder / "report.md").read_text(), printed.getvalue().splitlines()


@pytest.fixture
def made(make_faces):
    """FER2013 in small: 8 happy and 2 images of every other class in each split, one blank, one copy across splits."""
    labels = np.tile([*range(7), *range(7), *[3] * 6], 3)
    faces = make_faces(labels, usage=np.repeat([0, 1, 2], 20))
    faces.images[4] = 0
    faces.images[45] = faces.images[5]
    return faces


@pytest.fixture
def csv(made, tmp_path, write_csv) -> Path:
    return write_csv(tmp_path / "here" / "fer2013.csv", made)


def write_votes(path: Path, faces, answers) -> None:
    """Ten votes for the answer to each face."""
    lines = [",".join(["Usage", "Image name", *COLUMNS])]
    for row, (usage, answer) in enumerate(zip(faces.usage, answers, strict=True)):
        counts = ["10" if column == VOTED.get(answer, answer) else "0" for column in COLUMNS]
        lines.append(",".join([USAGES[usage], f"fer{row:07}.png", *counts]))
    path.write_text("\n".join(lines) + "\n")


# the report


def test_the_parts_come_in_order(drawn):
    assert re.findall("^## (.*)$", drawn[1], re.MULTILINE) == HEADINGS


def test_everything_is_in_the_folder_and_no_picture_is_missing(drawn):
    folder, text, _ = drawn
    shown = set(re.findall(r"\]\((\w+\.png)\)", text))
    assert {"counts.png", "samples.png", "grey_levels.png", "measures.png", "mean_faces.png", "augmented.png"} <= shown
    left = {path.name for path in folder.iterdir()}
    assert {*shown, "report.html", "report.md", "duplicates.json", "images.csv", "counts.csv"} <= left
    assert (folder / "report.html").read_text().count("data:image/png;base64,") == len(shown)


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
        mine = images[images["split"] == split]
        assert mine["id"].tolist() == part.ids.tolist()
        assert mine["class"].tolist() == [EMOTIONS[label] for label in part.labels]
        assert np.allclose(mine["brightness"], part.images.float().mean((1, 2, 3)), atol=1e-3)


def test_measures_are_summed_up_as_pandas_does(drawn):
    images = pd.read_csv(drawn[0] / "images.csv").query("split == 'train' and `class` == 'sad'")
    rows = pd.read_csv(drawn[0] / "measures_by_class.csv").query("`class` == 'sad'").set_index("measure")
    for name in ("brightness", "noise"):
        expected = [images[name].mean(), images[name].median(), images[name].max()]
        assert rows.loc[name, ["mean", "50%", "max"]].tolist() == pytest.approx(expected, abs=2e-3)


def test_the_seed_decides_which_faces_are_shown():
    for section, name in ((samples.add_samples, "samples"), (samples.add_augmented, "augmented")):
        first, again, other = (
            part(section, *TINY, f"seed={seed}").figures[name].axes[0].images[0].get_array() for seed in (0, 0, 1)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def test_equal_classes_are_called_balanced(drawn):
    assert "Balanced: every class has 10 training images." in drawn[1]
    assert "The splits have the same shares." in drawn[1]


def test_the_imbalance_is_that_of_the_counts(csv):
    report = part(overview.add_counts, f"data.root={csv}")
    assert "happy has 8 training images, 4.0 times angry's 2." in text_of(report)
    assert "`loss.class_weights=balanced`" in text_of(report)
    row = report.tables["counts"].set_index("class").loc["happy"]
    assert row[["train", "val", "test", "train %", "balanced weight"]].tolist() == [8, 8, 8, 40, round(20 / 56, 2)]


def test_blank_images_are_named(csv):
    report = part(samples.add_blanks, f"data.root={csv}")
    assert "1 of 60 images have one grey level throughout" in text_of(report)
    assert report.tables["blanks"].to_numpy().tolist() == [["train", "Training_4", "sad", 0]]
    assert "blanks" in report.figures


def test_without_blank_images_the_lowest_contrast_is_told(drawn):
    lowest = pd.read_csv(drawn[0] / "images.csv")["contrast"].min()
    assert f"None: every image has a contrast of {lowest:.1f} grey levels or more." in drawn[1]


def test_copies_across_splits_are_counted_and_shown(csv):
    report = part(duplicates.add_duplicates, f"data.root={csv}", "near=false")
    assert "1 of 20 test images are identical to a training image." in text_of(report)
    assert "`near=false`" in text_of(report)
    groups = report.tables["duplicates"][["id", "label"]].to_numpy().tolist()
    assert groups == [["Training_5", "surprise"], ["PrivateTest_45", "surprise"]]
    assert "duplicates" in report.figures


def test_near_copies_are_looked_for_when_asked(csv, made, write_csv):
    made.images[46] = made.images[6][:, ::-1]
    write_csv(csv, made)
    text = text_of(part(duplicates.add_duplicates, f"data.root={csv}"))
    assert "1 of 20 test images are identical to a training image; 1 more are near copies of one." in text
    assert "`near=false`" not in text


def test_sizes_are_those_of_the_pictures(made, tmp_path, write_pictures):
    root = write_pictures(tmp_path / "set", made, "{part}/{emotion}/{row}.png")
    assert "All 60 pictures have 48×48 pixels, as networks see them." in text_of(
        part(overview.add_sizes, f"data.root={root}")
    )
    Image.new("L", (96, 40)).save(root / "train" / "happy" / "odd.png")
    report = part(overview.add_sizes, f"data.root={root}")
    assert "61 pictures in 2 sizes, 48–96 pixels wide and 40–48 high." in text_of(report)
    assert "1 of them are smaller and get enlarged, 1 are more than a tenth off square" in text_of(report)
    assert report.tables["sizes"]["pictures"].tolist() == [60, 1]


def test_a_csv_has_one_size(csv):
    text = text_of(part(overview.add_sizes, f"data.root={csv}"))
    assert "All 60 faces came with 48×48 pixels (fer2013.csv (emotion, pixels, usage))." in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["augment=none"], "training sees the images as they are"),
        (["augment=light"], "by flip, affine and jitter. Left the original, then 5 draws; a draw changes a pixel by"),
        (["augment=none", "+augment.crop={_target_: fer.augment.Crop, size: 40}"], "by crop. Left the original"),
        (["augment=none", "+augment.mixup={_target_: fer.augment.Mixup}"], "by mixup. Left the original"),
    ],
)
def test_augmented_faces_follow_the_option(options, words):
    assert words in text_of(part(samples.add_augmented, *TINY, *options))


def test_every_transform_is_shown_by_itself():
    figures = part(samples.add_augmented, *TINY).figures
    assert names_of(figures["augmented"].axes[0]) == list(EMOTIONS)
    assert names_of(figures["augmented_each"].axes[0]) == ["flip", "affine", "jitter"]


def test_agreement_with_ferplus_is_that_of_the_rows(csv, made):
    answers = [EMOTIONS[label] for label in made.labels]
    answers[0], answers[1], answers[2], answers[3] = "contempt", "NF", "angry", "unknown"
    write_votes(csv.with_name("fer2013new.csv"), made, answers)
    report = part(votes.add_agreement, f"data.root={csv}")
    assert f"on {100 * 56 / 60:.1f} % of the images (80.0 % of train, 100.0 % of val and" in text_of(report)
    assert "On 2 images no emotion leads" in text_of(report)
    rows = report.tables["ferplus"].set_index("class")
    assert rows.loc["angry", ["images", "agree %", "angry", "contempt"]].tolist() == [6, 83.3, 5, 1]
    assert rows.loc[["disgust", "happy"], "none"].tolist() == [1, 1]
    assert rows.loc["fear", "angry"] == 1


def test_merged_emotions_agree_as_one(csv, made):
    answers = np.array([EMOTIONS[label] for label in made.labels])
    answers[answers == "disgust"] = "angry"
    write_votes(csv.with_name("fer2013new.csv"), made, answers)
    options = [f"data.root={csv}", "labels.merge={disgust: angry}", "labels.classes=[angry,happy]"]
    assert "on 100.0 % of the images" in text_of(part(votes.add_agreement, *options))


@pytest.mark.parametrize("damage", ["Usage", "rows"])
def test_votes_that_do_not_fit_are_not_used(damage, csv, made):
    path = csv.with_name("fer2013new.csv")
    write_votes(path, made, ["happy"] * 60)
    text = path.read_text()
    path.write_text(text.replace("PublicTest", "Training") if damage == "Usage" else "nonsense\n1\n")
    assert "Not used: " in text_of(part(votes.add_agreement, f"data.root={csv}"))


@pytest.fixture
def opinions(made, tmp_path) -> Path:
    """Opinions on all training images but the last: sure of the label, except of "surprise" for Training_0."""
    lines = [f"split,id,true,predicted,{','.join(EMOTIONS)}"]
    for row, label in enumerate(made.labels[:19]):
        likely = EMOTIONS.index("surprise") if row == 0 else label
        probabilities = np.full(7, 0.01)
        probabilities[likely] = 0.94
        name = EMOTIONS[label]
        lines.append(f"train,Training_{row},{name},{name},{','.join(map(str, probabilities))}")
    (tmp_path / "opinions.csv").write_text("\n".join(lines))
    return tmp_path / "opinions.csv"


def test_suspicious_labels_are_listed_with_their_precision(csv, made, opinions, tmp_path):
    answers = [EMOTIONS[label] for label in made.labels]
    answers[0] = "surprise"
    write_votes(tmp_path / "votes.csv", made, answers)
    options = [f"data.root={csv}", f"suspicious={opinions}", f"labels.votes_file={tmp_path / 'votes.csv'}"]
    report = part(suspicious_labels.add_suspicious_labels, *options)
    listed = report.tables["suspicious"]
    assert listed.to_dict("records") == [
        {"id": "Training_0", "label": EMOTIONS[made.labels[0]], "opinion": "surprise", "margin": -0.93}
    ]
    assert "Of 19 training images with an opinion, 1 (5.3 %)" in text_of(report)
    assert "1 training images have no opinion" in text_of(report)
    precision = report.tables["suspicious_precision"]
    assert precision.to_dict("records") == [
        {"first": 1, "with a leading vote": 1, "precision %": 100.0, "opinion leads %": 100.0}
    ]


def test_suspicious_labels_without_votes(csv, opinions):
    report = part(suspicious_labels.add_suspicious_labels, f"data.root={csv}", f"suspicious={opinions}")
    assert "suspicious" in report.tables
    assert "suspicious_precision" not in report.tables
    assert "No FER+ votes beside the data." in text_of(report)


def test_without_opinions_there_is_no_section(csv):
    assert part(suspicious_labels.add_suspicious_labels, f"data.root={csv}").blocks == ["# a part"]


def test_opinions_on_other_images_are_an_error(csv, opinions):
    opinions.write_text(opinions.read_text().replace("Training_", "Other_"))
    with pytest.raises(UserError, match="none of its 19 ids is a training image"):
        part(suspicious_labels.add_suspicious_labels, f"data.root={csv}", f"suspicious={opinions}")


def test_a_fold_is_refused(csv):
    with pytest.raises(UserError, match=r"is an option of fer\.train"):
        eda.load(configured(f"data.root={csv}", "data.fold=1/5"))


@pytest.mark.parametrize("place", [None, "elsewhere", "labels"])
def test_without_votes_to_compare_there_is_a_sentence(place, csv, made, tmp_path):
    options = [f"data.root={csv}"]
    if place:
        path = (tmp_path if place == "elsewhere" else csv.parent) / "fer2013new.csv"
        write_votes(path, made, [EMOTIONS[label] for label in made.labels])
    if place == "labels":
        options.append("labels=ferplus7")
    expected = "The labels are FER+'s own." if place == "labels" else "No FER+ votes beside the data."
    assert part(votes.add_agreement, *options).blocks[1:] == ["## Agreement with FER+", expected]


def test_ones_own_classes_keep_their_names(made, tmp_path, write_pictures):
    classes = ("cat|*x*", "Dog <b>", "wink_left", "d", "e", "f", "g")
    root = write_pictures(tmp_path / "own", replace(made, classes=classes), "{part}/{emotion}/{row}.png")
    for section in (
        overview.add_source,
        overview.add_counts,
        image_statistics.add_grey_levels,
        image_statistics.add_measures,
        image_statistics.add_mean_faces,
        duplicates.add_duplicates,
    ):
        report = part(section, "data=folder", f"data.root={root}", "near=false")
        assert "<b>" not in text_of(report)
        for table in report.tables.values():
            assert "class" not in table or sorted(set(table["class"])) == sorted(classes)


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
    figure.canvas.draw()


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
    figure.canvas.draw()
    box = axes.get_tightbbox()
    assert box.x0 >= 0
    assert box.y1 <= figure.bbox.y1


def test_histograms_of_grey_levels_are_shares():
    levels = np.zeros((5, 256), int)
    levels[:, 7] = [1, 2, 3, 4, 5]
    figure = plots.grey_level_figure(levels, "abcde")
    shown = [axes.patches[0].get_data().values for axes in figure.axes[:5]]
    assert all(values.sum() == pytest.approx(100) and values[1] == 100 for values in shown)
    figure.canvas.draw()


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
    figure.canvas.draw()


def test_measures_that_are_all_the_same_can_be_drawn():
    table = pd.DataFrame({"noise": np.zeros(20)})
    plots.measures_figure(table, np.arange(20) % 2, ["a", "b"], {"noise": "levels"}).canvas.draw()


def test_mean_faces_stand_above_their_deviations():
    means, deviations = np.full((3, 8, 8), 100.0), np.arange(3 * 64).reshape(3, 8, 8).astype(float)
    figure = plots.mean_faces_figure(means, deviations, ["a", "b", "c"])
    top, bottom, _ = figure.axes
    assert np.array_equal(top.images[0].get_array()[:, :8], means[0])
    assert np.array_equal(bottom.images[0].get_array()[:, :8], deviations[0])
    assert bottom.images[0].get_clim() == (0, 191)
    figure.canvas.draw()


def test_a_matrix_shows_share_and_count():
    counts = pd.DataFrame([[3, 1, 0], [0, 0, 0]], index=["a", "b"], columns=["x", "y", "z"])
    figure = matrix_figure(counts, "voted", "labelled")
    assert [text.get_text() for text in figure.axes[0].texts] == ["75 %\n3", "25 %\n1"] + ["0 %\n0"] * 4
    figure.canvas.draw()


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
    assert "12 of 35,887 images have one grey level throughout" in text
