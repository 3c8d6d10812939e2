"""Recognises how a tokenizer.json splits text into words, and returns the rule's name for tokenizer.ggml.pre.

llama.cpp's converter recognises a tokenizer by its tokens of a test text.  Here its structure is compared with the
structures of known rules, and any other is refused.
"""
from parts import Refused, require

LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
SIGNS = r" ?[^\s\p{L}\p{N}]+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|" + SIGNS + r"|\s+(?!\S)|\s+"
GPT2_SHORT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+|" + SIGNS + r"|\s+(?!\S)|\s+"
FOLDED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|" + LETTERS + "|"
LLAMA3 = FOLDED + r"\p{N}{1,3}|" + SIGNS + r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = FOLDED + r"\p{N}|" + SIGNS + r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
EAST_ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

WITH_REGEX, BYTES_ONLY, SINGLE_DIGITS = ("ByteLevel", True), ("ByteLevel", False), ("Digits", True)
RULES = {
    "gpt-2": [[WITH_REGEX], [("Split", GPT2), BYTES_ONLY], [("Split", GPT2_SHORT), BYTES_ONLY]],
    "smollm": [[SINGLE_DIGITS, WITH_REGEX]],
    "llama-bpe": [[("Split", LLAMA3), BYTES_ONLY]],
    "qwen2": [[("Split", QWEN2), BYTES_ONLY]],
    "deepseek-coder": [[("Split", "[\r\n]"), ("Split", r"\s?\p{L}+"), ("Split", r"\s?\p{P}+"), ("Split", EAST_ASIAN),
                        SINGLE_DIGITS, BYTES_ONLY]],
}
COVERING = {GPT2, GPT2_SHORT, LLAMA3, QWEN2}      # they match all of a text: keeping the matches is splitting at them


def flatten(node):
    if node is None:
        return []
    if node.get("type") == "Sequence":
        return [part for child in node.get("pretokenizers", []) for part in flatten(child)]
    return [node]


def split_step(node):
    pattern = node.get("pattern", {})
    text = pattern.get("Regex", pattern.get("String"))
    behavior, inverted = node.get("behavior"), node.get("invert", False)
    is_isolated, is_kept = (behavior, inverted) == ("Isolated", False), (behavior, inverted) == ("Removed", True)
    require(is_isolated or (is_kept and text in COVERING),
            f"the splitting rule {text!r} with the behaviour {behavior}, invert {inverted} is not known")
    return "Split", text


def step(node):
    kind = node.get("type")
    if kind == "Split":
        return split_step(node)
    if kind == "Digits":
        return "Digits", node.get("individual_digits", False)
    if kind == "ByteLevel":
        require(not node.get("add_prefix_space", True), "a byte-level tokenizer that puts a space before the text")
        return "ByteLevel", node.get("use_regex", True)
    raise Refused(f"the pre-tokenizer {kind} is not known")


def name_of(node):
    """The name of the rule for tokenizer.json's `pre_tokenizer`; Refused if it is none of RULES."""
    steps = [step(part) for part in flatten(node)]
    for name, forms in RULES.items():
        if steps in forms:
            return name
    words = ", ".join(f"{kind} {argument!r}" for kind, argument in steps) or "nothing"
    raise Refused(f"the pre-tokenizer ({words}) is not one of {', '.join(RULES)}")
