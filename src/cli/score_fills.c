/* score_fills.c - palimpsest score --fills: how likely given fills are in the blanks of pages. */
#include "score_fills.h"
#include "json_read.h"

#include <stdlib.h>
#include <string.h>

/* One line of the input. */
typedef struct {
    bytes page;
    pal_given_fill *fills;
    size_t count;
    pal_drawn_place *order; /* NULL: none is given */
    size_t order_count;
} fills_line;

static void line_free(fills_line *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free((void *)(uintptr_t)l->fills[i].ids);
        free((void *)(uintptr_t)l->fills[i].text);
    }
    free(l->page.data);
    free(l->fills);
    free(l->order);
    *l = (fills_line){0};
}

/* ---- reading a line --------------------------------------------------------------------------------- */

/* Memory for one more element of an array of `count`; the capacity is the next power of two. */
static void *one_more(void *array, size_t count, size_t size)
{
    if (array && (count & (count - 1))) return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}

static bool no_memory_for_line(json_reader *r)
{
    r->wrong = "not enough memory";
    return false;
}

static bool read_ids(json_reader *r, pal_given_fill *fill)
{
    int32_t *ids = malloc(sizeof *ids), id;
    fill->ids = ids; /* also of an empty array: NULL would be a text */
    if (!ids) return no_memory_for_line(r);
    for (bool more = !json_take(r, ']'); more; more = json_take(r, ',')) {
        if (!json_read_int(r, &id)) return false;
        int32_t *grown = one_more(ids, fill->count, sizeof *ids);
        if (!grown) return no_memory_for_line(r);
        fill->ids = ids = grown;
        ids[fill->count++] = id;
        if (!json_next_is(r, ',')) return json_need(r, ']', "a comma or ] is expected after a token id");
    }
    return true;
}

static bool read_fill(json_reader *r, pal_given_fill *fill)
{
    bytes text;
    *fill = (pal_given_fill){0};
    if (json_take(r, '[')) return read_ids(r, fill);
    if (!json_next_is(r, '"')) r->wrong = "a fill must be a string or an array of token ids";
    if (!json_read_text(r, &text)) return false;
    fill->text = text.data;
    fill->bytes = text.size;
    return true;
}

static bool read_fills(json_reader *r, fills_line *l)
{
    if (!json_need(r, '[', "fills must be an array with one entry for each blank")) return false;
    for (bool more = !json_take(r, ']'); more; more = json_take(r, ',')) {
        pal_given_fill *grown = one_more(l->fills, l->count, sizeof *grown);
        if (!grown) return no_memory_for_line(r);
        l->fills = grown;
        const bool good = read_fill(r, &l->fills[l->count]);
        l->count++;
        if (!good) return false;
        if (!json_next_is(r, ',')) return json_need(r, ']', "a comma or ] is expected after a fill");
    }
    return true;
}

static bool read_order(json_reader *r, fills_line *l)
{
    static const char what[] = "order must be an array of pairs [blank, index]";
    if (!json_need(r, '[', what)) return false;
    for (bool more = true; more; more = json_take(r, ',')) {
        pal_drawn_place *grown = one_more(l->order, l->order_count, sizeof *grown), place;
        if (!grown) return no_memory_for_line(r);
        l->order = grown;
        if (!l->order_count && json_take(r, ']')) return true;
        if (!json_need(r, '[', what) || !json_read_int(r, &place.blank) || !json_need(r, ',', what) ||
            !json_read_int(r, &place.index) || !json_need(r, ']', what))
            return false;
        l->order[l->order_count++] = place;
    }
    return json_need(r, ']', what);
}

