"""The peers' networks, by one interface: `hidden(ids [B, T], states)` gives what the tied head multiplies, and the
states from which the next token goes on. Products are taken in `dtype`, all else in float32.

    transformer   nanoGPT-like: pre-norm, causal attention, GELU over four times the width; rotary or learned positions
    bolt          FlashLM v4 "Bolt", from its formulas: gated causal depthwise convolution, ternary SiLU GLU
    thunderbolt   the model of this package, as fast.py computes it
"""

import math

import fast
import torch
import torch.nn.functional as F
from fast import Ternary, linear
from thunderbolt import Config, Thunderbolt
from torch import Tensor, nn

SEQ_LEN = 256


class Network(nn.Module):
    """Embedding, blocks, norm, and the embedding again as the head."""

    # the longest text that it reads at once; None: of any length
    longest: int | None = None

    def __init__(self, vocab: int, width: int, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype
        self.embed = nn.Parameter(torch.empty(vocab, width).normal_(std=0.02))
        self.blocks = nn.ModuleList()

    def start(self, ids: Tensor, position: int) -> Tensor:
        return F.embedding(ids, self.embed)

    def hidden(self, ids: Tensor, states=None, position: int = 0):
        x, after = self.start(ids, position), []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks)):
            x, left = block(x, state, position)
            after.append(left)
        return self.norm(x), after

    def logits(self, hidden: Tensor) -> Tensor:
        return linear(hidden, self.embed.to(self.dtype)).float()

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        logits = self.logits(self.hidden(ids)[0])
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def nats(self, ids: Tensor) -> Tensor:
        """-ln p of ids[:, 1:], each from those before it: [B, T]."""
        logits = self.logits(self.hidden(ids[:, :-1])[0])
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(ids[:, 1:].shape)


class Projection(nn.Linear):
    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype, std: float = 0.02):
        super().__init__(inputs, outputs, bias=False)
        nn.init.normal_(self.weight, std=std)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight.to(self.dtype)).float()


class AttentionBlock(nn.Module):
    def __init__(self, width: int, heads: int, layers: int, rotary: bool, dtype: torch.dtype):
        super().__init__()
        self.heads, self.rotary, self.dtype = heads, rotary, dtype
        residual = 0.02 / math.sqrt(2 * layers)
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = Projection(width, 3 * width, dtype), Projection(width, width, dtype, residual)
        self.up, self.down = Projection(width, 4 * width, dtype), Projection(4 * width, width, dtype, residual)
        half = width // heads // 2
        angles = torch.arange(SEQ_LEN)[:, None] * 10_000.0 ** (-torch.arange(half) / half)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def rotate(self, x: Tensor, position: int) -> Tensor:
        a, b = x.chunk(2, -1)
        cos, sin = (table[position : position + x.shape[-2]] for table in (self.cos, self.sin))
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def forward(self, x: Tensor, state, position: int):
        """`state` is the keys and values so far, for one token that comes after them."""
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in self.qkv(self.norm1(x)).chunk(3, -1))
        if self.rotary:
            q, k = self.rotate(q, position), self.rotate(k, position)
        if state is not None:
            k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
        z = F.scaled_dot_product_attention(*(y.to(self.dtype) for y in (q, k, v)), is_causal=state is None)
        x = x + self.out(z.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x)))), (k, v)


class Transformer(Network):
    longest = SEQ_LEN

    def __init__(self, vocab: int, width: int, layers: int, heads: int, rotary: bool, dtype: torch.dtype):
        super().__init__(vocab, width, dtype)
        self.positions = None if rotary else nn.Parameter(torch.empty(SEQ_LEN, width).normal_(std=0.02))
        self.blocks.extend(AttentionBlock(width, heads, layers, rotary, dtype) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)

    def start(self, ids: Tensor, position: int) -> Tensor:
        x = super().start(ids, position)
        return x if self.positions is None else x + self.positions[position : position + ids.shape[1]]


class BitLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).normal_(std=math.sqrt(2 / outputs)))
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, Ternary.apply(self.weight, self.dtype)).float()


