"""Writes the checkpoints of test/fixtures/checkpoints, with the logits that PyTorch computes from them.

    pip install torch==2.13.0 safetensors numpy
    python bench/peers/checkpoints.py test/fixtures/checkpoints
    python bench/peers/checkpoints.py --full FOLDER     # one of 29.8 million parameters, as training leaves it

`bare.pt` holds a float32 state_dict as it is, some of its tensors transposed or in one storage, and 8 heads. `compiled.pt`
holds what training saves: bfloat16 weights of a compiled model, the optimiser, counters, a configuration with 3 heads.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from thunderbolt import Config, Thunderbolt

SHAPES = {
    "bare": dict(vocab=260, d_model=10, n_heads=8, d_head=2, n_layers=2, d_ffn=18),
    "compiled": dict(vocab=260, d_model=9, n_heads=3, d_head=4, n_layers=2, d_ffn=14),
}
RELEASED = dict(vocab=8192, d_model=384, n_heads=8, d_head=48, n_layers=18, d_ffn=1152)


def model_of(shape, seed):
    torch.manual_seed(seed)
    model = Thunderbolt(Config(**shape))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "mix" in key or "f_bias" in key:
                p.normal_(0, 0.5)
            elif key.startswith("embed"):
                p.normal_(0, 1.2 / shape["d_model"] ** 0.5)
            elif p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
    return model


def logits_of(shape, state, ids, head_norm):
    model = Thunderbolt(Config(**shape, head_norm=head_norm))
    model.load_state_dict(state)
    with torch.no_grad():
        return model(ids[None])[0]


def training_of(model, shape):
    """What a training saves beside the weights: an optimiser that has taken a step, counters, the configuration."""
    optimizer = torch.optim.AdamW([model.blocks[0].mix1], lr=3e-3, betas=(0.9, 0.95), weight_decay=0.05)
    model.blocks[0].mix1.grad = torch.ones_like(model.blocks[0].mix1)
    state = dict(model.state_dict())
    optimizer.step()
    config = {**shape, "seq_len": 32, "betas": (0.9, 0.95), "out_dir": "out", "resume": None, "compile": True}
    return state, {"step": 7, "tokens": 2**40, "optimizer": optimizer.state_dict(), "config": config, "best_val": 5.25}


def fixtures(folder):
    out = {"ids": torch.tensor([3, 77, 5, 200, 77, 5, 0, 259])}

    model = model_of(SHAPES["bare"], 1)
    state = model.state_dict()
    for norm in ("window", "token"):
        out[f"bare.{norm}"] = logits_of(SHAPES["bare"], state, out["ids"], norm)
    both = torch.stack([state["blocks.1.mix1"], state["blocks.1.mix2"]])
    state["blocks.1.mix1"], state["blocks.1.mix2"] = both
    state["blocks.0.ffn_up.weight"] = state["blocks.0.ffn_up.weight"].t().contiguous().t()
    torch.save(state, folder / "bare.pt")

    model = model_of(SHAPES["compiled"], 2).bfloat16()
    state, rest = training_of(model, SHAPES["compiled"])
    state = {key: value.detach().clone() for key, value in state.items() if key != "head.weight"}
    state["head.weight"] = state["embed.weight"]
    single = {key: value.float() for key, value in state.items()}
    for norm in ("window", "token"):
        out[f"compiled.{norm}"] = logits_of(SHAPES["compiled"], single, out["ids"], norm)
    wrapped = {f"_orig_mod.{key}": value for key, value in state.items()}
    torch.save({"model": wrapped, **rest}, folder / "compiled.pt", pickle_protocol=5)

    save_file(out, folder / "logits.safetensors")


def full(folder):
    model = model_of(RELEASED, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    torch.save(model.state_dict(), folder / "best.pt")
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "config": RELEASED}, folder / "latest.pt"
    )


if __name__ == "__main__":
    *flags, path = sys.argv[1:]
    Path(path).mkdir(parents=True, exist_ok=True)
    (full if flags == ["--full"] else fixtures)(Path(path))
