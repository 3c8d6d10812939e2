"""`palimpsest generate --messages` and `--chat`: answers, bad input, a full context, Ctrl-C.  Needs no package.

Tests with SmolLM2-135M-Instruct are skipped if it is absent (tools/models get smollm2)."""
import json
import os
import signal
import subprocess
import sys
import unittest

from cli_testing import AR, COMMAND, CommandTest, IS_NATIVE, ROOT, run
import test_cli_odd_files as odd

sys.path.append(str(ROOT / "tests/fuzz"))
from make_gguf_corpus import STRING, key

TEMPLATE = ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
HELLO = [{"role": "user", "content": "ab a"}]


def smollm2():
    done = subprocess.run([sys.executable, str(ROOT / "tools/models"), "path", "smollm2"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() if done.returncode == 0 else None


class Chat(CommandTest):
    def model(self, template=TEMPLATE, context=64):
        path = self.folder() / "chat.gguf"
        more = [key("tokenizer.chat_template", STRING, template)] if template else []
        path.write_bytes(odd.model({"llama.context_length": context}, more))
        return path

    def ask(self, messages, *arguments, model=None):
        text = messages if isinstance(messages, bytes) else json.dumps(messages).encode()
        return ("generate", "-m", model or self.model(), "--messages", "-", "--seed", 3, *arguments), text

    def objects_of(self, messages, *arguments, model=None):
        command, stdin = self.ask(messages, *arguments, model=model)
        return self.objects(*command, stdin=stdin)

    def test_an_answer_is_printed_without_the_conversation(self):
        model, path = self.model(), self.folder() / "messages.json"
        path.write_text(json.dumps(HELLO))
        answer, = self.objects_of(HELLO, "--max-tokens", 5, model=model)
        self.assertEqual((answer["text"], answer["generated_tokens"]), (answer["continuation"], 5))
        out = self.good("generate", "-m", model, "--messages", path, "--seed", 3, "--max-tokens", 5)
        self.assertEqual(out.decode(), answer["text"] + "\n")
        ids = self.good("tokenize", "-m", model, "--messages", path, "--ids").split()
        self.assertEqual(len(ids), answer["prompt_tokens"])
        two = self.objects_of(HELLO, "--max-tokens", 5, "--drafts", 2, model=model)
        self.assertEqual(two[0]["text"], answer["text"])
        self.assertEqual(two[1]["kept_tokens"], answer["prompt_tokens"] - 1)

    def test_a_system_message_can_be_given(self):
        model = self.model()
        with_system, = self.objects_of([{"role": "system", "content": "a b"}] + HELLO, "--max-tokens", 4, model=model)
        given, = self.objects_of(HELLO, "--max-tokens", 4, "--system", "a b", model=model)
        self.assertEqual(given["text"], with_system["text"])
        kept, = self.objects_of([{"role": "system", "content": "a b"}] + HELLO, "--max-tokens", 4, "--system", "b",
                                model=model)
        self.assertEqual(kept["text"], with_system["text"])

    def test_bad_conversations_are_named(self):
        model = self.model()
        for text, part in ((b"", "an array of messages is expected"), (b"{}", "an array of messages"),
                           (b"[1]", "a message is expected here"), (b"[{}]", "a string in double quotes"),
                           (b'[{"role":"user"}]', "no content"), (b'[{"content":"a"}]', "no role"),
                           (b'[{"role":"user","content":null}]', "a string in double quotes"),
                           (b'[{"role":"user","content":["a"]}]', "a string in double quotes"),
                           (b'[{"role":"user","content":"a}]', "does not end"),
                           (b'[{"role":"user","content":"\\q"}]', "not a valid escape"),
                           (b'[{"role":"user","content":"\\ud800"}]', "not a valid escape"),
                           (b'[{"role":"user","content":"\n"}]', "not a valid escape or character"),
                           (b'[{"role":"user","content":"a"}', "',' or ']'"),
                           (b'[{"role":"user","content":"a"}] x', "more text"),
                           (b'[{"role":"user","content":"a","role":"b"}]', "twice"),
                           (b'[{"x":' + b"[" * 1000, "nested too deeply"), (b'[{"x":', "ends too early"),
                           (b'[{"role":"user","content":"a","x":]}]', "a value is expected"),
                           (b"[]", "no messages"), (b'\xef\xbb\xbf[{"role":"user" "content":1}]', "',' or '}'")):
            command, stdin = self.ask(text, model=model)
            self.bad(1, part, *command, stdin=stdin)
        good = b'\xef\xbb\xbf [ {"id":[{"a":"]"},1e-3,null],"content":"\\u0061\\ud83d\\ude00\\/","role":"user"} ]\n'
        command, stdin = self.ask(good, "--max-tokens", 1, model=model)
        self.good(*command, stdin=stdin)
        self.bad(1, "No such file", "generate", "-m", model, "--messages", "no-such-file", "--seed", 1)

    def test_roles_and_templates_that_do_not_fit_are_named(self):
        command, stdin = self.ask(HELLO + [{"role": "tool", "content": "a"}])
        self.bad(1, "not system, user or assistant (number 1)", *command, stdin=stdin)
        for template, part in ((None, "no chat template"), ("{{ '<|im_sep|><|im_start|>' }}", "Phi-4"),
                               ("{{ strange\n }}", 'begins with "{{ strange\\n }}"')):
            command, stdin = self.ask(HELLO, model=self.model(template))
            self.bad(1, part, *command, stdin=stdin)
        gemma = "{{ '<start_of_turn>' + m.content | trim + '<end_of_turn>' }}{{ raise_exception('System role not supported') }}"
        command, stdin = self.ask(HELLO + HELLO, model=self.model(gemma))
        self.bad(1, "in turns", *command, stdin=stdin)

    def test_options_that_do_not_go_together_are_refused(self):
        for arguments in (("--messages", "x", "--prompt", "a"), ("--chat", "-"), ("--chat", "--drafts", 2),
                          ("--messages", "x", "--session", "y"), ("--chat", "--messages", "-"), ("--system", "a")):
            code, out, err = run("generate", "-m", AR, *arguments)
            self.assertEqual((code, out), (2, b""), err)

    def test_a_conversation_goes_on_from_its_cache_and_is_kept_in_its_file(self):
        model, path = self.model(context=400), self.folder() / "talk.json"
        talk = ("generate", "-m", model, "--chat", "--messages", path, "--seed", 3, "--max-tokens", 9, "--json")
        first, second = [json.loads(line) for line in self.good(*talk, stdin=b"ab a\n\n \r\nb a\r\n").splitlines()]
        self.assertEqual(first["kept_tokens"], 0)
        self.assertGreater(second["kept_tokens"], first["prompt_tokens"] - 1)
        self.assertEqual(second["evaluated_tokens"], second["prompt_tokens"] - second["kept_tokens"] + len(second["tokens"]) - 1)
        kept = json.loads(path.read_text())
        self.assertEqual([m["role"] for m in kept], ["user", "assistant"] * 2)
        self.assertEqual([m["content"] for m in kept], ["ab a", first["text"], "b a", second["text"]])
        whole, = self.objects_of(kept[:3], "--max-tokens", 9, model=model)
        self.assertEqual(whole["text"], second["text"])     # with and without cache
        third, = [json.loads(line) for line in self.good(*talk, stdin=b"a").splitlines()]
        self.assertGreater(third["prompt_tokens"], second["prompt_tokens"])
        path.write_text(json.dumps(HELLO))                  # a question without an answer is answered first
        self.assertEqual(len(self.good(*talk).splitlines()), 1)
        self.assertEqual(len(json.loads(path.read_text())), 2)

    def test_a_full_context_is_told_and_the_conversation_stays(self):
        model, path = self.model(context=48), self.folder() / "talk.json"
        code, out, err = run("generate", "-m", model, "--chat", "--messages", path, "--seed", 3, "--ignore-eos",
                             stdin=b"ab\n" + (b"ab " * 60 + b"\n") * 2)
        self.assertEqual(code, 1, err)
        self.assertIn("the context is full (48 tokens), so the answer ends here", err)
        self.assertEqual(err.count("but the context holds 48: the message was not added"), 2)
        self.assertEqual(len(json.loads(path.read_text())), 2)
        self.assertEqual(len(out.splitlines()), 1)
        command, stdin = self.ask([{"role": "user", "content": "ab " * 60}], model=model)
        self.bad(1, "use a larger --context", *command, stdin=stdin)

    @unittest.skipUnless(IS_NATIVE, "signals need the native command")
    def test_control_c_stops_an_answer_and_not_the_conversation(self):
        model, path = self.model(context=200000), self.folder() / "talk.json"
        with subprocess.Popen([*COMMAND, "generate", "-m", str(model), "--chat", "--messages", str(path), "--seed", "3",
                               "--ignore-eos", "--context", "200000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            for _ in range(2):
                process.stdin.write(b"ab\n")
                process.stdin.flush()
                self.assertTrue(process.stdout.read(1))
                process.send_signal(signal.SIGINT)
                self.assertTrue(process.stdout.readline().endswith(b"\n"))
            process.stdin.close()
            process.stdout.read()
            self.assertEqual(process.wait(60), 0, process.stderr.read())
        self.assertEqual([m["role"] for m in json.loads(path.read_text())], ["user", "assistant"] * 2)

    @unittest.skipUnless(smollm2(), "SmolLM2-135M-Instruct is absent: tools/models get smollm2")
    def test_smollm2_answers_in_its_format(self):
        question = [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}]
        answer, = self.objects_of(question, "--temperature", 0, "--max-tokens", 40, model=smollm2())
        self.assertEqual(answer["finish_reason"], "eos")
        self.assertEqual(answer["tokens"][-1]["piece"], "<|im_end|>")
        self.assertIn("Paris", answer["text"])

    @unittest.skipUnless(smollm2(), "SmolLM2-135M-Instruct is absent: tools/models get smollm2")
    def test_smollm2_has_the_tokens_of_the_reference(self):
        program = ROOT / "build/dev/tests/test_chat"
        if not program.exists():
            self.skipTest("build/dev/tests/test_chat is absent")
        done = subprocess.run([program], env={**os.environ, "PAL_SMOLLM2": smollm2()}, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("skipped", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
