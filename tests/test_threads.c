/* test_threads.c - every kind of network, sampler, generated text, score and picture has the same bits with one thread
 * and with several; what pal_model_use_threads accepts; a model that threads of the program share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch_testing.h"
#include "guard_testing.h"
#include "threads_testing.h"

enum { MAX_BYTES = 1 << 16, MAX_PLACES = 12 };

/* What a model computes, as bytes. */
typedef struct {
    unsigned char data[MAX_BYTES];
    size_t size;
} output;

static void put(output *to, const void *data, size_t size)
{
    assert_true(size <= MAX_BYTES - to->size);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

typedef void run_fn(pal_model *model, int option, output *to);

typedef struct {
    pal_model *model;
    run_fn *run;
    int option;
    output expected;
    const char *what;
} comparison;

static void use_threads(pal_model *m, int threads)
{
    assert_int_equal(pal_model_use_threads(m, threads, NULL), PAL_OK);
    assert_int_equal(pal_model_info(m)->threads, PAL_HAVE_THREADS ? threads : 1);
    pal_team_set_min_work(m->team, 0); /* these networks are small */
}

static void compare(void *context, int threads)
{
    comparison *c = context;
    static output got;
    use_threads(c->model, threads);
    got.size = 0;
    c->run(c->model, c->option, &got);
    assert_int_equal(got.size, c->expected.size);
    if (memcmp(got.data, c->expected.data, got.size))
        fail_msg("%s, option %d: %d threads differ from one", c->what, c->option, threads);
}

static void expect_same(pal_model *m, run_fn *run, int option, const char *what)
{
    static comparison c;
    c = (comparison){.model = m, .run = run, .option = option, .what = what};
    use_threads(m, 1);
    run(m, option, &c.expected);
    for_each_number(compare, &c);
}

/* ---- networks ------------------------------------------------------------- */

static void put_logits(pal_model *m, int option, output *to)
{
    enum { N = 13 };
    const int32_t vocab = pal_model_info(m)->vocabulary;
    const size_t columns = (size_t)m->shape.vocab;
    int32_t tokens[N], at[N];
    for (int32_t i = 0; i < N; i++) {
        tokens[i] = (int32_t)pick((uint32_t)option, (uint32_t)i, (uint32_t)(vocab ? vocab : m->shape.vocab));
        at[i] = i;
    }
    float *logits = malloc(N * columns * sizeof *logits);
    pal_error err;
    assert_non_null(logits);
    if (pal_logits(m, tokens, N, at, N, logits, &err)) fail_msg("%s", err.text);
    for (size_t i = 0; i < N; i++) put(to, logits + i * columns, (columns < 512 ? columns : 512) * sizeof *logits);
    free(logits);
}

static void logits_have_the_same_bits(void **state)
{
    (void)state;
    static const char *const files[] = {"tests/models/tiny-infill.gguf",     "tests/models/grouped.gguf",
                                        "tests/models/tiny-ar.gguf",         "tests/models/tiny-odd.gguf",
                                        "tests/golden/arch/llama-tied.gguf", "tests/golden/arch/qwen2.gguf",
                                        "tests/golden/arch/qwen3.gguf",      "tests/golden/arch/gpt2.gguf",
                                        "tests/golden/arch/sedd.gguf",       "tests/golden/arch/mdlm.gguf"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int isa = 0; isa < ISAS; isa++) {
            char path[1024];
            pal_model *m;
            pal_error err = {0};
            snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, files[i]);
            if (pal_model_open_file(&m, path, 0, &err)) fail_msg("%s: %s", path, err.text);
            if (!pal_model_use_isa(m, isas[isa], NULL)) expect_same(m, put_logits, isa, files[i]);
            pal_model_close(m);
        }
}

/* ---- pages ---------------------------------------------------------------- */

static const char page[] = "Once upon a time the [[4]] was [[3]] and [[5]].";

static void put_fill(pal_model *m, int sampler, output *to)
{
    pal_infill_options o = pal_infill_defaults();
    pal_session *s;
    unsigned char *memory;
    size_t bytes;
    pal_error err = {0};
    char text[512];
    o.sampler = (pal_sampler)sampler;
    o.seed = 5;
    if (pal_sampler_about(o.sampler)->steps) o.steps = 6;
    if (pal_session_bytes(m, page, strlen(page), &o, &bytes, &err)) fail_msg("%s", err.text);
    if (pal_session_init(&s, m, page, strlen(page), &o, lend_guarded(&memory, bytes), bytes, &err))
        fail_msg("%s", err.text);
    while (pal_step(s, &err) == PAL_MORE) continue;
    const size_t size = pal_session_text(s, text, sizeof text);
    put(to, text, size < sizeof text ? size : sizeof text);
    pal_place places[MAX_PLACES];
    const size_t count = pal_session_tokens(s, places, MAX_PLACES);
    for (size_t i = 0; i < count; i++) {
        put(to, &places[i].probability, sizeof places[i].probability);
        put(to, places[i].alternative_probability, sizeof(float) * (size_t)places[i].alternatives);
    }
    end_guarded(memory, bytes);
}

