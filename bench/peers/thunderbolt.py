"""FlashLM v5 "Thunderbolt" in PyTorch, from its formulas: the oracle of the golden files and a peer for speed.

Parameter names are those of the original state_dict. `head_norm` "token" is causal; "window" is the release's, which
shows every token the future.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab: int
    d_model: int
    n_heads: int
    d_head: int
    n_layers: int
    d_ffn: int
    head_norm: str = "token"


class Ternary(torch.autograd.Function):
    """s * clamp(round(W / s), -1, 1), s = max(mean|W|, 1e-5); the gradient passes straight through."""

    @staticmethod
    def forward(ctx, weight):
        scale = weight.abs().mean().clamp(min=1e-5)
        return scale * (weight / scale).round().clamp(-1, 1)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class BitLinear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)
        nn.init.normal_(self.weight, std=math.sqrt(2 / outputs))

    def forward(self, x):
        return F.linear(x, Ternary.apply(self.weight))


def shift(y, mix):
    m = torch.sigmoid(mix)
    before = F.pad(y, (0, 0, 1, 0))[:, :-1]
    return m * y + (1 - m) * before


class Recurrence(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        D, C = config.d_model, config.n_heads * config.d_head
        self.config = config
        self.floor = 0.9 * layer / max(1, config.n_layers - 1)
        self.f_bias = nn.Parameter(torch.zeros(C))
        self.W_f, self.W_v, self.W_o = (BitLinear(D, C) for _ in range(3))
        self.W_proj = BitLinear(C, D)
        self.gn = nn.GroupNorm(config.n_heads, C)

    def forward(self, a):
        f = self.floor + (1 - self.floor) * torch.sigmoid(self.W_f(a) + self.f_bias)
        v, o = self.W_v(a), torch.sigmoid(self.W_o(a))
        h, rows = torch.zeros_like(v[:, 0]), []
        for t in range(a.shape[1]):
            h = f[:, t] * h + (1 - f[:, t]) * v[:, t]
            rows.append(h)
        gated = o * torch.stack(rows, 1)
        if self.config.head_norm == "window":
            z = self.gn(gated.transpose(1, 2)).transpose(1, 2)
        else:
            z = self.gn(gated.flatten(0, 1)).view_as(gated)
        return self.W_proj(z)


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        D = config.d_model
        self.mix1, self.mix2 = (nn.Parameter(torch.zeros(D)) for _ in range(2))
        self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.rec = Recurrence(config, layer)
        self.ffn_up, self.ffn_down = BitLinear(D, config.d_ffn), BitLinear(config.d_ffn, D)

    def forward(self, x):
        x = x + self.rec(shift(self.ln1(x), self.mix1))
        return x + self.ffn_down(F.relu(self.ffn_up(shift(self.ln2(x), self.mix2))).square())


class Thunderbolt(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.d_model)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.ln_out = nn.LayerNorm(config.d_model)
        # the original state_dict names the embedding twice; on "meta" it takes no random numbers
        self.head = nn.Linear(config.d_model, config.vocab, bias=False, device="meta")
        self.head.weight = self.embed.weight

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.ln_out(x) @ self.embed.weight.t()
