"""Shared by the tests of the text trainers: where they are, a tiny network, and text of this repository to train on."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from torch_testing import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRAIN = ROOT / "tools/train"
sys.path.append(str(TRAIN))         # behind: the trainer of the pictures has modules of the same names
try:
    import sentencepiece            # noqa: F401  tools/data/prepare.py wants it

    import windows
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"

TINY = ("--dim", "32", "--layers", "2", "--heads", "2", "--hidden", "64", "--context", "64", "--batch", "256",
        "--parts", "2", "--warmup", "512", "--threads", "1", "--precision", "fp32", "--every", "512")


class Prepared(unittest.TestCase):
    """Token arrays of the prose of this repository, in cls.path / "data"; decorate classes with skipIf(MISSING)."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.path = pathlib.Path(folder.name)
        text = cls.path / "text"
        text.mkdir()
        (text / "docs.txt").write_text("\n".join((ROOT / name).read_text() for name in ("ARCHITECTURE.md", "README.md"))
                                       .encode("ascii", "ignore").decode())
        cls.python(ROOT / "tools/data/prepare.py", text, cls.path / "data", "--vocab-size", 600)
        cls.corpus = windows.Corpus(cls.path / "data")

    @staticmethod
    def python(*arguments, fails=False):
        """What the program prints; what it says, if it must fail."""
        done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True,
                              env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=False)
        if bool(done.returncode) != fails:
            raise AssertionError(done.stderr)
        return done.stderr if fails else done.stdout

    def train(self, name, tokens, *more):
        """The best checkpoint of a run of train.py."""
        self.python(TRAIN / "train.py", "--data", self.path / "data", "--out", self.path / name, "--tokens", tokens,
                    *TINY, *more)
        return torch.load(self.path / name / "best.pt", weights_only=True)
