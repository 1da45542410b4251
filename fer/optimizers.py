"""Optimizers that torch.optim lacks."""

from collections.abc import Callable

import torch
from torch import Tensor

from fer.hardware import cpu_has_bf16

LARGE = 65_536
"""Elements from which bfloat16 saves noticeable time."""


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Returns the matrix (rows, columns) with singular values of about 1 and the same singular vectors.

    Newton-Schulz iteration with the coefficients of Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/,
    which are fast but not exact: singular values end between about 0.7 and 1.2. Large matrices are multiplied in
    bfloat16 on hardware with bfloat16 instructions, which halves the time.
    """
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix  # the Gram matrix of the shorter side
    in_bf16 = matrix.is_cuda or (matrix.numel() >= LARGE and cpu_has_bf16())
    x = wide.bfloat16() if in_bf16 else wide.float()
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.T if wide is not matrix else x).to(matrix.dtype)


def average(state: dict, name: str, value: Tensor, beta: float) -> Tensor:
    """Updates and returns the exponential moving average of `value` in state[name], which starts at zero."""
    if name not in state:
        state[name] = torch.zeros_like(value)
    return state[name].lerp_(value, 1 - beta)


class Muon(torch.optim.Optimizer):
    """Muon for matrices and convolution kernels (flattened to rows × the rest), Adam for biases and norms.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/: Nesterov momentum, orthogonalised. Its update is
    scaled to AdamW's usual size, 0.2·√max(rows, columns), so that one `lr` of AdamW's order serves every parameter
    (Liu et al. 2025, https://arxiv.org/abs/2502.16982). `momentum` is also Adam's first beta; `weight_decay` is
    decoupled from the gradient. torch.optim.Muon does the same for matrices and refuses all other shapes.
    """

    def __init__(
        self, params, lr: float = 1e-3, weight_decay: float = 0.01, momentum: float = 0.95, beta2: float = 0.95
    ):
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "beta2": beta2}
        for name, value in defaults.items():
            if not 0 <= value < (1 if name in ("momentum", "beta2") else float("inf")):
                raise ValueError(f"optimizer.{name} is {value}; it must be at least 0, momentum and beta2 below 1")
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore  # torch omits None
        """Updates every parameter that has a gradient; returns the result of `closure`, None without one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    state = self.state[param]
                    if param.ndim >= 2:
                        update = self.muon(param.grad, state, group)
                    else:
                        update = self.adam(param.grad, state, group)
                    param.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
        return loss

    def muon(self, gradient: Tensor, state: dict, group: dict) -> Tensor:
        """Returns the update of a matrix or kernel, before the learning rate."""
        mean = average(state, "mean", gradient, group["momentum"])
        ahead = gradient.lerp(mean, group["momentum"]).flatten(1)  # Nesterov: one step further along the average
        return orthogonalise(ahead).reshape(gradient.shape) * (0.2 * max(ahead.shape) ** 0.5)

    def adam(self, gradient: Tensor, state: dict, group: dict) -> Tensor:
        """Returns Adam's update, before the learning rate."""
        beta1, beta2 = group["momentum"], group["beta2"]
        state["step"] = state.get("step", 0) + 1
        mean = average(state, "mean", gradient, beta1) / (1 - beta1 ** state["step"])
        square = average(state, "square", gradient.square(), beta2) / (1 - beta2 ** state["step"])
        return mean / (square.sqrt() + 1e-8)
