"""The command line as programs and people use it: texts, exit codes, bad input, Ctrl-C.

Runs build/release/palimpsest; another command by the environment, for example
PALIMPSEST="node build/wasm/palimpsest.js".  Needs no package."""
import json
import math
import os
import pathlib
import random
import shlex
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = shlex.split(os.environ.get("PALIMPSEST", str(ROOT / "build/release/palimpsest")))
WASM = pathlib.Path(os.environ.get("PALIMPSEST_WASM", str(ROOT / "build/wasm/palimpsest.js")))
IS_NATIVE = COMMAND[0] != "node"
MODELS = ROOT / "tests/models"
INFILL, AR, ODD = (str(MODELS / f"tiny-{name}.gguf") for name in ("infill", "ar", "odd"))
STORIES = str(MODELS / "stories260K.gguf")
PAGE = "Once upon a time the [[4]] was [[?]] and [[3-6]]."
SAMPLERS = "first-hitting margin entropy confidence ancestral parallel remask".split()


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
            ("missing after: -m", ("info", "-m")), ("missing after: --text", ("infill", "-m", INFILL, "--text")),
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
            ("--temperature", "-1"), ("--temperature", "1e400"), ("--top-k", "-1"), ("--top-p", "0"), ("--top-p", "2"),
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
        drafts = self.fill_objects(PAGE, "--seed", 18446744073709551615, "--drafts", 3)
        plain = self.fill(PAGE, "--seed", 18446744073709551615, "--drafts", 3).decode()
        self.assertEqual("\n---\n".join(d["text"] for d in drafts) + "\n", plain)
        for number, d in enumerate(drafts):
            self.assertEqual((d["seed"], d["draft"], d["model"], d["threads"]),
                             (18446744073709551615, number, "tiny-infill", 1))
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
            out = self.good("infill", "-m", INFILL, "--seed", 3, "--window", *arguments, stdin=stdin)
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
            self.bad(1, f"(byte {byte})", "infill", "-m", INFILL, "--text", page, "--seed", 1)

    def test_window_says_what_the_model_sees(self):
        code, out, err = run("infill", "-m", INFILL, "--text", "z" * 200 + "[[1]]", "--seed", 1, "--window")
        self.assertEqual(code, 0)
        self.assertIn("sees 96 of the page's 202 tokens", err)
        self.assertTrue(out.startswith(b"z" * 200))

    def test_models_of_the_wrong_kind_are_refused(self):
        self.bad(1, "left to right", "infill", "-m", AR, "--text", "[[2]]", "--seed", 1)
        self.bad(1, "vocabulary only", "infill", "-m", MODELS / "tales-vocab.gguf", "--text", "[[2]]", "--seed", 1)
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


