"""Tables in Markdown of what was measured."""

KINDS = {"1": "1 token", "4": "4 tokens", "12": "12 tokens", "sentence": "a sentence"}


def split(results, part):
    """(rest of the key, record) of the records of a part, in their order."""
    return [(key.split("/")[1:], record) for key, record in results.items()
            if key.startswith(part + "/") and record["figures"]]


def table(head, rows):
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def below(nats, error):
    return f"{nats:+.2f} ± {error:.2f}"


def nats(results):
    rows = []
    for (network, text, size, kind), r in split(results, "nats"):
        f = r["figures"]
        random = [f"{f['random']:.2f}", below(f["random_below"], f["random_error"])] if kind != "1" else ["", ""]
        rows.append([network, text, size, KINDS[kind], f"{f['windows']:,}", f"{f['left']:.2f}", f"{f['ascending']:.2f}",
                     below(f["below"], f["error"]), *random])
    return rows and ("Nats per token of the true words of a blank, in windows of the given number of tokens: `left` is the "
                     "base, which sees only what is before each token. `ascending` fills the blank from its left, "
                     "`random` in random order. `below` is how much lower than `left` the model is, on the same windows, "
                     "with the standard error of the difference. `<empty>` and other control tokens are no candidates.\n\n" +
                     table(["network", "text", "window", "blank", "windows", "left", "ascending", "below", "random", "below"],
                           rows))


def words(results):
    rows = [[network, text, f"{f['words']:,}", f"{f['right']:.1%} ± {f['error']:.1%}", f"{f['single']:.0%}"]
            for (network, text), r in split(results, "words") for f in [r["figures"]]]
    return rows and ("Single words of three letters or more are hidden, one per paragraph, their number of tokens is given, "
                     "and they are filled greedily.\n\n" +
                     table(["network", "text", "words", "exactly right", "words of one token"], rows))


def lengths(results):
    rows = [[network, text, f"{f['spans']:,}", f"{f['correlation']:.2f} ± {f['error']:.2f}", f"{f['true']:.1f}",
             f"{f['chosen']:.1f}", f"{f['within_2']:.0%}"]
            for (network, text), r in split(results, "lengths") for f in [r["figures"]]]
    return rows and ("Spans of whole words, 1 to 12 tokens, each length about equally often, are filled as `[[?]]` with the "
                     "default options.\n\n" +
                     table(["network", "text", "spans", "correlation", "mean of the true lengths", "of the chosen lengths",
                            "within 2 tokens"], rows))


def judged(results):
    rows = [[network, text, n, f"{f['pages']:,}", below(f["ours"], f["ours_error"]), below(f["best"], f["best_error"]),
             f"{f['repeats']:.0%}", f"{f['best_repeats']:.0%}"]
            for (network, text, n), r in split(results, "judged") for f in [r["figures"]]]
    return rows and ("Fills of the true number of tokens, with the default options, judged by SmolLM2 without adapter: nats of "
                     "the filled page beyond those of the true page, so less is better. `best of 16` is the base alone: 16 "
                     "continuations of what is before the blank, at the same temperature, of which the one is taken that "
                     "makes what follows most probable. `repeats`: the fill says a word twice in a row, or three words in a "
                     "row that are on the page.\n\n" +
                     table(["network", "text", "tokens", "pages", "fills", "best of 16", "repeats", "of best of 16"], rows))


def all_tables(results):
    parts = [("True words", nats(results)), ("Single words", words(results)), ("Lengths", lengths(results)),
             ("Fills, judged", judged(results))]
    return "\n".join(f"## {title}\n\n{text}" for title, text in parts if text)
