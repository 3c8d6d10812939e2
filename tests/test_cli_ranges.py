"""Ranges of options, labels, outputs that cannot be written, masks, damaged models: what the commands refuse, and at
which point.

Runs the command of cli_testing.py."""
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import unittest

from cli_testing import AR, COMMAND, INFILL, IS_NATIVE, MODELS, ROOT, CommandTest, run
from test_cli_image import COLOUR_ALPHA, GREY, png

LABELS, PLAIN = (str(MODELS / f"unet-{name}.gguf") for name in ("labels", "plain"))     # 14 x 14 grey, 7 x 9 colour
DAMAGED = "the network produced NaN or infinity; the model file is probably damaged"
HALF_NAN, NAN = struct.pack("<H", 0x7e00), struct.pack("<I", 0x7fc00000)


class Ranges(CommandTest):
    def test_infill_and_generate_take_and_refuse_the_same(self):
        fill = ("infill", "-m", INFILL, "--text", "the [[3]] cat", "--seed", "1")
        go = ("generate", "-m", AR, "--prompt", "the cat", "--max-tokens", "4", "--seed", "1")
        for option, value in (("--top-p", "0"), ("--top-p", "1"), ("--min-p", "1"), ("--top-k", "2147483647"),
                              ("--temperature", "0"), ("--temperature", "100"), ("--repetition-penalty", "100")):
            with self.subTest(option=option, value=value):
                self.good(*fill, option, value)
                self.good(*go, option, value)
        for option, value in (("--top-p", "-0.1"), ("--top-p", "1.1"), ("--min-p", "-1"), ("--min-p", "2"), ("--top-k", "-1"),
                              ("--temperature", "-1"), ("--temperature", "101"), ("--repetition-penalty", "0"),
                              ("--repetition-penalty", "101")):
            with self.subTest(option=option, value=value):
                said = []
                for command in (fill, go):
                    code, out, err = run(*command, option, value)
                    self.assertEqual((code, out), (2, b""), err)
                    said.append(err.split(": ", 2)[2])
                self.assertEqual(*said)
                self.assertTrue(said[0].startswith(option[2:]), said[0])
            for bad in ("nan", "inf", "-inf", "1e400", ""):
                self.bad(2, "invalid value", *fill, option, bad)
                self.bad(2, "invalid value", *go, option, bad)

    def test_top_p_0_is_the_likeliest_token_only(self):
        """Regression: infill refused it."""
        page = "the [[3]] cat and [[2]]dog"
        self.assertEqual(self.fill(page, "--top-p", "0", "--temperature", "1", "--seed", "4"),
                         self.fill(page, "--temperature", "0", "--seed", "4"))

    def test_seeds_of_every_command_are_whole_numbers_of_64_bits(self):
        commands = (("infill", "-m", INFILL, "--text", "the [[1]]"), ("score", "-m", INFILL, "--text", "the cat"),
                    ("generate", "-m", AR, "--prompt", "x", "--max-tokens", "1"))
        for command in commands:
            for seed in ("0", "9007199254740993", "18446744073709551615"):
                self.good(*command, "--seed", seed)
            for seed in ("-1", "18446744073709551616", "1.5", "1e3", "+1", " 1", "x", ""):
                self.bad(2, "--seed", *command, "--seed", seed)

    def test_unknown_options_name_the_nearest(self):
        for command, option, near in (("infill", "--temprature", "--temperature"), ("generate", "--max-token", "--max-tokens"),
                                      ("infill", "-text", "--text"), ("image", "--guidence=2", "--guidance"),
                                      ("score", "--standard", "--standard-error")):
            self.bad(2, f"did you mean {near}?", command, option)
        code, _, err = run("infill", "--colour")
        self.assertEqual(code, 2)
        self.assertNotIn("did you mean", err)


class Labels(CommandTest):
    def test_labels_are_found_without_regard_to_case(self):
        names = self.objects("info", "-m", LABELS)[0]["image"]["labels"]
        name = next(name for name in names if name.lower() != name.upper())
        out, same = self.folder() / "out.raw", set()
        for label in (name, name.upper(), name.lower(), name.swapcase()):
            self.good("image", "-m", LABELS, "--label", label, "--seed", "1", "--steps", "4", "--raw", out)
            same.add(out.read_bytes())
        self.assertEqual(len(same), 1)
        self.bad(2, "no label", "image", "-m", LABELS, "--label", name + "x", "--raw", "/dev/null")


