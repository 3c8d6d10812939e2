"""How tensors are stored in GGUF: their types, and rows of Q8_0 with fewer bits."""
import gguf
import numpy as np


def stored_type(tensor, wanted):
    """The stored type of a tensor if matrices are to be `wanted`."""
    kind = gguf.GGMLQuantizationType
    if tensor.ndim < 2:
        return kind.F32
    if wanted == kind.Q8_0 and tensor.shape[-1] % 32:
        return kind.F16
    return wanted


def quantize(data, kind, bits):
    """Rows of `kind`; Q8_0 of fewer than 8 bits is rounded to 2^(bits-1) - 1 steps on either side of zero."""
    if kind != gguf.GGMLQuantizationType.Q8_0 or bits == 8:
        return gguf.quants.quantize(data, kind)
    blocks = data.reshape(-1, 32)
    scale = np.abs(blocks).max(1, keepdims=True) / (2 ** (bits - 1) - 1)
    q = np.rint(np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale > 0)).astype(np.int8)
    packed = np.concatenate([scale.astype(np.float16).view(np.uint8), q.view(np.uint8)], axis=1)
    return packed.reshape(*data.shape[:-1], -1)
