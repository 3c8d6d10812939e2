"""tools/train/sedd: the loss against its definition and on a problem that can be integrated, the noise against matrix
exponentials, the network against a plain one, a run that is stopped and resumed.

Needs packages of tests/requirements.txt and PyTorch; without them every test is skipped."""
import argparse
import json
import math
import pathlib
import tempfile
import unittest

from torch_testing import needs_torch, needs_training, torch
from training_testing import MISSING, Prepared, TRAIN

if not MISSING:
    import numpy as np
if torch and not MISSING:
    import model
    import windows
    from sedd import batch, loss, network, noise, start

DATA = [0.5, 0.2, 0.2, 0.1]         # of a token with four values
STEPS = 4000                        # of the integrals over time


def transition(sigma, graph, count):
    """P[y, x]: probability of y after noise sigma from x; the last state of `absorb` is the mask."""
    size = count + (graph == "absorb")
    rates = np.full((size, size), 1 / count) if graph == "uniform" else np.zeros((size, size))
    if graph == "absorb":
        rates[-1] = 1.0
    np.fill_diagonal(rates, 0)
    rates -= np.diag(rates.sum(0))
    halved, result = rates * sigma / 2 ** 20, np.eye(size)
    for power in range(6, 0, -1):                   # Taylor's series, then squared 20 times
        result = np.eye(size) + halved @ result / power
    for _ in range(20):
        result = result @ result
    return result


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Noise(unittest.TestCase):
    def test_tokens_are_disturbed_as_the_rates_say(self):
        count, draws, generator = 4, 40000, torch.Generator().manual_seed(3)
        tokens = torch.full((draws,), 7)
        for graph in noise.GRAPHS:
            for sigma in (0.05, 0.7, 3.0):
                got = noise.disturb(tokens, torch.ones(draws, dtype=torch.bool), torch.full((draws,), sigma), graph,
                                    torch.tensor([5, 6, 7, 8]), 99, generator)
                ids = [7, 99] if graph == "absorb" else [5, 6, 7, 8]
                expected = transition(sigma, graph, count)[:, 2][[2, 4] if graph == "absorb" else slice(None)]
                for token, p in zip(ids, expected):
                    self.assertLess(abs((got == token).double().mean().item() - p), 5 * math.sqrt(p * (1 - p) / draws))

    def test_what_is_not_free_is_never_touched(self):
        tokens, free = torch.arange(100), torch.arange(100) % 3 == 0
        for graph in noise.GRAPHS:
            got = noise.disturb(tokens, free, torch.full((100,), 50.0), graph, torch.tensor([200]), 200,
                                torch.Generator().manual_seed(1))
            self.assertTrue(torch.equal(got, torch.where(free, 200, tokens)))

    def test_rates_are_derivatives_of_the_noise(self):
        t, h = torch.linspace(0.01, 0.99, 50, dtype=torch.float64), 1e-6
        for kind in noise.NOISES.values():
            got = kind()
            slope = (got.sigma(t + h) - got.sigma(t - h)) / (2 * h)
            self.assertLess((slope / got.rate(t) - 1).abs().max(), 1e-6)

    def test_levels_of_shares_have_those_shares_and_stay_in_the_trained_range(self):
        shares = torch.tensor([1e-9, 0.3, 1 - 1e-9], dtype=torch.float64)
        level = batch.levels_of_shares(noise.LogLinear(), shares)
        self.assertTrue(torch.allclose(-torch.expm1(-level.sigma), shares, rtol=1e-9))
        self.assertTrue(torch.allclose(level.rate, 1 / (1 - shares)))
        self.assertTrue(torch.allclose(-torch.expm1(-level.asked), torch.tensor([1e-3 * 0.999, 0.3, 0.999],
                                                                               dtype=torch.float64)))


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Loss(unittest.TestCase):
    @staticmethod
    def plain(scores, x, true, sigma, rate, graph, count):
        """The sum of the definition.  scores [count] of the values 0..count-1, x the noised value (count: the mask)."""
        p, total = transition(sigma, graph, count), 0.0
        for y in range(count):
            if y == x:
                continue
            r = p[y, true] / p[x, true]
            k = r * (math.log(r) - 1) if r > 0 else 0.0
            q = rate * (1 if graph == "absorb" else 1 / count)
            total += q * (scores[y] - (r * math.log(scores[y]) if r else 0.0) + k)
        return total

    def test_is_its_definition(self):
        rng, count = np.random.default_rng(1), 5
        for sigma in (1e-3, 0.4, 5.0):
            logits = rng.normal(size=count)
            made = torch.tensor(logits)[None]
            at = [torch.tensor([v], dtype=torch.float64) for v in (sigma, 1.7)]
            for true in range(count):
                scores = np.exp(logits) / (count * math.expm1(sigma))
                expected = self.plain(scores, count, true, sigma, 1.7, "absorb", count)
                self.assertAlmostEqual(loss.absorb(made, torch.tensor([true]), *at).item(), expected, places=6)
                with_mask = torch.cat([made[:, :2], torch.tensor([[90.0]]), made[:, 2:]], 1)
                self.assertAlmostEqual(loss.absorb(with_mask, torch.tensor([true + (true > 1)]), *at, mask=2).item(), expected,
                                       places=6)
                for x in range(count):
                    got = loss.uniform(made, torch.tensor([x]), torch.tensor([true]), *at).item()
                    expected = self.plain(np.exp(logits), x, true, sigma, 1.7, "uniform", count)
                    self.assertAlmostEqual(got, expected, delta=1e-8 * max(1, abs(expected)))

    def test_is_zero_for_the_ratios_and_positive_elsewhere(self):
        sigma, rate, count = torch.tensor([0.8], dtype=torch.float64), torch.ones(1, dtype=torch.float64), 4
        p = torch.tensor(transition(0.8, "uniform", count))
        for true in range(count):
            for x in range(count):
                best = torch.log(p[:, true] / p[x, true])[None]
                arguments = (torch.tensor([x]), torch.tensor([true]), sigma, rate)
                self.assertLess(loss.uniform(best, *arguments).abs().item(), 1e-12)
                for y in range(count):
                    moved = best.clone()
                    moved[0, y] += 0.3
                    found = loss.uniform(moved, *arguments).item()
                    self.assertTrue(found > 1e-4 if y != x else abs(found) < 1e-12)

    def bound(self, graph, moved=0.0):
        """The bound of each value of a token: the integral of the expected loss of the exact scores; `moved` is added to
        their logarithms at value 1."""
        count, schedule, data = len(DATA), noise.LogLinear(), torch.tensor(DATA, dtype=torch.float64)
        at = (torch.arange(STEPS, dtype=torch.float64) + 0.5) / STEPS
        level = batch.levels_of_shares(schedule, at) if graph == "absorb" else batch.levels_at(schedule, at)
        shift = torch.zeros(count, dtype=torch.float64)
        shift[1] = moved
        touched = -torch.expm1(-level.sigma)
        result = []
        for true in range(count):
            targets = torch.full((STEPS,), true)
            if graph == "absorb":
                logits = (torch.log(data * count) + shift).expand(STEPS, -1)
                found = touched * loss.absorb(logits, targets, level.sigma, level.rate)
            else:
                marginal = (1 - touched)[:, None] * data + touched[:, None] / count     # p_t, and s(y) = p_t(y) / p_t(x)
                found = torch.zeros(STEPS, dtype=torch.float64)
                for x in range(count):
                    p = (1 - touched) * (x == true) + touched / count
                    logits = torch.log(marginal) - torch.log(marginal[:, x:x + 1]) + shift
                    found += p * loss.uniform(logits, torch.full((STEPS,), x), targets, level.sigma, level.rate)
            terminal = loss.terminal(schedule.sigma(torch.tensor(1.0, dtype=torch.float64)).item(), count)
            result.append(found.mean().item() + (terminal if graph == "uniform" else 0.0))
        return np.array(result)

    def test_bound_of_the_exact_scores_is_the_likelihood_and_of_others_is_above(self):
        exact = -np.log(DATA)
        for graph in noise.GRAPHS:
            self.assertLess(np.abs(self.bound(graph) - exact).max(), 3e-3, graph)
            data, worse = np.array(DATA), self.bound(graph, 0.5)
            self.assertGreater((data * worse).sum(), (data * exact).sum() + 1e-2, graph)

    def test_gradients_are_finite_at_small_noise(self):
        for sigma in (1e-6, 1e-3, 6.9):
            logits = torch.zeros(2, 6, requires_grad=True)
            level = torch.full((2,), sigma), torch.ones(2)
            total = loss.uniform(logits, torch.tensor([1, 2]), torch.tensor([1, 3]), *level).sum()
            total = total + loss.absorb(logits, torch.tensor([0, 5]), *level).sum()
            total.backward()
            self.assertTrue(torch.isfinite(logits.grad).all())


