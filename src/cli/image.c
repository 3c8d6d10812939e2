/* image.c - palimpsest image: draws pictures and writes them as a grid in a PNG file, or as raw bytes. */
#include "image.h"
#include "../core/core.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- drawing in batches ----------------------------------------------------------------------------- */

typedef struct {
    const image_request *r;
    const pal_model *model;
    const pal_image_info *info;
    pal_image_options options; /* for all pictures */
    uint8_t *pixels;           /* [count, height, width, channels]; mid grey where nothing is drawn yet */
    int32_t columns;           /* of the grid */
    int64_t passes;
    int32_t evaluations; /* per picture, maximum over the batches */
    bool complete, progress;
} canvas;

static size_t picture_bytes(const pal_image_info *info)
{
    return (size_t)info->height * (size_t)info->width * (size_t)info->channels;
}

static bool grid_of(const canvas *c, bitmap *out)
{
    const int32_t gap = c->r->gap, rows = (c->options.count + c->columns - 1) / c->columns;
    *out = (bitmap){c->columns * (c->info->width + gap) - gap, rows * (c->info->height + gap) - gap, c->info->channels,
                    NULL};
    const size_t line = (size_t)out->width * (size_t)out->channels;
    const size_t row = (size_t)c->info->width * (size_t)c->info->channels;
    out->pixels = malloc(pal_times(line, (size_t)out->height));
    if (!out->pixels) return false;
    memset(out->pixels, 0xff, line * (size_t)out->height);
    for (int32_t i = 0; i < c->options.count; i++) {
        const uint8_t *from = c->pixels + (size_t)i * picture_bytes(c->info);
        uint8_t *to = out->pixels + (size_t)(i / c->columns * (c->info->height + gap)) * line +
                      (size_t)(i % c->columns * (c->info->width + gap)) * (size_t)c->info->channels;
        for (int32_t y = 0; y < c->info->height; y++) memcpy(to + (size_t)y * line, from + (size_t)y * row, row);
    }
    return true;
}

static int put_grid(const canvas *c, const char *path)
{
    bitmap grid;
    if (!grid_of(c, &grid)) {
        fputs("palimpsest image: not enough memory for the grid\n", stderr);
        return EXIT_BAD;
    }
    bool good = bitmap_write(path, &grid);
    free(grid.pixels);
    return good ? EXIT_GOOD : EXIT_BAD;
}

static void fetch(canvas *c, const pal_drawing *d, int32_t from, int32_t count, pal_image_view view)
{
    for (int32_t i = 0; i < count; i++)
        pal_image_pixels(d, view, i, c->pixels + (size_t)(from + i) * picture_bytes(c->info));
}

static int put_trace(canvas *c, const pal_drawing *d, int32_t count)
{
    char path[4096];
    const bool state = c->r->view && strcmp(c->r->view, "x") == 0;
    const int length =
        snprintf(path, sizeof path, "%s/step-%05d.png", c->r->trace, pal_drawing_progress(d).evaluations);
    if (length < 0 || (size_t)length >= sizeof path) {
        fputs("palimpsest image: the path of a trace file is too long\n", stderr);
        return EXIT_BAD;
    }
    fetch(c, d, 0, count, state ? PAL_IMAGE_STATE : PAL_IMAGE_PREDICTED);
    return put_grid(c, path);
}

static void show_progress(const canvas *c, const pal_drawing *d, int32_t from)
{
    const pal_image_progress p = pal_drawing_progress(d);
    if (p.total)
        fprintf(stderr, "\rpicture %d of %d, evaluation %d of %d ", from + 1, c->options.count, p.evaluations, p.total);
    else
        fprintf(stderr, "\rpicture %d of %d, evaluation %d ", from + 1, c->options.count, p.evaluations);
}

static int run_batch(canvas *c, pal_drawing *d, int32_t from, int32_t count)
{
    pal_error err = {0};
    pal_status s = PAL_MORE;
    int code = EXIT_GOOD;
    while (s == PAL_MORE && code == EXIT_GOOD && !stop_requested()) {
        s = pal_image_step(d, &err);
        if (c->progress) show_progress(c, d, from);
        if (s >= 0 && c->r->trace) code = put_trace(c, d, count);
    }
    const pal_image_progress p = pal_drawing_progress(d);
    c->passes += p.passes;
    if (p.evaluations > c->evaluations) c->evaluations = p.evaluations;
    c->complete = s == PAL_OK;
    fetch(c, d, from, count, PAL_IMAGE_PREDICTED);
    return s < 0 ? report("image", &err) : code;
}

