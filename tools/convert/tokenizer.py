"""Converts a folder's tokenizer to GGUF: tokenizer.json (byte-level, or SentencePiece's BPE in that format) or
tokenizer.model (SentencePiece)."""
import pretokenizer
from parts import Refused, TokenType, Vocabulary, read_json, require

MARK = "\u2581"


# ---- what all kinds share --------------------------------------------------

def looks_special(text):
    """Chat models mark such tokens as ordinary; llama.cpp's converter makes them control tokens too."""
    return text.startswith("<|") and text.endswith("|>")


def added_type(entry, path):
    """A token that is matched whole, before any merges."""
    text = entry["content"]
    if entry.get("special") or looks_special(text):
        return TokenType.CONTROL
    for flag in "lstrip", "rstrip", "single_word":
        require(not entry.get(flag), f"{path}: the added token {text!r} has {flag}, which GGUF has no word for")
    return TokenType.USER_DEFINED


def pad(tokens, types, rows, path):
    """Ids without a token become unused tokens, up to the number of rows of the embedding."""
    require(len(tokens) <= rows, f"{path}: {len(tokens)} tokens, while the embedding has {rows} rows")
    require(any(token is not None for token in tokens), f"{path}: no tokens")
    tokens += [None] * (rows - len(tokens))
    types += [TokenType.UNUSED] * (rows - len(types))
    return [f"[PAD{i}]" if token is None else token for i, token in enumerate(tokens)]


def put(tokens, types, token, number, kind, path):
    require(isinstance(token, str) and isinstance(number, int) and 0 <= number < 2**24,
            f"{path}: the token {token!r} has the id {number}")
    while len(tokens) <= number:
        tokens.append(None)
        types.append(TokenType.UNUSED)
    require(tokens[number] in (None, token), f"{path}: {token!r} and {tokens[number]!r} have the same id {number}")
    tokens[number], types[number] = token, kind


def special_ids(settings, config, tokens, path):
    """tokenizer_config.json gives tokens, config.json ids; the former takes precedence, as in llama.cpp's converter."""
    ids, numbers = {}, {token: i for i, token in enumerate(tokens)}
    for name in "bos", "eos", "unk", "pad":
        text = settings.get(f"{name}_token")
        text = text.get("content") if isinstance(text, dict) else text
        number = config.get(f"{name}_token_id")
        number = number[0] if isinstance(number, list) and number else number
        if isinstance(text, str):
            is_needed = name in ("bos", "eos")
            require(text in numbers or not is_needed, f"{path}: {name}_token {text!r} is not in the vocabulary")
            if text in numbers:
                ids[name] = numbers[text]
        elif isinstance(number, int) and number >= 0:
            require(number < len(tokens), f"{path}: {name}_token_id {number} is outside of the vocabulary")
            ids[name] = number
    return ids


def template_ends(processor):
    """The tokens that a post-processor puts before and after a text, or None."""
    if not processor or processor["type"] in ("ByteLevel",):
        return None, None
    if processor["type"] == "Sequence":
        ends = [template_ends(part) for part in processor["processors"]]
        return tuple(next((end[i] for end in ends if end[i]), None) for i in range(2))
    require(processor["type"] == "TemplateProcessing", f"the post-processor {processor['type']} is not known")
    parts = [part.get("SpecialToken", {}).get("id") for part in processor["single"]]
    require(parts.count(None) == 1 and len(parts) <= 3 and parts.index(None) <= 1,
            f"the post-processor's template {parts} is not [BOS] text [EOS]")
    text = parts.index(None)
    return parts[0] if text else None, parts[-1] if text < len(parts) - 1 else None


def add_ends(vocabulary, settings, processor, absent, path):
    """Whether texts get BOS and EOS: from tokenizer_config.json, otherwise from the post-processor."""
    ends = template_ends(processor)
    for i, name in enumerate(("bos", "eos")):
        wanted = settings.get(f"add_{name}_token")
        if not isinstance(wanted, bool):
            token = ends[i]
            require(token is None or (name in vocabulary.ids and vocabulary.tokens[vocabulary.ids[name]] == token),
                    f"{path}: texts get {token!r} where {name} is expected")
            wanted = token is not None or (absent if processor is None and name == "bos" else False)
        setattr(vocabulary, f"add_{name}", wanted)
    return vocabulary


# ---- byte-level ------------------------------------------------------------

def byte_symbols():
    """The character that stands for each byte: itself if it is printable and no space, else the next from U+0100."""
    printable = set(range(0x21, 0x7F)) | set(range(0xA1, 0xAD)) | set(range(0xAE, 0x100))
    others = iter(range(0x100, 0x200))
    return [chr(b if b in printable else next(others)) for b in range(256)]


