"""What each model makes of the same text in the same minutes on the same cores: held-out bits per byte, and speeds.

    pip install torch==2.13.0        (torch.compile needs a C++ compiler besides)
    npm run build
    python bench/peers/minutes.py train.txt held-out.txt --minutes 20 [--node PATH] [--peers bolt transformer] [--json FILE]

Ours is `thunderbolt train --preset medium --batch 4 --minutes M`, scored by `thunderbolt eval`, with the revectoriser
where NODE has it; the peers are trial.py's, in the fastest of the modes that it tries. All are trained on the same
tokens and scored on the same bytes, one after the other, each alone on the cores. The column CPU is the share of the
cores that a training got: well under 100 %, other processes had the rest.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLI = HERE.parent.parent / "dist" / "cli.js"
SETTINGS = ["--preset", "medium", "--batch", 4, "--warmup-steps", 120]


def run(command: list) -> tuple[dict, dict]:
    """The JSON that a command prints, and the largest resident set and the CPU seconds of its process."""
    with tempfile.TemporaryFile("w+") as out:
        print("$", *command, file=sys.stderr, flush=True)
        process = subprocess.Popen([str(part) for part in command], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[:3]} failed with exit code {process.returncode}")
        out.seek(0)
        used = {"maxRssMiB": usage.ru_maxrss / 1024, "cpuSeconds": usage.ru_utime + usage.ru_stime}
        return json.loads(out.read().strip().splitlines()[-1]), used


def ours(node: str, train: Path, text: Path, folder: Path, minutes: float, threads: int) -> dict:
    out = folder / "ours"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    command = ["train", train, *SETTINGS, "--minutes", minutes, "--workers", threads]
    trained, used = run([node, CLI, *command, "--out", out, "--json"])
    score, _ = run([node, CLI, "eval", out, "--data", text, "--json"])
    texts = [run([node, CLI, "generate", out, "--max-tokens", 1000, "--json"])[0] for _ in range(3)]
    return {
        "about": "ours: preset `medium`",
        "mode": f"int8, Node {version}",
        **{key: trained[key] for key in ("steps", "tokens", "tokensPerSecond")},
        "parameters": sum(math.prod(p["shape"]) for p in run([node, CLI, "info", out, "--json"])[0]["parameters"]),
        # with what starting, reading and scoring the held-out stories of the folder take
        "cpuShare": used["cpuSeconds"] / trained["seconds"] / threads,
        "maxRssMiB": used["maxRssMiB"],
        "bitsPerByte": score["bitsPerByte"],
        "bytes": score["bytes"],
        "decodeTokensPerSecond": max(text["tokensPerSecond"] for text in texts),
    }


def table(rows: list[dict], minutes: float) -> str:
    heads = ("model", "parameters", "trained as", "tokens", "tokens/s", "CPU", "max RSS", "bits per byte", "decoding, tokens/s")
    lines = [f"{minutes:g} minutes each", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = (
            row["about"],
            f"{row['parameters'] / 1e6:.1f} million",
            row["mode"],
            f"{row['tokens'] / 1e6:.2f} million",
            f"{row['tokensPerSecond']:,.0f}",
            f"{row['cpuShare']:.0%}",
            f"{row['maxRssMiB']:,.0f} MiB",
            f"{row['bitsPerByte']:.3f}",
            f"{row['decodeTokensPerSecond']:,.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    from architectures import PEERS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("score", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--node", default="node")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="write the raw numbers to it as well")
    flags = parser.parse_args()
    os.environ["THUNDERBOLT_REVECTORIZE"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, score = folder / "train", folder / "score"
        run([flags.node, CLI, "prepare", flags.train, "--vocab", 2048, "--out", train, "--json"])
        every_story = ["--tokenizer", train / "tokenizer.json", "--val-share", 0]
        run([flags.node, CLI, "prepare", flags.score, *every_story, "--out", score, "--json"])
        rows = [ours(flags.node, train, flags.score, folder, flags.minutes, flags.threads)]
        for peer in flags.peers:
            where = ["--train", train, "--score", score, "--minutes", flags.minutes, "--threads", flags.threads]
            rows.append({"about": PEERS[peer]["about"], **run([sys.executable, HERE / "trial.py", peer, *where])[0]})
            if rows[-1]["bytes"] != rows[0]["bytes"]:
                sys.exit(f"{peer} was scored on {rows[-1]['bytes']} bytes, ours on {rows[0]['bytes']}")
            print(table(rows, flags.minutes), file=sys.stderr, flush=True)
    if flags.json:
        Path(flags.json).write_text(json.dumps(rows, indent=2) + "\n")
    print(table(rows, flags.minutes))


if __name__ == "__main__":
    main()