/* Draws pictures from .. from + count - 1.  The following batches use the same block. */
static int draw_batch(canvas *c, int32_t from, int32_t count, void **block, size_t *capacity)
{
    pal_image_options o = c->options;
    pal_drawing *d;
    pal_error err;
    size_t needed = 0;
    o.first += (uint32_t)from;
    o.count = count;
    if (o.labels) o.labels += from;
    if (pal_image_bytes(c->model, &o, &needed, &err)) return image_refused(c->model, &o, &err);
    if (needed > *capacity) {
        free(*block);
        *block = malloc(needed);
        *capacity = *block ? needed : 0;
        if (!*block) return no_memory("image", "the pictures that are drawn together");
    }
    if (pal_image_init(&d, c->model, &o, *block, *capacity, &err)) return report("image", &err);
    return run_batch(c, d, from, count);
}

static int draw_all(canvas *c)
{
    const int32_t together = c->r->trace ? c->options.count : IMAGE_TOGETHER;
    void *block = NULL;
    size_t capacity = 0;
    int code = EXIT_GOOD;
    c->complete = true;
    for (int32_t from = 0; from < c->options.count && code == EXIT_GOOD && c->complete; from += together) {
        int32_t left = c->options.count - from;
        code = draw_batch(c, from, left < together ? left : together, &block, &capacity);
    }
    if (c->progress) fputs("\r\033[K", stderr);
    free(block);
    return code;
}

/* ---- results ---------------------------------------------------------------------------------------- */

static int put_raw(const canvas *c)
{
    output o;
    const size_t size = (size_t)c->options.count * picture_bytes(c->info);
    if (!output_open(&o, c->r->raw)) return EXIT_BAD;
    fwrite(c->pixels, 1, size, o.file);
    return output_close(&o, true) ? EXIT_GOOD : EXIT_BAD;
}

static void put_json(const canvas *c, double start)
{
    const pal_image_options *o = &c->options;
    const bool twice = o->guidance > 1.0 || (o->guidance > 0.0 && o->guidance < 1.0);
    const int32_t total = pal_image_evaluations(o);
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_string(&j, "sampler", pal_image_sampler_name(o->sampler));
    json_int(&j, "steps", o->steps);
    json_uint(&j, "seed", o->seed);
    json_uint(&j, "first", o->first);
    json_int(&j, "count", o->count);
    image_put_labels(&j, c->model, o);
    json_number(&j, "guidance", o->guidance);
    json_bool(&j, "complete", c->complete);
    if (total)
        json_int(&j, "evaluations", c->evaluations);
    else /* differs between pictures: the mean */
        json_number(&j, "evaluations", (double)c->passes / (twice ? 2 : 1) / o->count);
    json_int(&j, "passes", c->passes);
    json_int(&j, "width", c->info->width);
    json_int(&j, "height", c->info->height);
    json_int(&j, "channels", c->info->channels);
    json_int(&j, "columns", c->columns);
    if (c->r->out) json_string(&j, "png", c->r->out);
    if (c->r->raw) json_string(&j, "raw", c->r->raw);
    json_run(&j, c->model, c->r->model, start);
    json_close(&j, '}');
    json_end_line(&j);
}

static int deliver(const canvas *c, double start)
{
    int code = c->r->out ? put_grid(c, c->r->out) : EXIT_GOOD;
    if (code == EXIT_GOOD && c->r->raw) code = put_raw(c);
    if (code == EXIT_GOOD && c->r->json) put_json(c, start);
    return code == EXIT_GOOD && !c->complete ? EXIT_STOPPED : code;
}

/* ---- inpainting ------------------------------------------------------------------------------------- */

