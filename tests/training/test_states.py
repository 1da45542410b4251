"""Which saved state a run goes on from, by files of every kind of damage."""

import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fer.errors import UserError
from fer.training import states
from fer.training.states import Damaged

WEIGHTS = {"model.weight": torch.arange(600.0).reshape(20, 30), "model.bias": torch.ones(20)}


def save(path: Path, step: int, best: str = "", **other: object) -> Path:
    """A checkpoint as Lightning writes them; `best`: what its ModelCheckpoint takes for the best file."""
    content = {
        "state_dict": {name: value + step for name, value in WEIGHTS.items()},
        "optimizer_states": [],
        "lr_schedulers": [],
        "loops": {},
        "callbacks": {"BestCheckpoint{'monitor': 'x'}": {"best_model_path": best}},
        "global_step": step,
        "epoch": step // 10,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content | other, path)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """checkpoints/ of a run after step 40, whose best was that of step 20."""
    place = tmp_path / "checkpoints"
    save(place / "last.ckpt", 40, best="/moved/since/checkpoints/best.ckpt")
    save(place / "previous.ckpt", 30, best=str(place / "best.ckpt"))
    save(place / "best.ckpt", 20, best=str(place / "best.ckpt"))
    return place


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 200)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def zeroed_in_its_midst(path: Path) -> None:
    """Where the weights lie: torch.load reads it without a word."""
    content = bytearray(path.read_bytes())
    start = content.index(torch.arange(5.0).add(40).numpy().tobytes())
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def text(path: Path) -> None:
    path.write_text("hello")


def another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"cos\nsystem\n(S'false'\ntR.")


def a_list(path: Path) -> None:
    torch.save([1, 2], path)


def weights_alone(path: Path) -> None:
    torch.save({"state_dict": WEIGHTS}, path)


def another_network(path: Path) -> None:
    save(path, 40, state_dict={"model.weight": torch.zeros(3)})


def steps_of_another_kind(path: Path) -> None:
    save(path, 40, global_step="forty")


DAMAGES: list[Callable[[Path], None]] = [
    cut,
    emptied,
    zeroed,
    zeroed_in_its_midst,
    a_folder,
    a_loop,
    a_fifo,
    text,
    another_zip,
    a_list,
    weights_alone,
    another_network,
    steps_of_another_kind,
]


def newest(folder: Path, name: str = "last.ckpt") -> states.State:
    return states.newest(folder / name, WEIGHTS)


def test_a_whole_last_state_is_taken_and_nothing_said(folder):
    assert newest(folder) == states.State(str(folder / "last.ckpt"), 40)
    assert newest(folder).note == ""


def test_without_anything_saved_a_run_begins(tmp_path):
    assert states.newest(None, WEIGHTS) == states.newest(tmp_path / "last.ckpt", WEIGHTS) == states.State()


@pytest.mark.parametrize("damage", DAMAGES)
def test_another_state_stands_in_for_a_damaged_one(damage, folder):
    damage(folder / "last.ckpt")
    state = newest(folder)
    assert (state.file, state.step) == (str(folder / "previous.ckpt"), 30)
    assert list(state.damaged) == [folder / "last.ckpt"]
    assert "\n" not in state.note
    assert all(part in state.note for part in ("last.ckpt", "previous.ckpt", "after step 30"))
    state.put_aside()
    assert os.path.lexists(folder / "last.ckpt.damaged")
    assert not os.path.lexists(folder / "last.ckpt")
    assert (newest(folder).file, newest(folder).note) == (state.file, "")


def test_the_best_state_stands_in_for_both(folder):
    cut(folder / "last.ckpt")
    text(folder / "previous.ckpt")
    assert newest(folder).step == 20
    assert set(newest(folder).damaged) == {folder / "last.ckpt", folder / "previous.ckpt"}


def test_the_newest_of_all_stands_in(folder):
    save(folder / "epoch=6.ckpt", 35, best=str(folder / "best.ckpt"))
    (folder / "last.ckpt").unlink()
    assert newest(folder) == states.State(str(folder / "epoch=6.ckpt"), 35)


def test_a_state_from_the_hooks_at_the_end_of_an_epoch_does_not_stand_in(folder):
    """As ModelCheckpoint saves by default: what follows after them would be missed."""
    progress = {"total": {"ready": 4, "started": 4, "processed": 4, "completed": 3}}
    save(folder / "epoch=6.ckpt", 35, loops={"fit_loop": {"epoch_progress": progress}})
    (folder / "last.ckpt").unlink()
    assert newest(folder).step == 30
    assert newest(folder, "epoch=6.ckpt").step == 35


@pytest.mark.parametrize("damage", [cut, a_folder, os.unlink])
def test_where_the_best_weights_are_lost_only_a_state_before_them_is_of_use(damage, folder):
    damage(folder / "best.ckpt")
    assert newest(folder).file is None
    assert "from the beginning" in newest(folder).note
    save(folder / "early.ckpt", 10)
    assert newest(folder).step == 10


@pytest.mark.parametrize("damage", [cut, a_folder, another_network])
def test_a_damaged_file_that_was_asked_for_is_an_error(damage, folder):
    save(folder / "epoch=6.ckpt", 35)
    assert newest(folder, "epoch=6.ckpt").step == 35
    damage(folder / "epoch=6.ckpt")
    with pytest.raises(UserError, match=rf"epoch=6.ckpt: damaged \(.*\); resume={folder.parent} goes on"):
        newest(folder, "epoch=6.ckpt")


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="only root can be someone else")
def test_a_file_that_may_not_be_read_is_damaged(folder):
    os.seteuid(65534)
    try:
        with pytest.raises(Damaged, match="Permission denied"):
            states.read_checkpoint(folder / "last.ckpt", WEIGHTS)
    finally:
        os.seteuid(0)


def test_a_flipped_bit_is_found_or_changes_nothing(folder):
    path, drawn = folder / "last.ckpt", random.Random(0)
    before, found = path.read_bytes(), 0
    for _ in range(200):
        content = bytearray(before)
        content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        path.write_bytes(content)
        try:
            read = states.read_checkpoint(path, WEIGHTS)
        except Damaged:
            found += 1
            continue
        assert all(read["state_dict"][name].equal(value + 40) for name, value in WEIGHTS.items())
        assert read["global_step"] == 40
    assert found > 100


def test_the_state_before_the_last_is_kept_without_a_copy(folder):
    before = (folder / "last.ckpt").read_bytes()
    states.keep_previous(folder / "last.ckpt")
    assert (folder / "previous.ckpt").read_bytes() == before
    assert (folder / "previous.ckpt").samefile(folder / "last.ckpt")
    shutil.rmtree(folder)
    states.keep_previous(folder / "last.ckpt")  # nothing to keep
