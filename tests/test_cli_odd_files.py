"""The command on files that are odd, of another kind, or truncated: `info` and `tokenize` work as far as possible, and
errors give the reason and advice.

Needs no package."""
import gzip
import json
import pathlib
import pickle
import struct
import sys
import unittest
import zipfile

from cli_testing import AR, CommandTest, MODELS, run

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "fuzz"))
import make_gguf_corpus as gguf
from make_gguf_corpus import F32, I32, STRING, U16, U32, array, key

F32_TENSOR, DIM, HIDDEN, PIECES = 0, 32, 64, ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "ab"]
SHAPE = {"llama.context_length": 64, "llama.embedding_length": DIM, "llama.block_count": 1,
         "llama.feed_forward_length": HIDDEN, "llama.attention.head_count": 4}
VOCABULARY = [
    key("tokenizer.ggml.model", STRING, "llama"),
    array("tokenizer.ggml.tokens", STRING, PIECES),
    array("tokenizer.ggml.scores", F32, [-float(i) for i in range(len(PIECES))]),
    array("tokenizer.ggml.token_type", I32, [2, 3, 3, 1, 1, 1, 1, 1]),
    key("tokenizer.ggml.bos_token_id", U32, 1),
    key("tokenizer.ggml.eos_token_id", U32, 2),
]
TENSORS = [("token_embd.weight", (DIM, len(PIECES))), ("output_norm.weight", (DIM,))] + [
    (f"blk.0.{name}.weight", shape) for name, shape in (
        ("attn_norm", (DIM,)), ("attn_q", (DIM, DIM)), ("attn_k", (DIM, DIM)), ("attn_v", (DIM, DIM)),
        ("attn_output", (DIM, DIM)), ("ffn_norm", (DIM,)), ("ffn_gate", (DIM, HIDDEN)), ("ffn_up", (DIM, HIDDEN)),
        ("ffn_down", (HIDDEN, DIM)))]


def tensors(without=(), types=None):
    """Tensors as make_gguf_corpus.file takes them; the weights have no meaning, but are finite after `calm`."""
    size = lambda shape: 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    return [(name, shape, (types or {}).get(name, F32_TENSOR), size(shape)) for name, shape in TENSORS
            if name not in without]


