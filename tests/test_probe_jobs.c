/* test_probe_jobs.c - searches for unpredictable tokens: models, threads, refusals, saved results, the fallback. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe_testing.h"

#include "network/kinds.h"
#include "probe/hull.h"

static pal_probing *probe_model(const pal_model *m, const pal_probe_options *options)
{
    pal_probing *job;
    pal_error err = {0};
    if (pal_probing_start(&job, m, options, &err)) fail_msg("%s", err.text);
    while (pal_probing_step(job, NULL) == PAL_MORE) continue;
    return job;
}

/* ---- models ------------------------------------------------------------------------------------------ */

/* The logits of a model, computed by the network's own last product, for the hidden rows of the proofs. */
static void check_against_network(const pal_model *m)
{
    const pal_transformer *net = m->network;
    const pal_matrix *w = net->output.data ? &net->output : &net->token_embd;
    const int width = net->dim;
    pal_probing *job;
    int32_t ids[64];
    size_t decided = 0;
    float *row = malloc((size_t)width * sizeof *row), *scratch = malloc((size_t)width * 8 * sizeof *scratch);
    double *hidden = malloc((size_t)width * sizeof *hidden);
    assert_int_equal(pal_probing_start(&job, m, NULL, NULL), PAL_OK);
    for (pal_status s = PAL_MORE; s == PAL_MORE;) {
        s = pal_probing_step(job, NULL);
        const size_t n = pal_probing_decided(job, ids, 64);
        for (size_t i = 0; i < n; i++) {
            double best = -INFINITY, own = NAN, length = 0.0, sum = 0.0;
            if (ids[i] % 8) continue; /* a part, because each is compared with all */
            if (!pal_probing_hidden(job, ids[i], hidden)) continue;
            for (int c = 0; c < width; c++) { /* the normalised row */
                const double z = (hidden[c] - (net->output_norm.bias ? (double)net->output_norm.bias[c] : 0.0)) /
                                 (double)net->output_norm.gain[c];
                length += z * z;
                sum += z;
            }
            assert_true(sqrt(length) <= sqrt((double)width) * (1.0 + 1e-6));
            if (net->output_norm.bias) assert_true(fabs(sum) < 1e-5);
            for (int32_t id = 0; id < net->vocab; id++) {
                double logit = w->bias ? (double)w->bias[id] : 0.0;
                pal_matrix_row(row, w, id, scratch);
                for (int c = 0; c < width; c++) logit += (double)row[c] * hidden[c];
                const pal_probed_token t = pal_probing_token(job, id);
                if (id == ids[i])
                    own = logit;
                else if (t.same_as != ids[i])
                    best = fmax(best, logit);
            }
            assert_true(own > best);
            decided++;
        }
    }
    assert_true(decided > 0);
    pal_probing_end(job);
    free(row);
    free(scratch);
    free(hidden);
}

static void hidden_rows_of_models_are_what_their_last_norm_computes(void **state)
{
    static const char *const models[] = {"../models/tiny-ar",          "../models/tiny-infill", "../models/grouped",
                                         "../golden/arch/gpt2",        "../golden/arch/qwen3",  "../golden/arch/radd",
                                         "../golden/arch/llama-linear"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        pal_model *m = open_test_model(models[i]);
        check_against_network(m);
        pal_model_close(m);
    }
}

/* Gain and shift of the last norm of mdlm are changed by constants; those of sedd by the noise level, so that hidden rows
 * of any length are considered. */
static void adaptive_norms_are_folded_or_left_out(void **state)
{
    (void)state;
    pal_model *constant = open_test_model("../golden/arch/mdlm"), *noise = open_test_model("../golden/arch/sedd");
    pal_probing *job;
    int32_t ids[64];
    double hidden[256];
    assert_int_equal(pal_probing_start(&job, constant, NULL, NULL), PAL_OK);
    const pal_transformer *net = constant->network;
    const float *shift = net->conditioning->last.bias, *scale = shift + net->dim;
    assert_true(net->dim <= 256);
    for (pal_status s = PAL_MORE; s == PAL_MORE;) {
        s = pal_probing_step(job, NULL);
        const size_t n = pal_probing_decided(job, ids, 64);
        for (size_t i = 0; i < n; i++) {
            double length = 0.0, sum = 0.0;
            if (!pal_probing_hidden(job, ids[i], hidden)) continue;
            for (int c = 0; c < net->dim; c++) {
                const double z =
                    (hidden[c] - (double)shift[c]) / ((double)net->output_norm.gain[c] * (double)(scale[c] + 1.0f));
                length += z * z;
                sum += z;
            }
            assert_true(sqrt(length) <= sqrt((double)net->dim) * (1.0 + 1e-6) && fabs(sum) < 1e-5);
        }
    }
    assert_true(pal_probing_progress(job).bounded && pal_probing_progress(job).centred);
    assert_true(pal_probing_progress(job).biased);
    pal_probing_end(job);
    job = probe_model(noise, NULL);
    assert_false(pal_probing_progress(job).bounded || pal_probing_progress(job).centred);
    assert_int_equal(pal_probing_progress(job).tokens, pal_probing_progress(job).vocabulary);
    pal_probing_end(job);
    pal_model_close(constant);
    pal_model_close(noise);
}

