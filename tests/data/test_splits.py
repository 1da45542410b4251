from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.data.class_choice import choose_classes, without_contempt
from fer.data.duplicates import copies
from fer.data.emotions import EMOTIONS
from fer.data.faces import Faces
from fer.data.fer2013 import read_fer2013
from fer.data.splits import SPLITS, assign_roles, check, cut, with_held_out
from fer.data.subsets import balanced_subset, limited, without_copies, without_seen
from fer.data.synthetic import synthetic_faces
from fer.errors import UserError


def named(faces) -> list[str]:
    return [faces.classes[label] for label in faces.labels]


def record(labels, kinds=None, usage=-1, folder=-1) -> Faces:
    """A record whose images are equal exactly where `kinds` are."""
    n = len(labels)
    kinds = np.arange(n) if kinds is None else np.array(kinds, dtype=np.int64)
    images = np.zeros((n, 48, 48), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = kinds % 256, kinds // 256
    return Faces(
        images=images,
        labels=np.array(labels, dtype=np.int64),
        usage=np.full(n, usage, np.int8),
        folder=np.full(n, folder, np.int8),
        ids=np.arange(n).astype(str),
        classes=EMOTIONS,
        layout="made",
        sources=("here",),
    )


# classes


def test_without_a_choice_everything_stays(faces):
    chosen = choose_classes(faces)
    assert chosen.classes == EMOTIONS
    assert np.array_equal(chosen.images, faces.images)


def test_classes_have_the_order_as_typed(faces):
    chosen = choose_classes(faces, ["sad", "angry"])
    assert chosen.classes == ("sad", "angry")
    assert named(chosen) == [name for name in named(faces) if name in ("sad", "angry")]


def test_merged_classes_count_as_the_other(faces):
    chosen = choose_classes(faces, merge={"disgust": "angry"})
    assert chosen.classes == tuple(name for name in EMOTIONS if name != "disgust")
    assert named(chosen) == ["angry" if name == "disgust" else name for name in named(faces)]


def test_classes_may_be_merged_under_a_new_name(faces):
    chosen = choose_classes(
        faces, ["negative", "happy"], dict.fromkeys(("angry", "sad", "fear", "disgust"), "negative")
    )
    assert named(chosen).count("negative") == 4 * named(faces).count("sad")


def test_rows_without_label_go(faces):
    unlabelled = replace(faces, labels=np.where(np.arange(len(faces)) < 10, -1, faces.labels))
    assert choose_classes(unlabelled).ids.tolist() == faces.ids[10:].tolist()


@pytest.mark.parametrize(
    ("classes", "merge", "expected"),
    [
        (["happy", "smug"], None, "labels.classes: no class 'smug' in the data; there are angry, disgust, fear"),
        (["happy", "disgust"], {"disgust": "angry"}, "labels.classes: no class 'disgust'"),
        (None, {"smug": "happy"}, "labels.merge: no class 'smug'"),
        (["happy"], None, "at least two different classes"),
        (["happy", "sad", "happy"], None, "at least two different classes"),
        (None, dict.fromkeys(EMOTIONS, "face"), "at least two different classes"),
    ],
)
def test_impossible_classes_are_one_line(classes, merge, expected, faces):
    with pytest.raises(UserError, match=expected):
        choose_classes(faces, classes, merge)


@pytest.mark.parametrize(
    ("classes", "merge", "kept"),
    [
        (None, None, EMOTIONS),
        (None, {"disgust": "angry"}, EMOTIONS),
        (["happy", "sad"], None, (*EMOTIONS, "contempt")),
        (["happy", "contempt"], None, (*EMOTIONS, "contempt")),
        (None, {"contempt": "disgust"}, (*EMOTIONS, "contempt")),
    ],
)
def test_contempt_is_left_out_and_counted_unless_it_is_named(classes, merge, kept, make_faces):
    faces = make_faces([7, 0, 7, 3], classes=(*EMOTIONS, "contempt"))
    left = without_contempt(faces, classes, merge)
    assert left.classes == kept
    assert left.labels.tolist() == ([0, 3] if kept == EMOTIONS else [7, 0, 7, 3])
    assert [note.split(",")[0] for note in left.notes] == ["2 pictures of contempt left out"] * (kept == EMOTIONS)


def test_other_classes_are_never_left_out(make_faces):
    for classes in (EMOTIONS, ("angry", "contempt")):
        faces = make_faces([0, 1], classes=classes)
        assert without_contempt(faces) is faces


# roles


def test_official_roles_are_the_default_where_every_face_carries_a_usage(make_faces):
    faces = make_faces([0] * 6, usage=[2, 0, 1, 2, 0, 1], folder=[0, 0, 0, 2, 2, 2])
    rows, official = assign_roles(faces)
    assert official is True
    assert {split: mine.tolist() for split, mine in rows.items()} == {"train": [1, 4], "val": [2, 5], "test": [0, 3]}


def test_folders_can_be_asked_for(make_faces):
    faces = make_faces([0] * 6, usage=[2, 0, 1, 2, 0, 1], folder=[0, 0, 1, 1, 2, 2])
    rows, official = assign_roles(faces, "folders")
    assert official is False
    assert {split: mine.tolist() for split, mine in rows.items()} == {"train": [0, 1], "val": [2, 3], "test": [4, 5]}


def test_one_face_without_usage_makes_folders_the_default(make_faces):
    faces = make_faces([0] * 3, usage=[0, 1, -1], folder=[2, 0, 1])
    rows, official = assign_roles(faces)
    assert official is False
    assert [rows[split].tolist() for split in SPLITS] == [[1], [2], [0]]


def test_official_roles_need_every_usage(make_faces):
    with pytest.raises(UserError, match=r"data.roles=official: 2 of 3 images carry no Usage.*data.roles=folders"):
        assign_roles(make_faces([0] * 3, usage=[0, -1, -1]), "official")


def test_extra_pictures_beside_fer2013_train_and_its_own_roles_stay(make_faces):
    rows, official = assign_roles(make_faces([0] * 5, usage=[0, 1, 2, -1, -1]))
    assert official is False
    assert [rows[split].tolist() for split in SPLITS] == [[0, 3, 4], [1], [2]]


@pytest.mark.parametrize("held_out", [1, 2])
@pytest.mark.parametrize("field", ["usage", "folder"])
def test_a_single_held_out_part_is_the_test_split(held_out, field):
    faces = record(np.arange(210) % 7)
    faces = replace(faces, **{field: np.where(np.arange(210) < 140, 0, held_out).astype(np.int8)})
    rows, official = assign_roles(faces)
    assert official is False
    assert rows["test"].tolist() == list(range(140, 210))
    assert sorted([*rows["train"], *rows["val"]]) == list(range(140))
    assert np.bincount(faces.labels[rows["val"]]).tolist() == [2] * 7


@pytest.mark.parametrize("usage", [-1, 0])
def test_with_nothing_held_out_both_are_cut(usage):
    faces = record(np.arange(700) % 7, usage=usage)
    rows, official = assign_roles(faces)
    assert official is False
    assert [np.bincount(faces.labels[rows[split]]).tolist() for split in SPLITS] == [[81] * 7, [9] * 7, [10] * 7]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_row_has_exactly_one_role(data):
    n = data.draw(st.integers(1, 60))
    column = st.lists(st.integers(-1, 2), min_size=n, max_size=n)
    faces = replace(
        record(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)), data.draw(column)),
        usage=np.array(data.draw(column), np.int8),
        folder=np.array(data.draw(column), np.int8),
    )
    rows, _ = assign_roles(faces)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(n))
    assert all((np.diff(mine) > 0).all() for mine in rows.values())


