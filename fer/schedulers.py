"""Learning-rate schedules that torch.optim lacks."""

import math
from bisect import bisect_right
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class WarmupCosine(LambdaLR):
    """Linear warm-up to the optimizer's learning rate, then half a cosine down to `min_lr_ratio` of it.

    It steps once for each optimizer step t = 0, 1, … With w = round(warmup·total_steps) and r = min_lr_ratio the factor
    is (t+1)/(w+1) while t < w, then r + (1-r)·(1 + cos(π·(t-w)/(total_steps-w)))/2, and r after total_steps. Loshchilov
    and Hutter 2017, https://arxiv.org/abs/1608.03983, without restarts; warm-up as in Goyal et al. 2017,
    https://arxiv.org/abs/1706.02677.

    total_steps: optimizer steps of the whole run. warmup: the share of them that warms up, in [0, 1). min_lr_ratio: in
    [0, 1]. Raises ValueError for values out of range.
    """

    def __init__(
        self, optimizer: Optimizer, total_steps: int, warmup: float = 0.05, min_lr_ratio: float = 0.0, last_epoch=-1
    ):
        if not isinstance(total_steps, int) or total_steps < 1:
            raise ValueError(f"scheduler.total_steps is {total_steps}; it must be the optimizer steps of the whole run")
        if not 0 <= warmup < 1:
            raise ValueError(f"scheduler.warmup is {warmup}; it must be a share of the run, at least 0 and below 1")
        if not 0 <= min_lr_ratio <= 1:
            raise ValueError(f"scheduler.min_lr_ratio is {min_lr_ratio}; it must lie between 0 and 1")
        warmup_steps = round(warmup * total_steps)
        cosine_steps = max(1, total_steps - warmup_steps)

        def factor(step: int) -> float:  # a plain function: LambdaLR leaves it out of the state it saves
            if step < warmup_steps:
                return (step + 1) / (warmup_steps + 1)
            progress = min(1.0, (step - warmup_steps) / cosine_steps)
            return min_lr_ratio + (1 - min_lr_ratio) * (1 + math.cos(math.pi * progress)) / 2

        super().__init__(optimizer, factor, last_epoch)


class Piecewise(LambdaLR):
    """Constant learning rates: from milestones[i] on, the rate is factors[i] times the optimizer's.

    milestones: epochs, or steps where the schedule steps so, ascending. factors: as many, at least 0. Unlike those of
    torch's MultiStepLR, factors may differ. Raises ValueError for other values.
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], factors: Sequence[float], last_epoch: int = -1):
        if len(milestones) != len(factors) or list(milestones) != sorted({*milestones}):
            raise ValueError(
                f"scheduler.milestones is {milestones}; it must ascend, with one of scheduler.factors each"
            )
        if any(not 0 <= factor < math.inf for factor in factors):
            raise ValueError(f"scheduler.factors is {factors}; they must be at least 0")
        levels = [1.0, *factors]
        super().__init__(optimizer, lambda step: levels[bisect_right(milestones, step)], last_epoch)