class Outputs(CommandTest):
    def commands(self, path):
        """Each with an output at `path`; none of them gets as far as opening its model."""
        yield "quantize", "-m", "no-model", "--type", "F16", "-o", path
        yield "generate", "-m", "no-model", "--prompt", "x", "--session", path

    def drawings(self, path):
        image = ("image", "-m", PLAIN, "--steps", "4", "--count", "2")
        if IS_NATIVE:                                     # as WebAssembly the command has no PNG files
            yield *image, "-o", path
        yield *image, "--raw", path

    def test_outputs_that_cannot_be_written_are_refused_before_the_work(self):
        folder = self.folder()
        locked = folder / "locked"
        locked.mkdir(mode=0o500)
        (folder / "file").write_text("x")
        paths = [(folder, "folder"), (folder / "no/where", "No such file"), (folder / "file/within", "ot a directory")]
        if os.geteuid() != 0:
            paths.append((locked / "new", "ermission"))
        for path, part in paths:
            for command in (*self.commands(path), *self.drawings(path)):
                with self.subTest(command=command):
                    code, out, err = run(*command)
                    self.assertEqual((code, out), (1, b""), err)
                    self.assertIn(part, err)
                    self.assertIn(str(path), err)
                    self.assertNotIn("seed", err)            # the seed is drawn when the work begins
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["file", "locked"])
        self.assertEqual((folder / "file").read_text(), "x")

    def test_a_trace_that_cannot_be_written_is_refused_before_the_work(self):
        folder = self.folder()
        (folder / "file").write_text("x")
        for trace in (folder / "file", folder / "no/where"):
            code, _, err = run("image", "-m", PLAIN, "--steps", "4", "--raw", folder / "out", "--trace", trace)
            self.assertEqual(code, 1, err)
            self.assertNotIn("seed", err)
        self.assertEqual([p.name for p in folder.iterdir()], ["file"])

    def test_two_outputs_in_one_file_are_refused(self):
        self.bad(2, "the same file", "image", "-m", PLAIN, "-o", "x", "--raw", "x")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_device_is_seen_at_the_end(self):
        commands = [*self.drawings("/dev/full"), ("quantize", "-m", INFILL, "--type", "F32", "-o", "/dev/full"),
                    ("generate", "-m", AR, "--prompt", "x", "--max-tokens", "2", "--session", "/dev/full")]
        for command in commands[:3] if IS_NATIVE else commands[:0]:
            with self.subTest(command=command):
                code, out, err = run(*command)
                self.assertEqual((code, out), (1, b""), err)
                self.assertIn("/dev/full: No space left", err)

    @unittest.skipUnless(IS_NATIVE, "limits are those of the command itself")
    def test_what_cannot_be_written_whole_leaves_what_stood_there(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        folder = self.folder()
        for command in (("quantize", "-m", INFILL, "--type", "F32", "-o"),
                        ("image", "-m", PLAIN, "--steps", "4", "--count", "4", "-o"),
                        ("image", "-m", PLAIN, "--steps", "4", "--count", "4", "--raw"),
                        ("generate", "-m", AR, "--prompt", "the cat", "--max-tokens", "4", "--session")):
            out = folder / "out"
            with self.subTest(command=command):
                self.good(*command, out)
                before = out.read_bytes()
                done = subprocess.run([*COMMAND, *command, str(out)], capture_output=True, cwd=ROOT, check=False,
                                      preexec_fn=limit, timeout=300)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(str(out).encode(), done.stderr)
                self.assertEqual(out.read_bytes(), before)
                self.assertEqual([p.name for p in folder.iterdir()], ["out"])
                out.unlink()

    @unittest.skipUnless(IS_NATIVE, "links and modes of this system")
    def test_links_and_modes_stay(self):
        folder = self.folder()
        real, link = folder / "real", folder / "link"
        real.write_bytes(b"old")
        real.chmod(0o640)
        link.symlink_to(real)
        self.good("image", "-m", PLAIN, "--steps", "4", "--raw", link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(real.stat().st_size, 7 * 9 * 3)
        self.assertEqual(real.stat().st_mode & 0o777, 0o640)


@unittest.skipUnless(IS_NATIVE, "as WebAssembly the command has no PNG files")
class Masks(CommandTest):
    def test_what_is_transparent_in_a_mask_is_kept(self):
        """Regression: it was read as white, and nearly the whole picture was drawn anew."""
        folder = self.folder()
        known, mask, out = (folder / name for name in ("known.png", "mask.png", "out.raw"))
        side = 14
        pixels = [[bytes([(17 * x + 5 * y) % 256]) for x in range(side)] for y in range(side)]
        known.write_bytes(png(side, side, pixels, GREY))
        white, clear = bytes([255, 255, 255, 255]), bytes([255, 255, 255, 0])
        drawn = {(3, 4), (9, 2)}
        mask.write_bytes(png(side, side, [[white if (x, y) in drawn else clear for x in range(side)] for y in range(side)],
                             COLOUR_ALPHA))
        self.good("image", "-m", LABELS, "--label", "0", "--seed", "2", "--steps", "4", "--inpaint", known, "--mask", mask,
                  "--raw", out)
        got = out.read_bytes()
        for y in range(side):
            for x in range(side):
                if (x, y) not in drawn:
                    self.assertEqual(got[y * side + x], pixels[y][x][0], (x, y))


class Damaged(CommandTest):
    def spoilt(self, model, tensor, value):
        """The model with `value` at the start of a tensor, which is found by its name in the header."""
        data = bytearray(pathlib.Path(model).read_bytes())
        name = tensor.encode()
        at = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name)
        dims = struct.unpack_from("<I", data, at)[0]
        offset = struct.unpack_from("<Q", data, at + 4 + 8 * dims + 4)[0]
        start = self.data_start(data)
        data[start + offset:start + offset + len(value)] = value
        path = self.folder() / "damaged.gguf"
        path.write_bytes(data)
        return path

    @staticmethod
    def data_start(data):
        """The data start after the entry of the last tensor, at the next multiple of 32: tensor entries are the end of
        the header."""
        at, last = 24, 0
        sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
        tensors, values = struct.unpack_from("<QQ", data, 8)

        def text(at):
            return at + 8 + struct.unpack_from("<Q", data, at)[0]

        def value(kind, at):
            if kind == 8:
                return text(at)
            if kind != 9:
                return at + sizes[kind]
            inner, count = struct.unpack_from("<IQ", data, at)
            at += 12
            if inner != 8:
                return at + count * sizes[inner]
            for _ in range(count):
                at = text(at)
            return at

        for _ in range(values):
            at = text(at)
            at = value(struct.unpack_from("<I", data, at)[0], at + 4)
        for _ in range(tensors):
            at = text(at)
            at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 12
            last = at
        return (last + 31) // 32 * 32

    def test_every_command_says_the_same(self):
        """Regression: infill and score printed text and numbers."""
        infill = self.spoilt(INFILL, "output_norm.weight", NAN)
        scale = self.spoilt(INFILL, "blk.0.attn_v.weight", HALF_NAN)
        causal = self.spoilt(AR, "blk.0.attn_norm.weight", NAN)
        picture = self.spoilt(PLAIN, "conv_out.bias", NAN)
        shutil.copy(picture, self.folder() / "kept.gguf")
        for command in (("infill", "-m", infill, "--text", "the [[3]]"), ("infill", "-m", scale, "--text", "the [[3]]"),
                        ("infill", "-m", infill, "--text", "the [[3]]", "--json"),
                        ("infill", "-m", infill, "--text", "the [[3]]", "--drafts", "3"),
                        ("infill", "-m", infill, "--text", "the [[3]]", "--sampler", "remask"),
                        ("score", "-m", infill, "--text", "the cat"), ("score", "-m", infill, "--text", "the cat", "--json"),
                        ("score", "-m", scale, "--text", "the little cat ran", "--method", "margin"),
                        ("score", "-m", causal, "--text", "the cat"), ("generate", "-m", causal, "--prompt", "the cat"),
                        ("image", "-m", picture, "--steps", "4", "--raw", os.devnull)):
            with self.subTest(command=command):
                self.bad(1, DAMAGED, *command)


if __name__ == "__main__":
    unittest.main()