def plain_network(net, tokens, sigma):
    """Logits [n, vocab] of one window, in float64, row after row and head after head."""
    w = {name: p.detach().double().numpy() for name, p in net.named_parameters()}
    s, n = net.shape, len(tokens)
    silu = lambda v: v / (1 + np.exp(-v))
    gelu = lambda v: 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3)))
    normal = lambda v, gain: (v - v.mean()) / np.sqrt(v.var() + s.eps) * gain
    f = np.array([math.exp(-math.log(1e4) * j / 128) for j in range(128)])
    e = np.concatenate([np.cos(sigma * f), np.sin(sigma * f)])
    for i in range(2):
        e = silu(w[f"time_embd.{i}.weight"] @ e + w[f"time_embd.{i}.bias"])

    def turn(v, at):
        half, out = s.head_dim // 2, v.copy()
        for i in range(half):
            angle = at * s.rope_base ** (-2 * i / s.head_dim)
            out[i] = v[i] * math.cos(angle) - v[half + i] * math.sin(angle)
            out[half + i] = v[half + i] * math.cos(angle) + v[i] * math.sin(angle)
        return out

    x = w["token_embd.weight"][tokens].copy()
    for layer in range(s.layers):
        g = lambda name, layer=layer: w[f"blk.{layer}.{name}"]
        m = (g("modulation.weight") @ e + g("modulation.bias")).reshape(6, s.dim)
        qkv = [g("attn_qkv.weight") @ (normal(v, g("attn_norm.weight")) * (1 + m[1]) + m[0]) for v in x]
        q, k, v = (np.array([row[i * s.dim:(i + 1) * s.dim] for row in qkv]) for i in range(3))
        mixed = np.zeros((n, s.dim))
        for head in range(s.heads):
            part = slice(head * s.head_dim, (head + 1) * s.head_dim)
            turned = [[turn(row[part], at) for at, row in enumerate(rows)] for rows in (q, k)]
            for i in range(n):
                score = np.array([turned[0][i] @ turned[1][j] / math.sqrt(s.head_dim) for j in range(n)])
                p = np.exp(score - score.max())
                mixed[i, part] = p / p.sum() @ v[:, part]
        x = x + m[2] * (mixed @ g("attn_output.weight").T)
        h = np.array([normal(v, g("ffn_norm.weight")) * (1 + m[4]) + m[3] for v in x])
        x = x + m[5] * (gelu(h @ g("ffn_up.weight").T + g("ffn_up.bias")) @ g("ffn_down.weight").T + g("ffn_down.bias"))
    shift, scale = (w["output_modulation.weight"] @ e + w["output_modulation.bias"]).reshape(2, s.dim)
    h = np.array([normal(v, w["output_norm.weight"]) * (1 + scale) + shift for v in x])
    return h @ w["output.weight"].T + w["output.bias"]


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Network(unittest.TestCase):
    shape = None if MISSING or not torch else network.Shape(vocab=20, dim=16, layers=2, heads=2, hidden=24, context=16,
                                                            condition=6)

    def random(self):
        net, generator = network.Network(self.shape), torch.Generator().manual_seed(5)
        for p in net.parameters():
            torch.nn.init.normal_(p, 0.0, 0.3, generator=generator)
        return net

    def test_is_the_plain_network(self):
        net, tokens, lengths, sigma = self.random(), torch.arange(12) * 7 % 20, [5, 7], torch.tensor([1e-3, 1.3])
        for training in (True, False):
            with torch.no_grad():
                got = net.train(training).logits(net(tokens, lengths, sigma)).double().numpy()
            for window, level in ((slice(0, 5), 1e-3), (slice(5, 12), 1.3)):
                expected = plain_network(net, tokens[window].numpy(), np.float32(level))
                self.assertLess(np.abs(got[window] - expected).max(), 1e-4 * np.abs(expected).max())

    def test_begins_without_opinion(self):
        net = network.Network(self.shape)
        net.reset(torch.Generator().manual_seed(1))
        self.assertEqual(net.logits(net(torch.arange(4), [4], torch.ones(1))).abs().max().item(), 0.0)

    def test_starts_from_a_masked_network_with_its_attention(self):
        shape = model.Shape(vocab=20, dim=16, layers=2, heads=2, kv_heads=2, hidden=24, context=16)
        masked, generator = model.Network(shape), torch.Generator().manual_seed(6)
        for p in masked.parameters():
            torch.nn.init.normal_(p, 0.0, 0.3, generator=generator)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "masked.pt"
            torch.save({"weights": dict(masked.state_dict())}, path)
            net = self.random()
            found = start.start_from(net, path)
            self.assertTrue(all(torch.equal(p, dict(masked.named_parameters())[n]) for n, p in found.named_parameters()))
            wrong = network.Network(network.Shape(vocab=20, dim=32, layers=2, heads=2, hidden=24, context=16))
            with self.assertRaisesRegex(SystemExit, "has shape"):
                start.start_from(wrong, path)
            deep = network.Network(network.Shape(vocab=20, dim=16, layers=3, heads=2, hidden=24, context=16))
            with self.assertRaisesRegex(SystemExit, "fewer layers"):
                start.start_from(deep, path)
        h, n = torch.randn(9, 16, generator=generator), 9
        expected = masked.blk[1].attention(h, masked.cos[:n, None], masked.sin[:n, None], [n], False)
        block = net.blk[1]
        got = block.attn_output(model.mix(*block.qkv(h, net.cos[:n, None], net.sin[:n, None]), [n], False, True))
        self.assertLess((got - expected).abs().max(), 1e-4)
        self.assertTrue(torch.equal(net.output.weight, masked.token_embd.weight))

    def test_feed_forward_networks_add_what_those_of_the_masked_network_do(self):
        shape, generator = model.Shape(vocab=20, dim=16, layers=2, heads=2, kv_heads=2, hidden=64, context=16), torch.Generator()
        masked = model.Network(shape)
        for p in masked.parameters():
            torch.nn.init.normal_(p, 0.0, 0.3, generator=generator.manual_seed(p.numel()))
        net = network.Network(network.Shape(vocab=20, dim=16, layers=2, heads=2, hidden=64, context=16, condition=6))
        net.reset(generator)
        for block, other in zip(net.blk, masked.blk):
            block.ffn_up.weight.data.copy_(other.ffn_gate.weight)
            block.ffn_norm.weight.data.copy_(other.ffn_norm.weight)
        texts = lambda count: [(torch.randint(20, (16 * count,), generator=generator), [16] * count)]
        start.fit_feed_forward(net, masked, texts(200))
        seen = []
        for other in masked.blk:
            other.ffn_norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
            other.ffn_down.register_forward_hook(lambda _, inputs, output: seen.append(output))
        with torch.no_grad():
            masked(*texts(20)[0], False)
            for block, x, expected in zip(net.blk, seen[::2], seen[1::2]):
                got = block.ffn_down(torch.nn.functional.gelu(block.ffn_up(block.ffn_norm(x)), approximate="tanh"))
                self.assertLess((got - expected).var(), 0.5 * expected.var())

    def test_logits_of_another_network_are_shifted_to_the_size_of_scores(self):
        net, generator, states = self.random(), torch.Generator().manual_seed(2), torch.arange(5, 20)
        hidden = torch.randn(400, 16, generator=generator)
        with torch.no_grad():
            net.output.weight += torch.randn(16, generator=generator)       # another factor of all scores of each row
            net.output.bias += 3
            before = net.logits(hidden)
            start.calibrate(net, states, hidden)
            after = net.logits(hidden)
            self.assertAlmostEqual(after[:, states].exp().mean().item(), 1, places=4)
            self.assertLess((after - before - (after - before)[:, :1]).abs().max(), 1e-4)   # only their common factors
            spread = lambda logits: logits[:, states].logsumexp(-1).std()
            self.assertLess(spread(after), 0.3 * spread(before))


