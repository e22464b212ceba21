#!/usr/bin/env python3
"""Times generating the same number of tokens here and with PyTorch + transformers, in alternation, and prints the ratios.

A developer's check: `pip install torch transformers`, and `swift build -c release --product benchmark`.

    Tests/interop/generate_speed.py [--shape smollm2-135m] [--dtype BF16] [--prompts 1] [--rounds 3]

Both sides have random weights of the same shapes in memory, take the likeliest token each time and use the same number of
threads. Times count from the first generated token on.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from peft_speed import ROOT, SHAPES, random_llama

NEW, PROMPT = 64, 32


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", default=str(ROOT / ".build/release/benchmark"))
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--dtype", choices=["F32", "BF16"], default="BF16")
    parser.add_argument("--prompts", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)  # in a process of its own
    return parser.parse_args()


def output(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def ours(options):
    return output([
        options.benchmark, "generate", "--shape", options.shape, "--dtype", options.dtype, "--prompts", str(options.prompts),
        "--prompt-tokens", str(PROMPT), "--max-new-tokens", str(NEW), "--threads", str(options.threads)])["result"]


def run_theirs(options):
    """Prints a JSON object."""
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = random_llama(options.shape).to(torch.float32 if options.dtype == "F32" else torch.bfloat16).eval()
    ids = torch.randint(3, SHAPES[options.shape][5], (options.prompts, PROMPT))

    def seconds(count):
        start = time.perf_counter()
        with torch.no_grad():
            model.generate(ids, attention_mask=torch.ones_like(ids), min_new_tokens=count, max_new_tokens=count, do_sample=False)
        return time.perf_counter() - start

    seconds(2)
    first = seconds(1)
    print(json.dumps({"tokens_per_second": options.prompts * (NEW - 1) / (seconds(NEW) - first)}))


def main():
    options = parse()
    if options.theirs:
        return run_theirs(options)
    theirs = [sys.executable, __file__, "--theirs"] + [
        word for name in ("shape", "dtype", "prompts", "threads") for word in (f"--{name}", str(getattr(options, name)))]
    rounds = [(ours(options)["tokens_per_second"], output(theirs)["tokens_per_second"]) for _ in range(options.rounds)]
    for a, b in rounds:
        print(f"ours {a:.1f} tok/s, transformers {b:.1f} tok/s, ratio {a / b:.2f}")
    print(f"median ratio {statistics.median(a / b for a, b in rounds):.2f}; {options.shape}, {options.dtype}, "
          f"{options.prompts} prompts, {options.threads} threads")


if __name__ == "__main__":
    main()