def read_merges(model, vocab, path):
    pairs = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model.get("merges", [])]
    for pair in pairs:
        require(len(pair) == 2 and all(part and " " not in part for part in pair), f"{path}: the merge {pair}")
        require(all(part in vocab for part in (*pair, "".join(pair))),
                f"{path}: the merge {pair} is not of the vocabulary")
    return pairs


def merged(word, ranks):
    """Byte-level BPE of one word: merges the pair with the lowest rank first."""
    parts = list(word)
    while len(parts) > 1:
        rank, at = min((ranks.get(pair, len(ranks)), i) for i, pair in enumerate(zip(parts, parts[1:])))
        if rank == len(ranks):
            break
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
    return parts


def check_byte_level(data, pairs, pre, path):
    model = data["model"]
    for key in "continuing_subword_prefix", "end_of_word_suffix", "dropout":
        require(not model.get(key), f"{path}: {key} {model.get(key)!r} is not supported")
    missing = [b for b, symbol in enumerate(byte_symbols()) if symbol not in model["vocab"]]
    require(not missing or model.get("unk_token") is None,
            f"{path}: {len(missing)} bytes have no token and become {model.get('unk_token')!r}")
    normalizer = (data.get("normalizer") or {}).get("type")
    require(normalizer is None or (normalizer == "NFC" and pre == "qwen2"),
            f"{path}: the normalizer {normalizer} is not supported")
    # Only Llama 3's rule uses whole words that are tokens without merges.
    if bool(model.get("ignore_merges")) != (pre == "llama-bpe"):
        added, ranks = {entry["content"] for entry in data["added_tokens"]}, {p: i for i, p in enumerate(pairs)}
        for token in model["vocab"]:
            require(token in added or len(merged(token, ranks)) == 1,
                    f"{path}: ignore_merges is {bool(model.get('ignore_merges'))}, which the rule {pre} has otherwise, "
                    f"and the token {token!r} shows the difference")


def byte_level(data, settings, config, rows, path):
    try:
        pre = pretokenizer.name_of(data.get("pre_tokenizer"))
    except Refused as error:
        raise Refused(f"{path}: {error}") from error
    model, tokens, types = data["model"], [], []
    pairs = read_merges(model, model["vocab"], path)
    check_byte_level(data, pairs, pre, path)
    for token, number in model["vocab"].items():
        put(tokens, types, token, number, TokenType.NORMAL, path)
    for entry in data["added_tokens"]:
        put(tokens, types, entry["content"], entry["id"], added_type(entry, path), path)
    tokens = pad(tokens, types, rows, path)
    vocabulary = Vocabulary("gpt2", tokens, types, pre=pre, merges=[" ".join(pair) for pair in pairs],
                            ids=special_ids(settings, config, tokens, path))
    return add_ends(vocabulary, settings, data.get("post_processor"), False, path)


# ---- SentencePiece's BPE as tokenizer.json ---------------------------------

def space_prefix(data, path):
    """Returns whether a space is put before the text; checks that the only other change is from spaces to U+2581."""
    steps, before = data.get("normalizer"), data.get("pre_tokenizer")
    steps = [] if steps is None else steps["normalizers"] if steps["type"] == "Sequence" else [steps]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
    if before is None and steps == [{"type": "Prepend", "prepend": MARK}, replace]:
        return True
    if before is None and steps == [replace]:
        return False
    require(before is not None and before["type"] == "Metaspace" and before.get("replacement") == MARK and not steps
            and before.get("split") is False,
            f"{path}: normalizer {steps} and pre-tokenizer {before} are not those of Llama")
    scheme = before.get("prepend_scheme", "always" if before.get("add_prefix_space", True) else "never")
    require(scheme in ("always", "first", "never"), f"{path}: prepend_scheme {scheme}")
    return scheme != "never"


def scores_of(tokens, types, pairs, path):
    """SentencePiece merges the pair whose piece has the best score, tokenizer.json the pair with the lowest rank.  They
    agree if all pairs of a piece are adjacent in the list and no possible pair is missing."""
    scores, last, known = {}, None, set(pairs)
    for pair in pairs:
        piece = "".join(pair)
        if piece != last:
            require(piece not in scores,
                    f"{path}: merges to {piece!r} do not stand together: no scores give this order")
            scores[piece] = -float(len(scores))
        last = piece
    normal = {token for token, kind in zip(tokens, types) if kind == TokenType.NORMAL}
    for piece in normal:
        for pair in ((piece[:i], piece[i:]) for i in range(1, len(piece))):
            require(pair in known or pair[0] not in normal or pair[1] not in normal,
                    f"{path}: {piece!r} is never merged from {pair}: no scores give this")
    return [scores.get(token, -1e6) for token in tokens]


