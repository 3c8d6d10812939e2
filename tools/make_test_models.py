#!/usr/bin/env python3
"""Makes the small random models of tests/models.

usage: make_test_models.py [FOLDER]        (needs the packages gguf and numpy; default: tests/models)

Their text is noise, but every rule of pages, sessions and the command line can be tested on them: the
vocabularies hold words, letters, brackets, backslashes, non-ASCII characters and (two of them) all bytes.
  tiny-infill  llada, Q8_0, all kinds of pieces
  tiny-ar      llama, the causal twin
  tiny-odd     llada, F32, heads of width 12 in groups, separate output, shifted logits, neither <empty> nor bytes
  tiny-nomask  llada, F16, no mask token
  tiny-rows    an adapter for tiny-ar, F16: with it tiny-ar fills blanks
The script always gives the same bytes."""
import hashlib
import pathlib
import sys

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
KIND = gguf.TokenType
MARK = "\u2581"
WORDS = ("the a and was to of in it he she they said little big girl boy dog cat fox tree house sun rain day red blue "
         "green happy sad ran saw went play jump run look one two three for with on all very but not his her").split()
ENDINGS = "s ing ed ly er est un re th he in an ou".split()
OTHER = ["[", "[[", "]", "]]", "\\", MARK + "[", MARK + MARK + "a", "é", "ß", "日", "\u2014"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'\"-:;()"


def vocabulary(empty, mask, bytes_too):
    """Lists of pieces and types."""
    pieces = [("<unk>", KIND.UNKNOWN), ("<s>", KIND.CONTROL), ("</s>", KIND.CONTROL)]
    pieces += [("<mask>", KIND.CONTROL)] if mask else []
    pieces += [("<empty>", KIND.CONTROL)] if empty else []
    pieces += [("\n", KIND.USER_DEFINED), ("<unused>", KIND.UNUSED)]
    pieces += [(f"<0x{b:02X}>", KIND.BYTE) for b in range(256)] if bytes_too else []
    words = [MARK + w for w in WORDS]
    starts = sorted({w[:n] for w in words for n in range(2, len(w))} - set(words), key=lambda p: (len(p), p))
    normal = starts + words + ENDINGS + OTHER + [MARK] + list(LETTERS)      # words are merged from their starts
    pieces += [(p, KIND.NORMAL) for p in normal]
    return [p for p, _ in pieces], [k for _, k in pieces]


def add_tokenizer(writer, pieces, types, causal):
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([p.encode() for p in pieces])
    writer.add_token_scores([-float(i) for i in range(len(pieces))])
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if "<mask>" in pieces:
        writer.add_mask_token_id(pieces.index("<mask>"))
    writer.add_add_bos_token(causal)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


def tensors(rng, pieces, dim, layers, heads, kv_heads, hidden, tied):
    """Pairs of name and values. <empty> is similar to <mask>, so it is drawn often; so are some brackets at some
    positions."""
    head_dim = dim // heads
    rows = rng.standard_normal((len(pieces), dim)) * 0.6
    for i, piece in enumerate(pieces):
        rows[i] *= 1.6 if piece in ("[", "\\") else 1
    if "<empty>" in pieces:
        rows[pieces.index("<empty>")] += rows[pieces.index("<mask>")]
    matrix = lambda n, m: rng.standard_normal((n, m)) / m ** 0.5
    yield "token_embd.weight", rows if tied else rng.standard_normal(rows.shape)
    for i in range(layers):
        yield f"blk.{i}.attn_norm.weight", 1 + 0.1 * rng.standard_normal(dim)
        yield f"blk.{i}.attn_q.weight", matrix(heads * head_dim, dim)
        yield f"blk.{i}.attn_k.weight", matrix(kv_heads * head_dim, dim)
        yield f"blk.{i}.attn_v.weight", matrix(kv_heads * head_dim, dim)
        yield f"blk.{i}.attn_output.weight", matrix(dim, heads * head_dim)
        yield f"blk.{i}.ffn_norm.weight", 1 + 0.1 * rng.standard_normal(dim)
        yield f"blk.{i}.ffn_gate.weight", matrix(hidden, dim)
        yield f"blk.{i}.ffn_up.weight", matrix(hidden, dim)
        yield f"blk.{i}.ffn_down.weight", matrix(dim, hidden)
    yield "output_norm.weight", 1 + 0.1 * rng.standard_normal(dim)
    if not tied:
        yield "output.weight", rows


def make(folder, name, architecture, kind, file_type, seed, dim=32, layers=2, heads=2, kv_heads=2, hidden=64,
         context=96, tied=True, shift=False, empty=True, mask=True, bytes_too=True):
    pieces, types = vocabulary(empty, mask, bytes_too)
    writer = gguf.GGUFWriter(folder / f"{name}.gguf", architecture)
    writer.add_name(name)
    writer.add_license("MIT")
    writer.add_file_type(file_type)
    writer.add_context_length(context)
    writer.add_embedding_length(dim)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(dim // heads)
    writer.add_vocab_size(len(pieces))
    if architecture == "llada":
        writer.add_bool("llada.attention.causal", False)
        writer.add_bool("diffusion.shift_logits", shift)
    add_tokenizer(writer, pieces, types, architecture == "llama")
    for tensor, values in tensors(np.random.default_rng(seed), pieces, dim, layers, heads, kv_heads, hidden, tied):
        stored = kind if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor, gguf.quants.quantize(values.astype(np.float32), stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{name}: {len(pieces)} pieces, {(folder / f'{name}.gguf').stat().st_size:,} bytes")


def make_adapter(folder, name, base, seed, rank=4):
    """An adapter of all matrices of the layers of `base`, with factors large enough to change what is drawn."""
    rng, reader = np.random.default_rng(seed), gguf.GGUFReader(folder / f"{base}.gguf")
    pieces, vectors, matrices = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for piece in vocabulary(True, True, True)[0]:
        pieces.update(len(piece.encode()).to_bytes(8, "little") + piece.encode())
    writer = gguf.GGUFWriter(folder / f"{name}.gguf", "llama")
    writer.add_type("adapter")
    writer.add_name(name)
    writer.add_license("MIT")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    writer.add_string("palimpsest.rows", "left")
    writer.add_uint32("palimpsest.start_token_id", 1)
    writer.add_tensor("palimpsest.mask", rng.standard_normal(32).astype(np.float32))
    for tensor in reader.tensors:
        if len(tensor.shape) == 1:
            vectors.update(tensor.name.encode() + tensor.data.tobytes())
            continue
        matrices.update(tensor.name.encode() + tensor.data[0].tobytes())
        if tensor.name.startswith("blk."):
            columns, rows = map(int, tensor.shape)
            for factor, shape in (("a", (rank, columns)), ("b", (rows, rank))):
                values = rng.standard_normal(shape) / shape[1] ** 0.5
                writer.add_tensor(f"{tensor.name}.lora_{factor}", values.astype(np.float16))
    writer.add_string("palimpsest.base_tokens", pieces.hexdigest())
    writer.add_string("palimpsest.base_vectors", vectors.hexdigest())
    writer.add_string("palimpsest.base_matrices", matrices.hexdigest())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{name}: {(folder / f'{name}.gguf').stat().st_size:,} bytes")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/models"
    types, files = gguf.GGMLQuantizationType, gguf.LlamaFileType
    make(folder, "tiny-infill", "llada", types.Q8_0, files.MOSTLY_Q8_0, seed=1)
    make(folder, "tiny-ar", "llama", types.Q8_0, files.MOSTLY_Q8_0, seed=1)
    make(folder, "tiny-odd", "llada", types.F32, files.ALL_F32, seed=2, dim=36, heads=3, kv_heads=1, hidden=40,
         context=64, tied=False, shift=True, empty=False, bytes_too=False)
    make(folder, "tiny-nomask", "llada", types.F16, files.MOSTLY_F16, seed=3, empty=False, mask=False, bytes_too=False)
    make_adapter(folder, "tiny-rows", "tiny-ar", seed=4)


if __name__ == "__main__":
    main()
