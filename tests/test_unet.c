/* test_unet.c - the U-Net stage by stage against stored PyTorch outputs (float64), and the same bits in every
 * instruction set.  Refused files are in test_unet_files.c.
 *
 * tools/make_unet_golden.py wrote models and outputs, from the weights in the files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unet_testing.h"

#include <math.h>

/* ---- golden stages ------------------------------------------------------ */

typedef struct {
    char name[24];
    int32_t places, channels;
} stage;

typedef struct {
    buffer file;
    int32_t width, height, channels, stages, cases;
    const stage *stage;         /* [stages] */
    const unsigned char *first; /* of the cases */
    size_t case_bytes;
} golden;

typedef struct {
    double time;
    int32_t label;
    const float *x, *outputs; /* [height, width, channels]; the stages one after the other */
} golden_case;

static golden read_golden(const char *name)
{
    golden g = {.file = read_whole(name)};
    const int32_t *head = (const int32_t *)(const void *)g.file.data;
    g.width = head[0];
    g.height = head[1];
    g.channels = head[2];
    g.stages = head[3];
    g.cases = head[4];
    g.stage = (const stage *)(const void *)(head + 6);
    g.first = (const unsigned char *)(g.stage + g.stages);
    size_t values = (size_t)(g.width * g.height * g.channels);
    for (int i = 0; i < g.stages; i++) values += (size_t)(g.stage[i].places * g.stage[i].channels);
    g.case_bytes = sizeof(double) + 2 * sizeof(int32_t) + values * sizeof(float);
    assert_int_equal(g.file.size, (size_t)(g.first - g.file.data) + (size_t)g.cases * g.case_bytes);
    return g;
}

static golden_case case_of(const golden *g, int index)
{
    const unsigned char *at = g->first + (size_t)index * g->case_bytes;
    golden_case c;
    memcpy(&c.time, at, sizeof c.time);
    memcpy(&c.label, at + sizeof c.time, sizeof c.label);
    c.x = (const float *)(const void *)(at + sizeof c.time + 2 * sizeof c.label);
    c.outputs = c.x + g->width * g->height * g->channels;
    return c;
}

/* The allowed error of a stage: root mean square of the difference divided by that of the golden values, and the
 * largest difference divided by the largest value. */
typedef struct {
    double rms, max;
} bounds;

/* The current comparison. */
typedef struct {
    const golden *g;
    const float *expected;
    int next, skip; /* stage; the one that this evaluation does not compute, or -1 */
    bounds allowed, worst;
} comparison;

static void compare_stage(void *context, const float *x, int height, int width, int channels)
{
    comparison *c = context;
    if (c->next == c->skip) {
        c->expected += c->g->stage[c->next].places * c->g->stage[c->next].channels;
        c->next++;
    }
    if (c->next >= c->g->stages) fail_msg("more stages than PyTorch has");
    const stage *s = &c->g->stage[c->next++];
    const size_t count = (size_t)(s->places * s->channels);
    double difference = 0.0, norm = 0.0, worst = 0.0, largest = 0.0;
    if (height * width != s->places || channels != s->channels)
        fail_msg("%s has %d places of %d channels", s->name, height * width, channels);
    for (size_t i = 0; i < count; i++) {
        const double expected = (double)c->expected[i], d = fabs((double)x[i] - expected);
        difference += d * d;
        norm += expected * expected;
        if (!(d <= worst)) worst = d;
        if (fabs(expected) > largest) largest = fabs(expected);
    }
    c->expected += count;
    const double rms = sqrt(difference / norm), max = worst / largest;
    if (!(rms <= c->allowed.rms && max <= c->allowed.max)) fail_msg("%s: rms %g, largest %g", s->name, rms, max);
    if (rms > c->worst.rms) c->worst.rms = rms;
    if (max > c->worst.max) c->worst.max = max;
}

static int find_stage(const golden *g, const char *name)
{
    for (int i = 0; i < g->stages; i++)
        if (strcmp(g->stage[i].name, name) == 0) return i;
    return -1;
}

