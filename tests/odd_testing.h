/* odd_testing.h - checks for every file of odd_model.h: it opens, its tokenizer works, and its network works or says
 * why it does not. */
#ifndef PAL_ODD_TESTING_H
#define PAL_ODD_TESTING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "odd_model.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct {
    unsigned char *image;
    pal_model *model;
    pal_error err;
    pal_status status;
} opened;

static inline opened open_odd(const odd *o)
{
    opened f = {0};
    size_t size;
    f.image = odd_file(o, &size);
    f.status = pal_model_open(&f.model, f.image, size, 0, &f.err);
    return f;
}

static inline void close_odd(opened *f)
{
    pal_model_close(f->model);
    free(f->image);
}

/* " aab", as pieces of the vocabulary. */
static inline void expect_tokens(const opened *f)
{
    int32_t ids[8];
    char text[8];
    size_t count, bytes;
    assert_true(pal_model_info(f->model)->can_tokenize);
    assert_int_equal(pal_tokenize(f->model, "aab", 3, 0, ids, 8, &count, NULL), PAL_OK);
    assert_true(count == 2 && ids[0] == 6 && ids[1] == 7);
    assert_int_equal(pal_detokenize(f->model, ids, count, 0, text, sizeof text, &bytes, NULL), PAL_OK);
    assert_int_equal(bytes, 3);
    assert_memory_equal(text, "aab", 3);
}

static inline pal_status evaluate(const opened *f, pal_error *err)
{
    const int32_t tokens[] = {1, 6, 7}, at = 2;
    float logits[ODD_PIECES];
    pal_status s = pal_logits(f->model, tokens, 3, &at, 1, logits, err);
    if (!s)
        for (int i = 0; i < ODD_PIECES; i++) assert_true(logits[i] > -1e6f && logits[i] < 1e6f);
    return s;
}

static inline void expect_words(const char *text, const char *const words[3])
{
    for (int i = 0; i < 3 && words[i]; i++)
        if (!text || !strstr(text, words[i])) fail_msg("\"%s\" does not say \"%s\"", text ? text : "", words[i]);
}

/* The file opens, its tokenizer works, and it can be evaluated. */
static inline void expect_works(const odd *o)
{
    pal_error err = {0};
    opened f = open_odd(o);
    if (f.status) fail_msg("not opened: %s", f.err.text);
    const pal_info *info = pal_model_info(f.model);
    if (info->why_not) fail_msg("%s", info->why_not);
    assert_true(info->can_tokenize && info->can_generate && info->can_score && !info->can_infill);
    assert_int_equal(info->heads, ODD_HEADS);
    assert_int_equal(info->kv_heads, ODD_HEADS);
    expect_tokens(&f);
    if (evaluate(&f, &err)) fail_msg("%s", err.text);
    close_odd(&f);
}

/* The file opens and its tokenizer works; the network does not, and the reason contains these words. */
static inline void expect_tokens_only(const odd *o, const char *const words[3])
{
    pal_error err = {0};
    size_t bytes;
    const pal_infill_options fill = pal_infill_defaults();
    opened f = open_odd(o);
    if (f.status) fail_msg("%s: not opened: %s", words[0], f.err.text);
    const pal_info *info = pal_model_info(f.model);
    expect_words(info->why_not, words);
    assert_false(info->can_generate || info->can_score || info->can_infill || info->can_image);
    assert_int_equal(info->vocabulary, ODD_PIECES);
    expect_tokens(&f);
    assert_true(evaluate(&f, &err) < 0);
    expect_words(err.text, words);
    assert_true(pal_session_bytes(f.model, "[[1]]", 5, &fill, &bytes, &err) < 0);
    expect_words(err.text, words);
    close_odd(&f);
}

#endif
