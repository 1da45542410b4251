"""Classification losses for hard and soft targets, with optional class weights."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASS_WEIGHTS = ("none", "balanced")


def class_weight(class_counts: Sequence[int], class_weights: str) -> Tensor | None:
    """Returns weights (C,), float32: w_c = N / (C·n_c) for "balanced", as in scikit-learn; None for "none".

    Raises ValueError for another name, and for "balanced" when a class has no image.
    """
    if class_weights not in CLASS_WEIGHTS:
        raise ValueError(f"loss.class_weights is {class_weights!r}; choose one of {', '.join(CLASS_WEIGHTS)}")
    if class_weights == "none":
        return None
    counts = positive_counts(class_counts, "loss.class_weights=balanced", "loss.class_weights=none")
    return (counts.sum() / (len(counts) * counts)).float()


def log_prior(class_counts: Sequence[int]) -> Tensor:
    """Returns the logarithms (C,), float32, of the classes' shares of the training images.

    Raises ValueError if a class has no image.
    """
    counts = positive_counts(class_counts, "logit adjustment", "loss.logit_adjustment=0")
    return (counts / counts.sum()).log().float()


def positive_counts(class_counts: Sequence[int], purpose: str, alternative: str) -> Tensor:
    """Returns the counts as (C,) float64 on the CPU, whatever the default device.

    Raises ValueError if a class has no image; purpose, alternative: what needs the images, and what does not.
    """
    counts = torch.tensor(list(class_counts), dtype=torch.float64, device="cpu")
    if len(counts) == 0 or counts.min() <= 0:
        raise ValueError(
            f"{purpose} needs training images of every class, found {list(class_counts)} a class; "
            f"use {alternative} or other labels"
        )
    return counts


class Loss(nn.Module):
    """Base class of the losses: averages per-image losses, which subclasses define in `per_image`.

    class_counts: training images of each class, in class order; used by balanced weights and logit adjustment.
    class_weights: "none" or "balanced", see `class_weight`.
    logit_adjustment: τ ≥ 0 of Menon et al. 2021, "Long-tail learning via logit adjustment", arXiv:2007.07314. The loss
        takes z_c + τ·log π_c as logits, where π_c is the share of class c among the training images; predictions use z.
        τ = 1 aims at balanced accuracy instead of accuracy. Do not combine it with data.balance=sampler or balanced
        weights, which correct the same imbalance a second time. Raises ValueError for a negative or infinite value.
    """

    weight: Tensor | None  # (C,)
    shift: Tensor | None  # (C,), added to logits

    def __init__(self, class_counts: Sequence[int], class_weights: str = "none", logit_adjustment: float = 0.0):
        super().__init__()
        if not 0 <= logit_adjustment < float("inf"):
            raise ValueError(f"loss.logit_adjustment is {logit_adjustment}; it must be 0 or a positive number")
        shift = logit_adjustment * log_prior(class_counts) if logit_adjustment else None
        self.register_buffer("weight", class_weight(class_counts, class_weights), persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss, a float32 scalar; with weights Σ w_i·l_i / Σ w_i, where w_i = Σ_c w_c·t_ic.

        logits: (N, C), float. targets: class codes (N,), int64, or probabilities (N, C), float. Raises ValueError
        if the shapes differ. Codes become one-hot rows first, because torch weights the two kinds differently.
        """
        logits = logits.float()  # half precision loses the tail of the softmax
        if targets.ndim == 1:
            targets = F.one_hot(targets, logits.shape[1])
        if targets.shape != logits.shape:
            raise ValueError(f"targets of shape {tuple(targets.shape)} do not fit logits of {tuple(logits.shape)}")
        targets = targets.float()
        if self.shift is not None:
            logits = logits + self.shift
        losses = self.per_image(logits, targets)
        if self.weight is None:
            return losses.mean()
        weights = (targets * self.weight).sum(1)  # not a matmul, which autocast would run in half precision
        return (weights * losses).sum() / weights.sum()

    def per_image(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Returns losses (N,) from logits (N, C) and target probabilities (N, C), all float32."""
        raise NotImplementedError


class CrossEntropy(Loss):
    """Cross entropy; label_smoothing s mixes targets with the uniform distribution: (1-s)·t + s/C.

    Szegedy et al. 2016, https://arxiv.org/abs/1512.00567. Smoothing changes an image's loss, not its weight. Without
    weights, or without smoothing, the value for class codes is that of torch.nn.CrossEntropyLoss.
    """

    def __init__(
        self,
        class_counts: Sequence[int],
        class_weights: str = "none",
        label_smoothing: float = 0.0,
        logit_adjustment: float = 0.0,
    ):
        super().__init__(class_counts, class_weights, logit_adjustment)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"loss.label_smoothing is {label_smoothing}; it must be at least 0 and below 1")
        self.label_smoothing = label_smoothing

    def per_image(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, reduction="none", label_smoothing=self.label_smoothing)


class Focal(Loss):
    """Focal loss -Σ_c t_c·(1-p_c)^γ·log p_c: cross entropy that weights easy images less; γ = 0 is cross entropy.

    Lin et al. 2017, https://arxiv.org/abs/1708.02002.
    """

    def __init__(
        self,
        class_counts: Sequence[int],
        class_weights: str = "none",
        gamma: float = 2.0,
        logit_adjustment: float = 0.0,
    ):
        super().__init__(class_counts, class_weights, logit_adjustment)
        if not 0 <= gamma < float("inf"):
            raise ValueError(f"loss.gamma is {gamma}; it must be 0 or a positive number")
        self.gamma = gamma

    def per_image(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.log_softmax(1)
        miss = (1 - log_p.exp()).clamp_min(1e-6)  # the slope of x^γ is infinite at 0 for γ < 1
        return -(targets * miss**self.gamma * log_p).sum(1)


class L2SVM(Loss):
    """One-vs-rest squared hinge: the mean over classes of max(0, margin - y_c·z_c)², y = 2t - 1, so ±1 for class codes.

    Tang 2013, https://arxiv.org/abs/1306.0239; it won the FER2013 challenge. The optimizer's weight decay is the
    SVM's regulariser. The paper sums over classes; the mean keeps gradients about as large as those of cross
    entropy, so that the same learning rates work.
    """

    def __init__(self, class_counts: Sequence[int], class_weights: str = "none", margin: float = 1.0):
        super().__init__(class_counts, class_weights)
        if not 0 < margin < float("inf"):
            raise ValueError(f"loss.margin is {margin}; it must be a positive number")
        self.margin = margin

    def per_image(self, logits: Tensor, targets: Tensor) -> Tensor:
        return (self.margin - (2 * targets - 1) * logits).clamp_min(0).square().mean(1)
