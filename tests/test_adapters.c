/* test_adapters.c - adapters attached to a network by the names of its matrices: rows that query use them, rows kept in
 * the cache do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"
#include "network/text_runner.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const texts[] = {"tests/golden/arch/llama-tied.gguf", "tests/golden/arch/gpt2.gguf",
                                    "tests/golden/arch/qwen3.gguf", "tests/models/tiny-ar.gguf"};
enum { RANK = 3, CAPACITY = 16, ROWS = 5, KEPT = 3 };

/* ---- a network with adapters -------------------------------------------- */

/* B A for one matrix, as in files and in panels. */
typedef struct {
    pal_adapter by;
    float *a, *b, *a_packed, *b_packed;
} change;

typedef struct {
    pal_model *model;
    const pal_transformer *net;
    unsigned char *image; /* as packed */
    void *image_block, *block;
    change *change; /* [count of matrices]; without data where none is attached */
    pal_kernels kernels;
    pal_compute compute;
    pal_activations a;
    pal_cache cache;
} runner;

static float *some_floats(uint32_t run, size_t count, double max)
{
    float *x = malloc(count * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(max * (2 * pal_uniform(17, PAL_DRAW_TOKEN, 0, run, (uint32_t)i) - 1));
    return x;
}

static pal_matrix packed(float **to, const float *x, int rows, int cols)
{
    float eight[PAL_PANEL * 256];
    pal_matrix m = {.type = PAL_F32, .rows = rows, .cols = cols};
    assert_true(cols <= 256);
    *to = malloc((size_t)rows * (size_t)cols * sizeof **to);
    assert_non_null(*to);
    memcpy(*to, x, (size_t)rows * (size_t)cols * sizeof *x);
    m.data = *to;
    pal_matrix_pack(&m, eight);
    return m;
}

static bool of_layers(const pal_named_matrix *e)
{
    return e->name.size > 4 && memcmp(e->name.data, "blk.", 4) == 0;
}

/* The same of a matrix in every network of the file. */
static change change_of(const pal_named_matrix *e, uint32_t run)
{
    const int rows = e->matrix->rows, cols = e->matrix->cols;
    change c = {.a = some_floats(run, (size_t)(RANK * cols), 0.3),
                .b = some_floats(run + 1, (size_t)(rows * RANK), 0.3)};
    c.by.a = packed(&c.a_packed, c.a, RANK, cols);
    c.by.b = packed(&c.b_packed, c.b, rows, RANK);
    c.by.scale = 0.5f;
    return c;
}

static void attach(runner *r)
{
    const pal_matrices *list = r->model->matrices;
    for (size_t i = 0; i < list->count; i++)
        if (of_layers(&list->at[i])) list->at[i].matrix->adapter = &r->change[i].by;
}

static void lay_out(runner *r, pal_arena *arena)
{
    const pal_cache_shape shape = pal_transformer_cache(r->net);
    pal_activations_layout(&r->a, r->net, 1, CAPACITY, CAPACITY, arena);
    pal_activations_table(&r->a, r->net, arena);
    pal_cache_layout(&r->cache, &shape, CAPACITY, true, PAL_KV_F32, arena);
}

static void prepare(runner *r, unsigned isa)
{
    pal_arena arena = {0};
    size_t bytes;
    pal_kernels_init(&r->kernels, r->net->head_dim % 8 ? PAL_ISA_REF : isa);
    r->compute.kernels = &r->kernels;
    lay_out(r, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    r->block = malloc(bytes);
    assert_non_null(r->block);
    memset(r->block, 0xff, bytes);
    arena = pal_arena_in(r->block);
    lay_out(r, &arena);
    pal_activations_prepare(&r->a, r->net, &r->cache);
}

/* A network of the file; takes ownership of the bytes. */
static runner *start(buffer *file, bool adapted, unsigned isa)
{
    runner *r = calloc(1, sizeof *r);
    pal_error err;
    assert_non_null(r);
    r->image = aligned_copy(&r->image_block, file->data, file->size);
    if (pal_model_open(&r->model, r->image, file->size, 0, &err)) fail_msg("%s", err.text);
    free(file->data);
    r->net = pal_model_transformer(r->model);
    r->change = calloc(r->model->matrices->count, sizeof *r->change);
    assert_non_null(r->change);
    for (size_t i = 0; i < r->model->matrices->count; i++)
        r->change[i] = change_of(&r->model->matrices->at[i], 2 * (uint32_t)i);
    if (adapted) attach(r);
    prepare(r, isa);
    return r;
}

static void end(runner *r)
{
    pal_arena arena = pal_arena_in(r->block);
    pal_arena_return(&arena);
    for (size_t i = 0; i < r->model->matrices->count; i++) {
        float *const all[] = {r->change[i].a, r->change[i].b, r->change[i].a_packed, r->change[i].b_packed};
        for (size_t x = 0; x < COUNT(all); x++) free(all[x]);
    }
    free(r->change);
    pal_model_close(r->model);
    free(r->image_block);
    free(r->block);
    free(r);
}

/* ---- rows --------------------------------------------------------------- */

/* Three known places from the left are kept; two querying rows see them and themselves. */
static const int32_t token[ROWS] = {1, 20, 31, 7, 12};
static const int place[ROWS] = {0, 1, 2, 3, 6};
static const pal_seen seen[ROWS] = {{NULL, 1, -1}, {NULL, 2, -1}, {NULL, 3, -1}, {NULL, 3, 3}, {NULL, 3, 6}};

/* Rows first .. first + n; hidden states of wanted[count] of them. */
static float *run_rows(runner *r, int first, int n, const int *wanted, int count)
{
    const size_t size = (size_t)(count * r->net->dim) * sizeof(float);
    const int kept = first + n < KEPT ? n : first < KEPT ? KEPT - first : 0;
    const pal_rows rows = {.n = n, .kept = kept, .token = token + first, .place = place + first, .seen = seen + first};
    float *x = malloc(size);
    assert_non_null(x);
    pal_transformer_forward_rows(r->net, &r->compute, &r->a, &r->cache, &rows, wanted, count);
    return memcpy(x, r->a.x, size);
}

static void expect_rows(const float *expected, const float *got, int count, int dim)
{
    for (int i = 0; i < count * dim; i++) assert_true(expected[i] - expected[i] == 0.0f); /* finite */
    assert_memory_equal(expected, got, (size_t)(count * dim) * sizeof *got);
}

/* ---- tests -------------------------------------------------------------- */

/* All rows in one pass: the kept rows equal those of the base, the others do not.  Each row has the same bits with
 * fewer rows in the batch, and when the last layer computes only some rows. */
static void check_rows(const char *path, unsigned isa, float *scalar)
{
    buffer file = read_whole(path), again = read_whole(path), third = read_whole(path);
    runner *base = start(&file, false, isa), *all = start(&again, true, isa), *apart = start(&third, true, isa);
    const int dim = base->net->dim, some[] = {1, 4};
    float *plain = run_rows(base, 0, ROWS, base->a.every, ROWS), *x = run_rows(all, 0, ROWS, all->a.every, ROWS);
    expect_rows(plain, x, KEPT, dim);
    for (int i = KEPT; i < ROWS; i++) assert_true(memcmp(plain + i * dim, x + i * dim, (size_t)dim * sizeof *x) != 0);
    float *last = run_rows(all, 0, ROWS, some, 2);
    expect_rows(x + dim, last, 1, dim);
    expect_rows(x + 4 * dim, last + dim, 1, dim);
    float *known = run_rows(apart, 0, KEPT, apart->a.every, KEPT);
    float *asking = run_rows(apart, KEPT, ROWS - KEPT, apart->a.every, ROWS - KEPT);
    expect_rows(x, known, KEPT, dim);
    expect_rows(x + KEPT * dim, asking, ROWS - KEPT, dim);
    if (isa == PAL_ISA_REF)
        memcpy(scalar, x, (size_t)(ROWS * dim) * sizeof *x);
    else
        expect_rows(scalar, x, ROWS, dim);
    float *const arrays[] = {plain, x, last, known, asking};
    for (size_t i = 0; i < COUNT(arrays); i++) free(arrays[i]);
    end(base);
    end(all);
    end(apart);
}

static void rows_that_ask_are_adapted_and_kept_rows_are_not(void **state)
{
    (void)state;
    static const unsigned isas[] = {PAL_ISA_REF, PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                    PAL_ISA_AVX2 | PAL_ISA_VNNI};
    for (size_t t = 0; t < COUNT(texts); t++) {
        float scalar[ROWS * 128];
        for (size_t i = 0; i < COUNT(isas); i++)
            if ((pal_cpu_isa() & isas[i]) == isas[i]) check_rows(texts[t], isas[i], scalar);
    }
}

/* The file with scale * B A added to its matrices, which are F32. */
static buffer merged(const char *path, const runner *r)
{
    buffer file = read_whole(path);
    const pal_matrices *list = r->model->matrices;
    for (size_t i = 0; i < list->count; i++) {
        const pal_named_matrix *e = &list->at[i];
        const change *by = &r->change[i];
        const int rows = e->matrix->rows, cols = e->matrix->cols;
        if (!of_layers(e)) continue;
        unsigned char *data = file.data + ((const unsigned char *)e->matrix->data - r->image);
        assert_int_equal(e->matrix->type, PAL_F32);
        for (int at = 0; at < rows * cols; at++) {
            float w;
            double sum = 0;
            for (int k = 0; k < RANK; k++)
                sum += (double)by->b[at / cols * RANK + k] * (double)by->a[k * cols + at % cols];
            memcpy(&w, data + 4 * (size_t)at, sizeof w);
            w = (float)((double)w + (double)by->by.scale * sum);
            memcpy(data + 4 * (size_t)at, &w, sizeof w);
        }
    }
    return file;
}

/* A row that sees only itself, against W + scale * B A: rounding of merged weights (2^-24 of each, in a few layers with
 * sums of at most 64 terms) makes a difference below 2^-16 of the largest value; the base is far from both. */
static void an_adapter_is_what_merged_weights_are(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        const pal_seen alone = {NULL, 0, 3};
        const pal_rows row = {.n = 1, .token = token + 3, .place = place + 3, .seen = &alone};
        buffer file = read_whole(texts[t]), again = read_whole(texts[t]);
        runner *adapted = start(&file, true, PAL_ISA_REF), *base = start(&again, false, PAL_ISA_REF);
        buffer sum = merged(texts[t], adapted);
        runner *plain = start(&sum, false, PAL_ISA_REF), *const all[] = {adapted, plain, base};
        double largest = 0, apart = 0, changed = 0;
        for (size_t i = 0; i < COUNT(all); i++)
            pal_transformer_forward_rows(all[i]->net, &all[i]->compute, &all[i]->a, &all[i]->cache, &row,
                                         all[i]->a.every, 1);
        for (int d = 0; d < base->net->dim; d++) {
            largest = fmax(largest, fabs((double)plain->a.x[d]));
            apart = fmax(apart, fabs((double)adapted->a.x[d] - (double)plain->a.x[d]));
            changed = fmax(changed, fabs((double)base->a.x[d] - (double)plain->a.x[d]));
        }
        print_message("  %s: apart %.2g, changed %.2g of %.2g\n", texts[t], apart, changed, largest);
        assert_true(apart < 0x1p-16 * largest && changed > 0.01 * largest);
        for (size_t i = 0; i < COUNT(all); i++) end(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_ask_are_adapted_and_kept_rows_are_not),
        cmocka_unit_test(an_adapter_is_what_merged_weights_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
