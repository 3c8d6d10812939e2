"""`infill` with pages that are longer than a window: messages, JSON, drafts, many pages, options."""
import json
import unittest

from cli_testing import CommandTest, INFILL, run

PART = "the dog ran and the cat saw [[2]] the dog and \u201cran\u201d\t. "
LONG = PART * 12 + "and [[1-4]] the end"     # tiny-infill has a context of 96
NO_BLANK = PART.replace("[[2]]", "it")


class Windows(CommandTest):
    def infill(self, page, *arguments):
        code, out, err = run("infill", "-m", INFILL, "--seed", 5, "-", *arguments, stdin=page.encode())
        self.assertEqual(code, 0, err)
        return out, err

    def test_a_long_page_is_filled_and_its_text_untouched(self):
        out, err = self.infill(LONG)
        self.assertRegex(err, r"^the page has \d{3} tokens and is filled in [2-9] windows of up to 96\n$")
        at = 0
        for piece in (PART * 12).split("[[2]]"):
            found = out.decode().index(piece, at)
            self.assertLess(found - at, 60)
            at = found + len(piece)
        self.assertTrue(out.endswith(b" the end\n"))
        self.assertEqual(self.infill(LONG)[0], out)
        self.assertEqual(self.infill(LONG, "--window", "on")[0], out)

    def test_json_says_that_there_are_windows(self):
        page, = map(json.loads, self.infill(LONG, "--json")[0].splitlines())
        self.assertGreater(page["windows"], 1)
        self.assertEqual((page["shown_tokens"], page["complete"]), (96, True))
        self.assertGreater(page["page_tokens"], 2 * 96)
        self.assertEqual([t["blank"] for t in page["tokens"]], sorted([*range(12), *range(12)]) + [12] * 4)
        self.assertEqual(page["text"].encode() + b"\n", self.infill(LONG)[0])
        short, = map(json.loads, self.infill("the [[2]]", "--json")[0].splitlines())
        self.assertNotIn("windows", short)

    def test_drafts_traces_and_many_pages(self):
        drafts = [json.loads(line) for line in self.infill(LONG, "--json", "--drafts", 3)[0].splitlines()]
        traced = [json.loads(line) for line in self.infill(LONG, "--json", "--drafts", 3, "--trace")[0].splitlines()]
        self.assertEqual([d["text"] for d in drafts], [d["text"] for d in traced])      # together, and one by one
        self.assertEqual(len({d["text"] for d in drafts}), 3)
        self.assertEqual(traced[1]["trace"][-1], traced[1]["text"])
        half = traced[0]["trace"][8]
        self.assertIn("[[", half)
        self.assertNotIn("[[", self.infill(half)[0].decode())                           # a page again
        out = self.infill(f"{LONG}\n<|endoftext|>\nthe [[2]]\n", "--pages")[0]
        self.assertEqual(out.split(b"<|endoftext|>\n")[0], self.infill(LONG)[0])

    def test_pins_in_a_late_window(self):
        page, = map(json.loads, self.infill(LONG, "--json", "--pin", "11:1:300", "--pin", "0:0:301")[0].splitlines())
        pinned = [(t["blank"], t["index"], t["id"]) for t in page["tokens"] if t["step"] == 0]
        self.assertEqual(pinned, [(0, 0, 301), (11, 1, 300)])
        self.bad(2, "no such blank", "infill", "-m", INFILL, "--text", LONG, "--pin", "13:0:300")

    def test_without_windows_the_page_must_fit(self):
        self.bad(1, "more tokens than the model's context", "infill", "-m", INFILL, "--text", LONG, "--window", "off")
        self.bad(2, "window-length must be at least 256", "infill", "-m", INFILL, "--text", LONG, "--window-length", "255")
        self.bad(1, "the blank is too long", "infill", "-m", INFILL, "--text", NO_BLANK * 5 + "[[60]]" + NO_BLANK * 5)
        self.assertEqual(self.infill("the [[2]] dog", "--window", "off"), self.infill("the [[2]] dog"))


if __name__ == "__main__":
    unittest.main()
