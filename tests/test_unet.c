/* test_unet.c - the U-Net stage by stage against stored PyTorch outputs (float64), the same bits in every instruction
 * set, and files that are refused.
 *
 * tools/make_unet_golden.py wrote models and outputs, from the weights as the files hold them. */
#include "../src/arch/unet.h"
#include "../src/core/core.h"
#include "../src/palimpsest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS "tests/models/unet-labels.gguf"
#define PLAIN  "tests/models/unet-plain.gguf"

typedef struct {
    unsigned char *data;
    size_t size, room;
} buffer;

static bool append(void *context, const void *data, size_t size)
{
    buffer *b = context;
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return true;
}

static buffer read_whole(const char *name)
{
    char path[512], chunk[4096];
    buffer b = {0};
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("cannot open %s", path);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, in)) > 0;) append(&b, chunk, got);
    fclose(in);
    return b;
}

/* The model of `name` with its matrices converted to `type`, as a file in memory. */
static buffer converted(const char *name, const char *type)
{
    char path[512];
    pal_model *model;
    pal_error err;
    buffer out = {0};
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, PAL_OPEN_AS_STORED, &err)) fail_msg("%s: %s", path, err.text);
    assert_int_equal(pal_model_quantize(model, type, append, &out, &err), PAL_OK);
    pal_model_close(model);
    return out;
}

/* ---- a network with its room -------------------------------------------- */

typedef struct {
    void *image, *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_unet_room room;
    pal_kernels kernels;
    float *eps, *second;
    size_t size; /* values of a picture */
} loaded;

static void *aligned_copy(void **block, const unsigned char *data, size_t size)
{
    *block = malloc(size + PAL_ARENA_SLACK);
    assert_non_null(*block);
    return memcpy((void *)(((uintptr_t)*block + 63) & ~(uintptr_t)63), data, size);
}

static loaded load(const buffer *file, unsigned isa)
{
    loaded l = {0};
    pal_error err;
    pal_arena arena = {0};
    const void *image = aligned_copy(&l.image, file->data, file->size);
    if (pal_gguf_open(&l.gguf, image, file->size, &err) || pal_unet_bind(&l.net, l.gguf, &err) ||
        pal_unet_pack(&l.net, &err))
        fail_msg("%s", err.text);
    pal_kernels_init(&l.kernels, isa);
    pal_kernels_add_pictures(&l.kernels);
    l.size = (size_t)(l.net.height * l.net.width * l.net.channels);
    pal_unet_layout(&l.room, &l.net, &arena);
    assert_false(arena.overflow);
    l.block = malloc(arena.used + PAL_ARENA_SLACK);
    l.eps = malloc(l.size * sizeof *l.eps);
    l.second = malloc(l.size * sizeof *l.second);
    assert_true(l.block && l.eps && l.second);
    memset(l.block, 0xff, arena.used + PAL_ARENA_SLACK); /* NaNs: what is read before it is written shows */
    arena = pal_arena_in(l.block);
    pal_unet_layout(&l.room, &l.net, &arena);
    return l;
}

static void unload(loaded *l)
{
    pal_unet_release(&l->net);
    pal_gguf_close(l->gguf);
    free(l->eps);
    free(l->second);
    free(l->block);
    free(l->image);
}

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

/* How far a stage may be off: root mean square of the difference over that of the golden values, and the largest
 * difference over the largest value. */
typedef struct {
    double rms, most;
} bounds;

/* The comparison under way. */
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
    const double rms = sqrt(difference / norm), most = worst / largest;
    if (!(rms <= c->allowed.rms && most <= c->allowed.most)) fail_msg("%s: rms %g, largest %g", s->name, rms, most);
    if (rms > c->worst.rms) c->worst.rms = rms;
    if (most > c->worst.most) c->worst.most = most;
}

static int find_stage(const golden *g, const char *name)
{
    for (int i = 0; i < g->stages; i++)
        if (strcmp(g->stage[i].name, name) == 0) return i;
    return -1;
}

