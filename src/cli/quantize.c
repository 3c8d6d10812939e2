/* quantize.c - palimpsest quantize: writes a model file with its matrices in another type. */
#include "cli.h"

static bool write_file(void *context, const void *data, size_t size)
{
    return !stop_requested() && fwrite(data, 1, size, context) == size;
}

static int write_model(const pal_model *model, const char *out, const char *type)
{
    pal_error err;
    output o;
    if (!output_open(&o, out)) return EXIT_BAD;
    stop_on_interrupt();
    pal_status s = pal_model_quantize(model, type, write_file, o.file, &err);
    const bool full = s == PAL_E_IO && !stop_requested(); /* output_close reports the error */
    const bool good = output_close(&o, s == PAL_OK || full);
    if (stop_requested()) return EXIT_STOPPED;
    return s && !full ? report("quantize", &err) : good ? EXIT_GOOD : EXIT_BAD;
}

typedef struct {
    const char *model, *out, *type;
} request;

static const option options[] = {
    MODEL_OPTION(request, model, "GGUF; best F32 or F16"),
    TEXT_OPTION(request, "o", out, "OUT", "the file to write"),
    TEXT_OPTION(request, "type", type, "TYPE", "F32, F16, Q8_0 or Q4_0"),
};

static int parse(request *r, int argc, char **argv)
{
    option_group group = OPTION_GROUP(options, r);
    const option_set set = {
        "quantize",
        "-m MODEL -o OUT --type F16|Q8_0|Q4_0",
        "Writes the model with its weight matrices in another type.  Vectors, and rows whose length\n"
        "is not a multiple of 32, keep a float type.",
        &group,
        1,
        NULL};
    return options_parse(&set, argc, argv);
}

int command_quantize(int argc, char **argv)
{
    request r = {0};
    int code = parse(&r, argc, argv);
    if (code >= 0) return code;
    if (!r.out) return usage_error("quantize", "no output: give one with -o", NULL);
    if (!r.type) return usage_error("quantize", "no type: give one with --type", NULL);
    if (!output_possible(r.out)) return EXIT_BAD;
    pal_model *model = model_of("quantize", r.model, PAL_OPEN_AS_STORED, NULL, 1, &code);
    if (!model) return code;
    code = write_model(model, r.out, r.type);
    pal_model_close(model);
    return code;
}
