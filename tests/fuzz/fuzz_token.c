/* fuzz_token.c - fuzzes the tokenizer.
 *
 * The first byte holds the flags (bits 0 and 1), whether the vocabulary is fixed (bit 2 clear) or part of the input,
 * and whether it is byte-level (bit 3) with the rule in bits 4 to 7.  A vocabulary in the input is a count, and for
 * each piece a byte with its type (low 3 bits) and score (the rest), a byte with its length, and the piece itself.  In
 * a byte-level vocabulary every piece with a score other than 0 has a merge whose left part has that many characters.
 * The rest of the input is the text.  All vocabularies have pieces for all 256 bytes, so every text must decode to
 * itself. */
#include "../token_builder.h"
#include "token/vocab.h"

#include <stdio.h>

#define MARK "\xE2\x96\x81" /* a space, in the file */

/* Built so that merges, unused pieces and whole pieces meet in short texts. */
static const test_piece fixed[] = {
    {"<unk>", 0, PAL_PIECE_UNKNOWN, 0},     {"<s>", 0, PAL_PIECE_CONTROL, 0},
    {"<mask>", 0, PAL_PIECE_CONTROL, 0},    {"\n", 0, PAL_PIECE_USER, 0},
    {"<<", 0, PAL_PIECE_USER, 0},           {"aba", 0, PAL_PIECE_USER, 0},
    {MARK, -1, PAL_PIECE_NORMAL, 0},        {"a", -2, PAL_PIECE_NORMAL, 0},
    {"b", -3, PAL_PIECE_NORMAL, 0},         {"aa", -4, PAL_PIECE_UNUSED, 0},
    {"ab", -5, PAL_PIECE_NORMAL, 0},        {"bb", -5, PAL_PIECE_UNUSED, 0},
    {"aaaa", -6, PAL_PIECE_UNUSED, 0},      {MARK "a", -7, PAL_PIECE_NORMAL, 0},
    {MARK MARK, -8, PAL_PIECE_NORMAL, 0},   {"bbb", -9, PAL_PIECE_NORMAL, 0},
    {"\xC3\xA9", -10, PAL_PIECE_NORMAL, 0}, {"\xC3\xA9\xC3\xA9", -11, PAL_PIECE_UNUSED, 0},
    {"aab", -12, PAL_PIECE_NORMAL, 0},
};

/* The same for byte-level BPE; the score says how many bytes of a piece are the left part of its merge. */
static const test_piece fixed_bpe[] = {
    {"<s>", 0, PAL_PIECE_CONTROL, 0},
    {"<mask>", 0, PAL_PIECE_CONTROL, 0},
    {"<<", 0, PAL_PIECE_USER, 0},
    {"aba", 0, PAL_PIECE_USER, 0},
    {"  ", 0, PAL_PIECE_USER, 0},
    {"aa", 1, PAL_PIECE_NORMAL, 0},
    {"\xC4\xA0", 0, PAL_PIECE_NORMAL, 0},
    {"\xC4\xA0\xC4\xA0", 2, PAL_PIECE_NORMAL, 0},
    {"ab", 1, PAL_PIECE_NORMAL, 0},
    {"\xC4\xA0"
     "a",
     2, PAL_PIECE_NORMAL, 0},
    {"aaaa", 2, PAL_PIECE_NORMAL, 0},
    {"12", 1, PAL_PIECE_NORMAL, 0},
    {"123", 2, PAL_PIECE_NORMAL, 0},
    {"'s", 1, PAL_PIECE_NORMAL, 0},
    {"abc", 0, PAL_PIECE_NORMAL, 0},
    {"\xC4\x8A\xC4\x8A", 2, PAL_PIECE_NORMAL, 0},
    {"\xC3\x83\xC2\xA9", 2, PAL_PIECE_NORMAL, 0},
};

enum { FIXED = sizeof fixed / sizeof fixed[0], FIXED_BPE = sizeof fixed_bpe / sizeof fixed_bpe[0], MAX_N = 256 };

static const char *const rules[16] = {NULL,     "default",      "gpt-2",       "gpt-4o", "llama-bpe", "qwen2",
                                      "smollm", "falcon",       "tekken",      "qwen35", "youtu",     "deepseek-coder",
                                      "bloom",  "deepseek-llm", "deepseek-v3", "unknown"};

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_token: %s\n", what);
    abort();
}

/* Reads pieces as described above; returns their number and moves *data past them. */
static size_t read_pieces(test_piece *pieces, const uint8_t **data, size_t *size)
{
    size_t count = 0, wanted = *size > 0 ? **data : 0;
    if (*size > 0) (*data)++, (*size)--;
    while (count < wanted && *size >= 2) {
        size_t length = (*data)[1];
        if (length > *size - 2) length = *size - 2;
        pieces[count] = (test_piece){(const char *)*data + 2, (float)((*data)[0] >> 3), (*data)[0] & 7, length};
        if (length == 0) pieces[count].text = "";
        count++;
        *data += 2 + length;
        *size -= 2 + length;
    }
    return count;
}

