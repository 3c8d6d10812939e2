"""Reads folders written by Hugging Face's libraries: config.json, safetensors, a tokenizer.

Each network is a function from config.json to GGUF's hyperparameters and tensors, under llama.cpp's names.  Rotary
positions of `llama` rotate consecutive pairs, but the checkpoint rotates halves, so the rows of q and k are reordered,
as in llama.cpp's converter.  The other networks keep their order.
"""
import math
import re
import types

import numpy as np

import discrete
import tokenizer
from checkpoint import Checkpoint
from parts import Model, Refused, Tensor, read_json, require

# Any other value of these changes the network into one that is not supported.
PLAIN = {"hidden_act": "silu", "partial_rotary_factor": 1.0, "use_sliding_window": False, "quantization_config": None,
         "num_local_experts": None, "num_experts": None, "attn_logit_softcapping": None,
         "final_logit_softcapping": None, "logits_scaling": None, "residual_multiplier": None,
         "embedding_multiplier": None, "attention_multiplier": None, "logit_scale": None, "no_rope_layers": None}
LLAMA_PLAIN = PLAIN | {"sliding_window": None}           # Qwen's files have one that use_sliding_window turns off
GPT2_PLAIN = {"activation_function": "gelu_new", "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
              "add_cross_attention": False, "quantization_config": None}


class Config:
    """config.json, with checks for required keys."""

    def __init__(self, folder):
        self.path = folder / "config.json"
        self.values = read_json(self.path)
        require(isinstance(self.values, dict), f"{self.path}: not an object")

    def get(self, name, absent=None):
        value = self.values.get(name)
        return absent if value is None else value

    def integer(self, name, absent=None):
        value = self.get(name, absent)
        require(isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**28,
                f"{self.path}: {name} is {value}, not a positive number")
        return value

    def number(self, name, absent=None):
        value = self.get(name, absent)
        require(isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf,
                f"{self.path}: {name} is {value}, not a positive number")
        return float(value)

    def flag(self, name, absent):
        value = self.get(name, absent)
        require(isinstance(value, bool), f"{self.path}: {name} is {value}, neither true nor false")
        return value

    def refuse_unless(self, plain):
        for name, value in plain.items():
            got = self.get(name, value)
            require(got == value, f"{self.path}: {name} is {got}: only {value} is supported")


def rope_settings(config):
    """rope_scaling of older files, rope_parameters of newer ones; the base may be inside or next to it."""
    settings = dict(config.get("rope_parameters", {}) or {}) | dict(config.get("rope_scaling", {}) or {})
    kind = settings.get("rope_type", settings.get("type", "default"))
    base = settings.get("rope_theta", config.get("rope_theta", 10000.0))
    require(isinstance(base, (int, float)) and 0 < base < math.inf, f"{config.path}: rope_theta is {base}")
    require(settings.get("partial_rotary_factor", 1.0) == 1.0, f"{config.path}: rotary positions on a part of a head")
    return kind, float(base), settings


def llama3_factors(config, dim, base, settings):
    """The divisor of each frequency (Llama 3.1's published code): `factor` for long waves, 1 for short ones, and
    between them a divisor that interpolates the frequencies."""
    names = "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"
    for name in names:
        require(isinstance(settings.get(name), (int, float)) and settings[name] > 0,
                f"{config.path}: {name} of the rope scaling llama3 is {settings.get(name)}")
    factor, low, high, context = (float(settings[name]) for name in names)
    require(low < high, f"{config.path}: low_freq_factor is not below high_freq_factor")
    frequency = base ** (-np.arange(0, dim, 2) / dim)
    share = np.clip((context * frequency / (2 * math.pi) - low) / (high - low), 0, 1)
    return (1 / ((1 - share) / factor + share)).astype(np.float32)


def add_rope(config, keys, tensors, dim, has_factors):
    kind, base, settings = rope_settings(config)
    keys["rope.dimension_count"], keys["rope.freq_base"] = dim, base
    if kind == "linear":
        factor = settings.get("factor")
        require(isinstance(factor, (int, float)) and factor >= 1,
                f"{config.path}: the rope scaling's factor is {factor}")
        keys["rope.scaling.type"], keys["rope.scaling.factor"] = "linear", float(factor)
    elif kind == "llama3" and has_factors:
        factors = llama3_factors(config, dim, base, settings)
        tensors.append(Tensor("rope_freqs.weight", factors.shape, lambda: factors))
    else:
        require(kind == "default", f"{config.path}: the rope scaling {kind} cannot be expressed"
                f" (default, linear{', llama3' if has_factors else ''} can)")


