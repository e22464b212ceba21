#!/usr/bin/env python3
"""Adapters on every family, and those that adapt lm_head or train biases and whole modules, go to PEFT and merge as it does.

usage: families_interop.py [PROGRAMS]
needs: pip install torch transformers peft     and the built programs (swift build -c release)

PROGRAMS is the folder of the executables (default: .build/release). For every case in Tests/Fixtures/families: the adapter is
read here, exported, and loaded by PEFT; the base and adapter are merged here, and transformers loads what came out. The
logits of both are compared with those that the programs give for base and adapter: the largest difference over the largest
logit. Exits with 1 when one exceeds 2e-5.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import peft
import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TOLERANCE = 2e-5
FIXTURES = pathlib.Path(__file__).parent.parent / "Fixtures" / "families"
sys.path.append(str(FIXTURES))
from make_families import logits


def run(folder, work, program, *flags):
    command = [str(folder / program), *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=work)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr}")


def difference(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def check(case, kind, folder, work):
    """The differences of PEFT's logits, and of the merged model's in transformers, from the programs'."""
    tensors = load_file(case / "tensors.safetensors")
    rows = [row for row in tensors["ids"].split(tensors["lengths"].tolist()) if len(row) > 1]
    (work / "rows.jsonl").write_text("".join(json.dumps({"input_ids": row.tolist()}) + "\n" for row in rows))
    run(folder, work, "import-base", "--base-model", case / "model", "--output", "base")
    run(folder, work, "prepare-data", "--base", "base", "--data-path", "rows.jsonl", "--output", "dataset")
    run(folder, work, "init-adapter", "--base", "base", "--from-adapter", case / kind, "--output", "adapter")
    run(folder, work, "evaluate", "--base", "base", "--dataset", "dataset", "--split", "train", "--save-logits", "--checkpoint",
        "adapter", "--output", "evaluation")
    run(folder, work, "push-artifact", "--artifact", "adapter", "--base", "base", "--to", "dir:exported", "--output", "receipt")
    run(folder, work, "merge", "--base", "base", "--checkpoint", "adapter", "--output", "merged")
    own = load_file(work / "evaluation" / "logits.safetensors")["logits"]
    theirs = PeftModel.from_pretrained(load(case / "model"), work / "exported").eval()
    with torch.no_grad():
        return [difference(own, torch.cat(logits(model, rows))) for model in (theirs, load(work / "merged"))]


def main():
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".build/release").resolve()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    worst = 0
    for case in sorted(path for path in FIXTURES.iterdir() if path.is_dir()):
        for kind in ["randlora", "lora"]:
            with tempfile.TemporaryDirectory() as work:
                adapter, merged = check(case, kind, folder, pathlib.Path(work))
                subprocess.run(["chmod", "-R", "u+w", work])
            worst = max(worst, adapter, merged)
            print(f"{case.name:16} {kind:9} in PEFT {adapter:.1e}, merged in transformers {merged:.1e}")
    print(f"largest difference {worst:.1e}")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
