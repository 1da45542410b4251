from dataclasses import replace

from fer.exploration import duplicates, image_statistics, overview


def test_ones_own_classes_keep_their_names(made, tmp_path, write_pictures, section):
    classes = ("cat|*x*", "Dog <b>", "wink_left", "d", "e", "f", "g")
    root = write_pictures(tmp_path / "own", replace(made, classes=classes), "{part}/{emotion}/{row}.png")
    for add in (
        overview.add_source,
        overview.add_counts,
        image_statistics.add_grey_levels,
        image_statistics.add_measures,
        image_statistics.add_mean_faces,
        duplicates.add_duplicates,
    ):
        report = section(add, "data=folder", f"data.root={root}", "near=false")
        assert "<b>" not in report.markdown
        for table in report.tables.values():
            assert "class" not in table or sorted(set(table["class"])) == sorted(classes)


def test_pictures_beside_an_own_source_are_not_taken_for_its_faces(
    made, tmp_path, write_pictures, section, monkeypatch
):
    write_pictures(tmp_path, made, "{emotion}/{row}.png")
    (tmp_path / "noise.py").write_text(
        "import numpy as np\nfrom fer.data.faces import Faces\n\n\ndef read(root):\n"
        "    images = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)\n"
        "    return Faces.of(images, np.arange(40) % 2, ['a', 'b'])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    report = section(overview.add_sizes, "data=own", "data.reader=noise.read", f"data.root={tmp_path}")
    assert "sizes" not in report.tables