static void encode_and_compare(const pal_vocab *v, const char *text, size_t bytes, unsigned flags)
{
    bool prefixed = flags & PAL_ENCODE_PREFIX, special = flags & PAL_ENCODE_SPECIAL;
    void *scratch = malloc(pal_vocab_scratch_bytes(v, bytes));
    int32_t *ids = malloc((bytes + 1) * sizeof *ids);
    char *back = malloc(bytes + 1);
    if (!scratch || !ids || !back) abort();
    size_t count = pal_vocab_encode(v, text, bytes, flags, ids, bytes + 1, scratch);
    check(count <= bytes + 1, "more tokens than bytes + 1");
    for (size_t i = 0; i < count; i++) {
        check(ids[i] >= 0 && ids[i] < pal_vocab_size(v), "a token outside the vocabulary");
        check(special || pal_vocab_type(v, ids[i]) != PAL_PIECE_CONTROL, "a control piece without being asked");
        check(v->rule || pal_vocab_type(v, ids[i]) != PAL_PIECE_UNUSED, "an unused piece");
    }
    check(pal_vocab_encode(v, text, bytes, flags, NULL, 0, scratch) == count, "another count without room");
    check(pal_vocab_decode(v, ids, count, prefixed, special, back, bytes) == bytes, "another length");
    check(bytes == 0 || memcmp(back, text, bytes) == 0, "other bytes");
    free(back);
    free(ids);
    free(scratch);
}

/* Writes a merge for each piece with a score: the piece with a space after that many bytes. */
static void put_merges(image *m, const test_piece *pieces, size_t count)
{
    uint64_t merges = 0;
    for (size_t i = 0; i < count; i++) merges += pieces[i].score > 0;
    image_array(m, "tokenizer.ggml.merges", PAL_GGUF_STRING, merges);
    for (size_t i = 0; i < count; i++) {
        char text[257];
        size_t size = pieces[i].size ? pieces[i].size : strlen(pieces[i].text), cut = (size_t)pieces[i].score;
        if (cut == 0) continue;
        if (cut > size) cut = size;
        memcpy(text, pieces[i].text, cut);
        text[cut] = ' ';
        memcpy(text + cut + 1, pieces[i].text + cut, size - cut);
        image_str(m, (pal_str){text, size + 1});
    }
}

/* NULL if it is refused; *memory must stay as long as the vocabulary. */
static pal_vocab *open_vocab(const test_piece *pieces, size_t count, unsigned flags, unsigned char **memory)
{
    image m;
    pal_gguf *g;
    pal_vocab *v = NULL;
    if (flags & 8) {
        image_begin_bpe_pieces(&m, rules[flags >> 4 & 15], pieces, count);
        put_merges(&m, pieces, count);
    } else {
        image_begin_vocab(&m, pieces, count);
    }
    image_end(&m);
    check(pal_gguf_open(&g, m.data, m.size, NULL) == PAL_OK, "the image is not read");
    if (pal_vocab_open(&v, g, NULL)) v = NULL;
    pal_gguf_close(g);
    *memory = m.data;
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the pieces of the bytes first, of the kind that the flags select. */
static void put_byte_pieces(test_piece *pieces, unsigned flags)
{
    static char names[256][7], characters[256][3];
    if (flags & 8)
        make_bpe_bytes(pieces, characters);
    else
        make_byte_pieces(pieces, names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pal_vocab *kept[32]; /* the fixed ones, opened once for speed */
    static unsigned char *kept_memory[32];
    test_piece pieces[256 + MAX_N];
    unsigned flags = size > 0 ? data[0] : 0;
    unsigned char *memory;
    if (size > 0) data++, size--;
    put_byte_pieces(pieces, flags);
    if (flags & 4) {
        size_t count = read_pieces(pieces + 256, &data, &size);
        pal_vocab *v = open_vocab(pieces, 256 + count, flags, &memory);
        if (v) encode_and_compare(v, (const char *)data, size, flags & 3);
        pal_vocab_close(v);
        free(memory);
        return 0;
    }
    unsigned kind = flags & 8 ? 16 + (flags >> 4 & 15) : 0;
    if (!kept[kind]) {
        free(kept_memory[kind]);
        memcpy(pieces + 256, flags & 8 ? fixed_bpe : fixed, flags & 8 ? sizeof fixed_bpe : sizeof fixed);
        kept[kind] = open_vocab(pieces, 256 + (flags & 8 ? FIXED_BPE : FIXED), flags, &kept_memory[kind]);
        check(kept[kind] || kind == 31, "the fixed vocabulary is refused");
    }
    if (kept[kind]) encode_and_compare(kept[kind], (const char *)data, size, flags & 3);
    return 0;
}
