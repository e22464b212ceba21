#!/usr/bin/env python3
"""Write 8-bit golden tensors with bitsandbytes (CPU): the rows of LLM.int8.

usage: make_int8_goldens.py OUT_DIR
needs: pip install torch bitsandbytes safetensors

One safetensors file a case, `int8-<dtype>-<shape>.safetensors`:
  weight       the input, in float32 or bfloat16
  CB, SCB      what `Linear8bitLt` saves: int8 codes, and the largest absolute value of each row
  dequantized  float32, what `int8_vectorwise_dequant` gives back
"""
import pathlib, sys, torch
import bitsandbytes as bnb, bitsandbytes.functional as F
from safetensors.torch import save_file
out = pathlib.Path(sys.argv[1]); torch.manual_seed(1); torch.set_num_threads(1)
for dtype in [torch.float32, torch.bfloat16]:
    for shape in [(16, 96), (13, 57)]:
        w = torch.randn(shape) * 0.03
        w[1, 3] = 1.7                                                    # an outlier
        w = w.to(dtype)
        layer = bnb.nn.Linear8bitLt(shape[1], shape[0], bias=False, has_fp16_weights=False)
        layer.weight = bnb.nn.Int8Params(w.clone(), has_fp16_weights=False, requires_grad=False)
        layer = layer.to("cpu")
        cb, scb = layer.weight.data, getattr(layer.weight, "SCB", None)
        if scb is None: cb, scb, _ = F.int8_vectorwise_quant(w.half())   # what ._quantize does on other devices
        t = dict(weight=w, CB=cb, SCB=scb, dequantized=F.int8_vectorwise_dequant(cb, scb).float())
        name = f"int8-{str(dtype)[6:]}-{shape[0]}x{shape[1]}"
        save_file({k: v.contiguous().clone() for k, v in t.items()}, out / f"{name}.safetensors")
        print(name, float((t["dequantized"] - w.float()).abs().max()), "Linear8bitLt" if hasattr(layer.weight, "SCB") else "function")
