"""tools/convert: networks of discrete diffusion (SEDD, MDLM, RADD) in the published formats."""
import types
import unittest

from convert_testing import ConvertTest, MISSING, needs_torch, torch

if not MISSING:
    import numpy as np

    import discrete
    import samples
if torch and not MISSING:
    import reference_ddit

# Name: published settings, and the number of parameters without inv_freq, computed by hand from the published shapes.
PUBLISHED = {
    "sedd-small": (discrete.Shape(768, 12, 12, 1024, 50257, 128, "absorb", True, False), 169_627_218),
    "sedd-small, uniform": (discrete.Shape(768, 12, 12, 1024, 50257, 128, "uniform", True, False), 169_625_681),
    "sedd-medium": (discrete.Shape(1024, 24, 16, 1024, 50257, 128, "absorb", True, False), 424_477_010),
    "mdlm-owt": (discrete.Shape(768, 12, 12, 1024, 50257, 128, "absorb", True, False), 169_627_218),
    "radd": (discrete.Shape(768, 12, 12, 1024, 50257, 0, "absorb", False, True), 162_265_682),
    "radd-medium": (discrete.Shape(1024, 24, 16, 1024, 50257, 0, "absorb", False, True), 405_191_762),
} if not MISSING else {}


def module_shapes(s, name):
    network = reference_ddit.DDiT(s.vocab, s.dim, s.layers, s.heads, s.width, s.has_biases)
    return {name: tuple(t.shape) for name, t in network.state_dict().items()}


