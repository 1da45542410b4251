"""Compact convolutional transformer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import MLP, StochasticDepth

from fer.models.layers import check_share, he_init, linear_decay

TOKENIZER_CHANNELS = 64
"""Output channels of the tokenizer's convolutions, except the last one."""


class CCT(nn.Module):
    """Compact convolutional transformer (Hassani et al. 2021, arXiv:2104.05704) for small data sets.

    The tokenizer is a stack of 3×3 convolutions, each followed by ReLU and a 3×3 max pool of stride 2; with two
    convolutions 48×48 pixels become 12×12 tokens. A learned position embedding is added, pre-norm transformer layers
    follow, and an attention over the tokens (sequence pooling) replaces the class token. The defaults are CCT-4/3×2.

    width: size of a token; a multiple of `heads`. layers, heads: of the transformer. mlp_ratio: hidden units of its
    perceptrons, relative to `width`. convolutions: of the tokenizer.
    dropout, attention_dropout: shares in [0, 1) of token elements and of attention weights dropped in training.
    stochastic_depth: share in [0, 1) of images for which the last layer's branches are skipped in training; the shares
    of the earlier layers grow linearly up to it (Huang et al. 2016, arXiv:1603.09382).
    image_size: height and width for which positions are learned; for other sizes they are interpolated.
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
        self.layers = nn.Sequential(
            *(TransformerLayer(width, heads, hidden, dropout, attention_dropout, p) for p in rates)
        )
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Linear(width, 1, bias=False)  # a bias would not change the softmax
        self.output = nn.Linear(width, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial weights as published: truncated normal, and He for convolutions."""
        he_init(self)
        nn.init.trunc_normal_(self.positions, std=0.2)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Returns (B, F): the weighted mean of the tokens, F = width."""
        maps = self.tokenizer(images.expand(-1, self.in_channels, -1, -1))
        tokens = (maps + self.position_embedding(maps.shape[-2:])).flatten(2).transpose(1, 2)
        tokens = self.norm(self.layers(self.dropout(tokens)))
        return (self.weight(tokens).softmax(1) * tokens).sum(1)

    def position_embedding(self, size: torch.Size) -> Tensor:
        """Returns (1, width, *size), interpolated if the map has another size than the learned embedding."""
        if self.positions.shape[-2:] == size:
            return self.positions
        return F.interpolate(self.positions, size=size, mode="bicubic")


class TransformerLayer(nn.Module):
    """Self-attention and a perceptron, each after LayerNorm and with a shortcut; (B, tokens, width) -> the same."""

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
        tokens = tokens + self.depth(self.self_attention(self.first_norm(tokens)))
        return tokens + self.depth(self.perceptron(self.second_norm(tokens)))

    def self_attention(self, tokens: Tensor) -> Tensor:
        parts = self.queries_keys_values(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rate = self.attention_dropout if self.training else 0.0
        values = F.scaled_dot_product_attention(*parts.unbind(), dropout_p=rate)  # (B, heads, tokens, width / heads)
        return self.dropout(self.projection(values.transpose(1, 2).flatten(2)))


def tokenizer(in_channels: int, width: int, convolutions: int) -> nn.Sequential:
    """Returns layers (B, in_channels, H, W) -> (B, width, H / 2^convolutions, W / 2^convolutions), rounded up."""
    layers = nn.Sequential()
    for index in range(convolutions):
        out_channels = width if index == convolutions - 1 else TOKENIZER_CHANNELS
        convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        layers.extend([convolution, nn.ReLU(), nn.MaxPool2d(3, 2, 1)])
        in_channels = out_channels
    return layers
