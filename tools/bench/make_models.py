#!/usr/bin/env python3
"""Makes the random-weight models of the bench.

usage: make_models.py [--out build/bench/models] [--only NAME] [--force]      (needs requirements.txt)

  llama-15m    288 wide, 6 layers, vocabulary 32000     F32, Q8_0 of 6 bits, Q4_0
  llama-110m   768 wide, 12 layers, vocabulary 32000    F32, Q8_0 of 6 bits, Q4_0
  encoder-s    256 wide, 6 layers, vocabulary 4096      F32, Q8_0 of 6 bits; ONNX f32 and dynamic int8
  encoder-b    768 wide, 12 layers, vocabulary 50258    F32, Q8_0 of 6 bits; ONNX f32 and dynamic int8

The Llama shapes are those of Karpathy's llama2.c; an encoder is the same network with bidirectional attention (`llada`,
masked diffusion).  Output and embedding share one matrix.  Speed does not depend on the values, but they are chosen so
that numbers stay in range and no product has denormals.  The script always draws the same weights; all files of a model
hold these, rounded to their type.  F32 files of the encoders are only for `run.mjs check`. About 2.3 GB, and 3.5 GB of
memory for the largest."""
import argparse
import dataclasses
import math
import pathlib
import sys
import zlib

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MARK = "\u2581"
KIND = gguf.TokenType
TYPES = {"F32": gguf.LlamaFileType.ALL_F32, "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
         "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}
SEED = 20260


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    vocab: int
    dim: int
    layers: int
    heads: int
    hidden: int
    context: int
    causal: bool
    types: tuple
    rope_base: float = 10000.0
    eps: float = 1e-5

    @property
    def head_dim(self):
        return self.dim // self.heads


SHAPES = (
    Shape("llama-15m", 32000, 288, 6, 6, 768, 512, True, ("F32", "Q8_0", "Q4_0")),
    Shape("llama-110m", 32000, 768, 12, 12, 2048, 1024, True, ("F32", "Q8_0", "Q4_0")),
    Shape("encoder-s", 4096, 256, 6, 4, 704, 1024, False, ("F32", "Q8_0")),
    Shape("encoder-b", 50258, 768, 12, 12, 2048, 1024, False, ("F32", "Q8_0")),
)


# ---- weights

def extents(shape):
    """Names and extents [rows, columns] of all tensors, by llama.cpp's names."""
    d, h = shape.dim, shape.hidden
    yield "token_embd.weight", (shape.vocab, d)
    for i in range(shape.layers):
        for part, extent in (("attn_norm", (d,)), ("attn_q", (d, d)), ("attn_k", (d, d)), ("attn_v", (d, d)),
                             ("attn_output", (d, d)), ("ffn_norm", (d,)), ("ffn_gate", (h, d)), ("ffn_up", (h, d)),
                             ("ffn_down", (d, h))):
            yield f"blk.{i}.{part}.weight", extent
    yield "output_norm.weight", (d,)


def weight(shape, name):
    """One tensor, f32.  Its random numbers are addressed by its name, so they do not depend on other tensors."""
    extent = dict(extents(shape))[name]
    rng = np.random.Generator(np.random.Philox(key=[SEED, zlib.crc32(f"{shape.name}/{name}".encode())]))
    if len(extent) == 1:
        return (1 + 0.1 * rng.standard_normal(extent, np.float32)).astype(np.float32)
    # Matrices that write to the residual stream are smaller, so the stream keeps its magnitude through the layers.
    deviation = 1 / math.sqrt(extent[1])
    if name == "token_embd.weight":
        deviation = 0.02
    elif "attn_output" in name or "ffn_down" in name:
        deviation /= math.sqrt(2 * shape.layers)
    values = rng.standard_normal(extent, np.float32)
    values *= np.float32(deviation)
    return values


# ---- GGUF

def pieces(shape):
    """A vocabulary in the style of SentencePiece: special pieces, all bytes, then words of letters."""
    special = [("<unk>", KIND.UNKNOWN), ("<s>", KIND.CONTROL), ("</s>", KIND.CONTROL)]
    if not shape.causal:
        special += [("<mask>", KIND.CONTROL)]
    special += [(f"<0x{byte:02X}>", KIND.BYTE) for byte in range(256)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    normal, longer = [MARK], [""]
    while len(special) + len(normal) < shape.vocab:
        longer = [word + letter for word in longer for letter in letters]
        normal += [start + word for word in longer for start in ("", MARK)]
    return special + [(piece, KIND.NORMAL) for piece in normal[:shape.vocab - len(special)]]


def add_tokenizer(writer, shape):
    listed = pieces(shape)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.encode() for piece, _ in listed])
    writer.add_token_scores([0.0 if kind != KIND.NORMAL else -float(i) for i, (_, kind) in enumerate(listed)])
    writer.add_token_types([kind for _, kind in listed])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if not shape.causal:
        writer.add_mask_token_id(3)
    writer.add_add_bos_token(shape.causal)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


