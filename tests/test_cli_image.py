"""`palimpsest image`, used by programs and by people: grids, traces, known pixels, likelihoods, hostile PNG files,
Ctrl-C.

Runs the command of cli_testing.py.  PNG files are read and written here with zlib alone, so the command's libpng is
tested against another implementation."""
import json
import math
import os
import signal
import struct
import subprocess
import time
import unittest
import zlib

from cli_testing import COMMAND, IS_NATIVE, MODELS, ROOT, WASM, CommandTest, run

LABELS, PLAIN = (str(MODELS / f"unet-{name}.gguf") for name in ("labels", "plain"))     # 14 x 14 grey, 7 x 9 colour
SAMPLERS = ("ddpm ddim analytic-ddpm analytic-ddim npr-ddpm npr-ddim sn-ddpm sn-ddim annealed-langevin reverse-sde "
            "predictor-corrector probability-flow dpm-solver++").split()
ANYWHERE = "ddpm ddim annealed-langevin reverse-sde predictor-corrector probability-flow dpm-solver++".split()


def few(sampler):
    """Few evaluations: the test models' schedule has 20 steps."""
    return {"annealed-langevin": (), "probability-flow": ("--tolerance", "0.05")}.get(sampler, ("--steps", "4"))


# ---- PNG (RFC 2083) ------------------------------------------------------------------------------------------------

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows, kind=GREY, depth=8, interlaced=False, extra=b""):
    """rows: [height] lists of pixels, each bytes."""
    lines = rows
    if interlaced:
        lines = [[row[x] for x in range(left, width, across)] for left, top, across, down in PASSES
                 for row in rows[top::down] if left < width]
    data = b"".join(b"\0" + b"".join(line) for line in lines)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def grey_png(width, height, pixels):
    return png(width, height, [[bytes([pixels[y * width + x]]) for x in range(width)] for y in range(height)])


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def decode(data):
    """(width, height, channels, pixels) of an 8-bit grey or colour file, with all checks."""
    assert data.startswith(SIGNATURE)
    at, packed, header = 8, b"", None
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, kind, *rest = header
    assert depth == 8 and kind in (GREY, COLOUR) and rest == [0, 0, 0] and data[-8:-4] == b"IEND"
    channels = 1 if kind == GREY else 3
    plain, line, out = zlib.decompress(packed), width * channels, bytearray()
    assert len(plain) == height * (line + 1)
    for y in range(height):
        how, row = plain[y * (line + 1)], bytearray(plain[y * (line + 1) + 1:(y + 1) * (line + 1)])
        above = out[-line:] if y else bytes(line)
        for x in range(line):
            a, c = (row[x - channels], above[x - channels]) if x >= channels else (0, 0)
            b = above[x]
            row[x] = (row[x] + (0, a, b, (a + b) // 2, paeth(a, b, c))[how]) & 255
        out += row
    return width, height, channels, bytes(out)


class ImageTest(CommandTest):
    def draw(self, *arguments, model=LABELS):
        """The bytes of pictures."""
        path = self.folder() / "out.raw"
        self.good("image", "-m", model, "--seed", 5, "--raw", path, *arguments)
        return path.read_bytes()

    def file(self, data, name="in.png"):
        path = self.folder() / name
        path.write_bytes(data)
        return path


class Drawing(ImageTest):
    def test_every_sampler_draws_repeats_and_follows_the_seed(self):
        for sampler in SAMPLERS:
            with self.subTest(sampler=sampler):
                same = [self.draw("--sampler", sampler, *few(sampler)) for _ in range(2)]
                self.assertEqual(same[0], same[1])
                self.assertEqual(len(same[0]), 14 * 14)
                self.assertGreater(len(set(same[0])), 2)        # a network of random weights likes black and white
                self.assertNotEqual(same[0], self.draw("--sampler", sampler, *few(sampler), "--seed", 6))

    def test_batches_and_first_address_the_same_pictures(self):
        for sampler in ("sn-ddpm", "probability-flow"):
            common = ("--sampler", sampler, *few(sampler), "--label", "all")
            five = self.draw("--count", 5, *common)
            self.assertEqual(five[2 * 196:4 * 196], self.draw("--first", 2, "--count", 2, *common))
        many = self.draw("--count", 70, "--steps", 1)       # more than are drawn at once
        self.assertEqual(many[69 * 196:], self.draw("--first", 69, "--steps", 1))

    @unittest.skipUnless(IS_NATIVE, "WebAssembly has no PNG")
    def test_grid_has_the_pictures_in_their_places(self):
        for model, width, height, channels in ((LABELS, 14, 14, 1), (PLAIN, 7, 9, 3)):
            folder = self.folder()
            raw, each = folder / "raw", width * height * channels
            for columns, gap, expected in (((), 0, 3), ((), 2, 3), (("--columns", 2), 1, 2), (("--columns", 7), 0, 7)):
                self.good("image", "-m", model, "--count", 5, "--steps", 2, "--seed", 1, "-o", folder / "grid.png",
                          "--raw", raw, "--gap", gap, *columns)
                w, h, c, pixels = decode((folder / "grid.png").read_bytes())
                rows = math.ceil(5 / expected)
                self.assertEqual((w, h, c), (expected * (width + gap) - gap, rows * (height + gap) - gap, channels))
                white = bytearray(b"\xff" * len(pixels))
                for i in range(5):
                    for y in range(height):
                        at = ((i // expected * (height + gap) + y) * w + i % expected * (width + gap)) * c
                        line = raw.read_bytes()[i * each + y * width * c:][:width * c]
                        self.assertEqual(pixels[at:at + width * c], line)
                        white[at:at + width * c] = line
                self.assertEqual(bytes(white), pixels)

    def test_seed_is_drawn_and_told(self):
        path = self.folder() / "raw"
        _, out, err = run("image", "-m", PLAIN, "--steps", 2, "--raw", path)
        self.assertEqual(out, b"")
        self.assertRegex(err, r"^seed \d+\n$")
        self.assertEqual(self.draw("--steps", 2, "--seed", err.split()[1], model=PLAIN), path.read_bytes())

    def test_labels_by_name_number_and_in_turn(self):
        pictures = [self.draw("--steps", 3, "--label", label, "--first", i)
                    for i, label in enumerate(("alpha", "1", "gamma", "0"))]
        self.assertEqual(b"".join(pictures), self.draw("--steps", 3, "--label", "all", "--count", 4))
        self.assertNotEqual(self.draw("--steps", 3, "--label", "none"), pictures[0])
        self.assertEqual(self.draw("--steps", 3, "--label", "none"), self.draw("--steps", 3))

    def test_guidance_1_is_none(self):
        plain = self.draw("--steps", 3, "--label", "beta")
        self.assertEqual(plain, self.draw("--steps", 3, "--label", "beta", "--guidance", 1))
        self.assertNotEqual(plain, self.draw("--steps", 3, "--label", "beta", "--guidance", 3))

    def test_options_reach_the_sampler(self):
        for sampler, *option in (
            ("ddpm", "--variance", "large"), ("ddim", "--eta", "0.7"), ("ddim", "--grid", "quadratic"),
            ("ddpm", "--clip-x0", "off"), ("sn-ddpm", "--clip-pixel", "0"), ("reverse-sde", "--process", "ve"),
            ("predictor-corrector", "--correctors", "2"), ("predictor-corrector", "--snr", "0.05"),
            ("annealed-langevin", "--iterations", "2"), ("annealed-langevin", "--langevin-step", "0.2"),
            ("annealed-langevin", "--sigma-max", "2"), ("annealed-langevin", "--sigma-min", "0.05"),
            ("probability-flow", "--tolerance", "0.001"), ("probability-flow", "--solver", "heun", "--steps", "5"),
        ):
            with self.subTest(sampler=sampler, option=option):
                base = self.draw("--sampler", sampler, *few(sampler))
                more = () if sampler == "probability-flow" else few(sampler)
                self.assertNotEqual(base, self.draw("--sampler", sampler, *more, *option))

    def test_json_has_what_programs_rely_on(self):
        path = self.folder() / "raw"
        o, = self.objects("image", "-m", LABELS, "--count", 3, "--label", "all", "--steps", 4, "--seed", 9,
                          "--guidance", 2, "--raw", path, "--first", 1, "--threads", 2)
        self.assertEqual({key: o[key] for key in ("sampler", "steps", "seed", "first", "count", "labels", "guidance",
                                                  "complete", "evaluations", "passes", "width", "height", "channels",
                                                  "columns", "model", "threads")},
                         {"sampler": "sn-ddpm", "steps": 4, "seed": 9, "first": 1, "count": 3, "labels": [1, 2, 0],
                          "guidance": 2, "complete": True, "evaluations": 4, "passes": 24, "width": 14, "height": 14,
                          "channels": 1, "columns": 2, "model": "unet-labels", "threads": 2 if IS_NATIVE else 1})
        self.assertTrue(o["seconds"] > 0 and o["isa"])
        o, = self.objects("image", "-m", PLAIN, "--count", 2, "--sampler", "probability-flow", "--tolerance", 0.05,
                          "--seed", 9, "--raw", path)
        self.assertEqual(o["evaluations"] * 2, o["passes"])
        self.assertEqual(o["steps"], 0)
        i, = self.objects("info", "-m", LABELS)
        self.assertTrue(i["can_image"] and not i["can_infill"] and not i["causal"])
        self.assertEqual((i["image"]["labels"], i["image"]["samplers"]), (["alpha", "beta", "gamma"], SAMPLERS))
        i, = self.objects("info", "-m", PLAIN)
        self.assertEqual((i["image"]["labels"], i["image"]["samplers"], i["image"]["channels"]), ([], ANYWHERE, 3))
        self.assertIn(b"7 x 9, colour", self.good("info", "-m", PLAIN))

    def test_usage_mistakes_exit_with_2_and_name_them(self):
        raw = self.folder() / "raw"
        for part, *arguments in (
            ("no output", "-m", LABELS), ("no model", "--raw", raw),
            ("unknown sampler 'foo'\nThis model supports: ddpm, ddim, annealed", "-m", PLAIN, "--sampler", "foo"),
            ("no second-moment head", "-m", PLAIN, "--sampler", "sn-ddpm"),
            ("This model supports: ddpm, ddim, annealed", "-m", PLAIN, "--sampler", "npr-ddim"),
            ("no table Gamma", "-m", PLAIN, "--sampler", "analytic-ddpm"),
            ("no label 'omega'; it has alpha, beta, gamma", "-m", LABELS, "--label", "omega"),
            ("it has alpha", "-m", LABELS, "--label", "3"), ("it has no labels", "-m", PLAIN, "--label", "all"),
            ("model with labels", "-m", PLAIN, "--guidance", 2), ("needs a label", "-m", LABELS, "--guidance", 2),
            ("steps must", "-m", PLAIN, "--steps", 0), ("more steps than", "-m", PLAIN, "--steps", 21),
            ("count must", "-m", PLAIN, "--count", 0), ("count must", "-m", PLAIN, "--count", 65537),
            ("last picture", "-m", PLAIN, "--first", 4294967295, "--count", 2, "--steps", 2),
            ("4294967295", "-m", PLAIN, "--first", 4294967296), ("gap must", "-m", PLAIN, "--gap", -1),
            ("invalid value", "-m", PLAIN, "--grid", "given"), ("invalid value", "-m", PLAIN, "--solver", "euler"),
            ("together", "-m", PLAIN, "--mask", "x.png"), ("together", "-m", PLAIN, "--inpaint", "x.png"),
            ("eta is only for", "-m", PLAIN, "--eta", 0.5, "--sampler", "ddpm", "--steps", 4),
            ("the view must be", "-m", PLAIN, "--view", "y"),
        ):
            with self.subTest(arguments=arguments):
                self.bad(2, part, "image", *arguments, *(() if part in ("no output", "no model") else ("--raw", raw)),
                         "--seed", 1)
        self.assertFalse(raw.exists())

    def test_models_of_the_wrong_kind_are_refused(self):
        raw = self.folder() / "raw"
        self.bad(1, "text model", "image", "-m", MODELS / "tiny-ar.gguf", "--raw", raw)
        self.bad(1, "only a vocabulary", "image", "-m", MODELS / "tales-vocab.gguf", "--raw", raw)
        for arguments in (("infill", "--text", "[[2]]"), ("generate", "--prompt", "x"), ("score", "--text", "x"),
                          ("tokenize", "--text", "x"), ("bench",)):
            self.bad(1, "draws pictures", arguments[0], "-m", LABELS, *arguments[1:],
                     *(("--seed", 1) if arguments[0] in ("infill", "generate") else ()))

    def test_results_that_cannot_be_written_are_a_failure(self):
        folder = self.folder()
        for where in (("--raw", folder), ("--raw", folder / "no" / "raw"), ("-o", folder / "no" / "x.png")):
            self.bad(1, "palimpsest: ", "image", "-m", PLAIN, "--steps", 1, "--seed", 1, *where)
        (folder / "file").write_text("x")
        self.bad(1, "not a directory", "image", "-m", PLAIN, "--steps", 1, "--seed", 1, "--raw", folder / "raw",
                 "--trace", folder / "file")

    @unittest.skipUnless(IS_NATIVE and os.path.exists("/dev/full"), "needs /dev/full")
    def test_a_full_disk_is_a_failure(self):
        self.bad(1, "/dev/full", "image", "-m", PLAIN, "--steps", 1, "--seed", 1, "-o", "/dev/full")
        self.bad(1, "/dev/full", "image", "-m", PLAIN, "--steps", 1, "--seed", 1, "--raw", "/dev/full")
        self.assertTrue(os.path.exists("/dev/full"))

    @unittest.skipUnless(IS_NATIVE, "signals are the native command's")
    def test_interrupt_leaves_the_partial_picture_and_exits_with_130(self):
        folder = self.folder()
        process = subprocess.Popen([*COMMAND, "image", "-m", LABELS, "--sampler", "annealed-langevin", "--iterations",
                                    "10000", "--count", "2", "--seed", "1", "--json", "-o", str(folder / "out.png")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        o = json.loads(out)
        self.assertFalse(o["complete"])
        self.assertGreater(o["evaluations"], 0)
        width, height, channels, pixels = decode((folder / "out.png").read_bytes())
        self.assertEqual((width, height, channels), (28, 14, 1))
        self.assertGreater(len(set(pixels)), 1)

    @unittest.skipUnless(IS_NATIVE and WASM.exists(), "no WebAssembly build")
    def test_webassembly_draws_the_same_bytes(self):
        here, there = self.folder() / "here", self.folder() / "there"
        for model, samplers in ((LABELS, ("sn-ddpm", "npr-ddim", "probability-flow")), (PLAIN, ("dpm-solver++",))):
            for sampler in samplers:
                arguments = ("image", "-m", model, "--seed", 3, "--count", 2, "--sampler", sampler, *few(sampler),
                             *(("--label", "all") if model == LABELS else ()), "--raw")
                self.assertEqual(run(*arguments, there, command=["node", str(WASM)])[0], 0)
                self.good(*arguments, here)
                self.assertEqual(here.read_bytes(), there.read_bytes())


@unittest.skipUnless(IS_NATIVE, "WebAssembly has no PNG")
class Files(ImageTest):
    def test_trace_has_a_png_a_step(self):
        folder = self.folder()
        for view in ("x0", "x"):
            trace = folder / view
            self.good("image", "-m", LABELS, "--seed", 2, "--count", 2, "--steps", 5, "--trace", trace, "--view", view,
                      "-o", folder / "out.png")
            steps = sorted(trace.iterdir())
            self.assertEqual([step.name for step in steps], [f"step-{n:05d}.png" for n in range(1, 6)])
            grids = [step.read_bytes() for step in steps]
            self.assertEqual(grids[-1], (folder / "out.png").read_bytes())
            self.assertEqual(len(set(grids)), 5)
            self.assertEqual({decode(grid)[:3] for grid in grids}, {(28, 14, 1)})

    def kept(self, known, mask, *more):
        return self.draw("--steps", 4, "--inpaint", known, "--mask", mask, *more)

    def test_inpaint_keeps_black_and_draws_white(self):
        known = bytes((x * 13) & 255 for x in range(196))
        mask = bytes(255 if 40 <= i < 110 else 0 for i in range(196))
        files = self.file(grey_png(14, 14, known)), self.file(grey_png(14, 14, mask), "mask.png")
        out = self.kept(*files)
        self.assertTrue(all(o == k for o, k, m in zip(out, known, mask) if not m))
        self.assertTrue(sum(o != k for o, k, m in zip(out, known, mask) if m) > 50)
        self.assertNotEqual(out, self.kept(*files, "--resample", 2))
        self.assertEqual(out, self.draw("--steps", 4, "--inpaint", files[0], "--mask", files[1], "--count", 3)[:196])
        self.bad(2, "use a ddpm", "image", "-m", LABELS, "--raw", "x", "--seed", 1, "--steps", 4, "--sampler",
                 "dpm-solver++", "--inpaint", files[0], "--mask", files[1])

    def test_every_kind_of_png_is_read(self):
        grey = [(i * 7) & 255 for i in range(196)]
        nothing = self.file(grey_png(14, 14, bytes(196)), "mask.png")

        def rows(pixel):
            return [[pixel(grey[y * 14 + x]) for x in range(14)] for y in range(14)]
        ramp = chunk(b"PLTE", b"".join(bytes([255 - v] * 3) for v in range(256)))
        two = [[bytes([sum(((grey[y * 14 + x + b] > 127) << (7 - b)) for b in range(8) if x + b < 14)])
                for x in (0, 8)] for y in range(14)]
        on_white = bytes((g * 128 + 255 * 127 + 127) // 255 for g in grey)
        for name, data, expected in (
            ("grey", png(14, 14, rows(lambda v: bytes([v]))), bytes(grey)),
            ("interlaced", png(14, 14, rows(lambda v: bytes([v])), interlaced=True), bytes(grey)),
            ("colour", png(14, 14, rows(lambda v: bytes([v, v, v])), COLOUR), bytes(grey)),
            ("16 bits", png(14, 14, rows(lambda v: bytes([v, v])), depth=16), bytes(grey)),
            ("palette", png(14, 14, rows(lambda v: bytes([255 - v])), PALETTE, extra=ramp), bytes(grey)),
            ("1 bit", png(14, 14, two, depth=1), bytes(255 if v > 127 else 0 for v in grey)),
            ("opaque", png(14, 14, rows(lambda v: bytes([v, 255])), GREY_ALPHA), bytes(grey)),
            ("half", png(14, 14, rows(lambda v: bytes([v, v, v, 128])), COLOUR_ALPHA), on_white),
            ("nothing", png(14, 14, rows(lambda v: bytes([v, v, v, 0])), COLOUR_ALPHA), b"\xff" * 196),
        ):
            with self.subTest(kind=name):
                self.assertEqual(self.kept(self.file(data), nothing), expected)
        pixels = bytes((i * 5) & 255 for i in range(189))
        colours = png(7, 9, [[pixels[3 * (7 * y + x):][:3] for x in range(7)] for y in range(9)], COLOUR)
        mask = self.file(grey_png(7, 9, bytes(63)), "mask.png")
        self.assertEqual(self.draw("--steps", 2, "--inpaint", self.file(colours), "--mask", mask, model=PLAIN), pixels)

    def test_files_that_are_no_pictures_or_of_another_size_are_refused(self):
        good = self.file(grey_png(14, 14, bytes(196)))
        data = good.read_bytes()
        huge = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 100000, 100000, 8, 0, 0, 0, 0))
        wide = png(5000, 1, [[b"\0"] * 5000])
        bomb = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 4096, 4096, 16, 6, 0, 0, 0)) + \
            chunk(b"IDAT", zlib.compress(bytes(1 << 16))) + chunk(b"IEND", b"")
        wrong_sum = bytearray(data)
        wrong_sum[-20] ^= 1
        for part, content in (
            ("not a PNG", b""), ("not a PNG", b"GIF89a" + bytes(100)), ("not a PNG", b"\x89PNG"),
            ("palimpsest: ", SIGNATURE), ("palimpsest: ", data[:40]), ("palimpsest: ", data[:-20]),
            ("palimpsest: ", bytes(wrong_sum)), ("palimpsest: ", huge), ("palimpsest: ", wide), ("palimpsest: ", bomb),
            ("13 x 14 pixels; the model draws 14 x 14", grey_png(13, 14, bytes(182))),
        ):
            for bad, other in (("--inpaint", "--mask"), ("--mask", "--inpaint")):
                with self.subTest(part=part, option=bad):
                    path = self.file(content)
                    code, out, err = run("image", "-m", LABELS, "--seed", 1, "--steps", 2, "--raw", "/nonexistent/x",
                                         bad, path, other, good)
                    self.assertEqual((code, out), (1, b""), err)
                    self.assertIn(part, err)
                    self.assertIn(str(path), err)
        self.bad(1, "No such file", "image", "-m", LABELS, "--raw", "x", "--inpaint", "none.png", "--mask", good)

    def test_flipped_bits_of_a_png_are_read_or_refused(self):
        data = grey_png(14, 14, bytes((i * 3) & 255 for i in range(196)))
        mask = self.file(grey_png(14, 14, bytes(196)), "mask.png")
        for at in range(0, 8 * len(data), 97):
            flipped = bytearray(data)
            flipped[at // 8] ^= 1 << at % 8
            code, _, err = run("image", "-m", LABELS, "--seed", 1, "--steps", 1, "--raw", os.devnull, "--inpaint",
                               self.file(flipped), "--mask", mask)
            self.assertIn(code, (0, 1), err)

    def test_likelihood_of_files_grids_and_bytes_agree(self):
        folder = self.folder()
        raw, grid, one = folder / "raw", folder / "grid.png", folder / "one.png"
        self.good("image", "-m", LABELS, "--seed", 4, "--count", 3, "--steps", 3, "--columns", 2, "-o", grid, "--raw",
                  raw)
        one.write_bytes(grey_png(14, 14, raw.read_bytes()[:196]))
        common = ("image", "-m", LABELS, "--seed", 1, "--method", "bound", "--steps", 4, "--label", "all")
        bits = {}
        for name, *source in (("raw", "--likelihood-raw", raw), ("grid", "--likelihood", grid, "--count", 3),
                              ("one", "--likelihood", one), ("two", "--likelihood", one, "--likelihood", grid)):
            o, = self.objects(*common, *source)
            self.assertEqual((o["method"], o["complete"], o["evaluations"]), ("bound", True, 4))
            self.assertEqual(o["count"], len(o["bits_per_dimension"]))
            self.assertAlmostEqual(o["mean"], sum(o["bits_per_dimension"]) / o["count"], 6)
            bits[name] = o["bits_per_dimension"]
        self.assertEqual(bits["raw"], bits["grid"])
        self.assertEqual(bits["raw"][:1], bits["one"])
        self.assertEqual(len(bits["two"]), 5)               # the grid's fourth cell is white, and counts
        text = self.good(*common, "--likelihood", one).decode()
        self.assertRegex(text, r"^\d+\.\d{4} bits per dimension, variational bound, 1 picture, 4 evaluations\n$")

    def test_likelihood_by_the_flow_is_near_itself_over_draws(self):
        one = self.file(grey_png(14, 14, bytes(128 + (i % 5) for i in range(196))))
        common = ("image", "-m", LABELS, "--seed", 1, "--likelihood", one, "--tolerance", 0.05)
        single, = self.objects(*common)
        double, = self.objects(*common, "--draws", 2)
        self.assertEqual((single["method"], single["complete"], len(single["bits_per_dimension"])), ("flow", True, 1))
        self.assertNotEqual(single["mean"], double["mean"])
        self.assertLess(abs(single["mean"] - double["mean"]), 0.2 * abs(single["mean"]))

    def test_bad_likelihoods_are_refused(self):
        one = self.file(grey_png(14, 14, bytes(196)))
        odd = self.file(grey_png(15, 14, bytes(210)), "odd.png")
        raw = self.file(bytes(197), "raw")
        for code, part, *arguments in (
            (1, "15 x 14 pixels", "--likelihood", odd), (1, "3 columns", "--likelihood", one, "--columns", 3),
            (1, "not a multiple", "--likelihood-raw", raw), (1, "No such file", "--likelihood", "none.png"),
            (2, "draws nothing", "--likelihood", one, "-o", "x.png"), (2, "not both", "--likelihood", one,
                                                                      "--likelihood-raw", raw),
            (2, "for --method (expected flow|bound)", "--likelihood", one, "--method", "guess"),
            (2, "no sampler and no steps", "--likelihood", one, "--steps", 5),
            (2, "only the ddpm", "--likelihood", one, "--method", "bound", "--sampler", "dpm-solver++", "--steps", 5),
            (2, "not the score of a density", "--likelihood", one, "--label", "0", "--guidance", 2),
            (2, "more steps", "--likelihood", one, "--method", "bound"),
        ):
            with self.subTest(arguments=arguments):
                self.bad(code, part, "image", "-m", LABELS, "--seed", 1, *arguments)


if __name__ == "__main__":
    unittest.main()
