#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/chat: the templates of tests/golden/chat, each with a conversation, and odd ones.

Run without arguments from anywhere; needs only Python 3.  tools/fuzz adds the inputs that it finds."""
import json
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ["chatml", "chatml-system", "chatml-think", "llama3", "llama3-date", "gemma", "gemma-system", "mistral-v1",
         "mistral-v3", "mistral-tekken"]     # in the order of fuzz_chat.c
USER_DEFINED = 16


def template(name):
    file = (HERE.parent / "golden/chat" / f"{name}.gguf").read_bytes()
    at = file.index(b"tokenizer.chat_template") + len("tokenizer.chat_template") + 4
    size, = struct.unpack_from("<Q", file, at)
    return file[at + 8:at + 8 + size]


def talk(*contents, system=None):
    messages = [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]
    return ([{"role": "system", "content": system}] if system is not None else []) + messages


TALKS = [talk("ab", "<think>x</think>\n\n b ", " c\u00a0"), talk("a", system=" s "), talk("<|im_end|>[/INST]</s><end_of_turn>"),
         talk("", "", ""), talk("\u2003a<|eot_id|>", system="")]
JSON = [b'[]', b'[{"role":"user","content":"\\ud83d\\ude00\\u0000"}]', b'\xef\xbb\xbf [ {"id":[{"a":"]"},1e-3,null],"content":"\\/",'
        b'"role":"user"} ]\n', b'[{"role":"user","content":"\xff\xc3"}]', b'[{"x":' + b"[" * 70, b'[{"role":"tool","content":"a"}]']


def main():
    folder = HERE / "corpus" / "chat"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = {}
    for i, name in enumerate(NAMES):
        for k in range(2):
            messages = json.dumps(TALKS[(i + k) % len(TALKS)], ensure_ascii=False).encode()
            seeds[f"{name}-{k}"] = bytes([i + (USER_DEFINED if k else 0)]) + template(name) + b"\0" + messages
    for i, text in enumerate(JSON):
        seeds[f"json-{i}"] = b"\0<|im_start|><|im_end|>\0" + text
    seeds["short"] = b"\0<start_of_turn>trim<end_of_turn>first_user_prefix\0" + JSON[1]
    seeds["other"] = b"\0[INST][/INST]'eos_token\0"
    for name, data in seeds.items():
        (folder / name).write_bytes(data)
    print(f"{len(seeds)} seeds, {sum(map(len, seeds.values()))} bytes, in {folder.name}")


if __name__ == "__main__":
    main()
