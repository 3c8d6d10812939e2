/* info.c - palimpsest info: prints what a model file contains and what it can be used for. */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static void put_line(const char *label, const char *text, const char *more)
{
    printf("%-14s", label);
    put_printable(stdout, text);
    printf("%s\n", more);
}

static void put_image_plain(const pal_model *model)
{
    const pal_image_info *i = pal_model_image(model);
    printf("pictures      %d x %d, %s, schedule %s, %d steps%s\n", i->width, i->height,
           i->channels == 1 ? "grey" : "colour", i->schedule, i->schedule_steps, i->guidance ? ", guidance" : "");
    for (int32_t label = 0; label < i->labels; label++)
        put_line(label ? "" : "labels", pal_image_label(model, label), "");
    printf("samplers      ");
    for (int s = 0; s < PAL_IMAGE_SAMPLERS; s++)
        if (pal_image_supports(model, (pal_image_sampler)s, NULL))
            printf("%s ", pal_image_sampler_name((pal_image_sampler)s));
    printf("\n");
}

enum { ENDS = 64 }; /* capacity; pal_text_ends returns fewer */

static void put_vocabulary_plain(const pal_model *model)
{
    int32_t ids[ENDS];
    const size_t ends = pal_text_ends(model, ids, ENDS);
    for (size_t i = 0; i < ends; i++) {
        size_t size;
        const char *piece = pal_token_piece(model, ids[i], &size);
        printf("%s%d ", i ? ", " : "ends texts    ", ids[i]);
        char name[64] = "";
        memcpy(name, piece, size < sizeof name ? size : sizeof name - 1);
        put_printable(stdout, name);
    }
    if (ends) printf("\n");
    const char *note;
    for (size_t i = 0; (note = pal_vocabulary_note(model, i)); i++) printf("note          %s\n", note);
}

static void put_text_plain(const pal_info *i)
{
    printf("tokenizer     ");
    put_printable(stdout, i->tokenizer);
    printf(", %d pieces\n", i->vocabulary);
    printf("supports      %s%s%s%s%s\n", i->can_tokenize ? "tokenize " : "", i->can_score ? "score " : "",
           i->can_generate ? "generate " : "", i->can_infill ? "infill " : "",
           i->free_length ? "(blanks of free length)" : "");
}

/* Leaves out values that are unknown or differ between layers. */
static void put_network_plain(const pal_info *i)
{
    const struct {
        const char *form;
        int32_t value;
    } shape[] = {{", %d layers", i->layers}, {", width %d", i->width},        {", hidden %d", i->hidden},
                 {", %d heads", i->heads},   {", %d key heads", i->kv_heads}, {", context %d", i->context}};
    printf("network       %" PRIu64 " parameters", i->parameters);
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
        if (shape[s].value) printf(shape[s].form, shape[s].value);
    printf("\n");
}

static void put_noise_plain(const pal_model *model)
{
    pal_noise_info n;
    if (!pal_model_noise(model, &n)) return;
    printf("noise         graph %s", n.graph);
    if (n.states) printf(" of %d pieces", n.states);
    printf(", %s, sigma %.4g to %.4g\n", n.schedule, n.sigma_min, n.sigma_max);
}

static void put_board_plain(const pal_info *i)
{
    printf("boards        %d x %d cells, %d loops\nsupports      infill\n", i->board, i->board, i->loops);
}

static void put_plain(const pal_model *model)
{
    const pal_info *i = pal_model_info(model);
    put_line("name", i->name, "");
    put_line("architecture", i->architecture,
             i->can_image    ? ", pictures"
             : i->board      ? ", boards"
             : !i->causal    ? ", bidirectional"
             : i->can_infill ? ", causal, fills blanks by query rows"
                             : ", causal");
    put_line("license", i->license, "");
    printf("file          %" PRIu64 " bytes, %zu values, %zu tensors, weights %s\n", i->file_bytes, i->values,
           i->tensors, *i->weights ? i->weights : "none");
    if (i->can_image)
        printf("network       %" PRIu64 " parameters\n", i->parameters);
    else
        put_network_plain(i);
    if (i->can_image)
        put_image_plain(model);
    else if (i->board)
        put_board_plain(i);
    else
        put_text_plain(i);
    put_noise_plain(model);
    put_vocabulary_plain(model);
    if (i->why_not) printf("not available %s\n", i->why_not);
    printf("kernels       %s, %d thread%s\n", i->isa, i->threads, i->threads == 1 ? "" : "s");
}