def pairs_from_halves(heads):
    """Rows of each head: i and i + d/2 become 2i and 2i + 1."""
    def change(x):
        return x.reshape(heads, 2, -1, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)
    return change


def rotary_shape(config):
    s = types.SimpleNamespace(dim=config.integer("hidden_size"), layers=config.integer("num_hidden_layers"),
                              hidden=config.integer("intermediate_size"), heads=config.integer("num_attention_heads"),
                              vocab=config.integer("vocab_size"))
    s.kv_heads = config.integer("num_key_value_heads", s.heads)
    require(s.dim % s.heads == 0 or config.get("head_dim"), f"{config.path}: {s.heads} heads do not divide {s.dim}")
    s.head = config.integer("head_dim", s.dim // s.heads)
    require(s.heads % s.kv_heads == 0 and s.head % 2 == 0,
            f"{config.path}: {s.heads} heads of {s.head} with {s.kv_heads} for keys")
    return s


def rotary_keys(config, s):
    keys = {"context_length": config.integer("max_position_embeddings"), "embedding_length": s.dim,
            "block_count": s.layers, "feed_forward_length": s.hidden, "attention.head_count": s.heads,
            "attention.head_count_kv": s.kv_heads,
            "attention.layer_norm_rms_epsilon": config.number("rms_norm_eps"), "vocab_size": s.vocab}
    if config.get("head_dim"):
        keys["attention.key_length"] = keys["attention.value_length"] = s.head
    return keys


def rotary_vectors(s, architecture):
    """Norms of a layer: GGUF's name, the checkpoint's, size."""
    norms = [("attn_norm", "input_layernorm", s.dim), ("ffn_norm", "post_attention_layernorm", s.dim)]
    if architecture == "qwen3":
        norms += [("attn_q_norm", "self_attn.q_norm", s.head), ("attn_k_norm", "self_attn.k_norm", s.head)]
    return norms


def rotary_matrices(config, s, architecture):
    """Matrices of a layer: GGUF's name, the checkpoint's, rows, columns, whether there is a bias, order of the rows."""
    is_llama, q_dim, kv_dim = architecture == "llama", s.heads * s.head, s.kv_heads * s.head
    bias = config.flag("attention_bias", False)
    require(is_llama or not bias, f"{config.path}: attention_bias is not supported for {architecture}")
    mlp_bias, qkv_bias = is_llama and config.flag("mlp_bias", False), bias or architecture == "qwen2"
    q_order, k_order = (pairs_from_halves(n) if is_llama else None for n in (s.heads, s.kv_heads))
    return [("attn_q", "self_attn.q_proj", q_dim, s.dim, qkv_bias, q_order),
            ("attn_k", "self_attn.k_proj", kv_dim, s.dim, qkv_bias, k_order),
            ("attn_v", "self_attn.v_proj", kv_dim, s.dim, qkv_bias, None),
            ("attn_output", "self_attn.o_proj", s.dim, q_dim, bias, None),
            ("ffn_gate", "mlp.gate_proj", s.hidden, s.dim, mlp_bias, None),
            ("ffn_up", "mlp.up_proj", s.hidden, s.dim, mlp_bias, None),
            ("ffn_down", "mlp.down_proj", s.dim, s.hidden, mlp_bias, None)]


def rotary(config, checkpoint, architecture):
    """Llama, Qwen2 and Qwen3, which differ in biases, in norms of q and k, and in the order of rotary pairs."""
    config.refuse_unless(LLAMA_PLAIN if architecture == "llama" else PLAIN)
    kinds = set(config.get("layer_types", [])) - {"full_attention"}
    require(not kinds, f"{config.path}: layers of the types {sorted(kinds)}")
    s, tensors = rotary_shape(config), []
    keys = rotary_keys(config, s)
    add_rope(config, keys, tensors, s.head, has_factors=architecture == "llama")
    # Old checkpoints store the frequencies of each layer, which are always recomputed.
    checkpoint.rename(lambda name: None if name.endswith(".rotary_emb.inv_freq") else name)
    tensors.append(checkpoint.take("token_embd.weight", "model.embed_tokens.weight", (s.vocab, s.dim)))
    vectors, matrices = rotary_vectors(s, architecture), rotary_matrices(config, s, architecture)
    for i in range(s.layers):
        ours, theirs = f"blk.{i}.", f"model.layers.{i}."
        for name, source, size in vectors:
            tensors.append(checkpoint.take(f"{ours}{name}.weight", f"{theirs}{source}.weight", (size,)))
        for name, source, rows, cols, has_bias, order in matrices:
            tensors.append(checkpoint.take(f"{ours}{name}.weight", f"{theirs}{source}.weight", (rows, cols), order))
            if has_bias:
                tensors.append(checkpoint.take(f"{ours}{name}.bias", f"{theirs}{source}.bias", (rows,), order))
    tensors.append(checkpoint.take("output_norm.weight", "model.norm.weight", (s.dim,)))
    add_output(config, checkpoint, tensors, config.flag("tie_word_embeddings", False), (s.vocab, s.dim))
    return keys, tensors


def add_output(config, checkpoint, tensors, is_tied, shape):
    """output.weight, unless the output is the embedding; the checkpoint may still have a copy of it."""
    if not is_tied:
        tensors.append(checkpoint.take("output.weight", "lm_head.weight", shape))
    elif checkpoint.has("lm_head.weight"):
        copy = checkpoint.take("", "lm_head.weight", shape)
        embedding = next(t for t in tensors if t.name == "token_embd.weight")
        require(np.array_equal(copy.load(), embedding.load()),
                f"{config.path}: the output is said to be the embedding, but lm_head.weight is another matrix")


def gpt2(config, checkpoint, _):
    config.refuse_unless(GPT2_PLAIN)
    dim, layers, heads, vocab = (config.integer(k) for k in ("n_embd", "n_layer", "n_head", "vocab_size"))
    context, hidden = config.integer("n_positions", config.get("n_ctx")), config.integer("n_inner", 4 * dim)
    require(dim % heads == 0, f"{config.path}: {heads} heads do not divide {dim}")
    keys = {"context_length": context, "embedding_length": dim, "block_count": layers, "feed_forward_length": hidden,
            "attention.head_count": heads, "vocab_size": vocab,
            "attention.layer_norm_epsilon": config.number("layer_norm_epsilon", 1e-5)}

    def plain_name(name):
        name = name.removeprefix("transformer.")
        return None if re.fullmatch(r"h\.\d+\.attn\.(masked_)?bias", name) else name     # the causal mask

    checkpoint.rename(plain_name)
    tensors = [checkpoint.take("token_embd.weight", "wte.weight", (vocab, dim)),
               checkpoint.take("position_embd.weight", "wpe.weight", (context, dim))]
    matrices = [("attn_qkv", "attn.c_attn", dim, 3 * dim), ("attn_output", "attn.c_proj", dim, dim),
                ("ffn_up", "mlp.c_fc", dim, hidden), ("ffn_down", "mlp.c_proj", hidden, dim)]
    for i in range(layers):
        for name, source in ("attn_norm", "ln_1"), ("ffn_norm", "ln_2"):
            for kind in "weight", "bias":
                tensors.append(checkpoint.take(f"blk.{i}.{name}.{kind}", f"h.{i}.{source}.{kind}", (dim,)))
        for name, source, inputs, outputs in matrices:       # stored [in, out]
            tensors.append(checkpoint.take(f"blk.{i}.{name}.weight", f"h.{i}.{source}.weight", (inputs, outputs),
                                           np.transpose))
            tensors.append(checkpoint.take(f"blk.{i}.{name}.bias", f"h.{i}.{source}.bias", (outputs,)))
    for kind in "weight", "bias":
        tensors.append(checkpoint.take(f"output_norm.{kind}", f"ln_f.{kind}", (dim,)))
    add_output(config, checkpoint, tensors, config.flag("tie_word_embeddings", True), (vocab, dim))
    return keys, tensors


NETWORKS = {"LlamaForCausalLM": ("llama", rotary), "Qwen2ForCausalLM": ("qwen2", rotary),
            "Qwen3ForCausalLM": ("qwen3", rotary), "GPT2LMHeadModel": ("gpt2", gpt2)}


def load(folder, tokenizer_folder=None):
    config = Config(folder)
    if discrete.is_known(config):
        return discrete.checked(folder, config, Checkpoint(folder), tokenizer_folder)
    require(tokenizer_folder is None, f"{folder}: --tokenizer is for networks of discrete diffusion; this folder has its own")
    names = config.get("architectures")
    require(isinstance(names, list) and len(names) == 1 and names[0] in list(NETWORKS),
            f"{config.path}: the architecture {names} is none of {', '.join(NETWORKS)}")
    architecture, build = NETWORKS[names[0]]
    checkpoint = Checkpoint(folder)
    try:
        keys, tensors = build(config, checkpoint, architecture)
    except (AttributeError, TypeError, ValueError) as error:
        raise Refused(f"{config.path}: unknown format ({error!r})") from error
    checkpoint.finish()
    vocabulary = tokenizer.load(folder, config.values, keys["vocab_size"])
    return Model(architecture, keys, vocabulary, tensors)
