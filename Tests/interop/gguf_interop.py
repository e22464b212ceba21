#!/usr/bin/env python3
"""Merged models of every family, written as GGUF, are what gguf's reader and llama.cpp take them for.

usage: gguf_interop.py [PROGRAMS]
needs: pip install gguf safetensors tokenizers     and the built programs (swift build -c release)
also uses, where it is installed: pip install llama-cpp-python

PROGRAMS is the folder of the executables (default: .build/release). For a small random model of every family with an adapter:
gguf's GGUFReader reads the files of all types back, their tensors are those of the model merged as safetensors, reordered as
llama.cpp wants them, and their q8_0 bytes are gguf's own. With llama-cpp-python, llama.cpp's logits for the f32 file are compared
with those that evaluate gives for base and adapter (the largest difference over the largest logit), and its tokens for some
texts with those of Hugging Face's tokenizers. Exits with 1 when something differs.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

try:
    import llama_cpp
except ImportError:
    llama_cpp = None

TOLERANCE = 1e-5
GELU_TOLERANCE = 1e-3  # ggml looks GeLU up in a table of float16 values
VOCABULARY = 384
TEXTS = ["Hello world", "  two  spaces\n\nand lines", "I've 12345 cats, don't I?", "naïve café 你好 🙂", "x=3.14;\ty=[1,2]", ""]
CORPUS = ["Once upon a time there was a little cat who had 12 friends, and they've all lived happily.", "Hello, hello world! 1234567890",
          "def add(a, b):\n    return a + b\n\n", "the quick brown fox jumps over the lazy dog; don't they, and there"] * 4

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def tokenizer(kind):
    """A tokenizer of the family's kind, trained on a few lines."""
    if kind in ["llama2", "gemma"]:
        made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        replace = normalizers.Replace(" ", "▁")
        made.normalizer = replace if kind == "gemma" else normalizers.Sequence([normalizers.Prepend("▁"), replace])
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
        made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, max_token_length=8, show_progress=False))
        file = json.loads(made.to_str())
        file["added_tokens"] = file["added_tokens"][:3]
        made = Tokenizer.from_str(json.dumps(file))
    else:
        made = Tokenizer(models.BPE(ignore_merges=kind == "llama3"))
        steps = {"llama3": [pre_tokenizers.Split(Regex(LLAMA3), "isolated")], "qwen2": [pre_tokenizers.Split(Regex(QWEN2), "isolated")],
                 "smollm": [pre_tokenizers.Digits(individual_digits=True)], "gpt2": []}[kind]
        splits = kind in ["smollm", "gpt2"]
        made.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=splits)])
        made.decoder = decoders.ByteLevel()
        made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=VOCABULARY - 10, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        made.add_special_tokens([AddedToken("<s>", normalized=False), AddedToken("</s>", normalized=False)])
        made.add_tokens([AddedToken("<tool>", normalized=False)])
    if kind in ["llama2", "gemma", "llama3"]:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.token_to_id("<s>"))])
    return made


def plain(kind, tokens, scaling=None, **fields):
    config = dict(model_type=kind, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
                  num_key_value_heads=2, vocab_size=VOCABULARY, max_position_embeddings=256, rms_norm_eps=1e-5,
                  tie_word_embeddings=False, rope_theta=10000.0)
    if scaling:
        config["rope_scaling"] = scaling
    return tokens, {**config, **fields}


YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
FACTORS = dict(short_factor=[1 + i / 10 for i in range(8)], long_factor=[1.5 + i for i in range(8)])
CASES = {
    "llama2": plain("llama", "llama2"),
    "llama3": plain("llama", "llama3", dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
                    rope_theta=500000.0, head_dim=32, attention_bias=True, mlp_bias=True),
    "llama-linear": plain("llama", "smollm", dict(rope_type="linear", factor=2.5), tie_word_embeddings=True),
    "llama-yarn": plain("llama", "gpt2", {**YARN, "attention_factor": 1.3}),
    "mistral": plain("mistral", "llama2", sliding_window=None),
    "qwen2": plain("qwen2", "qwen2", tie_word_embeddings=True),
    "qwen3": plain("qwen3", "qwen2", YARN, head_dim=32),
    "phi3": plain("phi3", "llama2", sliding_window=None),
    "phi3-longrope": plain("phi3", "llama2", dict(type="longrope", **FACTORS), sliding_window=None, original_max_position_embeddings=16),
    "phi3-partial": plain("phi3", "gpt2", sliding_window=None, partial_rotary_factor=0.75, num_attention_heads=2),
    "gemma2": plain("gemma2", "gemma", head_dim=32, query_pre_attn_scalar=32, sliding_window=8, tie_word_embeddings=True,
                    hidden_activation="gelu_pytorch_tanh"),
    "gemma3": plain("gemma3_text", "gemma", dict(rope_type="linear", factor=4.0), head_dim=32, query_pre_attn_scalar=32, sliding_window=8,
                    num_hidden_layers=7, tie_word_embeddings=True, rope_theta=1000000.0, rope_local_base_freq=100.0,
                    hidden_activation="gelu_pytorch_tanh"),
    "gemma3-head": plain("gemma3_text", "gemma", head_dim=32, query_pre_attn_scalar=32, sliding_window=8, num_hidden_layers=6,
                         hidden_activation="gelu_pytorch_tanh"),
    "smollm3": plain("smollm3", "llama3", tie_word_embeddings=True, no_rope_layer_interval=4),
    "granite": plain("granite", "smollm", embedding_multiplier=12.0, residual_multiplier=0.22, attention_multiplier=0.1, logits_scaling=8.0),
    "olmo2": plain("olmo2", "gpt2"),
}


def write_model(config, tokens, folder):
    """A random model of a configuration, with the names and shapes that transformers gives its tensors."""
    random = np.random.default_rng(7)
    kind, width, inner = config["model_type"], config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim", width // config["num_attention_heads"])
    query, pair = head * config["num_attention_heads"], head * config["num_key_value_heads"]
    tensors = {}

    def matrix(name, rows, columns, bias=False):
        tensors[name + ".weight"] = (random.standard_normal((rows, columns)) / math.sqrt(columns)).astype(np.float32)
        if bias:
            tensors[name + ".bias"] = (random.standard_normal(rows) / 10).astype(np.float32)

    def norm(name, count):
        tensors[name + ".weight"] = ((0 if kind.startswith("gemma") else 1) + random.standard_normal(count) / 10).astype(np.float32)

    matrix("model.embed_tokens", VOCABULARY, width)
    norm("model.norm", width)
    if not config["tie_word_embeddings"]:
        matrix("lm_head", VOCABULARY, width)
    for layer in range(config["num_hidden_layers"]):
        part = f"model.layers.{layer}."
        if kind == "phi3":
            matrix(part + "self_attn.qkv_proj", query + 2 * pair, width)
            matrix(part + "mlp.gate_up_proj", 2 * inner, width)
        else:
            biased = config.get("attention_bias", kind == "qwen2")
            for name, rows in [("q", query), ("k", pair), ("v", pair)]:
                matrix(part + f"self_attn.{name}_proj", rows, width, biased)
            for name in ["gate", "up"]:
                matrix(part + f"mlp.{name}_proj", inner, width, config.get("mlp_bias", False))
        matrix(part + "self_attn.o_proj", width, query, config.get("attention_bias", False))
        matrix(part + "mlp.down_proj", width, inner, config.get("mlp_bias", False))
        norm(part + "post_attention_layernorm", width)
        if kind != "olmo2":
            norm(part + "input_layernorm", width)
        if kind.startswith("gemma"):
            norm(part + "pre_feedforward_layernorm", width)
        if kind.startswith("gemma") or kind == "olmo2":
            norm(part + "post_feedforward_layernorm", width)
        if kind in ["qwen3", "gemma3_text"]:
            norm(part + "self_attn.q_norm", head)
            norm(part + "self_attn.k_norm", head)
        if kind == "olmo2":
            norm(part + "self_attn.q_norm", query)
            norm(part + "self_attn.k_norm", pair)
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    tokens.save(str(folder / "tokenizer.json"))
    about = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{% for message in messages %}{{ message.content }}{% endfor %}"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


