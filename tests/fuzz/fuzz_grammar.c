/* fuzz_grammar.c - fuzzes grammars and texts under them.
 *
 * The grammar ends at the first 0 byte; the rest is the text.  For any text, the tokens that the mask allows must be
 * accepted and all others refused, a refusal must change nothing, and a restored state must continue like the saved
 * one.  The bytes after the text are also tried as a saved state. */
#include "../grammar_testing.h"

enum { VOCAB = 256 + 8 };

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_grammar: %s\n", what);
    abort();
}

/* All bytes, then pieces of the text. */
static void make_vocabulary(pal_str *texts, const char *text, size_t size)
{
    static char bytes[256];
    for (int b = 0; b < 256; b++) {
        bytes[b] = (char)b;
        texts[b] = (pal_str){&bytes[b], 1};
    }
    for (size_t i = 0; i < VOCAB - 256; i++) {
        size_t from = size * i / (VOCAB - 256), n = size - from < i + 1 ? size - from : i + 1;
        texts[256 + i] = (pal_str){text + from, n};
    }
}

static void same_state(const pal_grammar_state *a, const pal_grammar_state *b)
{
    check(pal_grammar_state_bytes(a) == pal_grammar_state_bytes(b), "another size of the state");
    check(memcmp(a, b, pal_grammar_state_bytes(a)) == 0, "another state");
}

/* Tries the token; if it is accepted, it is appended to the text. */
static void try_token(bench *b, int32_t id, const uint8_t *allowed, bool masked)
{
    static pal_grammar_state before, after;
    pal_str text = pal_pieces_text(&b->pieces, id);
    before = *pal_grammar_state_of(b->run);
    pal_status status = pal_grammar_accept(b->run, id, NULL);
    after = *pal_grammar_state_of(b->run);
    if (status) same_state(&before, &after);
    if (masked && text.size && status != PAL_E_UNSUPPORTED)
        check((status == PAL_OK) == (allowed[id] != 0), "the mask says otherwise");
    check(!pal_grammar_restore(b->run, &before, pal_grammar_state_bytes(&before), NULL), "its own state is refused");
    check(pal_grammar_accept(b->run, id, NULL) == status, "it goes on otherwise after restoring");
    same_state(&after, pal_grammar_state_of(b->run));
}

static void write_text(bench *b, const uint8_t *text, size_t size)
{
    uint8_t allowed[VOCAB];
    int32_t count;
    size_t masks = 0;
    for (size_t at = 0; at < size && at < 64; at++) {
        int32_t id = at % 5 == 4 ? 256 + text[at] % (VOCAB - 256) : text[at];
        bool masked = masks < 8 && pal_grammar_mask(b->run, NULL, 0, allowed, &count, NULL) == PAL_OK;
        masks++;
        if (masked) check(count > 0 || pal_grammar_may_end(b->run), "no way to go on");
        try_token(b, id, allowed, masked);
    }
    if (pal_grammar_restore(b->run, text, size, NULL)) return;
    pal_grammar_mask(b->run, NULL, 0, allowed, &count, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t bytes = end ? (size_t)(end - data) : size, rest = end ? size - bytes - 1 : 0;
    pal_grammar *g = NULL;
    pal_error err = {0};
    pal_str texts[VOCAB];
    bench b;
    if (pal_grammar_open(&g, (const char *)data, bytes, &err)) {
        check(err.text && (err.offset <= bytes || err.status == PAL_E_MEMORY), "an error without a place");
        return 0;
    }
    make_vocabulary(texts, (const char *)data + size - rest, rest);
    open_bench(&b, g, texts, VOCAB);
    write_text(&b, data + size - rest, rest);
    free(b.block);
    pal_grammar_close(g);
    return 0;
}
