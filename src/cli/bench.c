/* bench.c - palimpsest bench: measures the speed of evaluations with every instruction set of this machine. */
#include "cli.h"
#include "../core/core.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *model;
    bool json;
    int32_t tokens, outputs, repeat;
    int32_t *ids, *at;
    float *logits;
} setup;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median seconds of one evaluation. */
static double measure(const pal_model *model, const setup *s)
{
    double *times = malloc((size_t)s->repeat * sizeof *times), median;
    if (!times) return -1.0;
    for (int32_t i = -1; i < s->repeat; i++) { /* the first evaluation is not measured: it warms up caches */
        double start = seconds_now();
        if (pal_logits(model, s->ids, s->tokens, s->at, s->outputs, s->logits, NULL)) {
            free(times);
            return -1.0;
        }
        if (i >= 0) times[i] = seconds_now() - start;
    }
    qsort(times, (size_t)s->repeat, sizeof *times, compare);
    median = times[s->repeat / 2];
    free(times);
    return median;
}

static void run(pal_model *model, const setup *s)
{
    static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
    double slowest = 0.0;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        double start = seconds_now();
        if (pal_model_use_isa(model, isas[i], NULL)) continue;
        double seconds = measure(model, s);
        if (seconds < 0.0) return;
        if (slowest == 0.0) slowest = seconds;
        if (!s->json) {
            printf("%-10s %8.2f ms an evaluation, %8.0f tokens/s, %5.2fx scalar\n", isas[i], 1e3 * seconds,
                   s->tokens / seconds, slowest / seconds);
            continue;
        }
        json j = {.out = stdout};
        json_open(&j, NULL, '{');
        json_int(&j, "tokens", s->tokens);
        json_int(&j, "outputs", s->outputs);
        json_int(&j, "evaluations", s->repeat + 1);
        json_number(&j, "seconds_per_evaluation", seconds);
        json_number(&j, "tokens_per_second", s->tokens / seconds);
        json_number(&j, "times_scalar", slowest / seconds);
        json_run(&j, model, s->model, start);
        json_close(&j, '}');
        json_end_line(&j);
    }
}

static const option options[] = {
    MODEL_OPTION(setup, model, "GGUF"),
    OPTION(setup, "tokens", tokens, INT, FROM(1), IS(256), "", "tokens in the sequence"),
    OPTION(setup, "outputs", outputs, INT, FROM(1), IS(32), "", "positions whose logits are computed"),
    OPTION(setup, "repeat", repeat, INT, BETWEEN(1, 100000), IS(9), "", "number of evaluations; the median is printed"),
    FLAG_OPTION(setup, "json", json, "print one JSON object per line"),
};

static int parse(setup *s, int argc, char **argv)
{
    option_group group = OPTION_GROUP(options, s);
    const option_set set = {"bench",
                            "-m MODEL [options]",
                            "Measures how long an evaluation of the network takes, with each instruction set.",
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
    pal_model *model = model_of("bench", s.model, 0, NULL, &code);
    if (!model) return code;
    code = prepare(&s, model);
    if (code == EXIT_GOOD && pal_logits(model, s.ids, s.tokens, s.at, s.outputs, s.logits, &err))
        code = report("bench", &err);
    if (code == EXIT_GOOD) run(model, &s);
    free(s.ids);
    free(s.at);
    free(s.logits);
    pal_model_close(model);
    return code;
}