class Generate(CommandTest):
    START = ("Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she "
             "saw a big, red ball.")

    def write(self, prompt, *arguments, model=STORIES):
        return self.good("generate", "-m", model, "--prompt", prompt, *arguments).decode()

    def write_objects(self, prompt, *arguments, model=STORIES):
        return self.objects("generate", "-m", model, "--prompt", prompt, *arguments)

    def test_greedy_from_nothing_is_the_documented_story(self):
        out = self.write("", "--temperature", 0, "--seed", 1)
        self.assertTrue(out.startswith(self.START) and out.endswith("\n"), out)

    def test_prompt_and_continuation_are_printed_with_a_newline(self):
        code, out, err = run("generate", "-m", STORIES, "--prompt", "  Once\n upon", "--seed", 1, "--max-tokens", 5)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, rb"(?s)^  Once\n upon.+\n$")
        path = self.folder() / "prompt"
        path.write_bytes(b"Tom \xff\xe2\x80")
        for arguments, stdin in ((("--file", path), b""), (("-",), path.read_bytes())):
            out = self.good("generate", "-m", STORIES, "--seed", 1, "--max-tokens", 5, *arguments, stdin=stdin)
            self.assertTrue(out.startswith(path.read_bytes()))
        self.assertEqual(self.write("x", "--max-tokens", 0, "--seed", 1), "x\n")

    def test_seed_is_drawn_and_told(self):
        _, first, err = run("generate", "-m", STORIES, "--prompt", "Tom", "--max-tokens", 30)
        self.assertRegex(err, r"^seed \d+\n$")
        self.assertEqual(self.write("Tom", "--max-tokens", 30, "--seed", err.split()[1]).encode(), first)

    def test_drafts_are_separated_and_do_not_depend_on_their_number(self):
        four = self.write("Tom", "--seed", 5, "--drafts", 4, "--max-tokens", 30)[:-1].split("\n---\n")
        two = self.write("Tom", "--seed", 5, "--drafts", 2, "--max-tokens", 30)[:-1].split("\n---\n")
        self.assertEqual(len(set(four)), 4)
        self.assertEqual(four[:2], two)

    def test_json_has_what_programs_rely_on(self):
        arguments = ("--seed", 18446744073709551615, "--max-tokens", 20, "--drafts", 2)
        drafts = self.write_objects("Tom and", *arguments, "--alternatives", 3)
        plain = self.write("Tom and", *arguments)
        self.assertEqual("\n---\n".join(d["text"] for d in drafts) + "\n", plain)
        for number, d in enumerate(drafts):
            self.assertEqual((d["seed"], d["draft"], d["model"], d["threads"], d["finish_reason"]),
                             (18446744073709551615, number, "stories260K", 1, "length"))
            self.assertEqual((len(d["tokens"]), d["generated_tokens"], d["evaluations"]), (20, 20, 20))
            self.assertEqual("Tom and" + d["continuation"], d["text"])
            self.assertTrue(d["seconds"] >= d["time_to_first_token"] >= 0 and d["tokens_per_second"] > 0 and d["isa"])
            for token in d["tokens"]:
                piece = d["continuation"].encode()[token["offset"]:token["offset"] + token["bytes"]].decode()
                self.assertEqual(piece, token["piece"].replace("\u2581", " "))
                chances = [a["logprob"] for a in token["alternatives"]]
                self.assertEqual((len(chances), chances), (3, sorted(chances, reverse=True)))
                self.assertTrue(token["logprob"] <= chances[0] <= 0 < token["probability"] <= 1)
        self.assertEqual(drafts[1]["kept_tokens"], drafts[1]["prompt_tokens"] - 1)

    def test_stop_texts_end_before_them(self):
        for stops in (("Lily",), ("nothing such", "girl named L"), (" She loved", "Lily. She lov")):
            arguments = [part for stop in stops for part in ("--stop", stop)]
            d, = self.write_objects("", "--temperature", 0, "--seed", 1, *arguments)
            want = min(self.START.index(stop) + len(stop) for stop in stops if stop in self.START)
            stop, = [s for s in stops if self.START[:want].endswith(s)][:1]
            self.assertEqual((d["text"], d["finish_reason"]), (self.START[:want - len(stop)], "stop"))

    def test_grammar_holds(self):
        path = self.folder() / "list.gbnf"
        path.write_text('root ::= "[" item ("," item){0,4} "]"\nitem ::= "\\"" [a-z]{1,6} "\\"" | [1-9] [0-9]{0,2}\n')
        for seed in range(10):
            out = self.write("List:", "--grammar", path, "--seed", seed)
            self.assertIsInstance(json.loads(out.removeprefix("List:")), list)

    def test_grammar_mistakes_name_their_byte(self):
        path = self.folder() / "bad.gbnf"
        for text, byte in (('root ::= "a', 9), ("root ::= [a", 9), ("root ::= nothing", 9), ("root ::= root 'a'", 9)):
            path.write_text(text)
            code, out, err = run("generate", "-m", STORIES, "--prompt", "x", "--grammar", path, "--seed", 1)
            self.assertEqual((code, out), (1, b""), err)
            self.assertRegex(err, r"bad\.gbnf: .* \(byte \d+\)")
        self.bad(1, "none.gbnf", "generate", "-m", STORIES, "--prompt", "x", "--grammar", path.parent / "none.gbnf")
        path.write_text('root ::= "\\U0010FFFF"')
        bans = [part for i in range(3, 259) for part in ("--logit-bias", f"{i}=-inf")]   # all byte pieces
        self.bad(1, "leave", "generate", "-m", STORIES, "--prompt", "x", "--grammar", path, "--seed", 1, *bans)

    def test_session_goes_on_as_if_it_had_not_stopped(self):
        folder = self.folder()
        for extra in ((), ("--mirostat", 2), ("--kv", "F16"), ("--kv", "Q8_0", "--context", 40, "--shift")):
            path = folder / "session"
            path.unlink(missing_ok=True)
            whole = self.write("Once upon", "--seed", 8, "--max-tokens", 60, "--ignore-eos", *extra)
            text = ""
            for step, prompt in ((25, ("--prompt", "Once upon")), (1, ()), (34, ("--prompt", ""))):
                code, out, err = run("generate", "-m", STORIES, *prompt, *(("--seed", 8) if not text else ()),
                                     "--max-tokens", step, "--session", path, "--ignore-eos", *extra)
                self.assertEqual((code, err), (0, ""))
                text += out.decode()[:-1]
            self.assertEqual(text + "\n", whole)
            self.assertEqual([p.name for p in folder.iterdir()], ["session"])

    def test_session_takes_more_text(self):
        path = self.folder() / "session"
        first = self.write("Tom had a ball.", "--seed", 3, "--max-tokens", 10, "--session", path)
        d, = self.write_objects(" Then Lily", "--max-tokens", 10, "--session", path)
        self.assertTrue(d["text"].startswith(" Then Lily") and d["kept_tokens"] > 10 and d["seed"] == 3)
        self.assertTrue(first.startswith("Tom had a ball."))

    def test_sessions_that_do_not_fit_are_refused_and_kept(self):
        path = self.folder() / "session"
        self.write("Once", "--seed", 3, "--max-tokens", 20, "--session", path)
        data = path.read_bytes()
        self.bad(1, "another model", "generate", "-m", AR, "--prompt", "x", "--session", path)
        self.bad(1, "another type", "generate", "-m", STORIES, "--prompt", "x", "--session", path, "--kv", "F16")
        self.bad(1, "longer", "generate", "-m", STORIES, "--prompt", "x", "--session", path, "--context", 10)
        self.assertEqual(path.read_bytes(), data)
        for broken in (b"", b"x", data[:100], data[:-1], data + b"x", data[:500] + b"?" + data[501:]):
            path.write_bytes(broken)
            self.bad(1, "session", "generate", "-m", STORIES, "--prompt", "x", "--session", path)
            self.assertEqual(path.read_bytes(), broken)
        self.bad(1, "cannot be", "generate", "-m", STORIES, "--prompt", "x", "--session", path.parent, "--seed", 1)

    def test_bad_prompts_and_models_are_refused(self):
        self.bad(1, "room", "generate", "-m", STORIES, "--prompt", "long " * 600, "--seed", 1)
        self.bad(1, "room", "generate", "-m", STORIES, "--prompt", "a b c d e f", "--seed", 1, "--context", 4)
        self.bad(1, "left to right", "generate", "-m", INFILL, "--prompt", "x", "--seed", 1)
        self.bad(1, "vocabulary only", "generate", "-m", MODELS / "tales-vocab.gguf", "--prompt", "x", "--seed", 1)
        for name, value in (("--temperature", "-1"), ("--top-p", "2"), ("--logit-bias", "5"), ("--logit-bias", "x=1"),
                            ("--logit-bias", "9999=1"), ("--stop", ""), ("--mirostat", "1"), ("--kv", "Q4_0"),
                            ("--context", "-1"), ("--context", "99999"), ("--batch", "0"), ("--keep", "-2"),
                            ("--alternatives", "21"), ("--max-tokens", "-2"), ("--drafts", "0")):
            with self.subTest(option=name, value=value):
                self.bad(2, "palimpsest", "generate", "-m", STORIES, "--prompt", "x", "--seed", 1, name, value)

    def test_weights_that_are_no_numbers_are_an_error(self):
        data = bytearray(pathlib.Path(STORIES).read_bytes())
        data[-172 * 64 * 2:] = b"\xff" * (172 * 64 * 2)
        path = self.folder() / "nan.gguf"
        path.write_bytes(data)
        self.bad(1, "not a number", "generate", "-m", path, "--prompt", "x", "--seed", 1)

    def test_lines_go_on_one_after_the_other(self):
        out = self.good("generate", "-m", STORIES, "--interactive", "--seed", 4, "--max-tokens", 8,
                        stdin=b"Once upon\nTom was\n").decode()
        self.assertEqual(out.count("\n"), 2)
        first = self.write("Once upon", "--seed", 4, "--max-tokens", 8).removeprefix("Once upon")
        self.assertTrue(out.startswith(first))

    @unittest.skipUnless(IS_NATIVE, "signals are the native command's")
    def test_interrupt_prints_what_there_is_and_exits_with_130(self):
        for as_json in (False, True):
            process = subprocess.Popen([*COMMAND, "generate", "-m", STORIES, "--prompt", "Once", "--seed", "1", "--shift",
                                        "--ignore-eos", *(["--json"] if as_json else [])],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            if as_json:
                d = json.loads(out)
                self.assertEqual(d["finish_reason"], "interrupted")
                out = (d["text"] + "\n").encode()
            self.assertTrue(out.startswith(b"Once upon") and out.endswith(b"\n"), out[:100])

    @unittest.skipUnless(IS_NATIVE, "the terminal is the native command's")
    def test_text_comes_while_it_is_written(self):
        process = subprocess.Popen([*COMMAND, "generate", "-m", STORIES, "--prompt", "Once", "--seed", "1", "--shift",
                                    "--ignore-eos"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        self.assertTrue(os.read(process.stdout.fileno(), 4).startswith(b"Once"))
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    @unittest.skipUnless(IS_NATIVE and WASM.exists(), "no WebAssembly build")
    def test_webassembly_gives_the_same_bytes_and_reads_the_same_sessions(self):
        wasm, folder = ["node", str(WASM)], self.folder()
        for extra in ((), ("--kv", "F16"), ("--kv", "Q8_0"), ("--mirostat", 2), ("--top-p", 0.9, "--temperature", 0.7)):
            arguments = ("generate", "-m", STORIES, "--prompt", "Once upon", "--seed", 77, "--max-tokens", 60, *extra)
            self.assertEqual(run(*arguments, command=wasm)[:2], run(*arguments)[:2])
            here, there = folder / "here", folder / "there"
            self.good(*arguments, "--session", here)
            self.assertEqual(run(*arguments, "--session", there, command=wasm)[0], 0)
            self.assertEqual(here.read_bytes(), there.read_bytes())
            here.unlink()
            there.unlink()


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
        self.assertTrue(r["evaluations"] >= 1 and r["seconds"] >= 0 and r["threads"] == 1 and r["isa"])

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


class Files(CommandTest):
    def test_what_is_no_model_is_refused(self):
        folder = self.folder()
        (folder / "empty").write_bytes(b"")
        (folder / "text").write_text("no model")
        for path in (folder, folder / "none", folder / "empty", folder / "text"):
            for command in (("info",), ("infill", "--text", "[[1]]", "--seed", "1"), ("tokenize", "--text", "x"),
                            ("bench",), ("score", "--text", "x"), ("quantize", "-o", folder / "out", "--type", "F16"),
                            ("detokenize", "--ids", "1")):
                self.bad(1, str(path), command[0], "-m", path, *command[1:])

    def test_text_files_that_cannot_be_read_are_refused(self):
        folder = self.folder()
        for path in (folder, folder / "none"):
            self.bad(1, str(path), "infill", "-m", INFILL, "--file", path)
            self.bad(1, str(path), "score", "-m", AR, "--file", path)

    def test_info_describes_every_model(self):
        i, = self.objects("info", "-m", INFILL)
        self.assertEqual([i[key] for key in "name architecture weights context vocabulary".split()],
                         ["tiny-infill", "llada", "Q8_0", 96, 481])
        self.assertTrue(i["can_infill"] and i["free_length"] and not i["causal"] and i["parameters"] > 30000)
        self.assertIn(b"tiny-ar", self.good("info", "-m", AR))
        i, = self.objects("info", "-m", MODELS / "tales-vocab.gguf")
        self.assertTrue(i["can_tokenize"] and not i["can_score"] and i["why_not"])

    def damaged(self, data):
        """A damaged model is described or refused with a message, and used or refused: never a crash."""
        path = self.folder() / "damaged.gguf"
        path.write_bytes(data)
        code, out, err = run("info", "-m", path)
        self.assertIn(code, (0, 1), err)
        self.assertEqual(code == 0, out != b"")
        if code:
            self.assertIn(str(path), err)
            return code
        code, out, err = run("infill", "-m", path, "--text", "the [[3]]", "--seed", 1)
        self.assertIn(code, (0, 1, 2), err)
        self.assertEqual(code == 0, out.startswith(b"the "), err)
        return 0

    def test_info_survives_truncations(self):
        data = pathlib.Path(INFILL).read_bytes()
        rng = random.Random(1)
        step = 1 if IS_NATIVE else 20
        for length in [*range(40), *(rng.randrange(len(data)) for _ in range(200)), len(data) - 1][::step]:
            self.assertEqual(self.damaged(data[:length]), 1, length)
        self.assertEqual(self.damaged(data), 0)

    def test_info_survives_flipped_bits(self):
        rng = random.Random(2)
        for path in (INFILL, ODD):
            data = pathlib.Path(path).read_bytes()
            head = data.index(b"output_norm.weight") + 200      # metadata and tensor infos
            for _ in range(300 if IS_NATIVE else 10):
                flipped = bytearray(data)
                for _ in range(rng.choice((1, 1, 1, 4))):
                    flipped[rng.randrange(head)] ^= 1 << rng.randrange(8)
                self.damaged(flipped)

    def test_damaged_weights_still_fill_or_are_refused(self):
        rng, data = random.Random(3), pathlib.Path(INFILL).read_bytes()
        path = self.folder() / "damaged.gguf"
        for seed in range(40 if IS_NATIVE else 4):
            flipped = bytearray(data)
            for _ in range(200):
                flipped[rng.randrange(len(data) - 36000, len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(flipped)
            code, out, err = run("infill", "-m", path, "--text", PAGE, "--seed", seed)
            self.assertEqual(code, 0, err)
            self.assertTrue(out.startswith(b"Once upon a time the "))

    def test_quantized_models_work(self):
        folder = self.folder()
        for kind in ("F32", "F16", "Q8_0", "Q4_0"):
            out = folder / f"{kind}.gguf"
            self.assertEqual(self.good("quantize", "-m", INFILL, "-o", out, "--type", kind), b"")
            self.assertEqual(self.objects("info", "-m", out)[0]["weights"], kind)
            self.good("infill", "-m", out, "--text", PAGE, "--seed", 1)
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["F16.gguf", "F32.gguf", "Q4_0.gguf", "Q8_0.gguf"])

    def test_quantize_failure_leaves_no_file(self):
        folder = self.folder()
        self.bad(2, "type", "quantize", "-m", INFILL, "-o", folder / "out", "--type", "Q9_9")
        self.bad(1, "out", "quantize", "-m", INFILL, "-o", folder / "none/out", "--type", "F16")
        (folder / "kept").mkdir()
        self.bad(1, "kept", "quantize", "-m", INFILL, "-o", folder / "kept", "--type", "F16")
        data = bytearray(pathlib.Path(ODD).read_bytes())
        data[-4:] = b"\x00\x00\xc0\x7f"                                 # the last weight is not a number
        (folder / "nan.gguf").write_bytes(data)
        (folder / "old").write_text("stays")
        self.bad(1, "not a number", "quantize", "-m", folder / "nan.gguf", "-o", folder / "old", "--type", "F16")
        self.assertEqual((folder / "old").read_text(), "stays")
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["kept", "nan.gguf", "old"])

    def test_bench_measures_every_instruction_set(self):
        lines = self.objects("bench", "-m", INFILL, "--tokens", 16, "--outputs", 2, "--repeat", 3)
        self.assertEqual(lines[0]["isa"], "scalar")
        self.assertTrue(all(line["tokens_per_second"] > 0 for line in lines))
        self.bad(1, "context", "bench", "-m", INFILL, "--tokens", 97, "--outputs", 2)
        self.bad(2, "outputs", "bench", "-m", INFILL, "--tokens", 2, "--outputs", 3)


if __name__ == "__main__":
    unittest.main()
