#!/usr/bin/env python3
"""Times the same training steps here and with PyTorch + PEFT, in alternation, and prints the ratios.

A developer's check: `pip install torch transformers peft`, and `swift build -c release --product benchmark`.

    Tests/interop/peft_speed.py [--shape smollm2-135m] [--rounds 3] [--case NAME …] [--lengths FILE] [--accumulate N] [--json FILE]

Both sides train random weights of the same shapes on rows of random tokens, all of them targets, with the same number of
threads. With --lengths (one row length a line), PEFT's rows are padded to --cutoff-len, as the reference example pads
them, while ours are not; tokens a second count real tokens on both sides. The example accumulates 16 rows (--accumulate). Memory is PyTorch's resident peak against our
private peak (what no file backs) and resident peak.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINEAR = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"
# Name: what both sides are told.
CASES = {
    "randlora-kv": dict(),
    "lora-kv": dict(use_lora=True),
    "randlora-kv-dropout": dict(dropout=0.05),
    "randlora-all": dict(targets=LINEAR),
    "lora-all": dict(targets=LINEAR, use_lora=True),
    "randlora-all-accumulate": dict(targets=LINEAR, accumulate=16, steps=1),
    "lora-all-accumulate": dict(targets=LINEAR, accumulate=16, steps=1, use_lora=True),
    "very-sparse-all": dict(targets=LINEAR, very_sparse=True),
}
# D, layers, H, K, F, V, tied
SHAPES = {
    "smollm2-135m": (576, 30, 9, 3, 1536, 49152, True),
    "smollm2-360m": (960, 32, 15, 5, 2560, 49152, True),
    "tinyllama-1.1b": (2048, 22, 32, 4, 5632, 32000, False),
    "llama-3.2-1b": (2048, 16, 32, 8, 8192, 128256, True),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", default=str(ROOT / ".build/release/benchmark"))
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--case", action="append", choices=CASES, help="repeat for several; without it, all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--cutoff-len", type=int, default=512)
    parser.add_argument("--lengths")
    parser.add_argument("--accumulate", type=int, help="rows a step, in place of the case's own")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", help="write every measurement here")
    parser.add_argument("--peft", help=argparse.SUPPRESS)  # one case, in a process of its own
    return parser.parse_args()


def ours(options, case):
    command = [options.benchmark, "step", "--shape", options.shape, "--rank", str(options.rank), "--steps",
               str(case.get("steps", options.steps)), "--cutoff-len", str(options.cutoff_len), "--threads",
               str(options.threads), "--target-modules", case.get("targets", "k_proj,v_proj"), "--dropout",
               str(case.get("dropout", 0.0)), "--gradient-accumulation-steps",
               str(options.accumulate or case.get("accumulate", 1))]
    command += ["--use-lora"] * case.get("use_lora", False) + ["--very-sparse"] * case.get("very_sparse", False)
    command += ["--lengths", options.lengths] if options.lengths else []
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return result["result"]


def peft(options, name):
    command = [sys.executable, __file__, "--peft", name, "--shape", options.shape, "--rank", str(options.rank),
               "--steps", str(options.steps), "--cutoff-len", str(options.cutoff_len), "--threads", str(options.threads)]
    command += ["--lengths", options.lengths] if options.lengths else []
    command += ["--accumulate", str(options.accumulate)] if options.accumulate else []
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def random_llama(shape):
    """transformers' model of a shape, with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    width, layers, heads, kv_heads, inner, vocabulary, tied = SHAPES[shape]
    return LlamaForCausalLM(LlamaConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        intermediate_size=inner, vocab_size=vocabulary, tie_word_embeddings=tied, max_position_embeddings=8192))


def run_peft(options):
    """One case with PyTorch + PEFT; prints a JSON object."""
    import torch
    from peft import LoraConfig, RandLoraConfig, get_peft_model

    case = CASES[options.peft]
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model, vocabulary = random_llama(options.shape), SHAPES[options.shape][5]
    targets, dropout = case.get("targets", "k_proj,v_proj").split(","), case.get("dropout", 0.0)
    if case.get("use_lora"):
        config = LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules=targets, lora_dropout=dropout)
    else:
        config = RandLoraConfig(r=options.rank, randlora_alpha=20 * options.rank, target_modules=targets,
                                randlora_dropout=dropout, very_sparse=case.get("very_sparse", False))
    model = get_peft_model(model, config)
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    lengths = [int(line) for line in open(options.lengths)] if options.lengths else [options.cutoff_len]
    accumulate, steps, row = options.accumulate or case.get("accumulate", 1), case.get("steps", options.steps), 0
    seconds, tokens = [], 0
    for step in range(steps + 1):
        start = time.perf_counter()
        for _ in range(accumulate):
            length = min(lengths[row % len(lengths)], options.cutoff_len)
            row += 1
            ids = torch.randint(3, vocabulary, (1, options.cutoff_len))
            mask = (torch.arange(options.cutoff_len) < length).long()[None]
            labels = ids.masked_fill(mask == 0, -100)
            (model(input_ids=ids, attention_mask=mask, labels=labels).loss / accumulate).backward()
            tokens += length if step else 0
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    import peft as library
    import transformers
    print(json.dumps({
        "seconds_per_step": statistics.median(seconds[1:]), "tokens_per_second": tokens / sum(seconds[1:]),
        "peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": library.__version__}}))


def main():
    options = parse()
    if options.peft:
        return run_peft(options)
    measured = {}
    print(f"{'case':26}{'ours tok/s':>12}{'PEFT tok/s':>12}{'ratio':>8}{'private/PEFT':>14}{'resident/PEFT':>15}{'sgemm share':>13}")
    for name in options.case or CASES:
        rounds = [(ours(options, CASES[name]), peft(options, name)) for _ in range(options.rounds)]
        median = lambda side, field: statistics.median(round[side][field] for round in rounds)
        ratio = statistics.median(a["tokens_per_second"] / b["tokens_per_second"] for a, b in rounds)
        memory = median(1, "peak_resident_bytes")
        print(f"{name:26}{median(0, 'tokens_per_second'):12.1f}{median(1, 'tokens_per_second'):12.1f}{ratio:8.2f}"
              f"{median(0, 'peak_private_bytes') / memory:14.2f}{median(0, 'peak_resident_bytes') / memory:15.2f}"
              f"{median(0, 'share_of_sgemm'):13.2f}", flush=True)
        measured[name] = rounds
    versions = next(iter(measured.values()))[0][1]["versions"]
    print(", ".join(f"{name} {version}" for name, version in versions.items()),
          f"{options.shape}, rank {options.rank}, rows of {options.cutoff_len}, {options.threads} threads, "
          f"median of {options.rounds}", sep="; ")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
