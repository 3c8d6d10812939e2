/* test_row_runner.c - content rows and query rows: who sees whom, from one evaluation to the next, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_testing.h"

/* ---- the rows as the header of row_runner.h has them, each with a set of its own --------------------- */

typedef struct {
    pal_activations a;
    pal_cache cache;
} workplace;

static void lay_out_plainly(workplace *w, const pal_transformer *net, pal_kv_type kv, pal_arena *arena)
{
    const pal_cache_shape shape = pal_transformer_cache(net);
    pal_activations_layout(&w->a, net, 1, PLACES, PLACES, arena);
    pal_activations_table(&w->a, net, arena);
    pal_cache_layout(&w->cache, &shape, PLACES, true, kv, arena);
}

static int32_t rank_of(const page *p, int place)
{
    return place == 0 ? 0 : p->rank[place - 1];
}

static bool content_sees(const page *p, int i, int j)
{
    const int32_t gi = rank_of(p, i), gj = rank_of(p, j);
    return i == j || (j < i && (gj < gi || (gi == 0 && gj == 0)));
}

typedef struct {
    int32_t token[2 * PLACES];
    int place[2 * PLACES], wanted[PLACES];
    pal_seen seen[2 * PLACES];
    uint8_t set[2 * PLACES][SET];
} plain_rows;

static void put_row(plain_rows *r, int row, int32_t token, int place, int own)
{
    r->token[row] = token;
    r->place[row] = place;
    r->seen[row] = (pal_seen){.below = PLACES, .set = r->set[row], .own = own};
}

static int plain_content(plain_rows *r, const page *p)
{
    int rows = 0;
    for (int i = 0; i <= p->n; i++) {
        if (rank_of(p, i) == PAL_RANK_UNKNOWN) continue;
        put_row(r, rows, i ? p->token[i - 1] : 1, i, -1);
        for (int j = 0; j <= p->n; j++)
            if (content_sees(p, i, j)) r->set[rows][j / 8] |= (uint8_t)(1 << j % 8);
        rows++;
    }
    return rows;
}

static void plain_query(plain_rows *r, int row, const page *p, int place)
{
    const bool known = rank_of(p, place - 1) != PAL_RANK_UNKNOWN;
    put_row(r, row, !known ? -1 : place > 1 ? p->token[place - 2] : 1, place - 1, place - 1);
    for (int j = 0; j <= p->n; j++)
        if (rank_of(p, j) != PAL_RANK_UNKNOWN && j != place - 1) r->set[row][j / 8] |= (uint8_t)(1 << j % 8);
}

