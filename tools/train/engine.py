"""Runs the command `palimpsest` from Python: many pages or documents in one process."""
import hashlib
import json
import pathlib
import subprocess
import tempfile

SEPARATOR = "<|endoftext|>\n"


def run(command, *arguments):
    """The JSON objects that it prints, one per line; a failure is raised with its message."""
    done = subprocess.run([str(command), *map(str, arguments), "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _with_documents(texts, work):
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(SEPARATOR.join(text + "\n" for text in texts).encode())
        file.flush()
        return work(file.name)


def fill(command, model, pages, seed, *options):
    """One object per page; page n has the seed `seed` + n."""
    work = lambda path: run(command, "infill", "-m", model, "--pages", "--file", path, "--seed", seed, *options)
    return _with_documents(pages, work) if pages else []


def score(command, model, texts):
    """One object per text; each is scored separately, with the line break that ends it."""
    return _with_documents(texts, lambda path: run(command, "score", "-m", model, "--documents", "--file", path))


def filled(page):
    """Ids of the tokens that an object of `fill` put into its blanks."""
    return [token["id"] for token in page["tokens"] if not token["empty"]]


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def sha256(path):
    return sha256_of(pathlib.Path(path).read_bytes())


def load(folder, name, **models):
    """The results that `save` wrote, or None; refuses results that were measured with other files than `models`."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    for key, file in models.items():
        if key in record["models"] and record["models"][key] != sha256(file):
            raise SystemExit(f"{path}: measured with another file than {file}; measure again")
    return record


def save(folder, name, results, **models):
    """Writes folder/NAME.json, with the hashes of the model files that it was measured with."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"models": {key: sha256(path) for key, path in models.items()}, **results}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    return record