/* One evaluation with each head there is; the second without the stage of the first. */
static void check_case(loaded *l, const golden *g, const golden_case *c, bounds allowed, bounds *worst)
{
    const int sn = find_stage(g, "sn"), npr = find_stage(g, "npr");
    for (pal_noise_head head = PAL_HEAD_NONE; head <= PAL_HEAD_RESIDUAL; head++) {
        const int last = head == PAL_HEAD_NONE ? find_stage(g, "eps") : head == PAL_HEAD_RESIDUAL ? npr : sn;
        if (last < 0) continue;
        comparison watching = {
            .g = g, .expected = c->outputs, .skip = head == PAL_HEAD_RESIDUAL ? sn : -1, .allowed = allowed};
        l->room.watch = compare_stage;
        l->room.watching = &watching;
        pal_unet_forward(&l->net, &l->kernels, &l->room, c->x, c->time, c->label, head, l->eps,
                         head == PAL_HEAD_NONE ? NULL : l->second);
        assert_int_equal(watching.next, last + 1);
        if (watching.worst.rms > worst->rms) worst->rms = watching.worst.rms;
        if (watching.worst.most > worst->most) worst->most = watching.worst.most;
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
                  worst.most);
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

/* Half precision keeps 11 bits: each weight is off by at most 2^-12 of itself, 2.4e-4; independent errors of that size
 * through six blocks stay below 1e-3. */
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
        pal_unet_forward(&reference.net, &reference.kernels, &reference.room, x, 0.3, -1, head, reference.eps,
                         head ? reference.second : NULL);
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
            if ((pal_cpu_isa() & variants[v]) != variants[v]) continue;
            loaded l = load(&file, variants[v]);
            pal_unet_forward(&l.net, &l.kernels, &l.room, x, 0.3, -1, head, l.eps, head ? l.second : NULL);
            assert_memory_equal(l.eps, reference.eps, l.size * sizeof *l.eps);
            if (head) assert_memory_equal(l.second, reference.second, l.size * sizeof *l.second);
            unload(&l);
        }
        unload(&reference);
        free(x);
        free(file.data);
    }
}

/* What an evaluation leaves in the work space changes nothing. */
static void evaluations_do_not_depend_on_those_before(void **state)
{
    (void)state;
    golden g = read_golden("tests/golden/unet/labels.bin");
    buffer file = read_whole(LABELS);
    loaded l = load(&file, (unsigned)PAL_ISA_ALL);
    const golden_case a = case_of(&g, 0), b = case_of(&g, 1);
    float *first = malloc(2 * l.size * sizeof *first);
    assert_non_null(first);
    pal_unet_forward(&l.net, &l.kernels, &l.room, a.x, a.time, a.label, PAL_HEAD_RESIDUAL, first, first + l.size);
    pal_unet_forward(&l.net, &l.kernels, &l.room, b.x, b.time, b.label, PAL_HEAD_SECOND_MOMENT, l.eps, l.second);
    pal_unet_forward(&l.net, &l.kernels, &l.room, a.x, a.time, a.label, PAL_HEAD_RESIDUAL, l.eps, l.second);
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
    pal_unet_forward(&l.net, &l.kernels, &l.room, c.x, 0.5, 1, PAL_HEAD_NONE, l.eps, NULL);
    for (int i = 0; i < 3; i++) {
        static const struct {
            double time;
            int label;
        } others[] = {{0.5001, 1}, {0.5, 2}, {0.5, -1}};
        pal_unet_forward(&l.net, &l.kernels, &l.room, c.x, others[i].time, others[i].label, PAL_HEAD_NONE, other, NULL);
        assert_true(memcmp(other, l.eps, l.size * sizeof *other) != 0);
    }
    free(other);
    unload(&l);
    free(file.data);
    free(g.file.data);
}

/* ---- what a file says --------------------------------------------------- */

static void metadata_are_read(void **state)
{
    (void)state;
    buffer file = read_whole(LABELS);
    loaded l = load(&file, PAL_ISA_REF);
    size_t cursor = 0;
    assert_int_equal(l.net.labels, 3);
    assert_true(pal_str_is(pal_gguf_next_str(l.net.label_names, &cursor), "alpha"));
    assert_true(l.net.label_dropout == 0.1f);
    assert_false(l.net.schedule.cosine);
    assert_int_equal(l.net.schedule.steps, 20);
    assert_true(l.net.schedule.beta_first == (double)1e-3f && l.net.schedule.beta_last == (double)0.4f);
    assert_int_equal(l.net.gammas, 20);
    assert_true(fabs(l.net.gamma[0] - 0.1) < 1e-6 && fabs(l.net.gamma[19] - 0.99) < 1e-6);
    assert_true(l.net.head[PAL_HEAD_SECOND_MOMENT].deep && !l.net.head[PAL_HEAD_RESIDUAL].deep);
    unload(&l);
    free(file.data);
    file = read_whole(PLAIN);
    l = load(&file, PAL_ISA_REF);
    assert_int_equal(l.net.labels, 0);
    assert_int_equal(l.net.gammas, 0);
    assert_false(l.net.head[PAL_HEAD_SECOND_MOMENT].present || l.net.head[PAL_HEAD_RESIDUAL].present);
    unload(&l);
    free(file.data);
}

