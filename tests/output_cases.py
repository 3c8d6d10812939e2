"""The runs of the command whose outputs are stored in tests/golden/outputs: every sampler and method, the shipped and
the test models, fixed seeds. tools/make_output_golden.py writes the files, tests/test_outputs.py compares."""
import hashlib
import json
import shlex
import tempfile
import pathlib

from cli_testing import COMMAND, ROOT, SAMPLERS, run
from test_cli_image import ANYWHERE, SAMPLERS as IMAGE_SAMPLERS

FOLDER = ROOT / "tests/golden/outputs"
TINY, TALES = "tests/models/tiny-infill.gguf", "models/tales-masked.gguf"
ODD, GROUPED = "tests/models/tiny-odd.gguf", "tests/models/grouped.gguf"
TINY_AR, STORIES, TALES_AR = "tests/models/tiny-ar.gguf", "tests/models/stories260K.gguf", "models/tales-ar.gguf"
PLAIN, LABELS = "tests/models/unet-plain.gguf", "tests/models/unet-labels.gguf"
PAGE = 'Once upon a time [[?]] lived in [[4]]. "[[3-8]]," she said.'
LONG = " ".join(["The little fox ran to the river and sat down to rest in the shade of a tree."] * 40)
TEXT = ("Once upon a time there was a little girl named Lily. She loved to play outside.\nOne day, she saw a big \u201credbird\u201d in "
        "a tree.\n<|endoftext|>\nTom and his dog went to the park. It was \u00fcbercool!\n")
WHAT_VARIES = ("seconds", "time_to_first_token", "tokens_per_second", "isa")   # of a JSON object: time and machine


def infill():
    for model in (TINY, TALES):
        base = ["infill", "-m", model, "--seed", "11"]
        for sampler in SAMPLERS:
            yield [*base, "--sampler", sampler, "--text", PAGE, "--json"]
            yield [*base, "--sampler", sampler, "--text", PAGE, "--borders", "off", "--temperature", "1", "--drafts", "3"]
            yield [*base, "--sampler", sampler, "--text", "[[6]][[2]]ly [[?]]", "--temperature", "0", "--trace"]
        for sampler in ("ancestral", "remask"):
            yield [*base, "--sampler", sampler, "--steps", "7", "--text", PAGE, "--json"]
        yield [*base, "--sampler", "remask", "--remask", "0.3", "--steps", "16", "--text", PAGE]
        yield [*base, "--sampler", "parallel", "--threshold", "0.3", "--text", PAGE]
        yield [*base, "--sampler", "parallel", "--entropy-bound", "2", "--text", PAGE]
        for option in (["--top-k", "5"], ["--top-p", "0.7"], ["--min-p", "0.1"], ["--repetition-penalty", "1.6"],
                       ["--top-k", "40", "--top-p", "0.9", "--min-p", "0.02", "--temperature", "1.3"],
                       ["--free", "4-9"], ["--pin", "1:2:310"], ["--document"], ["--byte-pieces"]):
            yield [*base, "--text", PAGE, *option, "--json"]
        yield [*base, "--text", LONG + " Then [[5]] and [[?]].", "--window", "--json"]
        yield [*base, "--text", "One [[3]].\n<|endoftext|>\nTwo [[?]] three.\n", "--pages"]
        yield [*base, "--text", "no blank at all"]
    for sampler in SAMPLERS:
        yield ["infill", "-m", ODD, "--seed", "3", "--sampler", sampler, "--text", "The [[3]] cat [[2]].", "--json"]


def generate():
    for model in (TINY_AR, STORIES, TALES_AR):
        base = ["generate", "-m", model, "--seed", "5", "--prompt", "Once upon a time", "--max-tokens", "60"]
        for option in ([], ["--temperature", "0"], ["--temperature", "0.8", "--drafts", "3"], ["--top-k", "8"], ["--top-p", "0.8"],
                       ["--min-p", "0.05"], ["--typical-p", "0.7"], ["--repetition-penalty", "1.4", "--repeat-last-n", "20"],
                       ["--frequency-penalty", "0.4", "--presence-penalty", "0.3", "--repeat-last-n", "-1"],
                       ["--mirostat", "2"], ["--mirostat", "2", "--mirostat-tau", "3", "--mirostat-eta", "0.3"],
                       ["--logit-bias", "262=-inf", "--logit-bias", "263=2.5"], ["--kv", "F16"], ["--kv", "Q8_0"],
                       ["--grammar", "tests/golden/decode/json.gbnf", "--temperature", "0.9"], ["--ignore-eos"],
                       ["--stop", "the"], ["--context", "24", "--shift"], ["--context", "24", "--shift", "--keep", "2"],
                       ["--batch", "3"], ["--alternatives", "4"]):
            yield [*base, *option, "--json"]
    yield ["generate", "-m", TALES_AR, "--seed", "9", "--prompt", "", "--max-tokens", "40"]


