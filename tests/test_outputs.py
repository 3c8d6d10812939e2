"""The output of the command has not changed by a byte: tests/golden/outputs, made by an earlier commit.  If these files
change, users' seeds give other results, which belongs in the CHANGELOG.

PALIMPSEST="node build/wasm/palimpsest.js" compares another command with the same files.
PAL_OUTPUT_THREADS=7 passes --threads 7 to every command that computes."""
import os
import unittest

import output_cases as cases
from cli_testing import IS_NATIVE

THREADS = os.environ.get("PAL_OUTPUT_THREADS")


class Outputs(unittest.TestCase):
    maxDiff = None

    def compare(self, name):
        kept = cases.read(name)
        runs = list(cases.CASES[name]())
        self.assertEqual(sorted(kept), sorted(map(cases.title, runs)), "tools/make_output_golden.py makes the files")
        for arguments in runs:
            with self.subTest(cases.title(arguments)):
                more = ["--threads", THREADS] if THREADS and name != "tokenize" else []
                self.assertEqual(cases.output([*arguments, *more]), kept[cases.title(arguments)])

    def test_infill(self):
        self.compare("infill")

    def test_generate(self):
        self.compare("generate")

    def test_score(self):
        self.compare("score")

    @unittest.skipUnless(IS_NATIVE, "the command under Node writes pictures by another way")
    def test_image(self):
        self.compare("image")

    def test_tokenize(self):
        self.compare("tokenize")


if __name__ == "__main__":
    unittest.main()
