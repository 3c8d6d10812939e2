"""models/MANIFEST: one line per shipped file, `sha256  bytes  name`, in the order of the names."""
import hashlib


def update_manifest(path, model):
    """(sha256, bytes) of a model, which replace its line."""
    digest, size = hashlib.sha256(model.read_bytes()).hexdigest(), model.stat().st_size
    lines = [line for line in path.read_text().splitlines() if line.split()[-1] != model.name] if path.exists() else []
    path.write_text("\n".join(sorted(lines + [f"{digest}  {size}  {model.name}"], key=lambda line: line.split()[-1])) + "\n")
    return digest, size
