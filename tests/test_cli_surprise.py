"""`palimpsest surprise`: the table, JSON, bad input, Ctrl-C.  Needs no package."""
import json
import math
import signal
import subprocess
import time
import unittest

from cli_testing import AR, COMMAND, CommandTest, INFILL, IS_NATIVE, MODELS, ROOT, STORIES, run

TALE = "Once upon a time there was a little girl. She had a dog.\n"


class Surprise(CommandTest):
    def object(self, text, *arguments, model=STORIES):
        path = self.folder() / "text"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        result, = self.objects("surprise", "-m", model, "--file", path, *arguments)
        return result

    def test_table_has_a_line_for_each_token_and_a_total(self):
        heads, *rows, total = self.good("surprise", "-m", STORIES, "--text", TALE).decode().splitlines()
        r = self.object(TALE)
        self.assertEqual(heads.split(), ["bits", "token", "likeliest", "in", "its", "place"])
        self.assertEqual(len(rows), len(r["tokens"]))
        for row, token in zip(rows, r["tokens"]):
            bits, rest = row.split(maxsplit=1)
            self.assertAlmostEqual(float(bits), -token["logprob"] / math.log(2), delta=0.0051)
            self.assertTrue(rest.startswith('"' + token["text"].replace("\n", "\\n") + '"'), row)
            other, = token["alternatives"]
            self.assertTrue(row.endswith(f'"{other["text"]}" {100 * math.exp(other["logprob"]):.1f} %'
                                         .replace("\n", "\\n")), row)
        self.assertEqual(total, f"{r['nats'] / math.log(2):.2f} bits in {len(rows)} tokens and {len(TALE)} bytes: "
                                f"{r['bits_per_byte']:.4f} bits per byte")
        rows = self.good("surprise", "-m", STORIES, "--text", TALE, "--alternatives", 0).decode().splitlines()
        self.assertEqual(rows[0].split(), ["bits", "token"])
        self.assertRegex(rows[1], r'^ +\d+\.\d\d  "Once"$')

    def test_figures_are_those_of_a_score(self):
        for text in (TALE, TALE * 60):  # one window, several
            r = self.object(text)
            score, = self.objects("score", "-m", STORIES, "-", stdin=text.encode())
            self.assertEqual((r["scored_tokens"], r["bytes"], r["evaluations"], r["complete"], r["model"]),
                             (score["tokens"], score["bytes"], score["evaluations"], True, score["model"]))
            for figure in ("bits_per_byte", "nats_per_token"):
                self.assertAlmostEqual(r[figure], score[figure], places=7)
            self.assertAlmostEqual(-sum(token["logprob"] for token in r["tokens"]), r["nats"], delta=1e-6 * r["nats"])

    def test_tokens_stand_where_their_text_does(self):
        text = "Tom \u201csaw\u201d \u65e5\u672c and\tan \u00c9.\n".encode() + b"\xff\xe2\x80 bad"
        r = self.object(text, "--alternatives", 20)
        at = 0
        for token in r["tokens"]:
            self.assertEqual(token["offset"], at)
            at += token["bytes"]
            piece = text[token["offset"]:at].decode("utf-8", "replace")
            if "\ufffd" not in piece:
                self.assertEqual(token["text"], piece)
            logprobs = [other["logprob"] for other in token["alternatives"]]
            self.assertEqual((len(logprobs), logprobs), (20, sorted(logprobs, reverse=True)))
            self.assertLessEqual(token["logprob"], logprobs[0])
            for other in token["alternatives"]:
                self.assertEqual(other["id"] == token["id"], other["logprob"] == token["logprob"] and
                                 other["text"] == token["text"])
        self.assertEqual(at, len(text))
        ids = self.good("tokenize", "-m", STORIES, "--ids", "-", stdin=text)
        self.assertEqual([token["id"] for token in r["tokens"]], [int(i) for i in ids.split()])

    def test_what_is_no_text_is_escaped_in_the_table(self):
        out = self.good("surprise", "-m", STORIES, "-", stdin=b"a\x1b[31m\xff\xc2\x85\n")
        self.assertTrue(out.isascii())
        self.assertEqual([c for c in out if c < 32 and c != 10], [])
        for part in (rb'"\x1b"', rb'"\xff"', rb'"\n"'):
            self.assertIn(part, out)

    def test_mistakes_are_named(self):
        self.bad(1, "fills blanks", "surprise", "-m", INFILL, "--text", "x")
        self.bad(1, "pictures", "surprise", "-m", MODELS / "unet-plain.gguf", "--text", "x")
        self.bad(1, "no text", "surprise", "-m", AR, "--text", "")
        self.bad(1, "no text", "surprise", "-m", AR, "-")
        self.bad(2, "alternatives", "surprise", "-m", AR, "--text", "x", "--alternatives", 21)
        self.bad(2, "alternatives", "surprise", "-m", AR, "--text", "x", "--alternatives", -1)
        self.bad(2, "exactly one", "surprise", "-m", AR)
        self.bad(2, "exactly one", "surprise", "-m", AR, "--text", "x", "-")
        self.bad(2, "no model", "surprise", "--text", "x")
        self.bad(1, "No such file", "surprise", "-m", AR, "--file", "/nowhere/text")
        self.bad(2, "seed", "surprise", "-m", AR, "--text", "x", "--seed", 1)

    def test_help_names_it_and_every_option(self):
        self.assertIn(b"  surprise ", self.good("--help"))
        out = self.good("surprise", "--help").decode()
        for part in ("-m MODEL", "--text", "--file", "--alternatives", "--json", "--isa", "bits"):
            self.assertIn(part, out)

    @unittest.skipUnless(IS_NATIVE, "signals are the native command's")
    def test_interrupt_gives_the_tokens_so_far(self):
        path = self.folder() / "text"
        path.write_text(TALE * 30000)
        for arguments in ((), ("--json",)):
            process = subprocess.Popen([*COMMAND, "surprise", "-m", STORIES, "--file", path, *arguments],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, err), (130, b""))
            if arguments:
                r = json.loads(out)
                self.assertEqual((r["complete"], r["scored_tokens"]), (False, len(r["tokens"])))
                self.assertEqual(r["bytes"], sum(token["bytes"] for token in r["tokens"]))
            else:
                self.assertTrue(out.endswith(b", stopped early\n"), out[-100:])


if __name__ == "__main__":
    unittest.main()
