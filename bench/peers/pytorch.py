"""Our training step and PyTorch's, interleaved on the same cores: preset v5, and a table of ratios.

    pip install torch==2.13.0        (torch.compile needs a C++ compiler besides)
    npm run build
    python bench/peers/pytorch.py [--node PATH]... [--threads 1] [--seconds 4] [--only PATTERN] [--json FILE]

PyTorch runs fast.py, which is first compared with thunderbolt.py. Each variant is a process of its own, so that memory
and compiled code do not mix. `thunderbolt bench` runs before and after each group of variants on every Node given, so
that a drift of the machine meets both sides; the ratios take the median of its runs. The column CPU is the share of
the cores that a figure was measured with: well under 100 %, other processes had the rest, and it is too low.

Both sides train whole steps: quantisation of the weights, forward, backward, clipping, AdamW. Ours takes the preset's
batch of 8 and int8 activations. A prompt is 256 tokens and the logits after the last; evaluation is the loss of all
256, which `thunderbolt bench` does not time.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
CLI = HERE.parent.parent / "dist" / "cli.js"
# the figures of `thunderbolt bench` for what PyTorch is timed at
OURS = {"train": "train", "decode": "decode", "prompt": "prefill"}
TRAINING = [
    {"work": "train", "dtype": dtype, "mode": mode, "scan": scan, "batch": batch}
    for dtype in ("float32", "bfloat16")
    for mode in ("eager", "compile")
    for scan in ("sequential", "chunks of 16")
    for batch in (1, 4, 8)
]
INFERENCE = [
    {"work": work, "dtype": dtype, "mode": mode, "scan": "chunks of 16", "batch": 1}
    for dtype in ("float32", "bfloat16")
    for mode in ("eager", "compile")
    for work in ("decode", "prompt", "evaluation")
]


def name_of(variant: dict) -> str:
    return f"{variant['work']} {variant['dtype']} {variant['mode']} {variant['scan']} batch {variant['batch']}"


def group_of(variant: dict) -> tuple:
    return (variant["dtype"], variant["mode"]) if variant["work"] == "train" else ()


def run(command: list[str]) -> tuple[str, str, dict]:
    """Output, fault ("" where there is none), and the process's largest resident set and CPU time a second."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        share = (usage.ru_utime + usage.ru_stime) / (time.perf_counter() - started)
        out.seek(0)
        err.seek(0)
        lines = err.read().strip().splitlines() or [f"exit code {process.returncode}"]
        # the compiler ends a traceback with advice, not with what went wrong
        faults = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Invalid\w*)\b", line)] or lines
        used = {"maxRssMiB": usage.ru_maxrss / 1024, "cpuShare": share}
        return out.read(), faults[-1] if process.returncode else "", used


def run_ours(node: str, threads: int, seconds: float) -> dict:
    model = ["--preset", "v5", "--activations", "int8"]
    timing = ["--workers", str(threads), "--seconds", str(seconds), "--json"]
    output, fault, used = run([*shlex.split(node), str(CLI), "bench", *model, *timing])
    if fault:
        sys.exit(f"thunderbolt bench on {node}: {fault}")
    result = json.loads(output)
    figures = {work: result[key]["tokensPerSecond"] for work, key in OURS.items()}
    runtime = result["runtime"] + (" revectorised" if result["revectorize"] else "")
    return {"runtime": runtime, **figures, **used, "cpuShare": used["cpuShare"] / threads}


def run_theirs(variant: dict, threads: int, seconds: float) -> dict:
    job = {**variant, "threads": threads, "seconds": seconds}
    output, fault, _ = run([sys.executable, str(HERE / "fast.py"), json.dumps(job)])
    return {**variant, **({"fault": fault} if fault else json.loads(output))}


def ours_by_runtime(runs: list[dict], work: str) -> dict[str, list[float]]:
    """Each Node's figures, in the order in which they were measured."""
    return {name: [r[work] for r in runs if r["runtime"] == name] for name in dict.fromkeys(r["runtime"] for r in runs)}


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells: object) -> list[str]:
    return [row(*cells), row(*("---" for _ in cells))]


def results(variant: dict, ours: dict[str, list[float]]) -> list[str]:
    """Speed, share of the cores it got, memory, and ours / theirs for each Node."""
    if "fault" in variant:
        return [f"failed: {variant['fault'][:90]}", "", "", *("" for _ in ours)]
    speed = variant["tokensPerSecond"]
    ratios = [f"{median(figures) / speed:.2f}" for figures in ours.values()]
    return [f"{speed:,.0f}", f"{variant['cpuShare']:.0%}", f"{variant['maxRssMiB']:,.0f} MiB", *ratios]


