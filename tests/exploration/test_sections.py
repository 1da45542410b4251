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
