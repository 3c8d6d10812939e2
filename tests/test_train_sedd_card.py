"""tools/train/sedd/card.py: the card of a network that is trained, exported and measured here.

Needs packages of tests/requirements.txt and PyTorch; without them every test is skipped."""
import hashlib
import json
import unittest

from cli_testing import COMMAND, IS_NATIVE
from torch_testing import needs_training
from training_testing import MISSING, Prepared, TRAIN

NATIVE = MISSING or ("" if IS_NATIVE else "measuring runs the native command")


@unittest.skipIf(NATIVE, NATIVE)
class Card(Prepared):
    def card(self, **options):
        return self.python(TRAIN / "sedd/card.py", "--run", self.path / "run", "--model", self.model, "--data", self.path / "data",
                           "--measures", self.path / "measures", "--about", self.path / "about.md", "--palimpsest", COMMAND[0],
                           **options)

    @needs_training
    def test_card_has_what_was_measured_of_this_file_and_nothing_else(self):
        self.train("run", 512, "--objective", "score-entropy", "--condition", 8, "--graph", "absorb")
        self.model = self.path / "models/mine.gguf"
        self.model.parent.mkdir()
        self.python(TRAIN / "sedd/export.py", "--data", self.path / "data", "--checkpoint", self.path / "run/best.pt", "--out",
                    self.model)
        (self.path / "docs.valid.txt").write_text("The cat and the dog went to the sea.\n")
        (self.path / "about.md").write_text("About it.\n")
        measure = (TRAIN / "sedd/table.py", f"mine={self.model}", "--out", self.path / "measures", "--text", self.path, "--sources",
                   "docs", "--standard-error", 3, "--palimpsest", COMMAND[0])
        self.python(*measure)
        self.card()
        text, digest = self.model.with_suffix(".md").read_text(), hashlib.sha256(self.model.read_bytes()).hexdigest()
        bits = json.loads((self.path / "measures/bits.json").read_text())["mine/docs"]["bits_per_byte"]
        for part in ("# mine\n\nAbout it.", digest, f"| docs | ≤ {bits:.3f} ±", " tokens seen in 3 steps", "--graph absorb",
                     "\n5. "):
            self.assertIn(part, text)
        self.assertNotIn(str(self.path), text)
        self.assertEqual((self.model.parent / "MANIFEST").read_text(), f"{digest}  {self.model.stat().st_size}  mine.gguf\n")
        self.assertTrue((self.model.parent / "mine.curve.png").exists())
        with self.model.open("ab") as file:     # another file: nothing is written
            file.write(b"\0")
        self.assertIn("table.py has not measured this file", self.card(fails=True))
        self.assertEqual(self.model.with_suffix(".md").read_text(), text)


if __name__ == "__main__":
    unittest.main()
