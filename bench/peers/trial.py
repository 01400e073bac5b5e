"""Trains one PyTorch peer for some minutes and scores it: the process that minutes.py starts.

    python bench/peers/trial.py transformer --train DIR --score DIR --minutes 20 [--lr X] [--batch B] [--seed S] [--threads N]

Both folders come from `thunderbolt prepare`, with one tokenizer. The clock counts training alone: the fastest of
float32 and bfloat16, plain and compiled, is found before it starts, and compiling is done by then. The rate rises for
5 % of the minutes and falls to 0 by a cosine. Scored is every token of every story and its end, as `thunderbolt eval`
does; a network with a longest length predicts far tokens from half of it before them, or more.
"""

import argparse
import json
import math
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from architectures import PEERS, SEQ_LEN
from llama2c import nats_of, windows_of
from torch import nn

CLIP = 1.0
EOS = 3


def tokens_of(folder: Path) -> tuple[np.ndarray, int, int]:
    """All tokens of a prepared folder's stories, their bytes, and the vocabulary's size."""
    index = json.loads((folder / "index.json").read_text())
    shards = [np.fromfile(folder / shard["file"], "<u2") for shard in index["train"]["shards"]]
    return np.concatenate(shards), index["train"]["bytes"], index["vocabSize"]


def batches(tokens: np.ndarray, batch: int, seed: int):
    """Windows in an order of each epoch's own, without end: ids and targets [B, T]."""
    order = np.random.default_rng(seed)
    count = (len(tokens) - 1) // SEQ_LEN
    while True:
        for starts in order.permutation(count)[: count - count % batch].reshape(-1, batch) * SEQ_LEN:
            rows = torch.from_numpy(np.stack([tokens[s : s + SEQ_LEN + 1] for s in starts]).astype(np.int64))
            yield rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


class Trainer:
    def __init__(self, peer: str, vocab: int, dtype: str, compiled: bool, seed: int, lr: float | None):
        torch.manual_seed(seed)
        settings = PEERS[peer]["settings"]
        self.network = PEERS[peer]["network"](vocab, getattr(torch, dtype))
        matrices = [p for p in self.network.parameters() if p.dim() > 1]
        vectors = [p for p in self.network.parameters() if p.dim() <= 1]
        groups = [{"params": matrices, "weight_decay": settings["decay"]}, {"params": vectors, "weight_decay": 0.0}]
        self.lr = lr or settings["lr"]
        self.optimizer = torch.optim.AdamW(groups, lr=self.lr, betas=(0.9, 0.95), eps=1e-8, fused=True)
        self.loss = torch.compile(self.network.loss) if compiled else self.network.loss

    def step(self, ids, targets, share: float) -> float:
        """`share` of the minutes have gone."""
        rate = self.lr * min(1, share / 0.05) * (1 + math.cos(math.pi * min(1, share))) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss = self.loss(ids, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        return loss.item()


def fastest(peer: str, vocab: int, data, step_tokens: int) -> tuple[str, bool, dict]:
    """Which type and mode trains the most tokens a second, the best of some steps each; and all figures."""
    speeds = {}
    for dtype in ("float32", "bfloat16"):
        for compiled in (False, True):
            trainer = Trainer(peer, vocab, dtype, compiled, seed=0, lr=None)
            times = []
            for _ in range(6):
                ids, targets = next(data)
                started = time.perf_counter()
                trainer.step(ids, targets, 0)
                times.append(time.perf_counter() - started)
                # a type for which this CPU has no instructions is not tried at length, nor compiled
                if not compiled and speeds and times[0] > 6 * step_tokens / max(speeds.values()):
                    break
            speeds[dtype, compiled] = step_tokens / min(times)
            if not compiled and len(times) == 1:
                break
    dtype, compiled = max(speeds, key=speeds.get)
    return dtype, compiled, {f"{d} {'compiled' if c else 'eager'}": speed for (d, c), speed in speeds.items()}


def score(network, tokens: np.ndarray) -> float:
    """Nats of all stories, each after the end of another."""
    ends = np.flatnonzero(tokens == EOS) + 1
    stories = np.split(tokens, ends[:-1] if ends[-1] == len(tokens) else ends)
    windows = []
    for story in stories:
        ids = [EOS, *story.tolist()]
        windows += windows_of(ids, network.longest) if network.longest else [(ids, 0)]
    return nats_of(network, windows, EOS)[0]


def decode_speed(network, seconds: float = 4) -> float:
    """Tokens a second of one text, greedily, a state kept; begun anew where the network can read no further."""
    tokens, started = 0, time.perf_counter()
    with torch.inference_mode():
        while time.perf_counter() - started < seconds:
            ids, states = torch.tensor([[EOS]]), None
            for position in range(SEQ_LEN - 1):
                hidden, states = network.hidden(ids, states, position)
                ids = network.logits(hidden[:, -1:]).argmax(-1)
            tokens += SEQ_LEN - 1
    return tokens / (time.perf_counter() - started)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    tokens, _, vocab = tokens_of(flags.train)
    batch = flags.batch or PEERS[flags.peer]["settings"]["batch"]
    step_tokens = batch * SEQ_LEN
    dtype, compiled, speeds = fastest(flags.peer, vocab, batches(tokens, batch, 1), step_tokens)
    trainer = Trainer(flags.peer, vocab, dtype, compiled, flags.seed, flags.lr)
    data, seconds, steps = batches(tokens, batch, flags.seed), flags.minutes * 60, 0
    # a compiled network compiles again for every new one
    fresh = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.step(*next(data), 0)
    trainer.network.load_state_dict(fresh)
    trainer.optimizer.state.clear()
    started, used = time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - started) < seconds:
        loss = trainer.step(*next(data), elapsed / seconds)
        steps += 1
        if steps % 100 == 0:
            print(f"{flags.peer} step {steps} loss {loss:.3f}", flush=True, file=sys.stderr)
    cpu = (time.process_time() - used) / elapsed / flags.threads
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held_out, size, _ = tokens_of(flags.score)
    nats = score(trainer.network, held_out)
    result = {
        "peer": flags.peer,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "mode": f"{dtype} {'compiled' if compiled else 'eager'}",
        "speeds": speeds,
        "lr": trainer.lr,
        "batch": batch,
        "steps": steps,
        "tokens": steps * step_tokens,
        "tokensPerSecond": steps * step_tokens / elapsed,
        "cpuShare": cpu,
        "maxRssMiB": memory,
        "bitsPerByte": nats / math.log(2) / size,
        "bytes": size,
        "decodeTokensPerSecond": decode_speed(trainer.network),
    }
    print(json.dumps(result))


main()
