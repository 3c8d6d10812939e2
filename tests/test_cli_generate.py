"""`palimpsest generate`: texts, sessions, grammars, bad input, Ctrl-C.  Needs no package."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from cli_testing import AR, COMMAND, CommandTest, INFILL, IS_NATIVE, MODELS, ROOT, STORIES, WASM, run


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
        arguments = ("--seed", 18446744073709551615, "--max-tokens", 20, "--drafts", 2, "--threads", 3)
        drafts = self.write_objects("Tom and", *arguments, "--alternatives", 3)
        plain = self.write("Tom and", *arguments)
        self.assertEqual("\n---\n".join(d["text"] for d in drafts) + "\n", plain)
        for number, d in enumerate(drafts):
            self.assertEqual((d["seed"], d["draft"], d["model"], d["threads"], d["finish_reason"]),
                             (18446744073709551615, number, "stories260K", 3 if IS_NATIVE else 1, "length"))
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
        self.bad(1, "exclude", "generate", "-m", STORIES, "--prompt", "x", "--grammar", path, "--seed", 1, *bans)

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

    def test_text_that_is_cut_inside_of_a_character_goes_on_with_all_of_it(self):
        """Regression: both halves lost the character, or its bytes were output one by one."""
        folder = self.folder()
        grammar, path = folder / "emoji.gbnf", folder / "session"
        grammar.write_text('root ::= [😀-🙏]{3,9} "."', "utf-8")
        common = ("--grammar", grammar, "--seed", 3)
        whole = self.write("A", *common, "--max-tokens", 12)[1:-1]
        self.assertRegex(whole, "^[😀-🙏]{3}$")
        for cut in range(1, 9):
            path.unlink(missing_ok=True)
            self.assertEqual(self.write("A", *common, "--max-tokens", cut), f"A{whole[:cut // 4]}\n")
            first, = self.write_objects("A", *common, "--max-tokens", cut, "--session", path)
            second, = self.write_objects("", "--grammar", grammar, "--max-tokens", 12 - cut, "--session", path)
            self.assertEqual(first["continuation"], whole[:cut // 4])
            self.assertEqual(first["continuation"] + second["continuation"], whole)
            self.assertEqual(len(first["tokens"]), cut)
        path.unlink()
        self.write("A", *common, "--context", 8, "--session", path)
        self.assertIn(whole[1:], self.write("", "--grammar", grammar, "--max-tokens", 9, "--session", path))
        prompts = []
        for cut in (4, 6, 7):  # what was not shown is not read before the next text either
            path.unlink()
            self.write("A", *common, "--max-tokens", cut, "--session", path)
            asked, = self.write_objects("B", "--seed", 3, "--max-tokens", 1, "--session", path)
            prompts.append(asked["prompt_tokens"])
        self.assertEqual(prompts, prompts[:1] * 3)

    def test_sessions_that_do_not_fit_are_refused_and_kept(self):
        path = self.folder() / "session"
        self.write("Once", "--seed", 3, "--max-tokens", 20, "--session", path)
        data = path.read_bytes()
        self.bad(1, "another model", "generate", "-m", AR, "--prompt", "x", "--session", path)
        self.bad(1, "another type", "generate", "-m", STORIES, "--prompt", "x", "--session", path, "--kv", "F16")
        self.bad(1, "more tokens", "generate", "-m", STORIES, "--prompt", "x", "--session", path, "--context", 10)
        self.assertEqual(path.read_bytes(), data)
        for broken in (b"", b"x", data[:100], data[:-1], data + b"x", data[:500] + b"?" + data[501:]):
            path.write_bytes(broken)
            self.bad(1, "session", "generate", "-m", STORIES, "--prompt", "x", "--session", path)
            self.assertEqual(path.read_bytes(), broken)
        self.bad(1, "cannot be", "generate", "-m", STORIES, "--prompt", "x", "--session", path.parent, "--seed", 1)

    def test_bad_prompts_and_models_are_refused(self):
        self.bad(1, "context holds", "generate", "-m", STORIES, "--prompt", "long " * 600, "--seed", 1)
        self.bad(1, "context holds", "generate", "-m", STORIES, "--prompt", "a b c d e f", "--seed", 1, "--context", 4)
        self.bad(1, "left to right", "generate", "-m", INFILL, "--prompt", "x", "--seed", 1)
        self.bad(1, "only a vocabulary", "generate", "-m", MODELS / "tales-vocab.gguf", "--prompt", "x", "--seed", 1)
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
        self.bad(1, "NaN or infinity", "generate", "-m", path, "--prompt", "x", "--seed", 1)

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


if __name__ == "__main__":
    unittest.main()
