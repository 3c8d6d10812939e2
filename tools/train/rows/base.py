"""Reads a Llama-type GGUF file: shape, weights, and what training must know about its vocabulary."""
import dataclasses
import hashlib
import pathlib

import gguf
import numpy as np
import torch

from model import Shape

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
NORMS = ("attn_norm", "ffn_norm")
END_OF_TEXT, EMPTY = "<|endoftext|>", "<empty>"
LINE_BREAKS = ("\n", "\u010a")            # in SentencePiece vocabularies, in byte-level ones


@dataclasses.dataclass
class Base:
    """Weights are float32 tensors by their GGUF names."""
    path: pathlib.Path
    name: str
    shape: Shape
    weights: dict
    tokens: list            # text of every token, as the file has it
    start: int              # token at place 0 of every window
    empty: int              # token that ends a blank of free length
    mask: int               # token that query rows read in place of an unknown token, or -1
    line_break: int
    line_ends: list         # tokens whose text ends with a line break
    rows: str               # "left" or "both" if the file already is a network of query rows, else ""

    def sha256(self):
        digest = hashlib.sha256()
        with open(self.path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
        return digest.hexdigest()


def refuse(path, why):
    raise SystemExit(f"{path}: {why}")


def read_shape(path, key, tensors):
    if key("general.architecture") != "llama":
        refuse(path, f"architecture {key('general.architecture')!r}; query rows are trained over llama files only")
    try:
        dim, heads = key("llama.embedding_length"), key("llama.attention.head_count")
        shape = Shape(vocab=int(tensors["token_embd.weight"].shape[1]), dim=dim, layers=key("llama.block_count"),
                      heads=heads, kv_heads=key("llama.attention.head_count_kv", heads),
                      hidden=key("llama.feed_forward_length"), context=key("llama.context_length"),
                      rope_base=key("llama.rope.freq_base", 10000.0),
                      eps=key("llama.attention.layer_norm_rms_epsilon"), tied="output.weight" not in tensors)
    except KeyError as missing:
        refuse(path, f"no {missing.args[0]}")
    if dim % heads or heads % shape.kv_heads or key("llama.rope.dimension_count", shape.head_dim) != shape.head_dim:
        refuse(path, "heads that are not whole, or rotary positions on a part of a head only")
    return shape


def check_tensors(path, shape, tensors):
    wanted = {"token_embd.weight", "output_norm.weight"} | (set() if shape.tied else {"output.weight"})
    wanted |= {f"blk.{layer}.{part}.weight" for layer in range(shape.layers) for part in MATRICES + NORMS}
    if wanted != set(tensors):
        refuse(path, f"not the tensors of a plain Llama network: {', '.join(sorted(wanted ^ set(tensors))[:4])}")


def find_token(path, tokens, texts, option):
    """The first of these texts that the vocabulary has."""
    for text in texts:
        if text in tokens:
            return tokens.index(text)
    return refuse(path, f"the vocabulary has none of {', '.join(map(repr, texts))}: choose a token with {option}")


def read_base(path, start=None, empty=None):
    """Reads PATH. `start` and `empty` are token ids that override the file's keys and the rule: place 0 has
    <|endoftext|> or else the token that begins a text; <empty> or else <|endoftext|> ends a blank."""
    path = pathlib.Path(path)
    try:
        reader = gguf.GGUFReader(path)
    except (OSError, ValueError) as error:
        refuse(path, f"cannot be read as GGUF: {error}")

    def key(name, default=None):
        if name in reader.fields:
            return reader.fields[name].contents()
        if default is None:
            raise KeyError(name)
        return default

    tensors = {tensor.name: tensor for tensor in reader.tensors}
    shape = read_shape(path, key, tensors)
    check_tensors(path, shape, tensors)
    tokens = key("tokenizer.ggml.tokens", [])
    if start is None:
        start = key("palimpsest.start_token_id", -1)
    if start < 0:
        start = tokens.index(END_OF_TEXT) if END_OF_TEXT in tokens else key("tokenizer.ggml.bos_token_id", -1)
    if empty is None:
        empty = key("palimpsest.empty_token_id", -1)
    if empty < 0:
        empty = find_token(path, tokens, (EMPTY, END_OF_TEXT), "--empty-token ID")
    if not 0 <= start < shape.vocab or not empty < shape.vocab:
        refuse(path, "no token for place 0, or a token id outside of the vocabulary: give --start-token, --empty-token")
    weights = {name: torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type), np.float32))
               for name, t in tensors.items()}
    line_break = find_token(path, tokens, LINE_BREAKS, "another file: borders of documents become line breaks")
    line_ends = [number for number, token in enumerate(tokens) if token.endswith(LINE_BREAKS)]
    return Base(path, key("general.name", path.stem), shape, weights, tokens, start, empty,
                key("tokenizer.ggml.mask_token_id", -1), line_break, line_ends, key("palimpsest.rows", ""))
