"""Reads GGUF files back, for the tests and the golden vectors: metadata, weights, and the text of tokens."""
import gguf
import numpy as np


class Gguf:
    """Metadata by key, tensors by name as float64."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.keys = {name: field.contents() for name, field in reader.fields.items()}
        self.types = {t.name: t.tensor_type for t in reader.tensors}
        self.tensors = {t.name: np.array(gguf.quants.dequantize(t.data, t.tensor_type), np.float64)
                        for t in reader.tensors}
        self.architecture = self.keys["general.architecture"]

    def get(self, name, absent=None):
        return self.keys.get(f"{self.architecture}.{name}", absent)


def spm_text(g, tokens):
    """The text of SentencePiece tokens; the space before the first word is the dummy prefix."""
    out, pieces, types = b"", g.keys["tokenizer.ggml.tokens"], g.keys["tokenizer.ggml.token_type"]
    for token in tokens:
        if types[token] == gguf.TokenType.BYTE:
            out += bytes([int(pieces[token][3:5], 16)])
        elif types[token] != gguf.TokenType.CONTROL:
            out += pieces[token].replace("\u2581", " ").encode()
    return out.decode("utf-8", "replace").removeprefix(" ")
