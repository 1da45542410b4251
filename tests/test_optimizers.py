import io
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from fer import parts
from fer.optimizers import Muon, orthogonalise

NODES = sorted((Path(__file__).parents[1] / "conf" / "optimizer").glob("*.yaml"))


def tiny():
    """A convolution, a norm and a linear layer: every shape of parameter."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def train(model, optimizer, steps):
    """Fits one random batch; returns the loss before each step."""
    generator = torch.Generator().manual_seed(1)
    images, targets = torch.randn(8, 1, 6, 6, generator=generator), torch.arange(8) % 3
    images, losses = images.to(next(model.parameters()).dtype), []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def drive(optimizer, params, steps=5):
    """Steps over gradients drawn from a seed."""
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator)
        optimizer.step()


def saved(state):
    """`state` after a checkpoint that is loaded the safe way."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.fixture(params=NODES, ids=lambda path: path.stem)
def node(request):
    return OmegaConf.load(request.param)


def test_option_lowers_the_loss(node):
    model = tiny()
    losses = train(model, hydra.utils.instantiate(node, list(model.parameters())), 20)
    assert losses[-1] < losses[0]


def test_option_takes_groups_with_their_own_weight_decay(node):
    kernel, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    groups = [{"params": [kernel], "weight_decay": 0.3}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = hydra.utils.instantiate(node, groups)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
    assert optimizer.param_groups[0]["params"][0] is kernel


def test_option_resumes_exactly(node):
    model = tiny()
    optimizer = hydra.utils.instantiate(node, list(model.parameters()))
    train(model, optimizer, 3)
    twin = tiny()
    twin.load_state_dict(model.state_dict())
    resumed = hydra.utils.instantiate(node, list(twin.parameters()))
    resumed.load_state_dict(saved(optimizer.state_dict()))
    assert train(twin, resumed, 3) == train(model, optimizer, 3)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_orthogonalise_keeps_the_singular_vectors_and_evens_out_the_values(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    values = u.T @ orthogonalise(matrix) @ vh.T
    torch.testing.assert_close(values, values.diag().diag(), atol=1e-4, rtol=0)
    assert values.diag().min() > 0.6
    assert values.diag().max() < 1.3


@pytest.mark.parametrize("has_bf16", [False, True])
def test_large_matrices_are_orthogonalised_alike_in_bfloat16(monkeypatch, has_bf16):
    monkeypatch.setattr("fer.optimizers.cpu_has_bf16", lambda: has_bf16)
    torch.manual_seed(0)
    matrix = torch.randn(256, 512)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    values = u.T @ orthogonalise(matrix) @ vh.T
    assert (values - values.diag().diag()).norm() < 0.03 * values.norm()
    assert values.diag().min() > 0.6
    assert values.diag().max() < 1.3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("shape", [(16, 48), (48, 16)])
def test_matrices_move_as_in_torchs_muon(shape):
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    actual, expected = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    options = {"lr": 0.1, "weight_decay": 0.5, "momentum": 0.9}
    drive(Muon([actual], **options), [actual])
    drive(torch.optim.Muon([expected], adjust_lr_fn="match_rms_adamw", **options), [expected])
    assert (actual - expected).norm() < 0.02 * (expected - start).norm()  # torch iterates in bfloat16 everywhere


def test_biases_move_as_in_adamw():
    actual, expected = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    drive(Muon([actual], lr=0.1, weight_decay=0.5, momentum=0.9), [actual])
    drive(torch.optim.AdamW([expected], lr=0.1, weight_decay=0.5, betas=(0.9, 0.95)), [expected])
    torch.testing.assert_close(actual, expected)


def test_a_kernel_moves_as_the_matrix_of_its_rows():
    kernel, matrix = nn.Parameter(torch.zeros(8, 2, 3, 3)), nn.Parameter(torch.zeros(8, 18))
    drive(Muon([kernel], lr=0.1), [kernel])
    drive(Muon([matrix], lr=0.1), [matrix])
    torch.testing.assert_close(kernel.flatten(1), matrix)


def test_muon_trains_in_bfloat16():
    model = tiny().bfloat16()
    losses = train(model, Muon(model.parameters(), lr=0.01), 20)
    assert losses[-1] < 0.9 * losses[0]


def test_muon_leaves_a_parameter_without_gradient_alone():
    frozen = nn.Parameter(torch.ones(2, 2))
    Muon([frozen], weight_decay=0.5).step()
    assert (frozen == 1).all()


def test_muon_stays_finite_on_a_zero_gradient():
    params = [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))]
    optimizer = Muon(params)
    for param in params:
        param.grad = torch.zeros_like(param)
    optimizer.step()
    assert all(param.isfinite().all() for param in params)


@pytest.mark.parametrize(
    ("node", "rate"),
    [
        ({"_target_": "torch.optim.SGD", "lr": 0.5}, 0.5),
        ({"_target_": "torch.optim.Adadelta"}, 1.0),
        ({"_target_": "timm.optim.create_optimizer_v2", "opt": "lion"}, None),
    ],
)
def test_the_learning_rate_is_that_of_the_class_unless_it_is_given(node, rate):
    assert parts.learning_rate(node) == rate


@pytest.mark.parametrize("option", [{"lr": -1}, {"momentum": 1.0}, {"beta2": 1.0}, {"weight_decay": float("nan")}])
def test_muon_names_a_bad_option(option):
    with pytest.raises(ValueError, match=f"optimizer.{next(iter(option))} "):
        Muon([nn.Parameter(torch.ones(1))], **option)
