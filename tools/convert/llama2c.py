"""llama2.c's checkpoints (.bin) with their tokenizer.bin.

Layouts, from that project's export.py and run.c, all little endian:
  version 0   seven i32: dim, hidden, layers, heads, kv_heads, vocab (negative: the output is separate), context;
              then f32: token_embd, and each of attn_norm, q, k, v, attn_output, ffn_norm, gate, down, up for all
              layers, output_norm, cosines and sines [context, head / 2] (recomputed by everyone), output
  version 1   256 bytes: "ak42" as u32 0x616b3432, i32 version, the seven (vocab positive), u8 tied; then f32:
              attn_norm, ffn_norm, output_norm, token_embd, q, k, v, attn_output, gate, down, up, output
  version 2   as 1, with i32 group size behind the u8; norms in f32, every matrix as int8 values and then f32
              scales, one a group of consecutive values
  tokenizer   i32 longest piece; a piece: f32 score, i32 bytes, the bytes, a space standing for U+2581

Rotary positions rotate consecutive pairs, like GGUF's `llama`, so no rows are reordered.  Their base (10000) and the
epsilon of the norms (1e-5) are constants of run.c.
"""
import struct

import numpy as np

from parts import Model, Refused, Tensor, TokenType, Vocabulary, require

MAGIC, HEADER = 0x616B3432, 256
SHAPE = "dim", "hidden", "layers", "heads", "kv_heads", "vocab", "context"
FIRST_BYTE = 3                                    # <unk>, BOS and EOS stand before the byte pieces
# Per layer: GGUF's name, rows, columns.
MATRICES = {"attn_q": ("dim", "dim"), "attn_k": ("kv_dim", "dim"), "attn_v": ("kv_dim", "dim"),
            "attn_output": ("dim", "dim"), "ffn_gate": ("hidden", "dim"), "ffn_down": ("dim", "hidden"),
            "ffn_up": ("hidden", "dim")}


def read_shape(numbers, path):
    s = dict(zip(SHAPE, numbers))
    require(all(0 < v < 2**28 for v in s.values()), f"{path}: not a llama2.c checkpoint: its shape would be {s}")
    require(s["dim"] % s["heads"] == 0 and s["dim"] // s["heads"] % 2 == 0 and s["heads"] % s["kv_heads"] == 0,
            f"{path}: {s['heads']} heads ({s['kv_heads']} for keys) do not divide a width of {s['dim']}")
    s["kv_dim"] = s["dim"] // s["heads"] * s["kv_heads"]
    return s


