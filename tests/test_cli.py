"""The command line, used by programs and by people: texts, exit codes, bad input, Ctrl-C.  Needs no package."""
import json
import math
import os
import shlex
import signal
import subprocess
import time
import unittest

from cli_testing import AR, COMMAND, CommandTest, INFILL, IS_NATIVE, MODELS, ODD, PAGE, ROOT, SAMPLERS, WASM, run


class Usage(CommandTest):
    def test_help_and_version_are_results(self):
        self.assertIn(b"usage: palimpsest COMMAND", self.good("--help"))
        self.assertRegex(self.good("--version"), rb"^palimpsest \d+\.\d+\.\d+\n$")
        for command in "infill generate score tokenize detokenize info quantize bench".split():
            self.assertIn(b"usage: palimpsest " + command.encode(), self.good(command, "--help"))

    def test_usage_mistakes_exit_with_2_and_name_them(self):
        for part, arguments in (
            ("usage", ()), ("'fill'", ("fill",)), ("no model", ("infill", "--text", "x")),
            ("--colour", ("info", "--colour")),
            ("missing value after: -m", ("info", "-m")), ("missing value after: --text", ("infill", "-m", INFILL, "--text")),
            ("unexpected", ("info", "-m", INFILL, "more")), ("unexpected", ("infill", "-m", INFILL, "page.txt")),
            ("exactly one", ("infill", "-m", INFILL)), ("exactly one", ("infill", "-m", INFILL, "--text", "x", "-")),
            ("exactly one", ("score", "-m", AR, "--text", "x", "--file", "y")),
            ("no value", ("info", "-m", INFILL, "--json=1")),
            ("no output", ("quantize", "-m", INFILL, "--type", "F16")),
            ("no type", ("quantize", "-m", INFILL, "-o", "x")),
            ("abc", ("infill", "-m", INFILL, "--text", "x", "--isa", "abc")),
            ("exactly one", ("generate", "-m", AR)), ("exactly one", ("generate", "-m", AR, "--prompt", "x", "-")),
            ("one draft", ("generate", "-m", AR, "--prompt", "x", "--session", "s", "--drafts", "2")),
        ):
            with self.subTest(arguments=arguments):
                self.bad(2, part, *arguments)

    def test_values_that_are_none_exit_with_2(self):
        for name, value in (
            ("--seed", "x"), ("--seed", "-1"), ("--seed", "18446744073709551616"), ("--seed", ""), ("--drafts", "0"),
            ("--drafts", "2.5"), ("--drafts", "99999999999"), ("--temperature", "warm"), ("--temperature", "nan"),
            ("--temperature", "-1"), ("--temperature", "1e400"), ("--top-k", "-1"), ("--top-p", "-0.1"), ("--top-p", "2"),
            ("--min-p", "2"), ("--borders", "maybe"), ("--sampler", "best"), ("--steps", "8"), ("--threshold", "0.5"),
            ("--remask", "0.5"), ("--free", "8"), ("--free", "8-3"), ("--free", "0-3"), ("--free", "1-99999999999"),
            ("--free", "-1-3"), ("--pin", "1:2"), ("--pin", "0:0:x"), ("--pin", "0:0:5:1"), ("--pin", "9:0:300"),
            ("--pin", "0:0:0"), ("--pin", "0:0:99999"), ("--repetition-penalty", "0"),
        ):
            with self.subTest(option=name, value=value):
                self.bad(2, "palimpsest", "infill", "-m", INFILL, "--text", "[[2]]", name, value)


