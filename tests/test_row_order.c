/* test_row_order.c - query rows for known places: one evaluation of a filled page gives the bits of the evaluations in
 * which its tokens became known, for any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_testing.h"

enum { RUNS = 25, CLOSED = INT32_MAX - 1 };

/* Starts again from nothing. */
static void forget(runner *t)
{
    t->p = pal_row_runner_start(&t->r);
}

/* A page whose drawn places have ranks in a random order, with equal ones and gaps between them if `ties`.  Some places
 * are never known, as behind the end of a blank. */
static page filled_page(const runner *t, uint32_t run, bool ties)
{
    page p = some_page(t, run);
    int at[N];
    for (int open = unknown_places(&p, at); open > 0; open = unknown_places(&p, at)) {
        const int which = at[pick(run, 10 + (uint32_t)open, (uint32_t)open)];
        p.rank[which] = pick(run, 40 + (uint32_t)open, 8) ? p.next : CLOSED;
        p.next += ties ? (int32_t)pick(run, 70 + (uint32_t)open, 3) : 1;
    }
    for (int i = 0; i < N; i++)
        if (p.rank[i] == CLOSED) p.rank[i] = PAL_RANK_UNKNOWN;
    return p;
}

/* All drawn places, the last first. */
static int drawn_places(const page *p, int at[N])
{
    int count = 0;
    for (int i = p->n - 1; i >= 0; i--)
        if (p->rank[i] > 0 && p->rank[i] != PAL_RANK_UNKNOWN) at[count++] = i;
    return count;
}

/* The page before the tokens of rank `rank` became known; what the unknown places hold depends on `run`. */
static page before(const runner *t, const page *p, int32_t rank, uint32_t run)
{
    page b = *p;
    for (int i = 0; i < N; i++) {
        if (p->rank[i] >= rank) b.rank[i] = PAL_RANK_UNKNOWN;
        if (b.rank[i] == PAL_RANK_UNKNOWN) b.token[i] = (int32_t)pick(run, 300 + (uint32_t)i, (uint32_t)t->vocab) - 1;
    }
    return b;
}

/* `at` [count] in one evaluation against one evaluation for each place, from nothing if `anew`. */
static void expect_steps(runner *t, const page *p, const int *at, int count, const float *got, bool anew)
{
    for (int i = 0; i < count; i++) {
        const page b = before(t, p, p->rank[at[i]], (uint32_t)i);
        if (anew) forget(t);
        float *wanted = ask(t, &b, &at[i], 1);
        assert_memory_equal(got + (size_t)i * t->vocab, wanted, t->vocab * sizeof *got);
        free(wanted);
    }
}

static void one_evaluation_is_all_steps(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(bases); b++)
        for (int kv = 0; kv < PAL_KV_TYPES; kv++) {
            runner *t = start(bases[b], &(adapter_spec){.rank = 3}, NULL, (pal_kv_type)kv);
            for (uint32_t run = 0; run < RUNS; run++) {
                const page p = filled_page(t, 100 * (uint32_t)b + run, run % 2);
                int at[N];
                const int count = drawn_places(&p, at);
                if (!count) continue;
                if (run % 3) forget(t); /* or with rows of the page before */
                float *got = ask(t, &p, at, count);
                expect_steps(t, &p, at, count, got, run % 3 != 1);
                free(got);
            }
            end(t);
        }
}

/* Known and unknown places in one evaluation, in the middle of a fill. */
static void known_and_unknown_places_are_asked_together(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){.type = PAL_Q8_0}, NULL, PAL_KV_F32);
    for (uint32_t run = 0; run < RUNS; run++) {
        const page p = filled_page(t, run, false), half = before(t, &p, p.next / 2, run);
        int at[N], open[N];
        const int known = drawn_places(&half, at), count = known + unknown_places(&half, open);
        for (int i = known; i < count; i++) at[i] = open[i - known];
        if (!count) continue;
        float *got = ask(t, &half, at, count);
        expect_steps(t, &half, at, count, got, true);
        free(got);
    }
    end(t);
}

/* The steps of a fill, one after another on one runner, as a sampler takes them. */
static void the_steps_of_a_fill_are_one_evaluation(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){.rank = 5}, NULL, PAL_KV_F32);
    for (uint32_t run = 0; run < RUNS; run++) {
        const page p = filled_page(t, run, run % 2);
        float *step[N];
        int taken[N], count = 0, group[N];
        forget(t);
        for (int32_t rank = 1; rank <= p.next; rank++) {
            const page b = before(t, &p, rank, run);
            for (int i = 0, size = drawn_places(&p, group); i < size; i++) {
                if (p.rank[group[i]] != rank) continue;
                taken[count] = group[i];
                step[count++] = ask(t, &b, &group[i], 1);
            }
        }
        if (!count) continue;
        forget(t);
        float *got = ask(t, &p, taken, count);
        for (int i = 0; i < count; i++) {
            assert_memory_equal(got + (size_t)i * t->vocab, step[i], t->vocab * sizeof *got);
            free(step[i]);
        }
        free(got);
    }
    end(t);
}

/* A query row for a drawn place does not depend on the token there, on later ones or on those of the same rank, but on
 * every earlier one. */
static void a_place_depends_on_earlier_tokens_only(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){.rank = 5}, NULL, PAL_KV_F32);
    for (uint32_t run = 0; run < RUNS; run++) {
        const page p = filled_page(t, run, true);
        int at[N];
        const int count = drawn_places(&p, at);
        if (!count) continue;
        const int asked = at[pick(run, 500, (uint32_t)count)], other = (int)pick(run, 501, (uint32_t)p.n);
        page changed = p;
        changed.token[other] = (p.token[other] + 1) % (int32_t)t->vocab;
        float *got = ask(t, &p, &asked, 1), *with = ask(t, &changed, &asked, 1);
        assert_int_equal(memcmp(got, with, t->vocab * sizeof *got) != 0, p.rank[other] < p.rank[asked]);
        free(got);
        free(with);
    }
    end(t);
}

static void every_instruction_set_has_the_same_bits(void **state)
{
    (void)state;
    static const char *const isas[] = {"simd128", "relaxed", "avx2", "avx512vnni"};
    const adapter_spec spec = {.type = PAL_Q8_0};
    runner *plain = start(bases[0], &spec, "scalar", PAL_KV_F32);
    for (size_t i = 0; i < COUNT(isas); i++) {
        if (pal_model_use_isa(plain->base, isas[i], NULL)) continue;
        runner *t = start(bases[0], &spec, isas[i], PAL_KV_F32);
        for (uint32_t run = 0; run < RUNS; run++) {
            const page p = filled_page(t, run, run % 2);
            int at[N];
            const int count = drawn_places(&p, at);
            if (!count) continue;
            float *got = ask(t, &p, at, count), *wanted = ask(plain, &p, at, count);
            assert_memory_equal(got, wanted, (size_t)count * t->vocab * sizeof *got);
            expect_steps(t, &p, at, count, got, true);
            free(got);
            free(wanted);
        }
        end(t);
    }
    end(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_evaluation_is_all_steps),
        cmocka_unit_test(known_and_unknown_places_are_asked_together),
        cmocka_unit_test(the_steps_of_a_fill_are_one_evaluation),
        cmocka_unit_test(a_place_depends_on_earlier_tokens_only),
        cmocka_unit_test(every_instruction_set_has_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