def write_adapter(config, folder):
    """A random LoRA adapter on queries, keys and the feed-forward block's end."""
    random = np.random.default_rng(8)
    weights = load_file(folder.parent / "model" / "model.safetensors")
    targets = ["qkv_proj", "down_proj"] if config["model_type"] == "phi3" else ["q_proj", "k_proj", "down_proj"]
    tensors = {}
    for name, weight in weights.items():
        if name.endswith(".weight") and name.split(".")[-2] in targets:
            module = "base_model.model." + name.removesuffix(".weight")
            tensors[module + ".lora_A.weight"] = (random.standard_normal((4, weight.shape[1])) / 8).astype(np.float32)
            tensors[module + ".lora_B.weight"] = (random.standard_normal((weight.shape[0], 4)) / 8).astype(np.float32)
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    about = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": targets, "lora_dropout": 0.0, "bias": "none", "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(about))


def run(folder, work, program, *flags):
    command = [str(folder / program), *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=work)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr}")


def permuted(weight, heads):
    """As llama.cpp's converter reorders the rows of queries and keys."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def expected(config, tensors):
    """The tensors of a GGUF file by its names, in float32, from those of the merged model."""
    kind = config["model_type"]
    architecture = {"mistral": "LLAMA", "gemma3_text": "GEMMA3"}.get(kind, kind.upper())
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, architecture), config["num_hidden_layers"])
    result = {}
    for name, tensor in tensors.items():
        if kind in ["llama", "mistral", "smollm3", "granite"] and name.split(".")[-2] in ["q_proj", "k_proj"]:
            tensor = permuted(tensor, config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"])
        if kind.startswith("gemma") and name.endswith("norm.weight"):
            tensor = tensor + np.float32(1)
        result[names.get_name(name, try_suffixes=(".weight", ".bias"))] = tensor
    return result


def check_tensors(reader, type, wanted):
    """What differs between a file and the tensors that it should hold."""
    found = {tensor.name: tensor for tensor in reader.tensors if not tensor.name.startswith("rope_f")}
    if found.keys() != wanted.keys():
        return [f"{type}: other tensors: {sorted(found.keys() ^ wanted.keys())}"]
    differing = []
    for name, values in wanted.items():
        qtype = getattr(gguf.GGMLQuantizationType, type.upper() if values.ndim > 1 else "F32")
        bytes = gguf.quants.quantize(values, qtype).tobytes()
        shape = list(reversed(values.shape))
        if found[name].tensor_type != qtype or found[name].shape.tolist() != shape or found[name].data.tobytes() != bytes:
            differing.append(f"{type}: {name}")
    return differing


def check_metadata(reader, config, tokens):
    """What differs between a file's metadata and the model's configuration and tokenizer."""
    fields = {name: field.contents() for name, field in reader.fields.items()}
    name = fields["general.architecture"]
    wanted = {
        f"{name}.block_count": config["num_hidden_layers"], f"{name}.context_length": config["max_position_embeddings"],
        f"{name}.embedding_length": config["hidden_size"], f"{name}.feed_forward_length": config["intermediate_size"],
        f"{name}.attention.head_count": config["num_attention_heads"], f"{name}.attention.head_count_kv": config["num_key_value_heads"],
        f"{name}.rope.freq_base": config["rope_theta"], f"{name}.attention.layer_norm_rms_epsilon": float(np.float32(config["rms_norm_eps"])),
        "tokenizer.ggml.bos_token_id": tokens.token_to_id("<s>"), "tokenizer.ggml.eos_token_id": tokens.token_to_id("</s>"),
        "tokenizer.ggml.add_bos_token": bool(tokens.encode("").ids),
        "tokenizer.chat_template": "{% for message in messages %}{{ message.content }}{% endfor %}",
    }
    ids = fields["tokenizer.ggml.tokens"]
    texts = [tokens.id_to_token(id) or f"[PAD{id}]" for id in range(VOCABULARY)]
    return [f"{key}: {fields.get(key)}, not {value}" for key, value in wanted.items() if fields.get(key) != value] + (
        [] if ids == texts else ["tokenizer.ggml.tokens"])


def check_llama(file, tokens, ids, logits):
    """The difference of llama.cpp's logits, and the texts that it tokenizes otherwise."""
    # yarn_attn_factor -1: as the file says; types 0: keys and values in float32.
    model = llama_cpp.Llama(str(file), n_ctx=len(ids), n_batch=len(ids), logits_all=True, verbose=False, n_threads=1, type_k=0,
                            type_v=0, yarn_attn_factor=-1.0)
    model.eval(ids)
    found = np.array(model.scores[: len(ids)])
    differing = [text for text in TEXTS if model.tokenize(text.encode(), add_bos=True, special=True) != tokens.encode(text).ids]
    model.close()
    return np.abs(found - logits).max() / np.abs(logits).max(), differing


