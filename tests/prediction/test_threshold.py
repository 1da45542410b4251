import numpy as np
import pandas as pd
import pytest

from fer import runs, shipped
from fer.errors import UserError
from fer.prediction import threshold
from fer.prediction.card import default_threshold
from fer.prediction.threshold import Choice, choose, section, with_section


def answers(confidences, right):
    """Probabilities of two classes, of which the first is likelier, and labels."""
    first = np.array(confidences)
    return np.stack([first, 1 - first], 1), np.where(right, 0, 1)


def test_the_threshold_has_the_most_right_less_wrong_answers():
    probabilities, labels = answers([0.52, 0.55, 0.6, 0.7, 0.9, 0.95], [False, False, True, False, True, True])
    assert choose(probabilities, labels) == Choice(0.56, 4 / 6, 0.75, 0.0)


def test_of_calibrated_answers_those_are_shown_that_are_right_more_often_than_wrong():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(7, 0.4), 40_000)
    labels = (probabilities.cumsum(1) < random.random((40_000, 1))).sum(1).clip(0, 6)
    choice = choose(probabilities, labels)
    assert choice.threshold == pytest.approx(0.5, abs=0.05)
    assert choice.accuracy_below < 0.5 < choice.accuracy


def test_a_run_is_read_and_scaled_by_its_temperature(tmp_path, capsys):
    probabilities, labels = answers([0.6, 0.7, 0.8, 0.9], [False, True, True, True])
    table = pd.DataFrame(probabilities, columns=["a", "b"])
    names = np.array(["a", "b"])
    table = table.assign(split="val", id=range(4), true=names[labels], predicted="a")
    table[["split", "id", "true", "predicted", "a", "b"]].to_csv(tmp_path / runs.PREDICTIONS, index=False)
    (tmp_path / runs.METRICS).write_text('{"temperature": 0.5}')
    (tmp_path / "net.md").write_text("# net\n\n## Use\n\nFor trying out.\n")
    assert threshold.main([str(tmp_path), "--card", str(tmp_path / "net.md")]) == 0
    expected = 0.6**2 / (0.6**2 + 0.4**2)  # what the wrong answer becomes
    assert default_threshold(str(tmp_path / "net.onnx"), tmp_path) == pytest.approx(np.ceil(100 * expected) / 100)
    assert "75.0 % of the answers reach it and 100.0 %" in capsys.readouterr().out


def test_a_section_is_written_once_and_keeps_the_rest():
    card = "# net\n\n## Calibration\n\nx\n\n## Use\n\ny\n"
    once = with_section(card, section(Choice(0.4, 0.9, 0.8, 0.4)))
    twice = with_section(once, section(Choice(0.45, 0.9, 0.8, 0.4)))
    assert once.count(threshold.TITLE) == twice.count(threshold.TITLE) == 1
    assert "below a probability of 0.45 are unsure" in twice
    assert "0.40" not in twice
    for part in ("# net\n\n## Calibration\n\nx\n\n", "\n\n## Use\n\ny\n"):
        assert part in once
        assert part in twice


def test_without_predictions_one_line_says_what_to_name(tmp_path):
    with pytest.raises(UserError, match=r"no predictions of the validation split .*name a run's folder"):
        threshold.main([str(tmp_path)])


def test_networks_of_runs_have_no_threshold_of_their_own(tmp_path):
    assert default_threshold(str(tmp_path / "best.ckpt")) == 0
    assert default_threshold("brightness") == 0
    assert default_threshold(str(shipped.network_path())) > 0.3