def model(shape=None, more=(), architecture="llama", without=(), types=None, behind=b"", vocabulary=True):
    """A file of a llama network with random weights and the given changes."""
    values = SHAPE if shape is None else {**SHAPE, **shape}
    keys = [key("general.architecture", STRING, architecture), key("general.name", STRING, "odd")]
    keys += [value if isinstance(value, bytes) else key(name, U32, value) for name, value in values.items()
             if value is not None]
    keys += (VOCABULARY if vocabulary else []) + list(more)
    data = bytearray(gguf.file(keys, tensors(without, types)))
    start = len(gguf.file(keys, [])) if not tensors(without, types) else len(data) - sum(
        -(-size // 32) * 32 for *_, size in tensors(without, types))
    for i, at in enumerate(range(start, len(data) - 3, 4)):
        data[at:at + 4] = struct.pack("<f", (i * 7919 % 31 - 15) / 64)
    return bytes(data) + behind


class OddFiles(CommandTest):
    def write(self, data, name="odd.gguf"):
        path = self.folder() / name
        path.write_bytes(data)
        return path

    def tokens(self, path):
        self.assertEqual(self.good("tokenize", "-m", path, "--text", "aab", "--ids"), b"6 7\n")
        self.assertEqual(self.good("detokenize", "-m", path, "--ids", "6 7"), b"aab\n")

    def works(self, data):
        path = self.write(data)
        info, = self.objects("info", "-m", path)
        self.assertNotIn("why_not", info)
        self.assertTrue(info["can_generate"] and info["can_score"] and info["can_tokenize"])
        self.tokens(path)
        self.good("generate", "-m", path, "--prompt", "a", "--max-tokens", "3", "--seed", "1")
        return info

    def tokens_only(self, data, *words):
        """The file opens; commands that need its network fail with these words."""
        path = self.write(data)
        info, = self.objects("info", "-m", path)
        for word in words:
            self.assertIn(word, info["why_not"])
            self.assertIn(word.encode(), self.good("info", "-m", path))
        self.assertEqual([info[f"can_{what}"] for what in ("tokenize", "score", "infill", "generate", "image")],
                         [True, False, False, False, False])
        self.tokens(path)
        for arguments in (("generate", "--prompt", "a", "--seed", "1"), ("score", "--text", "a"),
                          ("infill", "--text", "[[1]]", "--seed", "1"), ("bench",)):
            code, out, err = run(arguments[0], "-m", path, *arguments[1:])
            self.assertEqual((code, out), (1, b""), err)
            for word in words:
                self.assertIn(word, err)
        return info

    def test_odd_values_that_do_no_harm_do_none(self):
        nested = gguf.string("my.nested") + struct.pack("<IIQIQ", gguf.ARRAY, gguf.ARRAY, 1, STRING, 1)
        both = [key("my.key", U32, 1), key("my.key", U32, 2), key("", STRING, ""), nested + gguf.string("x")]
        self.works(model())
        self.works(model(more=both))
        self.works(model(behind=b"x" * 100))
        self.assertEqual(self.works(model({"llama.context_length": 4000000000}))["context"], 1 << 20)
        heads = array("llama.attention.head_count_kv", U32, [4])
        self.assertEqual(self.works(model({"llama.attention.head_count_kv": heads}))["kv_heads"], 4)

    def test_info_shows_what_the_network_uses(self):
        info = self.works(model())
        self.assertEqual([info[k] for k in ("heads", "kv_heads", "layers", "width", "hidden")], [4, 4, 1, DIM, HIDDEN])
        self.assertIn(b"4 heads, 4 key heads", self.good("info", "-m", self.write(model())))
        self.assertNotIn(b"0 ", self.good("info", "-m", self.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 0)))
                         .split(b"network")[1].split(b"\n")[0].replace(b"0 parameters", b""))

    def test_keys_that_cannot_be_used_are_named(self):
        base = "llama.rope.freq_base"
        for name, value, shown in (
                ("llama.block_count", 0, "is 0"), ("llama.block_count", key("llama.block_count", STRING, "1"), 'is "1"'),
                ("llama.embedding_length", None, "absent"), ("llama.feed_forward_length", 4000000000, "is 4000000000"),
                ("llama.attention.head_count", array("llama.attention.head_count", U32, [4, 2]), "[4, 2]"),
                (base, key(base, F32, 0.5), "is 0.5"), (base, key(base, F32, float("nan")), "not a number"),
                (base, key(base, F32, float("-inf")), "-infinity")):
            with self.subTest(key=name, shown=shown):
                self.tokens_only(model({name: value}), name, shown)

    def test_tensors_that_cannot_be_used_are_named(self):
        name = "blk.0.ffn_gate.weight"
        self.tokens_only(model(without=[name]), name, "missing")
        self.tokens_only(model(types={name: 999}), name, "999")
        info = self.tokens_only(model(types={name: 20}), name, "IQ4_NL")
        self.assertEqual(info["weights"], "F32")
        path = self.write(model(types={name: 20}))
        self.bad(1, name, "quantize", "-m", path, "-o", path.parent / "out", "--type", "F16")
        self.assertFalse((path.parent / "out").exists())

    def test_other_files_of_ours_go_as_far_as_they_can(self):
        self.tokens_only(model(architecture="gemma3"), "gemma3", "qwen2")
        split = [key("split.no", U16, 0), key("split.count", U16, 2)]
        self.tokens_only(model(more=split, without=["blk.0.attn_v.weight"]), "number 1 of the 2 parts", "all parts are needed")
        self.tokens_only(model(without=[name for name, _ in TENSORS]), "only a vocabulary")
        path = self.write(model(vocabulary=False))
        info, = self.objects("info", "-m", path)
        self.assertIn("no tokenizer", info["why_not"])
        self.bad(1, "no tokenizer", "tokenize", "-m", path, "--text", "a")

    def test_files_of_other_kinds_are_told_what_they_are(self):
        folder = self.folder()
        with zipfile.ZipFile(folder / "torch.pt", "w") as archive:
            archive.writestr("archive/data.pkl", b"x")
        header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        whole = pathlib.Path(AR).read_bytes()
        for word, data in (
                ("HTML", b"<!DOCTYPE html><title>404</title>"), ("HTML", b"\r\n<html>"), ("JSON", b'{"error": "none"}'),
                ("Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
                ("safetensors", struct.pack("<Q", len(header)) + header + bytes(4)),
                ("PyTorch", (folder / "torch.pt").read_bytes()), ("pickle", pickle.dumps({"w": 1}, 2)),
                ("pickle", pickle.dumps([1], 4)), ("GGML", b"tjgg" + bytes(40)), ("GGML", b"lmgg" + bytes(40)),
                ("big-endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0)), ("empty", b""), ("compressed", gzip.compress(whole)),
                ("incomplete", whole[:len(whole) // 2]), ("incomplete", whole[:700]), ("incomplete", whole[:20])):
            path = folder / "file"
            path.write_bytes(data)
            for command in (("info",), ("tokenize", "--text", "x"), ("generate", "--prompt", "x", "--seed", "1")):
                self.bad(1, word, command[0], "-m", path, *command[1:])
        self.bad(1, "folder", "info", "-m", folder)

    def test_picture_models_go_as_far_as_they_can(self):
        data = (MODELS / "unet-plain.gguf").read_bytes()
        path = self.write(data.replace(b"conv_out.weight", b"conv_Out.weight"))
        info, = self.objects("info", "-m", path)
        self.assertIn("conv_out.weight", info["why_not"])
        self.bad(1, "conv_out.weight", "image", "-m", path, "-o", path.parent / "out.png", "--seed", "1")


if __name__ == "__main__":
    unittest.main()
