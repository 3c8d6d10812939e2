/* image_likelihood.c - palimpsest image --likelihood: computes the bits per dimension of given pictures. */
#include "image.h"
#include "../core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The pictures to measure. */
typedef struct {
    const pal_image_info *info;
    uint8_t *pixels; /* [count, height, width, channels] */
    int32_t count, capacity;
} album;

typedef struct {
    const image_request *r;
    const pal_model *model;
    const album *album;
    pal_likelihood_options options; /* for all pictures */
    double *bits;                   /* [count] */
    int32_t done;                   /* pictures whose bits are known */
    int32_t evaluations;            /* per picture, maximum */
    int64_t passes;
    bool progress;
} measure;

/* ---- reading pictures ------------------------------------------------------------------------------- */

static size_t picture_bytes(const pal_image_info *info)
{
    return (size_t)info->height * (size_t)info->width * (size_t)info->channels;
}

static uint8_t *next_picture(album *a)
{
    if (a->count == a->capacity) {
        const int32_t capacity = a->capacity ? 2 * a->capacity : 64;
        uint8_t *grown = realloc(a->pixels, pal_times((size_t)capacity, picture_bytes(a->info)));
        if (!grown) return NULL;
        a->pixels = grown;
        a->capacity = capacity;
    }
    return a->pixels + (size_t)a->count++ * picture_bytes(a->info);
}

static bool cut(album *a, const bitmap *p, int32_t max)
{
    const size_t line = (size_t)p->width * (size_t)p->channels, row = (size_t)a->info->width * (size_t)p->channels;
    for (int32_t top = 0; top < p->height; top += a->info->height)
        for (int32_t left = 0; left < p->width && a->count < max; left += a->info->width) {
            const uint8_t *from = p->pixels + (size_t)top * line + (size_t)left * (size_t)p->channels;
            uint8_t *to = next_picture(a);
            if (!to) return false;
            for (int32_t y = 0; y < a->info->height; y++) memcpy(to + (size_t)y * row, from + (size_t)y * line, row);
        }
    return true;
}

static int add_file(album *a, const char *path, int32_t columns, int32_t max)
{
    const pal_image_info *i = a->info;
    bitmap p;
    if (!bitmap_read(path, i->channels, 255, &p)) return EXIT_BAD;
    int code = -1;
    if (p.width % i->width || p.height % i->height || (columns && p.width != columns * i->width)) {
        fprintf(stderr, "palimpsest: %s: %d x %d pixels; the model's pictures are %d x %d, and a grid must have ", path,
                p.width, p.height, i->width, i->height);
        fprintf(stderr, columns ? "%d columns\n" : "whole ones\n", columns);
        code = EXIT_BAD;
    } else if (!cut(a, &p, max)) {
        fprintf(stderr, "palimpsest: %s: not enough memory for the pictures\n", path);
        code = EXIT_BAD;
    }
    free(p.pixels);
    return code;
}

static int add_raw(album *a, const char *path, int32_t max)
{
    bytes file;
    const size_t each = picture_bytes(a->info);
    bool good = file_read(path, &file);
    if (good && (file.size == 0 || file.size % each)) {
        fprintf(stderr, "palimpsest: %s: %zu bytes are not a multiple of a picture's %zu\n", path, file.size, each);
        good = false;
    }
    for (size_t at = 0; good && at < file.size && a->count < max; at += each) {
        uint8_t *to = next_picture(a);
        good = to || no_memory(path, "the pictures") != EXIT_BAD;
        if (good) memcpy(to, file.data + at, each);
    }
    free(file.data);
    return good ? -1 : EXIT_BAD;
}

static int read_album(const image_request *r, album *a)
{
    enum { MAX_PICTURES = 65536 };
    const int32_t max = option_given(&r->of_picture, "count") ? r->picture.count : MAX_PICTURES;
    int code = -1;
    if (r->likelihood_raw) return add_raw(a, r->likelihood_raw, max);
    for (int32_t i = 0; i < r->files && code < 0; i++) code = add_file(a, r->likelihood[i], r->columns, max);
    return code;
}

/* ---- measuring -------------------------------------------------------------------------------------- */

static void show_progress(const measure *m, const pal_likelihood *job, int32_t from)
{
    const pal_image_progress p = pal_likelihood_progress(job);
    fprintf(stderr, "\rpicture %d of %d, evaluation %d ", from + 1, m->album->count, p.evaluations);
    if (p.total) fprintf(stderr, "of %d ", p.total);
}

/* Makes one estimate for pictures from .. from + count - 1 and adds it to their mean; PAL_MORE: stopped by Ctrl-C. */
static pal_status run(measure *m, pal_likelihood *job, int32_t from, int32_t count, pal_error *err)
{
    pal_status s = PAL_MORE;
    while (s == PAL_MORE && !stop_requested()) {
        s = pal_likelihood_step(job, err);
        if (m->progress) show_progress(m, job, from);
    }
    const pal_image_progress p = pal_likelihood_progress(job);
    m->passes += p.passes;
    if (p.evaluations > m->evaluations) m->evaluations = p.evaluations;
    for (int32_t i = 0; s == PAL_OK && i < count; i++) m->bits[from + i] += pal_likelihood_bits(job, i) / m->r->draws;
    return s;
}