static int read_as_large(const char *path, const pal_image_info *info, int32_t channels, uint8_t behind,
                         uint8_t **pixels)
{
    bitmap p;
    if (!bitmap_read(path, channels, behind, &p)) return EXIT_BAD;
    if (p.width != info->width || p.height != info->height) {
        fprintf(stderr, "palimpsest: %s: %d x %d pixels; the model draws %d x %d\n", path, p.width, p.height,
                info->width, info->height);
        free(p.pixels);
        return EXIT_BAD;
    }
    *pixels = p.pixels;
    return -1;
}

/* Reads picture and mask.  The caller frees the arrays.  Transparent pixels are white in pictures, as in all pictures
 * here, but black (kept) in masks, because a mask may be painted on an empty layer. */
static int read_known(const image_request *r, const pal_image_info *info, uint8_t **known, uint8_t **mask)
{
    if (!r->inpaint) return -1;
    int code = read_as_large(r->inpaint, info, info->channels, 255, known);
    if (code < 0) code = read_as_large(r->mask, info, 1, 0, mask);
    for (int32_t i = 0; code < 0 && i < info->width * info->height; i++) (*mask)[i] = (*mask)[i] >= 128;
    return code;
}

/* ---- the command ------------------------------------------------------------------------------------ */

static int prepare_trace(const char *directory)
{
    struct stat about;
    if (!directory || (mkdir(directory, 0777) == 0)) return -1;
    const bool there = errno == EEXIST && stat(directory, &about) == 0 && S_ISDIR(about.st_mode);
    if (there && access(directory, W_OK | X_OK) == 0) return -1;
    fprintf(stderr, "palimpsest: %s: %s\n", directory, !there && errno == EEXIST ? "not a directory" : strerror(errno));
    return EXIT_BAD;
}

/* Checks before drawing that the results can be written. */
static int check_outputs(const image_request *r)
{
    if ((r->out || r->trace) && !bitmap_possible(r->out ? r->out : r->trace)) return EXIT_BAD;
    return output_possible(r->out) && output_possible(r->raw) ? -1 : EXIT_BAD;
}

static int draw(image_request *r, const pal_model *model)
{
    canvas c = {.r = r, .model = model, .info = pal_model_image(model), .progress = isatty(2)};
    const double start = seconds_now();
    int32_t *labels = NULL;
    uint8_t *known = NULL, *mask = NULL;
    pal_error err;
    const int32_t count = r->picture.count;
    int code = image_options(r, model, count, &c.options, &labels);
    if (code < 0) code = read_known(r, c.info, &known, &mask);
    c.options.known = known;
    c.options.mask = mask;
    if (code < 0 && pal_image_check(model, &c.options, &err)) code = image_refused(model, &c.options, &err);
    if (code < 0) code = check_outputs(r);
    if (code < 0) code = prepare_trace(r->trace);
    if (code < 0) {
        const size_t size = pal_times((size_t)count, picture_bytes(c.info));
        c.columns = r->columns ? r->columns : (int32_t)ceil(sqrt((double)count));
        c.pixels = malloc(size);
        if (c.pixels) memset(c.pixels, 128, size);
        if (!option_given(&r->of_picture, "seed")) c.options.seed = seed_or_drawn(0, false);
        stop_on_interrupt();
        code = c.pixels ? draw_all(&c) : no_memory("image", "so many pictures");
        if (code == EXIT_GOOD) code = deliver(&c, start);
    }
    free(c.pixels);
    free(labels);
    free(known);
    free(mask);
    return code;
}

static int check_request(const image_request *r)
{
    const bool measured = r->files || r->likelihood_raw;
    if (!measured && !r->out && !r->raw) return usage_error("image", "no output: give -o FILE.png or --raw FILE", NULL);
    if (measured && (r->out || r->raw || r->inpaint || r->trace))
        return usage_error("image",
                           "--likelihood draws nothing: -o, --raw, --trace and --inpaint cannot be used with it", NULL);
    if (r->out && r->raw && strcmp(r->out, r->raw) == 0)
        return usage_error("image", "-o and --raw are the same file", r->out);
    if (r->files && r->likelihood_raw)
        return usage_error("image", "give --likelihood or --likelihood-raw, not both", NULL);
    if (!r->inpaint != !r->mask) return usage_error("image", "--inpaint and --mask must be given together", NULL);
    if (r->view && strcmp(r->view, "x0") && strcmp(r->view, "x"))
        return usage_error("image", "the view must be x0 (the predicted picture) or x (the noisy picture)", r->view);
    return -1;
}

