"""`palimpsest generate --chat` as a person sees it: on a pseudo-terminal, with keys pressed.  Needs no package."""
import json
import os
import select
import sys
import time
import unittest

from cli_testing import AR, COMMAND, CommandTest, IS_NATIVE, ROOT
import test_cli_odd_files as odd

sys.path.append(str(ROOT / "tests/fuzz"))
from make_gguf_corpus import STRING, key

try:
    import pty
except ImportError:     # not on Windows
    pty = None

TEMPLATE = ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
CONTROL_C, CONTROL_D = b"\x03", b"\x04"
SECONDS = 120


class Terminal:
    """The command with a terminal of its own as standard input, output and error."""

    def __init__(self, *arguments):
        self.shown = b""
        self.pid, self.end = pty.fork()
        if not self.pid:
            os.execvp(COMMAND[0], [*COMMAND, *map(str, arguments)])

    def press(self, keys):
        os.write(self.end, keys)

    def read(self):
        """Reads what comes next; False at the end of the command."""
        if not select.select([self.end], [], [], SECONDS)[0]:
            raise TimeoutError(f"the command is silent after {self.shown[-2000:]}")
        try:
            more = os.read(self.end, 4096)
        except OSError:     # Linux: nobody writes to the terminal any more
            more = b""
        self.shown += more
        return bool(more)

    def until(self, text):
        """What is written up to and with the text; the rest is kept."""
        stop = time.monotonic() + SECONDS
        while text not in self.shown:
            if not self.read() or time.monotonic() > stop:
                raise AssertionError(f"expected {text}, got {self.shown[-2000:]}")
        out, _, self.shown = self.shown.partition(text)
        return (out + text).decode().replace("\r\n", "\n")

    def wait(self):
        """Reads to the end; what was written, and the exit code."""
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.end)
        return self.shown.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)


