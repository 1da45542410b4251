"""Compact convolutional transformer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import MLP, StochasticDepth

from fer.models.layers import check_share, draw_he, linear_decay

FIRST = 64
"""Channels between the convolutions of the tokenizer."""


class CCT(nn.Module):
    """Compact convolutional transformer (Hassani et al. 2021, arXiv:2104.05704) for small data sets.

    3×3 convolutions, each followed by ReLU and a 3×3 max pool of stride 2, make tokens of the image: at 48 pixels and
    with two convolutions 12×12. Learned positions are added, transformer layers with the norm first follow, and an
    attention over the tokens (sequence pooling) takes the place of a class token. The defaults are CCT-4/3×2.

    width: of a token; a multiple of `heads`. layers, heads: of the transformer. mlp_ratio: hidden units of its
    perceptrons over width. convolutions: of the tokenizer.
    dropout, attention_dropout: shares in [0, 1) of token elements and of attention weights dropped in training.
    stochastic_depth: share in [0, 1) of images for which the last layer's branches are left out in training; the shares
    of the earlier layers grow linearly towards it.
    image_size: side for which there are positions; for other sizes they are interpolated.
    Input: (B, 1 or in_channels, H, W) float, any size; a grey image is repeated over `in_channels`. Output:
    (B, num_classes) logits. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        num_classes: int,
        width: int = 128,
        layers: int = 4,
        heads: int = 2,
        mlp_ratio: float = 1.0,
        convolutions: int = 2,
        dropout: float = 0.0,
        attention_dropout: float = 0.1,
        stochastic_depth: float = 0.1,
        in_channels: int = 1,
        image_size: int = 48,
    ):
        super().__init__()
        if width % heads:
            raise ValueError(f"model.width={width}: expected a multiple of model.heads={heads}")
        check_share("model.dropout", dropout)
        check_share("model.attention_dropout", attention_dropout)
        self.in_channels = in_channels
        self.tokenizer = tokenizer(in_channels, width, convolutions)
        side = image_size
        for _ in range(convolutions):
            side = (side + 1) // 2
        self.positions = nn.Parameter(torch.empty(1, width, side, side))
        self.dropout = nn.Dropout(dropout)
        hidden, rates = round(width * mlp_ratio), linear_decay(layers, stochastic_depth)
        self.layers = nn.Sequential(*(Layer(width, heads, hidden, dropout, attention_dropout, p) for p in rates))
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Linear(width, 1, bias=False)  # a bias would not change the softmax
        self.output = nn.Linear(width, num_classes)
        self.draw()

    def draw(self) -> None:
        """Draws the initial weights as published: truncated normal but for convolutions."""
        draw_he(self)
        nn.init.trunc_normal_(self.positions, std=0.2)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """(B, F): the weighted mean of the tokens, F = width."""
        maps = self.tokenizer(images.expand(-1, self.in_channels, -1, -1))
        tokens = (maps + self.placed(maps.shape[-2:])).flatten(2).transpose(1, 2)
        tokens = self.norm(self.layers(self.dropout(tokens)))
        return (self.weight(tokens).softmax(1) * tokens).sum(1)

    def placed(self, size: torch.Size) -> Tensor:
        """(1, width, *size): the positions for a map of that size."""
        if self.positions.shape[-2:] == size:
            return self.positions
        return F.interpolate(self.positions, size=size, mode="bicubic")


class Layer(nn.Module):
    """Self-attention and perceptron, each with LayerNorm before it and a shortcut around it; (B, tokens, width)."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, attention_dropout: float, rate: float):
        super().__init__()
        self.heads, self.attention_dropout = heads, attention_dropout
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.projection = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.perceptron = MLP(width, [hidden, width], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        self.depth = StochasticDepth(rate, "row")

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.depth(self.attended(self.first_norm(tokens)))
        return tokens + self.depth(self.perceptron(self.second_norm(tokens)))

    def attended(self, tokens: Tensor) -> Tensor:
        parts = self.queries_keys_values(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rate = self.attention_dropout if self.training else 0.0
        values = F.scaled_dot_product_attention(*parts.unbind(), dropout_p=rate)  # (B, heads, tokens, width / heads)
        return self.dropout(self.projection(values.transpose(1, 2).flatten(2)))


def tokenizer(in_channels: int, width: int, convolutions: int) -> nn.Sequential:
    """(B, in_channels, H, W) -> (B, width, H / 2^convolutions, W / 2^convolutions), rounded up."""
    layers, before = [], in_channels
    for index in range(convolutions):
        after = width if index == convolutions - 1 else FIRST
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        before = after
    return nn.Sequential(*layers)
