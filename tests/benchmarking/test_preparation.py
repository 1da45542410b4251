import pytest
import torch

from fer.benchmarking import keras_column, preparation, timing


@pytest.mark.parametrize(
    ("speeds", "kept"),
    [
        ({"bf16-mixed, channels_last": 4, "bf16-mixed, contiguous": 3, "32-true, contiguous": 1}, [0, 2]),
        ({"32-true, contiguous": 4, "bf16-mixed, channels_last": 2, "bf16-mixed, contiguous": 3}, [0, 2]),
    ],
)
def test_the_fastest_ceiling_runs_with_the_wholes_own_format_or_the_second(monkeypatch, speeds, kept, tiny, paced):
    columns = [paced(*[speed] * 3, how=how) for how, speed in speeds.items()]
    monkeypatch.setattr(preparation, "candidates", lambda *_: columns)
    chosen, speed = preparation.ceilings(tiny("channels_last=false"), None, None)
    assert list(chosen.values()) == [columns[index] for index in kept]
    assert speed == 4


def test_ceilings_come_in_every_format_and_in_the_precision_of_the_whole(tiny):
    cfg = tiny("trainer.precision=bf16-mixed")
    ceilings = preparation.candidates(cfg, preparation.read_data(cfg), timing.DeviceClock(torch.device("cpu")))
    assert {"32-true, contiguous", "bf16-mixed, channels_last"} <= {ceiling.how for ceiling in ceilings}
    assert len({ceiling.how for ceiling in ceilings}) == len(ceilings)


def test_keras_is_left_out_where_tensorflow_is_missing(monkeypatch, capsys, tiny):
    monkeypatch.setattr(keras_column, "find_spec", lambda name: None)
    assert preparation.other_columns(tiny("columns=[ceiling,keras]"), None, None) == {}
    assert capsys.readouterr().out == "keras is left out: tensorflow is not installed\n"