@unittest.skipUnless(IS_NATIVE and pty, "a pseudo-terminal needs the native command")
class ChatOnATerminal(CommandTest):
    def start(self, *arguments, context=400, talk=None):
        folder = self.folder()
        self.path, model = folder / "talk.json", folder / "chat.gguf"
        model.write_bytes(odd.model({"llama.context_length": context}, [key("tokenizer.chat_template", STRING, TEMPLATE)]))
        if talk:
            self.path.write_text(json.dumps(talk))
        return Terminal("generate", "-m", model, "--chat", "--messages", self.path, "--seed", 3, *arguments)

    def talk(self):
        return json.loads(self.path.read_text())

    def test_two_turns_and_the_end_of_the_input(self):
        terminal = self.start("--max-tokens", 9)
        hello = terminal.until(b"> ")
        self.assertIn("Ctrl-C stops an answer, Ctrl-D ends the conversation.\n", hello)
        for message in ("ab a", "b a"):
            terminal.press(message.encode() + b"\n")
            shown = terminal.until(b"\n> ")
            *before, answer = self.talk()
            self.assertEqual((before[-1]["role"], before[-1]["content"], answer["role"]), ("user", message, "assistant"))
            self.assertEqual(shown, f"{message}\n{answer['content']}\n> ")
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait(), ("\n", 0))    # Regression: the shell's prompt was behind this one
        self.assertEqual(len(self.talk()), 4)

    def test_empty_lines_are_no_messages(self):
        terminal = self.start("--max-tokens", 3)
        terminal.until(b"> ")
        for line in (b"\n", b"  \t \n"):
            terminal.press(line)
            self.assertTrue(terminal.until(b"\n> ").endswith("\n> "))
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait()[1], 0)
        self.assertFalse(self.path.exists())

    def test_control_c_stops_the_answer_and_not_the_conversation(self):
        terminal = self.start("--ignore-eos", "--context", 200000, context=200000)
        terminal.until(b"> ")
        for turn in range(2):
            terminal.press(b"ab\n")
            terminal.until(b"ab\r\n")
            for _ in range(5):      # it streams
                before = len(terminal.shown)
                terminal.read()
                self.assertGreater(len(terminal.shown), before)
            self.assertNotIn(b"> ", terminal.shown)
            terminal.press(CONTROL_C)
            terminal.until(b"\n> ")
            self.assertEqual(len(self.talk()), 2 * turn + 2)
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait(), ("\n", 0))

    def test_control_c_while_the_terminal_is_full_loses_nothing(self):
        """Regression: the writing that Ctrl-C cut was an error, "the output could not be written"."""
        terminal = self.start("--ignore-eos", "--context", 200000, context=200000)
        terminal.until(b"> ")
        terminal.press(b"ab\n")
        terminal.until(b"ab\r\n")
        time.sleep(1)       # nobody reads: the command waits in the middle of writing
        terminal.press(CONTROL_C)
        terminal.until(b"\n> ")
        self.assertEqual(len(self.talk()), 2)
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait(), ("\n", 0))

    def test_control_c_at_the_prompt_discards_the_line_and_twice_ends(self):
        """Regression: Ctrl-C just after an answer ended the conversation."""
        terminal = self.start("--max-tokens", 5)
        terminal.until(b"> ")
        terminal.press(b"half a li")
        terminal.until(b"half a li")
        terminal.press(CONTROL_C)
        self.assertIn("Ctrl-C again, or Ctrl-D, ends", terminal.until(b"\n> "))
        terminal.press(b"ab\n")
        terminal.until(b"\n> ")
        self.assertEqual([m["content"] for m in self.talk()][0], "ab")
        for _ in range(2):      # a message between two Ctrl-C: they are not in a row
            terminal.press(CONTROL_C)
            terminal.until(b"ends the conversation.\r\n> ")
            terminal.press(b"\n")
            terminal.until(b"\n> ")
        terminal.press(CONTROL_C)
        terminal.until(b"ends the conversation.\r\n> ")
        terminal.press(CONTROL_C)
        out, code = terminal.wait()
        self.assertTrue(out.endswith("\n"))
        self.assertEqual(code, 130)
        self.assertEqual(len(self.talk()), 2)

    def test_a_full_context_refuses_the_message_and_the_conversation_stays(self):
        terminal = self.start("--ignore-eos", context=48)
        terminal.until(b"> ")
        terminal.press(b"ab\n")
        self.assertIn("\npalimpsest: the context is full (48 tokens), so the answer ends here", terminal.until(b"\n> "))
        terminal.press(b"ab " * 60 + b"\n")
        self.assertIn("but the context holds 48: the message was not added", terminal.until(b"\n> "))
        self.assertEqual(len(self.talk()), 2)
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait(), ("\n", 1))

    def test_a_system_message_and_a_conversation_that_goes_on(self):
        terminal = self.start("--max-tokens", 3, "--system", "a b")
        self.assertNotIn("so far", terminal.until(b"> "))
        terminal.press(b"ab\n")
        terminal.until(b"\n> ")
        terminal.press(CONTROL_D)
        terminal.wait()
        self.assertEqual([(m["role"], m["content"]) for m in self.talk()][:2], [("system", "a b"), ("user", "ab")])
        terminal = self.start("--max-tokens", 3, talk=self.talk())
        self.assertIn("The conversation so far has 3 messages.\n", terminal.until(b"> "))
        terminal.press(b"b\n")
        terminal.until(b"\n> ")
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait()[1], 0)
        self.assertEqual([m["role"] for m in self.talk()], ["system"] + ["user", "assistant"] * 2)

    def test_lines_that_are_continued_end_with_a_line_break_too(self):
        terminal = Terminal("generate", "-m", AR, "--interactive", "--seed", 3, "--max-tokens", 3)
        terminal.until(b"> ")
        terminal.press(b"Once\n")
        terminal.until(b"\n> ")
        terminal.press(CONTROL_D)
        self.assertEqual(terminal.wait(), ("\n", 0))


if __name__ == "__main__":
    unittest.main()
