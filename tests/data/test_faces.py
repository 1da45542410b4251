from dataclasses import replace

import numpy as np
import pytest

from fer.data.faces import concatenate


def test_columns_of_different_lengths_are_refused(faces):
    with pytest.raises(ValueError, match="expected images"):
        replace(faces, labels=faces.labels[:-1])


def test_take_keeps_rows_together(faces):
    taken = faces.take(np.array([5, 2]))
    assert np.array_equal(taken.images, faces.images[[5, 2]])
    assert taken.labels.tolist() == faces.labels[[5, 2]].tolist()
    assert taken.ids.tolist() == ["face_5", "face_2"]


@pytest.mark.parametrize("field", ["images", "labels", "usage", "folder"])
def test_the_fingerprint_tells_one_changed_value(faces, field):
    changed = getattr(faces, field).copy()
    changed.flat[-1] ^= 1
    assert replace(faces, **{field: changed}).stamped().fingerprint != faces.stamped().fingerprint


def test_the_fingerprint_does_not_tell_where_faces_came_from(faces):
    elsewhere = replace(faces, sources=("there",), layout="other", notes=("hm",))
    assert elsewhere.stamped().fingerprint == faces.stamped().fingerprint


def test_parts_follow_each_other(make_faces):
    a, b = make_faces([0, 1], seed=1), make_faces([2, 3, 4], seed=2)
    both = concatenate([a, b])
    assert both.labels.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(both.images, np.concatenate([a.images, b.images]))
    assert both.sources == ("here", "here")


def test_the_same_image_under_the_same_id_is_kept_once_and_said(faces):
    both = concatenate([faces, faces])
    assert both.ids.tolist() == faces.ids.tolist()
    assert "42 images were there twice" in both.notes[0]


def test_another_image_under_a_taken_id_is_kept_with_a_suffix(make_faces):
    both = concatenate([make_faces([0, 1], seed=1), make_faces([0, 1], seed=2)])
    assert both.ids.tolist() == ["face_0", "face_1", "face_0#2", "face_1#2"]


def test_a_suffix_never_takes_an_id_that_is_there(make_faces):
    taken = replace(make_faces([0, 1], seed=1), ids=np.array(["a", "a#2"]))
    both = concatenate([taken, replace(make_faces([0, 1], seed=2), ids=np.array(["a", "a"]))])
    assert len(set(both.ids)) == 4


def test_the_same_image_in_another_role_stays(make_faces):
    both = concatenate([make_faces([0], folder=0), make_faces([0], folder=2)])
    assert both.folder.tolist() == [0, 2]
