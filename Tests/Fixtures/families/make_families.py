#!/usr/bin/env python3
"""Writes a small golden case for every family and rope variant with transformers and PEFT, float32, CPU.

usage: make_families.py OUT_DIR [NAME ...]
needs: pip install torch transformers peft safetensors     (torch 2.15 or later: RandLoRA's bases are drawn again from their key)

A folder a case:
  model/               a random model as save_pretrained writes it
  randlora/, lora/     adapters on all linear layers, without bases
  tensors.safetensors  ids and lengths of some rows; for the base and for each adapter the logits of every token, row by row;
                       for each adapter the gradients of the mean loss over all tokens but the rows' first
  case.json            versions and losses

Every row goes through the model alone, as if there were no others: rotations may depend on a row's length.
"""
import copy
import json
import pathlib
import shutil
import sys
import warnings

import peft
import torch
import transformers
from peft import LoraConfig, RandLoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

warnings.filterwarnings("ignore")

SMALL = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_attention_heads=2, num_key_value_heads=1,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LONG = dict(short_factor=[1.0, 1.1, 1.25, 1.5], long_factor=[1.0, 2.5, 6.0, 9.0], original_max_position_embeddings=16)
# name: (model type, what differs from SMALL, lengths of the rows)
CASES = {
    "gemma": ("gemma", dict(num_hidden_layers=2, head_dim=12), [5, 14, 1, 21]),
    "gemma2": ("gemma2", dict(num_hidden_layers=3, head_dim=8, query_pre_attn_scalar=12, sliding_window=6,
                              attn_logit_softcapping=2.0, final_logit_softcapping=1.5), [5, 14, 1, 21]),
    "gemma3": ("gemma3_text", dict(num_hidden_layers=4, head_dim=8, query_pre_attn_scalar=10, sliding_window=5,
                                   layer_types=["sliding_attention", "full_attention"] * 2,
                                   rope_parameters=dict(full_attention=dict(rope_type="linear", factor=4.0, rope_theta=1e6),
                                                        sliding_attention=dict(rope_type="default", rope_theta=100.0))), [5, 14, 21]),
    "smollm3": ("smollm3", dict(num_hidden_layers=4, no_rope_layer_interval=2), [5, 14, 21]),
    "smollm3-window": ("smollm3", dict(num_hidden_layers=3, no_rope_layers=[1, 0, 1], use_sliding_window=True,
                                       sliding_window=6, attention_bias=True), [5, 14, 21]),
    "granite": ("granite", dict(num_hidden_layers=2, embedding_multiplier=6.0, residual_multiplier=0.4,
                                attention_multiplier=0.2, logits_scaling=3.0, mlp_bias=True), [5, 14, 21]),
    "olmo2": ("olmo2", dict(num_hidden_layers=2, num_key_value_heads=2), [5, 14, 21]),
    "phi3-longrope": ("phi3", dict(num_hidden_layers=2, original_max_position_embeddings=16,
                                   rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, **LONG)), [5, 16, 17, 33]),
    "phi3-partial": ("phi3", dict(num_hidden_layers=2, original_max_position_embeddings=16,
                                  rope_parameters=dict(LONG, rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75,
                                                       short_factor=[1.0, 1.1, 1.25], long_factor=[1.0, 2.5, 6.0])), [5, 16, 17, 33]),
    "llama-linear": ("llama", dict(num_hidden_layers=2, rope_parameters=dict(rope_type="linear", factor=2.5, rope_theta=500.0)), [5, 21]),
    "llama-dynamic": ("llama", dict(num_hidden_layers=2, max_position_embeddings=16,
                                    rope_parameters=dict(rope_type="dynamic", factor=3.0, rope_theta=10000.0)), [5, 16, 17, 33]),
    "qwen3-yarn": ("qwen3", dict(num_hidden_layers=2, head_dim=12, rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=1e4)), [5, 33]),
    "llama-yarn": ("llama", dict(num_hidden_layers=2, head_dim=16, rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=300.0, beta_fast=4.0, beta_slow=0.5,
        mscale=0.7, mscale_all_dim=0.4, truncate=False)), [5, 33]),
    "qwen2-window": ("qwen2", dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=6, max_window_layers=1), [5, 21]),
}


def randlora(**settings):
    return RandLoraConfig(r=3, randlora_alpha=6, projection_prng_key=17, save_projection=False, task_type="CAUSAL_LM", **settings)


def lora(**settings):
    return LoraConfig(r=2, lora_alpha=4, task_type="CAUSAL_LM", **settings)


