"""palimpsest probe unpredictable: planted rows with and without bias, proofs checked by numpy, resumed searches, wrong
input.  Needs gguf and numpy."""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import gguf
import numpy as np

from cli_testing import AR, COMMAND, INFILL, IS_NATIVE, MODELS, ROOT, STORIES, CommandTest, run

sys.path.insert(0, str(ROOT / "tools"))
import unpredictable

MDLM = ROOT / "tests/golden/arch/mdlm.gguf"


def planted(count=120, width=16, seed=3):
    """Random rows; 5 is a mixture of others, 6 the middle of two, 9 the same as 8."""
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    rows[5] = 0.9 * rows[20:].mean(axis=0)
    rows[10:12] = np.round(rows[10:12] * 64) / 64
    rows[6] = (rows[10] + rows[11]) / 2
    rows[9] = rows[8]
    return rows


class Probe(CommandTest):
    def probe(self, model, *arguments):
        done, = self.objects("probe", "-m", model, "unpredictable", *arguments)
        return done

    def layer(self, rows, **other):
        path = self.folder() / "layer.gguf"
        unpredictable.write_layer(path, rows, **other)
        return path

    def check(self, done, rows, biases=None):
        """Each proof holds: a hidden row for which the token is the most probable, or a mixture that is its row."""
        rows = rows.astype(np.float64)
        biases = np.zeros(len(rows)) if biases is None else biases.astype(np.float64)
        for token in done["proofs"]:
            k = token["id"]
            others = [i for i in range(len(rows)) if (rows[i] != rows[k]).any() or biases[i] != biases[k]]
            if "hidden" in token:
                logits = rows @ np.array(token["hidden"]) + biases
                self.assertGreater(logits[k], logits[others].max())
                self.assertLess(abs(logits[k] - logits[others].max() - token["lead"]), 1e-4 * (1 + abs(logits[k])))
            else:
                self.assertEqual(token["state"], "unpredictable")
                by, weights = ([a[key] for a in token["by"]] for key in ("id", "weight"))
                weights = np.array(weights)
                self.assertNotIn(k, by)
                self.assertTrue((weights > 0).all() and abs(weights.sum() - 1) < 1e-9)
                apart = rows[k] - rows[by]
                size = weights @ np.linalg.norm(apart, axis=1)
                self.assertLessEqual(np.linalg.norm(weights @ apart), 2e-9 * size)
                self.assertLessEqual(weights @ (biases[k] - biases[by]), 2e-9)

    def test_planted_rows_are_found_with_proofs(self):
        rows = planted()
        for gain in (None, np.linspace(-1.5, 2, 16)):      # gains stretch all rows: nothing changes
            model = self.layer(rows, gain=gain)
            done = self.probe(model, "--proofs")
            states = {token["id"]: token["state"] for token in done["tokens"]}
            self.assertEqual(states, {5: "unpredictable", 6: "unpredictable", 8: "tied", 9: "tied"})
            self.assertEqual(done["drawn"], {"predictable": 116, "tied": 2, "unpredictable": 2, "undecided": 0,
                                             "not_tried": 0})
            self.assertTrue(done["complete"])
            middle, = (token for token in done["tokens"] if token["id"] == 6)
            self.assertEqual(sorted(a["id"] for a in middle["by"]), [10, 11])
            self.assertEqual([t["same_as"] for t in done["tokens"] if "same_as" in t], [8])
            self.assertEqual(len(done["proofs"]), 119)     # one for 8 and 9
            self.check(done, rows)

    def biased(self):
        """The mdlm of the tests with planted rows and biases: a file, its rows and biases."""
        path = self.folder() / "mdlm.gguf"
        shutil.copy(MDLM, path)
        tensors = {t.name: t for t in gguf.GGUFReader(MDLM).tensors}
        weight, bias = tensors["output.weight"], tensors["output.bias"]
        self.assertEqual({weight.tensor_type, bias.tensor_type}, {gguf.GGMLQuantizationType.F32})
        count, width = weight.data.shape
        draw = np.random.default_rng(5)
        rows, biases = draw.normal(size=(count, width)).astype(np.float32), draw.normal(size=count).astype(np.float32)
        rows[30] = rows[31] = 0.8 * rows[40:].mean(axis=0)
        biases[30], biases[31] = biases[40:].mean() - 2, 5
        rows[50], biases[50] = rows[51], biases[51] - 1
        data = bytearray(path.read_bytes())
        for tensor, values in ((weight, rows), (bias, biases)):
            at = int(tensor.data_offset)
            data[at:at + values.nbytes] = values.tobytes()
        path.write_bytes(data)
        return path, rows, biases

    def test_planted_biases_are_found_with_proofs(self):
        path, rows, biases = self.biased()
        done = self.probe(path, "--proofs", "--hidden", "any")
        states = {token["id"]: token["state"] for token in done["tokens"]}
        self.assertEqual(states, {30: "unpredictable", 50: "unpredictable"})      # 31 has a bias that is large enough
        self.assertEqual((done["hidden"], done["bias"]), ("any", True))
        self.check(done, rows, biases)
        bounded = self.probe(path, "--proofs")             # what a LayerNorm can compute: less is predictable
        self.assertEqual((bounded["hidden"], bounded["centred"]), ("network", True))
        self.assertLessEqual(set(states), {t["id"] for t in bounded["tokens"] if t["state"] == "unpredictable"})
        self.check({"proofs": [t for t in bounded["proofs"] if "hidden" in t]}, rows, biases)

    def test_tokens_that_are_never_drawn_are_counted_apart(self):
        done = self.probe(INFILL)
        self.assertGreaterEqual(sum(done["never_drawn"].values()), 3)
        self.assertEqual(sum(done["drawn"].values()) + sum(done["never_drawn"].values()), 481)

    def test_a_part_of_the_tokens(self):
        model = self.layer(planted())
        done = self.probe(model, "--tokens", "5,7,9")
        self.assertEqual((done["drawn"]["predictable"], done["drawn"]["unpredictable"], done["drawn"]["tied"]), (1, 1, 1))
        self.assertEqual(sum(self.probe(model, "--sample", "30")["drawn"].values()), 30)
        if IS_NATIVE:
            del done["seconds"], done["threads"]
            threads = self.probe(model, "--tokens", "5,7,9", "--threads", "3")
            self.assertEqual({**threads, **done}, threads)

    def test_words(self):
        out = self.good("probe", "-m", self.layer(planted()), "unpredictable").decode()
        self.assertIn("120 tokens that can be drawn: 116 predictable, 2 unpredictable, 2 tied with the same row, "
                      "0 undecided", out)
        self.assertIn("  6 \"\" by 0.5 of 1", out)
        self.assertIn("9 \"\" as 8", out)

    def test_a_search_is_resumed(self):
        model, resume = self.layer(planted(2000, 24)), self.folder() / "probe.saved"
        whole = self.probe(model)
        code, out, err = run("probe", "-m", model, "unpredictable", "--resume", resume, "--minutes", "1e-9", "--json")
        self.assertEqual(code, 0, err)
        first = json.loads(out)
        self.assertFalse(first["complete"])
        self.assertEqual(first["drawn"]["undecided"], 2000)
        self.assertEqual(self.probe(model, "--resume", resume)["tokens"], whole["tokens"])
        again = self.probe(model, "--resume", resume)      # nothing is left to do
        self.assertEqual((again["tokens"], again["products"]), (whole["tokens"], 0))

    def test_damaged_and_foreign_results_are_refused_and_kept(self):
        folder = self.folder()
        model, resume = self.layer(planted()), folder / "probe.saved"
        self.probe(model, "--resume", resume)
        good = resume.read_bytes()
        for name, data, message in (("cut", good[:-40], "damaged or incomplete"), ("empty", b"", "not a file of saved"),
                                    ("changed", good[:99] + b"x" + good[100:], "damaged or incomplete"),
                                    ("text", b"hello, I am a text\n" * 90, "not a file of saved")):
            (folder / name).write_bytes(data)
            self.bad(1, message, "probe", "-m", model, "unpredictable", "--resume", folder / name)
            self.assertEqual((folder / name).read_bytes(), data)
        self.bad(1, "another model", "probe", "-m", STORIES, "unpredictable", "--resume", resume)
        self.assertEqual(resume.read_bytes(), good)
        self.bad(1, "folder", "probe", "-m", model, "unpredictable", "--resume", folder)

    def test_wrong_input_is_named(self):
        for code, message, *arguments in (
                (2, "say what to probe", "-m", AR), (2, "can only probe: unpredictable", "-m", AR, "everything"),
                (2, "no model", "unpredictable"), (2, "--proofs needs --json", "-m", AR, "unpredictable", "--proofs"),
                (2, "--resume", "-m", AR, "unpredictable", "--proofs", "--json", "--resume", "x"),
                (2, "outside the vocabulary", "-m", AR, "unpredictable", "--tokens", "3,99999"),
                (2, "tokens", "-m", AR, "unpredictable", "--tokens", "3,,4"),
                (2, "--sample", "-m", AR, "unpredictable", "--tokens", "3", "--sample", "4"),
                (1, "no network", "-m", MODELS / "tales-vocab.gguf", "unpredictable"),
                (1, "pictures", "-m", MODELS / "unet-plain.gguf", "unpredictable"),
                (1, "adapter", "-m", MODELS / "tiny-rows.gguf", "unpredictable"),
                (1, "this is a text file", "-m", pathlib.Path(__file__), "unpredictable")):
            self.bad(code, message, "probe", *arguments)

    @unittest.skipUnless(IS_NATIVE, "signals")
    def test_ctrl_c_ends_with_what_is_decided(self):
        rows = np.random.default_rng(9).normal(size=(3000, 64)) * np.random.default_rng(10).uniform(size=(3000, 1))
        started = subprocess.Popen([*COMMAND, "probe", "-m", str(self.layer(rows)), "unpredictable", "--json", "--proofs"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        begun = started.stdout.read(1)                     # proofs are written while the search goes on
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=300)
        self.assertEqual(started.returncode, 130, err)
        done = json.loads(begun + out)
        self.assertFalse(done["complete"])
        self.assertGreater(len(done["proofs"]), 0)
        self.assertGreater(done["drawn"]["not_tried"], 0)


if __name__ == "__main__":
    unittest.main()
