"""Plain forward passes in PyTorch, float64, as the reference for the tests and the golden vectors.

`gguf_logits` runs a GGUF file by llama.cpp's conventions, `checkpoint_logits` a Hugging Face checkpoint by those of its
library; a conversion is correct if both give the same numbers.  One sequence, no cache, no optimisation.

Sources: Llama, Touvron et al. 2023 (section 2.2); grouped heads, Ainslie et al. 2023; rotary positions, Su et al. 2021
(equation 15; `llama` rotates the pairs 2i, 2i+1, the others i, i + d/2); RMSNorm, Zhang and Sennrich 2019 (equation 4);
SwiGLU, Shazeer 2020 (equation 6); GPT-2, Radford et al. 2019, its GELU by Hendrycks and Gimpel 2016 (the tanh form);
biases of Qwen2, norms of q and k of Qwen3, their technical reports; frequencies of Llama 3.1, its published code.
"""
import math

import torch

F64 = torch.float64


# ---- parts -----------------------------------------------------------------

def linear(x, weight, bias=None):
    return x @ weight.T + (0 if bias is None else bias)


def rms_norm(x, gain, eps):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def layer_norm(x, gain, bias, eps):
    return torch.nn.functional.layer_norm(x, gain.shape, gain, bias, eps)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def rotate_pairs(x, angle):
    """x [n, heads, dim], angle [n, dim / 2]: elements 2i and 2i + 1."""
    even, odd, c, s = x[..., 0::2], x[..., 1::2], torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    return torch.stack((even * c - odd * s, even * s + odd * c), -1).flatten(-2)


def rotate_halves(x, angle):
    """Elements i and i + dim / 2."""
    low, high = x.chunk(2, -1)
    c, s = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    return torch.cat((low * c - high * s, low * s + high * c), -1)


