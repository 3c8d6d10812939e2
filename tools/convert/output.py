"""Writes a Model as GGUF; memory holds one tensor at a time."""
import os
import pathlib

import gguf
import numpy as np

from parts import Refused, require

KIND = gguf.GGMLQuantizationType
TYPES = {"F32": (KIND.F32, gguf.LlamaFileType.ALL_F32), "F16": (KIND.F16, gguf.LlamaFileType.MOSTLY_F16),
         "Q8_0": (KIND.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0), "Q4_0": (KIND.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0)}
BLOCK = 32
# The largest magnitude that is finite when read back: limited by halves, or by blocks with a half as scale.
LARGEST = {KIND.F32: np.inf, KIND.F16: 65504.0, KIND.Q8_0: 65504.0 * 127, KIND.Q4_0: 65504.0 * 8}


def stored_type(tensor, wanted):
    """Matrices get the wanted type if their rows are whole blocks, otherwise F16; vectors and learned positions are
    F32, as in llama.cpp's files."""
    if len(tensor.shape) < 2 or tensor.name == "position_embd.weight":
        return KIND.F32
    if wanted in (KIND.Q8_0, KIND.Q4_0) and tensor.shape[-1] % BLOCK:
        return KIND.F16
    return wanted


def stored_bytes(tensor, kind):
    if kind in (KIND.F32, KIND.F16):
        return int(np.prod(tensor.shape)) * (4 if kind == KIND.F32 else 2)
    return int(np.prod(gguf.quant_shape_to_byte_shape(tensor.shape, kind)))


def add_key(writer, key, value):
    add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    add[type(value)](key, value)


def add_vocabulary(writer, vocabulary):
    writer.add_tokenizer_model(vocabulary.kind)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list([token.encode() for token in vocabulary.tokens])
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.types)
    if vocabulary.merges is not None:
        writer.add_token_merges(vocabulary.merges)
    keys = {"bos": writer.add_bos_token_id, "eos": writer.add_eos_token_id, "eot": writer.add_eot_token_id,
            "unk": writer.add_unk_token_id, "pad": writer.add_pad_token_id,
            "mask": writer.add_mask_token_id}
    for name, token in vocabulary.ids.items():
        keys[name](token)
    writer.add_add_bos_token(vocabulary.add_bos)
    writer.add_add_eos_token(vocabulary.add_eos)
    if vocabulary.kind == "llama":
        writer.add_add_space_prefix(vocabulary.add_space_prefix)


def encode(tensor, kind):
    data = np.ascontiguousarray(tensor.load(), np.float32)
    require(data.shape == tensor.shape, f"{tensor.name}: {data.shape} instead of {tensor.shape}")
    require(np.isfinite(data).all(), f"{tensor.name} holds values that are not finite")
    largest = float(np.abs(data).max(initial=0))
    require(largest <= LARGEST[kind],
            f"{tensor.name} holds {largest:g}, too large for {kind.name}: --type F32 has room")
    return gguf.quants.quantize(data, kind)


def add_general(writer, general):
    add = {"name": writer.add_name, "author": writer.add_author, "license": writer.add_license}
    for key, text in general.items():
        if text:
            add[key](text)


def write_parts(writer, model, general, wanted, file_type):
    add_general(writer, general)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, value in model.keys.items():
        add_key(writer, f"{model.architecture}.{key}", value)
    for key, value in model.own.items():
        add_key(writer, key, value)
    add_vocabulary(writer, model.vocabulary)
    for tensor in model.tensors:
        kind = stored_type(tensor, wanted)
        is_float = kind in (KIND.F32, KIND.F16)
        shape = tensor.shape if is_float else gguf.quant_shape_to_byte_shape(tensor.shape, kind)
        dtype = {KIND.F32: np.float32, KIND.F16: np.float16}.get(kind, np.uint8)
        writer.add_tensor_info(tensor.name, shape, np.dtype(dtype), stored_bytes(tensor, kind),
                               raw_dtype=None if is_float else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in model.tensors:
        writer.write_tensor_data(encode(tensor, stored_type(tensor, wanted)))


def write(path, model, type_name, general):
    """`general` has texts for "name", "author" and "license". The file gets its name only when it is complete."""
    path, part = pathlib.Path(path), pathlib.Path(f"{path}.part")
    try:
        writer = gguf.GGUFWriter(part, model.architecture)
        try:
            write_parts(writer, model, general, *TYPES[type_name])
        finally:
            writer.close()
        os.replace(part, path)
    except OSError as error:
        raise Refused(f"{path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