ADAPTERS = dict(randlora=randlora(target_modules="all-linear"), lora=lora(target_modules="all-linear"))
# What is adapted or trained beside the linear layers of the decoder.
OPTIONS = {
    "qwen2-head": ("qwen2", dict(num_hidden_layers=2, tie_word_embeddings=True), [5, 1, 14],
                   dict(randlora=randlora(target_modules=["v_proj", "lm_head"], bias="randlora_only"),
                        lora=lora(target_modules=["q_proj", "o_proj", "lm_head"], bias="lora_only"))),
    "gemma2-head": ("gemma2", dict(num_hidden_layers=2, head_dim=8, query_pre_attn_scalar=12, sliding_window=6,
                                   attn_logit_softcapping=2.0, final_logit_softcapping=1.5), [5, 14],
                    dict(randlora=randlora(target_modules=["lm_head"]),
                         lora=lora(target_modules=["down_proj"], modules_to_save=["embed_tokens", "norm"]))),
    "granite-saved": ("granite", dict(num_hidden_layers=2, embedding_multiplier=6.0, residual_multiplier=0.4, attention_multiplier=0.2,
                                      logits_scaling=3.0, mlp_bias=True, attention_bias=True), [5, 14],
                      dict(randlora=randlora(target_modules=["k_proj"], modules_to_save=["lm_head"], bias="all"),
                           lora=lora(target_modules=["up_proj"], modules_to_save=["embed_tokens", "o_proj"]))),
}

CASES = {name: (*case, ADAPTERS) for name, case in CASES.items()} | OPTIONS


def fresh(model):
    """Forgets the lengths of earlier rows (dynamic scaling keeps the longest)."""
    for module in model.modules():
        if hasattr(module, "original_inv_freq"):
            module.inv_freq = module.original_inv_freq.clone()
            module.max_seq_len_cached = module.original_max_seq_len


def logits(model, rows):
    parts = []
    for row in rows:
        fresh(model)
        parts.append(model(input_ids=row[None]).logits[0])
    return parts


def loss(parts, rows):
    total = sum(torch.nn.functional.cross_entropy(p[:-1], row[1:], reduction="sum") for p, row in zip(parts, rows) if len(row) > 1)
    return total / sum(len(row) - 1 for row in rows)


def run(name, out):
    kind, changes, lengths, adapters = CASES[name]
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(kind, **(SMALL | changes))
    config._attn_implementation = "eager"
    base = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for p in base.parameters():  # larger than usual, so that every term shows in the logits
        p.data = torch.randn_like(p) * 0.25 if p.dim() > 1 else p.data + torch.randn_like(p) * 0.2
    base.tie_weights()
    folder = pathlib.Path(out) / name
    shutil.rmtree(folder, ignore_errors=True)
    base.save_pretrained(folder / "model")
    rows = [torch.randint(3, config.vocab_size, (length,)) for length in lengths]
    with torch.no_grad():
        tensors = {"ids": torch.cat(rows), "lengths": torch.tensor(lengths), "logits.base": torch.cat(logits(base, rows))}
    losses = {}
    for method, settings in adapters.items():
        model = get_peft_model(copy.deepcopy(base), copy.deepcopy(settings)).eval()
        params = {n: p for n, p in model.named_parameters() if p.requires_grad}
        for n, p in params.items():
            own = "lora_" in n  # an adapter's, not a copy of the model's
            p.data = (0 if own else p.data) + torch.randn_like(p) * (0.3 if method == "lora" else 0.25)
        parts = logits(model, rows)
        value = loss(parts, rows)
        value.backward()
        losses[method] = value.item()
        tensors[f"logits.{method}"] = torch.cat(parts).detach()
        for n, p in params.items():
            tensors[f"grad.{method}.{n.replace('.modules_to_save', '').replace('.default', '')}"] = p.grad
        kept = {k: v for k, v in model.state_dict().items() if "randlora_A" not in k and "randlora_B" not in k}
        model.save_pretrained(folder / method, state_dict=kept)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "tensors.safetensors")
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
    (folder / "case.json").write_text(json.dumps(dict(versions=versions, losses=losses), indent=1) + "\n")
    for junk in [*folder.rglob("README.md"), *folder.rglob("generation_config.json")]: junk.unlink()
    for file in folder.rglob("adapter_config.json"):  # no path of this machine
        text = json.loads(file.read_text()) | dict(base_model_name_or_path=None)
        file.write_text(json.dumps(text, indent=1) + "\n")
    print(name, losses, f"largest logit {tensors['logits.base'].abs().max():.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[2:] or CASES: run(name, sys.argv[1])
