"""The intermediate form of a source: hyperparameters, a vocabulary and tensors that load on demand."""
import dataclasses
import json
from typing import Callable

import numpy as np


class Refused(Exception):
    """Raised if a faithful conversion is not possible; its text is for the user of the converter."""


class TokenType:
    """Values of tokenizer.ggml.token_type; those of SentencePiece's own files are the same."""
    NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


@dataclasses.dataclass
class Vocabulary:
    kind: str                                     # tokenizer.ggml.model: "llama" (SentencePiece) or "gpt2" (byte-level)
    tokens: list[str]
    types: list[int]
    pre: str = "default"                          # the rule that splits text into words
    scores: list[float] | None = None             # SentencePiece only
    merges: list[str] | None = None               # byte-level only
    ids: dict[str, int] = dataclasses.field(default_factory=dict)     # of "bos", "eos", "eot", "unk", "pad", "mask"
    add_bos: bool = False
    add_eos: bool = False
    add_space_prefix: bool = False


@dataclasses.dataclass
class Tensor:
    name: str                                     # llama.cpp's
    shape: tuple[int, ...]                        # rows first, as numpy has it
    load: Callable[[], np.ndarray]                # float32 of that shape


@dataclasses.dataclass
class Model:
    architecture: str                             # general.architecture, and the prefix of `keys`
    keys: dict[str, int | float | str | bool]     # int is written as u32, float as f32
    vocabulary: Vocabulary
    tensors: list[Tensor]
    own: dict[str, int | float | str | bool] = dataclasses.field(default_factory=dict)     # keys under their full names


def require(condition, text):
    if not condition:
        raise Refused(text)


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
