"""tools/train/rows: the network of query rows against its definition, pages, and runs that are stopped and resumed.

Needs packages of tests/requirements.txt and PyTorch; without them every test is skipped."""
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from torch_testing import needs_torch, torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRAIN = ROOT / "tools/train"
sys.path.append(str(TRAIN))         # behind: the trainer of the pictures has modules of the same names
try:
    import gguf                     # noqa: F401
    import numpy as np

    import rows_testing as tiny
    from rows import pages
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"
if torch and not MISSING:
    from rows import base, batch, texts, train, training, weights

    torch.set_num_threads(1)        # networks this small are slower with more


class Files(unittest.TestCase):
    """A folder with a tiny base and a text."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.path = pathlib.Path(folder.name)
        tiny.write_base(cls.path / "base.gguf")
        cls.text = tiny.random_text()
        np.save(cls.path / "text.npy", cls.text)
        cls.base = base.read_base(cls.path / "base.gguf")

    def network(self, mode="left", trained=True):
        """An adapted network in float64 whose adapters are no longer zero."""
        network = weights.AdaptedNetwork(self.base, rank=4, alpha=8.0, mode=mode)
        generator = torch.Generator().manual_seed(2)
        if trained:
            for p in network.parameters():
                p.data += 0.2 * torch.randn(p.shape, generator=generator)
        return network.double().use(torch.float64)

    def plain(self, network):
        block = lambda number, name: network.block[number][name]
        adapters = {f"blk.{number}.{name}.weight": tuple(factor.detach().numpy() for factor in
                                                         (block(number, name).a, block(number, name).b))
                    for number in range(tiny.LAYERS) for name in base.MATRICES}
        return tiny.Plain(self.base.weights, adapters, network.scale, network.mask.detach().numpy())

    def pages(self, count=4, length=32):
        return pages.draw_pages([self.text], [1.0], 5, 0, count, pages.Settings(length), self.base)


def logits_of(network, drawn, looks=batch.LOOKS if torch and not MISSING else ()):
    made = batch.make_batch(drawn, network.mode, looks)
    with torch.no_grad():
        layers = network.layers()
        return made, network.query(layers, network.content(layers, made.tokens, made.content_sees), made)


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Network(Files):
    def check(self, network, plain):
        drawn = self.pages()
        made, got = logits_of(network, drawn)
        at = 0
        for page in drawn:
            cache = plain.content(page.tokens, page.ranks, network.mode)
            for look in batch.LOOKS:
                for place, asked in zip(page.places, page.asked if look == "order" else np.ones_like(page.asked)):
                    expected = plain.logits(cache, page.tokens, page.ranks, place, asked)
                    self.assertLess(np.abs(got[at].numpy() - expected).max(), 1e-5)     # tables of angles are float32
                    self.assertEqual((made.target[at], made.at[at]), (page.tokens[place], place - 1))
                    at += 1
        self.assertEqual(at, len(got))

    def test_is_its_definition_with_adapters(self):
        for mode in ("left", "both"):
            network = self.network(mode)
            self.check(network, self.plain(network))

    def test_is_its_definition_with_all_weights_trained(self):
        for mode in ("left", "both"):
            network = weights.FullNetwork(self.base, mode).double().use(torch.float64)
            self.check(network, tiny.Plain({n: p.detach().numpy() for n, p in network.named_parameters()}))

    def test_products_in_other_precisions_are_close(self):
        network, drawn = self.network(), self.pages(8)
        _, exact = logits_of(network, drawn)
        for kind, error in ((torch.float32, 1e-5), (torch.bfloat16, 0.15)):
            _, got = logits_of(network.float().use(kind), drawn)
            self.assertEqual(got.dtype, kind)
            self.assertLess((got - exact).abs().mean(), error)

    def test_without_adapter_it_continues_as_the_causal_network(self):
        """A row for p that knows exactly the places 0 to p - 1 has the logits of the causal row at p - 1."""
        network, n = self.network(trained=False), 24
        tokens = pages.cut(np.random.default_rng(1), self.text, n, tiny.START, tiny.BREAK)
        places = np.arange(1, n)
        _, got = logits_of(network, [pages.Page(tokens, np.arange(n), places, places, False)], ("order",))
        plain = tiny.Plain(self.base.weights)
        plain.content(tokens, np.zeros(n), "left")              # all given: a causal network
        for place in places:
            self.assertLess(np.abs(got[place - 1].numpy() - plain.last[place - 1]).max(), 1e-5)

    def test_no_row_sees_what_is_not_known(self):
        """Other tokens at unknown places change no bit, and other tokens at known ones do."""
        for mode in ("left", "both"):
            network = self.network(mode)
            for page in self.pages(6):
                _, before = logits_of(network, [page], ("order",))
                for row in range(0, len(page.places), 3):
                    known = page.ranks < page.asked[row]
                    changed = np.where(known, page.tokens, (page.tokens + 7) % tiny.VOCAB)
                    _, after = logits_of(network, [pages.Page(changed, page.ranks, page.places, page.asked, page.free)],
                                         ("order",))
                    self.assertTrue(torch.equal(before[row], after[row]))
                    other = page.tokens.copy()
                    seen = np.flatnonzero(known)[row % known.sum()]
                    other[seen] = (other[seen] + 7) % tiny.VOCAB
                    _, after = logits_of(network, [pages.Page(other, page.ranks, page.places, page.asked, page.free)],
                                         ("order",))
                    self.assertFalse(torch.equal(before[row], after[row]))

    def test_only_adapters_and_mask_have_gradients(self):
        network = self.network()
        made = batch.make_batch(self.pages(8), "left")
        batch.evaluate(network, made, tiny.EMPTY).logsumexp(-1).sum().backward()
        self.assertTrue(all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters()))
        self.assertTrue(all(not w.requires_grad for w in network.weights.values()))

    def test_empty_is_no_candidate_in_blanks_of_exact_length(self):
        network = self.network()
        made = batch.make_batch(self.pages(12, 64), "left")
        p = batch.evaluate(network, made, tiny.EMPTY).softmax(-1)[:, tiny.EMPTY]
        self.assertTrue(made.exact.any() and not made.exact.all())
        self.assertEqual(p[made.exact].max(), 0)
        self.assertGreater(p[~made.exact].min(), 0)

    def test_tokens_that_became_known_together_do_not_see_each_other(self):
        sees = batch.content_sees(torch.tensor([[0, 2, 1, 1, 0, pages.NEVER]]), "both")[0]
        self.assertEqual(sees[2].tolist(), [True, False, True, False, True, False])
        self.assertEqual(sees[1].tolist(), [True, True, True, True, True, False])
        self.assertEqual(sees[4].tolist(), [True, False, False, False, True, False])


@unittest.skipIf(MISSING, MISSING)
class Pages(unittest.TestCase):
    text = tiny.random_text(4000) if not MISSING else None

    def draw(self, length, seed=1, step=0, count=100):
        vocabulary = type("Vocabulary", (), {"start": tiny.START, "empty": tiny.EMPTY, "line_break": tiny.BREAK})
        return pages.draw_pages([self.text, self.text[::-1].copy()], [0.7, 0.3], seed, step, count,
                                pages.Settings(length), vocabulary)

    def test_depend_on_seed_and_step_only(self):
        same = lambda a, b: all(np.array_equal(x.tokens, y.tokens) and np.array_equal(x.ranks, y.ranks)
                                and np.array_equal(x.asked, y.asked) for x, y in zip(a, b))
        first = self.draw(128, 1, 3, 20)
        self.assertTrue(same(first, self.draw(128, 1, 3, 20)))
        self.assertTrue(same(first[:5], self.draw(128, 1, 3, 5)))
        self.assertFalse(same(first, self.draw(128, 1, 4, 20)))
        self.assertFalse(same(first, self.draw(128, 2, 3, 20)))

    def test_ranks_are_an_order_of_the_open_places(self):
        for length in (32, 128, 512):
            for page in self.draw(length):
                n = len(page.places)
                self.assertEqual((len(page.tokens), len(page.ranks), page.tokens[0], page.ranks[0]),
                                 (length, length, tiny.START, 0))
                self.assertEqual(sorted(page.asked), list(range(1, n + 1)))
                self.assertTrue(np.all(np.diff(page.places) > 0) and page.places[0] > 0)
                closed = np.setdiff1d(np.arange(length), page.places)
                self.assertTrue(np.isin(page.ranks[closed], (0, pages.NEVER)).all())
                known = page.ranks[page.places] != pages.NEVER
                self.assertTrue(np.array_equal(page.ranks[page.places][known], page.asked[known]))

    def test_free_gaps_end_in_one_empty_token_that_is_asked_for_last(self):
        ends, widths = 0, set()
        for page in self.draw(128, count=300):
            never = np.flatnonzero(page.ranks == pages.NEVER)
            self.assertTrue((page.tokens[never] == tiny.EMPTY).all())
            self.assertTrue(page.free or not len(never))
            for end in page.places[np.isin(page.places, never)]:
                gap = end
                while page.ranks[gap - 1] != 0:             # back to the gap's first place
                    gap -= 1
                asked = dict(zip(page.places.tolist(), page.asked.tolist()))
                ranks = [asked[place] for place in range(gap, end + 1)]
                self.assertEqual(ranks, sorted(ranks))      # from its left, the end last
                self.assertNotIn(end + 1, asked)
                right = end
                while right < 128 and page.ranks[right] == pages.NEVER:
                    right += 1
                self.assertTrue(right == 128 or page.ranks[right] == 0)
                widths.add(right - gap)
                ends += 1
        self.assertGreater(ends, 100)
        self.assertIn(pages.GAP, widths)

    def test_all_kinds_are_drawn(self):
        drawn = self.draw(128, count=400)
        share = lambda test: sum(map(test, drawn)) / len(drawn)
        self.assertAlmostEqual(share(lambda page: page.free), 0.42, delta=0.08)
        self.assertAlmostEqual(share(lambda page: page.places[-1] == 127 and page.places[-1] - page.places[0]
                                     == len(page.places) - 1 >= 7), 0.13, delta=0.06)
        ascending = share(lambda page: np.array_equal(page.asked, 1 + np.arange(len(page.asked))))
        self.assertTrue(0.3 < ascending < 0.75, ascending)

    def test_text_of_a_page_is_text_of_the_corpus(self):
        joined = " ".join(map(str, np.where(self.text == tiny.START, tiny.BREAK, self.text)))
        reverse = " ".join(map(str, np.where(self.text == tiny.START, tiny.BREAK, self.text)[::-1]))
        for page in self.draw(128, count=50):
            kept = " ".join(map(str, page.tokens[1:][page.ranks[1:] != pages.NEVER]))
            self.assertTrue(kept in joined or kept in reverse)


    def begun(self, share, count=300):
        """Pages of a text in which token 7 begins every line of ten, 8 every second one, which begins a document, and
        9 is in every other place; and of a page how it begins: its first kept token, or 0 if it begins with a blank."""
        text = np.array(([tiny.START, 8] + [9] * 8 + [tiny.BREAK, tiny.BREAK, 7] + [9] * 7) * 40 + [9] * 200)
        vocabulary = type("Vocabulary", (), {"start": tiny.START, "empty": tiny.EMPTY, "line_break": tiny.BREAK})
        found = [pages.beginnings(text, tiny.START, [tiny.BREAK])]
        self.assertEqual({*text[found[0][0]], *text[found[0][1]]}, {7, 8})
        drawn = pages.draw_pages([text], [1.0], 3, 0, count, pages.Settings(64, begins=share), vocabulary, found=found)
        kept = [page.tokens[1:][page.ranks[1:] != pages.NEVER] for page in drawn]
        return [int(tokens[0]) for tokens in kept], [page.places[0] == 1 for page in drawn]

    def test_windows_begin_with_sentences_where_that_is_asked_for(self):
        first, opening = self.begun(1.0)
        self.assertEqual(set(first), {7, 8})
        self.assertAlmostEqual(first.count(8) / len(first), 0.5, delta=0.1)
        self.assertAlmostEqual(sum(opening) / len(opening), 0.88 * pages.OPENING, delta=0.12)
        first, opening = self.begun(0.0)
        self.assertGreater(first.count(9), 200)
        self.assertLess(sum(opening), 40)
        self.assertTrue(100 < self.begun(0.5)[0].count(9) < 200)

    def test_a_text_without_beginnings_is_cut_anywhere(self):
        text = np.full(200, 9)
        rng, found = np.random.default_rng(1), pages.beginnings(text, tiny.START, [tiny.BREAK])
        self.assertIsNone(pages.choose_beginning(rng, found, 64, text))
        page = pages.draw_page(rng, text, found, pages.Settings(64, begins=1.0), tiny.START, tiny.EMPTY, tiny.BREAK)
        self.assertEqual(len(page.tokens), 64)


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Run(Files):
    def run_of(self, name, steps, resume=False, **other):
        out = self.path / name
        out.mkdir(exist_ok=True)
        run = training.Training(tiny.arguments(out=out, resume=resume, **other), self.base, [self.text], [1.0])
        losses = [run.train_step() for _ in range(steps - run.step)]
        run.save()
        return run, losses

    def assert_same_state(self, a, b):
        self.assertEqual((a.step, a.seen), (b.step, b.seen))
        for (name, p), q, mean, other in zip(a.network.named_parameters(), b.network.parameters(), a.ema, b.ema):
            self.assertTrue(torch.equal(p, q) and torch.equal(mean, other), name)

    def test_places_are_asked_for_once_or_twice(self):
        for share in (0.0, 1.0):
            settings = pages.Settings(32, given=share)
            drawn = pages.draw_pages([self.text], [1.0], 5, 0, 6, settings, self.base)
            made = batch.make_batch(drawn, "left")
            self.assertEqual(len(made.target), (1 + int(share)) * sum(len(page.places) for page in drawn))

    def test_crowded_windows_have_more_blanks(self):
        counts = []
        for crowd in (1.0, 2.0):
            settings = pages.Settings(128, spans=1.0, wide=0.0, crowd=crowd)
            drawn = pages.draw_pages([self.text], [1.0], 5, 0, 60, settings, self.base)
            counts.append(sum(len(page.places) for page in drawn))
        self.assertGreater(counts[1], 1.4 * counts[0])

    def test_stopped_and_resumed_is_the_run_that_was_not(self):
        for train, muon in (("adapter", 0.0), ("all", 0.0), ("all", 0.01)):
            name, options = f"{train}-{muon}", {"train": train, "muon_lr": muon}
            whole, _ = self.run_of(f"whole-{name}", 4, **options)
            self.run_of(f"parts-{name}", 2, **options)
            parts, _ = self.run_of(f"parts-{name}", 4, resume=True, **options)
            self.assert_same_state(whole, parts)

    def test_two_lengths_have_as_many_tokens_as_one_and_are_resumed(self):
        two = {"length": 32, "long": 64, "long_share": 0.5, "batch": 8, "part": 4, "from_start": 0.5}
        kinds = training.windows_of(tiny.arguments(**two))
        self.assertEqual([(one.length, count, part) for one, count, part in kinds], [(32, 4, 4), (64, 2, 2)])
        whole, _ = self.run_of("long-whole", 3, **two)
        self.assertEqual([tuple(batch.tokens.shape) for batch in whole.draw_parts()], [(4, 32), (2, 64)])
        alone = training.Training(tiny.arguments(out=self.path, **two), self.base, [self.text], [1.0])
        parts = alone.draw_parts()
        self.assertFalse(torch.equal(parts[0].tokens[0, 1:9], parts[1].tokens[0, 1:9]))     # of windows of their own
        self.run_of("long-parts", 1, **two)
        self.assert_same_state(whole, self.run_of("long-parts", 3, resume=True, **two)[0])

    def test_muon_moves_the_matrices_of_the_layers_and_adamw_the_rest(self):
        still, _ = self.run_of("muon-alone", 1, train="all", muon_lr=0.01, lr=0.0)
        before = weights.FullNetwork(self.base).state_dict()
        moved = {name for name, p in still.network.named_parameters() if not torch.equal(p, before[name])}
        self.assertEqual(moved, {f"blk.{n}.{name}.weight" for n in range(tiny.LAYERS) for name in base.MATRICES})

    def test_loss_falls_on_a_text_that_can_be_learnt(self):
        for train, mode in (("adapter", "left"), ("all", "left"), ("all", "both")):
            out = self.path / f"learn-{train}-{mode}"
            out.mkdir()
            text = np.tile(np.arange(6, 22), 100)
            run = training.Training(tiny.arguments(out=out, train=train, rows=mode, batch=8), self.base, [text], [1.0])
            losses = [run.train_step() for _ in range(30)]
            self.assertLess(np.mean(losses[-5:]), 0.6 * np.mean(losses[:3]))

    def test_parts_of_a_step_do_not_change_it(self):
        one, first = self.run_of("one-part", 1, part=4)
        two, second = self.run_of("two-parts", 1, part=1)
        self.assertAlmostEqual(first[0], second[0], places=5)

    def test_losses_of_ends_are_those_of_the_decision_alone(self):
        logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.5, -1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
        target, empty = torch.tensor([1, 0, 2]), 1
        end = logits.softmax(-1)[:, empty]
        expected = -torch.log(torch.where(target == empty, end, 1 - end))
        self.assertTrue(torch.allclose(training.end_losses(logits, target, empty), expected))

    def test_weight_of_ends_changes_the_step_of_pages_that_are_free(self):
        _, plain = self.run_of("no-weight", 1, wide=1.0)
        _, weighted = self.run_of("weight", 1, wide=1.0, end_weight=2.0)
        self.assertGreater(weighted[0], plain[0] + 1e-3)

    def test_begins_with_the_state_of_the_prototype(self):
        run, _ = self.run_of("ours", 2)
        named = dict(run.network.named_parameters())
        self.assertEqual(list(named)[:3], ["mask", "block.0.attn_q.a", "block.0.attn_q.b"])     # order of its optimizer
        torch.save({"net": {n: p.detach() for n, p in named.items()}, "opt": run.optimisers[0].state_dict(),
                    "step": run.step, "tokens": run.seen, "ema": dict(zip(named, run.ema))}, self.path / "state.pt")
        again, _ = self.run_of("from-state", 2, init=self.path / "state.pt")
        self.assert_same_state(run, again)
        run, _ = self.run_of("ours", 3, resume=True)
        again, _ = self.run_of("from-state", 3, resume=True)
        self.assert_same_state(run, again)

    def test_begins_with_weights_of_files(self):
        from safetensors.torch import save_file
        run, _ = self.run_of("weights", 2)
        average = dict(zip((n for n, _ in run.network.named_parameters()), run.ema))
        save_file({n: p.half() for n, p in average.items()}, self.path / "a.safetensors")
        for path, error in ((self.path / "a.safetensors", 1e-3), (run.out / "average.pt", 0)):
            again, _ = self.run_of("from-" + path.suffix, 0, init=path)
            self.assertEqual(again.step, 0)
            for p, q, mean in zip(run.ema, again.network.parameters(), again.ema):
                self.assertLessEqual((p - q).abs().max(), error)
                self.assertTrue(torch.equal(q, mean))
        with self.assertRaisesRegex(SystemExit, "not weights of this network"):
            self.run_of("refused", 0, init=self.path / "a.safetensors", rank=8)


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Command(Files):
    def command(self, *arguments):
        return [sys.executable, str(TRAIN / "rows/train.py"), str(self.path / "base.gguf"), *map(str, arguments)]

    def python(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False,
                              env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    def test_trains_measures_and_stops_at_sigterm_with_a_save(self):
        text, out = self.path / "text.npy", self.path / "run"
        shared = ("--out", out, f"{text}=1", "--length", 48, "--batch", 2, "--rank", 2, "--threads", 1,
                  "--precision", "fp32", "--save", 2, "--every", 2, "--valid-windows", 4)
        done = self.python(*shared, "--steps", 4, "--valid", text)
        self.assertEqual(done.returncode, 0, done.stderr)
        curve = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        self.assertEqual([point["step"] for point in curve], [2, 4])
        self.assertEqual(set(curve[-1]["valid"]["text"]), {"4", "12", "end"})
        self.assertIn("--resume", self.python(*shared, "--steps", 6).stderr)        # a run is not overwritten
        self.assertIn("4 steps already", self.python(*shared, "--steps", 4, "--resume").stderr)
        with subprocess.Popen(self.command(*shared, "--steps", 10 ** 6, "--resume", "--print", 1), text=True,
                              stdout=subprocess.PIPE) as running:
            running.stdout.readline()
            running.stdout.readline()
            running.terminate()
            running.communicate(timeout=60)
            self.assertEqual(running.returncode, 0)
        saved = torch.load(out / "last.pt", weights_only=True)
        self.assertGreater(saved["step"], 4)
        self.assertEqual(json.loads((out / "log.jsonl").read_text().splitlines()[-1])["step"], saved["step"])

    def test_wrong_input_is_named(self):
        tiny.write_base(self.path / "odd.gguf", architecture="qwen2")
        tiny.write_base(self.path / "no-mask.gguf", mask=False)
        tiny.write_base(self.path / "no-empty.gguf", tokens=[t.replace("<empty>", "x") for t in tiny.TOKENS])
        np.save(self.path / "short.npy", np.arange(9))
        np.save(self.path / "large.npy", np.arange(200))
        cases = ((("short.npy=1",), "fewer than a window"), (("large.npy",), "token ids of this vocabulary"),
                 (("text.npy=x",), "share"), (("text.npy", "--length", 8), "--length"),
                 (("text.npy", "--length", 300), "context of 256"), (("none.npy",), "cannot be read"),
                 (("text.npy", "--resume"), "last.pt"), (("text.npy", "--batch", 0), "--batch"),
                 (("text.npy", "--ema", 2), "--ema"), (("text.npy", "--from-start", 2), "--from-start"),
                 (("text.npy", "--long", 128), "more than --length"), (("text.npy", "--long", 300), "--long 300"),
                 (("text.npy", "--long", 256, "--long-share", 0), "no window of one"),
                 (("text.npy", "--long", 256, "--long-share", 1), "no window of one"),
                 (("text.npy", "--muon-lr", 0.01), "--train all"), (("text.npy", "--empty-token", 64), "outside of the vocabulary"))
        for (text, *more), message in cases:
            with self.subTest(message), contextlib.redirect_stderr(io.StringIO()) as printed:
                with self.assertRaises(SystemExit) as stopped:
                    out = self.path / "wrong"
                    arguments = (self.path / "base.gguf", self.path / text, "--out", out, "--steps", 1, *more)
                    train.open_run(train.parse_arguments(list(map(str, arguments))))
                self.assertIn(message, f"{stopped.exception.code} {printed.getvalue()}")
        for name, message in (("odd", "qwen2"), ("no-empty", "--empty-token"), ("text.npy", "cannot be read")):
            path = self.path / (name if "." in name else f"{name}.gguf")
            with self.assertRaisesRegex(SystemExit, message):
                base.read_base(path)
        with self.assertRaisesRegex(SystemExit, "no mask token"):
            weights.FullNetwork(base.read_base(self.path / "no-mask.gguf"))

    def test_reads_arrays_of_prepare(self):
        np.savez(self.path / "a.npz", tokens=np.arange(10, 16, dtype=np.uint16), documents=np.array([0, 2, 6]))
        self.assertEqual(texts.read_tokens(self.path / "a.npz", 1, 64).tolist(), [1, 10, 11, 1, 12, 13, 14, 15])


if __name__ == "__main__":
    unittest.main()