static void fills_have_the_same_bits(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-infill");
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) expect_same(m, put_fill, sampler, "fill");
    pal_model_close(m);
}

static pal_model *attach_rows(const pal_model *base)
{
    pal_model *m;
    pal_error err = {0};
    if (pal_model_attach_file(&m, base, PAL_SOURCE_DIR "/tests/models/tiny-rows.gguf", &err)) fail_msg("%s", err.text);
    return m;
}

static void fills_with_an_adapter_have_the_same_bits(void **state)
{
    (void)state;
    pal_model *base = open_test_model("tiny-ar"), *m = attach_rows(base);
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) expect_same(m, put_fill, sampler, "query rows");
    pal_model_close(m);
    use_threads(base, 2);
    m = attach_rows(base); /* it uses the threads of its base */
    assert_int_equal(pal_model_info(m)->threads, pal_model_info(base)->threads);
    static output own, other;
    own.size = other.size = 0;
    put_fill(m, PAL_ASCENDING, &own);
    use_threads(m, 1);
    put_fill(m, PAL_ASCENDING, &other);
    assert_int_equal(own.size, other.size);
    assert_memory_equal(own.data, other.data, own.size);
    pal_model_close(m);
    pal_model_close(base);
}

/* ---- texts and scores ----------------------------------------------------- */

static void put_generated(pal_model *m, int kv, output *to)
{
    pal_sequence_options so = pal_sequence_defaults();
    pal_generate_options o = pal_generate_defaults();
    pal_sequence *s;
    pal_generator *g;
    unsigned char *memory[2];
    size_t bytes[2];
    pal_error err = {0};
    so.kv = (pal_kv_type)kv;
    o.max_tokens = 40;
    o.temperature = 0.9;
    if (pal_sequence_bytes(m, &so, &bytes[0], &err)) fail_msg("%s", err.text);
    assert_int_equal(pal_sequence_init(&s, m, &so, lend_guarded(&memory[0], bytes[0]), bytes[0], &err), PAL_OK);
    assert_int_equal(pal_generator_bytes(s, &o, &bytes[1], &err), PAL_OK);
    assert_int_equal(pal_generator_init(&g, s, &o, lend_guarded(&memory[1], bytes[1]), bytes[1], &err), PAL_OK);
    assert_int_equal(pal_generator_prompt(g, "Once upon a time", 16, 0, &err), PAL_OK);
    pal_status status = PAL_MORE;
    while (status == PAL_MORE) {
        status = pal_generator_step(g, &err);
        const pal_generated *token = pal_generator_token(g);
        if (!token) continue;
        put(to, &token->id, sizeof token->id);
        put(to, &token->probability, sizeof token->probability);
        put(to, &token->logprob, sizeof token->logprob);
    }
    assert_int_equal(status, PAL_OK);
    for (int i = 0; i < 2; i++) end_guarded(memory[i], bytes[i]);
}

static void put_score(pal_model *m, int method, output *to)
{
    const pal_score_result r = score_of(m, TALE, strlen(TALE), (pal_score_method)method);
    put(to, &r.bits_per_byte, sizeof r.bits_per_byte);
}

static void texts_and_scores_have_the_same_bits(void **state)
{
    (void)state;
    pal_model *m = open_test_model("stories260K");
    for (int kv = 0; kv < PAL_KV_TYPES; kv++) expect_same(m, put_generated, kv, "generated text");
    expect_same(m, put_score, PAL_SCORE_DEFAULT, "score of a causal model");
    pal_model_close(m);
    m = open_test_model("tiny-infill");
    expect_same(m, put_score, PAL_SCORE_DEFAULT, "score");
    expect_same(m, put_score, PAL_SCORE_MARGIN, "score in the order of margins");
    pal_model_close(m);
}

/* ---- pictures ------------------------------------------------------------- */

