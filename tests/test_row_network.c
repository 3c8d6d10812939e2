/* test_row_network.c - files with palimpsest.rows: networks that continue texts as others do, and fill pages by query
 * rows with the same weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_testing.h"
#include "keyed_file.h"

#define TINY   "tests/models/tiny-ar.gguf"
#define BLANKS "[[2]] upon a time the [[4]] was [[1]][[3]] and the dog ran.[[2]]"

static void put_rows(image *m)
{
    image_key_str(m, "palimpsest.rows", "left");
    image_key_u32(m, "palimpsest.start_token_id", 1);
}

static void put_rows_and_end(image *m)
{
    put_rows(m);
    image_key_u32(m, "palimpsest.empty_token_id", 2);
}

/* The file of `name` with the keys of `put`, and the file itself as its base. */
static runner *open_network(const char *name, void (*put)(image *m))
{
    runner *t = calloc(1, sizeof *t);
    char path[1024];
    pal_error err;
    assert_non_null(t);
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    assert_int_equal(pal_model_open_file(&t->base, path, 0, NULL), PAL_OK);
    t->a.image = keyed_file(name, put, &t->a.size);
    if (pal_model_open(&t->a.model, t->a.image, t->a.size, 0, &err)) fail_msg("%s", err.text);
    return t;
}

static void close_network(runner *t)
{
    close_attachment(&t->a);
    pal_model_close(t->base);
    free(t);
}

static void such_a_model_continues_and_fills(void **state)
{
    (void)state;
    runner *t = open_network(TINY, put_rows);
    const pal_info *info = pal_model_info(t->a.model), *plain = pal_model_info(t->base);
    assert_null(info->why_not);
    assert_true(info->can_infill && info->can_generate && info->can_score && info->causal);
    assert_true(info->parameters == plain->parameters && !plain->can_infill);
    close_network(t);
}

/* Text from left to right has the bits that the file has without the keys. */
static void texts_are_those_of_the_plain_network(void **state)
{
    (void)state;
    runner *t = open_network(TINY, put_rows);
    const pal_score_result a = score_of(t->base, TALE, strlen(TALE), PAL_SCORE_EXACT);
    const pal_score_result b = score_of(t->a.model, TALE, strlen(TALE), PAL_SCORE_EXACT);
    assert_memory_equal(&a.nats_per_token, &b.nats_per_token, sizeof a.nats_per_token);
    start_opened(t, NULL, PAL_KV_F32);
    runner swapped = *t;
    swapped.base = t->a.model;
    for (int known = 0; known < N; known++) {
        const page p = from_the_left(t, 3, known, known);
        float *of_base = causal(t, &p, known), *of_network = causal(&swapped, &p, known);
        assert_memory_equal(of_base, of_network, t->vocab * sizeof *of_base);
        free(of_base);
        free(of_network);
    }
    end(t);
}

static void query_rows_after_known_text_are_causal(void **state)
{
    (void)state;
    for (int kv = 0; kv < PAL_KV_TYPES; kv++)
        expect_causal_rows(start_opened(open_network(TINY, put_rows), NULL, (pal_kv_type)kv));
}

/* The mask vector is the embedding of the mask token: an adapter that changes nothing else gives the same bits. */
static void query_rows_read_the_mask_token(void **state)
{
    (void)state;
    runner *t = start_opened(open_network(TINY, put_rows), NULL, PAL_KV_F32);
    runner *like = start(TINY, &(adapter_spec){.no_change = true}, NULL, PAL_KV_F32);
    const pal_transformer *net = pal_model_transformer(t->a.model);
    float *mask = (float *)(uintptr_t)like->a.model->attached->adapters.mask;
    unsigned char scratch[4096];
    for (uint32_t run = 0; run < 20; run++) {
        const page p = some_page(t, run);
        int at[N];
        const int count = unknown_places(&p, at);
        pal_matrix_row(mask, &net->token_embd, pal_vocab_special(t->base->vocab)->mask, scratch);
        float *got = ask(t, &p, at, count), *wanted = ask(like, &p, at, count);
        assert_memory_equal(got, wanted, (size_t)count * t->vocab * sizeof *got);
        mask[0] += 1.0f;
        float *other = ask(like, &p, at, count);
        bool reads_mask = false;
        for (int i = 0; i < count; i++) reads_mask = reads_mask || (i > 0 && at[i - 1] == at[i] - 1);
        assert_true(reads_mask == (memcmp(got, other, (size_t)count * t->vocab * sizeof *got) != 0));
        free(got);
        free(wanted);
        free(other);
    }
    end(like);
    end(t);
}

/* ---- pages ------------------------------------------------------------------------------------------ */

