#!/usr/bin/env python3
"""Write the goldens of the GGUF format with gguf, the reference's own package.

usage: make_gguf_goldens.py OUT_DIR
needs: pip install gguf safetensors

q8_0.safetensors: `weight`, float32 rows, and `bytes`, what gguf.quants.quantize makes of them: ties, an outlier, a block of
zeros and one whose scale is zero as a float16.
values.gguf: a file with a value and a tensor of every type that is written here; its tensors are rows of `weight`.
"""
import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file

out = pathlib.Path(sys.argv[1])
random = np.random.default_rng(3)
weight = (random.standard_normal((16, 64)) * 0.05).astype(np.float32)
weight[0, :32] = 0
weight[1, 3] = -4.5
weight[2, :32] = np.arange(-16, 16) / 2  # quotients that end in .5 or nearly so
weight[3, :32] = 127
weight[3, :8] = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5, -3.5]
weight[4, :32] *= 1e-5
Q8 = gguf.GGMLQuantizationType.Q8_0
save_file({"weight": weight, "bytes": gguf.quants.quantize(weight, Q8)}, out / "q8_0.safetensors")

writer = gguf.GGUFWriter(out / "values.gguf", "test")
writer.add_uint32("test.count", 4096)
writer.add_float32("test.scale", 0.1)
writer.add_bool("test.yes", True)
writer.add_string("test.text", "é→\n")
writer.add_array("test.integers", [1, -2, 3])
writer.add_array("test.floats", [0.5, -1.0])
writer.add_array("test.texts", ["a b", "ß"])
writer.add_tensor("one", weight[0, :5])
for type in [gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16, Q8]:
    writer.add_tensor(type.name.lower(), gguf.quants.quantize(weight[:3], type), raw_dtype=type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
