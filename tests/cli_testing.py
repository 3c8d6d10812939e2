"""Shared by the tests of the command: the command, models, runs.

Runs build/release/palimpsest; another command by the environment, for example
PALIMPSEST="node build/wasm/palimpsest.js"."""
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = shlex.split(os.environ.get("PALIMPSEST", str(ROOT / "build/release/palimpsest")))
WASM = pathlib.Path(os.environ.get("PALIMPSEST_WASM", str(ROOT / "build/wasm/palimpsest.js")))
IS_NATIVE = COMMAND[0] != "node"
MODELS = ROOT / "tests/models"
INFILL, AR, ODD = (str(MODELS / f"tiny-{name}.gguf") for name in ("infill", "ar", "odd"))
STORIES = str(MODELS / "stories260K.gguf")
PAGE = "Once upon a time the [[4]] was [[?]] and [[3-6]]."
SAMPLERS = ("first-hitting margin entropy confidence ancestral parallel remask ascending ascending-random speculative"
            .split())
SCORE_SAMPLERS = ["euler", "tweedie", "euler-corrector"]      # of networks that compute scores


def run(*arguments, stdin=b"", command=COMMAND):
    """Exit code, standard output (bytes) and standard error (text)."""
    done = subprocess.run([*command, *map(str, arguments)], input=stdin, capture_output=True, timeout=300, cwd=ROOT,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


class CommandTest(unittest.TestCase):
    def good(self, *arguments, stdin=b""):
        code, out, err = run(*arguments, stdin=stdin)
        self.assertEqual(code, 0, err)
        return out

    def objects(self, *arguments, stdin=b""):
        return [json.loads(line) for line in self.good(*arguments, "--json", stdin=stdin).splitlines()]

    def fill(self, page, *arguments):
        return self.good("infill", "-m", INFILL, "--text", page, *arguments)

    def fill_objects(self, page, *arguments):
        return self.objects("infill", "-m", INFILL, "--text", page, *arguments)

    def bad(self, code, part, *arguments, stdin=b""):
        got, out, err = run(*arguments, stdin=stdin)
        self.assertEqual((got, out), (code, b""), err)
        self.assertIn(part, err)

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)
