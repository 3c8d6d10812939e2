"""Reads safetensors, from one file or from the shards in an index: tensors by name, each loaded on demand."""
import json

import numpy as np
import safetensors

from parts import Refused, Tensor, read_json, require

FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def float32_of(data, kind):
    if kind == "BF16":                            # numpy has no such type: the upper half of a float32
        return (data.astype(np.uint32) << 16).view(np.float32)
    return data.astype(np.float32)


def find_files(folder):
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = read_json(index).get("weight_map")
        require(isinstance(names, dict) and names and all(isinstance(v, str) for v in names.values()),
                f"{index}: no weight_map")
        require(all("/" not in v and "\\" not in v for v in names.values()), f"{index}: a shard outside of its folder")
        return {folder / v for v in names.values()}, names
    single = folder / "model.safetensors"
    require(single.is_file(), f"{folder}: neither model.safetensors nor model.safetensors.index.json"
            + (" (only PyTorch's own files, which are not read)" if list(folder.glob("pytorch_model*.bin")) else ""))
    return {single}, None


class Checkpoint:
    """Records which tensors were read, so that a checkpoint with unused tensors can be refused."""

    def __init__(self, folder):
        self.folder, self.places, self.taken = folder, {}, set()
        files, index = find_files(folder)
        for path in sorted(files):
            self.open(path)
        if index is not None:
            for name, file in index.items():
                require(name in self.places and self.places[name][0].name == file,
                        f"{folder}: {name} is not in {file}, where the index has it")
            for name in self.places:
                require(name in index, f"{folder}: {name} is in a shard, but not in the index")

    def open(self, path):
        """safetensors checks the header against the file; the data are mapped here, in any type."""
        try:
            with safetensors.safe_open(path, framework="numpy"):
                pass
            with open(path, "rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(size))
        except (OSError, safetensors.SafetensorError) as error:
            raise Refused(f"{path}: {error}") from error
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            require(name not in self.places, f"{path}: {name} is in two files")
            self.places[name] = path, entry["dtype"], tuple(entry["shape"]), 8 + size + entry["data_offsets"][0]

    def rename(self, change):
        """Renames tensors by `change`; drops those for which it returns None."""
        renamed = {}
        for name, place in self.places.items():
            new = change(name)
            if new is not None:
                require(new not in renamed, f"{self.folder}: two tensors are {new}")
                renamed[new] = place
        self.places = renamed

    def has(self, name):
        return name in self.places

    def read(self, name):
        path, kind, shape, offset = self.places[name]
        data = np.memmap(path, FLOATS[kind], "r", offset, shape) if np.prod(shape) else np.zeros(shape, FLOATS[kind])
        return float32_of(data, kind)

    def take(self, gguf_name, name, shape, change=None):
        """The tensor `name`, which must have `shape`, transformed by `change` (for example a transposition)."""
        require(name in self.places, f"{self.folder}: tensor {name} is missing")
        _, kind, stored, _ = self.places[name]
        require(kind in FLOATS, f"{self.folder}: {name} is of type {kind}; only {', '.join(FLOATS)} are read")
        require(stored == tuple(shape), f"{self.folder}: {name} has the shape {list(stored)} instead of {list(shape)}")
        self.taken.add(name)
        if change is None:
            return Tensor(gguf_name, stored, lambda: self.read(name))
        return Tensor(gguf_name, change(np.empty(stored, np.bool_)).shape, lambda: change(self.read(name)))

    def finish(self):
        """Refuses unused tensors: they would be parts of the network that are missing in the GGUF file."""
        left = sorted(set(self.places) - self.taken)
        require(not left, f"{self.folder}: {len(left)} tensors that this network does not have: {', '.join(left[:5])}")