class Discrete(ConvertTest):
    def folder_of(self, name, change=None, prefix=""):
        config, width, biases = samples.DISCRETE[name]
        s = self.shape(name)
        tensors = samples.discrete_tensors(discrete.expected(s), 3)
        stored = {prefix + key: tensor for key, tensor in tensors.items()}
        if change:
            change(stored)
        samples.write_discrete(self.folder / name, config, stored)
        return self.folder / name, s, tensors

    def shape(self, name):
        config, width, _ = samples.DISCRETE[name]
        values = types.SimpleNamespace(path="config.json", values=config, get=config.get,
                                       integer=lambda key: config[key])
        return discrete.read_mdlm(values) if name == "mdlm" else discrete.read_lou(values, width > 0)

    @needs_torch
    def test_every_name_and_shape_and_the_totals_are_those_of_the_published_networks(self):
        with torch.device("meta"):
            for name, (s, total) in PUBLISHED.items():
                with self.subTest(name):
                    shapes = module_shapes(s, name)
                    self.assertEqual(discrete.expected(s), shapes)
                    self.assertEqual(sum(int(np.prod(shape)) for shape in shapes.values()), total)
            for name in samples.DISCRETE:
                with self.subTest(name):
                    s = self.shape(name)
                    self.assertEqual(discrete.expected(s), module_shapes(s, name))

    def test_tensors_are_stored_as_they_are(self):
        for name in "sedd", "sedd-uniform", "radd":
            with self.subTest(name):
                source, s, tensors = self.folder_of(name)
                g = self.convert(source, "--type", "F32")
                every = [*discrete.plain_tensors(s), *(discrete.timed_tensors(s) if s.is_timed else ())]
                self.assertEqual(set(g.tensors), {ours for ours, _, _ in every})
                for ours, theirs, _ in every:
                    np.testing.assert_array_equal(g.tensors[ours], tensors[theirs], ours)

    @needs_torch
    def test_the_modulation_of_mdlm_is_folded_at_noise_level_0(self):
        source, s, tensors = self.folder_of("mdlm", prefix="backbone.")
        g = self.convert(source, "--type", "F32")
        network = reference_ddit.DDiT(s.vocab, s.dim, s.layers, s.heads, s.width)
        network.load_state_dict({k: torch.as_tensor(v, dtype=torch.float64) for k, v in tensors.items()})
        with torch.no_grad():
            level = network.level(0.0)
            for i, block in enumerate(network.blocks):
                np.testing.assert_allclose(g.tensors[f"blk.{i}.modulation.bias"], block.adaLN_modulation(level), atol=1e-6)
            np.testing.assert_allclose(g.tensors["output_modulation.bias"], network.output_layer.adaLN_modulation(level),
                                       atol=1e-6)
        self.assertFalse([name for name in g.tensors if "time_embd" in name or "modulation.weight" in name])

    def test_keys_say_graph_noise_and_how_logits_are_scores(self):
        g = self.convert(self.folder_of("sedd")[0], "--type", "F32")
        own = {key: value for key, value in g.keys.items() if key.startswith("palimpsest.")}
        epsilon = own.pop("palimpsest.noise.epsilon")
        self.assertAlmostEqual(epsilon, 1e-3, places=9)
        self.assertEqual(own, {"palimpsest.graph": "absorb", "palimpsest.noise": "log-linear",
                               "palimpsest.scale_by_sigma": True})
        self.assertEqual((g.keys["general.architecture"], g.keys["tokenizer.ggml.mask_token_id"]), ("sedd", 112))
        expected = {"context_length": 64, "embedding_length": 32, "block_count": 2, "feed_forward_length": 128,
                    "attention.head_count": 4, "rope.dimension_count": 8, "rope.freq_base": 10000.0, "vocab_size": 113}
        self.assertEqual({key: g.get(key) for key in expected}, expected)
        g = self.convert(self.folder_of("sedd-uniform")[0], "--type", "F32")
        self.assertEqual((g.keys["palimpsest.graph"], g.keys["palimpsest.noise"], g.keys["palimpsest.states"]),
                         ("uniform", "geometric", 112))
        self.assertEqual(g.keys["palimpsest.scale_by_sigma"], False)
        self.assertAlmostEqual(g.keys["palimpsest.noise.sigma_min"], 1e-4, places=9)
        self.assertNotIn("tokenizer.ggml.mask_token_id", g.keys)
        g = self.convert(self.folder_of("radd")[0], "--type", "F32")
        self.assertEqual((g.keys["general.architecture"], g.keys["palimpsest.graph"]), ("mdlm", "absorb"))

    def test_the_tokenizer_can_be_in_another_folder(self):
        source, _, _ = self.folder_of("sedd")
        other = self.folder / "tokenizer of gpt2"
        other.mkdir()
        (source / "tokenizer.json").rename(other / "tokenizer.json")
        self.refused("neither tokenizer.json", source)
        gpt2, _, _ = self.sample("gpt2")
        self.refused("this folder has its own", gpt2, "--tokenizer", other)
        self.assertEqual(self.convert(source, "--tokenizer", other).keys["tokenizer.ggml.mask_token_id"], 112)

    def test_tensors_that_are_missing_extra_or_misshapen_are_named(self):
        norm, matrix = "blocks.1.norm2.weight", "blocks.0.adaLN_modulation.weight"
        cases = [(f"{norm} is missing", lambda t: t.pop(norm)), (f"{matrix} is missing", lambda t: t.pop(matrix)),
                 ("blocks.0.norm1.bias", lambda t: t.update({"blocks.0.norm1.bias": np.ones(32, np.float32)})),
                 ("blocks.2.attn_qkv.weight", lambda t: t.update({"blocks.2.attn_qkv.weight": np.ones((96, 32), np.float32)})),
                 ("[16, 192] instead of [192, 16]", lambda t: t.update({matrix: np.ascontiguousarray(t[matrix].T)})),
                 ("[112, 32] instead of [113, 32]",
                  lambda t: t.update({"vocab_embed.embedding": t["vocab_embed.embedding"][:-1].copy()}))]
        for part, change in cases:
            with self.subTest(part):
                self.refused(part, self.folder_of("sedd", change)[0])
        inv_freq = {"rotary_emb.inv_freq": np.ones(4, np.float32)}       # a buffer that is computed
        self.convert(self.folder_of("sedd", lambda t: t.update(inv_freq))[0])

    def test_configurations_that_are_another_network(self):
        cases = [("sedd", "graph", {"type": "roulette"}, "roulette"), ("sedd", "noise", {"type": "cosine"}, "cosine"),
                 ("sedd-uniform", "noise", {"type": "geometric", "sigma_min": 3, "sigma_max": 2}, "sigma_min is not below"),
                 ("sedd-uniform", "noise", {"type": "geometric", "sigma_min": -1, "sigma_max": 2}, "sigma_min is -1"),
                 ("sedd", "tokens", -3, "tokens is -3"), ("sedd", "noise", None, "noise is None"),
                 ("mdlm", "time_conditioning", True, "time_conditioning"), ("mdlm", "n_heads", 5, "heads")]
        for name, key, value, part in cases:
            with self.subTest(name, key=key):
                source, _, _ = self.folder_of(name)
                self.edit(source / "config.json", lambda c: c.update({key: value}))
                self.refused(part, source)


if __name__ == "__main__":
    unittest.main()