static size_t filled(const pal_model *m, const char *with, const pal_infill_options *o, char *text, size_t capacity)
{
    size_t bytes;
    pal_session *s;
    assert_int_equal(pal_session_bytes(m, with, strlen(with), o, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    assert_non_null(block);
    assert_int_equal(pal_session_init(&s, m, with, strlen(with), o, block, bytes, NULL), PAL_OK);
    while (pal_step(s, NULL) == PAL_MORE) {
    }
    assert_int_equal(pal_session_progress(s).open, 0);
    const size_t size = pal_session_text(s, text, capacity);
    free(block);
    return size;
}

static void pages_are_those_of_an_adapter_without_a_change(void **state)
{
    (void)state;
    runner *t = open_network(TINY, put_rows);
    attached like = attach_to(t->base, &(adapter_spec){.no_change = true});
    unsigned char scratch[4096];
    pal_matrix_row((float *)(uintptr_t)like.model->attached->adapters.mask, &pal_model_transformer(t->base)->token_embd,
                   pal_vocab_special(t->base->vocab)->mask, scratch);
    for (uint64_t seed = 0; seed < 8; seed++) {
        char a[1024], b[1024];
        pal_infill_options o = pal_infill_defaults();
        o.seed = seed;
        o.sampler = seed % 2 ? PAL_MARGIN : PAL_FIRST_HITTING;
        const size_t size = filled(t->a.model, BLANKS, &o, a, sizeof a);
        assert_int_equal(filled(like.model, BLANKS, &o, b, sizeof b), size);
        assert_memory_equal(a, b, size);
    }
    close_attachment(&like);
    close_network(t);
}

static void blanks_of_free_length_are_ended_by_the_token_of_the_file(void **state)
{
    (void)state;
    runner *t = open_network(TINY, put_rows_and_end);
    attached like = attach_to(t->base, &(adapter_spec){.no_change = true});
    char text[1024], same[1024];
    pal_infill_options o = pal_infill_defaults();
    assert_true(pal_model_info(t->a.model)->free_length && !pal_model_info(like.model)->free_length);
    o.sampler = pal_default_sampler(t->a.model);
    for (o.seed = 0; o.seed < 5; o.seed++) {
        const size_t size = filled(t->a.model, "the [[?]] dog [[2-5]].", &o, text, sizeof text);
        assert_true(size > 8 && size < sizeof text);
        assert_int_equal(filled(t->a.model, "the [[?]] dog [[2-5]].", &o, same, sizeof same), size);
        assert_memory_equal(text, same, size);
    }
    close_attachment(&like);
    close_network(t);
}

/* An adapter can be attached to such a network too; its own rows are then not used. */
static void such_a_network_can_be_a_base(void **state)
{
    (void)state;
    runner *t = open_network(TINY, put_rows);
    attached a = attach_to(t->base, &(adapter_spec){0}), b = attach_to(t->a.model, &(adapter_spec){0});
    char x[1024], y[1024];
    pal_infill_options o = pal_infill_defaults();
    o.sampler = PAL_MARGIN;
    const size_t size = filled(a.model, BLANKS, &o, x, sizeof x);
    assert_int_equal(filled(b.model, BLANKS, &o, y, sizeof y), size);
    assert_memory_equal(x, y, size);
    close_attachment(&a);
    close_attachment(&b);
    close_network(t);
}

/* ---- files that are wrong --------------------------------------------------------------------------- */

static void put_both_sides(image *m)
{
    image_key_str(m, "palimpsest.rows", "both");
    image_key_u32(m, "palimpsest.start_token_id", 1);
}

static void put_no_start(image *m)
{
    image_key_str(m, "palimpsest.rows", "left");
}

static void put_far_start(image *m)
{
    image_key_str(m, "palimpsest.rows", "left");
    image_key_u32(m, "palimpsest.start_token_id", 481);
}

static void put_far_end(image *m)
{
    put_rows(m);
    image_key_u32(m, "palimpsest.empty_token_id", 481);
}

static void put_twice(image *m)
{
    put_rows(m);
    image_key_u32(m, "palimpsest.start_token_id", 2);
}

static void put_number(image *m)
{
    image_key_u32(m, "palimpsest.rows", 1);
}

static void wrong_files_are_named(void **state)
{
    (void)state;
    const struct {
        const char *name;
        void (*put)(image *m);
        const char *word, *other;
    } cases[] = {{TINY, put_both_sides, "palimpsest.rows", "\"left\""},
                 {TINY, put_number, "palimpsest.rows", "\"left\""},
                 {TINY, put_no_start, "palimpsest.start_token_id", "absent"},
                 {TINY, put_far_start, "palimpsest.start_token_id", "481"},
                 {TINY, put_far_end, "palimpsest.empty_token_id", "481"},
                 {TINY, put_twice, "palimpsest.start_token_id", "twice"},
                 {"tests/models/tiny-infill.gguf", put_rows, "palimpsest.rows", "causal attention"},
                 {"tests/models/stories260K.gguf", put_rows, "palimpsest.rows", "mask token"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        runner *t = open_network(cases[i].name, cases[i].put);
        const pal_info *info = pal_model_info(t->a.model);
        const char *why = info->why_not;
        if (!why || !strstr(why, cases[i].word) || !strstr(why, cases[i].other)) fail_msg("%s: %s", cases[i].word, why);
        assert_false(info->can_infill || info->can_generate || info->can_score);
        assert_true(info->can_tokenize);
        close_network(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(such_a_model_continues_and_fills),
        cmocka_unit_test(texts_are_those_of_the_plain_network),
        cmocka_unit_test(query_rows_after_known_text_are_causal),
        cmocka_unit_test(query_rows_read_the_mask_token),
        cmocka_unit_test(pages_are_those_of_an_adapter_without_a_change),
        cmocka_unit_test(blanks_of_free_length_are_ended_by_the_token_of_the_file),
        cmocka_unit_test(such_a_network_can_be_a_base),
        cmocka_unit_test(wrong_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