static void put_image_json(json *j, const pal_model *model)
{
    const pal_image_info *i = pal_model_image(model);
    json_open(j, "image", '{');
    json_int(j, "width", i->width);
    json_int(j, "height", i->height);
    json_int(j, "channels", i->channels);
    json_open(j, "labels", '[');
    for (int32_t label = 0; label < i->labels; label++) json_string(j, NULL, pal_image_label(model, label));
    json_close(j, ']');
    json_open(j, "samplers", '[');
    for (int s = 0; s < PAL_IMAGE_SAMPLERS; s++)
        if (pal_image_supports(model, (pal_image_sampler)s, NULL))
            json_string(j, NULL, pal_image_sampler_name((pal_image_sampler)s));
    json_close(j, ']');
    json_bool(j, "guidance", i->guidance);
    json_string(j, "schedule", i->schedule);
    json_int(j, "schedule_steps", i->schedule_steps);
    json_string(j, "neighbours", i->neighbours);
    json_close(j, '}');
}

static void put_noise_json(json *j, const pal_model *model)
{
    pal_noise_info n;
    if (!pal_model_noise(model, &n)) return;
    json_open(j, "noise", '{');
    json_string(j, "graph", n.graph);
    json_string(j, "schedule", n.schedule);
    json_number(j, "sigma_min", n.sigma_min);
    json_number(j, "sigma_max", n.sigma_max);
    if (n.states) json_int(j, "states", n.states);
    json_close(j, '}');
}

static void put_vocabulary_json(json *j, const pal_model *model)
{
    int32_t ids[ENDS];
    const size_t ends = pal_text_ends(model, ids, ENDS);
    const char *note;
    json_open(j, "ends", '[');
    for (size_t i = 0; i < ends; i++) {
        size_t size;
        const char *piece = pal_token_piece(model, ids[i], &size);
        json_open(j, NULL, '{');
        json_int(j, "id", ids[i]);
        json_text(j, "piece", piece, size);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_open(j, "notes", '[');
    for (size_t i = 0; (note = pal_vocabulary_note(model, i)); i++) json_string(j, NULL, note);
    json_close(j, ']');
}

static void put_json(const pal_model *model, const char *path, double start)
{
    const pal_info *i = pal_model_info(model);
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_string(&j, "name", i->name);
    json_string(&j, "architecture", i->architecture);
    json_string(&j, "license", i->license);
    json_string(&j, "weights", i->weights);
    json_string(&j, "tokenizer", i->tokenizer);
    json_int(&j, "file_bytes", (int64_t)i->file_bytes);
    json_int(&j, "parameters", (int64_t)i->parameters);
    json_int(&j, "metadata_values", (int64_t)i->values);
    json_int(&j, "tensors", (int64_t)i->tensors);
    json_int(&j, "vocabulary", i->vocabulary);
    json_int(&j, "context", i->context);
    json_int(&j, "width", i->width);
    json_int(&j, "layers", i->layers);
    json_int(&j, "heads", i->heads);
    json_int(&j, "kv_heads", i->kv_heads);
    json_int(&j, "hidden", i->hidden);
    json_bool(&j, "causal", i->causal);
    json_bool(&j, "can_tokenize", i->can_tokenize);
    json_bool(&j, "can_score", i->can_score);
    json_bool(&j, "can_generate", i->can_generate);
    json_bool(&j, "can_infill", i->can_infill);
    json_bool(&j, "free_length", i->free_length);
    json_bool(&j, "can_image", i->can_image);
    if (i->board) {
        json_int(&j, "board", i->board);
        json_int(&j, "loops", i->loops);
    }
    if (i->can_tokenize) put_vocabulary_json(&j, model);
    if (i->can_image) put_image_json(&j, model);
    put_noise_json(&j, model);
    if (i->why_not) json_string(&j, "why_not", i->why_not);
    json_run(&j, model, path, start);
    json_close(&j, '}');
    json_end_line(&j);
}

typedef struct {
    const char *model;
    bool json;
} request;

static const option options[] = {
    MODEL_OPTION(request, model, "GGUF, of any architecture"),
    FLAG_OPTION(request, "json", json, "one JSON object"),
};

int command_info(int argc, char **argv)
{
    request r = {0};
    option_group group = OPTION_GROUP(options, &r);
    const option_set set = {
        "info", "-m MODEL [--json]", "Shows what a model file contains and what can be done with it.", &group, 1, NULL};
    double start = seconds_now();
    int code = options_parse(&set, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("info", r.model, PAL_OPEN_AS_STORED, NULL, 0, &code);
    if (!model) return code;
    if (r.json)
        put_json(model, r.model, start);
    else
        put_plain(model);
    pal_model_close(model);
    return EXIT_GOOD;
}