def attention(q, k, v):
    """Causal; q [n, heads, dim], k and v [n, kv_heads, dim] -> [n, heads * dim]."""
    n, heads, dim = q.shape
    k, v = (t.repeat_interleave(heads // t.shape[1], 1) for t in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(dim)
    scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -torch.inf)
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(n, -1)


def frequencies(dim, base):
    return base ** (-torch.arange(0, dim, 2, dtype=F64) / dim)


# ---- GGUF ------------------------------------------------------------------

def gguf_logits(g, tokens):
    """[n, vocabulary] of all positions of a read_back.Gguf, for `llama`, `qwen2`, `qwen3` and `gpt2`."""
    tokens, w = torch.as_tensor(tokens), {name: torch.from_numpy(t) for name, t in g.tensors.items()}
    return (gpt2_gguf if g.architecture == "gpt2" else rotary_gguf)(g, w, tokens)


def rotary_angles(g, w, n, dim):
    base, scaling = g.get("rope.freq_base", 10000.0), g.get("rope.scaling.type", "none")
    factors = w.get("rope_freqs.weight", torch.ones(dim // 2, dtype=F64))
    assert scaling in ("none", "linear")
    scale = g.get("rope.scaling.factor") if scaling == "linear" else 1.0
    return torch.arange(n, dtype=F64)[:, None] * frequencies(dim, base) / factors / scale


def rotary_gguf(g, w, tokens):
    n = len(tokens)
    heads, eps = g.get("attention.head_count"), g.get("attention.layer_norm_rms_epsilon")
    kv_heads = g.get("attention.head_count_kv", heads)
    dim = g.get("attention.key_length", g.get("embedding_length") // heads)
    angle, rotate = rotary_angles(g, w, n, dim), rotate_pairs if g.architecture == "llama" else rotate_halves
    x = w["token_embd.weight"][tokens]
    for i in range(g.get("block_count")):
        def part(name, kind="weight"):
            return w.get(f"blk.{i}.{name}.{kind}")

        def project(name, x):
            return linear(x, part(name), part(name, "bias"))

        h = rms_norm(x, part("attn_norm"), eps)
        q, k, v = (project(name, h).reshape(n, count, dim)
                   for name, count in (("attn_q", heads), ("attn_k", kv_heads), ("attn_v", kv_heads)))
        if g.architecture == "qwen3":
            q, k = rms_norm(q, part("attn_q_norm"), eps), rms_norm(k, part("attn_k_norm"), eps)
        x = x + project("attn_output", attention(rotate(q, angle), rotate(k, angle), v))
        h = rms_norm(x, part("ffn_norm"), eps)
        x = x + project("ffn_down", torch.nn.functional.silu(project("ffn_gate", h)) * project("ffn_up", h))
    return linear(rms_norm(x, w["output_norm.weight"], eps), w.get("output.weight", w["token_embd.weight"]))


def gpt2_gguf(g, w, tokens):
    n, heads, eps = len(tokens), g.get("attention.head_count"), g.get("attention.layer_norm_epsilon")
    x = w["token_embd.weight"][tokens] + w["position_embd.weight"][:n]
    for i in range(g.get("block_count")):
        def both(name):
            return w[f"blk.{i}.{name}.weight"], w[f"blk.{i}.{name}.bias"]

        h = layer_norm(x, *both("attn_norm"), eps)
        q, k, v = (t.reshape(n, heads, -1) for t in linear(h, *both("attn_qkv")).chunk(3, -1))
        x = x + linear(attention(q, k, v), *both("attn_output"))
        h = layer_norm(x, *both("ffn_norm"), eps)
        x = x + linear(gelu(linear(h, *both("ffn_up"))), *both("ffn_down"))
    x = layer_norm(x, w["output_norm.weight"], w["output_norm.bias"], eps)
    return linear(x, w.get("output.weight", w["token_embd.weight"]))


# ---- Hugging Face ----------------------------------------------------------

def checkpoint_logits(config, tensors, tokens):
    """The logits computed from config.json and its tensors (by their own names)."""
    tokens, w = torch.as_tensor(tokens), {name: torch.as_tensor(t).to(F64) for name, t in tensors.items()}
    return (gpt2_checkpoint if config["model_type"] == "gpt2" else rotary_checkpoint)(config, w, tokens)


def scaled_frequencies(config, dim):
    """Rotary frequencies after rope_scaling of the kinds default, linear and llama3."""
    plain, scaling = frequencies(dim, config.get("rope_theta", 10000.0)), config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "linear":
        return plain / scaling["factor"]
    if kind == "llama3":
        turns = scaling["original_max_position_embeddings"] * plain / (2 * math.pi)    # within the old context
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        smooth = ((turns - low) / (high - low)).clamp(0, 1)
        return (1 - smooth) * plain / scaling["factor"] + smooth * plain
    assert kind == "default"
    return plain


def rotary_checkpoint(config, w, tokens):
    n, heads, eps = len(tokens), config["num_attention_heads"], config["rms_norm_eps"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    angle = torch.arange(n, dtype=F64)[:, None] * scaled_frequencies(config, dim)
    x = w["model.embed_tokens.weight"][tokens]
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."

        def project(name, x):
            return linear(x, w[p + name + ".weight"], w.get(p + name + ".bias"))

        h = rms_norm(x, w[p + "input_layernorm.weight"], eps)
        q, k, v = (project(f"self_attn.{name}_proj", h).reshape(n, -1, dim) for name in "qkv")
        if config["model_type"] == "qwen3":
            q = rms_norm(q, w[p + "self_attn.q_norm.weight"], eps)
            k = rms_norm(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k = rotate_halves(q, angle), rotate_halves(k, angle)
        x = x + project("self_attn.o_proj", attention(q, k, v))
        h = rms_norm(x, w[p + "post_attention_layernorm.weight"], eps)
        gate = torch.nn.functional.silu(project("mlp.gate_proj", h))
        x = x + project("mlp.down_proj", gate * project("mlp.up_proj", h))
    x = rms_norm(x, w["model.norm.weight"], eps)
    return linear(x, w["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"])


def gpt2_checkpoint(config, w, tokens):
    n, heads, eps = len(tokens), config["n_head"], config["layer_norm_epsilon"]
    x = w["wte.weight"][tokens] + w["wpe.weight"][:n]
    for i in range(config["n_layer"]):
        def convolve(name, x):                     # weights [in, out]
            return x @ w[f"h.{i}.{name}.weight"] + w[f"h.{i}.{name}.bias"]

        def norm(name, x):
            return layer_norm(x, w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"], eps)

        q, k, v = (t.reshape(n, heads, -1) for t in convolve("attn.c_attn", norm("ln_1", x)).chunk(3, -1))
        x = x + convolve("attn.c_proj", attention(q, k, v))
        x = x + convolve("mlp.c_proj", gelu(convolve("mlp.c_fc", norm("ln_2", x))))
    return linear(layer_norm(x, w["ln_f.weight"], w["ln_f.bias"], eps), w["wte.weight"])


# ---- llama2.c --------------------------------------------------------------

def greedy(g, count):
    """The greedy continuation of BOS, without a cache."""
    tokens = [g.keys["tokenizer.ggml.bos_token_id"]]
    for _ in range(count):
        tokens.append(int(gguf_logits(g, tokens)[-1].argmax()))
    return tokens[1:]
