"""Bits per byte of a llama2.c model, counted as `thunderbolt eval` counts them:

    python bench/peers/llama2c.py stories260K.bin tok512.bin text.txt [--bytes 250000]

The same stories, their UTF-8 bytes, and the end of each story, which for these models is the next story's <s>. The
model reads 512 tokens at most; in a longer story every token is predicted from 256 before it or more. Needs PyTorch and
NumPy.
"""
import argparse
import json
import math
import re
import struct
import time

import numpy as np
import torch
import torch.nn.functional as F

SEPARATOR = re.compile(r"(?:^|\r?\n|(?<=\n))<\|endoftext\|>(?:\r?\n|$)")
BOS = 1
BYTES_FROM = 3


def stories_of(path, limit):
    """As src/corpus/stories.ts cuts them; of a limited text, the stories that begin within so many bytes."""
    with open(path, encoding="utf-8", newline="") as file:
        stories = [story for story in SEPARATOR.split(file.read()) if story.strip()]
    if limit is None:
        return stories
    kept, seen = [], 0
    for story in stories:
        if seen >= limit:
            break
        kept.append(story)
        seen += len(story.encode())
    return kept


class Tokenizer:
    """llama2.c's: pieces with scores, the pair with the best score merged first, bytes for what has no piece."""

    def __init__(self, path, vocab):
        data = open(path, "rb").read()
        at, self.ids, self.scores = 4, {}, []
        for token in range(vocab):
            score, length = struct.unpack_from("<fi", data, at)
            self.ids.setdefault(data[at + 8 : at + 8 + length], token)
            self.pieces = getattr(self, "pieces", []) + [data[at + 8 : at + 8 + length]]
            self.scores.append(score)
            at += 8 + length
        self.words = {}

    def encode(self, text):
        # a piece never spans the space before a word but at its start, so words are encoded apart and remembered
        tokens = []
        for word in re.findall(r" ?[^ ]+| +", " " + text):
            if word not in self.words:
                self.words[word] = self.merge(word)
            tokens += self.words[word]
        return tokens

    def merge(self, word):
        tokens = []
        for character in word:
            piece = character.encode()
            tokens += [self.ids[piece]] if piece in self.ids else [byte + BYTES_FROM for byte in piece]
        while True:
            best = None
            for i in range(len(tokens) - 1):
                merged = self.ids.get(self.pieces[tokens[i]] + self.pieces[tokens[i + 1]])
                if merged is not None and (best is None or self.scores[merged] > best[0]):
                    best = (self.scores[merged], i, merged)
            if best is None:
                return tokens
            tokens[best[1] : best[1] + 2] = [best[2]]


class Llama:
    """llama2.c's run.c: RMSNorm, rotary positions on neighbouring pairs, grouped queries, SwiGLU."""

    def __init__(self, path):
        data = open(path, "rb").read()
        dim, hidden, layers, heads, kv_heads, vocab, self.length = struct.unpack_from("<7i", data)
        shared, self.vocab = vocab > 0, abs(vocab)
        self.layers, self.heads, self.kv_heads, self.head = layers, heads, kv_heads, dim // heads
        values = torch.from_numpy(np.frombuffer(data, "<f4", offset=28).copy())
        at = 0

        def take(*shape):
            nonlocal at
            count = math.prod(shape)
            at += count
            return values[at - count : at].reshape(shape)

        kv = kv_heads * self.head
        self.embed = take(self.vocab, dim)
        self.norm1 = take(layers, dim)
        self.q, self.k, self.v = take(layers, dim, dim), take(layers, kv, dim), take(layers, kv, dim)
        self.o = take(layers, dim, dim)
        self.norm2 = take(layers, dim)
        self.w1, self.w2, self.w3 = take(layers, hidden, dim), take(layers, dim, hidden), take(layers, hidden, dim)
        self.norm = take(dim)
        self.cos, self.sin = take(self.length, self.head // 2), take(self.length, self.head // 2)
        self.out = self.embed if shared else take(self.vocab, dim)
        self.parameters = dim * self.vocab + layers * (2 * dim * dim + 2 * kv * dim + 3 * hidden * dim + 2 * dim) + dim

    def rotate(self, x):
        B, T = x.shape[:2]
        pairs = x.reshape(B, T, -1, self.head // 2, 2)
        cos, sin = self.cos[:T, None], self.sin[:T, None]
        a, b = pairs[..., 0], pairs[..., 1]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(B, T, -1, self.head).transpose(1, 2)

    def nats(self, ids):
        """-ln p of ids[:, 1:], each from those before it."""
        rms = lambda x, weight: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight
        x = self.embed[ids[:, :-1]]
        B, T, D = x.shape
        for l in range(self.layers):
            a = rms(x, self.norm1[l])
            q, k = self.rotate(a @ self.q[l].T), self.rotate(a @ self.k[l].T)
            v = (a @ self.v[l].T).reshape(B, T, self.kv_heads, self.head).transpose(1, 2)
            k, v = (y.repeat_interleave(self.heads // self.kv_heads, 1) for y in (k, v))
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + z.transpose(1, 2).reshape(B, T, D) @ self.o[l].T
            b = rms(x, self.norm2[l])
            x = x + (F.silu(b @ self.w1[l].T) * (b @ self.w3[l].T)) @ self.w2[l].T
        logits = rms(x, self.norm) @ self.out.T
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").reshape(B, T)


def windows_of(ids, length):
    """Windows of a story, and from which target on each counts: all tokens once, far ones from half a window or more."""
    yield ids[: length + 1], 0
    half = length // 2
    for end in range(length + 1, len(ids), half):
        window = ids[end - half - 1 : end + half]
        yield window, half


def nats_of(model, windows, padding):
    """The sum over what counts in some windows, by the model's `nats`, and of how many tokens it is."""
    windows = sorted(windows, key=lambda window: len(window[0]))
    nats, tokens = 0.0, 0
    with torch.inference_mode():
        for at in range(0, len(windows), 16):
            batch = windows[at : at + 16]
            longest = max(len(ids) for ids, _ in batch)
            padded = torch.tensor([ids + [padding] * (longest - len(ids)) for ids, _ in batch])
            for row, (ids, first) in zip(model.nats(padded), batch):
                counted = row[first : len(ids) - 1]
                nats += counted.double().sum().item()
                tokens += len(counted)
    return nats, tokens


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("tokenizer")
    parser.add_argument("text")
    parser.add_argument("--bytes", type=int)
    args = parser.parse_args()
    model = Llama(args.model)
    tokenizer = Tokenizer(args.tokenizer, model.vocab)
    stories = stories_of(args.text, args.bytes)
    windows = [w for story in stories for w in windows_of([BOS, *tokenizer.encode(story), BOS], model.length)]
    started = time.perf_counter()
    nats, tokens = nats_of(model, windows, BOS)
    seconds = time.perf_counter() - started
    size = sum(len(story.encode()) for story in stories)
    result = {
        "bitsPerByte": nats / math.log(2) / size,
        "natsPerToken": nats / tokens,
        "tokens": tokens,
        "bytes": size,
        "stories": len(stories),
        "parameters": model.parameters,
        "tokensPerSecond": tokens / seconds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