class Infill(CommandTest):
    def test_page_is_printed_with_a_newline_and_nothing_else(self):
        page = "  the [[3]]\r\ncaf\u00e9 \\[[x]] [[2]]  "
        code, out, err = run("infill", "-m", INFILL, "--text", page, "--seed", "1")
        self.assertEqual((code, err), (0, ""))
        text = out.decode()
        self.assertTrue(text.startswith("  the ") and text.endswith("  \n") and "\r\ncaf\u00e9 [[x]] " in text, text)

    def test_every_sampler_answers_repeats_and_keeps_given_text(self):
        for sampler in SAMPLERS:
            with self.subTest(sampler=sampler):
                texts = [self.fill(PAGE, "--sampler", sampler, "--seed", seed) for seed in (1, 1, 2)]
                self.assertEqual(texts[0], texts[1])
                self.assertNotEqual(texts[0], texts[2])
                for text in texts:
                    self.assertRegex(text, rb"(?s)^Once upon a time the .+ was .+ and .+\.\n$")

    def test_seed_is_drawn_and_told(self):
        _, first, err = run("infill", "-m", INFILL, "--text", PAGE)
        self.assertRegex(err, r"^seed \d+\n$")
        self.assertEqual(self.fill(PAGE, "--seed", err.split()[1]), first)
        self.assertNotEqual(run("infill", "-m", INFILL, "--text", PAGE)[2], err)

    def test_drafts_are_separated_and_do_not_depend_on_their_number(self):
        four = self.fill(PAGE, "--seed", 5, "--drafts", 4).decode().split("\n---\n")
        two = self.fill(PAGE, "--seed", 5, "--drafts", 2).decode()[:-1].split("\n---\n")
        self.assertEqual(len(set(four)), 4)
        self.assertEqual(four[:2], two)

    def test_json_has_what_programs_rely_on(self):
        drafts = self.fill_objects(PAGE, "--seed", 18446744073709551615, "--drafts", 3, "--threads", 2)
        plain = self.fill(PAGE, "--seed", 18446744073709551615, "--drafts", 3).decode()
        self.assertEqual("\n---\n".join(d["text"] for d in drafts) + "\n", plain)
        for number, d in enumerate(drafts):
            self.assertEqual((d["seed"], d["draft"], d["model"], d["threads"]),
                             (18446744073709551615, number, "tiny-infill", 2 if IS_NATIVE else 1))
            self.assertTrue(d["complete"] and d["evaluations"] >= 1 and d["seconds"] >= 0 and d["isa"])
            self.assertEqual(len(d["tokens"]), 26)
            text = d["text"].encode()
            for t in d["tokens"]:
                piece = text[t["offset"]:t["offset"] + t["bytes"]].decode()
                spaced = t["piece"].replace("\u2581", " ")
                self.assertIn(piece, ("",) if t["empty"] else (spaced, spaced.removeprefix(" ")))
                chances = [a["probability"] for a in t["alternatives"]]
                self.assertEqual(chances, sorted(chances, reverse=True))
                self.assertTrue(0 < t["probability"] <= 1 and t["step"] >= 1)

    def test_json_replaces_what_is_not_utf8(self):
        page = self.folder() / "page"
        page.write_bytes(b'a\xff\x00"\\ \xe2\x80 \x1b[[1]]')
        d, = self.objects("infill", "-m", INFILL, "--file", page, "--seed", 1)
        self.assertTrue(d["text"].startswith('a\ufffd\0"\\ \ufffd\ufffd \x1b'), d["text"])

    def test_bytes_of_a_file_come_back(self):
        page = self.folder() / "page"
        given = [bytes(range(256)).replace(b"[", b"").replace(b"\\", b""), b"\xff\xfe\0\r\n", b""]
        page.write_bytes(given[0] + b"[[2]]" + given[1] + b"[[1-3]]")
        data = page.read_bytes()
        for arguments, stdin in ((("--file", page), b""), (("-",), data), (("--file", "-"), data)):
            out = self.good("infill", "-m", INFILL, "--seed", 3, *arguments, stdin=stdin)
            self.assertTrue(out.startswith(given[0]) and given[1] in out[len(given[0]):] and out.endswith(b"\n"))

    def test_pages_of_a_file_are_filled_one_by_one(self):
        pages = ["the [[3]] dog", "", "a [[2]]\n\nb [[1-3]]", "no blank"]
        file = "\n<|endoftext|>\n".join(pages).encode() + b"\n"
        expected = [self.fill(page, "--seed", 7 + n) for n, page in enumerate(pages)]
        for text in (file, file.replace(b"|>\n", b"|>\r\n"), file + b"<|endoftext|>\n"):
            out = self.good("infill", "-m", INFILL, "--pages", "-", "--seed", 7, stdin=text)
            self.assertEqual(out, b"<|endoftext|>\n".join(expected))
        found = self.objects("infill", "-m", INFILL, "--pages", "-", "--seed", 7, "--drafts", 2, stdin=file)
        self.assertEqual([(d["page"], d["draft"], d["seed"]) for d in found],
                         [(n, draft, 7 + n) for n in range(4) for draft in range(2)])
        self.assertEqual([d["text"].encode() + b"\n" for d in found[::2]], expected)
        self.assertEqual(self.good("infill", "-m", INFILL, "--pages", "--text", "", "--seed", 7), b"")

    def test_pages_name_the_byte_in_the_file(self):
        code, out, err = run("infill", "-m", INFILL, "--pages", "-", "--seed", 7, stdin=b"x\n<|endoftext|>\nab [[0]]")
        self.assertEqual((code, out.splitlines()[0]), (1, b"x"))
        self.assertIn("(byte 19)", err)

    def test_page_without_a_blank_or_empty_comes_back(self):
        for text in ("", "no blank", "\n", "x" * 5000):
            self.assertEqual(self.fill(text, "--seed", 1).decode(), text + "\n")

    def test_text_without_a_blank_is_told_how_to_write_one(self):
        told = "the text has no blank: write [[?]], [[4]] or [[3-8]] where the model should write\n"
        for drafts in (1, 2):
            self.assertEqual(run("infill", "-m", INFILL, "--seed", 1, "--drafts", drafts, "--text", "The ___ dog")[2], told)
        self.assertEqual(run("infill", "-m", INFILL, "--seed", 1, "--text", "The [[1]] dog")[2], "")
        self.assertEqual(run("infill", "-m", INFILL, "--seed", 1, "--pages", "-", stdin=b"no blank")[2], "")

    def test_free_option_sets_the_length(self):
        for low, high in ((1, 2), (7, 7), (3, 9)):
            for seed in range(8):
                d, = self.fill_objects("the [[?]] dog", "--free", f"{low}-{high}", "--seed", seed)
                self.assertTrue(low <= sum(not t["empty"] for t in d["tokens"]) <= high)

    def test_pins_are_kept(self):
        dog = int(self.good("tokenize", "-m", INFILL, "--ids", "--text", "dog"))
        for sampler in SAMPLERS:
            out = self.fill("a [[2]] b [[3]].", "--pin", f"1:0:{dog}", "--seed", 4, "--sampler", sampler,
                            "--drafts", 2).decode()
            self.assertEqual(out.count(" b dog"), 2)

    def test_trace_shows_every_step_on_the_error_stream(self):
        code, out, err = run("infill", "-m", INFILL, "--text", "the [[3]] dog", "--seed", 2, "--trace")
        lines = err.splitlines()
        self.assertEqual((code, len(lines)), (0, 3))
        self.assertTrue(lines[-1].endswith(out.decode().rstrip("\n")))
        d, = self.fill_objects("the [[3]] dog", "--seed", 2, "--trace")
        self.assertEqual(d["trace"][-1], d["text"])
        self.assertIn("[[", d["trace"][0])

    def test_page_mistakes_name_their_byte(self):
        for page, byte in (("ab [[", 3), ("[[5", 0), ("x [[]]", 2), ("x [[0]]", 2), ("x [[9-3]]", 2),
                           ("x [[ 5]]", 2), ("\u00e9[[999]]", 2), ("[[60]] [[60]]", 7), ("z" * 200 + "[[1]]", 95)):
            self.bad(1, f"(byte {byte})", "infill", "-m", INFILL, "--text", page, "--seed", 1, "--window", "off")

    def test_window_says_what_the_model_sees(self):
        code, out, err = run("infill", "-m", INFILL, "--text", "z" * 200 + "[[1]]", "--seed", 1)
        self.assertEqual(code, 0)
        self.assertIn("sees 96 of the page's 202 tokens", err)
        self.assertTrue(out.startswith(b"z" * 200))

    def test_models_of_the_wrong_kind_are_refused(self):
        self.bad(1, "left to right", "infill", "-m", AR, "--text", "[[2]]", "--seed", 1)
        self.bad(1, "only a vocabulary", "infill", "-m", MODELS / "tales-vocab.gguf", "--text", "[[2]]", "--seed", 1)
        self.bad(1, "<empty>", "infill", "-m", ODD, "--text", "a [[2-3]]", "--seed", 1)

    @unittest.skipUnless(IS_NATIVE, "signals are the native command's")
    def test_interrupt_prints_the_partial_page_and_exits_with_130(self):
        for as_json in (False, True):
            arguments = shlex.split("--seed 1 --sampler remask --steps 1048576 --remask 1 --drafts 100000")
            process = subprocess.Popen([*COMMAND, "infill", "-m", INFILL, "--text", "the [[80]] dog", *arguments,
                                        *(["--json"] if as_json else [])],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            last = out.decode().splitlines()[-1]
            if as_json:
                self.assertFalse(json.loads(last)["complete"])
                last = json.loads(last)["text"]
            self.assertTrue(last.startswith("the ") and last.endswith(" dog"), last)
            self.assertRegex(last, r"\[\[\d+\]\]")

    @unittest.skipUnless(IS_NATIVE and os.path.exists("/dev/full"), "needs /dev/full")
    def test_output_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, "infill", "-m", INFILL, "--text", PAGE, "--seed", "1"], stdout=full,
                                  stderr=subprocess.PIPE, cwd=ROOT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"could not be written", done.stderr)

    @unittest.skipUnless(IS_NATIVE and WASM.exists(), "no WebAssembly build")
    def test_webassembly_gives_the_same_bytes(self):
        for model, page in ((INFILL, PAGE), (ODD, "the [[4]] and [[3]].")):
            for sampler in SAMPLERS:
                arguments = ("infill", "-m", model, "--text", page, "--seed", 77, "--sampler", sampler, "--drafts", 2)
                self.assertEqual(run(*arguments, command=["node", str(WASM)])[:2], run(*arguments)[:2])


