"""tools/convert: what it writes computes what the source computed, and what it does not understand it refuses.

Needs the packages of tools/convert/requirements.txt; without them every test is skipped.  The tests that compare
tokens also need the command (build/release/palimpsest, or PALIMPSEST), which reads the files back."""
import contextlib
import io
import json
import os
import pathlib
import shlex
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/convert"))
try:
    import gguf
    import numpy as np
    import sentencepiece
    import tokenizers
    import torch

    import convert
    import reference
    import samples
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tools/convert/requirements.txt)"

SHARED = pathlib.Path(os.environ.get("PAL_SHARED", ROOT.parent / "shared"))
STORIES = SHARED / "fixtures/stories260K"
COMMAND = shlex.split(os.environ.get("PALIMPSEST", str(ROOT / "build/release/palimpsest")))
NAMES = ("llama-tied", "llama-bias", "llama-factors", "llama-linear", "qwen2", "qwen3", "gpt2")
# The documented greedy continuation of BOS, 256 tokens.
GREEDY = """\
Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, \
red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with \
your ball, but I can't find it."
Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
Lily didn't want to help her mom, so she said, "I'm sorry, mom. I didn't know what to do." Her mom said, "Don't worry, \
Lily. We can help you."""
TEXTS = ["the cat and the dog", " sea  sand\nship", "It's 1234 o'clock, isn't IT?\n\n ok", "hot", "", " ", "a b\n c  "]


