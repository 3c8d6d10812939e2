"""tools/convert: llama2.c's files keep their weights, and damaged ones are refused."""
import struct
import unittest

from convert_testing import ConvertTest, MISSING, ROOT, SHARED, needs_torch, torch

if not MISSING:
    import numpy as np

    import read_back
if torch and not MISSING:
    import reference

STORIES = SHARED / "fixtures/stories260K"
# The documented greedy continuation of BOS, 256 tokens.
GREEDY = """\
Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, \
red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with \
your ball, but I can't find it."
Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
Lily didn't want to help her mom, so she said, "I'm sorry, mom. I didn't know what to do." Her mom said, "Don't worry, \
Lily. We can help you."""


class Llama2c(ConvertTest):
    SHAPE = {"dim": 32, "hidden": 48, "layers": 2, "heads": 4, "kv_heads": 2, "vocab": 300, "context": 24}

    def weights(self, tied):
        s, rng, kv = self.SHAPE, np.random.default_rng(8), 16
        shapes = {"attn_norm": (32,), "attn_q": (32, 32), "attn_k": (kv, 32), "attn_v": (kv, 32),
                  "attn_output": (32, 32), "ffn_norm": (32,), "ffn_gate": (48, 32), "ffn_down": (32, 48),
                  "ffn_up": (48, 32)}
        w = {"token_embd": rng.standard_normal((s["vocab"], 32)), "output_norm": 1 + 0.3 * rng.standard_normal(32)}
        for name, shape in shapes.items():
            w[name] = rng.standard_normal((2, *shape)) * (0.3 if len(shape) > 1 else 0.1) + (len(shape) == 1)
        if not tied:
            w["output"] = rng.standard_normal((s["vocab"], 32))
        return {name: x.astype("<f4") for name, x in w.items()}

    def write(self, version, tied, group=16):
        """A checkpoint as llama2.c's export.py writes it, and the weights that it holds."""
        w, head = self.weights(tied), list(self.SHAPE.values())
        if version == 0:
            head[5] *= 1 if tied else -1
            order = ["token_embd", "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate",
                     "ffn_down", "ffn_up", "output_norm"]
            data = struct.pack("<7i", *head) + b"".join(w[name].tobytes() for name in order)
            data += bytes(4 * 2 * 24 * 4) + (b"" if tied else w["output"].tobytes())
        else:
            data = struct.pack("<Ii7iB", 0x616B3432, version, *head, tied)
            data = (data + (struct.pack("<i", group) if version == 2 else b"")).ljust(256, b"\0")
            data += b"".join(w[name].tobytes() for name in ("attn_norm", "ffn_norm", "output_norm"))
            for name in ("token_embd", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up",
                         "output"):
                for x in (w[name] if w[name].ndim == 3 else [w[name]]) if name in w else []:
                    data += self.groups(x, group) if version == 2 else x.tobytes()
        path = self.folder / "model.bin"
        path.write_bytes(data)
        self.write_tokenizer()
        return path, w

    def groups(self, x, group):
        """int8 values, then scales; x becomes the dequantised values."""
        rows = x.reshape(-1, group)
        scale = (np.abs(rows).max(1) / 127).astype("<f4")
        q = np.rint(rows / scale[:, None]).astype(np.int8)
        rows[:] = q.astype(np.float32) * scale[:, None]
        return q.tobytes() + scale.tobytes()

    def write_tokenizer(self, change=lambda pieces: pieces):
        pieces = ["<unk>", "\n<s>\n", "\n</s>\n", *(f"<0x{b:02X}>" for b in range(256))]
        pieces += [" a", " the", *(chr(c) for c in range(ord("a"), ord("a") + 26)), *(f" w{i}" for i in range(13))]
        data = struct.pack("<i", 7)
        for i, piece in enumerate(change(pieces)):
            data += struct.pack("<fi", -float(i), len(piece.encode())) + piece.encode()
        (self.folder / "tokenizer.bin").write_bytes(data)

    def test_every_version_holds_its_weights(self):
        for version in 0, 1, 2:
            for tied in True, False:
                with self.subTest(version=version, tied=tied):
                    path, w = self.write(version, tied)
                    g = self.convert(path, "--type", "F32")
                    for name, x in w.items():
                        for i, part in enumerate(x if x.ndim == 3 or name in ("attn_norm", "ffn_norm") else [x]):
                            full = name if name in ("token_embd", "output_norm", "output") else f"blk.{i}.{name}"
                            np.testing.assert_array_equal(g.tensors[f"{full}.weight"], part)
                    self.assertEqual(len(g.tensors), 2 + 2 * 9 + (not tied))
                    self.assertEqual(g.keys["tokenizer.ggml.tokens"][257:262],
                                     ["<0xFE>", "<0xFF>", "\u2581a", "\u2581the", "a"])
                    self.assertEqual(g.keys["tokenizer.ggml.token_type"], [2, 3, 3] + [6] * 256 + [1] * 41)

    @needs_torch
    def test_every_version_computes_numbers(self):
        tokens = np.random.default_rng(2).integers(0, 300, 20)
        for version in 0, 1, 2:
            g = self.convert(self.write(version, version == 1)[0], "--type", "F32")
            self.assertTrue(reference.gguf_logits(g, tokens).isfinite().all())

    def test_damaged_files_are_refused(self):
        for version in 0, 1, 2:
            path, _ = self.write(version, False)
            whole = path.read_bytes()
            for size in 0, 27, 40, 300, len(whole) - 1:
                path.write_bytes(whole[:size])
                self.refused("model.bin", path)
            path.write_bytes(whole + b"\0")
            self.refused("while this shape takes", path)
        path.write_bytes(whole[:4] + struct.pack("<i", 3) + whole[8:])
        self.refused("version 3", path)
        path.write_bytes(whole[:37] + struct.pack("<i", 7) + whole[41:])
        self.refused("groups of 7", path)
        path.write_bytes(struct.pack("<7i", 32, 48, 2, 5, 2, 300, 24) + whole[28:])
        self.refused("5 heads", path)

    def test_tokenizers_of_other_models_are_refused(self):
        path, _ = self.write(1, True)
        for part, change in (("cut short", lambda p: p[:-1]), ("not its tokenizer", lambda p: [*p, "x"]),
                             ("as llama2.c takes for granted", lambda p: p[1:] + p[:1])):
            with self.subTest(part):
                self.write_tokenizer(change)
                self.refused(part, path)
        (self.folder / "tokenizer.bin").unlink()
        self.refused("tokenizer.bin", path)

    @needs_torch
    def test_stories260k_tells_its_documented_story(self):
        g = read_back.Gguf(ROOT / "tests/models/stories260K.gguf")
        self.assertEqual(read_back.spm_text(g, reference.greedy(g, 256)), GREEDY)

    def test_stories260k_is_what_the_converter_makes(self):
        if not STORIES.exists():
            self.skipTest(f"{STORIES} is absent")
        self.convert(STORIES / "stories260K.bin", "--tokenizer", STORIES / "tok512.bin", "--type", "F16", "--name",
                     "stories260K", "--author", "Andrej Karpathy (llama2.c)", "--license", "MIT")
        self.assertEqual(self.out.read_bytes(), (ROOT / "tests/models/stories260K.gguf").read_bytes())


if __name__ == "__main__":
    unittest.main()
