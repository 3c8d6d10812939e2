"""Reads folders with networks of discrete diffusion: SEDD (louaaron/sedd-small, -medium), MDLM (kuleshov-group/mdlm-owt)
and RADD, all of one family, a transformer with adaptive norms.

A folder holds config.json and model.safetensors; the tokenizer is GPT-2's, in the same folder or in the one that
--tokenizer names.  What the published code computes from the config is asserted: every tensor, its shape, and that there
is no other.  The noise level of MDLM is always 0, so its modulation is constant: W c + b is stored as the bias.  RADD has
no modulation.
"""
import dataclasses

import numpy as np

import tokenizer
from parts import Model, Refused, Tensor, TokenType, require

FREQUENCIES = 256
EPSILON = 1e-3                                       # of log-linear noise, in the published code
MASK = "<|mask|>"


@dataclasses.dataclass
class Shape:
    dim: int
    layers: int
    heads: int
    context: int
    tokens: int                                      # of the tokenizer
    width: int                                       # of the embedded noise level
    graph: str
    is_timed: bool                                   # has sigma_map and modulation
    has_biases: bool                                 # in its norms

    @property
    def vocab(self):
        return self.tokens + (self.graph == "absorb")


# ---- config.json -----------------------------------------------------------

def section(config, name):
    values = config.values.get(name)
    require(isinstance(values, dict), f"{config.path}: {name} is {values}, not an object")
    return values


def positive(config, values, name):
    value = values.get(name)
    require(isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**28,
            f"{config.path}: {name} is {value}, not a positive number")
    return value


def read_lou(config, has_time):
    """SEDD's and RADD's config: sections model, graph and noise."""
    model = section(config, "model")
    graph = section(config, "graph").get("type", "absorb") if has_time else "absorb"
    require(graph in ("absorb", "uniform"), f"{config.path}: the graph {graph} is neither absorb nor uniform")
    return Shape(positive(config, model, "hidden_size"), positive(config, model, "n_blocks"),
                 positive(config, model, "n_heads"), positive(config, model, "length"),
                 positive(config, config.values, "tokens"),
                 positive(config, model, "cond_dim") if has_time else 0, graph, has_time, not has_time)


def read_mdlm(config):
    require(not config.get("time_conditioning", False), f"{config.path}: time_conditioning is not supported")
    return Shape(config.integer("hidden_dim"), config.integer("n_blocks"), config.integer("n_heads"),
                 config.integer("model_length"), config.integer("vocab_size") - 1, config.integer("cond_dim"), "absorb",
                 True, False)


def noise_keys(config, shape):
    """The schedule of SEDD; sigma_min and sigma_max stand in every config, but only geometric noise has them."""
    noise, model = section(config, "noise"), section(config, "model")
    kinds = {"loglinear": "log-linear", "geometric": "geometric"}
    require(noise.get("type") in kinds, f"{config.path}: the noise {noise.get('type')} is none of {', '.join(kinds)}")
    keys = {"palimpsest.graph": shape.graph, "palimpsest.noise": kinds[noise["type"]]}
    if noise["type"] == "loglinear":
        keys["palimpsest.noise.epsilon"] = EPSILON
    else:
        for name in "sigma_min", "sigma_max":
            value = float(noise.get(name, 0))        # YAML reads 1e-4 as a text
            require(0 < value < 65536, f"{config.path}: {name} is {value}, not a noise level")
            keys[f"palimpsest.noise.{name}"] = value
        require(keys["palimpsest.noise.sigma_min"] < keys["palimpsest.noise.sigma_max"],
                f"{config.path}: sigma_min is not below sigma_max")
    scaled = model.get("scale_by_sigma", shape.graph == "absorb")
    require(isinstance(scaled, bool), f"{config.path}: scale_by_sigma is {scaled}, neither true nor false")
    keys["palimpsest.scale_by_sigma"] = scaled
    if shape.graph == "uniform":
        keys["palimpsest.states"] = shape.tokens
    return keys


# ---- tensors ---------------------------------------------------------------

def layer_tensors(s):
    """Of one block, without its modulation: GGUF's name, the checkpoint's, shape."""
    dim = s.dim
    yield from ((f"attn_norm.{kind}", f"norm1.{kind}", (dim,)) for kind in ("weight", "bias")[:1 + s.has_biases])
    yield from ((f"ffn_norm.{kind}", f"norm2.{kind}", (dim,)) for kind in ("weight", "bias")[:1 + s.has_biases])
    yield "attn_qkv.weight", "attn_qkv.weight", (3 * dim, dim)
    yield "attn_output.weight", "attn_out.weight", (dim, dim)
    yield "ffn_up.weight", "mlp.0.weight", (4 * dim, dim)
    yield "ffn_up.bias", "mlp.0.bias", (4 * dim,)
    yield "ffn_down.weight", "mlp.2.weight", (dim, 4 * dim)
    yield "ffn_down.bias", "mlp.2.bias", (dim,)