static bool read_member(json_reader *r, fills_line *l)
{
    bytes key;
    if (!json_read_text(r, &key) || !json_need(r, ':', "a colon is expected after a key")) {
        free(key.data);
        return false;
    }
    bool good = false;
    if (key.size == 4 && memcmp(key.data, "page", 4) == 0 && !l->page.data)
        good = json_read_text(r, &l->page);
    else if (key.size == 5 && memcmp(key.data, "fills", 5) == 0 && !l->fills)
        good = read_fills(r, l);
    else if (key.size == 5 && memcmp(key.data, "order", 5) == 0 && !l->order)
        good = read_order(r, l);
    else
        r->wrong = "the keys of a line are page, fills and order, each at most once";
    free(key.data);
    return good;
}

static bool read_line(json_reader *r, fills_line *l)
{
    if (!json_need(r, '{', "each line must be an object: {\"page\": ..., \"fills\": [...]}")) return false;
    do {
        if (!read_member(r, l)) return false;
    } while (json_take(r, ','));
    if (!json_need(r, '}', "a comma or } is expected after a value")) return false;
    json_next_is(r, '\n'); /* skips white space */
    if (r->at < r->end) r->wrong = "there is text after the object";
    if (!l->page.data) r->wrong = "the line has no page";
    return !r->wrong;
}

/* ---- output ----------------------------------------------------------------------------------------- */

static const char *kind_of(const pal_fills_result *result)
{
    return result->bound ? "bound" : "exact";
}

static double per_token(double nats, int64_t tokens)
{
    return tokens ? nats / (double)tokens : 0.0;
}

static void put_plain(size_t line, const pal_fills_result *result)
{
    printf("line %zu: %.4f nats, %.4f nats per token, %d tokens, %s", line, result->nats,
           per_token(result->nats, result->tokens), (int)result->tokens, kind_of(result));
    if (result->bound) printf(" (%d orders, standard error %.4f)", (int)result->orders, result->standard_error);
    putchar('\n');
    fflush(stdout);
}