class Cursor:
    """Walks the tensors in file order; returns each as a shape and a function that loads it."""

    def __init__(self, data, at, group):
        self.data, self.at, self.group = data, at, group

    def floats(self, *shape):
        start, count = self.at, int(np.prod(shape))
        self.at += 4 * count
        return shape, lambda: self.data[start:start + 4 * count].view("<f4").reshape(shape)

    def matrix(self, rows, cols):
        if not self.group:
            return self.floats(rows, cols)
        start, count = self.at, rows * cols
        self.at += count + 4 * (count // self.group)

        def load():
            values = self.data[start:start + count].view(np.int8).astype(np.float32).reshape(-1, self.group)
            scales = self.data[start + count:start + count + 4 * len(values)].view("<f4")
            return (values * scales[:, None]).reshape(rows, cols)
        return (rows, cols), load


def per_layer(s, name):
    return [f"blk.{i}.{name}.weight" for i in range(s["layers"])]


def legacy_order(c, s, tied):
    yield "token_embd.weight", c.matrix(s["vocab"], s["dim"])
    for name in "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_down", "ffn_up":
        for full in per_layer(s, name):
            yield full, c.matrix(*(s[k] for k in MATRICES[name])) if name in MATRICES else c.floats(s["dim"])
    yield "output_norm.weight", c.floats(s["dim"])
    c.floats(2, s["context"], s["dim"] // s["heads"] // 2)
    if not tied:
        yield "output.weight", c.matrix(s["vocab"], s["dim"])


def versioned_order(c, s, tied):
    for name in "attn_norm", "ffn_norm":
        for full in per_layer(s, name):
            yield full, c.floats(s["dim"])
    yield "output_norm.weight", c.floats(s["dim"])
    yield "token_embd.weight", c.matrix(s["vocab"], s["dim"])
    for name in "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up":
        for full in per_layer(s, name):
            yield full, c.matrix(*(s[k] for k in MATRICES[name]))
    if not tied:
        yield "output.weight", c.matrix(s["vocab"], s["dim"])


def read_versioned(path, data):
    version = int(data[4:8].view("<i4")[0])
    require(version in (1, 2), f"{path}: version {version} of llama2.c's format; 0, 1 and 2 are known")
    require(len(data) >= HEADER, f"{path}: cut short: the header has {HEADER} bytes, the file {len(data)}")
    s, tied = read_shape(struct.unpack("<7i", data[8:36].tobytes()), path), int(data[36])
    require(tied in (0, 1), f"{path}: the flag of a tied output is {tied}")
    group = struct.unpack("<i", data[37:41].tobytes())[0] if version == 2 else 0
    if version == 2:
        sizes = [s["vocab"] * s["dim"], *(s[rows] * s[cols] for rows, cols in MATRICES.values())]
        require(group > 0 and all(size % group == 0 for size in sizes),
                f"{path}: groups of {group} values do not divide the matrices")
    c = Cursor(data, HEADER, group)
    return s, c, versioned_order(c, s, tied)


def read_legacy(path, data):
    numbers = list(struct.unpack("<7i", data[:28].tobytes()))
    tied = numbers[5] > 0
    numbers[5] = abs(numbers[5])
    s = read_shape(numbers, path)
    c = Cursor(data, 28, 0)
    return s, c, legacy_order(c, s, tied)


def read_checkpoint(path):
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: {error}") from error
    require(len(data) >= 28, f"{path}: {len(data)} bytes are not a checkpoint")
    is_versioned = int(data[:4].view("<u4")[0]) == MAGIC
    s, cursor, order = (read_versioned if is_versioned else read_legacy)(path, data)
    tensors = [Tensor(name, shape, load) for name, (shape, load) in order]
    require(cursor.at == len(data), f"{path}: {len(data)} bytes, while this shape takes {cursor.at}"
            + (": cut short" if len(data) < cursor.at else ""))
    return s, tensors


def read_pieces(path, count):
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error}") from error
    pieces, at = [], 4
    for i in range(count):
        require(at + 8 <= len(data), f"{path}: cut short in piece {i} of {count}")
        score, size = struct.unpack_from("<fi", data, at)
        at += 8
        require(0 <= size <= len(data) - at, f"{path}: piece {i} of {count} has {size} bytes, which are not there")
        require(score == score, f"{path}: the score of piece {i} is not a number")
        pieces.append((data[at:at + size], score))
        at += size
    require(at == len(data),
            f"{path}: {len(data) - at} bytes behind the {count} pieces of the model: not its tokenizer")
    return pieces


def read_vocabulary(path, count):
    pieces = read_pieces(path, count)
    require(count >= FIRST_BYTE + 256 and pieces[0][0] == b"<unk>"
            and all(pieces[FIRST_BYTE + b][0] == b"<0x%02X>" % b for b in range(256)),
            f"{path}: pieces 0 and 3 to 258 are not <unk> and the bytes, as llama2.c takes for granted")
    tokens = ["<unk>", "<s>", "</s>"]
    for i, (piece, _) in enumerate(pieces[FIRST_BYTE:], FIRST_BYTE):
        try:
            tokens.append(piece.decode().replace(" ", "\u2581"))
        except UnicodeDecodeError as error:
            raise Refused(f"{path}: piece {i} is not UTF-8") from error
    types = ([TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL] + [TokenType.BYTE] * 256
             + [TokenType.NORMAL] * (count - FIRST_BYTE - 256))
    # run.c ends a text at BOS, which separates the training texts; readers of GGUF also end a text at "eot".
    return Vocabulary("llama", tokens, types, scores=[score for _, score in pieces],
                      ids={"bos": 1, "eos": 2, "eot": 1, "unk": 0}, add_bos=True, add_space_prefix=True)


def load(path, tokenizer):
    s, tensors = read_checkpoint(path)
    keys = {"context_length": s["context"], "embedding_length": s["dim"], "block_count": s["layers"],
            "feed_forward_length": s["hidden"], "attention.head_count": s["heads"],
            "attention.head_count_kv": s["kv_heads"], "attention.layer_norm_rms_epsilon": 1e-5,
            "rope.freq_base": 10000.0, "rope.dimension_count": s["dim"] // s["heads"], "vocab_size": s["vocab"]}
    return Model("llama", keys, read_vocabulary(tokenizer, s["vocab"]), tensors)
