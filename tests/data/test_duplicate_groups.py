import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer.data.duplicate_groups import UNCHANGED, Change, linked_groups
from fer.data.near_duplicates import Pairs


def change(similarity=0.95, zoom=(1.0, 1.0), move=(0.0, 0.0), brighter=0.0, contrast=1.0):
    return Change(similarity, np.array(zoom), np.array(move), brighter, contrast)


def joined(*links):
    """Pairs from (first, second, Change)."""
    first, second, changes = zip(*links, strict=True) if links else ((), (), ())
    fields = [np.array([item[field] for item in changes]) for field in range(5)]
    return Pairs(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64), *fields)


def at(change, point):
    return change.zoom * point + change.move


ONE = change(0.99, (-1.1, 1.1), (2, -1), 8, 1.2)
OTHER = change(0.93, (0.9, 0.9), (-1, 3), -3, 0.9)


def test_a_change_and_its_inverse_cancel():
    both = ONE.then(ONE.inverse())
    assert both.zoom.tolist() == pytest.approx([1, 1])
    assert both.move.tolist() == pytest.approx([0, 0])
    assert (both.brighter, both.contrast) == pytest.approx((0, 1))


def test_two_changes_move_a_point_one_after_the_other():
    point = np.array([5.0, -7.0])
    assert at(ONE.then(OTHER), point).tolist() == pytest.approx(at(OTHER, at(ONE, point)).tolist())


def test_a_chain_is_as_similar_as_its_weakest_link():
    assert ONE.then(OTHER).similarity == OTHER.then(ONE).similarity == 0.93


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda link: link[0] != link[1]), max_size=15))
def test_groups_are_connected_components(links):
    first, changes = linked_groups(joined(*((a, b, change()) for a, b in links)), 10)
    a, b = np.array(links, dtype=np.int64).reshape(-1, 2).T
    _, component = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(10, 10)), directed=False)
    assert first.tolist() == [int(np.flatnonzero(component == mine)[0]) for mine in component]
    assert set(changes) == {*a.tolist(), *b.tolist()}


def test_the_change_is_that_since_the_first_of_the_group():
    first, changes = linked_groups(joined((4, 2, ONE), (4, 7, OTHER)), 8)
    assert first.tolist() == [0, 1, 2, 3, 2, 5, 6, 2]
    assert changes[2] is UNCHANGED
    assert changes[4].move.tolist() == pytest.approx(ONE.inverse().move.tolist())
    assert changes[7].move.tolist() == pytest.approx(ONE.inverse().then(OTHER).move.tolist())


def test_a_direct_link_is_preferred_to_a_chain():
    _, changes = linked_groups(joined((0, 1, ONE), (1, 2, ONE), (0, 2, OTHER)), 3)
    assert changes[2].move.tolist() == OTHER.move.tolist()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (change(), "retouched"),
        (change(0.97), "recompressed"),
        (change(0.99, move=(0.4, -0.4)), "recompressed"),
        (change(0.99, move=(0.6, -1.7)), "shifted (1, -2)"),
        (change(0.99, (-1, 1)), "mirrored"),
        (change(0.99, (1.04, 1.04)), "enlarged 4 %"),
        (change(0.99, (-0.93, 0.93), (0, 3)), "mirrored, shifted (0, 3), reduced 7 %"),
        (change(0.99, brighter=15), "brighter"),
        (change(0.99, brighter=-15, contrast=0.8), "darker, less contrast"),
        (change(0.99, contrast=1.2), "more contrast"),
    ],
)
def test_a_change_in_words(what, words):
    assert what.words() == words
