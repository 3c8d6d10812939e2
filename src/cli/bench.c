/* bench.c - palimpsest bench: measures the speed of evaluations with every instruction set of this machine, on one thread
 * and on several. */
#include "cli.h"
#include "../core/core.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *model;
    bool json;
    int32_t tokens, outputs, repeat, threads;
    int32_t *ids, *at;
    float *logits;
} setup;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { SETTINGS = 2 }; /* one thread, and as many as were asked for */

/* Seconds of the evaluations with each number of threads. */
typedef struct {
    int32_t threads;
    double *seconds; /* [repeat] */
} series;

static double median_of(const series *r, int32_t repeat)
{
    qsort(r->seconds, (size_t)repeat, sizeof *r->seconds, compare);
    return r->seconds[repeat / 2];
}

/* Evaluates with each number of threads in turn, so that what else the machine does slows all of them. */
static bool measure(pal_model *model, const setup *s, series *all, int count)
{
    for (int32_t i = -1; i < s->repeat; i++) /* the first evaluation is not measured: it warms up caches */
        for (int k = 0; k < count; k++) {
            if (pal_model_use_threads(model, all[k].threads, NULL)) return false;
            double start = seconds_now();
            if (pal_logits(model, s->ids, s->tokens, s->at, s->outputs, s->logits, NULL)) return false;
            if (i >= 0) all[k].seconds[i] = seconds_now() - start;
        }
    return true;
}

/* The medians of a setting: how many times as fast as the scalar kernels on one thread, and as one thread. */
typedef struct {
    double seconds, scalar, one;
} result;

static void put_result(const pal_model *model, const setup *s, const result *r, double start)
{
    const pal_info *i = pal_model_info(model);
    if (!s->json) {
        printf("%-10s %2d thread%s %8.2f ms an evaluation, %8.0f tokens/s, %5.2fx scalar, %4.2fx one thread\n", i->isa,
               i->threads, i->threads == 1 ? " " : "s", 1e3 * r->seconds, s->tokens / r->seconds,
               r->scalar / r->seconds, r->one / r->seconds);
        return;
    }
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_int(&j, "tokens", s->tokens);
    json_int(&j, "outputs", s->outputs);
    json_int(&j, "evaluations", s->repeat + 1);
    json_number(&j, "seconds_per_evaluation", r->seconds);
    json_number(&j, "tokens_per_second", s->tokens / r->seconds);
    json_number(&j, "times_scalar", r->scalar / r->seconds);
    json_number(&j, "times_one_thread", r->one / r->seconds);
    json_run(&j, model, s->model, start);
    json_close(&j, '}');
    json_end_line(&j);
}

/* Every instruction set with one thread and with `most` threads. */
static int run(pal_model *model, const setup *s, int32_t most)
{
    static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
    series all[SETTINGS] = {{1, calloc((size_t)s->repeat, sizeof(double))},
                            {most, calloc((size_t)s->repeat, sizeof(double))}};
    const int count = most > 1 ? SETTINGS : 1;
    int code = all[0].seconds && all[1].seconds ? EXIT_GOOD : no_memory("bench", "so many evaluations");
    result r = {0};
    for (size_t i = 0; code == EXIT_GOOD && i < sizeof isas / sizeof *isas; i++) {
        double start = seconds_now();
        if (pal_model_use_isa(model, isas[i], NULL)) continue;
        if (!measure(model, s, all, count)) code = no_memory("bench", "an evaluation");
        for (int k = 0; code == EXIT_GOOD && k < count; k++) {
            r.seconds = median_of(&all[k], s->repeat);
            if (k == 0) r.one = r.seconds;
            if (r.scalar == 0.0) r.scalar = r.seconds;
            pal_model_use_threads(model, all[k].threads, NULL);
            put_result(model, s, &r, start);
        }
    }
    for (int k = 0; k < SETTINGS; k++) free(all[k].seconds);
    return code;
}

static const option options[] = {
    MODEL_OPTION(setup, model, "GGUF"),
    OPTION(setup, "tokens", tokens, INT, FROM(1), IS(256), "", "tokens in the sequence"),
    OPTION(setup, "outputs", outputs, INT, FROM(1), IS(32), "", "positions whose logits are computed"),
    OPTION(setup, "repeat", repeat, INT, BETWEEN(1, 100000), IS(9), "", "number of evaluations; the median is printed"),
    THREADS_OPTION(setup, threads),
    FLAG_OPTION(setup, "json", json, "print one JSON object per line"),
};

static int parse(setup *s, int argc, char **argv)
{
    option_group group = OPTION_GROUP(options, s);
    const option_set set = {
        "bench",
        "-m MODEL [options]",
        "Measures how long an evaluation of the network takes, with each instruction set, on one thread\n"
        "and on as many as --threads says.",
        &group,
        1,
        NULL};
    options_default(&group);
    const int code = options_parse(&set, argc, argv);
    if (code < 0 && s->outputs > s->tokens) return usage_error("bench", "outputs must not be above tokens", NULL);
    return code;
}

/* Sets up the tokens to evaluate.  The caller frees the arrays. */
static int prepare(setup *s, const pal_model *model)
{
    const size_t vocabulary = (size_t)pal_model_info(model)->vocabulary;
    s->ids = calloc((size_t)s->tokens, sizeof *s->ids);
    s->at = calloc((size_t)s->outputs, sizeof *s->at);
    s->logits = malloc(pal_times(pal_times((size_t)s->outputs, vocabulary + 1), sizeof *s->logits));
    if (!s->ids || !s->at || !s->logits) return no_memory("bench", "so many outputs");
    for (int32_t i = 0; vocabulary && i < s->tokens; i++) s->ids[i] = (int32_t)((size_t)i * 7919u % vocabulary);
    for (int32_t i = 0; i < s->outputs; i++) s->at[i] = (int32_t)((int64_t)i * s->tokens / s->outputs);
    return EXIT_GOOD;
}

int command_bench(int argc, char **argv)
{
    setup s = {0};
    pal_error err = {0};
    int code = parse(&s, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("bench", s.model, 0, NULL, s.threads, &code);
    if (!model) return code;
    code = prepare(&s, model);
    if (code == EXIT_GOOD && pal_logits(model, s.ids, s.tokens, s.at, s.outputs, s.logits, &err))
        code = report("bench", &err);
    if (code == EXIT_GOOD) code = run(model, &s, pal_model_info(model)->threads);
    free(s.ids);
    free(s.at);
    free(s.logits);
    pal_model_close(model);
    return code;
}
