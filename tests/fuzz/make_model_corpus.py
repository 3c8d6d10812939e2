#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/model: whole text models of a few kilobytes, of every architecture and kind of
vocabulary, and some odd ones.

Run without arguments from anywhere; needs only Python 3.  tools/fuzz adds the inputs that it finds."""
import random
import struct
from pathlib import Path

from make_gguf_corpus import BOOL, F32, I32, STRING, U16, U32, array, key, pad, string

LAYER = {"attn_norm": "d", "attn_q": "dq", "attn_k": "dk", "attn_v": "dk", "attn_output": "qd", "ffn_norm": "d",
         "ffn_gate": "dh", "ffn_up": "dh", "ffn_down": "hd"}
PIECES = ["<unk>", "<s>", "</s>", "<mask>", "\u2581", "a", "b", "\u2581a", "ab", "<empty>"]


def sentencepiece(types=(2, 3, 3, 3, 1, 1, 1, 1, 1, 3)):
    return [key("tokenizer.ggml.model", STRING, "llama"), array("tokenizer.ggml.tokens", STRING, PIECES),
            array("tokenizer.ggml.scores", F32, [-float(i) for i in range(len(PIECES))]),
            array("tokenizer.ggml.token_type", I32, types),
            key("tokenizer.ggml.bos_token_id", U32, 1), key("tokenizer.ggml.eos_token_id", U32, 2),
            key("tokenizer.ggml.mask_token_id", U32, 3)]


def byte_level():
    pieces = ["<|endoftext|>", "a", "b", "\u0120", "ab", "\u0120a", "\u00c3", "\u00a9", "c", "d"]
    return [key("tokenizer.ggml.model", STRING, "gpt2"), key("tokenizer.ggml.pre", STRING, "gpt-2"),
            array("tokenizer.ggml.tokens", STRING, pieces), array("tokenizer.ggml.token_type", I32, [3] + [1] * 9),
            array("tokenizer.ggml.merges", STRING, ["a b", "\u0120 a"]), key("tokenizer.ggml.eos_token_id", U32, 0)]


def shape(name, dim, heads, kv, hidden, more=()):
    numbers = {"context_length": 16, "embedding_length": dim, "block_count": 1, "feed_forward_length": hidden,
               "attention.head_count": heads, "attention.head_count_kv": kv}
    return [key("general.architecture", STRING, name), *(key(f"{name}.{k}", U32, v) for k, v in numbers.items()), *more]


def llama_tensors(dim, heads, kv, hidden, more=()):
    size = {"d": dim, "q": dim, "k": dim // heads * kv, "h": hidden}
    yield "token_embd.weight", (dim, len(PIECES))
    for name, extents in LAYER.items():
        yield f"blk.0.{name}.weight", tuple(size[e] for e in extents)
    yield "output_norm.weight", (dim,)
    yield from more


def gpt2_tensors(dim, hidden, context=16):
    yield "token_embd.weight", (dim, 10)
    yield "position_embd.weight", (dim, context)
    for name, extents in {"attn_norm": (dim,), "ffn_norm": (dim,), "attn_qkv": (dim, 3 * dim), "attn_output": (dim, dim),
                          "ffn_up": (dim, hidden), "ffn_down": (hidden, dim)}.items():
        yield f"blk.0.{name}.weight", extents
        yield f"blk.0.{name}.bias", (extents[-1],)
    yield "output_norm.weight", (dim,)
    yield "output_norm.bias", (dim,)


def ddit_tensors(dim, hidden, width, is_timed):
    """sedd, or mdlm with a constant modulation."""
    yield "token_embd.weight", (dim, len(PIECES))
    for name, extents in {"attn_norm.weight": (dim,), "ffn_norm.weight": (dim,), "attn_qkv.weight": (dim, 3 * dim),
                          "attn_output.weight": (dim, dim), "ffn_up.weight": (dim, hidden), "ffn_up.bias": (hidden,),
                          "ffn_down.weight": (hidden, dim), "ffn_down.bias": (dim,)}.items():
        yield f"blk.0.{name}", extents
    yield from (("output_norm.weight", (dim,)), ("output.weight", (dim, len(PIECES))), ("output.bias", (len(PIECES),)))
    for name, rows in ("blk.0.modulation", 6 * dim), ("output_modulation", 2 * dim):
        yield f"{name}.bias", (rows,)
        if is_timed:
            yield f"{name}.weight", (width, rows)
    for i, cols in enumerate((256, width) if is_timed else ()):
        yield f"time_embd.{i}.weight", (cols, width)
        yield f"time_embd.{i}.bias", (width,)


def data_of(kind, count, rng):
    if kind == "F32":
        return 0, b"".join(struct.pack("<f", rng.uniform(-1, 1)) for _ in range(count))
    if kind == "F16":
        return 1, b"".join(struct.pack("<e", rng.uniform(-1, 1)) for _ in range(count))
    return 8, b"".join(struct.pack("<e", 0.01) + bytes(rng.randrange(256) for _ in range(32)) for _ in range(count // 32))


def model(keys, tensors, matrices="F32", vectors="F32", seed=1):
    rng, infos, data, count = random.Random(seed), b"", b"", 0
    for name, extents in tensors:
        elements = extents[0] * (extents[1] if len(extents) > 1 else 1)
        kind, weights = data_of(matrices if len(extents) > 1 else vectors, elements, rng)
        infos += string(name) + struct.pack("<I", len(extents)) + struct.pack(f"<{len(extents)}Q", *extents)
        infos += struct.pack("<IQ", kind, len(data))
        data += pad(weights, 32)
        count += 1
    head = b"GGUF" + struct.pack("<IQQ", 3, count, len(keys)) + b"".join(keys) + infos
    return pad(head, 32) + data if count else head


SMALL, LLADA = (8, 2, 1, 8), [key("llada.attention.causal", BOOL, False), key("diffusion.shift_logits", BOOL, False)]
NORMS = [("blk.0.attn_q_norm.weight", (4,)), ("blk.0.attn_k_norm.weight", (4,))]
SCALED = [key("llama.rope.scaling.type", STRING, "linear"), key("llama.rope.scaling.factor", F32, 2.0),
          key("llama.rope.freq_base", F32, 500000.0), key("llama.rope.dimension_count", U32, 2)]
ABSORB = [key("palimpsest.graph", STRING, "absorb"), key("palimpsest.noise", STRING, "log-linear"),
          key("palimpsest.noise.epsilon", F32, 0.001), key("palimpsest.scale_by_sigma", BOOL, True)]
UNIFORM = [key("palimpsest.graph", STRING, "uniform"), key("palimpsest.noise", STRING, "geometric"),
           key("palimpsest.noise.sigma_min", F32, 1e-4), key("palimpsest.noise.sigma_max", F32, 20.0),
           key("palimpsest.states", U32, len(PIECES))]
SEEDS = {
    "llama": model(shape("llama", *SMALL) + sentencepiece(), llama_tensors(*SMALL)),
    "llama-scaled": model(shape("llama", *SMALL, SCALED) + sentencepiece(), llama_tensors(*SMALL), vectors="F16"),
    "llama-q8": model(shape("llama", 32, 2, 2, 32) + sentencepiece(), llama_tensors(32, 2, 2, 32), "Q8_0"),
    "llama-layers": model([key("general.architecture", STRING, "llama"),
                           *(key(f"llama.{k}", U32, v) for k, v in (("context_length", 1 << 31), ("embedding_length", 8),
                                                                    ("block_count", 1))),
                           *(array(f"llama.{k}", U32, [v]) for k, v in (("feed_forward_length", 8),
                                                                        ("attention.head_count", 2),
                                                                        ("attention.head_count_kv", 1)))]
                          + sentencepiece(), llama_tensors(*SMALL)),
    "llada": model(shape("llada", *SMALL, LLADA) + sentencepiece(), llama_tensors(*SMALL)),
    "qwen3": model(shape("qwen3", *SMALL) + byte_level(), llama_tensors(*SMALL, NORMS), "F16"),
    "gpt2": model(shape("gpt2", 8, 2, 2, 8) + byte_level(), gpt2_tensors(8, 8)),
    "sedd": model(shape("sedd", 8, 2, 2, 8, ABSORB) + sentencepiece(), ddit_tensors(8, 8, 4, True), "F16"),
    "sedd-uniform": model(shape("sedd", 8, 2, 2, 8, UNIFORM) + sentencepiece(), ddit_tensors(8, 8, 4, True), "F16"),
    "mdlm": model(shape("mdlm", 8, 2, 2, 8) + sentencepiece(), ddit_tensors(8, 8, 4, False), "F16"),
    "unknown": model(shape("mamba", *SMALL) + sentencepiece(), llama_tensors(*SMALL)),
    "part": model([key("split.no", U16, 1), key("split.count", U16, 2)], [("blk.0.ffn_down.weight", (8, 8))]),
    "vocabulary": model([key("general.architecture", STRING, "llama")] + sentencepiece(), []),
    "html": b"<!DOCTYPE html><html>",
    "safetensors": struct.pack("<Q", 20) + b'{"__metadata__":{}} ',
}


def main():
    folder = Path(__file__).resolve().parent / "corpus" / "model"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)
    print(f"{len(SEEDS)} seeds, {sum(map(len, SEEDS.values()))} bytes, in {folder.name}")


if __name__ == "__main__":
    main()
