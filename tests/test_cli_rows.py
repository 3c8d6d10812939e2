"""A network that was trained to fill pages by query rows (palimpsest.rows): the command fills pages and continues texts
with one file.  Needs no package."""
import pathlib
import struct
import sys
import unittest

from cli_testing import CommandTest, MODELS, run

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "fuzz"))
from make_gguf_corpus import STRING, U32, key

HEADER, ALIGNMENT = 24, 32
AR = MODELS / "tiny-ar.gguf"


def with_keys(data, keys):
    """The file with these keys before its own; a filler keeps its tensors aligned."""
    added = b"".join(keys)
    added += key("palimpsest.filler", STRING, "x" * (-(len(added) + len(key("palimpsest.filler", STRING, ""))) % ALIGNMENT))
    count, = struct.unpack_from("<Q", data, 16)
    return data[:16] + struct.pack("<Q", count + len(keys) + 1) + added + data[HEADER:]


class Networks(CommandTest):
    def setUp(self):
        self.model = self.folder() / "rows.gguf"
        self.model.write_bytes(with_keys(AR.read_bytes(), [key("palimpsest.rows", STRING, "left"),
                                                           key("palimpsest.start_token_id", U32, 1)]))

    def test_info_says_what_the_model_can_do(self):
        self.assertIn(b"llama, causal, fills blanks by query rows\n", self.good("info", "-m", self.model))
        out, = self.objects("info", "-m", self.model)
        self.assertTrue(out["causal"] and out["can_infill"] and out["can_generate"] and out["can_score"])

    def test_a_page_is_filled_with_the_same_tokens_everywhere(self):
        arguments = "infill", "-m", self.model, "--seed", "4", "--text", "the [[3]] dog [[2]]"
        out, = self.objects(*arguments)
        self.assertTrue(out["complete"])
        self.assertEqual((len(out["tokens"]), out["evaluations"]), (5, 5))
        text = self.good(*arguments)
        for isa in "scalar", "avx2", "avx512vnni":
            if run(*arguments, "--isa", isa)[0] == 0:
                self.assertEqual(self.good(*arguments, "--isa", isa), text)
        self.assertEqual(self.objects(*arguments, "--drafts", "3")[0]["text"], out["text"])

    def test_texts_are_those_of_the_file_without_the_keys(self):
        for arguments in (("generate", "--seed", "3", "--prompt", "the dog", "--max-tokens", "20"),
                          ("score", "--text", "the dog ran.")):
            self.assertEqual(self.good(arguments[0], "-m", self.model, *arguments[1:]),
                             self.good(arguments[0], "-m", AR, *arguments[1:]))

    def test_a_plain_causal_model_needs_an_adapter(self):
        self.bad(1, "adapter", "infill", "-m", AR, "--text", "a [[2]]")


if __name__ == "__main__":
    unittest.main()
