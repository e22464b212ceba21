#!/usr/bin/env python3
"""Write golden cases of training over a quantized base (PyTorch, transformers, PEFT, bitsandbytes; float32, CPU).

usage: make_quantized_cases.py OUT_DIR        (Tests/Fixtures/adapters)
needs: pip install torch transformers peft bitsandbytes accelerate

A folder a case, with the files of the other cases there. `model/` is what transformers saves of a model that bitsandbytes
quantized; the adapter is trained by PEFT on a float32 model whose weights are the dequantized ones. All widths are
multiples of the block size: with AVX-512, bitsandbytes 0.50.2 dequantizes other widths that 16 divides wrongly.
"""
import copy, json, pathlib, shutil, sys, tempfile, warnings
import bitsandbytes as bnb, bitsandbytes.functional as F, peft, torch, transformers
from peft import LoraConfig, RandLoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, get_scheduler

warnings.filterwarnings("ignore"); torch.set_num_threads(1)
KV, WIDE = ["k_proj", "v_proj"], ["q_proj", "k_proj", "v_proj", "up_proj", "down_proj"]
FOUR = dict(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)
CASES = {  # name: (method, adapter, quantization)
    "randlora-nf4": ("randlora", dict(r=8, randlora_alpha=160, target_modules=WIDE, sparse=True),
                     FOUR | dict(bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)),
    "lora-fp4": ("lora", dict(r=4, lora_alpha=8, target_modules=KV), FOUR | dict(bnb_4bit_quant_type="fp4")),
    "lora-int8": ("lora", dict(r=4, lora_alpha=8, target_modules=WIDE), dict(load_in_8bit=True)),
}

def dequantized(layer):
    if isinstance(layer, bnb.nn.Linear4bit): return F.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    scb = layer.state.SCB if layer.weight.SCB is None else layer.weight.SCB
    return F.int8_vectorwise_dequant(layer.weight.data, scb)

def quantize(base, settings, out):
    """Saves the quantized model and puts the dequantized weights into `base`."""
    with tempfile.TemporaryDirectory() as plain:
        base.save_pretrained(plain)
        model = AutoModelForCausalLM.from_pretrained(plain, quantization_config=BitsAndBytesConfig(**settings), dtype=torch.float32, device_map="cpu")
    model.save_pretrained(out)
    modules = dict(model.named_modules())
    for name, layer in base.named_modules():
        if isinstance(modules.get(name), (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)): layer.weight.data.copy_(dequantized(modules[name]))

def run(name, out):
    method, settings, quantization = CASES[name]
    o = dict(lr=5e-3 if method == "randlora" else 1e-2, weight_decay=0.01, steps=12, warmup=3, accumulate=1, clip=1.0, batch=2, seq=24, schedule="linear")
    torch.manual_seed(sum(map(ord, name)))
    c = AutoConfig.for_model("llama", hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=128, tie_word_embeddings=False,
                             vocab_size=160, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    base = AutoModelForCausalLM.from_config(c, dtype=torch.float32, attn_implementation="eager")
    for p in base.parameters(): p.data.normal_(0, 0.12) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.1)
    d = pathlib.Path(out) / name
    shutil.rmtree(d, ignore_errors=True); d.mkdir(parents=True)
    quantize(base, quantization, d / "model")
    ids = torch.randint(3, c.vocab_size, (o["steps"], o["batch"], o["seq"])); labels = ids.clone()
    labels[:, 0, :5] = -100                         # a masked prompt
    ids[:, 1, -4:] = c.pad_token_id                 # right padding
    labels[:, 1, -4:] = -100
    mask = torch.ones_like(ids); mask[:, 1, -4:] = 0
    t = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    def logits(model, i=0): return model(input_ids=ids[i], attention_mask=mask[i]).logits
    with torch.no_grad(): t["logits.base"] = logits(base)
    model = get_peft_model(copy.deepcopy(base), (RandLoraConfig if method == "randlora" else LoraConfig)(**settings, task_type="CAUSAL_LM"))
    model.save_pretrained(d / "adapter_init"); model.train()
    params = {n: p for n, p in model.named_parameters() if p.requires_grad}
    opt = torch.optim.AdamW(params.values(), lr=o["lr"], weight_decay=o["weight_decay"])
    sched = get_scheduler(o["schedule"], opt, o["warmup"], o["steps"])
    losses, norms, lrs = [], [], []
    for s in range(o["steps"]):
        loss = torch.nn.functional.cross_entropy(logits(model, s)[:, :-1].reshape(-1, c.vocab_size), labels[s][:, 1:].reshape(-1), ignore_index=-100)
        loss.backward()
        if s == 2: t |= {"grad.step2." + n: p.grad.clone() for n, p in params.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(params.values(), o["clip"]).item())
        losses.append(loss.item()); lrs.append(sched.get_last_lr()[0])
        opt.step(); sched.step(); opt.zero_grad()
    model.eval()
    with torch.no_grad(): t["logits.trained"] = logits(model)
    model.save_pretrained(d / "adapter_trained")
    merged = model.merge_and_unload()
    with torch.no_grad(): t["logits.merged"] = logits(merged)
    before = dict(base.named_parameters())
    t |= {"merged." + n: p.detach() for n, p in merged.named_parameters() if n in before and not torch.equal(p, before[n])}
    save_file({k: v.contiguous().clone() for k, v in t.items()}, d / "tensors.safetensors")
    (d / "case.json").write_text(json.dumps(dict(case=name, method=method, adapter=settings, optimiser=dict(name="AdamW", betas=[0.9, 0.999], eps=1e-8) | o,
        trainable_parameters=sum(p.numel() for p in params.values()), loss=losses, gradient_norm_before_clip=norms, learning_rate=lrs,
        versions={m.__name__: m.__version__ for m in (torch, transformers, peft, bnb)}), indent=1) + "\n")
    for junk in [*d.rglob("README.md"), *d.rglob("generation_config.json")]: junk.unlink()
    print(name, "loss", round(losses[0], 4), "->", round(losses[-1], 4))

for n in CASES: run(n, sys.argv[1])