@unittest.skipIf(MISSING, MISSING)
class ConvertTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out.gguf"

    def run_convert(self, source, *options):
        """Exit code and standard error."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            code = convert.main([str(source), "-o", str(self.out), *map(str, options)])
        return code, err.getvalue()

    def convert(self, source, *options):
        code, err = self.run_convert(source, *options)
        self.assertEqual(code, 0, err)
        return reference.Gguf(self.out)

    def refused(self, part, source, *options):
        code, err = self.run_convert(source, *options)
        self.assertEqual(code, 1)
        self.assertIn(part, err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertEqual(list(self.out.parent.glob("out.gguf*")), [])

    def sample(self, name="llama-tied", config=(), tensors=None, shards=1):
        """A folder with a small random network; None in `config` takes a key away."""
        values, pre = samples.NETWORKS[name]
        values = {k: v for k, v in (values | dict(config)).items() if v is not None}
        if tensors is None:
            tensors = samples.random_tensors(values, 5)
        samples.write(self.folder / name, values, pre, tensors, shards)
        return self.folder / name, values, tensors

    def edit(self, path, change):
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    def same_logits(self, g, config, tensors, tolerance=1e-11):
        tokens = np.random.default_rng(1).integers(0, samples.VOCAB, 30)
        expected = reference.checkpoint_logits(config, tensors, tokens)
        worst = (reference.gguf_logits(g, tokens) - expected).abs().max() / expected.abs().max()
        self.assertLess(float(worst), tolerance)


class Networks(ConvertTest):
    def test_every_network_computes_what_its_checkpoint_did(self):
        for name in NAMES:
            with self.subTest(name):
                source, config, tensors = self.sample(name)
                # rope_freqs.weight is stored in float32
                self.same_logits(self.convert(source, "--type", "F32"), config, tensors,
                                 1e-5 if name == "llama-factors" else 1e-11)

    def test_golden_files_are_what_their_networks_compute(self):
        for name in NAMES:
            with self.subTest(name):
                tokens, columns, logits = read_golden(ROOT / f"tests/golden/arch/{name}.bin")
                g = reference.Gguf(ROOT / f"tests/golden/arch/{name}.gguf")
                got = reference.gguf_logits(g, tokens)[:, columns].numpy()
                self.assertLess(np.abs(got - logits).max(), 1e-9)

    def test_golden_files_show_every_tensor(self):
        """A tensor that moves no logit could be left out by an engine, and no test would see it."""
        for name in NAMES:
            tokens, columns, logits = read_golden(ROOT / f"tests/golden/arch/{name}.bin")
            g = reference.Gguf(ROOT / f"tests/golden/arch/{name}.gguf")
            for tensor, kept in list(g.tensors.items()):
                g.tensors[tensor] = torch.ones_like(kept) if kept.ndim == 1 and "bias" not in tensor else kept * 0
                moved = np.abs(reference.gguf_logits(g, tokens)[:, columns].numpy() - logits).max()
                g.tensors[tensor] = kept
                self.assertGreater(moved, 1e-3 * np.abs(logits).max(), f"{name}: {tensor}")

    def test_tiny_random_of_somebody_else_computes_the_stored_logits(self):
        path = SHARED / "fixtures/gguf-tiny/llama-2-tiny-random.gguf"
        if not path.exists():
            self.skipTest(f"{path} is absent")
        tokens, columns, logits = read_golden(ROOT / "tests/golden/arch/llama-2-tiny-random.bin")
        got = reference.gguf_logits(reference.Gguf(path), tokens)[:, columns].numpy()
        self.assertLess(np.abs(got - logits).max(), 1e-9)

    def test_checkpoints_of_other_types_and_in_shards_are_the_same(self):
        source, config, tensors = self.sample("llama-bias", shards=3)
        self.same_logits(self.convert(source, "--type", "F32"), config, tensors)
        for dtype in torch.bfloat16, torch.float16, torch.float64:
            drawn = samples.random_tensors(samples.NETWORKS["qwen3"][0], 6)
            source, config, tensors = self.sample("qwen3", tensors={name: t.to(dtype) for name, t in drawn.items()})
            self.same_logits(self.convert(source, "--type", "F32"), config, tensors)

    def test_newer_and_older_forms_of_the_same_thing(self):
        _, config, tensors = self.sample("llama-factors")
        scaling = samples.LLAMA3_SCALING | {"rope_theta": 300.0}
        newer = {"rope_scaling": None, "rope_theta": None, "rope_parameters": scaling}
        source, _, _ = self.sample("llama-factors", newer, tensors)
        self.same_logits(self.convert(source, "--type", "F32"), config, tensors, 1e-5)

        _, config, tensors = self.sample("gpt2")
        prefixed = {f"transformer.{name}": t for name, t in tensors.items()}
        prefixed["transformer.h.0.attn.bias"] = torch.ones(1, 1, 64, 64)
        prefixed["transformer.h.1.attn.masked_bias"] = torch.tensor(-1e4)
        prefixed["lm_head.weight"] = tensors["wte.weight"].clone()
        source, _, _ = self.sample("gpt2", tensors=prefixed)
        g = self.convert(source, "--type", "F32")
        self.same_logits(g, config, tensors)
        self.assertNotIn("output.weight", g.tensors)

        source, config, tensors = self.sample("gpt2", {"n_inner": None, "n_ctx": None})      # four times as wide
        self.edit(source / "tokenizer.json", lambda t: t["model"].pop("type"))
        self.same_logits(self.convert(source, "--type", "F32"), config, tensors)

        _, config, tensors = self.sample("llama-tied")
        old = tensors | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}
        self.same_logits(self.convert(self.sample("llama-tied", tensors=old)[0], "--type", "F32"), config, tensors)

    def test_types_are_as_asked_and_where_blocks_fit(self):
        wide = {"hidden_size": 64, "intermediate_size": 48}
        for name in "F16", "Q8_0", "Q4_0":
            source, config, tensors = self.sample("llama-tied", wide)
            g = self.convert(source, "--type", name)
            kind = gguf.GGMLQuantizationType[name]
            for tensor, got in g.types.items():
                expected = gguf.GGMLQuantizationType.F32 if "norm" in tensor else kind
                if "ffn_down" in tensor:                            # rows of 48
                    expected = gguf.GGMLQuantizationType.F16
                self.assertEqual(got, expected, tensor)
            gate = g.tensors["blk.0.ffn_gate.weight"].numpy()
            exact = tensors["model.layers.0.mlp.gate_proj.weight"].numpy()
            expected = gguf.quants.dequantize(gguf.quants.quantize(exact, kind), kind)
            np.testing.assert_array_equal(gate, expected)
            self.assertEqual(g.keys["general.file_type"], {"F16": 1, "Q8_0": 7, "Q4_0": 2}[name])
        source, _, _ = self.sample("gpt2", {"n_embd": 96})
        self.assertEqual(self.convert(source, "--type", "Q8_0").types["position_embd.weight"],
                         gguf.GGMLQuantizationType.F32)

    def test_hyperparameters_are_under_llama_cpps_keys(self):
        g = self.convert(self.sample("qwen3")[0])
        expected = {"context_length": 64, "embedding_length": 24, "block_count": 2, "feed_forward_length": 22,
                    "attention.head_count": 4, "attention.head_count_kv": 2, "attention.key_length": 8,
                    "attention.value_length": 8, "rope.freq_base": 1e6, "rope.dimension_count": 8, "vocab_size": 112}
        self.assertEqual({key: g.get(key) for key in expected}, expected)
        self.assertAlmostEqual(g.get("attention.layer_norm_rms_epsilon"), 1e-6, places=12)
        self.assertEqual((g.keys["general.architecture"], g.keys["general.name"]), ("qwen3", "qwen3"))
        g = self.convert(self.sample("llama-linear")[0])
        self.assertEqual((g.get("rope.scaling.type"), g.get("rope.scaling.factor")), ("linear", 2.5))


class Refusals(ConvertTest):
    def test_configurations_that_are_another_network(self):
        cases = [("llama-tied", {"architectures": ["MixtralForCausalLM"]}, "MixtralForCausalLM"),
                 ("llama-tied", {"architectures": [["LlamaForCausalLM"]]}, "is none of"),
                 ("llama-tied", {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "yarn"),
                 ("llama-tied", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "dynamic"),
                 ("llama-tied", {"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}, "low_freq_factor"),
                 ("qwen2", {"rope_scaling": samples.LLAMA3_SCALING}, "llama3"),
                 ("llama-tied", {"hidden_act": "gelu"}, "hidden_act"),
                 ("llama-tied", {"sliding_window": 8}, "sliding_window"),
                 ("llama-tied", {"quantization_config": {"bits": 4}}, "quantization_config"),
                 ("qwen2", {"use_sliding_window": True}, "use_sliding_window"),
                 ("qwen3", {"layer_types": ["full_attention", "sliding_attention"]}, "sliding_attention"),
                 ("qwen3", {"attention_bias": True}, "attention_bias"),
                 ("llama-tied", {"num_attention_heads": 5}, "heads"), ("qwen3", {"layer_types": 3}, "form"),
                 ("llama-tied", {"rope_scaling": "linear"}, "form"),
                 ("llama-tied", {"hidden_size": None}, "hidden_size"), ("llama-tied", {"vocab_size": -1}, "vocab_size"),
                 ("llama-tied", {"rms_norm_eps": "x"}, "rms_norm_eps"),
                 ("gpt2", {"activation_function": "relu"}, "relu"),
                 ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale"),
                 ("llama-bias", {"tie_word_embeddings": True}, "lm_head.weight is another")]
        for name, config, part in cases:
            with self.subTest(name, **config):
                source, _, _ = self.sample(name, tensors=samples.random_tensors(samples.NETWORKS[name][0], 5))
                self.edit(source / "config.json", lambda c: c.update(config))
                self.refused(part, source)

    def test_tensors_that_are_missing_extra_or_misshapen(self):
        source, config, tensors = self.sample("qwen2")
        norm, key = "model.layers.1.input_layernorm.weight", "model.layers.0.self_attn.k_proj.weight"
        for part, changed in ((f"{norm} is missing", {k: v for k, v in tensors.items() if k != norm}),
                              ("model.layers.2.extra", tensors | {"model.layers.2.extra": torch.ones(3)}),
                              ("[32, 16] instead of [16, 32]", tensors | {key: tensors[key].T.contiguous()}),
                              ("I32", tensors | {key: torch.ones(16, 32, dtype=torch.int32)}),
                              ("not finite", tensors | {norm: torch.full((32,), torch.nan)}),
                              ("too large for F16", tensors | {key: tensors[key] * 1e6})):
            with self.subTest(part):
                samples.write_tensors(source, changed)
                self.refused(part, source)

    def test_files_that_are_damaged_or_absent(self):
        source, _, _ = self.sample("llama-tied")
        whole = (source / "model.safetensors").read_bytes()
        for size in 0, 7, 100, len(whole) - 1:
            (source / "model.safetensors").write_bytes(whole[:size])
            self.refused("model.safetensors", source)
        (source / "model.safetensors").write_bytes(whole + b"\0")
        self.refused("model.safetensors", source)
        (source / "model.safetensors").unlink()
        self.refused("neither model.safetensors nor", source)
        (source / "pytorch_model.bin").write_bytes(b"x")
        self.refused("only PyTorch's own files", source)
        (source / "config.json").write_text("{")
        self.refused("config.json", source)
        self.refused("No such file", self.folder / "nowhere.bin", "--tokenizer", "x")

        source, _, _ = self.sample("llama-bias", shards=2)
        (source / "model-00002-of-00002.safetensors").unlink()
        self.refused("model-00002-of-00002.safetensors", source)
        source, _, _ = self.sample("llama-bias", shards=2)
        self.edit(source / "model.safetensors.index.json", lambda i: i["weight_map"].pop("model.norm.weight"))
        self.refused("model.norm.weight is in a shard, but not in the index", source)
        self.edit(source / "model.safetensors.index.json", lambda i: i["weight_map"].update({"x": "../x"}))
        self.refused("outside of its folder", source)

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
        ours, theirs = self.convert(source).keys, reference.Gguf(theirs).keys
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


class Llama2c(ConvertTest):
    SHAPE = {"dim": 32, "hidden": 48, "layers": 2, "heads": 4, "kv_heads": 2, "vocab": 300, "context": 24}

    def weights(self, tied):
        s, rng, kv = self.SHAPE, np.random.default_rng(8), 16
        shapes = {"attn_norm": (32,), "attn_q": (32, 32), "attn_k": (kv, 32), "attn_v": (kv, 32),
                  "attn_output": (32, 32), "ffn_norm": (32,), "ffn_gate": (48, 32), "ffn_down": (32, 48),
                  "ffn_up": (48, 32)}
        w = {"token_embd": rng.standard_normal((s["vocab"], 32)), "output_norm": 1 + 0.3 * rng.standard_normal(32)}
        for name, shape in shapes.items():
            w[name] = rng.standard_normal((2, *shape)) * (0.3 if len(shape) > 1 else 0.1) + (len(shape) == 1)
        if not tied:
            w["output"] = rng.standard_normal((s["vocab"], 32))
        return {name: x.astype("<f4") for name, x in w.items()}

    def write(self, version, tied, group=16):
        """A checkpoint as llama2.c's export.py writes it, and the weights that it holds."""
        w, head = self.weights(tied), list(self.SHAPE.values())
        if version == 0:
            head[5] *= 1 if tied else -1
            order = ["token_embd", "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate",
                     "ffn_down", "ffn_up", "output_norm"]
            data = struct.pack("<7i", *head) + b"".join(w[name].tobytes() for name in order)
            data += bytes(4 * 2 * 24 * 4) + (b"" if tied else w["output"].tobytes())
        else:
            data = struct.pack("<Ii7iB", 0x616B3432, version, *head, tied)
            data = (data + (struct.pack("<i", group) if version == 2 else b"")).ljust(256, b"\0")
            data += b"".join(w[name].tobytes() for name in ("attn_norm", "ffn_norm", "output_norm"))
            for name in ("token_embd", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up",
                         "output"):
                for x in (w[name] if w[name].ndim == 3 else [w[name]]) if name in w else []:
                    data += self.groups(x, group) if version == 2 else x.tobytes()
        path = self.folder / "model.bin"
        path.write_bytes(data)
        self.write_tokenizer()
        return path, w

    def groups(self, x, group):
        """int8 values, then scales; x becomes what they stand for."""
        rows = x.reshape(-1, group)
        scale = (np.abs(rows).max(1) / 127).astype("<f4")
        q = np.rint(rows / scale[:, None]).astype(np.int8)
        rows[:] = q.astype(np.float32) * scale[:, None]
        return q.tobytes() + scale.tobytes()

    def write_tokenizer(self, change=lambda pieces: pieces):
        pieces = ["<unk>", "\n<s>\n", "\n</s>\n", *(f"<0x{b:02X}>" for b in range(256))]
        pieces += [" a", " the", *(chr(c) for c in range(ord("a"), ord("a") + 26)), *(f" w{i}" for i in range(13))]
        data = struct.pack("<i", 7)
        for i, piece in enumerate(change(pieces)):
            data += struct.pack("<fi", -float(i), len(piece.encode())) + piece.encode()
        (self.folder / "tokenizer.bin").write_bytes(data)

    def test_every_version_computes_what_its_weights_do(self):
        tokens = np.random.default_rng(2).integers(0, 300, 20)
        for version in 0, 1, 2:
            for tied in True, False:
                with self.subTest(version=version, tied=tied):
                    path, w = self.write(version, tied)
                    g = self.convert(path, "--type", "F32")
                    for name, x in w.items():
                        for i, part in enumerate(x if x.ndim == 3 or name in ("attn_norm", "ffn_norm") else [x]):
                            full = name if name in ("token_embd", "output_norm", "output") else f"blk.{i}.{name}"
                            np.testing.assert_array_equal(g.tensors[f"{full}.weight"].numpy(), part)
                    self.assertEqual(len(g.tensors), 2 + 2 * 9 + (not tied))
                    self.assertTrue(torch.isfinite(reference.gguf_logits(g, tokens)).all())
                    self.assertEqual(g.keys["tokenizer.ggml.tokens"][257:262],
                                     ["<0xFE>", "<0xFF>", "\u2581a", "\u2581the", "a"])
                    self.assertEqual(g.keys["tokenizer.ggml.token_type"], [2, 3, 3] + [6] * 256 + [1] * 41)

    def test_damaged_files_are_refused(self):
        for version in 0, 1, 2:
            path, _ = self.write(version, False)
            whole = path.read_bytes()
            for size in 0, 27, 40, 300, len(whole) - 1:
                path.write_bytes(whole[:size])
                self.refused("model.bin", path)
            path.write_bytes(whole + b"\0")
            self.refused("while this shape takes", path)
        path.write_bytes(whole[:4] + struct.pack("<i", 3) + whole[8:])
        self.refused("version 3", path)
        path.write_bytes(whole[:37] + struct.pack("<i", 7) + whole[41:])
        self.refused("groups of 7", path)
        path.write_bytes(struct.pack("<7i", 32, 48, 2, 5, 2, 300, 24) + whole[28:])
        self.refused("5 heads", path)

    def test_tokenizers_of_other_models_are_refused(self):
        path, _ = self.write(1, True)
        for part, change in (("cut short", lambda p: p[:-1]), ("not its tokenizer", lambda p: [*p, "x"]),
                             ("as llama2.c takes for granted", lambda p: p[1:] + p[:1])):
            with self.subTest(part):
                self.write_tokenizer(change)
                self.refused(part, path)
        (self.folder / "tokenizer.bin").unlink()
        self.refused("tokenizer.bin", path)

    def test_stories260k_tells_its_documented_story(self):
        g = reference.Gguf(ROOT / "tests/models/stories260K.gguf")
        self.assertEqual(reference.spm_text(g, reference.greedy(g, 256)), GREEDY)

    def test_stories260k_is_what_the_converter_makes(self):
        if not STORIES.exists():
            self.skipTest(f"{STORIES} is absent")
        self.convert(STORIES / "stories260K.bin", "--tokenizer", STORIES / "tok512.bin", "--type", "F16", "--name",
                     "stories260K", "--author", "Andrej Karpathy (llama2.c)", "--license", "MIT")
        self.assertEqual(self.out.read_bytes(), (ROOT / "tests/models/stories260K.gguf").read_bytes())


def read_golden(path):
    """Tokens, columns and logits of tools/make_arch_golden.py."""
    data = path.read_bytes()
    assert data[:8] == b"PALARCH1"
    n, columns = struct.unpack_from("<2i", data, 8)
    numbers = np.frombuffer(data, "<i4", n + columns, 16)
    logits = np.frombuffer(data, "<f8", offset=16 + 4 * (n + columns))
    return numbers[:n].copy(), numbers[n:].copy(), logits.reshape(n, columns)


if __name__ == "__main__":
    unittest.main()