def byte_piece(token):
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")


def spm_json(data, settings, config, rows, path):
    model, tokens, types = data["model"], [], []
    require(not model.get("dropout") and not model.get("ignore_merges"), f"{path}: dropout or ignore_merges")
    pairs = read_merges(model, model["vocab"], path)
    for token, number in model["vocab"].items():
        kind = TokenType.BYTE if byte_piece(token) else TokenType.NORMAL
        put(tokens, types, token, number, kind, path)
    for entry in data["added_tokens"]:
        is_unknown = entry["content"] == model.get("unk_token")
        kind = TokenType.UNKNOWN if is_unknown else added_type(entry, path)
        put(tokens, types, entry["content"], entry["id"], kind, path)
    require(types.count(TokenType.BYTE) in (0, 256), f"{path}: {types.count(TokenType.BYTE)} byte pieces")
    tokens = pad(tokens, types, rows, path)
    vocabulary = Vocabulary("llama", tokens, types, scores=scores_of(tokens, types, pairs, path),
                            ids=special_ids(settings, config, tokens, path), add_space_prefix=space_prefix(data, path))
    return add_ends(vocabulary, settings, data.get("post_processor"), True, path)


# ---- SentencePiece's own file ----------------------------------------------

def read_proto(path):
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise Refused(f"{path}: not a SentencePiece model: {error}") from error
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    require(len(proto.pieces) > 0, f"{path}: not a SentencePiece model: no pieces")
    require(trainer.model_type == trainer.BPE, f"{path}: SentencePiece's {trainer.ModelType.Name(trainer.model_type)}"
            " model; only BPE is supported")
    require(not trainer.treat_whitespace_as_suffix, f"{path}: spaces as suffixes are not supported")
    require(not normalizer.precompiled_charsmap, f"{path}: the normalisation {normalizer.name} is not supported")
    require(not normalizer.remove_extra_whitespaces, f"{path}: dropping of extra spaces is not supported")
    return proto


def added_entries(folder, settings):
    """Tokens that were added to a SentencePiece model, from any of the files that may say so."""
    entries = {}
    for number, entry in (settings.get("added_tokens_decoder") or {}).items():
        entries[int(number)] = entry
    extra = folder / "added_tokens.json"
    if extra.is_file():
        for text, number in read_json(extra).items():
            entries.setdefault(number, {"content": text})
    return entries


def spm_model(folder, settings, config, rows):
    path = folder / "tokenizer.model"
    proto, tokens, types = read_proto(path), [], []
    for number, piece in enumerate(proto.pieces):
        put(tokens, types, piece.piece, number, piece.type, path)
    for number, entry in added_entries(folder, settings).items():
        is_known = number < len(proto.pieces) and types[number] in (TokenType.UNKNOWN, TokenType.CONTROL)
        kind = types[number] if is_known else added_type(entry, path)
        put(tokens, types, entry["content"], number, kind, path)
    scores = [piece.score for piece in proto.pieces]
    tokens = pad(tokens, types, rows, path)
    prefix = settings.get("add_prefix_space")
    vocabulary = Vocabulary(
        "llama", tokens, types, scores=scores + [-1e6] * (rows - len(scores)),
        ids=special_ids(settings, config, tokens, path),
        add_space_prefix=prefix if isinstance(prefix, bool) else proto.normalizer_spec.add_dummy_prefix)
    return add_ends(vocabulary, settings, None, True, path)


# ---- which of them ---------------------------------------------------------

def check_json(data, path):
    model = data.get("model") if isinstance(data, dict) else None
    require(isinstance(model, dict), f"{path}: no model")
    kind = model.get("type", "BPE" if "merges" in model else None)      # the oldest files do not say it
    require(kind == "BPE" and isinstance(model.get("vocab"), dict),
            f"{path}: the model is {kind}; only BPE is supported")
    data["added_tokens"] = data.get("added_tokens") or []


def load(folder, config, rows):
    """`rows` of the embedding; `config` is config.json."""
    settings_path, path = folder / "tokenizer_config.json", folder / "tokenizer.json"
    settings = read_json(settings_path) if settings_path.is_file() else {}
    data = read_json(path) if path.is_file() else None
    has_model = (folder / "tokenizer.model").is_file()
    require(data is not None or has_model, f"{folder}: neither tokenizer.json nor tokenizer.model")
    try:
        if data is not None and not (has_model and data["model"].get("byte_fallback")):
            check_json(data, path)
            kind = spm_json if data["model"].get("byte_fallback") else byte_level
            return kind(data, settings, config, rows, path)
        return spm_model(folder, settings, config, rows)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Refused(f"{folder}: the tokenizer's files have an unknown format ({error!r})") from error
