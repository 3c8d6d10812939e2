"""The command and files: files that are not models, damaged models, quantize, bench.  Needs no package."""
import pathlib
import random
import unittest

from cli_testing import AR, CommandTest, INFILL, IS_NATIVE, MODELS, ODD, PAGE, run


class Files(CommandTest):
    def test_what_is_no_model_is_refused(self):
        folder = self.folder()
        (folder / "empty").write_bytes(b"")
        (folder / "text").write_text("no model")
        for path in (folder, folder / "none", folder / "empty", folder / "text"):
            for command in (("info",), ("infill", "--text", "[[1]]", "--seed", "1"), ("tokenize", "--text", "x"),
                            ("bench",), ("score", "--text", "x"), ("quantize", "-o", folder / "out", "--type", "F16"),
                            ("detokenize", "--ids", "1")):
                self.bad(1, str(path), command[0], "-m", path, *command[1:])

    def test_text_files_that_cannot_be_read_are_refused(self):
        folder = self.folder()
        for path in (folder, folder / "none"):
            self.bad(1, str(path), "infill", "-m", INFILL, "--file", path)
            self.bad(1, str(path), "score", "-m", AR, "--file", path)

    def test_info_describes_every_model(self):
        i, = self.objects("info", "-m", INFILL)
        self.assertEqual([i[key] for key in "name architecture weights context vocabulary".split()],
                         ["tiny-infill", "llada", "Q8_0", 96, 481])
        self.assertTrue(i["can_infill"] and i["free_length"] and not i["causal"] and i["parameters"] > 30000)
        self.assertIn(b"tiny-ar", self.good("info", "-m", AR))
        i, = self.objects("info", "-m", MODELS / "tales-vocab.gguf")
        self.assertTrue(i["can_tokenize"] and not i["can_score"] and i["why_not"])

    def damaged(self, data):
        """For a damaged model, `info` and every other command work or fail with a message, and never crash."""
        path = self.folder() / "damaged.gguf"
        path.write_bytes(data)
        code, out, err = run("info", "-m", path)
        self.assertIn(code, (0, 1), err)
        self.assertEqual(code == 0, out != b"")
        if code:
            self.assertIn(str(path), err)
            return code
        code, out, err = run("infill", "-m", path, "--text", "the [[3]]", "--seed", 1)
        self.assertIn(code, (0, 1, 2), err)
        self.assertEqual(code == 0, out.startswith(b"the "), err)
        return 0

    def test_info_survives_truncations(self):
        data = pathlib.Path(INFILL).read_bytes()
        rng = random.Random(1)
        step = 1 if IS_NATIVE else 20
        for length in [*range(40), *(rng.randrange(len(data)) for _ in range(200)), len(data) - 1][::step]:
            self.assertEqual(self.damaged(data[:length]), 1, length)
        self.assertEqual(self.damaged(data), 0)

    def test_info_survives_flipped_bits(self):
        rng = random.Random(2)
        for path in (INFILL, ODD):
            data = pathlib.Path(path).read_bytes()
            head = data.index(b"output_norm.weight") + 200      # metadata and tensor infos
            for _ in range(300 if IS_NATIVE else 10):
                flipped = bytearray(data)
                for _ in range(rng.choice((1, 1, 1, 4))):
                    flipped[rng.randrange(head)] ^= 1 << rng.randrange(8)
                self.damaged(flipped)

    def test_damaged_weights_still_fill_or_are_refused(self):
        rng, data = random.Random(3), pathlib.Path(INFILL).read_bytes()
        path = self.folder() / "damaged.gguf"
        for seed in range(40 if IS_NATIVE else 4):
            flipped = bytearray(data)
            for _ in range(200):
                flipped[rng.randrange(len(data) - 36000, len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(flipped)
            code, out, err = run("infill", "-m", path, "--text", PAGE, "--seed", seed)
            if code == 1:                                            # a scale that is NaN or infinite
                self.assertEqual(out, b"")
                self.assertIn("NaN or infinity", err)
            else:
                self.assertEqual(code, 0, err)
                self.assertTrue(out.startswith(b"Once upon a time the "))

    def test_quantized_models_work(self):
        folder = self.folder()
        for kind in ("F32", "F16", "Q8_0", "Q4_0"):
            out = folder / f"{kind}.gguf"
            self.assertEqual(self.good("quantize", "-m", INFILL, "-o", out, "--type", kind), b"")
            self.assertEqual(self.objects("info", "-m", out)[0]["weights"], kind)
            self.good("infill", "-m", out, "--text", PAGE, "--seed", 1)
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["F16.gguf", "F32.gguf", "Q4_0.gguf", "Q8_0.gguf"])

    def test_quantize_failure_leaves_no_file(self):
        folder = self.folder()
        self.bad(2, "type", "quantize", "-m", INFILL, "-o", folder / "out", "--type", "Q9_9")
        self.bad(1, "out", "quantize", "-m", INFILL, "-o", folder / "none/out", "--type", "F16")
        (folder / "kept").mkdir()
        self.bad(1, "kept", "quantize", "-m", INFILL, "-o", folder / "kept", "--type", "F16")
        data = bytearray(pathlib.Path(ODD).read_bytes())
        data[-4:] = b"\x00\x00\xc0\x7f"                                 # the last weight is not a number
        (folder / "nan.gguf").write_bytes(data)
        (folder / "old").write_text("stays")
        self.bad(1, "NaN", "quantize", "-m", folder / "nan.gguf", "-o", folder / "old", "--type", "F16")
        self.assertEqual((folder / "old").read_text(), "stays")
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["kept", "nan.gguf", "old"])

    def test_bench_measures_every_instruction_set(self):
        lines = self.objects("bench", "-m", INFILL, "--tokens", 16, "--outputs", 2, "--repeat", 3)
        self.assertEqual(lines[0]["isa"], "scalar")
        self.assertTrue(all(line["tokens_per_second"] > 0 for line in lines))
        lines = self.objects("bench", "-m", INFILL, "--tokens", 16, "--outputs", 2, "--repeat", 3, "--threads", 3)
        several = [3] if IS_NATIVE else []      # each instruction set with one thread, then with three
        self.assertEqual([line["threads"] for line in lines], [1, *several] * (len(lines) // (1 + len(several))))
        self.assertTrue(all(line["times_one_thread"] > 0 for line in lines))
        self.bad(1, "context", "bench", "-m", INFILL, "--tokens", 97, "--outputs", 2)
        self.bad(2, "outputs", "bench", "-m", INFILL, "--tokens", 2, "--outputs", 3)


if __name__ == "__main__":
    unittest.main()
