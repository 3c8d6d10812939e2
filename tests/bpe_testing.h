/* bpe_testing.h - byte-level vocabularies, for test_bpe.c and test_bpe_files.c. */
#ifndef PAL_BPE_TESTING_H
#define PAL_BPE_TESTING_H

#include "token_testing.h"

static const char *const all_names[] = {"default", "gpt-2",  "mpt",    "llama-bpe",      "llama3",    "llama-v3",
                                        "qwen2",   "smollm", "refact", "deepseek-coder", "starcoder", "falcon"};

/* The vocabulary of the golden files with a rule inserted: a key after the 24 bytes of the header. */
static inline opened open_with_rule(const char *pre)
{
    pal_file file;
    pal_error err;
    opened o;
    image m;
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/golden/token/bpe.gguf", &err), PAL_OK);
    const unsigned char *bytes = file.data;
    image_begin(&m);
    memcpy(&m.keys, bytes + 16, sizeof m.keys);
    image_key_str(&m, "tokenizer.ggml.pre", pre);
    image_put(&m, bytes + 24, file.size - 24);
    pal_file_unmap(&file);
    assert_int_equal(open_image(&o, &m, &err), PAL_OK);
    return o;
}

/* 256 pieces of one byte, then the pieces of the test from 256 on. */
static inline opened make_bpe(const char *pre, const test_piece *extra, size_t count, const char *const *merges,
                              size_t n)
{
    test_piece pieces[256 + 32];
    char names[256][3];
    opened o;
    image m;
    make_bpe_bytes(pieces, names);
    assert_true(count <= 32);
    memcpy(pieces + 256, extra, count * sizeof *extra);
    image_begin_bpe(&m, pre, pieces, 256 + count, merges, n);
    assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
    return o;
}

#endif
