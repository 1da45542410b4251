from PIL import Image

from fer.exploration import overview

SMALL = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=14", "data.synthetic.test=14", "near=false"]


def test_equal_classes_are_called_balanced(section):
    text = section(overview.add_counts, *SMALL).markdown
    assert "Balanced: every class has 10 training images." in text
    assert "The splits have the same shares." in text


def test_the_imbalance_is_that_of_the_counts(csv, section):
    report = section(overview.add_counts, f"data.root={csv}")
    assert "happy has 8 training images, 4.0 times angry's 2." in report.markdown
    assert "`loss.class_weights=balanced`" in report.markdown
    row = report.tables["counts"].set_index("class").loc["happy"]
    assert row[["train", "val", "test", "train %", "balanced weight"]].tolist() == [8, 8, 8, 40, round(20 / 56, 2)]


def test_sizes_are_those_of_the_pictures(made, tmp_path, write_pictures, section):
    root = write_pictures(tmp_path / "set", made, "{part}/{emotion}/{row}.png")
    assert (
        "All 60 pictures have 48×48 pixels, as networks see them."
        in section(overview.add_sizes, f"data.root={root}").markdown
    )
    Image.new("L", (96, 40)).save(root / "train" / "happy" / "odd.png")
    report = section(overview.add_sizes, f"data.root={root}")
    assert "61 pictures in 2 sizes, 48–96 pixels wide and 40–48 high." in report.markdown
    assert "1 of them are smaller and get enlarged, 1 are more than a tenth off square" in report.markdown
    assert report.tables["sizes"]["pictures"].tolist() == [60, 1]


def test_a_csv_has_one_size(csv, section):
    text = section(overview.add_sizes, f"data.root={csv}").markdown
    assert "All 60 faces came with 48×48 pixels (fer2013.csv (emotion, pixels, usage))." in text
