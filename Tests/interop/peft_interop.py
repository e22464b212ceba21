#!/usr/bin/env python3
"""Adapters go both ways between these programs and Hugging Face PEFT, and the logits stay the same.

usage: peft_interop.py [PROGRAMS] [--keep DIR]
needs: pip install torch transformers peft     and the built programs (swift build -c release)

PROGRAMS is the folder of the executables (default: .build/release). A small random Llama is made here. Then
  out:  every kind of adapter is trained here, exported with and without its bases, loaded by PEFT;
  lora: the RandLoRA adapters that were trained here, converted to LoRA at full rank and at 70 % of their energy, alone and
        added up with weights, loaded by PEFT;
  in:   every kind of adapter is written by PEFT, with bases under each layer, without bases, with bases of its
        own, and read here;
and the logits of both sides are compared on the same rows: the largest difference over the largest logit.
Exits with 1 when one exceeds 2e-5.
"""
import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, RandLoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

TOLERANCE = 2e-5
TARGETS = ["k_proj", "v_proj", "up_proj", "down_proj"]
# name: (flags of init-adapter, PEFT's configuration)
KINDS = {
    "dense": ([], RandLoraConfig(r=6, randlora_alpha=120, target_modules=TARGETS, projection_prng_key=11)),
    "sparse": (["--sparse"], RandLoraConfig(r=6, randlora_alpha=120, target_modules=TARGETS, projection_prng_key=11, sparse=True)),
    "very-sparse": (["--very-sparse"], RandLoraConfig(r=6, randlora_alpha=120, target_modules=TARGETS, projection_prng_key=11, very_sparse=True)),
    "lora": (["--use-lora"], LoraConfig(r=6, lora_alpha=12, target_modules=TARGETS)),
    "rslora": (["--use-lora", "--use-rslora"], LoraConfig(r=6, lora_alpha=12, target_modules=TARGETS, use_rslora=True)),
}


class Programs:
    """The executables, run on one base and one dataset in a folder of their own."""

    def __init__(self, folder, work):
        self.folder, self.work = folder, work
        self.results = []

    def run(self, program, *flags):
        command = [str(self.folder / program), *map(str, flags)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr}")

    def make_inputs(self, rows):
        data = self.work / "rows.jsonl"
        data.write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))
        self.run("import-base", "--base-model", self.work / "model", "--output", self.work / "base")
        self.run("prepare-data", "--base", self.work / "base", "--data-path", data, "--val-set-size", 4, "--output", self.work / "dataset")

    def logits(self, name):
        """The logits at every position of the validation rows, one row after another."""
        output = self.work / f"evaluation-{name}"
        self.run("evaluate", "--base", self.work / "base", "--dataset", self.work / "dataset",
                 "--checkpoint", self.work / name, "--save-logits", "--output", output)
        return load_file(output / "logits.safetensors")["logits"]

    def compare(self, what, ours, theirs):
        difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
        self.results.append(difference)
        print(f"{what:<46} {difference:.2e}{'' if difference <= TOLERANCE else '   TOO LARGE'}", flush=True)


def random_llama(path):
    torch.manual_seed(1)
    config = LlamaConfig(vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model = LlamaForCausalLM(config).float().eval()
    for parameter in model.parameters():  # larger than the usual start, so that every term shows in the logits
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.12)
    model.save_pretrained(path)
    return model


def reference_logits(model, rows):
    with torch.no_grad():
        return torch.cat([model(input_ids=row[None]).logits[0] for row in rows])


def validation_rows(dataset):
    tensors = load_file(dataset / "validation.safetensors")
    ends = tensors["row_offsets"].tolist()
    return [tensors["input_ids"][start:end].long() for start, end in zip(ends, ends[1:])]


def randomize(model):
    """Trained-looking values: what is zero at the start is no longer."""
    torch.manual_seed(2)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter) * (0.001 if "gamma" in name else 0.05))