def score():
    for model in (TINY_AR, STORIES, TALES_AR):
        yield ["score", "-m", model, "--text", TEXT, "--json"]
        yield ["score", "-m", model, "--text", TEXT, "--documents", "--json"]
        yield ["score", "-m", model, "--text", LONG, "--json"]
    for model in (TINY, TALES):
        for method in ("margin", "entropy", "confidence"):
            yield ["score", "-m", model, "--text", TEXT, "--method", method, "--json"]
        yield ["score", "-m", model, "--text", "Once upon a time.", "--json"]
        yield ["score", "-m", model, "--text", TEXT, "--standard-error", "0.2", "--seed", "4", "--json"]
    yield ["score", "-m", ODD, "--text", "The cat sat.", "--method", "margin", "--json"]


def few(sampler, steps):
    return {"annealed-langevin": [], "probability-flow": ["--tolerance", "0.05"]}.get(sampler, ["--steps", steps])


def image():
    for sampler in IMAGE_SAMPLERS:
        yield ["image", "-m", LABELS, "--seed", "2", "--sampler", sampler, "--count", "3", "--label", "all", *few(sampler, "5")]
        if sampler in ANYWHERE:
            yield ["image", "-m", PLAIN, "--seed", "2", "--sampler", sampler, "--count", "2", *few(sampler, "6")]
    for option in (["--grid", "quadratic"], ["--eta", "0.5"], ["--clip-x0", "off"], ["--guidance", "2", "--label", "beta"]):
        yield ["image", "-m", LABELS, "--seed", "2", "--sampler", "ddim", "--steps", "5", *option]
    yield ["image", "-m", LABELS, "--seed", "2", "--sampler", "ddpm", "--steps", "5", "--variance", "large"]
    for process in ("vp", "ve"):
        for sampler in ("reverse-sde", "predictor-corrector"):
            yield ["image", "-m", PLAIN, "--seed", "3", "--sampler", sampler, "--process", process, "--steps", "4"]
    yield ["image", "-m", PLAIN, "--seed", "3", "--sampler", "probability-flow", "--solver", "heun", "--steps", "4"]
    for model in ("models/fashion.gguf", "models/emoji.gguf"):
        for sampler in IMAGE_SAMPLERS:
            if sampler not in ("annealed-langevin", "probability-flow"):
                yield ["image", "-m", model, "--seed", "7", "--sampler", sampler, "--label", "2", "--steps", "2"]
        yield ["image", "-m", model, "--seed", "7", "--sampler", "probability-flow", "--solver", "heun", "--steps", "2"]


def other():
    for model in (TINY, TALES_AR, STORIES):
        yield ["tokenize", "-m", model, "--text", TEXT]
        yield ["tokenize", "-m", model, "--text", TEXT, "--ids"]


CASES = {"infill": infill, "generate": generate, "score": score, "image": image, "tokenize": other}


def steady(line):
    """A line of output without the parts that differ between runs or machines."""
    if not line.startswith("{"):
        return line
    whole = json.loads(line)
    if "threads" in whole:
        whole["threads"] = 1   # as many as the machine has cores, but for --threads
    return json.dumps({key: value for key, value in whole.items() if key not in WHAT_VARIES}, ensure_ascii=False)


def picture(arguments, command):
    """The SHA-256 of the bytes of the pictures, which do not depend on the PNG encoder."""
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder) / "pictures.raw"
        code, _, err = run(*arguments, "--raw", raw, command=command)
        return hashlib.sha256(raw.read_bytes()).hexdigest() if code == 0 else f"exit {code}: {err}"


def output(arguments, command=COMMAND):
    """The output of a run, for people and programs, or its error."""
    if arguments[0] == "image":
        return picture(arguments, command)
    code, out, err = run(*arguments, command=command)
    if code:
        return f"exit {code}: {err.strip()}"
    return "\n".join(steady(line) for line in out.decode().split("\n")).rstrip("\n")


def title(arguments):
    return "$ " + shlex.join(arguments).replace("\n", "\\n")


def read(name):
    """{title: output} of one golden file: a line that begins with `$ ` begins a run, its output follows."""
    runs, key = {}, None
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").split("\n"):
        if line.startswith("$ "):
            runs[key := line] = []
        else:
            runs[key].append(line)
    return {key: "\n".join(lines).rstrip("\n") for key, lines in runs.items()}