/* One evaluation with each head; the second one without the stage of the first. */
static void check_case(loaded *l, const golden *g, const golden_case *c, bounds allowed, bounds *worst)
{
    const int sn = find_stage(g, "sn"), npr = find_stage(g, "npr");
    for (pal_noise_head head = PAL_HEAD_NONE; head <= PAL_HEAD_RESIDUAL; head++) {
        const int last = head == PAL_HEAD_NONE ? find_stage(g, "eps") : head == PAL_HEAD_RESIDUAL ? npr : sn;
        if (last < 0) continue;
        comparison watching = {
            .g = g, .expected = c->outputs, .skip = head == PAL_HEAD_RESIDUAL ? sn : -1, .allowed = allowed};
        l->scratch.watch = compare_stage;
        l->scratch.watching = &watching;
        pal_unet_forward(&l->net, &(pal_compute){.kernels = &l->kernels}, &l->scratch, c->x, c->time, c->label, head,
                         l->eps, head == PAL_HEAD_NONE ? NULL : l->second);
        assert_int_equal(watching.next, last + 1);
        if (watching.worst.rms > worst->rms) worst->rms = watching.worst.rms;
        if (watching.worst.max > worst->max) worst->max = watching.worst.max;
    }
}

static void check(const char *model, const char *golden_name, const char *type, unsigned isa, bounds allowed)
{
    golden g = read_golden(golden_name);
    buffer file = converted(model, type);
    loaded l = load(&file, isa);
    bounds worst = {0};
    assert_int_equal(l.net.width, g.width);
    assert_int_equal(l.net.height, g.height);
    assert_int_equal(l.net.channels, g.channels);
    for (int i = 0; i < g.cases; i++) {
        const golden_case c = case_of(&g, i);
        check_case(&l, &g, &c, allowed, &worst);
    }
    print_message("  %s as %s, %s: rms %.2e, largest %.2e\n", model, type, pal_isa_name(l.kernels.isa), worst.rms,
                  worst.max);
    unload(&l);
    free(file.data);
    free(g.file.data);
}

#define WITH_LABELS LABELS, "tests/golden/unet/labels.bin"
#define WITHOUT     PLAIN, "tests/golden/unet/plain.bin"

/* f32 against f64, some 40 products of up to 1152 terms deep, none amplified by more than its group norm. */
static void every_stage_in_f32_is_near_pytorch(void **state)
{
    (void)state;
    const bounds allowed = {2e-5, 2e-5};
    check(WITH_LABELS, "F32", (unsigned)PAL_ISA_ALL, allowed);
    check(WITH_LABELS, "F32", PAL_ISA_REF, allowed);
    check(WITHOUT, "F32", (unsigned)PAL_ISA_ALL, allowed);
    check(WITHOUT, "F32", PAL_ISA_REF, allowed);
}

/* Half precision keeps 11 bits: the relative error of a weight is at most 2^-12, 2.4e-4; independent errors of that
 * size through six blocks stay below 1e-3. */
static void every_stage_in_f16_is_near_pytorch(void **state)
{
    (void)state;
    const bounds allowed = {1e-3, 2e-3};
    check(WITHOUT, "F16", (unsigned)PAL_ISA_ALL, allowed);
}

/* The weights are the file's own, so only activations round: to 1/127 of the largest of their 32, a uniform error of
 * deviation 1 / (127 sqrt(12)) = 0.23 % of that, which is 2 to 3 deviations: 0.6 % a product.  silu leaves half the
 * values near 0, so that the largest is rather 4 deviations: 0.9 %.  A block adds three such errors (two convolutions
 * and what the embedding says) to features twice as large as what it adds, and six blocks, or seven for a deep head,
 * of independent errors make 0.9 % / 2 * sqrt(21) = 2.1 %; the head's own convolution adds 0.9 %: 2.3 % in all, and
 * a quarter more for what of it the norms amplify.  The largest difference is held against the largest value: twice that. */
static void every_stage_in_q8_0_is_within_rounding(void **state)
{
    (void)state;
    const bounds allowed = {0.029, 0.058};
    check(WITH_LABELS, "Q8_0", (unsigned)PAL_ISA_ALL, allowed);
    check(WITH_LABELS, "Q8_0", PAL_ISA_REF, allowed);
}

/* ---- bits --------------------------------------------------------------- */

static const unsigned variants[] = {PAL_ISA_SIMD128, PAL_ISA_AVX2, PAL_ISA_AVX2 | PAL_ISA_VNNI};

