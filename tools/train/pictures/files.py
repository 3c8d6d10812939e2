"""Writes a picture network as GGUF and reads it back: the keys and tensors that src/arch/unet.h binds."""
import json
import pathlib
import sys

import gguf
import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from diffusion import Schedule
from shape import Shape

KIND = gguf.GGMLQuantizationType
FILE_TYPES = {"F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16,
              "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
HEADS = ("sn", "npr")
GAMMA = "analytic.one_minus_gamma"


def columns_of_one_place(name, columns, shape):
    """Channels of a convolution's input; for other tensors the columns."""
    cells = shape.patch ** 2 * shape.channels
    if name == "conv_in.weight":
        return cells
    three = name.endswith(("conv1.weight", "conv2.weight", "sample.weight", "conv.weight", "conv_out.weight"))
    return columns // 9 if three else columns


def stored_type(name, data, wanted, shape):
    """The stored type of a tensor if matrices are to be `wanted`: blocks of 32 must not span two places."""
    if data.ndim < 2:
        return KIND.F32
    if name == "label_embd.weight" and wanted == "Q8_0":
        return KIND.F16
    if wanted == "Q8_0" and columns_of_one_place(name, data.shape[1], shape) % 32:
        return KIND.F16
    return KIND[wanted]


def add_shape(writer, shape):
    numbers = (("image.width", shape.width), ("image.height", shape.height), ("image.channels", shape.channels),
               ("patch_size", shape.patch), ("blocks_per_level", shape.blocks), ("up_blocks", shape.up_blocks),
               ("attention.head_count", shape.heads), ("attention.group_norm_groups", shape.groups),
               ("time_embedding_length", shape.sinusoids), ("embedding_length", shape.embedding),
               ("label_count", shape.labels))
    for key, value in numbers:
        writer.add_uint32(f"unet.{key}", value)
    add_array(writer, "unet.level_widths", shape.widths)
    if shape.attention:
        add_array(writer, "unet.attention_levels", shape.attention)
    writer.add_float32("unet.attention.group_norm_epsilon", shape.eps)


def add_array(writer, key, values):
    writer.add_key_value(key, [int(v) for v in values], gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT32)


def add_schedule(writer, schedule):
    writer.add_string("palimpsest.diffusion.schedule", "linear")
    writer.add_uint32("palimpsest.diffusion.steps", schedule.steps)
    writer.add_float32("palimpsest.diffusion.beta_first", schedule.first)
    writer.add_float32("palimpsest.diffusion.beta_last", schedule.last)


def write(path, checkpoint, wanted, name, license_text, neighbours=""):
    """checkpoint: saved by Training.measure; its weights include those of the heads and GAMMA if they exist."""
    shape = Shape(**checkpoint["shape"])
    writer = gguf.GGUFWriter(path, "unet")
    writer.add_name(name)
    writer.add_license(license_text)
    writer.add_file_type(FILE_TYPES[wanted])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_shape(writer, shape)
    if shape.labels:
        writer.add_array("unet.labels", checkpoint["labels"])
        writer.add_float32("unet.label_dropout", checkpoint["arguments"]["label_dropout"])
    add_schedule(writer, Schedule(**checkpoint["schedule"]))
    writer.add_uint64("palimpsest.training.pictures", checkpoint["seen"])
    writer.add_string("palimpsest.training.arguments", json.dumps(checkpoint["arguments"], sort_keys=True))
    writer.add_string("palimpsest.training.sources", checkpoint["source"])
    if "head_arguments" in checkpoint:
        text = json.dumps(checkpoint["head_arguments"], sort_keys=True)
        writer.add_string("palimpsest.training.head_arguments", text)
    if neighbours:
        writer.add_string("palimpsest.neighbours", neighbours)
    for tensor_name, tensor in checkpoint["weights"].items():
        data = tensor.float().contiguous().numpy()
        kind = stored_type(tensor_name, data, wanted, shape)
        writer.add_tensor(tensor_name, gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_back(path, checkpoint, wanted):
    """Every tensor read back must equal its quantised and dequantised values; returns the largest relative error."""
    stored, shape, worst = {t.name: t for t in gguf.GGUFReader(path).tensors}, Shape(**checkpoint["shape"]), 0.0
    assert set(stored) == set(checkpoint["weights"])
    for name, tensor in checkpoint["weights"].items():
        data = tensor.float().contiguous().numpy()
        kind = stored_type(name, data, wanted, shape)
        assert stored[name].tensor_type == kind, name
        got = gguf.quants.dequantize(stored[name].data, kind).reshape(data.shape)
        wished = gguf.quants.dequantize(gguf.quants.quantize(data, kind), kind).reshape(data.shape)
        assert np.array_equal(got, wished), name
        worst = max(worst, float(np.abs(got - data).max() / max(np.abs(data).max(), 1e-30)))
    return worst


def read(path):
    """(network, {name: head}, one minus gamma or None, labels) of a GGUF file, with its weights dequantised."""
    import torch                        # here alone: files are written and described without it
    from unet import Head, Network

    reader = gguf.GGUFReader(path)
    field = lambda key, default=None: reader.fields[key].contents() if key in reader.fields else default
    get = lambda key, default=None: field(f"unet.{key}", default)
    shape = Shape(width=get("image.width"), height=get("image.height"), channels=get("image.channels"),
                  patch=get("patch_size"), widths=tuple(get("level_widths")), blocks=get("blocks_per_level"),
                  up_blocks=get("up_blocks"), attention=tuple(get("attention_levels", ())),
                  heads=get("attention.head_count"), groups=get("attention.group_norm_groups"),
                  eps=get("attention.group_norm_epsilon"), sinusoids=get("time_embedding_length"),
                  embedding=get("embedding_length"), labels=get("label_count"))
    weights = {t.name: torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type), np.float32))
               for t in reader.tensors}
    gamma, heads = weights.pop(GAMMA, None), {}
    for name in HEADS:
        own = {k.removeprefix(name + "."): weights.pop(k) for k in list(weights) if k.startswith(name + ".")}
        if own:
            heads[name] = Head(shape, any(k.startswith("block.") for k in own))
            heads[name].load_state_dict(own)
    network = Network(shape)
    network.load_state_dict(weights)
    return network, heads, gamma, get("labels", [])