/* Where the value of a key starts: behind its name and its type; of an array, its first element. */
static unsigned char *value_of(const buffer *file, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 8; i + length + 16 < file->size; i++) {
        uint64_t size;
        uint32_t type;
        memcpy(&size, file->data + i - 8, sizeof size);
        if (size != length || memcmp(file->data + i, key, length) != 0) continue;
        memcpy(&type, file->data + i + length, sizeof type);
        return file->data + i + length + (type == PAL_GGUF_ARRAY ? 16 : 4);
    }
    fail_msg("no key %s", key);
    return NULL;
}

/* A value written over in a copy of the file, and how opening answers. */
static void expect_refused(const buffer *file, const char *key, size_t element, uint32_t bits, pal_status status,
                           const char *part)
{
    buffer copy = {malloc(file->size), file->size, file->size};
    void *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_error err = {PAL_OK, "", 0};
    assert_non_null(copy.data);
    memcpy(copy.data, file->data, file->size);
    memcpy(value_of(&copy, key) + 4 * element, &bits, sizeof bits);
    const void *image = aligned_copy(&block, copy.data, copy.size);
    assert_int_equal(pal_gguf_open(&gguf, image, copy.size, &err), PAL_OK);
    const pal_status got = pal_unet_bind(&net, gguf, &err);
    if (got != status || !strstr(err.text, part))
        fail_msg("%s = %u: status %d, \"%s\"", key, bits, (int)got, got ? err.text : "");
    pal_gguf_close(gguf);
    free(block);
    free(copy.data);
}

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void hostile_metadata_are_refused(void **state)
{
    (void)state;
    const pal_status format = PAL_E_FORMAT, other = PAL_E_UNSUPPORTED;
    const struct {
        const char *key;
        size_t element;
        uint32_t bits;
        pal_status status;
        const char *part;
    } cases[] = {
        {"unet.image.width", 0, 0, format, "image.width"},
        {"unet.image.width", 0, 257, format, "image.width"},
        {"unet.image.height", 0, UINT32_MAX, format, "image.height"},
        {"unet.image.height", 0, 13, format, "patch_size"},
        {"unet.image.channels", 0, 2, format, "image.channels"},
        {"unet.image.channels", 0, 3, format, "wrong shape"},
        {"unet.patch_size", 0, 3, format, "patch_size"},
        {"unet.patch_size", 0, 4, format, "patch_size"},
        {"unet.patch_size", 0, 0, format, "patch_size"},
        {"unet.blocks_per_level", 0, 17, format, "blocks_per_level"},
        {"unet.blocks_per_level", 0, 2, format, "up_blocks"},
        {"unet.up_blocks", 0, 0, format, "up_blocks"},
        {"unet.up_blocks", 0, 2, format, "missing"},
        {"unet.level_widths", 0, 0, format, "width"},
        {"unet.level_widths", 1, UINT32_MAX, format, "width"},
        {"unet.level_widths", 1, 4097, format, "width"},
        {"unet.level_widths", 1, 4096, format, "wrong shape"},
        {"unet.attention_levels", 0, 2, format, "attention_levels"},
        {"unet.attention_levels", 0, 0, format, "missing"},
        {"unet.attention.head_count", 0, 0, format, "head_count"},
        {"unet.attention.head_count", 0, 3, other, "head_count"},
        {"unet.attention.head_count", 0, 16, other, "head_count"},
        {"unet.attention.group_norm_groups", 0, 5, format, "groups"},
        {"unet.attention.group_norm_groups", 0, 0, format, "groups"},
        {"unet.attention.group_norm_epsilon", 0, float_bits(-1.0f), format, "epsilon"},
        {"unet.attention.group_norm_epsilon", 0, float_bits(NAN), format, "epsilon"},
        {"unet.time_embedding_length", 0, 31, format, "time_embedding_length"},
        {"unet.time_embedding_length", 0, 1 << 20, format, "time_embedding_length"},
        {"unet.embedding_length", 0, 64, format, "wrong shape"},
        {"unet.label_count", 0, 4, format, "labels"},
        {"unet.label_count", 0, 0, format, "labels"},
        {"unet.label_dropout", 0, float_bits(1.5f), format, "label_dropout"},
        {"palimpsest.diffusion.steps", 0, 0, format, "steps"},
        {"palimpsest.diffusion.steps", 0, 21, format, "wrong shape"},
        {"palimpsest.diffusion.beta_first", 0, float_bits(0.0f), format, "beta_first"},
        {"palimpsest.diffusion.beta_first", 0, float_bits(0.5f), format, "beta_last"},
        {"palimpsest.diffusion.beta_last", 0, float_bits(NAN), format, "beta_last"},
    };
    buffer file = read_whole(LABELS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(&file, cases[i].key, cases[i].element, cases[i].bits, cases[i].status, cases[i].part);
    free(file.data);
}

/* A picture of 256 x 256 with levels of 4096 channels would want gigabytes: refused before anything is allocated. */
static void layers_that_are_too_large_are_refused(void **state)
{
    (void)state;
    buffer file = read_whole(PLAIN);
    const uint32_t side = 256, wide = 4096;
    memcpy(value_of(&file, "unet.image.width"), &side, sizeof side);
    memcpy(value_of(&file, "unet.image.height"), &side, sizeof side);
    expect_refused(&file, "unet.attention_levels", 0, 1, PAL_E_UNSUPPORTED, "4096 places");
    const uint32_t last = 2;
    memcpy(value_of(&file, "unet.attention_levels"), &last, sizeof last);
    expect_refused(&file, "unet.level_widths", 0, wide, PAL_E_UNSUPPORTED, "more values");
    free(file.data);
}

/* A tensor of another name: one is missing, and one is too many. */
static void missing_and_unknown_tensors_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"conv_in.weight", "down.0.0.conv2.weight", "mid.attn.out.weight",
                                        "up.1.sample.weight", "sn.norm.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buffer file = read_whole(LABELS);
        unsigned char *name = value_of(&file, names[i]) - 4 - strlen(names[i]);
        void *block;
        pal_gguf *gguf;
        pal_unet net;
        pal_error err;
        *name = 'x';
        const void *image = aligned_copy(&block, file.data, file.size);
        assert_int_equal(pal_gguf_open(&gguf, image, file.size, &err), PAL_OK);
        assert_int_equal(pal_unet_bind(&net, gguf, &err), PAL_E_FORMAT);
        assert_non_null(strstr(err.text, "missing"));
        pal_gguf_close(gguf);
        free(block);
        free(file.data);
    }
    buffer file = read_whole(LABELS);
    memcpy(value_of(&file, "npr.conv.weight") - 4 - strlen("npr.conv.weight"), "apr.conv.weight", 15);
    void *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_error err;
    const void *image = aligned_copy(&block, file.data, file.size);
    assert_int_equal(pal_gguf_open(&gguf, image, file.size, &err), PAL_OK);
    assert_int_equal(pal_unet_bind(&net, gguf, &err), PAL_E_UNSUPPORTED); /* npr.norm is left over */
    pal_gguf_close(gguf);
    free(block);
    free(file.data);
}

static void text_calls_on_a_picture_model_say_why_not(void **state)
{
    (void)state;
    char path[512];
    pal_model *model;
    pal_error err;
    int32_t id = 0;
    size_t count;
    float logit;
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, LABELS);
    assert_int_equal(pal_model_open_file(&model, path, 0, &err), PAL_OK);
    const pal_info *info = pal_model_info(model);
    assert_string_equal(info->architecture, "unet");
    assert_false(info->can_tokenize || info->can_score || info->can_infill);
    assert_int_equal(pal_tokenize(model, "a", 1, 0, &id, 1, &count, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "draws pictures"));
    assert_int_equal(pal_logits(model, &id, 1, &id, 1, &logit, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "draws pictures"));
    pal_model_close(model);
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
        cmocka_unit_test(metadata_are_read),
        cmocka_unit_test(hostile_metadata_are_refused),
        cmocka_unit_test(layers_that_are_too_large_are_refused),
        cmocka_unit_test(missing_and_unknown_tensors_are_refused),
        cmocka_unit_test(text_calls_on_a_picture_model_say_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