static void control_tokens_are_counted_apart(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-infill");
    pal_probing *job = probe_model(m, NULL);
    const pal_probe_progress p = pal_probing_progress(job);
    const int32_t mask = pal_vocab_special(m->vocab)->mask;
    int drawn = 0, never = 0;
    assert_true(mask >= 0 && !pal_probing_token(job, mask).drawn);
    for (int s = 0; s < PAL_TOKEN_STATES; s++) drawn += p.drawn[s], never += p.never[s];
    assert_int_equal(drawn + never, p.vocabulary);
    assert_int_equal(p.vocabulary, m->shape.vocab);
    assert_int_equal(p.all_tokens, p.vocabulary);
    assert_true(never >= 2 && drawn > never);
    assert_true(p.bounded);
    pal_probing_end(job);
    pal_model_close(m);
}

static bool same_result(const pal_probed_token *a, const pal_probed_token *b)
{
    if (a->state != b->state || a->same_as != b->same_as || a->dominating != b->dominating) return false;
    const bool lead = isnan(a->lead) ? isnan(b->lead) : a->lead == b->lead;
    const bool residual = isnan(a->residual) ? isnan(b->residual) : a->residual == b->residual;
    for (int i = 0; i < a->dominating && i < PAL_DOMINATING; i++)
        if (a->id[i] != b->id[i] || a->weight[i] != b->weight[i]) return false;
    return lead && residual;
}

static void threads_give_the_same_bits(void **state)
{
    (void)state;
    pal_model *one = open_test_model("stories260K"), *several = open_test_model("stories260K");
    assert_int_equal(pal_model_use_threads(several, 3, NULL), PAL_OK);
    if (several->team) pal_team_set_min_work(several->team, 0);
    pal_probing *a = probe_model(one, NULL), *b = probe_model(several, NULL);
    for (int32_t id = 0; id < one->shape.vocab; id++) {
        const pal_probed_token x = pal_probing_token(a, id), y = pal_probing_token(b, id);
        assert_true(same_result(&x, &y));
    }
    pal_probing_end(a);
    pal_probing_end(b);
    pal_model_close(one);
    pal_model_close(several);
}

/* Of rows with hard tokens, with another number of tokens per step than all at once. */
static void a_part_of_the_tokens_has_the_results_of_all(void **state)
{
    static const int32_t some[] = {3, 60, 61, 7};
    const pal_probe_options o = {.tokens = some, .count = 4, .rounds = 500}, sample = {.sample = 9, .rounds = 500};
    pal_probing *part, *all;
    (void)state;
    fill_rows(5, 90, 4);
    const pal_output_rows l = layer_of(90, 4, true);
    all = probe_rows(&l, NULL);
    part = probe_rows(&l, &o);
    assert_int_equal(pal_probing_progress(part).all_tokens, 4);
    assert_int_equal(pal_probing_progress(part).tokens, 4);
    for (int i = 0; i < 4; i++) {
        const pal_probed_token x = pal_probing_token(all, some[i]), y = pal_probing_token(part, some[i]);
        assert_true(same_result(&x, &y));
    }
    assert_int_equal(pal_probing_token(part, 0).state, PAL_TOKEN_OPEN);
    pal_probing_end(part);
    part = probe_rows(&l, &sample);
    assert_int_equal(pal_probing_progress(part).tokens, 9);
    assert_true(pal_probing_token(part, 80).state != PAL_TOKEN_OPEN);
    pal_probing_end(part);
    pal_probing_end(all);
}

/* ---- refusals ---------------------------------------------------------------------------------------- */

