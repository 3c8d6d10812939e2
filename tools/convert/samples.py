"""Small random checkpoints in Hugging Face's layout, for the tests and the golden vectors.

Weights are large enough that every part of a network affects its logits: a missing factor, bias or rotation changes
them by far more than rounding.
"""
import json

import numpy as np
import safetensors.numpy

from pretokenizer import LLAMA3, QWEN2
from tokenizer import MARK, byte_symbols

VOCAB, CONTEXT = 112, 64
TEXT = ("the cat and the dog went to the sea and then they sat on the sand, and the sun was hot. "
        "one day the dog said to the cat that there was a ship on the sea! its sails were white and its name was long, "
        "so nobody could remember where it had come from, or who was waiting for those people at home.\n")

LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": VOCAB,
         "hidden_size": 32, "intermediate_size": 18, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2}
WIDE_HEADS = {"hidden_size": 24, "head_dim": 8, "intermediate_size": 22, "tie_word_embeddings": False}
BYTE_LEVEL_IDS = {"bos_token_id": 110, "eos_token_id": 111}
LLAMA3_SCALING = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                  "original_max_position_embeddings": 32}

# Name: config.json, and the pre-tokenizer (None: SentencePiece).
NETWORKS = {
    "llama-tied": (LLAMA, None),
    "llama-bias": (LLAMA | WIDE_HEADS | BYTE_LEVEL_IDS | {"attention_bias": True, "mlp_bias": True}, "llama-bpe"),
    "llama-factors": (LLAMA | BYTE_LEVEL_IDS | {"rope_scaling": LLAMA3_SCALING, "rope_theta": 300.0}, "smollm"),
    "llama-linear": (LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.5}}, None),
    "qwen2": (LLAMA | BYTE_LEVEL_IDS | {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
                                        "use_sliding_window": False, "sliding_window": 32, "rope_theta": 1e6}, "qwen2"),
    "qwen3": (LLAMA | WIDE_HEADS | BYTE_LEVEL_IDS | {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
                                                     "rms_norm_eps": 1e-6, "rope_theta": 1e6}, "qwen2"),
    "gpt2": ({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new",
              "vocab_size": VOCAB, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": CONTEXT, "n_ctx": CONTEXT,
              "n_inner": 42, "layer_norm_epsilon": 1e-5} | BYTE_LEVEL_IDS, "gpt-2"),
}


# ---- weights ---------------------------------------------------------------

def rotary_shapes(c):
    dim, hidden, heads = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
    head = c.get("head_dim") or dim // heads
    q_dim, kv_dim = heads * head, c["num_key_value_heads"] * head
    attention_bias, mlp_bias = c.get("attention_bias", False), c.get("mlp_bias", False)
    yield "model.embed_tokens.weight", (c["vocab_size"], dim)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        for name, rows, cols, bias in (("self_attn.q_proj", q_dim, dim, attention_bias or c["model_type"] == "qwen2"),
                                       ("self_attn.k_proj", kv_dim, dim, attention_bias or c["model_type"] == "qwen2"),
                                       ("self_attn.v_proj", kv_dim, dim, attention_bias or c["model_type"] == "qwen2"),
                                       ("self_attn.o_proj", dim, q_dim, attention_bias),
                                       ("mlp.gate_proj", hidden, dim, mlp_bias), ("mlp.up_proj", hidden, dim, mlp_bias),
                                       ("mlp.down_proj", dim, hidden, mlp_bias)):
            yield f"{p}{name}.weight", (rows, cols)
            if bias:
                yield f"{p}{name}.bias", (rows,)
        for name in "input_layernorm", "post_attention_layernorm":
            yield f"{p}{name}.weight", (dim,)
        if c["model_type"] == "qwen3":
            yield f"{p}self_attn.q_norm.weight", (head,)
            yield f"{p}self_attn.k_norm.weight", (head,)
    yield "model.norm.weight", (dim,)
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", (c["vocab_size"], dim)


def gpt2_shapes(c):
    dim, hidden = c["n_embd"], c.get("n_inner") or 4 * c["n_embd"]
    yield "wte.weight", (c["vocab_size"], dim)
    yield "wpe.weight", (c["n_positions"], dim)
    for i in range(c["n_layer"]):
        for name in "ln_1", "ln_2":
            yield f"h.{i}.{name}.weight", (dim,)
            yield f"h.{i}.{name}.bias", (dim,)
        for name, inputs, outputs in (("attn.c_attn", dim, 3 * dim), ("attn.c_proj", dim, dim),
                                      ("mlp.c_fc", dim, hidden), ("mlp.c_proj", hidden, dim)):
            yield f"h.{i}.{name}.weight", (inputs, outputs)
            yield f"h.{i}.{name}.bias", (outputs,)
    yield "ln_f.weight", (dim,)
    yield "ln_f.bias", (dim,)


def random_tensors(config, seed, normal=None):
    """float32 by name; normal(shape) draws from the standard normal distribution instead of numpy's generator."""
    normal = normal or (lambda shape, rng=np.random.default_rng(seed): rng.standard_normal(shape, np.float32))
    tensors = {}
    for name, shape in gpt2_shapes(config) if config["model_type"] == "gpt2" else rotary_shapes(config):
        x = normal(shape)
        if len(shape) == 2:
            x *= 1.0 if name.startswith(("model.embed", "wte", "wpe")) else 1.4 / max(shape) ** 0.5
        elif name.endswith("bias"):
            x *= 0.5
        else:
            x = 1 + 0.3 * x
        tensors[name] = x
    return tensors


