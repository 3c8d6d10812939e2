"""`palimpsest compress` and `decompress`: any bytes come back; other models and damaged files are refused.  Needs no package."""
import random
import subprocess
import unittest

from cli_testing import AR, INFILL, IS_NATIVE, ROOT, STORIES, WASM, CommandTest

TALE = "Once upon a time there was a little girl named Lily. She had a big red ball. "
HEAD = 17


class Compress(CommandTest):
    def coded(self, data, model=STORIES, folder=None):
        folder = folder or self.folder()
        (folder / "in").write_bytes(data)
        self.good("compress", "-m", model, "--file", folder / "in", "-o", folder / "coded")
        return folder / "coded"

    def back(self, coded, model=STORIES):
        self.good("decompress", "-m", model, "--file", coded, "-o", coded.parent / "out")
        return (coded.parent / "out").read_bytes()

    def test_any_bytes_come_back(self):
        noise = random.Random(1)
        for name, data in {
                "empty": b"", "one byte": b"a", "a zero": b"\0", "0xff": b"\xff" * 300, "tale": TALE.encode(),
                "spaces": b"   \n\t  \r\n ", "control names": b"<s></s><unk><mask> [[4]]",
                "all bytes": bytes(range(256)), "noise": noise.randbytes(700), "the tokenizer's space": "\u2581 a \u2581".encode(),
                "Japanese": "\u65e5\u672c\u8a9e\n".encode() * 20, "cut UTF-8": "\u00e9".encode()[:1] + b"x"}.items():
            for model in (STORIES, AR):
                with self.subTest(name=name, model=model):
                    self.assertEqual(self.back(self.coded(data, model), model), data)

    def test_long_text_fills_the_context_and_several_chunks(self):
        text = (TALE * 70).encode() + b"\xff\xfe" + (TALE * 4).encode()
        coded = self.coded(text)
        self.assertEqual(self.back(coded), text)
        self.assertLess(coded.stat().st_size, len(text) / 4)

    def test_code_is_as_long_as_the_surprise(self):
        text, model = TALE * 2, ROOT / "models/tales-ar.gguf"
        score, = self.objects("score", "-m", model, "--text", text)
        size = self.coded(text.encode(), model).stat().st_size - HEAD
        # Kind and length of the chunk, and its end, take 17 bits, and the last byte is not full.
        self.assertTrue(16 < 8 * size - score["bits_per_byte"] * len(text) < 28, (size, score))

    def test_damaged_files_and_other_models_are_refused(self):
        coded = self.coded((TALE * 2).encode())
        whole = coded.read_bytes()
        for size in [0, 1, HEAD - 1, HEAD, HEAD + 1, len(whole) // 2, len(whole) - 1]:
            coded.write_bytes(whole[:size])
            self.bad(1, "", "decompress", "-m", STORIES, "--file", coded, "-o", coded.parent / "out")
            self.assertFalse((coded.parent / "out").exists())
        for at in [0, 4, 5, 9, 16, HEAD, HEAD + 3]:  # the last byte has bits that say nothing
            coded.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
            self.bad(1, "", "decompress", "-m", STORIES, "--file", coded, "-o", coded.parent / "out")
        coded.write_bytes(whole)
        self.bad(1, "another model", "decompress", "-m", AR, "--file", coded, "-o", coded.parent / "out")

    def test_wrong_use_is_told(self):
        self.bad(2, "-o", "compress", "-m", STORIES, "--text", "x")
        self.bad(2, "exactly one", "compress", "-m", STORIES, "-o", self.folder() / "x")
        self.bad(1, "left to right", "compress", "-m", INFILL, "--text", "x", "-o", self.folder() / "x")

    @unittest.skipUnless(IS_NATIVE and WASM.exists(), "the WebAssembly build is absent")
    def test_bytes_are_the_same_in_webassembly(self):
        coded = self.coded((TALE * 2).encode())
        subprocess.run(["node", str(WASM), "compress", "-m", STORIES, "--file", str(coded.parent / "in"), "-o", str(coded.parent / "wasm")],
                       check=True, capture_output=True)
        self.assertEqual((coded.parent / "wasm").read_bytes(), coded.read_bytes())


if __name__ == "__main__":
    unittest.main()
