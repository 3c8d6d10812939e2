"""tools/convert: the converted network computes the same as the source, and unsupported sources are refused."""
import struct
import unittest

from convert_testing import ConvertTest, MISSING, ROOT, SHARED, needs_torch, torch

if not MISSING:
    import gguf
    import numpy as np

    import read_back
    import samples
if torch and not MISSING:
    import safetensors.torch

    import reference

NAMES = ("llama-tied", "llama-bias", "llama-factors", "llama-linear", "qwen2", "qwen3", "gpt2")


class Networks(ConvertTest):
    @needs_torch
    def test_every_network_computes_what_its_checkpoint_did(self):
        for name in NAMES:
            with self.subTest(name):
                source, config, tensors = self.sample(name)
                # rope_freqs.weight is stored in float32
                self.same_logits(self.convert(source, "--type", "F32"), config, tensors,
                                 1e-5 if name == "llama-factors" else 1e-11)

    @needs_torch
    def test_golden_files_are_what_their_networks_compute(self):
        for name in NAMES:
            with self.subTest(name):
                tokens, columns, logits = read_golden(ROOT / f"tests/golden/arch/{name}.bin")
                g = read_back.Gguf(ROOT / f"tests/golden/arch/{name}.gguf")
                got = reference.gguf_logits(g, tokens)[:, columns].numpy()
                self.assertLess(np.abs(got - logits).max(), 1e-9)

    @needs_torch
    def test_golden_files_show_every_tensor(self):
        """Every tensor must change a logit; otherwise an engine could omit it and no test would fail."""
        for name in NAMES:
            tokens, columns, logits = read_golden(ROOT / f"tests/golden/arch/{name}.bin")
            g = read_back.Gguf(ROOT / f"tests/golden/arch/{name}.gguf")
            for tensor, kept in list(g.tensors.items()):
                g.tensors[tensor] = np.ones_like(kept) if kept.ndim == 1 and "bias" not in tensor else kept * 0
                moved = np.abs(reference.gguf_logits(g, tokens)[:, columns].numpy() - logits).max()
                g.tensors[tensor] = kept
                self.assertGreater(moved, 1e-3 * np.abs(logits).max(), f"{name}: {tensor}")

    @needs_torch
    def test_tiny_random_of_somebody_else_computes_the_stored_logits(self):
        path = SHARED / "fixtures/gguf-tiny/llama-2-tiny-random.gguf"
        if not path.exists():
            self.skipTest(f"{path} is absent")
        tokens, columns, logits = read_golden(ROOT / "tests/golden/arch/llama-2-tiny-random.bin")
        got = reference.gguf_logits(read_back.Gguf(path), tokens)[:, columns].numpy()
        self.assertLess(np.abs(got - logits).max(), 1e-9)

    @needs_torch
    def test_checkpoints_of_other_types_and_in_shards_are_the_same(self):
        source, config, tensors = self.sample("llama-bias", shards=3)
        self.same_logits(self.convert(source, "--type", "F32"), config, tensors)
        for dtype in "bfloat16", "float16", "float64":
            drawn = samples.random_tensors(samples.NETWORKS["qwen3"][0], 6)
            tensors = {name: torch.from_numpy(t).to(getattr(torch, dtype)) for name, t in drawn.items()}
            source, config, _ = self.sample("qwen3")
            safetensors.torch.save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
            self.same_logits(self.convert(source, "--type", "F32"), config, tensors)

    @needs_torch
    def test_newer_and_older_forms_of_the_same_thing(self):
        _, config, tensors = self.sample("llama-factors")
        scaling = samples.LLAMA3_SCALING | {"rope_theta": 300.0}
        newer = {"rope_scaling": None, "rope_theta": None, "rope_parameters": scaling}
        source, _, _ = self.sample("llama-factors", newer, tensors)
        self.same_logits(self.convert(source, "--type", "F32"), config, tensors, 1e-5)

        _, config, tensors = self.sample("gpt2")
        prefixed = {f"transformer.{name}": t for name, t in tensors.items()}
        prefixed["transformer.h.0.attn.bias"] = np.ones((1, 1, 64, 64), np.float32)
        prefixed["transformer.h.1.attn.masked_bias"] = np.array(-1e4, np.float32)
        prefixed["lm_head.weight"] = tensors["wte.weight"].copy()
        source, _, _ = self.sample("gpt2", tensors=prefixed)
        g = self.convert(source, "--type", "F32")
        self.same_logits(g, config, tensors)
        self.assertNotIn("output.weight", g.tensors)

        source, config, tensors = self.sample("gpt2", {"n_inner": None, "n_ctx": None})      # four times as wide
        self.edit(source / "tokenizer.json", lambda t: t["model"].pop("type"))
        self.same_logits(self.convert(source, "--type", "F32"), config, tensors)

        _, config, tensors = self.sample("llama-tied")
        old = tensors | {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32)}
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
            gate = g.tensors["blk.0.ffn_gate.weight"]
            exact = tensors["model.layers.0.mlp.gate_proj.weight"]
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
                              ("model.layers.2.extra", tensors | {"model.layers.2.extra": np.ones(3, np.float32)}),
                              ("[32, 16] instead of [16, 32]", tensors | {key: np.ascontiguousarray(tensors[key].T)}),
                              ("I32", tensors | {key: np.ones((16, 32), np.int32)}),
                              ("not finite", tensors | {norm: np.full(32, np.nan, np.float32)}),
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
