/* test_row_reuse.c - pages that begin like another page or text: rows that are taken over are not computed, and the
 * results have the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"
#include "keyed_file.h"

#define FIRST  "once upon a time the [[4]] ran and saw the cat.[[2]]"
#define LONGER "once upon a time the [[4]] ran and saw the big red dog.[[3]] She said it was good."

static int32_t given_tokens(const lent *l)
{
    return l->session->fill.n - l->session->fill.places;
}

/* The session makes all its steps as one that takes nothing over; its first step computes all but `taken` given rows. */
static void expect_same_fill(lent *l, const char *page, const pal_infill_options *o, int32_t taken)
{
    lent alone = start(page, o);
    for (bool first = true, more = true; more; first = false) {
        static char a[MAX_TEXT], b[MAX_TEXT];
        more = pal_step(l->session, NULL) == PAL_MORE;
        pal_step(alone.session, NULL);
        if (first) {
            assert_int_equal(l->session->runner.rows.computed, given_tokens(l) - taken + (taken ? 0 : 1));
            assert_int_equal(alone.session->runner.rows.computed, given_tokens(l) + 1);
        }
        text_of(l, a);
        text_of(&alone, b);
        assert_string_equal(a, b);
        for (int32_t i = 0; i < l->session->fill.places; i++)
            assert_memory_equal(&l->session->fill.place[i].probability, &alone.session->fill.place[i].probability,
                                sizeof(float));
    }
    end(&alone);
}

static void a_page_takes_over_what_it_shares_with_another(void **state)
{
    (void)state;
    for (int steps = 0; steps < 6; steps += 1 + steps) {
        pal_infill_options o = options_of(PAL_MARGIN, 4);
        lent from = start(FIRST, &o);
        for (int i = 0; i < steps; i++) pal_step(from.session, NULL);
        o.seed = 9;
        lent same = start(FIRST, &o), longer = start(LONGER, &o);
        const int32_t all = pal_session_reuse(same.session, from.session);
        const int32_t some = pal_session_reuse(longer.session, from.session);
        assert_int_equal(all, steps ? given_tokens(&same) : 0);
        assert_true(steps ? some > 6 && some < given_tokens(&longer) : some == 0);
        expect_same_fill(&same, FIRST, &o, all);
        expect_same_fill(&longer, LONGER, &o, some);
        end(&same);
        end(&longer);
        end(&from);
    }
}

/* Reads the start token and the first `count` tokens of the page. */
static pal_sequence *read_page(const pal_model *m, const lent *l, int32_t count, int32_t first, pal_kv_type kv,
                               void **block)
{
    const pal_sequence_options o = {.batch = 5, .kv = kv};
    size_t bytes;
    pal_sequence *s;
    assert_int_equal(pal_sequence_bytes(m, &o, &bytes, NULL), PAL_OK);
    *block = malloc(bytes);
    assert_int_equal(pal_sequence_init(&s, m, &o, *block, bytes, NULL), PAL_OK);
    assert_int_equal(pal_sequence_append(s, &first, 1, NULL), PAL_OK);
    if (count) assert_int_equal(pal_sequence_append(s, l->session->fill.tokens, count, NULL), PAL_OK);
    return s;
}

static void expect_sequence_is_taken_over(const pal_model *reader)
{
    const pal_infill_options o = options_of(PAL_FIRST_HITTING, 2);
    for (int32_t known = 0; known < 12; known++) {
        lent l = start(FIRST, &o);
        const int32_t before = l.session->fill.place[0].at;
        void *block;
        pal_sequence *s = read_page(reader, &l, known < before ? known : before, 1, PAL_KV_F32, &block);
        const int32_t more = 7; /* a text that goes on where the page has a blank */
        if (known > before) assert_int_equal(pal_sequence_append(s, &more, 1, NULL), PAL_OK);
        const int32_t taken = pal_session_reuse_sequence(l.session, s);
        assert_int_equal(taken, known < before ? known : before);
        free(block);
        expect_same_fill(&l, FIRST, &o, taken);
        end(&l);
    }
}

static void a_page_takes_over_what_a_text_read(void **state)
{
    (void)state;
    expect_sequence_is_taken_over(base);
    expect_sequence_is_taken_over(model);
}

static void put_rows(image *m)
{
    image_key_str(m, "palimpsest.rows", "left");
    image_key_u32(m, "palimpsest.start_token_id", 1);
}

static void a_network_with_query_rows_does_so_too(void **state)
{
    (void)state;
    size_t size;
    unsigned char *file = keyed_file("tests/models/tiny-ar.gguf", put_rows, &size);
    assert_int_equal(pal_model_open(&model, file, size, 0, NULL), PAL_OK);
    expect_sequence_is_taken_over(model);
    pal_model_close(model);
    free(file);
    model = with.model;
}

static void other_texts_and_models_are_of_no_use(void **state)
{
    (void)state;
    const pal_infill_options o = options_of(PAL_MARGIN, 2);
    pal_model *stranger = open_test_model("tiny-ar");
    lent l = start(FIRST, &o), from = start(LONGER, &o);
    void *block[4];
    pal_sequence *other = read_page(stranger, &l, 4, 1, PAL_KV_F32, &block[0]);
    pal_sequence *half = read_page(base, &l, 4, 1, PAL_KV_F16, &block[1]);
    pal_sequence *unstarted = read_page(base, &l, 4, 5, PAL_KV_F32, &block[2]);
    pal_sequence *good = read_page(base, &l, 4, 1, PAL_KV_F32, &block[3]);
    assert_int_equal(pal_session_reuse_sequence(l.session, other), 0);
    assert_int_equal(pal_session_reuse_sequence(l.session, half), 0);
    assert_int_equal(pal_session_reuse_sequence(l.session, unstarted), 0);
    assert_int_equal(pal_session_reuse(l.session, from.session), 0); /* it has computed nothing */
    pal_step(from.session, NULL);
    pal_step(l.session, NULL);
    assert_int_equal(pal_session_reuse(l.session, from.session), 0); /* after a step */
    assert_int_equal(pal_session_reuse_sequence(l.session, good), 0);
    for (int i = 0; i < 4; i++) free(block[i]);
    end(&l);
    end(&from);
    pal_model_close(stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_takes_over_what_it_shares_with_another),
        cmocka_unit_test(a_page_takes_over_what_a_text_read),
        cmocka_unit_test(a_network_with_query_rows_does_so_too),
        cmocka_unit_test(other_texts_and_models_are_of_no_use),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