class Tokens(CommandTest):
    def test_ids_are_separated_by_single_spaces_and_come_back(self):
        for text in ("the dog ran", "", " two  spaces ", "caf\u00e9\n\u65e5\U0001f600\t<mask>", "\u2581"):
            ids = self.good("tokenize", "-m", INFILL, "--ids", "--text", text)
            self.assertRegex(ids, rb"^(\d+( \d+)*)?\n$")
            self.assertEqual(self.good("detokenize", "-m", INFILL, "--ids", ids.decode()).decode(), text + "\n")

    def test_any_bytes_come_back_through_files(self):
        folder, data = self.folder(), bytes(range(256)) * 4 + b"\xff\0"
        (folder / "text").write_bytes(data)
        (folder / "ids").write_bytes(self.good("tokenize", "-m", INFILL, "--ids", "--file", folder / "text"))
        self.assertEqual(self.good("detokenize", "-m", INFILL, "--file", folder / "ids"), data + b"\n")
        self.assertEqual(self.good("tokenize", "-m", INFILL, "--ids", "-", stdin=data), (folder / "ids").read_bytes())

    def test_special_pieces_only_when_asked(self):
        mask = str(self.objects("tokenize", "-m", INFILL, "--text", "<mask>", "--special")[0]["ids"][-1])
        self.assertNotIn(mask, self.good("tokenize", "-m", INFILL, "--ids", "--text", "<mask>").decode().split())
        self.assertEqual(self.good("detokenize", "-m", INFILL, "--ids", mask), b"\n")
        self.assertEqual(self.good("detokenize", "-m", INFILL, "--ids", mask, "--special"), b"<mask>\n")

    def test_pieces_are_one_a_line_and_in_json(self):
        lines = self.good("tokenize", "-m", INFILL, "--text", "the\ndog").decode().splitlines()
        d, = self.objects("tokenize", "-m", INFILL, "--text", "the\ndog")
        self.assertEqual([int(line.split("\t")[0]) for line in lines], d["ids"])
        self.assertEqual(d["pieces"][:2], ["\u2581the", "\n"])
        self.assertEqual(d["model"], "tiny-infill")

    def test_vocabulary_alone_is_enough(self):
        ids = self.good("tokenize", "-m", MODELS / "tales-vocab.gguf", "--ids", "--text", "Once upon a time")
        self.assertRegex(ids, rb"^\d+( \d+)*\n$")

    def test_wrong_ids_are_refused(self):
        self.bad(1, "byte 2", "detokenize", "-m", INFILL, "--ids", "5 x")
        self.bad(1, "byte 0", "detokenize", "-m", INFILL, "--ids", "-1")
        self.bad(1, "vocabulary (number 1)", "detokenize", "-m", INFILL, "--ids", "5 481")
        self.bad(1, "vocabulary", "detokenize", "-m", INFILL, "--ids", "99999999999999999999")
        self.bad(1, "no tokenizer", "tokenize", "-m", MODELS / "grouped.gguf", "--text", "x")


