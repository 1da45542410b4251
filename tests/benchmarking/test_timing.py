import numpy as np
import pytest
import torch

from fer.benchmarking import timing


def test_warm_up_steps_are_left_out_of_a_block(clock):

    def train(steps: int) -> int:
        clock.now += 100 if steps == 3 else 2 * steps
        return 10 * steps

    assert timing.timed(train, 3, 5, clock) == 5 * 10 / (5 * 2)


def test_the_device_is_waited_for_at_both_ends_of_a_block(monkeypatch, clock):
    events = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: events.append("wait"))
    watch = timing.DeviceClock(torch.device("cuda", 0), lambda: events.append("clock") or len(events))
    timing.timed(lambda steps: events.append(f"{steps} steps") or steps, 1, 2, watch)
    assert events == ["1 steps", "wait", "clock", "2 steps", "wait", "clock"]


def test_a_cpu_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: pytest.fail("waited"))
    timing.synchronise(torch.device("cpu"))


def test_figures_are_medians_over_rounds_and_ratios_are_taken_within_a_round():
    speeds = {"ceiling": [100.0, 50.0, 200.0], "whole": [90.0, 40.0, 100.0]}
    table = timing.summarise(speeds).set_index("column")
    ratios = np.divide(speeds["whole"], speeds["ceiling"])
    assert table.loc["whole", "images_per_s"] == np.median(speeds["whole"]) == 90
    assert table.loc["whole", "ratio_to_ceiling"] == np.median(ratios) == 0.8
    assert table.loc["whole", "spread"] == max(abs(np.array(speeds["whole"]) - 90)) == 50
    assert table.loc["ceiling", "ratio_to_ceiling"] == 1
    assert table.loc["whole", ["slowest", "fastest"]].tolist() == [40, 100]
    assert table.loc["whole", "rounds"] == "90.0 40.0 100.0"


def test_candidates_are_ranked_by_their_fastest_short_block(paced):
    first, second, third = paced(5, 4, 4), paced(1, 1, 1), paced(3, 3, 9)
    assert timing.by_speed([first, second, third]) == [(third, 9), (first, 5), (second, 1)]


def test_blocks_hold_whole_intervals_of_logging():
    assert [timing.steps_for(2, steps_per_s, 20) for steps_per_s in (0.1, 14, 36, 1e6)] == [20, 20, 80, 2000]
