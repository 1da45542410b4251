from pathlib import Path

from omegaconf import OmegaConf

from fer.containers import plain
from fer.training.building import with_output_dir


def test_a_run_in_another_folder_keeps_its_options_and_interprets_no_text_twice():
    options = {"output_dir": "a", "log": "${output_dir}/log", "seed": 1, "same": "${seed}", "text": r"\${seed}"}
    moved = with_output_dir(OmegaConf.create(options), Path("b"))
    assert plain(moved) == {"output_dir": "b", "log": "b/log", "seed": 1, "same": 1, "text": "${seed}"}
