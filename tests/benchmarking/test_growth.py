import pytest
from omegaconf import OmegaConf

from fer.benchmark import benchmark
from fer.benchmarking import results
from fer.benchmarking.growth import axis_values, config_at
from fer.config import compose_config
from fer.errors import UserError


def test_growth_changes_its_axis_only(tiny):
    cfg = tiny()
    for axis, value, path, expected in (
        ("batch_size", 16, "data.batch_size", 16),
        ("threads", 1, "threads", 1),
        ("width", 0.5, "model.blocks", [[4], [8]]),
        ("data", 70, "data.synthetic.train", 70),
    ):
        cfg.growth = axis
        changed = config_at(cfg, value)
        assert OmegaConf.select(changed, path) == expected
        OmegaConf.update(changed, path, OmegaConf.select(cfg, path))
        changed.model.head = cfg.model.head
        assert changed == cfg


def test_real_data_grow_by_their_limit():
    cfg = compose_config(["data=fer2013", "growth=data"], name="benchmark")
    assert config_at(cfg, 1000).data.limit == 1000


def test_width_needs_a_network_with_blocks():
    cfg = compose_config(["model=resnet18", "growth=width"], name="benchmark")
    with pytest.raises(UserError, match=r"model\.blocks"):
        config_at(cfg, 2)


def test_threads_double_up_to_the_cores(monkeypatch, tiny):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert axis_values(tiny("growth=threads")) == [1, 2, 4, 6]


@pytest.mark.full
def test_growth_leaves_out_batches_larger_than_the_data(tmp_path, capsys, tiny):
    overrides = ["growth=batch_size", "values.batch_size=[35,200]", "columns=[ceiling]", "rounds=1", "steps=1"]
    files = benchmark(tiny(*overrides, f"output_dir={tmp_path}"))
    assert files == ["README.md", "report.html", "growth_batch_size.csv", "growth_batch_size.png"]
    assert results.read(tmp_path / "growth_batch_size.csv")["value"].tolist() == [35]
    assert "left out: data.batch_size=200: the training split has 140 images" in capsys.readouterr().out