static bool add_file(void *target, const char *value)
{
    image_request *r = target;
    if (r->files == IMAGE_FILES) return false;
    r->likelihood[r->files++] = value;
    return true;
}

static const option own_options[] = {
    MODEL_OPTION(image_request, model, "GGUF, architecture unet"),
    TEXT_OPTION(image_request, "o", out, "FILE", "write the pictures to this PNG file, arranged in a grid"),
    TEXT_OPTION(image_request, "raw", raw, "FILE",
                "write the pixels of the pictures as bytes, one picture after the other"),
    OPTION(image_request, "columns", columns, INT, BETWEEN(1, 65536), SAID(0, "as square as possible"), "",
           "of the grid"),
    OPTION(image_request, "gap", gap, INT, BETWEEN(0, 256), IS(0), "", "white pixels between the pictures of the grid"),
    TEXT_OPTION(image_request, "label", label, "L",
                "what to draw: a name or number ('info' lists them), none, or all (each label in turn)"),
    TEXT_OPTION(image_request, "sampler", sampler, "S", "see above (default: the best one that the model supports)"),
    TEXT_OPTION(image_request, "inpaint", inpaint, "PNG",
                "keep this picture where the mask is black; its transparent parts count as white"),
    TEXT_OPTION(image_request, "mask", mask, "PNG",
                "for --inpaint: white parts are drawn, black or transparent parts are kept"),
    TEXT_OPTION(image_request, "trace", trace, "DIR", "write the grid of pictures to this directory after every step"),
    TEXT_OPTION(image_request, "view", view, "V",
                "with --trace: x0 (default, the predicted picture) or x (the noisy picture)"),
    CALL_OPTION("likelihood", "PNG", add_file,
                "do not draw: measure bits per dimension of this picture, or of a grid without gaps; may be repeated"),
    TEXT_OPTION(image_request, "likelihood-raw", likelihood_raw, "FILE", "the same for pixels as --raw writes them"),
    OPTION(image_request, "draws", draws, INT, BETWEEN(1, 10000), IS(1), "",
           "likelihood: print the mean of this many estimates"),
    FLAG_OPTION(image_request, "json", json, "one JSON object"),
    ISA_OPTION(image_request, isa),
    THREADS_OPTION(image_request, threads),
};

static const char summary[] =
    "Draws pictures, or measures how likely given pictures are.\n\n"
    "samplers: ddpm, ddim; with optimal variance: analytic-ddpm, analytic-ddim, npr-ddpm, npr-ddim, sn-ddpm,\n"
    "sn-ddim; annealed-langevin, reverse-sde, predictor-corrector; probability-flow; dpm-solver++.\n"
    "'palimpsest info' lists those that a model supports.";

static int parse(image_request *r, int argc, char **argv)
{
    option_group groups[] = {OPTION_GROUP(own_options, r), image_group(&r->picture), likelihood_group(&r->measure)};
    const option_set set = {"image", "-m MODEL -o OUT.png [options]", summary,
                            groups,  sizeof groups / sizeof *groups,  NULL};
    for (size_t i = 0; i < set.count; i++) options_default(&groups[i]);
    const int code = options_parse(&set, argc, argv);
    r->of_picture = groups[1];
    r->of_measure = groups[2];
    return code < 0 ? check_request(r) : code;
}

int command_image(int argc, char **argv)
{
    image_request *r = calloc(1, sizeof *r);
    int code = EXIT_BAD;
    pal_error err;
    if (!r) return EXIT_BAD;
    code = parse(r, argc, argv);
    if (code < 0) {
        pal_model *model = model_of("image", r->model, 0, r->isa, r->threads, &code);
        if (model && !pal_model_image(model)) {
            pal_image_options o = pal_image_defaults(PAL_IMAGE_DDPM);
            pal_image_check(model, &o, &err);
            code = report(r->model, &err);
        } else if (model)
            code = r->files || r->likelihood_raw ? image_likelihood(r, model) : draw(r, model);
        pal_model_close(model);
    }
    free(r);
    return code;
}