# cuts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=80), st.sampled_from([0.1, 0.3, 0.5]))
def test_a_cut_keeps_copies_on_one_side(pairs, fraction):
    labels, kinds = zip(*pairs, strict=True) if pairs else ((), ())
    faces = record(list(labels), list(kinds))
    kept, held = cut(faces, np.arange(len(faces)), fraction, seed=0)
    group = copies(faces.images)
    assert sorted([*kept, *held]) == list(range(len(faces)))
    assert not set(group[kept]) & set(group[held])


def test_a_cut_is_stratified():
    faces = record(np.repeat(np.arange(7), [3995, 436, 4097, 715, 483, 317, 10])[::-1])
    _, held = cut(faces, np.arange(len(faces)), 0.1, seed=3)
    assert np.bincount(faces.labels[held]).tolist() == [400, 44, 410, 72, 48, 32, 1]


def test_a_cut_depends_on_its_seed_only():
    faces = record(np.arange(700) % 7)
    first, again, other = (cut(faces, np.arange(700), 0.1, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_class_of_one_image_stays_in_training():
    kept, held = cut(record([0, 1, 1, 1, 1]), np.arange(5), 0.5, seed=0)
    assert 0 in kept
    assert len(held) == 2


# copies


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), min_size=1, max_size=60))
def test_exactly_the_training_images_that_are_held_out_too_are_dropped(pairs):
    role, kinds = (np.array(column) for column in zip(*pairs, strict=True))
    rows = {split: np.flatnonzero(role == index) for index, split in enumerate(SPLITS)}
    kept = without_copies(record([0] * len(pairs), kinds), rows)
    held_out = set(kinds[role > 0])
    assert kept["train"].tolist() == [row for row in rows["train"] if kinds[row] not in held_out]
    assert kept["val"] is rows["val"]
    assert kept["test"] is rows["test"]


