"""Models split into several files (NAME-00001-of-00003.gguf, as gguf-split of llama.cpp writes them) are opened by the path of
any part; parts that are missing or do not belong together are named.  Needs no package."""
import shutil
import sys
import unittest

from cli_testing import CommandTest, ROOT
import test_cli_odd_files as odd

sys.path.append(str(ROOT / "tests/fuzz"))
import make_gguf_corpus as gguf
from make_gguf_corpus import I32, STRING, U16, U32, key


def parts_of(whole, cuts, count=None, total=None, number=lambda i: i):
    """The files: metadata and the first tensors, then more tensors; only the first has other keys than split.*."""
    tensors, data, at = odd.tensors(), {}, len(whole)
    for _, _, _, size in tensors:
        at -= -(-size // 32) * 32
    for name, _, _, size in tensors:
        data[name] = whole[at:at + size]
        at += -(-size // 32) * 32
    files, cuts = [], [0, *cuts, len(tensors)]
    metadata = [key("general.architecture", STRING, "llama"), key("general.name", STRING, "odd")]
    metadata += [key(name, U32, value) for name, value in odd.SHAPE.items()] + odd.VOCABULARY
    for i, (a, b) in enumerate(zip(cuts, cuts[1:])):
        keys = [key("split.no", U16, number(i)), key("split.count", U16, count or len(cuts) - 1),
                key("split.tensors.count", I32, len(tensors) if total is None else total)]
        mine = tensors[a:b]
        file = bytearray(gguf.file((metadata if i == 0 else []) + keys, mine))
        to = len(file) - sum(-(-size // 32) * 32 for *_, size in mine)
        for name, _, _, size in mine:
            file[to:to + size] = data[name]
            to += -(-size // 32) * 32
        files.append(bytes(file))
    return files


class Parts(CommandTest):
    def setUp(self):
        self.whole = odd.model()
        self.place = self.folder()
        (self.place / "whole.gguf").write_bytes(self.whole)

    def write(self, files, name="m"):
        paths = [self.place / f"{name}-{i + 1:05}-of-{len(files):05}.gguf" for i in range(len(files))]
        for path, file in zip(paths, files):
            path.write_bytes(file)
        return paths

    def generate(self, path):
        return self.good("generate", "-m", path, "--prompt", "ab a", "--seed", 3, "--max-tokens", 20)

    def test_every_part_opens_the_whole_model(self):
        expected = self.generate(self.place / "whole.gguf")
        for cuts in ([3], [0], [0, 5], [2, 2, 7]):        # a first part may have metadata only, a part no tensor
            for path in self.write(parts_of(self.whole, cuts)):
                self.assertEqual(self.generate(path), expected)
                self.assertIn(b"11 tensors", self.good("info", "-m", path))

    def test_parts_are_ordered_by_their_number_not_their_name(self):
        expected = self.generate(self.place / "whole.gguf")
        a, b, c = parts_of(self.whole, [2, 7])
        for path in self.write([c, a, b]):
            self.assertEqual(self.generate(path), expected)

    def test_a_split_model_is_written_whole(self):
        first, *_ = self.write(parts_of(self.whole, [3]))
        for source, name in ((first, "a"), (self.place / "whole.gguf", "b")):
            self.good("quantize", "-m", source, "--type", "Q8_0", "-o", self.place / f"{name}.gguf")
        self.assertEqual(self.generate(self.place / "a.gguf"), self.generate(self.place / "b.gguf"))

    def refused(self, files, part, at=0):
        self.bad(1, part, "generate", "-m", self.write(files)[at], "--prompt", "a", "--seed", 1)

    def test_what_does_not_belong_together_is_named(self):
        a, b, c = parts_of(self.whole, [2, 7])
        self.refused([a, a, c], "the same part")
        self.refused([a, b], "a part is missing")
        self.refused([a, b, parts_of(self.whole, [9])[1]], "disagree about their number")
        self.refused([a, b, parts_of(self.whole, [2, 9])[2]], "another number of tensors")
        self.refused([a, b, parts_of(self.whole, [2, 5])[2]], "have the same tensor")
        self.refused([a, b, parts_of(self.whole, [2, 7], total=99)[2]], "split.tensors.count")
        self.refused(parts_of(self.whole, [2, 7], total=99), "another number of tensors")
        self.refused([a, b, self.whole], "not a part of a split model")
        self.refused([a, b, parts_of(self.whole, [2, 7], number=lambda i: 7)[2]], "disagree about their number")
        self.refused([a, b, c[:-40]], "incomplete")

    def test_a_missing_part_is_named(self):
        first, second, third = self.write(parts_of(self.whole, [2, 7]))
        second.unlink()
        for path in first, third:
            self.bad(1, "is missing or cannot be read: all its files must be in one folder, with the names that they had "
                        "(number 2)", "info", "-m", path)

    def test_a_part_under_another_name_says_what_to_do(self):
        first, *_ = self.write(parts_of(self.whole, [2, 7]))
        shutil.copy(first, self.place / "renamed.gguf")
        self.bad(1, "number 1 of the 3 parts of a split model", "generate", "-m", self.place / "renamed.gguf", "--prompt", "a")
        shutil.copy(self.place / "whole.gguf", self.place / "x-00001-of-00001.gguf")
        self.generate(self.place / "x-00001-of-00001.gguf")


if __name__ == "__main__":
    unittest.main()
