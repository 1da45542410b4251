import numpy as np
import pandas as pd
import pytest

from fer.plots.duplicates import FACES, by_urgency, duplicate_sheet, telling, wrapped

CLASSES = ("happy", "sad")
FACES_OF = np.random.default_rng(0).integers(0, 256, (30, 48, 48), dtype=np.uint8)


def table(*groups):
    """One list of (split, label, how) for each group."""
    rows = [(number, *face) for number, group in enumerate(groups, 1) for face in group]
    frame = pd.DataFrame(rows, columns=["group", "split", "label", "how"])
    return frame.assign(kind="near", row=range(len(frame)), id="", similarity=1.0)


INSIDE = [("train", 0, ""), ("train", 0, "same")]
ACROSS = [("train", 1, ""), ("test", 1, "shifted (1, -2), enlarged 4 %")]
DIFFERENT = [("train", 1, ""), ("train", 0, "mirrored")]


def test_conflicts_come_first_then_groups_across_splits():
    assert by_urgency(table(INSIDE, ACROSS, DIFFERENT, INSIDE, ACROSS)) == [3, 2, 5, 1, 4]


def test_a_face_without_label_conflicts_with_none():
    assert by_urgency(table(INSIDE, [("train", 1, ""), ("train", -1, "same")], DIFFERENT)) == [3, 1, 2]


def test_each_face_stands_under_its_split_and_label_and_over_what_was_done():
    axes = duplicate_sheet(FACES_OF, table(ACROSS), CLASSES).axes
    assert [ax.get_title() for ax in axes] == ["train\nsad", "test\nsad"]
    assert [ax.get_xlabel() for ax in axes] == ["", wrapped("shifted (1, -2), enlarged 4 %")]
    assert all(np.array_equal(ax.images[0].get_array(), face) for ax, face in zip(axes, FACES_OF, strict=False))


def test_no_more_groups_are_shown_than_asked_for():
    figure = duplicate_sheet(FACES_OF, table(INSIDE, ACROSS, DIFFERENT), CLASSES, most=2)
    assert len(figure.axes) == 4


def test_a_large_group_shows_its_first_face_and_each_split_and_label():
    faces = table([("train", 0, "")] * 15 + [("val", 0, "same"), ("test", 1, "same")])
    shown = telling(faces)
    assert len(shown) == FACES
    assert shown["row"].is_monotonic_increasing
    assert {0, 15, 16} < {*shown["row"]}
    texts = [text.get_text() for text in duplicate_sheet(FACES_OF, faces, CLASSES).texts]
    assert "10 not shown" in texts[0]
    assert "labels differ" in texts[1]


def test_nothing_is_clipped():
    long = "mirrored, shifted (-3, -2), reduced 12 %, darker, less contrast, retouched"
    figure = duplicate_sheet(FACES_OF, table([("train", 0, long)] * 9, [("test", -1, long)] * 3), CLASSES)
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes] + [text.get_window_extent() for text in figure.texts]
    assert all(figure.bbox.contains(*corner) for box in boxes for corner in (box.min, box.max))
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])


def test_numbers_stay_together():
    assert wrapped("mirrored, shifted (-1, 2), enlarged 12 %").split("\n") == [
        "mirrored,",
        "shifted\xa0(-1,\xa02),",
        "enlarged 12\xa0%",
    ]


@pytest.mark.parametrize("classes", [CLASSES, ("cat", "dog")])
def test_no_copies_and_other_classes_are_drawn_as_well(classes):
    duplicate_sheet(FACES_OF, table(), classes).draw_without_rendering()
    duplicate_sheet(FACES_OF, table(INSIDE), classes).draw_without_rendering()