@pytest.mark.real
def test_real_training_images_that_are_held_out_too_are_dropped(real_root):
    faces = read_fer2013([real_root])
    rows, _ = assign_roles(faces)
    kept = without_copies(faces, rows)
    pixels = [image.tobytes() for image in faces.images]
    held_out = {pixels[row] for split in ("val", "test") for row in rows[split]}
    assert kept["train"].tolist() == [row for row in rows["train"] if pixels[row] not in held_out]
    assert 0 < len(kept["train"]) < len(rows["train"])


# subsets


def test_a_balanced_subset_has_as_many_of_each_class_as_asked():
    faces = record(np.repeat(np.arange(7), [20, 5, 30, 60, 40, 25, 35]))
    rows = np.arange(0, len(faces))
    chosen = balanced_subset(faces, rows, 5, "train", seed=0)
    assert np.bincount(faces.labels[chosen]).tolist() == [5] * 7
    assert (np.diff(chosen) > 0).all()


def test_a_balanced_subset_depends_on_seed_and_split_only():
    faces = record(np.arange(700) % 7)
    draw = [balanced_subset(faces, np.arange(700), 10, *how).tolist() for how in (("train", 0), ("train", 0))]
    others = [balanced_subset(faces, np.arange(700), 10, *how).tolist() for how in (("train", 1), ("val", 0))]
    assert draw[0] == draw[1]
    assert draw[0] not in others


def test_too_few_for_a_balanced_subset_is_an_error():
    faces = record(np.repeat(np.arange(7), [20, 5, 30, 60, 40, 25, 35]))
    with pytest.raises(UserError, match=r"data.per_class.val=6: only 5 images of 'disgust'"):
        balanced_subset(faces, np.arange(len(faces)), 6, "val", seed=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=7, max_size=7).filter(any), st.integers(1, 300))
def test_a_limited_split_is_stratified_and_keeps_every_class(counts, limit):
    faces = record(np.repeat(np.arange(7), counts))
    rows = np.arange(len(faces))
    chosen = limited(faces, rows, limit, "train", seed=0)
    took = np.bincount(faces.labels[chosen], minlength=7)
    assert len(chosen) == min(len(rows), max(limit, np.count_nonzero(counts)))
    assert ((took > 0) == (np.array(counts) > 0)).all()
    fair = np.array(counts) * min(limit, len(rows)) / len(rows)
    assert (took <= np.maximum(fair + 1.5, 1)).all()


def test_a_larger_limit_holds_the_smaller_one():
    faces = record(np.repeat(np.arange(7), [20, 5, 30, 60, 40, 25, 35]))
    sets = [set(limited(faces, np.arange(len(faces)), limit, "train", seed=0)) for limit in (10, 50, 100)]
    assert sets[0] < sets[1] < sets[2]


