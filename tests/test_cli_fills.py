"""`score --fills`: what `infill` drew is as likely as it reported; mistakes in the input are named with their line."""
import json
import math
import unittest

from cli_testing import AR, CommandTest, INFILL, run
import test_cli_adapter
import test_cli_odd_files as odd

PAGE = "Once upon a time the [[4]] was [[2]] and \\[[ [[3]]."


def line(filled, page, order=False):
    """The line of an object that `infill` printed."""
    tokens = filled["tokens"]
    fills = [[t["id"] for t in tokens if t["blank"] == b] for b in range(tokens[-1]["blank"] + 1)]
    drawn = sorted(tokens, key=lambda t: t["step"])
    made = {"page": page, "fills": fills}
    return {**made, "order": [[t["blank"], t["index"]] for t in drawn]} if order else made


def nats_of(filled):
    return -sum(math.log(t["probability"]) for t in filled["tokens"])


class Fills(CommandTest):
    def score(self, lines, *arguments, model=INFILL):
        text = "".join(json.dumps(one) + "\n" for one in lines)
        return self.objects("score", "-m", model, "--fills", "-", *arguments, stdin=text.encode())

    def test_a_fill_is_as_likely_as_infill_reported(self):
        for sampler in ("margin", "entropy", "confidence"):
            filled = self.fill_objects(PAGE, "--seed", "3", "--temperature", "1", "--sampler", sampler, "--drafts", "3")
            for order in (False, True):
                scores = self.score([line(f, PAGE, order=order) for f in filled], "--sampler", sampler)
                for f, s in zip(filled, scores):
                    self.assertAlmostEqual(s["nats"], nats_of(f), delta=1e-4)
                    self.assertEqual((s["tokens"], s["kind"], len(s["drawn"])), (9, "exact", 9))
                    self.assertAlmostEqual(sum(b["nats"] for b in s["blanks"]), s["nats"], places=6)
                    self.assertAlmostEqual(s["nats"] / 9, s["nats_per_token"], places=6)

    def test_a_random_order_gives_a_bound_and_a_seed_repeats_it(self):
        filled, = self.fill_objects(PAGE, "--seed", "3", "--sampler", "first-hitting")
        arguments = "--sampler", "first-hitting", "--orders", "5", "--seed", "2"
        first, = self.score([line(filled, PAGE)], *arguments)
        again, = self.score([line(filled, PAGE)], *arguments)
        self.assertEqual((first["kind"], first["orders"]), ("bound", 5))
        self.assertGreater(first["standard_error"], 0)
        self.assertEqual(first["nats"], again["nats"])

    def test_with_an_adapter_an_order_takes_one_evaluation(self):
        folder = self.folder()
        base = odd.model()
        model, adapter = folder / "base.gguf", folder / "adapter.gguf"
        model.write_bytes(base)
        adapter.write_bytes(test_cli_adapter.adapter(base))
        with_adapter = "-m", model, "--adapter", adapter
        filled, = self.objects("infill", *with_adapter, "--seed", "4", "--temperature", "1", "--text", "a [[3]] b [[2]]",
                               "--sampler", "confidence")
        text = json.dumps(line(filled, "a [[3]] b [[2]]", order=True)).encode()
        score, = self.objects("score", *with_adapter, "--fills", "-", stdin=text)
        self.assertAlmostEqual(score["nats"], nats_of(filled), delta=1e-4)
        self.assertEqual(score["evaluations"], 1)
        text = json.dumps(line(filled, "a [[3]] b [[2]]")).encode()
        left, = self.objects("score", "-m", model, "--left-only", "--fills", "-", stdin=text)
        self.assertEqual(left["tokens"], 5)

    def test_plain_output_has_a_line_for_each_and_a_sum(self):
        text = b'{"page": "the [[1]] dog", "fills": ["cat"]}\n\n{"fills": ["cat"], "page": "a [[1]] was"}\n'
        out = self.good("score", "-m", INFILL, "--fills", "-", stdin=text).decode().splitlines()
        self.assertEqual([o.split(":")[0] for o in out], ["line 1", "line 3", "all"])
        self.assertIn("2 lines", out[2])

    def test_strings_are_utf8_and_escaped(self):
        filled, = self.fill_objects(PAGE, "--seed", "3")
        plain = json.dumps(line(filled, PAGE), ensure_ascii=False)
        escaped = plain.replace("Once", "\\u004fnce").replace("/", "\\/")
        scores = [self.objects("score", "-m", INFILL, "--fills", "-", stdin=t.encode())[0]["nats"]
                  for t in (plain, escaped)]
        self.assertEqual(scores[0], scores[1])

    def test_mistakes_are_named_with_their_line(self):
        good = '{"page": "the [[1]] dog", "fills": ["cat"]}\n'
        for bad, part in (("[]", "each line must be an object"), ('{"page": "a"', "a comma or }"), ('{"page": "a"} x', "text after"),
                          ('{"fills": []}', "no page"), ('{"page": "a", "page": "b"}', "at most once"),
                          ('{"page": "a [[1]]", "fills": [1]}', "a string or an array"),
                          ('{"page": "a [[1]]", "fills": [[1.5]]}', "a whole number"),
                          ('{"page": "a [[1]]", "fills": [[99999999999]]}', "a whole number"),
                          ('{"page": "a [[1]]", "fills": [[5 6]]}', "a comma or ]"),
                          ('{"page": "a [[1]]", "fills": [[5]], "order": [0]}', "pairs"),
                          ('{"page": "a [[1]]", "fills": []}', "as many blanks"),
                          ('{"page": "a [[1", "fills": []}', "blank"), ('{"page": "a\\q"}', "not a valid escape"),
                          ('{"page": "\\ud800x"}', "not a valid escape"), ('{"page": "a', "does not end"),
                          ('{"page": "a [[1]]", "fills": [[5]], "order": [[0, 1]]}', "not in the fills")):
            code, out, err = self.run_fills(good + bad + "\n")
            self.assertEqual(code, 1, bad)
            self.assertIn("fills, line 2: ", err)
            self.assertIn(part, err)
            self.assertEqual(len(out.splitlines()), 1)
        self.bad(1, "no line", "score", "-m", INFILL, "--fills", "-", stdin=b"\n\n")
        self.bad(2, "not both", "score", "-m", INFILL, "--fills", "-", "--text", "a")
        self.bad(2, "needs --fills", "score", "-m", AR, "--left-only", "--text", "a")

    def run_fills(self, text):
        return run("score", "-m", INFILL, "--fills", "-", stdin=text.encode())


if __name__ == "__main__":
    unittest.main()
