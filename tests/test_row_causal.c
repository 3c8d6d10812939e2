/* test_row_causal.c - where query rows and texts must have the bits of the causal network alone, with every instruction
 * set and type of cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_testing.h"

static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};

static bool has_isa(const char *name, const char *isa)
{
    pal_model *m;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    assert_int_equal(pal_model_open_file(&m, path, 0, NULL), PAL_OK);
    const bool has = pal_model_use_isa(m, isa, NULL) == PAL_OK;
    pal_model_close(m);
    return has;
}

/* The first `known` tokens are known, in an order from left to right: some given, some pinned, some drawn, and the ranks
 * have gaps.  The tokens behind them are unknown, whatever they are. */
static page some_from_the_left(const runner *t, uint32_t run, int known)
{
    page p = some_page(t, run);
    const int given = (int)pick(run, 700, (uint32_t)known + 1);
    int32_t rank = 0;
    p.n = known + 1 + (int)pick(run, 701, (uint32_t)(N - known));
    for (int i = 0; i < N; i++) {
        if (i >= given) rank += 1 + (int32_t)pick(run, 710 + (uint32_t)i, 3);
        p.rank[i] = i < given ? 0 : i < known ? rank : PAL_RANK_UNKNOWN;
    }
    return p;
}

static void expect_causal(runner *t, uint32_t run)
{
    const int known = (int)pick(run, 702, N);
    const page p = some_from_the_left(t, run, known);
    float *got = ask(t, &p, &known, 1), *wanted = causal(t, &p, known);
    assert_memory_equal(got, wanted, t->vocab * sizeof *got);
    free(got);
    free(wanted);
}

/* The runner keeps rows from one page to the next, or starts again. */
static void a_query_after_all_known_tokens_is_the_causal_row(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(bases); b++)
        for (size_t i = 0; i < COUNT(isas); i++) {
            if (!has_isa(bases[b], isas[i])) continue;
            runner *t = start(bases[b], &(adapter_spec){.no_change = true}, isas[i], (pal_kv_type)(i % PAL_KV_TYPES));
            for (uint32_t run = 0; run < 25; run++) {
                if (run % 4 == 3) t->p = pal_row_runner_start(&t->r);
                expect_causal(t, 100 * (uint32_t)b + run);
            }
            end(t);
        }
}

/* All query rows of a text that is known token by token are the causal rows, in one evaluation. */
static void one_evaluation_has_all_causal_rows(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){.no_change = true}, NULL, PAL_KV_F32);
    page p = from_the_left(t, 3, N, 0);
    int at[N];
    for (int i = 0; i < N; i++) at[i] = i;
    float *got = ask(t, &p, at, N);
    for (int i = 0; i < N; i++) {
        float *wanted = causal(t, &p, i);
        assert_memory_equal(got + (size_t)i * t->vocab, wanted, t->vocab * sizeof *got);
        free(wanted);
    }
    free(got);
    end(t);
}

/* With any adapter, the second model reads text from left to right as the base does, also after it has filled. */
static void texts_of_the_second_model_are_those_of_the_base(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(isas); i++) {
        if (!has_isa(bases[0], isas[i])) continue;
        runner *t = start(bases[0], &(adapter_spec){.rank = 7, .type = i % 2 ? PAL_F16 : 0}, isas[i], PAL_KV_F32);
        runner second = *t;
        second.base = t->a.model;
        for (uint32_t run = 0; run < 25; run++) {
            const int known = 1 + (int)pick(run, 703, N - 2);
            const page p = from_the_left(t, run, known, known);
            float *query = ask(t, &p, &known, 1);
            float *of_base = causal(t, &p, known), *of_second = causal(&second, &p, known);
            assert_memory_equal(of_base, of_second, t->vocab * sizeof *of_base);
            assert_true(memcmp(query, of_base, t->vocab * sizeof *of_base) != 0);
            free(query);
            free(of_base);
            free(of_second);
        }
        end(t);
    }
}

/* What an unknown place holds changes no bit of any query row. */
static void unknown_tokens_change_nothing(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(bases); b++) {
        runner *t = start(bases[b], &(adapter_spec){.rank = 4}, NULL, PAL_KV_F32);
        for (uint32_t run = 0; run < 25; run++) {
            const page p = some_page(t, run);
            page other = p;
            int at[N];
            const int count = unknown_places(&p, at);
            for (int i = 0; i < N; i++)
                if (p.rank[i] == PAL_RANK_UNKNOWN) other.token[i] = (int32_t)pick(run, 800 + (uint32_t)i, 99) - 1;
            float *got = ask(t, &p, at, count), *kept = ask(t, &other, at, count);
            t->p = pal_row_runner_start(&t->r);
            float *anew = ask(t, &other, at, count);
            assert_memory_equal(got, kept, (size_t)count * t->vocab * sizeof *got);
            assert_memory_equal(got, anew, (size_t)count * t->vocab * sizeof *got);
            free(got);
            free(kept);
            free(anew);
        }
        end(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_after_all_known_tokens_is_the_causal_row),
        cmocka_unit_test(one_evaluation_has_all_causal_rows),
        cmocka_unit_test(texts_of_the_second_model_are_those_of_the_base),
        cmocka_unit_test(unknown_tokens_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
