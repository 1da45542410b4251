"""What earlier versions wrote is still understood."""

import pytest

from fer import compat, runs
from fer.build import resolve
from fer.training import callbacks, checkpointing


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("fer.callbacks.FiniteLoss", callbacks.FiniteLoss),
        ("fer.callbacks.progress_bar", callbacks.progress_bar),
        ("fer.survival.BestCheckpoint", checkpointing.BestCheckpoint),
        ("fer.survival.WholeCSVLogger", checkpointing.WholeCSVLogger),
    ],
)
def test_a_class_that_moved_is_found_by_its_former_path(before, now):
    assert resolve(before) is now
    assert compat.first(compat.current(before)) == before


@pytest.mark.parametrize("target", ["torch.nn.Linear", "fer.models.cnn.CNN", "callbacks.Mine", "mine", ""])
def test_other_paths_stay(target):
    assert compat.current(target) == compat.first(target) == target


def test_a_stored_config_is_read_with_the_paths_of_today(tmp_path):
    content = {"output_dir": str(tmp_path), "trainer": {}, "data": {}, "callbacks": PARTS}
    runs.write_config(tmp_path / runs.CONFIG, content)
    stored = runs.stored_config(tmp_path)["callbacks"]
    assert stored["finite"] == {"_target_": "fer.training.callbacks.FiniteLoss", "name": "fer.callbacks.FiniteLoss"}
    assert stored["both"] == [{"_target_": "fer.training.checkpointing.LastCheckpoint"}]


PARTS = {
    "finite": {"_target_": "fer.callbacks.FiniteLoss", "name": "fer.callbacks.FiniteLoss"},
    "both": [{"_target_": "fer.survival.LastCheckpoint"}],
}
