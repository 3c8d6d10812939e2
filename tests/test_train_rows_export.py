"""tools/train/rows/export.py: adapters and networks of query rows as GGUF, read back.

Needs packages of tests/requirements.txt and PyTorch; without them every test is skipped."""
import contextlib
import hashlib
import io
import json
import pathlib
import struct
import sys
import tempfile
import unittest

from cli_testing import COMMAND, run
from torch_testing import needs_torch, torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools/train"))          # behind: the trainer of the pictures has modules of the same names
try:
    import gguf
    import numpy as np

    import rows_testing as tiny
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"
if torch and not MISSING:
    from rows import base, batch, export, pages, training, weights


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.path = pathlib.Path(folder.name)
        tiny.write_base(cls.path / "base.gguf")
        cls.base = base.read_base(cls.path / "base.gguf")
        cls.runs = {name: cls.run_of(name, **options) for name, options in
                    (("adapter", {}), ("all", {"train": "all"}), ("both", {"train": "all", "rows": "both"}))}

    @classmethod
    def run_of(cls, name, **options):
        out = cls.path / name
        out.mkdir()
        run = training.Training(tiny.arguments(out=out, texts=["/of/this/machine/text.npy=1"], valid=[], **options),
                                cls.base, [tiny.random_text()], [1.0])
        run.train_step()
        run.train_step()
        run.save()
        return run

    def export(self, checkpoint, out, *more, over="base.gguf"):
        with contextlib.redirect_stdout(io.StringIO()):
            export.export(export.parse_arguments(list(map(str, (self.path / over, self.path / checkpoint,
                                                                self.path / out, *more)))))
        return self.path / out

    def average(self, name):
        run = self.runs[name]
        return {n: p.numpy() for (n, _), p in zip(run.network.named_parameters(), run.ema)}

    @staticmethod
    def read(path):
        reader = gguf.GGUFReader(path)
        keys = {name: field.contents() for name, field in reader.fields.items()}
        return keys, {t.name: (t.tensor_type.name, gguf.quants.dequantize(t.data, t.tensor_type))
                      for t in reader.tensors}

    def test_adapter_has_llamas_names_and_what_the_engine_checks(self):
        keys, tensors = self.read(self.export("adapter/average.pt", "a.gguf", "--name", "tiny-infill"))
        expected = {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora",
                    "adapter.lora.alpha": 8.0, "general.name": "tiny-infill", "palimpsest.rows": "left",
                    "palimpsest.start_token_id": tiny.START, "palimpsest.empty_token_id": tiny.EMPTY,
                    "palimpsest.base_name": "tiny", "palimpsest.training.tokens": self.runs["adapter"].seen,
                    "palimpsest.base_sha256": hashlib.sha256((self.path / "base.gguf").read_bytes()).hexdigest()}
        self.assertEqual({name: keys.get(name) for name in expected}, expected)
        listed = b"".join(struct.pack("<Q", len(token.encode())) + token.encode() for token in tiny.TOKENS)
        self.assertEqual(keys["palimpsest.base_tokens"], hashlib.sha256(listed).hexdigest())
        vectors = b"".join(name.encode() + data.tobytes() for name, data in tiny.random_weights().items()
                           if data.ndim == 1)               # in the order of the file
        self.assertEqual(keys["palimpsest.base_vectors"], hashlib.sha256(vectors).hexdigest())
        stored = {t.name: t for t in gguf.GGUFReader(self.path / "base.gguf").tensors}
        rows = b"".join(name.encode() + t.data[0].tobytes() for name, t in stored.items() if len(t.shape) > 1)
        self.assertEqual(keys["palimpsest.base_matrices"], hashlib.sha256(rows).hexdigest())
        self.assertEqual(json.loads(keys["palimpsest.training.arguments"])["texts"], ["text.npy=1"])
        average = self.average("adapter")
        self.assertEqual(len(tensors), 1 + 2 * 7 * tiny.LAYERS)
        self.assertEqual(tensors["palimpsest.mask"][0], "F32")
        self.assertTrue(np.array_equal(tensors["palimpsest.mask"][1], average["mask"]))
        for name in ("attn_q", "attn_k", "ffn_down"):
            for factor, kind, error in (("a", "Q8_0", 0.01), ("b", "F16", 1e-3)):
                stored, got = tensors[f"blk.1.{name}.weight.lora_{factor}"]
                wanted = average[f"block.1.{name}.{factor}"]
                self.assertEqual((stored, got.shape), (kind, wanted.shape))
                self.assertLessEqual(np.abs(got - wanted).max(), error * np.abs(wanted).max())

    def test_an_adapter_file_gets_the_keys_of_another_base(self):
        """Another quantisation of the base, whose vectors are the same and whose matrices are not."""
        old = self.export("adapter/average.pt", "old-keys.gguf")
        other = {name: w if w.ndim == 1 else np.float32(w * 1.01) for name, w in tiny.random_weights().items()}
        tiny.write_base(self.path / "requantised.gguf", other)
        new = self.export("old-keys.gguf", "new-keys.gguf", over="requantised.gguf")
        before, after = gguf.GGUFReader(old), gguf.GGUFReader(new)
        keys = [{name: field.contents() for name, field in reader.fields.items()} for reader in (before, after)]
        self.assertEqual({name for name in keys[0] if keys[0][name] != keys[1][name]},
                         {"palimpsest.base_sha256", "palimpsest.base_matrices"})
        self.assertEqual(keys[0].keys(), keys[1].keys())
        self.assertEqual([(t.name, t.tensor_type, t.data.tobytes()) for t in before.tensors],
                         [(t.name, t.tensor_type, t.data.tobytes()) for t in after.tensors])

    @unittest.skipUnless(pathlib.Path(COMMAND[0]).exists() or COMMAND[0] == "node", "the command is not built")
    def test_engine_computes_what_was_trained(self):
        """Probabilities of the command's fills against those of PyTorch, place by place in the order of the engine."""
        state = torch.load(self.path / "adapter/average.pt", weights_only=True)
        generator = torch.Generator().manual_seed(4)
        for w in state["weights"].values():
            w += 0.3 * torch.randn(w.shape, generator=generator)
        torch.save(state, self.path / "strong.pt")
        adapter = self.export("strong.pt", "strong.gguf", "--type", "F32")
        network = weights.AdaptedNetwork(self.base, rank=4, alpha=8.0)
        network.load_state_dict(state["weights"])
        encode = lambda text: [tiny.TOKENS.index(letter.replace(" ", "\u2581")) for letter in text]
        code, out, error = run("infill", "-m", self.path / "base.gguf", "--adapter", adapter, "--text",
                               "Hello,[[4]]and[[2]]end.", "--seed", 3, "--json", "--borders", "off", "--temperature", 1)
        self.assertEqual(code, 0, error)
        drawn = json.loads(out)["tokens"]
        self.assertEqual(sorted(token["step"] for token in drawn), list(range(1, 7)))
        filled = [token["id"] for token in drawn]
        tokens = [tiny.START, *encode(" Hello,"), *filled[:4], *encode("and"), *filled[4:], *encode("end.")]
        places = np.array([8, 9, 10, 11, 15, 16])
        ranks = np.zeros(len(tokens), np.int64)
        ranks[places] = [token["step"] for token in drawn]
        page = pages.Page(np.array(tokens), ranks, places, ranks[places], False)
        with torch.no_grad():
            logits = batch.evaluate(network, batch.make_batch([page], "left", ("order",)), tiny.EMPTY)
        for token, row in zip(drawn, logits.log_softmax(-1)):
            listed = token["alternatives"]
            got = np.log([one["probability"] for one in listed])
            wanted = row[[one["id"] for one in listed]].numpy()
            self.assertGreater(len(listed), 2)
            self.assertLess(np.abs((got - got[0]) - (wanted - wanted[0])).max(), 1e-4)

    def test_network_has_the_metadata_of_its_base(self):
        path = self.export("all/average.pt", "n.gguf", "--type", "F32")
        keys, tensors = self.read(path)
        before, _ = self.read(self.path / "base.gguf")
        own = ("general.", "GGUF.", "palimpsest.")
        kept = lambda found: {name: value for name, value in found.items() if not name.startswith(own)}
        self.assertEqual(kept(keys), kept(before))
        self.assertEqual((keys["palimpsest.rows"], keys["palimpsest.empty_token_id"]), ("left", tiny.EMPTY))
        for name, wanted in self.average("all").items():
            self.assertTrue(np.array_equal(tensors[name][1], wanted), name)
        again = base.read_base(path)                        # and training goes on from it
        self.assertEqual((again.rows, again.start, again.empty), ("left", tiny.START, tiny.EMPTY))
        own = dict(weights.FullNetwork(again).named_parameters())
        self.assertTrue(all(np.array_equal(own[name].detach().numpy(), wanted)
                            for name, wanted in self.average("all").items()))

    def test_adapter_is_kept_as_safetensors(self):
        kept = self.export("adapter/average.pt", "kept.safetensors")
        one = self.read(self.export(kept, "from-kept.gguf", "--alpha", 8))[1]
        other = self.read(self.export("adapter/average.pt", "direct.gguf"))[1]
        for name, (kind, values) in other.items():
            self.assertEqual(one[name][0], kind)
            self.assertLess(np.abs(one[name][1] - values).max(), 0.02 * max(np.abs(values).max(), 1e-3), name)

    def test_state_of_the_prototype_is_written_by_its_average(self):
        run = self.runs["adapter"]
        average = {name: torch.from_numpy(values) for name, values in self.average("adapter").items()}
        torch.save({"net": dict(run.network.named_parameters()), "opt": {}, "step": 2, "tokens": 5, "ema": average},
                   self.path / "state.pt")
        keys, tensors = self.read(self.export("state.pt", "state.gguf"))
        direct = self.read(self.export("adapter/average.pt", "same.gguf"))[1]
        self.assertEqual((keys["palimpsest.training.tokens"], keys["adapter.lora.alpha"]), (5, 32.0))
        self.assertTrue(all(np.array_equal(tensors[name][1], values) for name, (_, values) in direct.items()))

    def test_what_does_not_fit_is_refused_and_leaves_an_older_file(self):
        old = self.path / "old.gguf"
        old.write_bytes(b"older")
        narrow = tiny.random_weights()
        for name, data in narrow.items():
            if "ffn_" in name and data.ndim == 2:
                narrow[name] = data[:, :16] if "down" in name else data[:16]
        tiny.write_base(self.path / "narrow.gguf", narrow)
        (self.path / "text.pt").write_text("text")
        self.export("adapter/average.pt", "adapter.gguf")
        tiny.write_base(self.path / "other.gguf", tokens=[*tiny.TOKENS[:-1], "another"])
        cases = (("both/average.pt", "base.gguf", "architecture name"),
                 ("adapter/average.pt", "narrow.gguf", "does not fit"),
                 ("text.pt", "base.gguf", "cannot be read"), ("adapter/last.pt", "base.gguf", "not an average.pt"),
                 ("none.pt", "base.gguf", "cannot be read"), ("none.gguf", "base.gguf", "cannot be read"),
                 ("base.gguf", "base.gguf", "not an adapter"), ("adapter.gguf", "other.gguf", "does not fit"))
        for checkpoint, over, message in cases:
            with self.assertRaisesRegex(SystemExit, message):
                self.export(checkpoint, "old.gguf", over=over)
        self.assertEqual(old.read_bytes(), b"older")


if __name__ == "__main__":
    unittest.main()
