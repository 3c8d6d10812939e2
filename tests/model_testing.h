/* model_testing.h - the small random models of tests/models, for the tests that open one. */
#ifndef PAL_MODEL_TESTING_H
#define PAL_MODEL_TESTING_H

#include "core/random.h"
#include "file_testing.h"
#include "network/text_runner.h"

static inline pal_model *open_test_model_as(const char *name, unsigned flags)
{
    char path[1024];
    pal_model *model;
    pal_error err = {0};
    snprintf(path, sizeof path, "%s/tests/models/%s.gguf", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, flags, &err)) fail_msg("%s: %s", path, err.text);
    return model;
}

static inline pal_model *open_test_model(const char *name)
{
    return open_test_model_as(name, 0);
}

/* The bytes of a test model in a 64-byte aligned block, which a test may change and open; free(*block). */
static inline unsigned char *load_test_model(const char *name, size_t *size, void **block)
{
    char path[256];
    snprintf(path, sizeof path, "tests/models/%s.gguf", name);
    const buffer file = read_whole(path);
    unsigned char *aligned = aligned_copy(block, file.data, file.size);
    *size = file.size;
    free(file.data);
    return aligned;
}

static inline int32_t piece_id(const pal_model *model, const char *piece)
{
    int32_t id = pal_vocab_find(model->vocab, (pal_str){piece, strlen(piece)});
    if (id < 0) fail_msg("no piece %s", piece);
    return id;
}

/* A random number below `below`, addressed by run and draw. */
static inline uint32_t pick(uint32_t run, uint32_t draw, uint32_t below)
{
    return (uint32_t)(pal_uniform(9, PAL_DRAW_TOKEN, 0, run, draw) * below);
}

#define TALE "Once upon a time a little dog ran.\nThe cat saw it and said: no!\n"

static inline pal_score_result score_of(const pal_model *m, const char *text, size_t bytes, pal_score_method method)
{
    pal_score_options o = {.method = method, .seed = 3, .standard_error = 0.2};
    pal_score_result r;
    pal_error err = {0};
    if (pal_score(m, text, bytes, &o, &r, &err)) fail_msg("%s", err.text);
    return r;
}

#endif