static pal_status run_draws(measure *m, int32_t from, int32_t count, pal_error *err)
{
    pal_likelihood_options o = m->options;
    pal_likelihood *job;
    size_t needed;
    o.picture.first += (uint32_t)from;
    o.picture.count = count;
    if (o.picture.labels) o.picture.labels += from;
    pal_status s = pal_likelihood_bytes(m->model, &o, &needed, err);
    if (s) return s;
    void *block = malloc(needed);
    if (!block)
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the pictures that are measured together", SIZE_MAX);
    const uint8_t *pixels = m->album->pixels + (size_t)from * picture_bytes(m->album->info);
    for (int32_t draw = 0; s == PAL_OK && draw < m->r->draws; draw++) {
        o.draw = (uint32_t)draw;
        s = pal_likelihood_init(&job, m->model, &o, pixels, block, needed, err);
        if (!s) s = run(m, job, from, count, err);
    }
    free(block);
    return s;
}

static int run_all(measure *m)
{
    enum { TOGETHER = 16 };
    pal_status s = PAL_OK;
    pal_error err = {0};
    for (int32_t from = 0; s == PAL_OK && from < m->album->count; from += TOGETHER) {
        int32_t left = m->album->count - from, count = left < TOGETHER ? left : TOGETHER;
        s = run_draws(m, from, count, &err);
        if (s == PAL_OK) m->done += count;
    }
    if (m->progress) fputs("\r\033[K", stderr);
    if (s < 0) return image_refused(m->model, &m->options.picture, &err);
    return s == PAL_OK ? EXIT_GOOD : EXIT_STOPPED;
}

/* ---- results ---------------------------------------------------------------------------------------- */

static double mean(const measure *m)
{
    double sum = 0.0;
    for (int32_t i = 0; i < m->done; i++) sum += m->bits[i];
    return m->done ? sum / m->done : (double)NAN;
}

static void put_plain(const measure *m)
{
    for (int32_t i = 0; i < m->done && m->done > 1; i++) printf("picture %d: %.4f\n", i, m->bits[i]);
    if (m->done)
        printf("%.4f bits per dimension, %s, %d picture%s, %d evaluations\n", mean(m),
               m->options.method == PAL_LIKELIHOOD_FLOW ? "probability flow" : "variational bound", m->done,
               m->done == 1 ? "" : "s", m->evaluations);
}

static void put_json(const measure *m, double start)
{
    const bool flow = m->options.method == PAL_LIKELIHOOD_FLOW;
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_string(&j, "method", flow ? "flow" : "bound");
    if (!flow) json_string(&j, "sampler", pal_image_sampler_name(m->options.picture.sampler));
    if (!flow) json_int(&j, "steps", m->options.picture.steps);
    json_uint(&j, "seed", m->options.picture.seed);
    json_uint(&j, "first", m->options.picture.first);
    json_int(&j, "count", m->album->count);
    json_int(&j, "draws", m->r->draws);
    image_put_labels(&j, m->model, &m->options.picture);
    json_open(&j, "bits_per_dimension", '[');
    for (int32_t i = 0; i < m->done; i++) json_number(&j, NULL, m->bits[i]);
    json_close(&j, ']');
    json_number(&j, "mean", mean(m));
    json_bool(&j, "complete", m->done == m->album->count);
    json_int(&j, "evaluations", m->evaluations);
    json_int(&j, "passes", m->passes);
    json_run(&j, m->model, m->r->model, start);
    json_close(&j, '}');
    json_end_line(&j);
}

/* ---- the command ------------------------------------------------------------------------------------ */

static int prepare(measure *m, int32_t count, int32_t **labels)
{
    const image_request *r = m->r;
    pal_image_options picture;
    const bool flow = r->measure.method == PAL_LIKELIHOOD_FLOW, has_steps = option_given(&r->of_picture, "steps");
    if (flow && (r->sampler || has_steps))
        return usage_error("image", "--method flow has no sampler and no steps; use --tolerance", NULL);
    m->options = pal_likelihood_defaults(m->model, r->measure.method);
    int code = image_options(r, m->model, count, &picture, labels);
    if (code >= 0) return code;
    if (!flow && !has_steps) picture.steps = m->options.picture.steps;
    m->options.picture = picture;
    options_copy_given(&r->of_measure, &m->options);
    if (option_given(&r->of_picture, "tolerance")) m->options.tolerance = picture.tolerance;
    if (!option_given(&r->of_picture, "seed")) m->options.picture.seed = seed_or_drawn(0, false);
    return -1;
}

int image_likelihood(const image_request *r, const pal_model *model)
{
    album a = {.info = pal_model_image(model)};
    measure m = {.r = r, .model = model, .album = &a, .progress = isatty(2)};
    const double start = seconds_now();
    int32_t *labels = NULL;
    int code = read_album(r, &a);
    if (code < 0) code = prepare(&m, a.count, &labels);
    if (code < 0) {
        m.bits = calloc((size_t)a.count + 1, sizeof *m.bits);
        stop_on_interrupt();
        code = m.bits ? run_all(&m) : no_memory("image", "so many pictures");
        if (code == EXIT_GOOD || code == EXIT_STOPPED) (r->json ? put_json(&m, start) : put_plain(&m));
    }
    free(m.bits);
    free(labels);
    free(a.pixels);
    return code;
}