def add_shape(writer, shape, architecture):
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_vocab_size(shape.vocab)
    if not shape.causal:
        writer.add_bool(f"{architecture}.attention.causal", False)
        writer.add_bool("diffusion.shift_logits", False)


def quantize_rows(data, kind):
    """Q8_0 gets integers of 6 bits, as tales-masked ships (tools/train/export.py --bits 6); wllama reads the same file."""
    if kind != gguf.GGMLQuantizationType.Q8_0:
        return gguf.quants.quantize(data, kind)
    blocks = data.reshape(-1, 32)
    scale = np.maximum(np.abs(blocks).max(1, keepdims=True), np.float32(1e-30)) / 31
    q = np.rint(blocks / scale).astype(np.int8)
    packed = np.concatenate([scale.astype(np.float16).view(np.uint8), q.view(np.uint8)], axis=1)
    return packed.reshape(*data.shape[:-1], -1)


def write_gguf(path, shape, type_name):
    """Two passes over the tensors, first for their extents, then for their data; memory holds one tensor at a time."""
    architecture = "llama" if shape.causal else "llada"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(f"{shape.name} (random)")
    writer.add_file_type(TYPES[type_name])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_shape(writer, shape, architecture)
    add_tokenizer(writer, shape)
    for name, extent in extents(shape):
        kind = gguf.GGMLQuantizationType["F32" if len(extent) == 1 else type_name]
        stored = extent if kind == gguf.GGMLQuantizationType.F32 else gguf.quant_shape_to_byte_shape(extent, kind)
        dtype = np.dtype(np.float32 if kind == gguf.GGMLQuantizationType.F32 else np.uint8)
        writer.add_tensor_info(name, stored, dtype, math.prod(stored) * dtype.itemsize, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, extent in extents(shape):
        kind = gguf.GGMLQuantizationType["F32" if len(extent) == 1 else type_name]
        writer.write_tensor_data(quantize_rows(weight(shape, name), kind))
    writer.close()


# ---- command

def files(shape):
    """Names and the files of each: pairs of a suffix and a function that writes the file at a path."""
    for type_name in shape.types:
        yield f".{type_name.lower()}.gguf", lambda path, t=type_name: write_gguf(path, shape, t)
    if shape.causal:
        return
    from onnx_graph import quantize, write_onnx
    yield ".f32.onnx", lambda path: write_onnx(path, shape, lambda name: weight(shape, name))
    yield ".int8.onnx", lambda path: quantize(path.with_name(f"{shape.name}.f32.onnx"), path)


def make(path, write):
    """Incomplete files of an interrupted run have another name."""
    part = path.with_name("part-" + path.name)
    write(part)
    part.rename(path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench/models")
    p.add_argument("--only", default="", help="files whose name contains this")
    p.add_argument("--force", action="store_true", help="overwrites existing files")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for shape in SHAPES:
        for suffix, write in files(shape):
            path = args.out / (shape.name + suffix)
            if args.only not in path.name or (path.exists() and not args.force):
                continue
            make(path, write)
            print(f"{path.name}: {path.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