def to_peft(programs, base, rows):
    for kind, (flags, config) in KINDS.items():
        common = ["--base", programs.work / "base"]
        alpha = ["--alpha", 12 if "lora" in kind else 120]
        key = [] if "lora" in kind else ["--projection-prng-key", 11]
        programs.run("init-adapter", *common, "--rank", 6, *alpha, *key, "--target-modules", ",".join(TARGETS), *flags,
                     "--output", programs.work / f"init-{kind}")
        programs.run("train-step", *common, "--dataset", programs.work / "dataset", "--checkpoint", programs.work / f"init-{kind}",
                     "--learning-rate", 5e-3, "--batch-size", 2, "--max-steps", 4, "--steps", 4, "--output", programs.work / f"trained-{kind}")
        ours = programs.logits(f"trained-{kind}")
        for bases in ["with bases"] if "lora" in kind else ["with bases", "without bases"]:
            adapter = programs.work / f"adapter-{kind}-{bases.replace(' ', '-')}"
            programs.run("push-artifact", *common, "--artifact", programs.work / f"trained-{kind}", "--to", f"dir:{adapter}",
                         *(["--no-save-projection"] if bases == "without bases" else []),
                         "--output", programs.work / f"receipt-{adapter.name}")
            model = PeftModel.from_pretrained(copy.deepcopy(base), adapter).eval()
            programs.compare(f"{kind}, written here {bases}, read by PEFT", ours, reference_logits(model, rows))


def lora_to_peft(programs, base, rows):
    def convert(name, *flags):
        programs.run("convert-to-lora", "--base", programs.work / "base", *flags, "--output", programs.work / name)
        programs.run("init-adapter", "--base", programs.work / "base", "--from-adapter", programs.work / name,
                     "--output", programs.work / f"read-{name}")
        model = PeftModel.from_pretrained(copy.deepcopy(base), programs.work / name).eval()
        return reference_logits(model, rows), programs.logits(f"read-{name}")

    for kind in ["dense", "sparse", "very-sparse"]:
        theirs, _ = convert(f"full-{kind}", "--checkpoint", programs.work / f"trained-{kind}", "--energy", 1)
        programs.compare(f"{kind}, as LoRA of full rank, read by PEFT", programs.logits(f"trained-{kind}"), theirs)
        theirs, ours = convert(f"part-{kind}", "--checkpoint", programs.work / f"trained-{kind}", "--energy", 0.7)
        ranks = json.loads((programs.work / f"part-{kind}" / "adapter_config.json").read_text())["rank_pattern"]
        programs.compare(f"{kind}, as LoRA of {len(ranks)} other ranks, read by PEFT", ours, theirs)
    both = [flag for kind in ["dense", "rslora"] for flag in ("--checkpoint", programs.work / f"trained-{kind}")]
    theirs, _ = convert("sum", *both, "--weights", "0.5,-1", "--rank", 100)
    programs.run("merge", "--base", programs.work / "base", *both, "--weights", "0.5,-1", "--output", programs.work / "merged-sum")
    merged = LlamaForCausalLM.from_pretrained(programs.work / "merged-sum").eval()
    programs.compare("dense and rslora added up, merged and as LoRA", reference_logits(merged, rows), theirs)


def from_peft(programs, base, rows):
    for kind, (_, settings) in KINDS.items():
        forms = ["as saved"] if "lora" in kind else ["bases under each layer", "without bases", "bases of its own"]
        for form in forms:
            config = copy.deepcopy(settings)
            config.task_type = "CAUSAL_LM"
            if form == "without bases":
                config.save_projection = False
            model = get_peft_model(copy.deepcopy(base), config).eval()
            randomize(model)
            if form == "bases of its own":
                for name, values in model.named_buffers():
                    if "randlora_A" in name or "randlora_B" in name:
                        values.copy_(torch.randn(values.shape, generator=torch.Generator().manual_seed(values.numel())))
            name = f"peft-{kind}-{form.replace(' ', '-')}"
            model.save_pretrained(programs.work / name)
            programs.run("init-adapter", "--base", programs.work / "base", "--from-adapter", programs.work / name,
                         "--output", programs.work / f"read-{name}")
            programs.compare(f"{kind}, written by PEFT {form}, read here", programs.logits(f"read-{name}"), reference_logits(model, rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="?", type=pathlib.Path, default=pathlib.Path(".build/release"))
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder and keep it")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.keep or pathlib.Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        base = random_llama(work / "model")
        programs = Programs(arguments.programs.resolve(), work)
        torch.manual_seed(3)
        programs.make_inputs([torch.randint(3, 96, (length,)).tolist() for length in range(8, 24)])
        rows = validation_rows(work / "dataset")
        to_peft(programs, base, rows)
        lora_to_peft(programs, base, rows)
        from_peft(programs, base, rows)
    print(f"largest difference {max(programs.results):.2e} of {len(programs.results)}, allowed {TOLERANCE:.0e}")
    sys.exit(max(programs.results) > TOLERANCE)


if __name__ == "__main__":
    main()