static void models_without_an_output_layer_are_refused(void **state)
{
    pal_probing *job = NULL;
    pal_error err = {0};
    (void)state;
    pal_model *vocabulary = open_test_model("tales-vocab"), *pictures = open_test_model("unet-plain");
    pal_model *stored = open_test_model_as("tiny-ar", PAL_OPEN_AS_STORED);
    assert_int_equal(pal_probing_start(&job, vocabulary, NULL, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no network"));
    assert_int_equal(pal_probing_start(&job, pictures, NULL, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "pictures"));
    assert_int_equal(pal_probing_start(&job, stored, NULL, &err), PAL_E_OPTION);
    assert_null(job);
    pal_model_close(vocabulary);
    pal_model_close(pictures);
    pal_model_close(stored);
}

static void options_out_of_range_are_refused(void **state)
{
    static const int32_t outside[] = {3, 90}, below[] = {-1};
    const pal_probe_options options[] = {
        {.rounds = 0},
        {.rounds = 500, .sample = -1},
        {.rounds = 500, .sample = 2, .tokens = outside, .count = 1},
        {.rounds = 500, .tokens = outside, .count = 2},
        {.rounds = 500, .tokens = below, .count = 1},
        {.rounds = 500, .tokens = outside},
        {.rounds = 500, .count = 1},
    };
    pal_probing *job = NULL;
    pal_error err = {0};
    (void)state;
    fill_rows(5, 90, 4);
    const pal_output_rows good = layer_of(90, 4, true);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_int_equal(pal_probing_start_rows(&job, &good, &options[i], &err), PAL_E_OPTION);
    pal_output_rows bad[] = {good, good, good, good, good};
    bad[0].tokens = 0;
    bad[1].width = 0;
    bad[2].radius = -1.0;
    bad[3].radius = NAN;
    bad[4].tokens = (1 << 24) + 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(pal_probing_start_rows(&job, &bad[i], NULL, &err), PAL_E_OPTION);
    rows[17] = NAN;
    assert_int_equal(pal_probing_start_rows(&job, &good, NULL, &err), PAL_E_FORMAT);
    rows[17] = 1.0f;
    biases[3] = INFINITY;
    assert_int_equal(pal_probing_start_rows(&job, &good, NULL, &err), PAL_E_FORMAT);
    assert_null(job);
}

/* Layers without any direction, of one token, and of the largest numbers end. */
static void odd_layers_do_no_harm(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        fill_rows(6, 40, 8);
        for (int i = 0; kind == 1 && i < 40 * 8; i++) rows[i] = 0.0f;
        for (int i = 0; kind >= 2 && i < 40 * 8; i++) rows[i] *= kind == 2 ? 1e37f : 1e-42f;
        for (int biased = 0; biased < 2; biased++) {
            const pal_output_rows l = layer_of(kind ? 40 : 1, 8, biased);
            pal_probing *job;
            assert_int_equal(pal_probing_start_rows(&job, &l, NULL, NULL), PAL_OK);
            while (pal_probing_step(job, NULL) == PAL_MORE) continue;
            assert_int_equal(pal_probing_progress(job).tokens, l.tokens);
            if (kind == 0) assert_int_equal(state_of(job, 0), PAL_TOKEN_PREDICTABLE);
            if (kind == 1 && !biased) assert_int_equal(state_of(job, 7), PAL_TOKEN_TIED);
            pal_probing_end(job);
        }
    }
}

/* ---- saved results ----------------------------------------------------------------------------------- */

static unsigned char *saved(const pal_probing *job, size_t *size)
{
    *size = pal_probing_save(job, NULL, 0);
    unsigned char *data = malloc(*size);
    assert_int_equal(pal_probing_save(job, data, *size), *size);
    return data;
}

static pal_probing *fresh(const pal_output_rows *l)
{
    pal_probing *job;
    assert_int_equal(pal_probing_start_rows(&job, l, NULL, NULL), PAL_OK);
    return job;
}

static void a_search_goes_on_where_it_was_saved(void **state)
{
    size_t size, again;
    (void)state;
    fill_rows(7, 120, 3);
    const pal_output_rows l = layer_of(120, 3, true);
    pal_probing *all = probe_rows(&l, NULL), *job = fresh(&l), *next = fresh(&l);
    for (int i = 0; i < 12; i++) assert_int_equal(pal_probing_step(job, NULL), PAL_MORE);
    const int32_t before = pal_probing_progress(job).tokens;
    assert_true(before >= 10 && before < 120);
    unsigned char *data = saved(job, &size);
    assert_int_equal(pal_probing_restore(next, data, size, NULL), PAL_OK);
    assert_int_equal(pal_probing_progress(next).tokens, before);
    while (pal_probing_step(next, NULL) == PAL_MORE) continue;
    unsigned char *one = saved(all, &size), *two = saved(next, &again);
    assert_int_equal(size, again);
    assert_memory_equal(one, two, size);
    free(data);
    free(one);
    free(two);
    pal_probing_end(all);
    pal_probing_end(job);
    pal_probing_end(next);
}

static void undecided_tokens_are_tried_again_with_more_rounds(void **state)
{
    const pal_probe_options few = {.rounds = 1};
    size_t size;
    (void)state;
    fill_rows(7, 120, 3);
    const pal_output_rows l = layer_of(120, 3, false);
    pal_probing *job, *next = fresh(&l);
    assert_int_equal(pal_probing_start_rows(&job, &l, &few, NULL), PAL_OK);
    while (pal_probing_step(job, NULL) == PAL_MORE) continue;
    assert_true(pal_probing_progress(job).drawn[PAL_TOKEN_UNDECIDED] > 0);
    unsigned char *data = saved(job, &size);
    assert_int_equal(pal_probing_restore(next, data, size, NULL), PAL_OK);
    while (pal_probing_step(next, NULL) == PAL_MORE) continue;
    assert_int_equal(pal_probing_progress(next).drawn[PAL_TOKEN_UNDECIDED], 0);
    free(data);
    pal_probing_end(job);
    pal_probing_end(next);
}

static void damaged_or_foreign_results_are_refused_and_change_nothing(void **state)
{
    size_t size, empty;
    pal_error err = {0};
    (void)state;
    fill_rows(7, 30, 3);
    pal_output_rows l = layer_of(30, 3, true);
    pal_probing *all = probe_rows(&l, NULL), *job = fresh(&l);
    unsigned char *data = saved(all, &size), *before = saved(job, &empty);
    for (size_t i = 0; i <= size; i++) { /* cut, and changed, at every byte */
        assert_int_equal(pal_probing_restore(job, data, i < size ? i : 0, &err), PAL_E_FORMAT);
        if (i == size) break;
        data[i] ^= 0x40;
        assert_true(pal_probing_restore(job, data, size, &err) < 0);
        data[i] ^= 0x40;
    }
    unsigned char *after = saved(job, &empty);
    assert_memory_equal(before, after, empty);
    biases[29] += 1.0f;
    pal_probing *other = fresh(&l);
    assert_int_equal(pal_probing_restore(other, data, size, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "another model"));
    biases[29] -= 1.0f;
    l.radius = 1.0;
    pal_probing *bounded = fresh(&l);
    assert_int_equal(pal_probing_restore(bounded, data, size, &err), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_probing_restore(job, data, size, &err), PAL_OK);
    assert_int_equal(pal_probing_step(job, NULL), PAL_OK);
    free(data);
    free(before);
    free(after);
    pal_probing_end(all);
    pal_probing_end(job);
    pal_probing_end(other);
    pal_probing_end(bounded);
}

/* ---- the hull ---------------------------------------------------------------------------------------- */

/* The nearest point by Wolfe's steps, and by those of Frank-Wolfe alone. */
static void both_kinds_of_steps_find_the_nearest_point(void **state)
{
    enum { DIM = 6, POINTS = 30 };
    (void)state;
    for (uint32_t run = 0; run < 6; run++) {
        double distance[2];
        for (int plain = 0; plain < 2; plain++) {
            pal_hull h;
            pal_arena arena = {0};
            size_t bytes;
            pal_hull_layout(&h, DIM, &arena);
            assert_true(pal_arena_bytes(&arena, &bytes));
            void *block = malloc(bytes);
            arena = pal_arena_in(block);
            pal_hull_layout(&h, DIM, &arena);
            pal_hull_clear(&h);
            for (int i = 0; i < POINTS; i++) {
                double *p = pal_hull_add(&h, i);
                for (int c = 0; c < DIM; c++)
                    p[c] = normal(200 + run, (uint32_t)(i * DIM + c)) + (c == 0 ? 0.6 * run : 0.0);
            }
            assert_true(pal_hull_step(&h));
            h.plain = plain;
            for (int i = 0; i < 4000 && pal_hull_step(&h); i++) continue;
            double sum = 0.0, least = INFINITY;
            for (int i = 0; i < h.capacity; i++) sum += h.weight[i];
            for (int i = 0; i < POINTS; i++) least = fmin(least, pal_hull_dot(h.point + (size_t)i * DIM, h.x, DIM));
            assert_true(fabs(sum - 1.0) < 1e-9);
            distance[plain] = sqrt(h.xx);
            if (!plain) assert_true(h.xx - least < 1e-9);
            free(block);
        }
        assert_true(fabs(distance[0] - distance[1]) < 1e-5); /* Frank-Wolfe ends when a step promises little */
        if (run == 0) assert_true(distance[0] < 1e-12);
        if (run == 5) assert_true(distance[0] > 0.1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_rows_of_models_are_what_their_last_norm_computes),
        cmocka_unit_test(adaptive_norms_are_folded_or_left_out),
        cmocka_unit_test(control_tokens_are_counted_apart),
        cmocka_unit_test(threads_give_the_same_bits),
        cmocka_unit_test(a_part_of_the_tokens_has_the_results_of_all),
        cmocka_unit_test(models_without_an_output_layer_are_refused),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(odd_layers_do_no_harm),
        cmocka_unit_test(a_search_goes_on_where_it_was_saved),
        cmocka_unit_test(undecided_tokens_are_tried_again_with_more_rounds),
        cmocka_unit_test(damaged_or_foreign_results_are_refused_and_change_nothing),
        cmocka_unit_test(both_kinds_of_steps_find_the_nearest_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
