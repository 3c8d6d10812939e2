"""`palimpsest score --table`: all methods of a model, and of a second one, in one table.  Needs no package."""
import math
import re
import unittest

from cli_testing import AR, INFILL, CommandTest

TALE = "once upon a time there was a little girl. she had a dog."


class ScoreTable(CommandTest):
    def rows(self, *arguments):
        """The printed rows by model and measure: (nats per token, its error, bits per byte, its error, evaluations)."""
        found, model = {}, None
        for line in self.good("score", "--table", *arguments).decode().splitlines():
            if heading := re.fullmatch(r"(\S+): (\d+) tokens, (\d+) bytes", line):
                model = heading[1]
            if row := re.fullmatch(r"  (\S[\w ,]*?) +([\d.]+)(?: \+- ([\d.]+))? +([\d.]+)(?: \+- ([\d.]+))? +(\d+)", line):
                found[model, row[1]] = [float(figure or 0) for figure in row.groups()[1:]]
        return found

    def test_rows_are_the_scores_by_each_method(self):
        rows = self.rows("-m", AR, "--against", INFILL, "--text", TALE, "--standard-error", "0.2")
        self.assertEqual(len(rows), 5, rows)
        for (_, measure), row in rows.items():
            method = {"exact": "exact", "upper bound, estimated": "bound"}.get(measure, measure.split()[-1])
            score, = self.objects("score", "-m", AR if method == "exact" else INFILL, "--text", TALE, "--method", method,
                                  "--standard-error", "0.2")
            error = score["standard_error"]
            nats = error * math.log(2) * score["bytes"] / score["tokens"]
            for shown, right in zip(row, (score["nats_per_token"], nats, score["bits_per_byte"], error)):
                self.assertAlmostEqual(shown, right, delta=0.000051, msg=measure)
            self.assertEqual(row[4], score["evaluations"])

    def test_bound_of_a_short_text_has_no_error(self):
        self.assertIn("upper bound", {measure for _, measure in self.rows("-m", INFILL, "--text", "the dog")})

    def test_json_has_an_object_for_each_row(self):
        rows = self.objects("score", "--table", "-m", INFILL, "--against", AR, "--text", "the dog")
        self.assertEqual([row["method"] for row in rows], ["bound", "margin", "entropy", "confidence", "exact"])
        self.assertEqual(len({row["model"] for row in rows}), 2)

    def test_what_does_not_fit_is_refused(self):
        self.bad(2, "--method", "score", "--table", "-m", AR, "--text", "x", "--method", "exact")
        self.bad(2, "--documents", "score", "--table", "-m", AR, "--text", "x", "--documents")
        self.bad(2, "--fills", "score", "--table", "-m", AR, "--fills", "x")
        self.bad(2, "--table", "score", "-m", AR, "--text", "x", "--against", INFILL)
        self.bad(1, "no text", "score", "--table", "-m", AR, "--text", "")
        self.bad(1, "missing.gguf", "score", "--table", "-m", AR, "--text", "x", "--against", "missing.gguf")


if __name__ == "__main__":
    unittest.main()