@unittest.skipIf(MISSING, MISSING)
class Run(Prepared):
    def train_score(self, name, tokens, *more):
        return self.train(name, tokens, "--objective", "score-entropy", "--condition", 8, *more)

    @needs_training
    def test_stopped_and_resumed_is_the_run_that_was_not(self):
        for graph in noise.GRAPHS:
            shared = ("--graph", graph, "--decay", 0)
            whole = self.train_score(f"whole-{graph}", 1024, *shared)
            self.train_score(f"parts-{graph}", 512, *shared)
            parts = self.train_score(f"parts-{graph}", 1024, *shared, "--resume")
            self.assertEqual(parts["seen"], whole["seen"])
            for name, value in whole["weights"].items():
                self.assertTrue(torch.equal(value, parts["weights"][name]), name)
            self.check_export(graph, whole)

    def check_export(self, graph, checkpoint):
        import gguf
        out = self.path / f"{graph}.gguf"
        self.python(TRAIN / "sedd/export.py", "--data", self.path / "data", "--checkpoint",
                    self.path / f"whole-{graph}/best.pt", "--out", out)
        reader = gguf.GGUFReader(out)
        value = lambda key: reader.get_field(key).contents()
        self.assertEqual((value("general.architecture"), value("palimpsest.graph")), ("sedd", graph))
        self.assertEqual(value("palimpsest.scale_by_sigma"), graph == "absorb")
        self.assertEqual(value("sedd.embedding_length"), 32)
        arguments = json.loads(value("palimpsest.training.arguments"))
        self.assertEqual((arguments["data"], arguments["out"], arguments["graph"]), ("data", f"whole-{graph}", graph))
        self.assertNotIn(str(self.path), out.read_bytes().decode("latin-1"))
        if graph == "uniform":
            self.assertEqual(value("palimpsest.states"), len(checkpoint["states"]))
        kinds = {t.name: t.tensor_type.name for t in reader.tensors}
        self.assertEqual(set(kinds), set(checkpoint["weights"]))
        self.assertEqual([kinds[n] for n in ("blk.0.attn_qkv.weight", "blk.0.modulation.weight", "blk.0.ffn_up.bias")],
                         ["Q8_0", "F16", "F32"])

    @needs_torch
    def test_windows_are_noised_where_they_may_be(self):
        corpus, generator = windows.Corpus(self.path / "data"), torch.Generator().manual_seed(1)
        states = batch.free_states(corpus)
        known = {i for i in range(corpus.size) if len(corpus.text_of[i]) and not corpus.vocab.is_byte(i)}
        self.assertEqual(set(states.tolist()), known)
        options = argparse.Namespace(shortest=8, pages=0.0, padded=0.0)
        drawn = batch.draw_windows(corpus, np.random.default_rng(1), 2000, 64, options)
        level = batch.levels_at(noise.LogLinear(), torch.ones(len(drawn), dtype=torch.float64))
        for graph in noise.GRAPHS:
            made = batch.add_noise(drawn, level, graph, states, generator)
            flat = torch.tensor([t for tokens, _ in drawn for t in tokens])
            self.assertTrue(torch.equal(made.true, flat))
            self.assertTrue(torch.equal(made.tokens[~made.free], flat[~made.free]))
            self.assertGreater((made.tokens != flat)[made.free].double().mean().item(), 0.98)
            self.assertTrue(made.free.double().mean() > 0.9 and int(made.window[-1]) == len(drawn) - 1)
            tokens, lengths, asked = batch.padded(made, 64)
            self.assertTrue(len(tokens) % batch.MULTIPLE == 0 and sum(lengths) == len(tokens) and len(asked) == len(lengths))

    @needs_torch
    def test_parts_hold_every_window_once(self):
        drawn = [([0] * n, [1] * n) for n in (5, 60, 3, 40, 9)]
        for parts in (1, 2, 3, 8):
            slices = batch.split(drawn, parts)
            self.assertEqual([window for part in slices for window in drawn[part]], drawn)

    @needs_training
    def test_wrong_options_are_named(self):
        shared = (TRAIN / "train.py", "--data", self.path / "data", "--out", self.path / "wrong", "--tokens", 10)
        for more, message in ((("--objective", "score-entropy"), "--graph absorb or uniform"),
                              (("--attention", "full", "--graph", "absorb"), "needs --objective score-entropy"),
                              ((), "--attention causal or full is required"),
                              (("--objective", "score-entropy", "--graph", "uniform", "--attention", "causal"), "both sides"),
                              (("--objective", "score-entropy", "--graph", "uniform", "--processes", 2), "--threads"),
                              (("--objective", "score-entropy", "--graph", "uniform", "--kv-heads", 1), "--kv-heads")):
            self.assertIn(message, self.python(*shared, *more, fails=True))


if __name__ == "__main__":
    unittest.main()
