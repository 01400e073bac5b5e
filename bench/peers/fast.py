"""The model of thunderbolt.py written for speed, and the timing of one variant: the process that pytorch.py starts.

    python bench/peers/fast.py check
    python bench/peers/fast.py '{"work": "train", "dtype": "float32", "mode": "eager", "scan": "sequential",
                                 "batch": 8, "threads": 1, "seconds": 4}'

What it does otherwise than thunderbolt.py: time comes first, so that one step of the recurrence is contiguous; forget
gate, value and output gate are one product; the recurrence has its own backward pass instead of a graph of T nodes.
"""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from thunderbolt import Config, Thunderbolt
from torch import Tensor, nn

V5 = Config(vocab=8192, d_model=384, n_heads=8, d_head=48, n_layers=18, d_ffn=1152)
SEQ_LEN = 256
ADAMW = dict(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.05)
CLIP = 1.0
# steps that a chunk of the recurrence takes one after the other
SCANS = {"sequential": SEQ_LEN, "chunks of 16": 16}
FUSED = ("W_f", "W_v", "W_o")


class Ternary(torch.autograd.Function):
    """A matrix, or a stack of them with a scale each, quantised as thunderbolt.py does, in the type of the product."""

    @staticmethod
    def forward(ctx, weight: Tensor, dtype: torch.dtype):
        scale = weight.abs().mean((-2, -1), keepdim=True).clamp(min=1e-5)
        return (weight / scale).round_().clamp_(-1, 1).mul_(scale).to(dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.float(), None


def linear_scan(a: Tensor, b: Tensor, chunk: int, reverse: bool = False) -> Tensor:
    """s_t = a_t s_before + b_t, where the one before is t - 1, or t + 1 in reverse.

    The chunks go side by side, each from zero, and what enters a chunk is added afterwards, times the product of its
    a. Those products only shrink (0 < a < 1) and nothing is divided by them, so that none of it can overflow. One
    chunk of the whole length is the plain sequential scan.
    """
    a, b = (x.unflatten(0, (-1, chunk)) for x in (a, b))
    chunks, order = a.shape[0], (lambda n: range(n - 1, -1, -1)) if reverse else range
    a_steps, b_steps = a.unbind(1), b.unbind(1)
    sums, products = [b] * chunk, [a] * chunk
    s = p = None
    for t in order(chunk):
        s = b_steps[t] if s is None else torch.addcmul(b_steps[t], a_steps[t], s)
        sums[t] = s
        if chunks > 1:
            p = a_steps[t] if p is None else a_steps[t] * p
            products[t] = p
    local = torch.stack(sums, 1)
    if chunks == 1:
        return local.flatten(0, 1)
    entering, state = [b] * chunks, torch.zeros_like(s[0])
    for c in order(chunks):
        entering[c] = state
        state = torch.addcmul(s[c], p[c], state)
    return torch.addcmul(local, torch.stack(products, 1), torch.stack(entering).unsqueeze(1)).flatten(0, 1)


class Scan(torch.autograd.Function):
    """h_t = f_t h_(t-1) + (1 - f_t) v_t over the first dimension."""

    @staticmethod
    def forward(ctx, f: Tensor, v: Tensor, chunk: int):
        h = linear_scan(f, (1 - f) * v, chunk)
        ctx.save_for_backward(f, v, h)
        ctx.chunk = chunk
        return h

    @staticmethod
    def backward(ctx, gradient):
        f, v, h = ctx.saved_tensors
        g = linear_scan(F.pad(f[1:], (0, 0, 0, 0, 0, 1)), gradient, ctx.chunk, reverse=True)
        return g * (F.pad(h[:-1], (0, 0, 0, 0, 1, 0)) - v), ((1 - f) * g).to(v.dtype), None


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """In bfloat16 only products are rounded: residual stream, norms, gates and recurrence stay float32."""
    return F.linear(x.to(weight.dtype), weight)


def shift(y: Tensor, mix: Tensor, before: Tensor | None) -> Tensor:
    before = F.pad(y[:-1], (0, 0, 0, 0, 1, 0)) if before is None else before
    return torch.lerp(before, y, torch.sigmoid(mix))


class Block(nn.Module):
    def __init__(self, source: nn.Module, dtype: torch.dtype, chunk: int):
        super().__init__()
        rec = source.rec
        self.dtype, self.chunk, self.heads = dtype, chunk, rec.config.n_heads
        self.ln1, self.ln2, self.mix1, self.mix2 = source.ln1, source.ln2, source.mix1, source.mix2
        self.W_fvo = nn.Parameter(torch.stack([getattr(rec, part).weight for part in FUSED]).detach())
        self.W_proj, self.up, self.down = rec.W_proj.weight, source.ffn_up.weight, source.ffn_down.weight
        self.f_bias, self.gn_weight, self.gn_bias = rec.f_bias, rec.gn.weight, rec.gn.bias
        # a tensor, because a number would be a constant of the compiled code: one compilation a block
        self.register_buffer("floor", torch.tensor(rec.floor))

    def quantised(self):
        return [Ternary.apply(w, self.dtype) for w in (self.W_fvo, self.W_proj, self.up, self.down)]

    def forward(self, x: Tensor, weights=None, state=None):
        """`weights` are quantised ones to use again; `state` is what the token before left, for one token."""
        W_fvo, W_proj, up, down = weights or self.quantised()
        before1, before2, h = state or (None, None, None)
        y1 = self.ln1(x)
        f, v, o = linear(shift(y1, self.mix1, before1), W_fvo.flatten(0, 1)).chunk(3, -1)
        f = self.floor + (1 - self.floor) * torch.sigmoid(f + self.f_bias)
        h = Scan.apply(f, v, self.chunk) if h is None else f * h + (1 - f) * v
        heads = (torch.sigmoid(o) * h).unflatten(-1, (self.heads, -1))
        z = F.layer_norm(heads, heads.shape[-1:]).flatten(-2)
        x = x + linear(torch.addcmul(self.gn_bias, z, self.gn_weight), W_proj)
        y2 = self.ln2(x)
        x = x + linear(F.relu(linear(shift(y2, self.mix2, before2), up)).square(), down)
        return x, (y1[-1:], y2[-1:], h[-1:])


class Fast(nn.Module):
    def __init__(self, source: Thunderbolt, dtype: torch.dtype, chunk: int):
        super().__init__()
        self.embed, self.ln_out, self.dtype = source.embed.weight, source.ln_out, dtype
        self.blocks = nn.ModuleList(Block(block, dtype, chunk) for block in source.blocks)

    def compile_parts(self):
        """A block at a time: they share one compilation, where the whole model would take eighteen times as long."""
        for block in self.blocks:
            block.compile()
        self.head = torch.compile(self.head)
        self.loss_of = torch.compile(self.loss_of)

    def head(self, x: Tensor, weight: Tensor) -> Tensor:
        return linear(self.ln_out(x), weight).float()

    def loss_of(self, x: Tensor, targets: Tensor) -> Tensor:
        logits = linear(self.ln_out(x), self.embed.to(self.dtype)).float()
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def loss(self, ids: Tensor, targets: Tensor, weights=None) -> Tensor:
        x = F.embedding(ids, self.embed)
        for index, block in enumerate(self.blocks):
            x, _ = block(x, weights and weights[index])
        return self.loss_of(x, targets)

    def last_logits(self, ids: Tensor, weights, head: Tensor, states):
        x, after = F.embedding(ids, self.embed), []
        for block, quantised, state in zip(self.blocks, weights, states):
            x, left = block(x, quantised, state)
            after.append(left)
        return self.head(x[-1:], head), after


def best_of(seconds: float, tokens: int, work) -> dict:
    """The best of at least two after one to warm up, compilation included, and the CPU time it got of its time."""
    started = time.perf_counter()
    work()
    warm = time.perf_counter() - started
    times: list[tuple[float, float]] = []
    while len(times) < 2 or sum(wall for wall, _ in times) < seconds:
        started, used = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - started, time.process_time() - used))
    wall, cpu = min(times)
    return {"tokensPerSecond": tokens / wall, "cpuShare": cpu / wall / torch.get_num_threads(), "warmUpSeconds": warm}


