"""Writes golden files of any shape for test/parity.test.ts, in the form of test/fixtures/README.md.

    pip install torch==2.13.0 safetensors numpy
    python bench/peers/fixtures.py FOLDER && THUNDERBOLT_FIXTURES=FOLDER npx vitest run test/parity.test.ts
"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from thunderbolt import Config, Thunderbolt

SHAPES = {
    # widths that are no multiple of 4, a recurrence narrower or wider than the model, one of everything
    "odd": dict(vocab=61, d_model=30, n_heads=3, d_head=7, n_layers=3, d_ffn=53, batch=3, seq_len=11),
    "wide": dict(vocab=130, d_model=18, n_heads=5, d_head=10, n_layers=2, d_ffn=97, batch=1, seq_len=37),
    "least": dict(vocab=5, d_model=5, n_heads=1, d_head=4, n_layers=1, d_ffn=3, batch=2, seq_len=2),
    "deep": dict(vocab=300, d_model=64, n_heads=4, d_head=16, n_layers=8, d_ffn=160, batch=2, seq_len=32),
}
TRAINING = dict(lr=3e-3, beta1=0.9, beta2=0.95, weight_decay=0.05, eps=1e-8, clip=1.0)


def make(folder, name, shape, head_norm, seed):
    torch.manual_seed(seed)
    batch, seq_len = shape["batch"], shape["seq_len"]
    config = Config(head_norm=head_norm, **{k: v for k, v in shape.items() if k not in ("batch", "seq_len")})
    model = Thunderbolt(config)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "mix" in key or "f_bias" in key:
                p.normal_(0, 0.5)
            elif key.startswith("embed"):
                p.normal_(0, 1.2 / config.d_model**0.5)
            elif p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
    ids = torch.randint(config.vocab, (batch, seq_len + 1))
    inputs, targets = ids[:, :-1].clone(), ids[:, 1:].clone()
    out = {"input_ids": inputs, "targets": targets}
    names = [key for key, _ in model.named_parameters()]

    def keep(prefix, values):
        for key in names:
            out[f"{prefix}.{key}"] = values[key].detach().clone()

    def loss_of():
        logits = model(inputs)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    parameters = dict(model.named_parameters())
    keep("param", parameters)
    for key, p in parameters.items():
        if p.dim() == 2 and not key.startswith("embed"):
            scale = p.abs().mean().clamp(min=1e-5)
            out[f"ternary.{key}"] = (p / scale).round().clamp(-1, 1).to(torch.int8).detach()
            out[f"scale.{key}"] = scale.detach().reshape(1)

    acts = {}
    hooks = []
    for l, block in enumerate(model.blocks):
        def save(key, f=lambda module, args, result: result):
            return lambda module, args, result: acts.__setitem__(key, f(module, args, result).detach().clone())
        hooks.append(block.rec.register_forward_hook(save(f"act.block{l}.shift1", lambda m, a, r: a[0])))
        hooks.append(block.rec.register_forward_hook(save(f"act.block{l}.rec_out")))
        hooks.append(block.rec.W_v.register_forward_hook(save(f"act.block{l}.value")))
        hooks.append(block.rec.W_proj.register_forward_hook(save(f"act.block{l}.normed", lambda m, a, r: a[0])))
        hooks.append(block.ffn_up.register_forward_hook(save(f"act.block{l}.shift2", lambda m, a, r: a[0])))
        hooks.append(block.register_forward_hook(save(f"act.block{l}.out")))
        hooks.append(block.rec.W_f.register_forward_hook(save(f"act.block{l}.forget", lambda m, a, r, b=block: b.rec.floor + (1 - b.rec.floor) * torch.sigmoid(r + b.rec.f_bias))))
        hooks.append(block.rec.W_o.register_forward_hook(save(f"o.{l}", lambda m, a, r: torch.sigmoid(r))))
    logits, loss = loss_of()
    for hook in hooks:
        hook.remove()
    for l in range(config.n_layers):
        f, v = acts[f"act.block{l}.forget"], acts[f"act.block{l}.value"]
        h, rows = torch.zeros_like(v[:, 0]), []
        for t in range(seq_len):
            h = f[:, t] * h + (1 - f[:, t]) * v[:, t]
            rows.append(h)
        acts[f"act.block{l}.hidden"] = torch.stack(rows, 1)
        acts[f"act.block{l}.gated"] = acts.pop(f"o.{l}") * acts[f"act.block{l}.hidden"]
    out.update(acts)
    out["logits"], out["loss"] = logits.detach(), loss.detach().reshape(1)
    loss.backward()
    keep("grad", {key: p.grad for key, p in parameters.items()})

    if head_norm == "token":
        greedy = inputs[:1, : min(4, seq_len)]
        prompt = greedy.shape[1]
        with torch.no_grad():
            for _ in range(20):
                greedy = torch.cat([greedy, model(greedy)[:, -1:].argmax(-1)], 1)
        out["greedy_ids"] = greedy[0]

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=TRAINING["lr"], betas=(TRAINING["beta1"], TRAINING["beta2"]),
        eps=TRAINING["eps"], weight_decay=TRAINING["weight_decay"],
    )
    losses, norms = [], []
    for step in range(3):
        optimizer.zero_grad()
        _, loss = loss_of()
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), TRAINING["clip"]).item())
        optimizer.step()
        if step == 0:
            keep("param1", parameters)
    losses.append(loss_of()[1].item())
    keep("param3", parameters)
    keep("adam_m3", {key: optimizer.state[p]["exp_avg"] for key, p in parameters.items()})
    keep("adam_v3", {key: optimizer.state[p]["exp_avg_sq"] for key, p in parameters.items()})
    out["train_losses"], out["train_gradnorms_preclip"] = torch.tensor(losses), torch.tensor(norms)

    metadata = {**shape, **TRAINING, "norm": head_norm, "seed": seed}
    if head_norm == "token":
        metadata["greedy_prompt_len"] = prompt
    suffix = "causal" if head_norm == "token" else "original"
    save_file({k: v.clone(memory_format=torch.contiguous_format) for k, v in out.items()}, f"{folder}/{name}_{suffix}.safetensors", {k: str(v) for k, v in metadata.items()})


if __name__ == "__main__":
    for index, (name, shape) in enumerate(SHAPES.items()):
        for head_norm in ("token", "window"):
            make(sys.argv[1], name, shape, head_norm, 100 + index)
