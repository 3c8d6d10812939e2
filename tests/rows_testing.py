"""Shared by the tests of query rows: a tiny Llama file with random weights, texts, and the network written plainly."""
import argparse
import math
import string

import gguf
import numpy as np

VOCAB, DIM, LAYERS, HEADS, KV_HEADS, HIDDEN = 64, 32, 2, 4, 2, 64
HEAD = DIM // HEADS
TOKENS = ["<unk>", "<s>", "</s>", "<mask>", "<empty>", "\n", "\u2581", *string.ascii_letters, *".,!?'"]
START, MASK, EMPTY, BREAK = 1, 3, 4, 5
EPS, ROPE = 1e-5, 10000.0


def random_weights(seed=1):
    """{name: float32 array [rows, in]} with deviations large enough that every part changes the result."""
    rng = np.random.default_rng(seed)
    shapes = {"token_embd": (VOCAB, DIM), "output_norm": (DIM,)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.attn_q": (DIM, DIM), f"blk.{layer}.attn_k": (KV_HEADS * HEAD, DIM),
                   f"blk.{layer}.attn_v": (KV_HEADS * HEAD, DIM), f"blk.{layer}.attn_output": (DIM, DIM),
                   f"blk.{layer}.ffn_gate": (HIDDEN, DIM), f"blk.{layer}.ffn_up": (HIDDEN, DIM),
                   f"blk.{layer}.ffn_down": (DIM, HIDDEN), f"blk.{layer}.attn_norm": (DIM,),
                   f"blk.{layer}.ffn_norm": (DIM,)}
    weights = {}
    for name, shape in shapes.items():
        drawn = rng.normal(size=shape)
        drawn = 1 + 0.2 * drawn if len(shape) == 1 else 1.5 * drawn / DIM ** 0.5
        weights[f"{name}.weight"] = drawn.astype(np.float32)
    return weights


def write_base(path, weights=None, **keys):
    """A Llama file with a SentencePiece vocabulary of single letters; keys override or add what it says."""
    writer = gguf.GGUFWriter(path, keys.pop("architecture", "llama"))
    writer.add_name("tiny")
    writer.add_context_length(256)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_rope_freq_base(ROPE)
    writer.add_rope_dimension_count(HEAD)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(keys.pop("tokens", TOKENS))
    writer.add_token_scores([0.0] * VOCAB)
    kinds = gguf.TokenType
    writer.add_token_types([kinds.UNKNOWN] + [kinds.CONTROL] * 4 + [kinds.USER_DEFINED] + [kinds.NORMAL] * (VOCAB - 6))
    writer.add_bos_token_id(START)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if keys.pop("mask", True):
        writer.add_mask_token_id(MASK)
    for key, value in keys.items():
        writer.add_string(key, value)
    for name, data in (weights or random_weights()).items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_text(tokens=2000, seed=3):
    rng = np.random.default_rng(seed)
    text = rng.integers(5, VOCAB, tokens)
    text[::97] = START
    return text.astype(np.uint16)


def arguments(**other):
    """What rows.train parses, for runs in this process."""
    return argparse.Namespace(**{
        "train": "adapter", "rows": "left", "init": None, "resume": False, "length": 48, "batch": 4, "part": 2,
        "random": 0.25, "wide": 0.6, "crowd": 1.0, "given": 1.0, "long": 0, "long_share": 0.25, "from_start": 0.0,
        "end_weight": 0.0, "rank": 4, "alpha": 8.0, "lr": 1e-2, "muon_lr": 0.0, "warmup": 2, "decay": 0.0,
        "weight_decay": 0.0, "clip": 1.0, "ema": 0.9, "valid_windows": 4, "seed": 1, "steps": 4, **other})