def measure(work: str, dtype: str, mode: str, scan: str, batch: int, threads: int, seconds: float) -> dict:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = Fast(Thunderbolt(V5), getattr(torch, dtype), SCANS[scan])
    if mode == "compile":
        model.compile_parts()
    ids = (torch.arange(batch * SEQ_LEN) * 7919 % V5.vocab).view(batch, SEQ_LEN).t().contiguous()
    if work == "train":
        optimizer = torch.optim.AdamW(model.parameters(), **ADAMW, fused=True)

        def step():
            optimizer.zero_grad()
            model.loss(ids, ids).backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()

        return best_of(seconds, ids.numel(), step)
    with torch.inference_mode():
        weights = [block.quantised() for block in model.blocks]
        head = model.embed.to(model.dtype)
        nothing = [None] * V5.n_layers
        if work == "decode":
            _, states = model.last_logits(ids, weights, head, nothing)

            def tokens():
                after = states
                for t in range(8):
                    _, after = model.last_logits(ids[t : t + 1], weights, head, after)

            return best_of(seconds, 8 * batch, tokens)
        if work == "prompt":
            return best_of(seconds, ids.numel(), lambda: model.last_logits(ids, weights, head, nothing))
        return best_of(seconds, ids.numel(), lambda: model.loss(ids, ids, weights))


def check():
    """Every scan gives the loss and the gradients of thunderbolt.py, to float32 rounding."""
    torch.manual_seed(0)
    config = Config(vocab=97, d_model=32, n_heads=4, d_head=12, n_layers=3, d_ffn=80)
    source = Thunderbolt(config)
    for name, p in source.named_parameters():
        if p.dim() == 1:
            nn.init.normal_(p, 1.0 if name.endswith(("ln1.weight", "ln2.weight", "gn.weight")) else 0.0, 0.5)
    ids, targets = torch.randint(config.vocab, (2, 3, 64))
    expected = F.cross_entropy(source(ids).flatten(0, 1), targets.flatten())
    expected.backward()
    gradients = {name: p.grad for name, p in source.named_parameters()}
    for chunk in SCANS.values():
        for p in source.parameters():
            p.grad = None
        fast = Fast(source, torch.float32, min(chunk, ids.shape[1]))
        loss = fast.loss(ids.t(), targets.t())
        loss.backward()
        torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
        got = {name: p.grad for name, p in source.named_parameters()}
        for index, block in enumerate(fast.blocks):
            got |= {f"blocks.{index}.rec.{part}.weight": g for part, g in zip(FUSED, block.W_fvo.grad)}
        for name, g in got.items():
            torch.testing.assert_close(g, gradients[name], rtol=0, atol=2e-6 * gradients[name].abs().max().item())


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check()
        print(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    else:
        result = measure(**json.loads(sys.argv[1]))
        result["maxRssMiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(result))