static void every_instruction_set_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const models[][2] = {{LABELS, "F32"},  {LABELS, "F16"}, {LABELS, "Q8_0"},
                                            {LABELS, "Q4_0"}, {PLAIN, "F32"},  {PLAIN, "F16"}};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        buffer file = converted(models[i][0], models[i][1]);
        loaded reference = load(&file, PAL_ISA_REF);
        const pal_noise_head head =
            reference.net.head[PAL_HEAD_SECOND_MOMENT].present ? PAL_HEAD_SECOND_MOMENT : PAL_HEAD_NONE;
        float *x = malloc(reference.size * sizeof *x);
        assert_non_null(x);
        for (size_t j = 0; j < reference.size; j++) x[j] = (float)(j * 2654435761u % 2001) * 1e-3f - 1.0f;
        pal_unet_forward(&reference.net, &(pal_compute){.kernels = &reference.kernels}, &reference.scratch, x, 0.3, -1,
                         head, reference.eps, head ? reference.second : NULL);
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
            if ((pal_cpu_isa() & variants[v]) != variants[v]) continue;
            loaded l = load(&file, variants[v]);
            pal_unet_forward(&l.net, &(pal_compute){.kernels = &l.kernels}, &l.scratch, x, 0.3, -1, head, l.eps,
                             head ? l.second : NULL);
            assert_memory_equal(l.eps, reference.eps, l.size * sizeof *l.eps);
            if (head) assert_memory_equal(l.second, reference.second, l.size * sizeof *l.second);
            unload(&l);
        }
        unload(&reference);
        free(x);
        free(file.data);
    }
}

/* The contents of the scratch memory do not affect an evaluation. */
static void evaluations_do_not_depend_on_those_before(void **state)
{
    (void)state;
    golden g = read_golden("tests/golden/unet/labels.bin");
    buffer file = read_whole(LABELS);
    loaded l = load(&file, (unsigned)PAL_ISA_ALL);
    const golden_case a = case_of(&g, 0), b = case_of(&g, 1);
    float *first = malloc(2 * l.size * sizeof *first);
    assert_non_null(first);
    pal_unet_forward(&l.net, &(pal_compute){.kernels = &l.kernels}, &l.scratch, a.x, a.time, a.label, PAL_HEAD_RESIDUAL,
                     first, first + l.size);
    pal_unet_forward(&l.net, &(pal_compute){.kernels = &l.kernels}, &l.scratch, b.x, b.time, b.label,
                     PAL_HEAD_SECOND_MOMENT, l.eps, l.second);
    pal_unet_forward(&l.net, &(pal_compute){.kernels = &l.kernels}, &l.scratch, a.x, a.time, a.label, PAL_HEAD_RESIDUAL,
                     l.eps, l.second);
    assert_memory_equal(l.eps, first, l.size * sizeof *first);
    assert_memory_equal(l.second, first + l.size, l.size * sizeof *first);
    free(first);
    unload(&l);
    free(file.data);
    free(g.file.data);
}

static void time_and_label_change_what_is_predicted(void **state)
{
    (void)state;
    golden g = read_golden("tests/golden/unet/labels.bin");
    buffer file = read_whole(LABELS);
    loaded l = load(&file, (unsigned)PAL_ISA_ALL);
    const golden_case c = case_of(&g, 0);
    float *other = malloc(l.size * sizeof *other);
    assert_non_null(other);
    pal_unet_forward(&l.net, &(pal_compute){.kernels = &l.kernels}, &l.scratch, c.x, 0.5, 1, PAL_HEAD_NONE, l.eps,
                     NULL);
    for (int i = 0; i < 3; i++) {
        static const struct {
            double time;
            int label;
        } others[] = {{0.5001, 1}, {0.5, 2}, {0.5, -1}};
        pal_unet_forward(&l.net, &(pal_compute){.kernels = &l.kernels}, &l.scratch, c.x, others[i].time,
                         others[i].label, PAL_HEAD_NONE, other, NULL);
        assert_true(memcmp(other, l.eps, l.size * sizeof *other) != 0);
    }
    free(other);
    unload(&l);
    free(file.data);
    free(g.file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stage_in_f32_is_near_pytorch),
        cmocka_unit_test(every_stage_in_f16_is_near_pytorch),
        cmocka_unit_test(every_stage_in_q8_0_is_within_rounding),
        cmocka_unit_test(every_instruction_set_gives_the_same_bits),
        cmocka_unit_test(evaluations_do_not_depend_on_those_before),
        cmocka_unit_test(time_and_label_change_what_is_predicted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
