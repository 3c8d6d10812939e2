"""Shared by the tests of tools/convert.

Needs the packages of tests/requirements.txt; without them every test is skipped.  needs_torch marks those that compute
with PyTorch."""
import contextlib
import io
import json
import os
import pathlib
import shlex
import sys
import tempfile
import unittest

from torch_testing import needs_torch, torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/convert"))
try:
    import gguf             # noqa: F401  what the converter imports
    import numpy as np
    import sentencepiece    # noqa: F401
    import tokenizers       # noqa: F401

    import convert
    import read_back
    import samples
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"
if torch and not MISSING:
    import reference

SHARED = pathlib.Path(os.environ.get("PAL_SHARED", ROOT.parent / "shared"))
COMMAND = shlex.split(os.environ.get("PALIMPSEST", str(ROOT / "build/release/palimpsest")))


@unittest.skipIf(MISSING, MISSING)
class ConvertTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out.gguf"

    def run_convert(self, source, *options):
        """Exit code and standard error."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            code = convert.main([str(source), "-o", str(self.out), *map(str, options)])
        return code, err.getvalue()

    def convert(self, source, *options):
        code, err = self.run_convert(source, *options)
        self.assertEqual(code, 0, err)
        return read_back.Gguf(self.out)

    def refused(self, part, source, *options):
        code, err = self.run_convert(source, *options)
        self.assertEqual(code, 1)
        self.assertIn(part, err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertEqual(list(self.out.parent.glob("out.gguf*")), [])

    def sample(self, name="llama-tied", config=(), tensors=None, shards=1):
        """A folder with a small random network; None in `config` removes a key."""
        values, pre = samples.NETWORKS[name]
        values = {k: v for k, v in (values | dict(config)).items() if v is not None}
        if tensors is None:
            tensors = samples.random_tensors(values, 5)
        samples.write(self.folder / name, values, pre, tensors, shards)
        return self.folder / name, values, tensors

    def edit(self, path, change):
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    def same_logits(self, g, config, tensors, tolerance=1e-11):
        tokens = np.random.default_rng(1).integers(0, samples.VOCAB, 30)
        expected = reference.checkpoint_logits(config, tensors, tokens)
        worst = (reference.gguf_logits(g, tokens) - expected).abs().max() / expected.abs().max()
        self.assertLess(float(worst), tolerance)