/* Nats and number of tokens of each blank. */
static void put_blanks(json *out, const pal_fill_nats *places, size_t count)
{
    json_open(out, "blanks", '[');
    for (size_t i = 0; i < count;) {
        const int32_t blank = places[i].blank;
        double nats = 0.0;
        int64_t tokens = 0;
        for (; i < count && places[i].blank == blank; i++) {
            nats += places[i].nats;
            tokens += places[i].id >= 0;
        }
        json_open(out, NULL, '{');
        json_number(out, "nats", nats);
        json_int(out, "tokens", tokens);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_places(json *out, const pal_model *model, const pal_fill_nats *places, size_t count)
{
    json_open(out, "drawn", '[');
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *piece = places[i].id < 0 ? NULL : pal_token_piece(model, places[i].id, &size);
        json_open(out, NULL, '{');
        json_int(out, "blank", places[i].blank);
        json_int(out, "index", places[i].index);
        if (piece) {
            json_int(out, "id", places[i].id);
            json_text(out, "piece", piece, size);
        }
        json_bool(out, "end", places[i].id < 0);
        json_number(out, "nats", places[i].nats);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static bool put_json(const fills_request *r, size_t line, const pal_fills *job, double start)
{
    const pal_fills_result result = pal_fills_result_of(job);
    const size_t count = pal_fills_places(job, NULL, 0);
    pal_fill_nats *places = calloc(count + 1, sizeof *places);
    if (!places) return false;
    pal_fills_places(job, places, count);
    json out = {.out = stdout};
    json_open(&out, NULL, '{');
    json_int(&out, "line", (int64_t)line);
    json_number(&out, "nats", result.nats);
    json_int(&out, "tokens", result.tokens);
    json_number(&out, "nats_per_token", per_token(result.nats, result.tokens));
    json_string(&out, "kind", kind_of(&result));
    json_number(&out, "standard_error", result.standard_error);
    json_int(&out, "orders", result.orders);
    json_int(&out, "evaluations", (int64_t)result.evaluations);
    if (result.windows > 1) json_int(&out, "windows", result.windows);
    put_blanks(&out, places, count);
    put_places(&out, r->model, places, count);
    json_run(&out, r->model, r->model_path, start);
    json_close(&out, '}');
    json_end_line(&out);
    free(places);
    return true;
}

/* ---- scoring ---------------------------------------------------------------------------------------- */

static int fail_at(size_t line, const pal_error *err)
{
    char where[48];
    snprintf(where, sizeof where, "fills, line %zu", line);
    report(where, err);
    return EXIT_BAD;
}

/* The job of the lines so far, which is kept while they have the same page. */
typedef struct {
    pal_fills *job;
    bytes page;
    double nats; /* sums over all lines */
    int64_t tokens, lines;
} fills_run;

static void run_free(fills_run *run)
{
    pal_fills_end(run->job);
    free(run->page.data);
}

/* Starts the score of a line; takes the page of the line. */
static pal_status start_line(const fills_request *r, fills_run *run, fills_line *l, pal_error *err)
{
    pal_fills_options o = r->options;
    o.order = l->order;
    o.order_count = l->order_count;
    if (run->job && !o.left_only && run->page.size == l->page.size &&
        memcmp(run->page.data, l->page.data, l->page.size) == 0)
        return pal_fills_again(run->job, l->fills, l->count, &o, err);
    pal_fills_end(run->job);
    run->job = NULL;
    free(run->page.data);
    run->page = l->page;
    l->page = (bytes){0};
    return pal_fills_start(&run->job, r->model, run->page.data, run->page.size, &r->infill, l->fills, l->count, &o,
                           err);
}

static int score_line(const fills_request *r, size_t line, fills_line *l, fills_run *run)
{
    pal_error err;
    const double start = seconds_now();
    if (start_line(r, run, l, &err)) return fail_at(line, &err);
    pal_status s = PAL_MORE;
    while (s == PAL_MORE && !stop_requested()) s = pal_fills_step(run->job, &err);
    if (s < 0) return fail_at(line, &err);
    if (s == PAL_MORE) return EXIT_STOPPED;
    const pal_fills_result result = pal_fills_result_of(run->job);
    run->nats += result.nats;
    run->tokens += result.tokens;
    run->lines++;
    if (!r->json)
        put_plain(line, &result);
    else if (!put_json(r, line, run->job, start))
        return no_memory("score", "the result");
    return EXIT_GOOD;
}

/* The next line that is not empty. */
static bool next_line(const bytes *input, size_t *at, size_t *line, json_reader *r)
{
    while (*at < input->size) {
        const char *from = input->data + *at, *newline = memchr(from, '\n', input->size - *at);
        const size_t size = newline ? (size_t)(newline - from) : input->size - *at;
        *at += size + (newline != NULL);
        ++*line;
        *r = (json_reader){.at = from, .end = from + size};
        json_next_is(r, '\n');
        if (r->at < r->end) return true;
    }
    return false;
}

int score_fills(const fills_request *r, const bytes *input)
{
    size_t at = 0, line = 0;
    json_reader reader;
    fills_run run = {0};
    int code = -1; /* no line so far */
    while (code <= EXIT_GOOD && next_line(input, &at, &line, &reader)) {
        fills_line l = {0};
        const char *from = reader.at;
        if (read_line(&reader, &l))
            code = score_line(r, line, &l, &run);
        else {
            fprintf(stderr, "palimpsest: fills, line %zu: %s (character %zu)\n", line, reader.wrong,
                    (size_t)(reader.at - from) + 1);
            code = EXIT_BAD;
        }
        line_free(&l);
    }
    run_free(&run);
    if (code < 0) {
        fputs("palimpsest: fills: there is no line to score\n", stderr);
        return EXIT_BAD;
    }
    if (!r->json && run.lines > 1)
        printf("all: %.4f nats, %.4f nats per token, %lld tokens, %lld lines\n", run.nats,
               per_token(run.nats, run.tokens), (long long)run.tokens, (long long)run.lines);
    return code;
}