class Plain:
    """The network of query rows as it is defined, in float64: one row after another, one head after another.

    `weights` are arrays by GGUF name; adapters {matrix name: (A, B)} and `mask` change query rows."""

    def __init__(self, weights, adapters=None, scale=1.0, mask=None):
        self.w = {name: np.asarray(w, np.float64) for name, w in weights.items()}
        self.adapters, self.scale = adapters or {}, scale
        self.mask = self.w["token_embd.weight"][MASK] if mask is None else np.asarray(mask, np.float64)

    def matrix(self, layer, name, query):
        name = f"blk.{layer}.{name}.weight"
        if query and name in self.adapters:
            a, b = (np.asarray(factor, np.float64) for factor in self.adapters[name])
            return self.w[name] + self.scale * b @ a
        return self.w[name]

    def norm(self, x, name):
        return x / math.sqrt(np.mean(x * x) + EPS) * self.w[f"{name}.weight"]

    @staticmethod
    def rotate(x, place):
        """Rotates consecutive pairs of every head."""
        x = x.copy()
        for i in range(0, len(x), 2):
            angle = place * ROPE ** (-(i % HEAD) / HEAD)
            a, b = x[i], x[i + 1]
            x[i], x[i + 1] = a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)
        return x

    def qkv(self, layer, x, place, query):
        h = self.norm(x, f"blk.{layer}.attn_norm")
        q, k, v = (self.matrix(layer, name, query) @ h for name in ("attn_q", "attn_k", "attn_v"))
        return self.rotate(q, place), self.rotate(k, place), v

    def finish(self, layer, x, q, pairs, query):
        """The layer's output of a row that sees these keys and values."""
        y = np.zeros(DIM)
        for head in range(HEADS):
            mine, theirs = slice(head * HEAD, (head + 1) * HEAD), head * KV_HEADS // HEADS * HEAD
            scores = np.array([q[mine] @ k[theirs:theirs + HEAD] for k, _ in pairs]) / math.sqrt(HEAD)
            p = np.exp(scores - scores.max())
            y[mine] = sum(p_j * v[theirs:theirs + HEAD] for p_j, (_, v) in zip(p / p.sum(), pairs))
        x = x + self.matrix(layer, "attn_output", query) @ y
        h = self.norm(x, f"blk.{layer}.ffn_norm")
        gate, up = (self.matrix(layer, name, query) @ h for name in ("ffn_gate", "ffn_up"))
        return x + self.matrix(layer, "ffn_down", query) @ (gate / (1 + np.exp(-gate)) * up)

    @staticmethod
    def content_sees(ranks, mode, i, j):
        if i == j:
            return True
        return (mode == "both" or j < i) and (ranks[j] < ranks[i] or ranks[i] == ranks[j] == 0)

    def content(self, tokens, ranks, mode):
        """Keys and values [layer][place]."""
        x, cache = [self.w["token_embd.weight"][t] for t in tokens], []
        for layer in range(LAYERS):
            rows = [self.qkv(layer, x[i], i, False) for i in range(len(tokens))]
            cache.append([(k, v) for _, k, v in rows])
            x = [self.finish(layer, x[i], rows[i][0], [cache[-1][j] for j in range(len(tokens))
                                                       if self.content_sees(ranks, mode, i, j)], False)
                 for i in range(len(tokens))]
        self.last = [self.w["token_embd.weight"] @ self.norm(one, "output_norm") for one in x]
        return cache

    def logits(self, cache, tokens, ranks, place, asked):
        """Of the query row that predicts `place` when all places with a rank below `asked` are known; `cache` is that
        of content()."""
        known = [j for j in range(len(tokens)) if ranks[j] < asked]
        x = self.w["token_embd.weight"][tokens[place - 1]] if place - 1 in known else self.mask
        for layer in range(LAYERS):
            q, k, v = self.qkv(layer, x, place - 1, True)
            pairs = [cache[layer][j] for j in known if j != place - 1] + [(k, v)]
            x = self.finish(layer, x, q, pairs, True)
        return self.w["token_embd.weight"] @ self.norm(x, "output_norm")