/* All rows in one pass over nothing. */
static float *ask_plainly(const runner *t, const page *p, const int *at, int count)
{
    const pal_transformer *net = pal_model_transformer(t->a.model);
    const pal_compute compute = {.kernels = &t->a.model->kernels};
    plain_rows *r = calloc(1, sizeof *r);
    float *out = malloc((size_t)count * t->vocab * sizeof *out);
    workplace w;
    pal_arena arena = {0};
    size_t bytes;
    assert_true(r && out);
    lay_out_plainly(&w, net, t->r.cache.type, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    void *block = malloc(bytes);
    assert_non_null(block);
    arena = pal_arena_in(block);
    lay_out_plainly(&w, net, t->r.cache.type, &arena);
    pal_activations_prepare(&w.a, net, &w.cache);
    const int kept = plain_content(r, p);
    int every[PLACES];
    for (int i = 0; i < count; i++) {
        plain_query(r, kept + i, p, at[i] + 1);
        r->wanted[i] = kept + i;
        every[i] = i;
    }
    pal_transformer_forward_rows(
        net, &compute, &w.a, &w.cache,
        &(pal_rows){.n = kept + count, .kept = kept, .token = r->token, .place = r->place, .seen = r->seen}, r->wanted,
        count);
    pal_transformer_logits(net, &compute, &w.a, every, count, out);
    pal_arena_return(&arena);
    free(block);
    free(r);
    return out;
}

/* ---- fills with everything that a page can do -------------------------------------------------------- */

static void reveal_some(page *p, uint32_t run, int some, uint32_t vocab)
{
    int at[N];
    for (int i = 0; i < some; i++) {
        const int open = unknown_places(p, at);
        if (open < 2) break;
        const int which = at[pick(run, 10 + (uint32_t)i, (uint32_t)open)];
        p->rank[which] = p->next;
        p->token[which] = (int32_t)pick(run, 20 + (uint32_t)i, vocab);
    }
    p->next++;
}

/* Opens what became known in step `step` and later. */
static void rewind_to(page *p, int32_t step)
{
    for (int i = 0; i < N; i++)
        if (p->rank[i] >= step && p->rank[i] > 0) p->rank[i] = PAL_RANK_UNKNOWN;
    p->next = step;
}

static void change(page *p, uint32_t run, uint32_t vocab)
{
    const uint32_t what = pick(run, 1, 12), at = pick(run, 2, (uint32_t)p->n);
    if (what < 5)
        reveal_some(p, run, 1 + (int)(what > 2) * 2, vocab);
    else if (what == 5)
        rewind_to(p, 1 + (int32_t)pick(run, 3, (uint32_t)p->next));
    else if (what == 6)
        p->rank[at] = PAL_RANK_UNKNOWN; /* remasked, or no longer pinned */
    else if (what == 7)
        p->rank[at] = 0; /* pinned */
    else if (what == 8)
        p->token[at] = (int32_t)pick(run, 4, vocab);
    else if (what == 9)
        p->n = N - (int32_t)pick(run, 5, 3); /* the page shows more or fewer places */
    else if (what == 10)
        rewind_to(p, 1);
    int unknown[N];
    if (!unknown_places(p, unknown)) p->rank[p->n - 1] = PAL_RANK_UNKNOWN;
    for (int i = 0; i < N; i++) /* what stands at unknown places says nothing */
        if (p->rank[i] == PAL_RANK_UNKNOWN) p->token[i] = (int32_t)pick(run, 100 + (uint32_t)i, vocab) - 1;
}

static void expect_plain(runner *t, const page *p)
{
    int at[N];
    const int count = unknown_places(p, at);
    page other = *p;
    for (int i = 0; i < count; i++) other.token[at[i]] = 0;
    float *got = ask(t, p, at, count), *wanted = ask_plainly(t, &other, at, count);
    assert_memory_equal(got, wanted, (size_t)count * t->vocab * sizeof *got);
    free(got);
    free(wanted);
}

static void kept_rows_are_those_of_one_pass(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(bases); b++)
        for (int kv = 0; kv < PAL_KV_TYPES; kv++) {
            runner *t = start(bases[b], &(adapter_spec){.rank = 3}, NULL, (pal_kv_type)kv);
            page p = some_page(t, (uint32_t)b);
            for (uint32_t run = 0; run < 80; run++) {
                expect_plain(t, &p);
                change(&p, 1000 * (uint32_t)b + run, (uint32_t)t->vocab);
                if (run % 20 == 19) p = some_page(t, run);
            }
            end(t);
        }
}

/* One place asked alone, or with others, in any order. */
static void a_query_row_is_alone(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){.type = PAL_Q8_0}, NULL, PAL_KV_F32);
    for (uint32_t run = 0; run < 20; run++) {
        page p = some_page(t, run);
        int at[N], back[N];
        const int count = unknown_places(&p, at);
        for (int i = 0; i < count; i++) back[i] = at[count - 1 - i];
        float *all = ask(t, &p, at, count), *turned = ask(t, &p, back, count);
        for (int i = 0; i < count; i++) {
            float *one = ask(t, &p, &at[i], 1);
            assert_memory_equal(one, all + (size_t)i * t->vocab, t->vocab * sizeof *one);
            assert_memory_equal(one, turned + (size_t)(count - 1 - i) * t->vocab, t->vocab * sizeof *one);
            free(one);
        }
        free(all);
        free(turned);
    }
    end(t);
}

/* ---- the causal model ------------------------------------------------------------------------------- */

static void without_a_change_rows_are_causal(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(bases); b++)
        for (int kv = 0; kv < PAL_KV_TYPES; kv++)
            expect_causal_rows(start(bases[b], &(adapter_spec){.no_change = true}, NULL, (pal_kv_type)kv));
}