def test_a_limit_draws_by_its_seed():
    faces = record(np.arange(700) % 7)
    first, again, other = (limited(faces, np.arange(700), 70, "train", seed).tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


# checks


def rows_for(faces) -> dict:
    return {split: np.flatnonzero(faces.folder == index) for index, split in enumerate(SPLITS)}


def test_training_must_hold_every_class(make_faces):
    faces = make_faces([0, 1, 2, 0, 1, 2], folder=[0, 0, 0, 1, 2, 2])
    with pytest.raises(UserError, match=r"training holds no image of happy, sad.*classes=\[angry,disgust,fear\]"):
        check(faces, rows_for(faces))


@pytest.mark.parametrize(("split", "role"), [("val", 1), ("test", 2)])
def test_a_held_out_split_may_lack_a_class_with_a_warning(split, role, make_faces):
    faces = make_faces(np.tile(np.arange(7), 3), folder=np.repeat([0, 1, 2], 7))
    faces = faces.take(~((faces.folder == role) & np.isin(faces.labels, [1, 2])))
    assert check(faces, rows_for(faces)) == [
        f"the {split} split holds no image of disgust, fear: figures cover the other classes"
    ]


@pytest.mark.parametrize(("split", "role"), [("train", 0), ("val", 1), ("test", 2)])
def test_an_empty_split_is_an_error(split, role, make_faces):
    faces = make_faces(np.tile(np.arange(7), 3), folder=np.repeat([0, 1, 2], 7))
    faces = faces.take(faces.folder != role)
    with pytest.raises(UserError, match=rf"the {split} split is empty \(made, here\); check data.root"):
        check(faces, rows_for(faces))


def test_complete_splits_give_no_warning(make_faces):
    faces = make_faces(np.tile(np.arange(7), 3), folder=np.repeat([0, 1, 2], 7))
    assert check(faces, rows_for(faces)) == []


def test_held_out_images_come_from_the_other_source_alone(make_faces):
    mine = make_faces([0, 1, 2, 3] * 3, usage=[0] * 8 + [1] * 4)
    theirs = make_faces([0, 1, 2, 3] * 3, usage=[0] * 4 + [1] * 4 + [2] * 4, seed=1)
    together = with_held_out(mine, theirs)
    rows, official = assign_roles(together)
    assert official
    assert np.array_equal(together.images[rows["train"]], mine.images[:8])
    assert np.array_equal(together.images[rows["val"]], theirs.images[4:8])
    assert np.array_equal(together.images[rows["test"]], theirs.images[8:])
    assert together.fingerprint not in ("", mine.fingerprint, theirs.fingerprint)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"), [(1, 2, "data.root: no training"), (0, 0, "data.held_out: no val")]
)
def test_both_sources_must_have_their_part(make_faces, ours, theirs, said):
    with pytest.raises(UserError, match=said):
        with_held_out(make_faces([0, 1], usage=ours), make_faces([0, 1], usage=theirs))


def test_both_sources_must_have_the_same_classes(make_faces):
    with pytest.raises(UserError, match=r"labels\.classes"):
        with_held_out(make_faces([0], usage=0, classes=("a", "b")), make_faces([0], usage=1, classes=("a", "c")))


def test_held_out_images_that_training_has_seen_are_left_out():
    """Exactly, or moved and brighter; training and the other images stay."""
    drawn = synthetic_faces(train=14, val=14, test=14, seed=0)
    images = drawn.images.copy()
    val, test = (np.flatnonzero(drawn.usage == role) for role in (1, 2))
    images[val[3]] = images[0]
    images[test[5]] = np.clip(np.roll(images[1].astype(int), 1, axis=1) + 10, 0, 255)
    rows = {split: np.flatnonzero(drawn.usage == role) for role, split in enumerate(SPLITS)}
    left = without_seen(replace(drawn, images=images), rows)
    assert left["train"].tolist() == rows["train"].tolist()
    assert left["val"].tolist() == [row for row in val if row != val[3]]
    assert left["test"].tolist() == [row for row in test if row != test[5]]