static void put_pictures(pal_model *m, int option, output *to)
{
    pal_image_options o = pal_image_defaults((pal_image_sampler)(option / 10));
    pal_drawing *d;
    unsigned char *memory;
    size_t bytes;
    pal_error err = {0};
    const pal_image_info *i = pal_model_image(m);
    const size_t size = (size_t)i->width * (size_t)i->height * (size_t)i->channels;
    o.count = option % 10;
    o.label = i->labels ? 1 : -1;
    if (o.sampler == PAL_IMAGE_PROBABILITY_FLOW)
        o.tolerance = 0.1;
    else
        o.steps = o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN ? 100 : 3;
    if (pal_image_bytes(m, &o, &bytes, &err)) fail_msg("%s", err.text);
    assert_int_equal(pal_image_init(&d, m, &o, lend_guarded(&memory, bytes), bytes, &err), PAL_OK);
    while (pal_image_step(d, &err) == PAL_MORE) continue;
    for (int32_t k = 0; k < o.count; k++) {
        unsigned char *pixels = malloc(size);
        assert_non_null(pixels);
        pal_image_pixels(d, PAL_IMAGE_STATE, k, pixels);
        put(to, pixels, size);
        free(pixels);
    }
    end_guarded(memory, bytes);
}

/* One picture is divided; of three, some are whole and some may be divided; nine are more than any number of threads. */
static void pictures_have_the_same_bits(void **state)
{
    (void)state;
    pal_model *m = open_test_model("unet-labels");
    for (int sampler = 0; sampler < PAL_IMAGE_SAMPLERS; sampler++)
        if (pal_image_supports(m, (pal_image_sampler)sampler, NULL) && sampler != PAL_IMAGE_ANNEALED_LANGEVIN)
            expect_same(m, put_pictures, sampler * 10 + 3, "pictures");
    expect_same(m, put_pictures, PAL_IMAGE_SN_DDPM * 10 + 1, "one picture");
    expect_same(m, put_pictures, PAL_IMAGE_SN_DDPM * 10 + 9, "nine pictures");
    pal_model_close(m);
}

/* ---- numbers of threads --------------------------------------------------- */

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const int32_t bad[] = {-1, INT32_MIN, 65, 1000000000, INT32_MAX};
    pal_model *m = open_test_model("tiny-infill");
    pal_error err = {0};
    assert_int_equal(pal_model_info(m)->threads, 1);
    use_threads(m, 2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pal_model_use_threads(m, bad[i], &err), PAL_E_OPTION);
        assert_non_null(strstr(err.text, "threads must be 0"));
        assert_int_equal(pal_model_info(m)->threads, PAL_HAVE_THREADS ? 2 : 1); /* nothing has changed */
    }
    assert_int_equal(pal_model_use_threads(m, 0, &err), PAL_OK);
    assert_int_equal(pal_model_info(m)->threads, PAL_HAVE_THREADS ? pal_default_threads() : 1);
    assert_int_equal(pal_model_use_threads(m, 64, &err), PAL_OK);
    assert_int_equal(pal_model_info(m)->threads, PAL_HAVE_THREADS ? 64 : 1);
    pal_model_close(m);
}

#if PAL_HAVE_THREADS

#include <pthread.h>

typedef struct {
    pal_model *model;
    int sampler;
    output got;
} user;

static void *fill_twice(void *context)
{
    user *u = context;
    for (int i = 0; i < 2; i++) put_fill(u->model, u->sampler, &u->got);
    return NULL;
}

/* Threads of the program share a model that has threads of its own. */
static void sessions_of_several_threads_are_as_alone(void **state)
{
    (void)state;
    enum { USERS = 3 };
    static user users[USERS];
    static output alone;
    pthread_t id[USERS];
    pal_model *m = open_test_model("tiny-infill");
    use_threads(m, 3);
    for (int i = 0; i < USERS; i++) {
        users[i] = (user){.model = m, .sampler = i};
        assert_int_equal(pthread_create(&id[i], NULL, fill_twice, &users[i]), 0);
    }
    for (int i = 0; i < USERS; i++) pthread_join(id[i], NULL);
    use_threads(m, 1);
    for (int i = 0; i < USERS; i++) {
        alone.size = 0;
        for (int k = 0; k < 2; k++) put_fill(m, i, &alone);
        assert_int_equal(users[i].got.size, alone.size);
        assert_memory_equal(users[i].got.data, alone.data, alone.size);
    }
    pal_model_close(m);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_have_the_same_bits),
        cmocka_unit_test(fills_have_the_same_bits),
        cmocka_unit_test(fills_with_an_adapter_have_the_same_bits),
        cmocka_unit_test(texts_and_scores_have_the_same_bits),
        cmocka_unit_test(pictures_have_the_same_bits),
        cmocka_unit_test(numbers_out_of_range_are_refused),
#if PAL_HAVE_THREADS
        cmocka_unit_test(sessions_of_several_threads_are_as_alone),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