class BoltBlock(nn.Module):
    KERNEL = 8

    def __init__(self, width: int, glu: int, dtype: torch.dtype):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.up, self.down = BitLinear(width, 2 * width, dtype), BitLinear(width, width, dtype)
        # He, by the outputs, as the release starts it: width * KERNEL of them
        self.kernel = nn.Parameter(torch.empty(width, self.KERNEL).normal_(std=math.sqrt(2 / (width * self.KERNEL))))
        self.glu_gate, self.glu_up = BitLinear(width, glu, dtype), BitLinear(width, glu, dtype)
        self.glu_down = BitLinear(glu, width, dtype)

    def forward(self, x: Tensor, state, position: int):
        """`state` is the last seven values."""
        gate, value = self.up(self.norm1(x)).chunk(2, -1)
        before = value.new_zeros(value.shape[0], self.KERNEL - 1, value.shape[2]) if state is None else state
        seen = torch.cat([before, value], 1)
        # a depthwise F.conv1d, which takes three times as long as this once it is compiled
        mixed = sum(seen[:, i : i + x.shape[1]] * self.kernel[:, i] for i in range(self.KERNEL))
        x = x + self.down(mixed * torch.sigmoid(gate))
        y = self.norm2(x)
        return x + self.glu_down(F.silu(self.glu_gate(y)) * self.glu_up(y)), seen[:, 1 - self.KERNEL :]


class Bolt(Network):
    def __init__(self, vocab: int, width: int, layers: int, glu: int, dtype: torch.dtype):
        super().__init__(vocab, width, dtype)
        self.blocks.extend(BoltBlock(width, glu, dtype) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-6)


class ThunderboltPeer(Network):
    """fast.py's blocks, for which time comes first."""

    def __init__(self, config: Config, dtype: torch.dtype):
        super().__init__(config.vocab, config.d_model, dtype)
        source = fast.Fast(Thunderbolt(config), dtype, chunk=16)
        self.embed, self.norm, self.blocks = source.embed, source.ln_out, source.blocks
        self.widths = (config.d_model, config.d_model, config.n_heads * config.d_head)

    def nothing(self, batch: int):
        """The state of a block before the first token."""
        return tuple(self.embed.new_zeros(1, batch, width) for width in self.widths)

    def hidden(self, ids: Tensor, states=None, position: int = 0):
        length = ids.shape[1]
        if length == 1 and states is None:
            states = [self.nothing(len(ids))] * len(self.blocks)
        # the scan takes chunks of 16; what is added at the end is read by nobody before it
        x = F.embedding(ids if states else F.pad(ids, (0, -length % 16)), self.embed).transpose(0, 1)
        after = []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks)):
            x, left = block(x, None, state)
            after.append(left)
        return self.norm(x).transpose(0, 1)[:, :length], after


# what each peer is, what it is trained with, and what the table says of it
PEERS = {
    "transformer": {
        "about": "transformer of equal parameters: 5 layers, width 256, 8 heads, rotary positions",
        "network": lambda vocab, dtype: Transformer(vocab, 256, 5, 8, True, dtype),
        "settings": {"batch": 4, "lr": 2e-3, "decay": 0.1},
    },
    "thunderbolt": {
        "about": "this model in PyTorch: preset `medium`",
        "network": lambda vocab, dtype: ThunderboltPeer(Config(vocab, 256, 8, 32, 6, 768), dtype),
        "settings": {"batch": 4, "lr": 5e-3, "decay": 0.05},
    },
    "tinystories-1m": {
        "about": "TinyStories-1M's shape: 8 layers, width 64, 16 heads, learned positions",
        "network": lambda vocab, dtype: Transformer(vocab, 64, 8, 16, False, dtype),
        "settings": {"batch": 4, "lr": 4e-3, "decay": 0.1},
    },
    "bolt": {
        "about": 'FlashLM v4 "Bolt": 6 blocks, width 192, kernel 8, GLU 512',
        "network": lambda vocab, dtype: Bolt(vocab, 192, 6, 512, dtype),
        "settings": {"batch": 4, "lr": 4e-3, "decay": 0.01},
    },
}