def table(ours_runs: list[dict], theirs: list[dict]) -> str:
    lines: list[str] = []
    training = [v for v in theirs if v["work"] == "train"]
    if training:
        ours = ours_by_runtime(ours_runs, "train")
        ratios = [f"ours on {name} / theirs" for name in ours]
        lines += head("training", "", "scan", "batch", "tokens/s", "CPU", "max RSS", *ratios)
        lines += [row(v["dtype"], v["mode"], v["scan"], v["batch"], *results(v, ours)) for v in training]
        timed = [v for v in training if "fault" not in v]
        for title, among in (
            ("best float32", [v for v in timed if v["dtype"] == "float32"]),
            ("best of all", timed),
        ):
            if among:
                v = max(among, key=lambda v: v["tokensPerSecond"])
                lines.append(row(f"**{title}**: {v['dtype']}", v["mode"], v["scan"], v["batch"], *results(v, ours)))
        lines.append("")
    rest = [v for v in theirs if v["work"] != "train"]
    if rest:
        ratios = [f"ours on {name} / theirs" for name in ours_by_runtime(ours_runs, "decode")]
        lines += head("without training", "", "", "tokens/s", "CPU", "max RSS", *ratios)
        for v in rest:
            ours = ours_by_runtime(ours_runs, v["work"]) if v["work"] in OURS else {}
            blanks = [""] * (len(ratios) - len(ours))
            lines.append(row(v["work"], v["dtype"], v["mode"], *results(v, ours), *blanks))
        lines.append("")
    lines += head("ours, int8", *(f"{work}, median (best)" for work in OURS), "runs", "CPU", "max RSS")
    for name in dict.fromkeys(r["runtime"] for r in ours_runs):
        of_node = [r for r in ours_runs if r["runtime"] == name]
        speeds = [[r[work] for r in of_node] for work in OURS]
        share = " ".join(f"{r['cpuShare']:.0%}" for r in of_node)
        memory = f"{max(r['maxRssMiB'] for r in of_node):,.0f} MiB"
        lines.append(row(name, *(f"{median(s):,.0f} ({max(s):,.0f})" for s in speeds), len(of_node), share, memory))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", action="append", help='a Node to run ours on, such as "env THUNDERBOLT_REVECTORIZE=1 node"; repeatable (default: node)')
    parser.add_argument("--threads", type=int, default=1, help="threads, workers and cores of each side")
    parser.add_argument("--seconds", type=float, default=4, help="time for each figure; at least two steps are taken")
    parser.add_argument("--only", default="", help='variants whose name matches, such as "train bfloat16 compile"')
    parser.add_argument("--json", metavar="FILE", help="write the raw numbers to it as well")
    flags = parser.parse_args()
    variants = [v for v in TRAINING + INFERENCE if re.search(flags.only, name_of(v))]
    if not variants:
        sys.exit(f"no variant matches {flags.only}; names are such as: {name_of(TRAINING[0])}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < flags.threads:
        sys.exit(f"{flags.threads} threads need as many cores; there are {len(cores)}")
    # inherited by all that is started from here
    os.sched_setaffinity(0, cores[: flags.threads])
    about, fault, _ = run([sys.executable, str(HERE / "fast.py"), "check"])
    if fault:
        sys.exit(f"fast.py is not the model of thunderbolt.py: {fault}")

    ours: list[dict] = []
    theirs: list[dict] = []

    def measure_ours():
        for node in flags.node or ["node"]:
            ours.append(run_ours(node, flags.threads, flags.seconds))
            print(json.dumps(ours[-1]), file=sys.stderr)

    measure_ours()
    for _, group in groupby(variants, group_of):
        for variant in group:
            theirs.append(run_theirs(variant, flags.threads, flags.seconds))
            print(json.dumps(theirs[-1]), file=sys.stderr)
        measure_ours()
    if flags.json:
        raw = {"about": about.strip(), "threads": flags.threads, "ours": ours, "theirs": theirs}
        Path(flags.json).write_text(json.dumps(raw, indent=2) + "\n")
    print(f"{about.strip()}, {flags.threads} thread(s) on each side\n\n{table(ours, theirs)}")


if __name__ == "__main__":
    main()