# ---- discrete diffusion ----------------------------------------------------

LOU = {"tokens": VOCAB, "graph": {"type": "absorb"}, "noise": {"type": "loglinear", "sigma_min": "1e-4", "sigma_max": 20},
       "model": {"hidden_size": 32, "cond_dim": 16, "length": CONTEXT, "n_blocks": 2, "n_heads": 4, "scale_by_sigma": True}}
# Name: config.json, width of the embedded noise level, whether norms have biases.
DISCRETE = {
    "sedd": (LOU, 16, False),
    "sedd-uniform": (LOU | {"graph": {"type": "uniform"}, "noise": {"type": "geometric", "sigma_min": "1e-4", "sigma_max": 20},
                            "model": LOU["model"] | {"scale_by_sigma": False}}, 16, False),
    "radd": (LOU, 0, True),
    "mdlm": ({"model_type": "mdlm", "architectures": ["MDLM"], "vocab_size": VOCAB + 1, "hidden_dim": 32, "cond_dim": 16,
              "n_blocks": 2, "n_heads": 4, "model_length": CONTEXT, "time_conditioning": False}, 16, False),
}


def discrete_tensors(shapes, seed):
    """Random float32 for shapes by name: every part must matter, also the gates."""
    rng, tensors = np.random.default_rng(seed), {}
    for name, shape in shapes.items():
        x = rng.standard_normal(shape, np.float32)
        if len(shape) == 2:
            x *= 1.0 if "embedding" in name else 1.4 / max(shape) ** 0.5
        elif name.endswith("bias"):
            x *= 0.3
        else:
            x = 1 + 0.3 * x
        tensors[name] = x
    return tensors


def write_discrete(folder, config, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer.json", byte_level("gpt-2"))
    write_tensors(folder, tensors)


# ---- tokenizers ------------------------------------------------------------

def learn(parts, count, may_merge):
    """Byte-pair encoding: the `count` most frequent pairs of neighbours, each merged before the next is counted."""
    pairs = []
    for _ in range(count):
        counts = {}
        for pair in zip(parts, parts[1:]):
            if may_merge(*pair):
                counts[pair] = counts.get(pair, 0) + 1
        best = max(counts, key=lambda pair: (counts[pair], pair))
        pairs.append(best)
        i = 0
        while i < len(parts) - 1:
            if (parts[i], parts[i + 1]) == best:
                parts[i:i + 2] = ["".join(best)]
            i += 1
    return pairs


SPLITS = {
    "gpt-2": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
    "smollm": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
}
for name, regex in ("llama-bpe", LLAMA3), ("qwen2", QWEN2):
    SPLITS[name] = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}


def added(number, text, special=True):
    return {"id": number, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": special}


def byte_level(pre, rows=VOCAB):
    """Printable ASCII and the line break, merges inside of words, and two special tokens at the end."""
    symbols = byte_symbols()
    vocab = [symbols[b] for b in [10, *range(32, 127)]]
    space = symbols[32]
    pairs = learn([symbols[b] for b in TEXT.encode()], rows - 2 - len(vocab),
                  lambda a, b: space not in b and (a + b).replace(space, "").isalpha())
    vocab += ["".join(pair) for pair in pairs]
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(rows - 2, "<|begin|>"), added(rows - 1, "<|end|>")],
            "normalizer": {"type": "NFC"} if pre == "qwen2" else None, "pre_tokenizer": SPLITS[pre],
            "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "ignore_merges": pre == "llama-bpe", "vocab": {t: i for i, t in enumerate(vocab)},
                      "merges": [list(pair) for pair in pairs]}}


def spm_json(rows=VOCAB):
    """Like Llama 2's tokenizer.json: every pair that can be merged to a piece, in the order of the pieces."""
    text = MARK + TEXT.replace(" ", MARK)
    vocab = ["<unk>", "<s>", "</s>", *sorted(set(text) | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
    pieces = ["".join(pair)
              for pair in learn(list(text), rows - len(vocab),
                                lambda a, b: MARK not in b and (a + b).replace(MARK, "").isalpha())]
    known, merges = set(vocab) | set(pieces), []
    for piece in dict.fromkeys(pieces):
        merges += [f"{piece[:i]} {piece[i:]}" for i in range(1, len(piece)) if {piece[:i], piece[i:]} <= known]
    vocab += list(dict.fromkeys(pieces))
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, t) for i, t in enumerate(vocab[:3])],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": MARK},
                {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]},
            "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {}},
            "decoder": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True,
                      "vocab": {t: i for i, t in enumerate(vocab)}, "merges": merges}}


# ---- folders ---------------------------------------------------------------

def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def write_tensors(folder, tensors, shards=1):
    if shards == 1:
        safetensors.numpy.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, places = sorted(tensors), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[i::shards]}
        safetensors.numpy.save_file(part, folder / file, metadata={"format": "pt"})
        places |= {name: file for name in part}
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": places})


def write(folder, config, pre, tensors, shards=1):
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer.json", spm_json() if pre is None else byte_level(pre))
    write_tensors(folder, tensors, shards)
