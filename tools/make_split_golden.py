#!/usr/bin/env python3
"""Writes the golden file of tests/test_split.c: texts, and their words by the tokenizers package.

usage: make_split_golden.py [--seed N] [--texts N]      (needs the packages tokenizers and gguf)

The rules are the regular expressions that the models' tokenizers publish; where llama.cpp replaces one of them by
another that its own matcher can run (tekken, gpt-4o), the published one is used here.  The texts are those of
make_bpe_golden.py, with more cases that these rules distinguish: cases, marks, title case, signs before letters.

  tests/golden/token/split.bin    "PALSPL1\\n", then numbers, 7 bits a byte, the lowest first, the high bit set in all
bytes but the last: the number of rules, for each the bytes of its name and the name; the number of texts, for each its
bytes, the bytes themselves, then until all rules had their turn: a mask of the rules (in their order) that give the
same words, how many words there are, and for each its bytes.
"""
import argparse
import pathlib
import random

from make_bpe_golden import GPT2, LLAMA3, RULES as OLD, ROOT, Texts, number
from tokenizers import Regex, pre_tokenizers

CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
QWEN2 = LLAMA3.replace("{1,3}", "")
KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
LETTERS = ("A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af"
           "\u0370-\u0373\u0376-\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"
           "\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba"
           "\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45"
           "\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe"
           "\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102"
           "\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
           "\u213c-\u213f\u2145-\u2149\u214e\u2183-\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2-\u2cf3"
           "\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06"
           "\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
           "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df"
           "\U0001e900-\U0001e943")


def cased(contraction, numbers):
    first = r"[^\r\n\p{L}\p{N}]?"
    rest = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    return f"{first}{UPPER}*{LOWER}+{contraction}|{first}{UPPER}+{LOWER}*{contraction}|{numbers}{rest}"


RULES = {
    "llama-bpe": OLD["llama-bpe"],
    "qwen2": [QWEN2],
    "gpt-2": [GPT2],
    "tekken": [cased("", r"\p{N}")],
    "gpt-4o": [cased(CONTRACTION + "?", r"\p{N}{1,3}")],
    "youtu": ["[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+", cased(CONTRACTION + "?", r"\p{N}")],
    "deepseek-llm": ["[\r\n]", rf"\s?[{LETTERS}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$",
                     "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", r"\p{N}+"],
    "deepseek-v3": [r"\p{N}{1,3}", KANA,
                    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "qwen35": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
               r"|\s+(?!\S)|\s+"],
    "seed-coder": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "bailingmoe": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
                   r"|\s+(?!\S)|\s+"],
    "ufakzeka": [QWEN2.replace(CONTRACTION + "|", "")],
    "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace("{1,3}", "+")],
    "laguna": ["[^\n]+|[\n]+", QWEN2],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
}

ENGLISH = """The old man's boat wasn't there; he'd sold it, they'll say, in 1987 for $1,200.50 (or so). "We've seen it,"
I'm told, 'but YOU'RE wrong!' iPhone McDonald's XMLHttpRequest getURLs HTML5 snake_case camelCase CONST_VALUE: x=f(a,b);
for (int i = 0; i < 10; i++) { a[i] += b[i] / 2; }  // http://example.org/path/to?q=1&r=2#top\n\n\tEnd of file.
"""

CASES = ["Ab", "aB", "AB", "ABc", "aBC", "HTMLParser", "\u01c5a", "\u01c4A", "\u01c6", "\u02b0", "\u02b0A", "A\u02b0",
         "A\u4e2d", "\u4e2dA", "a\u4e2dB", "A\u0301", "\u0301A", "\u0301", "\u0301a", "A\u0301B", "\u0939\u093f",
         "\u20dd", "\u0488", "\u13a0\uab70", "\u10d0\u1c90", "\u03a3\u03c3\u03c2", "\u0414\u0436\u042f", "\ufb01",
         "\u2160", "\u24b6", "\U0001d400", "\U00010400\U00010428", "\U0001e900\U0001e922", "\u0561\u0531\u0560", "\u2c00",
         "\ua790\ua791", "\ua78f", "\u1c80", "\u2d00", "\u0130\u0131", "\u00aa", "\u00df\u1e9e"]
MORE = ["/", "//", "/\n", "!/\r\n", "!a", "#Ab", "@x", "_y", "~z", "\u3000", "\u3000\u3001", "\u3105\u3131", "\u30a2\u3042",
        "\uff01\uff0f", "\uff1a\uff5e", "\u2018\u201f", "\u060c", "\u06d4", "\u0964", "(", ")", "|", "\u2026", "\x1d",
        "1a", "12/34", "'S", "'\u017f", "\u200d", "  \n", "\n\n\n ", "\u2028", "\ufe30\ufe4f", "[", "]", "[.]"]


class More(Texts):
    def __init__(self, seed):
        super().__init__(ENGLISH * 5, seed)
        self.makers += [self.cases, self.mixed]
        self.shares += [25, 25]

    def cases(self):
        return self.some(lambda: self.random.choice(CASES + [" ", "'s", "'LL", "'"]), 7)

    def mixed(self):
        return self.some(lambda: self.random.choice([self.random.choice(CASES), self.random.choice(MORE), self.part()]), 8)


def splitter(patterns):
    steps = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in patterns])

    def words(text):
        cuts = [span for _, span in steps.pre_tokenize_str(text)]
        assert "".join(text[a:b] for a, b in cuts) == text
        return tuple(len(text[a:b].encode()) for a, b in cuts)
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--texts", type=int, default=3000)
    args = parser.parse_args()
    splitters = [splitter(p) for p in RULES.values()]
    out = bytearray(b"PALSPL1\n" + number(len(RULES)))
    for name in RULES:
        out += number(len(name)) + name.encode()
    texts = More(args.seed).make(args.texts)
    out += number(len(texts))
    for text in texts:
        raw = text.encode()
        out += number(len(raw)) + raw
        masks = {}
        for i, split in enumerate(splitters):
            words = split(text)
            masks[words] = masks.get(words, 0) | 1 << i
        for words, mask in masks.items():
            out += number(mask) + number(len(words)) + b"".join(number(n) for n in words)
    path = ROOT / "tests" / "golden" / "token" / "split.bin"
    path.write_bytes(out)
    print(f"{path}: {len(RULES)} rules, {len(texts)} texts, {len(out)} bytes")


if __name__ == "__main__":
    main()
