"""tools/convert: tokens equal those of the tokenizers and sentencepiece packages; the command reads the converted
files."""
import json
import pathlib
import subprocess
import unittest

from convert_testing import COMMAND, ConvertTest, MISSING, SHARED

if not MISSING:
    import sentencepiece
    import tokenizers

    import read_back
    import samples

TEXTS = ["the cat and the dog", " sea  sand\nship", "It's 1234 o'clock, isn't IT?\n\n ok", "hot", "", " ", "a b\n c  "]


class Tokenizers(ConvertTest):
    def same_tokens(self, source):
        """The command, on the converted file, against the tokenizers package on the source."""
        if not pathlib.Path(COMMAND[-1]).exists():
            self.skipTest(f"{COMMAND[-1]} is absent")
        theirs = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json"))
        for text in TEXTS:
            done = subprocess.run([*COMMAND, "tokenize", "-m", str(self.out), "--ids", "--text", text],
                                  capture_output=True, check=True, timeout=60)
            expected = theirs.encode(text, add_special_tokens=False).ids
            self.assertEqual([int(i) for i in done.stdout.split()], expected, repr(text))

    def test_byte_level_metadata(self):
        rules = {"gpt2": "gpt-2", "llama-bias": "llama-bpe", "llama-factors": "smollm", "qwen2": "qwen2"}
        for name, rule in rules.items():
            with self.subTest(rule):
                source, _, _ = self.sample(name)
                keys = self.convert(source).keys
                tokenizer = json.loads((source / "tokenizer.json").read_text())
                self.assertEqual((keys["tokenizer.ggml.model"], keys["tokenizer.ggml.pre"]), ("gpt2", rule))
                vocab = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
                self.assertEqual(keys["tokenizer.ggml.tokens"], [*vocab, "<|begin|>", "<|end|>"])
                self.assertEqual(keys["tokenizer.ggml.token_type"], [1] * 110 + [3] * 2)
                self.assertEqual(keys["tokenizer.ggml.merges"], [" ".join(m) for m in tokenizer["model"]["merges"]])
                self.assertEqual((keys["tokenizer.ggml.bos_token_id"], keys["tokenizer.ggml.eos_token_id"]), (110, 111))
                self.assertIs(keys["tokenizer.ggml.add_bos_token"], False)

    def test_gpt2_vocabulary_is_llama_cpps(self):
        published, theirs = SHARED / "fixtures/gpt2-bpe", SHARED / "fixtures/gguf-vocab/ggml-vocab-gpt-2.gguf"
        if not (published.exists() and theirs.exists()):
            self.skipTest(f"{published} or {theirs} is absent")
        vocab = json.loads((published / "encoder.json").read_text())
        ids = {"vocab_size": len(vocab), "bos_token_id": 50256, "eos_token_id": 50256}
        source, _, _ = self.sample("gpt2", ids | {"n_embd": 6, "n_inner": 6, "n_layer": 1})
        merges = (published / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
        self.edit(source / "tokenizer.json", lambda t: (t["model"].update(vocab=vocab, merges=merges),
                                                        t.update(added_tokens=[samples.added(50256, "<|endoftext|>")])))
        ours, theirs = self.convert(source).keys, read_back.Gguf(theirs).keys
        for name in "model", "tokens", "token_type", "merges", "bos_token_id", "eos_token_id":
            self.assertEqual(ours[f"tokenizer.ggml.{name}"], theirs[f"tokenizer.ggml.{name}"], name)
        self.same_tokens(source)

    def test_byte_level_tokens_are_those_of_the_tokenizers_package(self):
        for name in "gpt2", "llama-bias", "llama-factors", "qwen2":
            with self.subTest(name):
                source, _, _ = self.sample(name)
                self.convert(source)
                self.same_tokens(source)

    def test_sentencepiece_json_tokens_are_those_of_the_tokenizers_package(self):
        source, _, _ = self.sample("llama-tied")
        keys = self.convert(source).keys
        self.assertEqual(keys["tokenizer.ggml.model"], "llama")
        self.assertEqual(keys["tokenizer.ggml.token_type"], [2, 3, 3] + [1] * 109)
        self.assertEqual([keys[f"tokenizer.ggml.add_{k}"] for k in ("bos_token", "eos_token", "space_prefix")],
                         [True, False, True])
        scores = [s for s in keys["tokenizer.ggml.scores"] if s > -1e6]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.same_tokens(source)

    def test_settings_and_added_tokens_reach_the_file(self):
        source, _, _ = self.sample("llama-tied", {"vocab_size": 120})
        samples.write_json(source / "tokenizer_config.json", {
            "add_bos_token": False, "add_eos_token": True, "bos_token": {"content": "<s>"}, "eos_token": "<|stop|>",
            "pad_token": None})
        self.edit(source / "tokenizer.json", lambda t: t["added_tokens"].extend(
            [samples.added(112, "<|stop|>", special=False), samples.added(114, "<tag>", special=False)]))
        keys = self.convert(source).keys
        self.assertEqual(keys["tokenizer.ggml.tokens"][112:],
                         ["<|stop|>", "[PAD113]", "<tag>", *(f"[PAD{i}]" for i in range(115, 120))])
        self.assertEqual(keys["tokenizer.ggml.token_type"][112:], [3, 5, 4, 5, 5, 5, 5, 5])
        self.assertEqual((keys["tokenizer.ggml.bos_token_id"], keys["tokenizer.ggml.eos_token_id"]), (1, 112))
        self.assertEqual((keys["tokenizer.ggml.add_bos_token"], keys["tokenizer.ggml.add_eos_token"]), (False, True))

    def test_words_that_are_tokens_without_merges_need_the_rule_that_takes_them(self):
        source, _, _ = self.sample("llama-bias")
        self.edit(source / "tokenizer.json", lambda t: t["model"].update(ignore_merges=False))
        self.convert(source)                                        # every token can be merged: no difference
        self.edit(source / "tokenizer.json", lambda t: t["model"]["merges"].pop(0))
        self.out.unlink()
        self.refused("ignore_merges is False", source)

    def sentencepiece_folder(self, **options):
        source, _, _ = self.sample("llama-tied", {"vocab_size": 400})
        (source / "tokenizer.json").unlink()
        text = self.folder / "text"
        text.write_text(samples.TEXT * 3 + "some more words for more pieces, of which there are not so many\n")
        settings = {"model_type": "bpe", "byte_fallback": True, "vocab_size": 330,
                    "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
                    "user_defined_symbols": ["<tag>"], "minloglevel": 3}
        sentencepiece.SentencePieceTrainer.train(input=str(text), model_prefix=str(source / "tokenizer"),
                                                 **(settings | options))
        return source

    def test_sentencepiece_model_pieces_and_tokens(self):
        source = self.sentencepiece_folder()
        samples.write_json(source / "tokenizer_config.json", {"added_tokens_decoder": {
            "0": {"content": "<unk>", "special": True}, "330": {"content": "<|im_end|>", "special": True}}})
        samples.write_json(source / "added_tokens.json", {"<extra>": 331})
        keys = self.convert(source).keys
        theirs = sentencepiece.SentencePieceProcessor(str(source / "tokenizer.model"))
        self.assertEqual(keys["tokenizer.ggml.tokens"][:332],
                         [*(theirs.id_to_piece(i) for i in range(330)), "<|im_end|>", "<extra>"])
        self.assertEqual(keys["tokenizer.ggml.scores"][:330], [theirs.get_score(i) for i in range(330)])
        types = keys["tokenizer.ggml.token_type"]
        self.assertEqual(types[:5] + types[329:333], [2, 3, 3, 4, 6, 1, 3, 4, 5])
        if not pathlib.Path(COMMAND[-1]).exists():
            self.skipTest(f"{COMMAND[-1]} is absent")
        for text in [*TEXTS, "caf\u00e9 <tag> x"]:
            done = subprocess.run([*COMMAND, "tokenize", "-m", str(self.out), "--ids", "--text", text],
                                  capture_output=True, check=True, timeout=60)
            self.assertEqual([int(i) for i in done.stdout.split()], theirs.encode(text), repr(text))

    def test_sentencepiece_models_of_other_kinds_are_refused(self):
        for part, options in (("UNIGRAM", {"model_type": "unigram", "vocab_size": 300}),
                              ("nmt_nfkc", {"normalization_rule_name": "nmt_nfkc"}),
                              ("extra spaces", {"remove_extra_whitespaces": True}),
                              ("suffixes", {"treat_whitespace_as_suffix": True})):
            with self.subTest(part):
                self.refused(part, self.sentencepiece_folder(**options))

    def test_tokenizers_that_are_not_known(self):
        def put(*keys):
            *path, last, value = keys

            def change(t):
                for key in path:
                    t = t[key]
                t[last] = value
            return change

        split = {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated", "invert": False}
        whole = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
        cases = [("gpt2", put("pre_tokenizer", {"type": "Sequence", "pretokenizers": [split, whole]}), "'x+'"),
                 ("gpt2", put("pre_tokenizer", {"type": "WhitespaceSplit"}), "WhitespaceSplit"),
                 ("gpt2", put("pre_tokenizer", None), "nothing"),
                 ("gpt2", put("pre_tokenizer", whole), "ByteLevel False"),
                 ("gpt2", put("pre_tokenizer", "add_prefix_space", True), "puts a space"),
                 ("gpt2", put("normalizer", {"type": "Lowercase"}), "Lowercase"),
                 ("gpt2", put("normalizer", {"type": "NFC"}), "NFC"),
                 ("gpt2", put("model", "type", "Unigram"), "Unigram"),
                 ("gpt2", put("model", "unk_token", "?"), "no token"),
                 ("gpt2", put("added_tokens", 0, "content", 7), "the token 7"),
                 ("gpt2", put("model", "end_of_word_suffix", "</w>"), "end_of_word_suffix"),
                 ("gpt2", put("model", "merges", 0, ["t", "zz"]), "not of the vocabulary"),
                 ("gpt2", put("model", "vocab", "new", 3), "the same id 3"),
                 ("gpt2", put("model", "vocab", "new", 112), "113 tokens, while the embedding has 112"),
                 ("gpt2", put("model", "vocab", "qzx", 109), "the same id"), ("gpt2", put("model", None), "no model"),
                 ("gpt2", put("added_tokens", 0, samples.added(3, "<x>", False) | {"lstrip": True}), "lstrip"),
                 ("gpt2", put("post_processor", {"type": "BertProcessing"}), "BertProcessing"),
                 ("llama-tied", put("normalizer", None), "not those of Llama"),
                 ("llama-tied", put("model", "dropout", 0.1), "dropout"),
                 ("llama-tied", put("post_processor", "single", 0, "SpecialToken", "id", "</s>"), "where bos is")]
        for name, change, part in cases:
            with self.subTest(part):
                source, _, _ = self.sample(name)
                self.edit(source / "tokenizer.json", change)
                self.refused(part, source)
        source, _, _ = self.sample("llama-tied")
        self.edit(source / "tokenizer.json", lambda t: t["model"]["merges"].append(t["model"]["merges"].pop(0)))
        self.edit(source / "tokenizer.json", lambda t: t["model"]["merges"].insert(9, t["model"]["merges"][0]))
        self.refused("do not stand together", source)
        (source / "tokenizer.json").unlink()
        self.refused("neither tokenizer.json nor tokenizer.model", source)
        (source / "tokenizer.model").write_bytes(b"not a model")
        self.refused("not a SentencePiece model", source)


if __name__ == "__main__":
    unittest.main()
