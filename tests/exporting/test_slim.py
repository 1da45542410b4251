import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from fer import checkpoint, options
from fer.config import compose_config
from fer.exporting.slim import slim
from fer.prediction.torch_network import TorchNetwork


@pytest.mark.parametrize("half", [False, True])
def test_a_slim_checkpoint_answers_like_the_whole_one(checkpoint_file, tmp_path, faces, half):
    torch.save(slim(checkpoint.read(checkpoint_file), 1.5, half), tmp_path / "slim.pt")
    ours, whole = TorchNetwork(tmp_path / "slim.pt"), TorchNetwork(checkpoint_file)
    whole.temperature = 1.5
    assert ours.temperature == 1.5
    assert np.abs(ours.probabilities(faces) - whole.probabilities(faces)).max() < (0.01 if half else 1e-6)
    assert (tmp_path / "slim.pt").stat().st_size < checkpoint_file.stat().st_size


def texts(node) -> list[str]:
    """Every text in a file's content, keys included."""
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in [str(key), *texts(value)]]
    if isinstance(node, list | tuple):
        return [text for item in node for text in texts(item)]
    return [node] if isinstance(node, str) else []


PLACES = ["/home/me/faces", "~/faces", "C:\\faces", "\\\\server\\faces", "secret/faces", "faces"]


@pytest.mark.parametrize("path", PLACES)
def test_no_path_of_the_machine_travels(checkpoint_file, tmp_path, path):
    """Not of any place of the table, nor absolute ones of options that nobody knows."""
    cfg = OmegaConf.to_container(compose_config(["output_dir=x"]), resolve=True)
    for name in options.PLACES:
        node = cfg
        *above, key = name.replace("*", "mine").split(".")
        for part in above:
            node = node.setdefault(part, {})
        node[key] = [path, f"{path}2"] if options.row(name).many else path
    if path != "faces" and not path.startswith("secret"):
        cfg["callbacks"]["mine"] = {"_target_": "mine.Callback", "log": path, "others": [path]}
    content = checkpoint.read(checkpoint_file)
    content["hyper_parameters"]["experiment"] = cfg
    torch.save(slim(content, None, half=False), tmp_path / "slim.pt")
    left = torch.load(tmp_path / "slim.pt", weights_only=True)
    assert set(left) == {"hyper_parameters", "state_dict", "temperature"}
    assert not [text for text in texts(left["hyper_parameters"]) if path in text]
    assert left["hyper_parameters"]["experiment"]["data"]["source"] == "auto"
    assert left["hyper_parameters"]["model"] == content["hyper_parameters"]["model"]