/* With a change they are not; and the mask vector is read. */
static void the_adapter_and_the_mask_matter(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){0}, NULL, PAL_KV_F32);
    page p = from_the_left(t, 1, 5, 5);
    int at[] = {5, 6};
    float *got = ask(t, &p, at, 2), *wanted = causal(t, &p, 5);
    assert_true(memcmp(got, wanted, t->vocab * sizeof *got) != 0);
    ((float *)(uintptr_t)t->a.model->attached->adapters.mask)[0] += 1.0f;
    float *other = ask(t, &p, at, 2);
    assert_memory_equal(got, other, t->vocab * sizeof *got);
    assert_true(memcmp(got + t->vocab, other + t->vocab, t->vocab * sizeof *got) != 0);
    free(got);
    free(wanted);
    free(other);
    end(t);
}

/* ---- what is kept ----------------------------------------------------------------------------------- */

/* Spoils the value of a place in the cache. */
static void spoil(runner *t, int place)
{
    const pal_cache *c = &t->r.cache;
    c->v[(size_t)place * (size_t)(c->shape.kv_heads * c->shape.head_dim)] = 1e30f * 1e30f;
}

static bool is_finite(runner *t, const page *p)
{
    int at[N];
    const int count = unknown_places(p, at);
    float *out = malloc((size_t)count * t->vocab * sizeof *out);
    assert_non_null(out);
    t->p.evaluate(t->p.context, &(pal_query){p->n, p->token, p->rank, 0.0, count, at, NULL});
    const bool finite = t->p.logits(t->p.context, at, count, out);
    free(out);
    return finite;
}

/* Given rows stay when tokens are drawn, on their left too; a change of a given token drops what is right of it. */
static void rows_that_are_right_are_kept(void **state)
{
    (void)state;
    runner *t = start(bases[0], &(adapter_spec){.rank = 2}, NULL, PAL_KV_F32);
    page p = from_the_left(t, 1, 4, 4);
    p.rank[10] = p.rank[12] = 0;
    assert_true(is_finite(t, &p));
    p.rank[6] = 1;
    p.rank[7] = 2;
    assert_true(is_finite(t, &p));
    spoil(t, 11); /* token 10, at place 11 */
    p.rank[8] = 3;
    assert_false(is_finite(t, &p));
    p.rank[8] = PAL_RANK_UNKNOWN;
    assert_false(is_finite(t, &p));
    p.token[3] ^= 1; /* everything from place 4 on is computed again */
    assert_true(is_finite(t, &p));
    spoil(t, 8); /* token 7, of rank 2 */
    p.rank[5] = 3;
    assert_false(is_finite(t, &p));
    p.token[6] ^= 1; /* of rank 1, which token 7 sees */
    assert_true(is_finite(t, &p));
    end(t);
}

/* ---- instruction sets ------------------------------------------------------------------------------- */

static void every_instruction_set_has_the_same_bits(void **state)
{
    (void)state;
    static const char *const isas[] = {"simd128", "relaxed", "avx2", "avx512vnni"};
    const adapter_spec specs[] = {{.rank = 5}, {.type = PAL_Q8_0}, {.type = PAL_F16}};
    for (size_t k = 0; k < COUNT(specs); k++) {
        runner *plain = start(bases[0], &specs[k], "scalar", PAL_KV_F32);
        for (size_t i = 0; i < COUNT(isas); i++) {
            if (pal_model_use_isa(plain->base, isas[i], NULL)) continue;
            runner *t = start(bases[0], &specs[k], isas[i], PAL_KV_F32);
            page p = some_page(t, (uint32_t)i);
            for (uint32_t run = 0; run < 40; run++) {
                int at[N];
                const int count = unknown_places(&p, at);
                float *got = ask(t, &p, at, count), *wanted = ask(plain, &p, at, count);
                assert_memory_equal(got, wanted, (size_t)count * t->vocab * sizeof *got);
                free(got);
                free(wanted);
                change(&p, run, (uint32_t)t->vocab);
            }
            end(t);
        }
        end(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_rows_are_those_of_one_pass),  cmocka_unit_test(a_query_row_is_alone),
        cmocka_unit_test(without_a_change_rows_are_causal), cmocka_unit_test(the_adapter_and_the_mask_matter),
        cmocka_unit_test(rows_that_are_right_are_kept),     cmocka_unit_test(every_instruction_set_has_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