class Score(CommandTest):
    TALE = "Once upon a time a little dog ran.\nThe cat saw it.\n"

    def score(self, text, *arguments, model=AR):
        path = self.folder() / "text"
        path.write_bytes(text.encode())
        result, = self.objects("score", "-m", model, "--file", path, *arguments)
        return result

    def test_documents_have_a_result_each(self):
        texts = ["the dog\n", "A cat ran.\n\nIt was a cat.\n", "no"]
        file = "<|endoftext|>\n".join([*texts[:2], "", texts[2]]).encode()
        found = self.objects("score", "-m", AR, "--documents", "-", stdin=file)
        alone = [self.objects("score", "-m", AR, "--text", text)[0] for text in texts]
        whole, = self.objects("score", "-m", AR, "-", stdin=file)
        self.assertEqual([d["nats_per_token"] for d in found], [d["nats_per_token"] for d in alone])
        self.assertEqual([d["documents"] for d in found], [1, 1, 1])
        for what in ("tokens", "bytes"):
            self.assertEqual(sum(d[what] for d in found), whole[what])

    def test_documents_are_cut_and_separators_not_counted(self):
        one, other = self.score(self.TALE), self.score("the end")
        both = self.score(self.TALE + "<|endoftext|>\nthe end")
        self.assertEqual(both["bytes"], one["bytes"] + other["bytes"])
        self.assertEqual(both["bytes"], len(self.TALE) + 7)
        self.assertEqual((both["tokens"], both["documents"]), (one["tokens"] + other["tokens"], 2))
        bits = one["bits_per_byte"] * one["bytes"] + other["bits_per_byte"] * other["bytes"]
        self.assertAlmostEqual(both["bits_per_byte"], bits / both["bytes"], places=6)

    def test_figures_fit_each_other(self):
        r = self.score(self.TALE)
        self.assertEqual((r["kind"], r["method"], r["standard_error"], r["model"]), ("exact", "exact", 0, "tiny-ar"))
        nats = r["bits_per_byte"] * r["bytes"] * math.log(2)
        self.assertAlmostEqual(nats, r["nats_per_token"] * r["tokens"], places=3)
        self.assertAlmostEqual(math.log(r["perplexity"]), r["nats_per_token"], places=6)
        self.assertTrue(r["evaluations"] >= 1 and r["seconds"] >= 0 and r["threads"] >= 1 and r["isa"])

    def test_diffusion_models_have_a_bound_with_an_error_and_three_orders(self):
        r = self.score(self.TALE, "--standard-error", "0.3", model=INFILL)
        self.assertEqual((r["kind"], r["method"], r["estimated"], r["complete"]), ("bound", "bound", True, True))
        self.assertTrue(0 < r["standard_error"] <= 0.3)
        for method in ("margin", "entropy", "confidence"):
            r = self.score(self.TALE, "--method", method, model=INFILL)
            self.assertEqual((r["kind"], r["method"], r["standard_error"]), ("exact", method, 0))
        self.assertEqual(self.score("the dog", model=INFILL)["standard_error"], 0)

    def test_cost_is_announced_first(self):
        code, out, err = run("score", "-m", INFILL, "--text", "the dog", "--method", "margin")
        self.assertEqual(code, 0)
        self.assertIn("evaluations of the network", err)
        self.assertIn(b"bits per byte", out)

    def test_wrong_methods_and_texts_are_refused(self):
        self.bad(2, "exact", "score", "-m", AR, "--text", "x", "--method", "margin")
        self.bad(2, "bound", "score", "-m", INFILL, "--text", "x", "--method", "exact")
        self.bad(2, "best", "score", "-m", INFILL, "--text", "x", "--method", "best")
        self.bad(1, "no text", "score", "-m", AR, "--text", "")
        self.bad(1, "no text", "score", "-m", AR, "--documents", "--text", "<|endoftext|>\n<|endoftext|>\n")
        self.bad(1, "no text", "score", "-m", AR, "--text", "<|endoftext|>")

    @unittest.skipUnless(IS_NATIVE, "signals are the native command's")
    def test_interrupt_gives_the_figures_so_far(self):
        path = self.folder() / "text"
        path.write_text(self.TALE * 2000)
        process = subprocess.Popen([*COMMAND, "score", "-m", INFILL, "--file", path, "--standard-error", "1e-4",
                                    "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertFalse(json.loads(out)["complete"])


if __name__ == "__main__":
    unittest.main()
