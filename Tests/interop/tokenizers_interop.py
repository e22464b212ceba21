#!/usr/bin/env python3
"""Compares our tokenizer with Hugging Face's, token by token, and times both in alternation on one core.

A developer's check: `pip install tokenizers`, and `swift build -c release --product benchmark` (or the program that the
variable BENCHMARK names).

    Tests/interop/tokenizers_interop.py --tokenizer DIR/tokenizer.json … --text FILE … [--rounds 7] [--json FILE]

Every line of every text must give the same ids (with and without special tokens), offsets and decoded text; .jsonl files
are read as rows whose strings are texts. Then each tokenizer is timed on each text that is not JSON: each round runs our
program and `tokenizers` one after the other, pinned to one core, and the ratio is that of the medians of processor time.
`tokenizers` runs as it is fastest: encode_batch_fast for ids alone, encode_batch with offsets, one thread.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ours(arguments):
    output = subprocess.run([os.environ.get("BENCHMARK", ROOT / ".build/release/benchmark"), "tokenize", *map(str, arguments)], check=True, capture_output=True)
    return json.loads(output.stdout)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def texts(path, separator):
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix in (".json", ".jsonl"):
        rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines() if line.strip()]
        return list(strings(rows))
    return text.split(separator)


def compare(file, path, separator):
    """The number of texts that differ."""
    peer = tokenizers.Tokenizer.from_file(str(file))
    parts = texts(path, separator)
    mark = "\x1e<text>\x1e"
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".txt") as f:
        f.write(mark.join(parts))
        f.flush()
        mine = ours(["--tokenizer", file, "--text", f.name, "--separator", mark, "--tokens"])
    assert len(mine) == len(parts), (len(mine), len(parts))
    different = 0
    for text, got in zip(parts, mine):
        plain, special = peer.encode(text, add_special_tokens=False), peer.encode(text)
        expected = dict(ids=plain.ids, ids_with_special=special.ids, offsets=[list(o) for o in plain.offsets],
                        decoded=peer.decode(plain.ids, skip_special_tokens=False))
        if got != expected:
            different += 1
            if different <= 3:
                print(f"  differs: {text!r}\n    {[k for k in expected if got[k] != expected[k]]}", file=sys.stderr)
    return len(parts), different


def median_seconds(body, rounds):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        body()
        times.append(time.process_time() - start)
    return times


def measure(file, path, separator, rounds, spans):
    peer = tokenizers.Tokenizer.from_file(str(file))
    parts = texts(path, separator)
    encode = peer.encode_batch if spans else peer.encode_batch_fast
    encode(parts, add_special_tokens=False)  # fills its cache; ours fills its own in the repetition that is left out
    mine, theirs = [], []
    for _ in range(rounds):
        result = ours(["--tokenizer", file, "--text", path, "--separator", separator, "--repeats", 3] + ["--spans"] * spans)
        mine.append(statistics.median(result["result"]["processor_seconds"][1:]))
        theirs.append(statistics.median(median_seconds(lambda: encode(parts, add_special_tokens=False), 2)))
    size = sum(len(t.encode()) for t in parts) / 1e6
    a, b = statistics.median(mine), statistics.median(theirs)
    return dict(tokenizer=str(file.parent.name), text=path.name, spans=spans, ours_mb_s=size / a, tokenizers_mb_s=size / b, ratio=b / a)


parser = argparse.ArgumentParser()
parser.add_argument("--tokenizer", nargs="+", type=pathlib.Path, required=True)
parser.add_argument("--text", nargs="+", type=pathlib.Path, required=True)
parser.add_argument("--separator", default="\n")
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--json", type=pathlib.Path)
parser.add_argument("--no-compare", action="store_true")
a = parser.parse_args()
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # children inherit it
print(f"tokenizers {tokenizers.__version__}, Python {sys.version.split()[0]}, one core, shared machine: medians of {a.rounds} rounds")
failed, results = 0, []
for file in a.tokenizer:
    for path in a.text:
        if not a.no_compare:
            count, different = compare(file, path, a.separator)
            failed += different
            print(f"{file.parent.name:24} {path.name:24} {count - different}/{count} texts equal")
        if a.rounds and path.suffix not in (".json", ".jsonl"):
            for spans in (False, True):
                results.append(measure(file, path, a.separator, a.rounds, spans))
                print("{tokenizer:24} {text:24} {0} ours {ours_mb_s:.2f} MB/s, tokenizers {tokenizers_mb_s:.2f} MB/s, ratio {ratio:.2f}".format(
                    "with offsets" if spans else "ids only    ", **results[-1]))
if a.json:
    a.json.write_text(json.dumps(results, indent=1) + "\n")
sys.exit(1 if failed else 0)
