/* fuzz_token.c - any bytes through the tokenizer.
 *
 * The first byte is the flags (bits 0 and 1), and whether the vocabulary is the fixed one (bit 2 clear) or
 * comes from the input too: then a count follows, and for each piece a byte of type (low 3 bits) and score
 * (the rest), a byte of length and the piece itself.  What is left is the text.  Both vocabularies have all
 * 256 byte pieces, so every text must come back as it was. */
#include "../token_builder.h"

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

enum { FIXED = sizeof fixed / sizeof fixed[0], MOST = 256 };

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_token: %s\n", what);
    abort();
}

/* Reads pieces as described above; returns how many and moves *data behind them. */
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
        check(pal_vocab_type(v, ids[i]) != PAL_PIECE_UNUSED, "an unused piece");
    }
    check(pal_vocab_encode(v, text, bytes, flags, NULL, 0, scratch) == count, "another count without room");
    check(pal_vocab_decode(v, ids, count, prefixed, special, back, bytes) == bytes, "another length");
    check(bytes == 0 || memcmp(back, text, bytes) == 0, "other bytes");
    free(back);
    free(ids);
    free(scratch);
}

/* NULL if it is refused; *memory must stay as long as the vocabulary. */
static pal_vocab *open_vocab(const test_piece *pieces, size_t count, unsigned char **memory)
{
    image m;
    pal_gguf *g;
    pal_vocab *v = NULL;
    image_begin_vocab(&m, pieces, count);
    image_end(&m);
    check(pal_gguf_open(&g, m.data, m.size, NULL) == PAL_OK, "the image is not read");
    if (pal_vocab_open(&v, g, NULL)) v = NULL;
    pal_gguf_close(g);
    *memory = m.data;
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pal_vocab *fixed_vocab; /* opened once and kept, for speed */
    static unsigned char *fixed_memory;
    test_piece pieces[256 + MOST];
    char names[256][7];
    unsigned flags = size > 0 ? data[0] : 0;
    if (size > 0) data++, size--;
    if (flags & 4) {
        make_byte_pieces(pieces, names);
        size_t count = read_pieces(pieces + 256, &data, &size);
        unsigned char *memory;
        pal_vocab *v = open_vocab(pieces, 256 + count, &memory);
        if (v) encode_and_compare(v, (const char *)data, size, flags & 3);
        pal_vocab_close(v);
        free(memory);
        return 0;
    }
    if (!fixed_vocab) {
        make_byte_pieces(pieces, names);
        memcpy(pieces + 256, fixed, sizeof fixed);
        fixed_vocab = open_vocab(pieces, 256 + FIXED, &fixed_memory);
        check(fixed_vocab != NULL, "the fixed vocabulary is refused");
    }
    encode_and_compare(fixed_vocab, (const char *)data, size, flags & 3);
    return 0;
}