def plain_tensors(s):
    yield "token_embd.weight", "vocab_embed.embedding", (s.vocab, s.dim)
    for i in range(s.layers):
        for ours, theirs, shape in layer_tensors(s):
            yield f"blk.{i}.{ours}", f"blocks.{i}.{theirs}", shape
    for kind in ("weight", "bias")[:1 + s.has_biases]:
        yield f"output_norm.{kind}", f"output_layer.norm_final.{kind}", (s.dim,)
    yield "output.weight", "output_layer.linear.weight", (s.vocab, s.dim)
    yield "output.bias", "output_layer.linear.bias", (s.vocab,)


def modulations(s):
    """GGUF's name, the checkpoint's, rows."""
    for i in range(s.layers):
        yield f"blk.{i}.modulation", f"blocks.{i}.adaLN_modulation", 6 * s.dim
    yield "output_modulation", "output_layer.adaLN_modulation", 2 * s.dim


def level_tensors(s):
    for ours, theirs, cols in ("time_embd.0", "sigma_map.mlp.0", FREQUENCIES), ("time_embd.1", "sigma_map.mlp.2", s.width):
        yield f"{ours}.weight", f"{theirs}.weight", (s.width, cols)
        yield f"{ours}.bias", f"{theirs}.bias", (s.width,)


def timed_tensors(s):
    yield from level_tensors(s)
    for ours, theirs, rows in modulations(s):
        yield f"{ours}.weight", f"{theirs}.weight", (rows, s.width)
        yield f"{ours}.bias", f"{theirs}.bias", (rows,)


def expected(s):
    """Every tensor of the checkpoint: its name and shape."""
    every = [*plain_tensors(s), *(timed_tensors(s) if s.is_timed else ())]
    return {theirs: shape for _, theirs, shape in every}


def silu(x):
    return x / (1 + np.exp(-x))


def embedded_zero(level):
    """The embedding of noise level 0, float64; `level` has the four tensors of sigma_map."""
    half = FREQUENCIES // 2
    x = np.concatenate((np.ones(half), np.zeros(half)))
    w0, b0, w1, b1 = (tensor.load().astype(np.float64) for tensor in level)
    return silu(w1 @ silu(w0 @ x + b0) + b1)


def folded(checkpoint, s):
    """The modulation at noise level 0, as vectors."""
    level = [checkpoint.take(*entry) for entry in level_tensors(s)]
    for ours, theirs, rows in modulations(s):
        weight = checkpoint.take("", f"{theirs}.weight", (rows, s.width))
        bias = checkpoint.take("", f"{theirs}.bias", (rows,))

        def load(weight=weight, bias=bias):
            return (weight.load().astype(np.float64) @ embedded_zero(level) + bias.load()).astype(np.float32)

        yield Tensor(f"{ours}.bias", (rows,), load)


# ---- the whole -------------------------------------------------------------

def shape_keys(s):
    return {"context_length": s.context, "embedding_length": s.dim, "block_count": s.layers,
            "feed_forward_length": 4 * s.dim, "attention.head_count": s.heads, "attention.layer_norm_epsilon": 1e-5,
            "rope.dimension_count": s.dim // s.heads, "rope.freq_base": 10000.0, "vocab_size": s.vocab}


def plain_name(name):
    for prefix in "module.", "backbone.":            # of parallel training; of MDLM's class
        name = name.removeprefix(prefix)
    return None if name == "rotary_emb.inv_freq" else name


def vocabulary_of(folder, s):
    vocabulary = tokenizer.load(folder, {}, s.tokens)
    require(vocabulary.kind == "gpt2", f"{folder}: the tokenizer is not GPT-2's")
    if s.graph == "absorb":
        require(MASK not in vocabulary.tokens, f"{folder}: the tokenizer has a token {MASK} already")
        vocabulary.tokens.append(MASK)
        vocabulary.types.append(TokenType.CONTROL)
        vocabulary.ids["mask"] = s.tokens
    return vocabulary


def is_known(config):
    return config.get("model_type") == "mdlm" or isinstance(config.values.get("model"), dict)


def load(folder, config, checkpoint, tokenizer_folder):
    checkpoint.rename(plain_name)
    is_mdlm = config.get("model_type") == "mdlm"
    s = read_mdlm(config) if is_mdlm else read_lou(config, checkpoint.has("sigma_map.mlp.0.weight"))
    require(s.dim % s.heads == 0 and s.dim // s.heads % 2 == 0,
            f"{config.path}: {s.heads} heads do not divide {s.dim} into even parts")
    tensors = [checkpoint.take(*entry) for entry in plain_tensors(s)]
    own = {"palimpsest.graph": "absorb"}
    if is_mdlm:
        tensors += folded(checkpoint, s)
    elif s.is_timed:
        tensors += [checkpoint.take(*entry) for entry in timed_tensors(s)]
        own = noise_keys(config, s)
    checkpoint.finish()
    architecture = "sedd" if s.is_timed and not is_mdlm else "mdlm"
    return Model(architecture, shape_keys(s), vocabulary_of(tokenizer_folder or folder, s), tensors, own)


def checked(folder, config, checkpoint, tokenizer_folder):
    try:
        return load(folder, config, checkpoint, tokenizer_folder)
    except (AttributeError, TypeError, ValueError) as error:
        raise Refused(f"{config.path}: unknown format ({error!r})") from error
