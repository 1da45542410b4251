from fer.studies import history


def test_each_epoch_is_one_row(tmp_path):
    (tmp_path / "metrics.csv").write_text(
        "epoch,step,lr-SGD,train/loss,val/loss,val/accuracy\n"
        "0,3,0.1,,,\n0,9,,,1.23456,0.5\n0,9,,2.0,,\n1,12,0.1,,,\n1,19,,,1.0,0.6\n1,19,,1.5,,\n"
    )
    assert history.read(tmp_path / "metrics.csv") == [
        {"epoch": 1, "updates": 10, "train/loss": 2.0, "val/loss": 1.2346, "val/accuracy": 0.5},
        {"epoch": 2, "updates": 20, "train/loss": 1.5, "val/loss": 1.0, "val/accuracy": 0.6},
    ]


def test_validations_within_an_epoch_are_kept(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,val/accuracy\n0,129,0.3\n0,259,0.4\n0,389,0.5\n")
    assert [(row["updates"], row["val/accuracy"]) for row in history.read(tmp_path / "metrics.csv")] == [
        (130, 0.3),
        (260, 0.4),
        (390, 0.5),
    ]


def test_a_run_without_curves_has_none(tmp_path):
    assert history.read(tmp_path / "metrics.csv") == []
    (tmp_path / "metrics.csv").write_text("epoch,step,lr-SGD\n0,1,0.1\n")
    assert history.read(tmp_path / "metrics.csv") == []
