#!/usr/bin/env python3
"""Writes a checkpoint as GGUF (F32, F16, Q8_0) and reads it back.

usage: export.py --data DIR --checkpoint best.pt --out PREFIX [--types F32,F16,Q8_0] [--bits 6] [--name NAME] [--license TEXT]

PREFIX gets `.f32.gguf`, `.f16.gguf` and `.gguf` (Q8_0, what ships).  Matrices are quantised by the gguf
package, as llama.cpp's reference does it; rows that no block of 32 fits stay F16; vectors are F32.  With --bits 6 the
integers of Q8_0 stay within -31..31: the file is no smaller, but engines with relaxed SIMD add such products in 16
bits (src/kernels/matmul_q8_0.c).
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
import torch

from stored import quantize, stored_type
from windows import BOS, EOS, MASK, Corpus

TYPES = {"F32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32, ".f32.gguf"),
         "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16, ".f16.gguf"),
         "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0, ".gguf")}
LICENSE = "MIT (weights); training text CDLA-Sharing-1.0, CC-BY, Apache-2.0 and public domain"
PATHS = ("data", "out", "init")                 # arguments of train.py that name files


def add_shape(writer, architecture, shape, causal):
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["dim"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_layer_norm_rms_eps(shape["eps"])
    writer.add_rope_freq_base(shape["rope_base"])
    writer.add_rope_dimension_count(shape["dim"] // shape["heads"])
    writer.add_vocab_size(shape["vocab"])
    if not causal:
        writer.add_bool(f"{architecture}.attention.causal", False)
        writer.add_bool("diffusion.shift_logits", False)


def add_tokenizer(writer, vocab, causal):
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN if vocab.is_unknown(i) else kinds.CONTROL if vocab.is_control(i) else kinds.BYTE
             if vocab.is_byte(i) else kinds.USER_DEFINED if vocab.id_to_piece(i) == "\n" else kinds.NORMAL
             for i in range(vocab.get_piece_size())]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([vocab.id_to_piece(i).encode() for i in range(vocab.get_piece_size())])
    writer.add_token_scores([vocab.get_score(i) for i in range(vocab.get_piece_size())])
    writer.add_token_types(types)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(0)
    writer.add_mask_token_id(MASK)
    writer.add_add_bos_token(causal)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


def open_writer(path, architecture, file_type, name, license_text):
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(name)
    writer.add_license(license_text)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    return writer


def add_training(writer, checkpoint, corpus):
    """Of arguments that name files only the last part is written."""
    arguments = {name: pathlib.Path(value).name if name in PATHS and value not in (None, "None") else value
                 for name, value in checkpoint["arguments"].items()}
    writer.add_uint64("palimpsest.training.tokens", checkpoint["seen"])
    writer.add_string("palimpsest.training.arguments", json.dumps(arguments, sort_keys=True))
    writer.add_string("palimpsest.training.sources", json.dumps(corpus.report["sources"], sort_keys=True))


def tensors_of(checkpoint, wanted, type_of=lambda name, data, wanted: stored_type(data, wanted)):
    """(name, values, stored type) of every tensor."""
    for name, tensor in checkpoint["weights"].items():
        data = tensor.float().numpy()
        yield name, data, type_of(name, data, wanted)


def finish(writer, tensors, bits=8):
    """Adds the tensors and writes the file."""
    for name, data, kind in tensors:
        writer.add_tensor(name, quantize(data, kind, bits), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_back(path, tensors, bits=8):
    """Every tensor read back must equal its quantised and dequantised values; returns the largest relative error."""
    stored, worst = {t.name: t for t in gguf.GGUFReader(path).tensors}, 0.0
    for name, data, kind in tensors:
        t = stored.pop(name, None)
        if t is None or t.tensor_type != kind:
            raise SystemExit(f"{path}: {name} is {'missing' if t is None else 'stored as ' + t.tensor_type.name}")
        got = gguf.quants.dequantize(t.data, kind).reshape(data.shape)
        if not np.array_equal(got, gguf.quants.dequantize(quantize(data, kind, bits), kind).reshape(data.shape)):
            raise SystemExit(f"{path}: {name} was not written as it is")
        worst = max(worst, float(np.abs(got - data).max() / max(np.abs(data).max(), 1e-12)))
    if stored:
        raise SystemExit(f"{path}: tensors that the checkpoint does not have: {', '.join(sorted(stored)[:4])}")
    return worst


def write(path, checkpoint, corpus, wanted, file_type, name, license_text, bits):
    causal = checkpoint["causal"]
    architecture = "llama" if causal else "llada"
    writer = open_writer(path, architecture, file_type, name, license_text)
    add_shape(writer, architecture, checkpoint["shape"], causal)
    add_tokenizer(writer, corpus.vocab, causal)
    add_training(writer, checkpoint, corpus)
    finish(writer, tensors_of(checkpoint, wanted), bits)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--checkpoint", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--types", default="F32,F16,Q8_0")
    p.add_argument("--bits", type=int, choices=range(4, 9), default=8, help="bits of the integers of Q8_0")
    p.add_argument("--name", default="")
    p.add_argument("--license", default=LICENSE)
    args = p.parse_args()
    checkpoint = torch.load(args.checkpoint, weights_only=True)
    corpus = Corpus(args.data)
    for name in args.types.split(","):
        kind, file_type, suffix = TYPES[name]
        path = args.out.with_name(args.out.name + suffix)
        write(path, checkpoint, corpus, kind, file_type, args.name or args.out.name, args.license, args.bits)
        worst = read_back(path, tensors_of(checkpoint, kind), args.bits)
        print(f"{path}: {path.stat().st_size:,} bytes, largest relative error {worst:.2e}")


if __name__ == "__main__":
    main()