def check(name, folder, work):
    kind, config = CASES[name]
    tokens = tokenizer(kind)
    write_model(config, tokens, work / "model")
    write_adapter(config, work / "peft")
    ids = np.random.default_rng(9).integers(0, VOCABULARY - 20, 30).tolist()
    (work / "rows.jsonl").write_text(json.dumps({"input_ids": ids}))
    run(folder, work, "import-base", "--base-model", "model", "--output", "base")
    run(folder, work, "init-adapter", "--base", "base", "--from-adapter", "peft", "--output", "adapter")
    run(folder, work, "prepare-data", "--base", "base", "--data-path", "rows.jsonl", "--output", "dataset")
    run(folder, work, "evaluate", "--base", "base", "--checkpoint", "adapter", "--dataset", "dataset", "--split", "train",
        "--save-logits", "--output", "evaluation")
    merge = ["merge", "--base", "base", "--checkpoint", "adapter"]
    run(folder, work, *merge, "--output", "merged")
    wanted = expected(config, load_file(work / "merged" / "model.safetensors"))
    problems = []
    for type in ["f32", "f16", "bf16", "q8_0"]:
        run(folder, work, *merge, "--format", "gguf", "--outtype", type, "--output", type)
        reader = gguf.GGUFReader(work / type / "model.gguf")
        problems += check_tensors(reader, type, wanted)
    problems += check_metadata(reader, config, tokens)
    if llama_cpp is None:
        return problems, ""
    logits = load_file(work / "evaluation" / "logits.safetensors")["logits"]
    difference, texts = check_llama(work / "f32" / "model.gguf", tokens, ids, logits)
    if not difference <= (GELU_TOLERANCE if "hidden_activation" in config else TOLERANCE):
        problems.append(f"llama.cpp's logits differ by {difference:.1e}")
    problems += [f"llama.cpp's tokens for {text!r} differ" for text in texts]
    return problems, f", in llama.cpp {difference:.1e}"


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".build/release").resolve()
    print(f"numpy {np.__version__}, llama-cpp-python {llama_cpp.__version__ if llama_cpp else 'is not installed'}")
    names = sys.argv[2:] or CASES
    failed = False
    for name in names:
        with tempfile.TemporaryDirectory() as work:
            problems, result = check(name, folder, pathlib.Path(work))
            subprocess.run(["chmod", "-R", "u+w", work])
        print(f"{name:14} " + ("; ".join(problems) if problems else "all types read back" + result), flush=True)
        failed = failed or bool(problems)
    sys.exit(failed)


if __name__ == "__main__":
    main()
