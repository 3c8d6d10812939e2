"""Reads weights from a checkpoint of train.py or from a GGUF file of the same shape."""
import numpy as np
import torch


def read_weights(path):
    """{tensor name: float32 tensor} of a .pt or .gguf file."""
    if path.suffix == ".gguf":
        import gguf
        reader = gguf.GGUFReader(path)
        return {t.name: torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type), np.float32))
                for t in reader.tensors}
    state = torch.load(path, weights_only=True)
    return state["weights"] if "weights" in state else state["network"]


def load_weights(network, path):
    """Copies every tensor; names and shapes must agree."""
    weights = read_weights(path)
    own = dict(network.named_parameters())
    if set(weights) != set(own):
        raise SystemExit(f"{path}: tensors differ: {sorted(set(weights) ^ set(own))[:4]} ...")
    with torch.no_grad():
        for name, p in own.items():
            if p.shape != weights[name].shape:
                raise SystemExit(f"{path}: {name} has shape {tuple(weights[name].shape)}, not {tuple(p.shape)}")
            p.copy_(weights[name])
