"""`infill --adapter`: a causal model and an adapter fill a page; what does not fit is named.  Needs no package."""
import hashlib
import pathlib
import struct
import sys
import unittest

from cli_testing import CommandTest, INFILL, run
import test_cli_odd_files as odd

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "fuzz"))
import make_gguf_corpus as gguf
from make_gguf_corpus import F32, STRING, U32, key


def vectors_of(base):
    """Names and data of the tensors of one dimension; every tensor is padded to 32 bytes."""
    at = len(base) - sum(-(-size // 32) * 32 for *_, size in odd.tensors())
    hashed = b""
    for name, shape, _, size in odd.tensors():
        if len(shape) == 1:
            hashed += name.encode() + base[at:at + size]
        at += -(-size // 32) * 32
    return hashed


def adapter(base, change=None, empty=None):
    keys = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "palimpsest.rows": "left",
            "palimpsest.base_tokens": hashlib.sha256(b"".join(map(gguf.string, odd.PIECES))).hexdigest(),
            "palimpsest.base_vectors": hashlib.sha256(vectors_of(base)).hexdigest(), **(change or {})}
    numbers = [key("adapter.lora.alpha", F32, 4.0), key("palimpsest.start_token_id", U32, 1)]
    numbers += [] if empty is None else [key("palimpsest.empty_token_id", U32, empty)]
    tensors = [("palimpsest.mask", (odd.DIM,), 0, 4 * odd.DIM), ("blk.0.attn_q.weight.lora_a", (odd.DIM, 2), 0, 8 * odd.DIM),
               ("blk.0.attn_q.weight.lora_b", (2, odd.DIM), 0, 8 * odd.DIM)]
    keys = [key(name, STRING, value) for name, value in keys.items() if value is not None] + numbers
    data = bytearray(gguf.file(keys, tensors))
    for i, at in enumerate(range(len(data) - 20 * odd.DIM, len(data), 4)):
        data[at:at + 4] = struct.pack("<f", (i * 7919 % 31 - 15) / 64)
    return bytes(data)


class Adapters(CommandTest):
    def setUp(self):
        folder = self.folder()
        self.base = odd.model()
        self.model, self.path = folder / "base.gguf", folder / "adapter.gguf"
        self.model.write_bytes(self.base)

    def arguments(self, page, change=None, empty=None):
        self.path.write_bytes(adapter(self.base, change, empty))
        return "infill", "-m", self.model, "--adapter", self.path, "--seed", "4", "--text", page

    def test_a_page_is_filled(self):
        out, = self.objects(*self.arguments("a [[3]] b [[2]]"))
        self.assertTrue(out["complete"])
        self.assertEqual(len(out["tokens"]), 5)
        self.assertEqual(out["evaluations"], 5)

    def test_lengths_are_chosen_from_the_left(self):
        lengths = set()
        for seed in range(30):
            out, = self.objects(*self.arguments("a [[?]] b [[2-4]] a [[3]]", empty=2), "--seed", seed, "--temperature", 1)
            self.assertEqual((out["sampler"], out["complete"], len(out["tokens"])), ("ascending", True, 16 + 4 + 3))
            kept = [0, 0, 0]
            for token in out["tokens"]:
                self.assertEqual(token["empty"], token["id"] == 2)
                if token["empty"]:
                    self.assertEqual(token["bytes"], 0)
                    self.assertGreaterEqual(token["index"], (1, 2, 3)[token["blank"]])
                else:
                    self.assertEqual(token["index"], kept[token["blank"]])      # words first, then the end
                    kept[token["blank"]] += 1
            lengths.add(tuple(kept))
            self.assertEqual(kept[2], 3)
        self.assertGreater(len(lengths), 10)
        self.good(*self.arguments("a [[?]]", empty=2), "--sampler", "ascending-random")
        self.good(*self.arguments("a [[?]]"), "--empty-token", 2)
        self.bad(2, "only ascending", *self.arguments("a [[?]]", empty=2), "--sampler", "margin")
        self.bad(2, "models of query rows", "infill", "-m", INFILL, "--empty-token", 2, "--text", "a [[?]]")

    def test_a_page_can_begin_with_a_blank_or_be_one(self):
        for page, tokens in (("[[2]] a", 2), ("[[2-3]] a [[1]]", 4), ("[[?]]", 16), ("[[1]][[2]]", 3)):
            out, = self.objects(*self.arguments(page, empty=2))
            self.assertEqual((out["complete"], len(out["tokens"])), (True, tokens), page)
            self.assertEqual((out["tokens"][0]["blank"], out["tokens"][0]["index"]), (0, 0))

    def test_a_base_without_a_token_for_ends_is_named_with_the_option(self):
        for page in ("a [[?]]", "[[2-3]]"):
            arguments = self.arguments(page)
            self.bad(1, "names no token that ends a blank", *arguments)
            self.bad(1, "choose a token with empty-token", *arguments)
            self.bad(2, "empty-token is outside the vocabulary", *arguments, "--empty-token", 9999)
            self.good(*arguments, "--empty-token", 2)

    def test_every_instruction_set_and_number_of_drafts_gives_the_same(self):
        arguments = self.arguments("a [[3]] b [[2]]")
        text = self.good(*arguments)
        self.assertEqual(self.good(*arguments, "--isa", "scalar"), text)
        self.assertTrue(self.good(*arguments, "--drafts", "3").startswith(text))

    def test_what_does_not_fit_is_named(self):
        for change, part in (({"palimpsest.rows": None}, "adapters for all rows are not supported"),
                             ({"palimpsest.base_tokens": "0" * 64}, "another vocabulary"),
                             ({"general.architecture": "gpt2"}, "another architecture"),
                             ({"general.type": "model"}, "general.type")):
            self.bad(1, part, *self.arguments("a [[3]]", change))
        self.bad(1, "empty_token_id is absent", *self.arguments("a [[?]]"))
        self.bad(1, "not in the vocabulary", *self.arguments("a [[?]]", empty=9999))
        self.bad(1, "causal attention", "infill", "-m", INFILL, "--adapter", self.path, "--text", "a [[2]]")
        self.bad(1, "cannot fill blanks", "infill", "-m", self.model, "--text", "a [[2]]")
        self.bad(1, "", "infill", "-m", self.model, "--adapter", "no-such-file", "--text", "a [[2]]")

    def test_other_weights_are_a_note(self):
        for name, note in (("vectors", "other weights"), ("matrices", "another quantisation")):
            code, out, err = run(*self.arguments("a [[3]]", {f"palimpsest.base_{name}": "0" * 64}))
            self.assertEqual(code, 0)
            self.assertRegex(err.strip(), f"^palimpsest: .*adapter.gguf: warning: .*{note}")
            self.assertEqual(out, self.good(*self.arguments("a [[3]]")))


if __name__ == "__main__":
    unittest.main()
