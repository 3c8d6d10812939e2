/* infill.c - palimpsest infill: fills the blanks of a page, or of many pages, with a diffusion model or an adapter. */
#include "boards.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PINS = 1024 };

typedef struct {
    const char *model, *adapter, *isa, *text, *file, *dash;
    pal_infill_options fill;
    bool json, trace, pages;
    int32_t drafts, threads;
    int32_t board; /* the model fills boards of this size; 0: texts */
    int64_t page;  /* number of the current page with --pages, from 0; -1: the input is one page */
    pal_pin pins[MAX_PINS];
} request;

typedef struct {
    const request *r;
    const pal_model *model;
    pal_session *session;
    char *text; /* the last result of pal_session_text */
    size_t text_bytes, text_capacity;
    json out;
    double start;
    int32_t evaluations_before; /* made for the drafts before this one */
} draft;

/* ---- options that need more than a number ---- */

static bool set_free(void *target, const char *value)
{
    pal_infill_options *o = &((request *)target)->fill;
    int32_t lengths[2];
    if (!parse_ints(value, '-', lengths, 2)) return false;
    o->free_min = lengths[0];
    o->free_max = lengths[1];
    return true;
}

static bool add_pin(void *target, const char *value)
{
    request *r = target;
    int32_t numbers[3];
    if (r->fill.pin_count == MAX_PINS || !parse_ints(value, ':', numbers, 3)) return false;
    r->pins[r->fill.pin_count++] = (pal_pin){.blank = numbers[0], .index = numbers[1], .id = numbers[2]};
    return true;
}

static const option page_options[] = {
    MODEL_OPTION(request, model, "GGUF, a model that fills blanks, or a causal model with an adapter"),
    TEXT_OPTION(request, "adapter", adapter, "F", "GGUF, an adapter that lets the causal model fill blanks"),
    TEXT_OPTION(request, "text", text, "T", "the page"),
    TEXT_OPTION(request, "file", file, "F", "read the page from a file, or - for standard input"),
    FLAG_OPTION(request, "pages", pages,
                "the input holds many pages, separated by lines <|endoftext|>, or many boards, one in a line; page n "
                "(from 0) is "
                "filled with seed + n"),
    OPTION(request, "drafts", drafts, INT, BETWEEN(1, 100000), IS(1), "", "number of drafts of the page"),
    CALL_OPTION("free", "A-B", set_free, "[[?]] is a blank of A to B tokens (default 1-16)"),
    CALL_OPTION("pin", "B:I:ID", add_pin, "keep token ID at place I of blank B (both count from 0); may be repeated"),
    FLAG_OPTION(request, "trace", trace, "print the page after every step"),
    FLAG_OPTION(request, "json", json, "print one JSON object per draft"),
    ISA_OPTION(request, isa),
    THREADS_OPTION(request, threads),
};

#define SUMMARY                                                                                                        \
    "Fills all blanks of a page together; each one sees the text on both sides.\n"                                     \
    "[[5]] is a blank of 5 tokens, [[3-8]] one of 3 to 8, [[?]] one whose length the model chooses;\n"                 \
    "\\[[ stands for two plain brackets.\n"                                                                            \
    "A model of boards takes a board for a page: digits, and . or 0 or _ for open cells."

static void add(char *text, size_t size, const char *before, const char *more)
{
    const size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s", before, more);
}

/* Writes the summary and, for each option that not all samplers take, a line that lists the samplers that do. */
static void summarise(char *text, size_t size)
{
    static const struct {
        const char *option;
        size_t taken; /* offset of the flag in pal_sampler_properties */
    } options[] = {{"\n--steps works with: ", offsetof(pal_sampler_properties, steps)},
                   {"\n--threshold works with: ", offsetof(pal_sampler_properties, threshold)},
                   {"\n--entropy-bound works with: ", offsetof(pal_sampler_properties, entropy_bound)},
                   {"\n--distance works with: ", offsetof(pal_sampler_properties, distance)},
                   {"\n--remask works with: ", offsetof(pal_sampler_properties, remask)},
                   {"\n--corrections works with: ", offsetof(pal_sampler_properties, corrections)},
                   {"\n--released works with: ", offsetof(pal_sampler_properties, released)},
                   {"\nfor models of scores: first-hitting, ", offsetof(pal_sampler_properties, scores)}};
    snprintf(text, size, "%s\n", SUMMARY);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *before = options[i].option;
        for (int s = 0; s < PAL_SAMPLERS; s++) {
            const char *properties = (const char *)pal_sampler_about((pal_sampler)s);
            if (!*(const bool *)(properties + options[i].taken)) continue;
            add(text, size, before, pal_sampler_name((pal_sampler)s));
            before = ", ";
        }
    }
}

/* *seeded: a seed was given. */
static int parse(request *r, int argc, char **argv, bool *seeded)
{
    char summary[2048];
    summarise(summary, sizeof summary);
    option_group groups[] = {OPTION_GROUP(page_options, r), infill_group(&r->fill)};
    const option_set set = {
        "infill", "-m MODEL (--text T | --file F | -) [options]", summary, groups, sizeof groups / sizeof *groups,
        &r->dash};
    options_default(&groups[0]);
    r->fill = pal_infill_defaults();
    const int code = options_parse(&set, argc, argv);
    *seeded = option_given(&groups[1], "seed");
    return code;
}

/* ---- output ---- */

static bool fetch_text(draft *d)
{
    d->text_bytes = pal_session_text(d->session, d->text, d->text_capacity);
    if (d->text && d->text_bytes <= d->text_capacity) return true;
    char *grown = realloc(d->text, d->text_bytes + 1);
    if (!grown) {
        fputs("palimpsest: not enough memory for the text\n", stderr);
        return false;
    }
    d->text = grown;
    d->text_capacity = d->text_bytes + 1;
    pal_session_text(d->session, d->text, d->text_capacity);
    return true;
}

static void put_place(draft *d, const pal_place *place)
{
    size_t size;
    const char *piece = pal_token_piece(d->model, place->id, &size);
    json_open(&d->out, NULL, '{');
    json_int(&d->out, "blank", place->blank);
    json_int(&d->out, "index", place->index);
    json_int(&d->out, "id", place->id);
    if (piece) json_text(&d->out, "piece", piece, size);
    json_int(&d->out, "step", place->step);
    json_number(&d->out, "probability", (double)place->probability);
    json_bool(&d->out, "empty", place->empty);
    json_int(&d->out, "offset", (int64_t)place->offset);
    json_int(&d->out, "bytes", (int64_t)place->bytes);
    json_open(&d->out, "alternatives", '[');
    for (int32_t i = 0; i < place->alternatives; i++) {
        json_open(&d->out, NULL, '{');
        json_int(&d->out, "id", place->alternative_id[i]);
        piece = pal_token_piece(d->model, place->alternative_id[i], &size);
        if (piece) json_text(&d->out, "piece", piece, size);
        json_number(&d->out, "probability", (double)place->alternative_probability[i]);
        json_close(&d->out, '}');
    }
    json_close(&d->out, ']');
    json_close(&d->out, '}');
}

static void put_json(draft *d, int32_t number)
{
    pal_progress p = pal_session_progress(d->session);
    size_t count = (size_t)p.places;
    pal_place *places = calloc(count + 1, sizeof *places);
    json_string(&d->out, "sampler", pal_sampler_name(d->r->fill.sampler));
    json_uint(&d->out, "seed", d->r->fill.seed);
    if (d->r->page >= 0) json_int(&d->out, "page", d->r->page);
    json_int(&d->out, "draft", number);
    json_bool(&d->out, "complete", p.open == 0);
    json_int(&d->out, "steps", p.step);
    json_int(&d->out, "evaluations", p.evaluations - d->evaluations_before);
    if (d->r->board)
        json_int(&d->out, "loops", d->r->fill.loops ? d->r->fill.loops : pal_model_info(d->model)->loops);
    else {
        json_int(&d->out, "shown_tokens", p.shown);
        json_int(&d->out, "page_tokens", p.tokens);
    }
    if (p.windows > 1) json_int(&d->out, "windows", p.windows); /* the probabilities are those in the windows */
    json_run(&d->out, d->model, d->r->model, d->start);
    json_text(&d->out, d->r->board ? "board" : "text", d->text, d->text_bytes);
    if (d->r->board)
        put_filled_board(&d->out, d->session, d->text, d->text_bytes);
    else if (places) {
        pal_session_tokens(d->session, places, count);
        json_open(&d->out, "tokens", '[');
        for (size_t i = 0; i < count; i++) put_place(d, &places[i]);
        json_close(&d->out, ']');
    }
    json_close(&d->out, '}');
    json_end_line(&d->out);
    free(places);
}

static void put_trace(draft *d)
{
    pal_progress p = pal_session_progress(d->session);
    if (!fetch_text(d)) return;
    if (d->r->json)
        json_text(&d->out, NULL, d->text, d->text_bytes);
    else {
        fprintf(stderr, "step %d, %d evaluations, %d open: ", p.step, p.evaluations - d->evaluations_before, p.open);
        fwrite(d->text, 1, d->text_bytes, stderr);
        fputc('\n', stderr);
    }
}

static void show_progress(const draft *d)
{
    pal_progress p = pal_session_progress(d->session);
    fprintf(stderr, "\r%d of %d places filled, %d evaluations ", p.places - p.open, p.places,
            p.evaluations - d->evaluations_before);
}

/* Notes for people: on a page that comes back as it was, or of which the model does not see all at once. */
static void say_of_page(const request *r, const bytes *page, const pal_session *session)
{
    pal_progress p = pal_session_progress(session);
    if (r->board) {
        say_of_board(page, r->page);
        return;
    }
    if (!p.places && r->page < 0)
        fputs("the text has no blank: write [[?]], [[4]] or [[3-8]] where the model should write\n", stderr);
    if (p.windowed && p.windows == 1) fprintf(stderr, "the model sees %d of the page's %d tokens\n", p.shown, p.tokens);
    if (p.windowed && p.windows > 1)
        fprintf(stderr, "the page has %d tokens and is filled in %d windows of up to %d\n", p.tokens, p.windows,
                p.shown);
}

static int put_draft(draft *d, int32_t number)
{
    if (!fetch_text(d)) return EXIT_BAD;
    if (d->r->json)
        put_json(d, number);
    else {
        if (number) fputs("---\n", stdout);
        fwrite(d->text, 1, d->text_bytes, stdout);
        fputc('\n', stdout);
        fflush(stdout);
    }
    return EXIT_GOOD;
}

static int run_draft(draft *d, int32_t number, pal_error *err)
{
    bool progress = isatty(2) && !d->r->trace;
    pal_status s = PAL_MORE;
    d->start = seconds_now();
    d->evaluations_before = pal_session_progress(d->session).evaluations;
    d->out = (json){.out = stdout};
    if (d->r->json && d->r->trace) {
        json_open(&d->out, NULL, '{');
        json_open(&d->out, "trace", '[');
    }
    while (s == PAL_MORE && !stop_requested()) {
        s = pal_step(d->session, err);
        if (progress) show_progress(d);
        if (d->r->trace && s >= 0) put_trace(d);
    }
    if (d->r->json && d->r->trace) json_close(&d->out, ']');
    if (progress) fputs("\r\033[K", stderr);
    if (s < 0) return EXIT_BAD;
    if (d->r->json && !d->r->trace) json_open(&d->out, NULL, '{');
    int code = put_draft(d, number);
    return code == EXIT_GOOD && s == PAL_MORE ? EXIT_STOPPED : code;
}

/* ---- drafts together -------------------------------------------------------------------------------- */

/* All drafts of a page: each makes a step in turn, and their evaluations are one batch. */
typedef struct {
    draft *draft;          /* [count] */
    pal_session **session; /* [count] */
    void **block;          /* [count] */
    void *together;
    size_t together_bytes;
    int32_t count, wanted; /* drafts made so far; drafts to make */
} drafts;

static void drafts_end(drafts *all)
{
    for (int32_t i = 0; i < all->wanted; i++) {
        if (all->draft) free(all->draft[i].text);
        if (all->block) free(all->block[i]);
    }
    free(all->draft);
    free(all->session);
    free(all->block);
    free(all->together);
}

/* PAL_E_MEMORY: there is not enough memory for all sessions at once, or they have too many tokens together. */
static pal_status drafts_start(drafts *all, request *r, const pal_model *model, const bytes *page, pal_error *err)
{
    size_t size = 0, count = (size_t)r->drafts;
    pal_status s = pal_session_bytes(model, page->data, page->size, &r->fill, &size, err);
    if (s) return s;
    *all = (drafts){.draft = calloc(count, sizeof *all->draft),
                    .session = calloc(count, sizeof *all->session),
                    .block = calloc(count, sizeof *all->block),
                    .wanted = r->drafts};
    if (!all->draft || !all->session || !all->block) return PAL_E_MEMORY;
    for (; all->count < r->drafts; all->count++) {
        draft *d = &all->draft[all->count];
        r->fill.draft = (uint32_t)all->count;
        all->block[all->count] = malloc(size);
        if (!all->block[all->count]) return PAL_E_MEMORY;
        s = pal_session_init(&d->session, model, page->data, page->size, &r->fill, all->block[all->count], size, err);
        if (s) return s;
        all->session[all->count] = d->session;
        *d = (draft){.r = r, .model = model, .session = d->session, .out = {.out = stdout}};
    }
    int64_t tokens = (int64_t)pal_session_progress(all->session[0]).shown * r->drafts;
    if (tokens > INT32_MAX || pal_together_bytes(model, (int32_t)tokens, &all->together_bytes, err))
        return PAL_E_MEMORY;
    all->together = malloc(all->together_bytes);
    return all->together ? PAL_OK : PAL_E_MEMORY;
}

static int drafts_run(drafts *all, pal_error *err)
{
    bool more = true, progress = isatty(2);
    int code = EXIT_GOOD;
    double start = seconds_now();
    while (more && !stop_requested()) {
        more = false;
        if (pal_evaluate_together(all->draft[0].model, all->session, all->count, all->together, all->together_bytes,
                                  err))
            return EXIT_BAD;
        for (int32_t i = 0; i < all->count; i++) {
            pal_status s = pal_step(all->session[i], err);
            if (s < 0) return EXIT_BAD;
            more = s == PAL_MORE || more;
        }
        if (progress) show_progress(&all->draft[0]);
    }
    if (progress) fputs("\r\033[K", stderr);
    for (int32_t i = 0; i < all->count && code == EXIT_GOOD; i++) {
        draft *d = &all->draft[i];
        d->start = start;
        if (d->r->json) json_open(&d->out, NULL, '{');
        code = put_draft(d, i);
    }
    return code == EXIT_GOOD && more ? EXIT_STOPPED : code;
}

/* ---- drafts one by one ------------------------------------------------------------------------------ */

/* Uses one session for all drafts, which differ only in the draft number. */
static int run_in_turn(request *r, const pal_model *model, const bytes *page, pal_error *err)
{
    draft d = {.r = r, .model = model};
    size_t size = 0;
    int code = EXIT_GOOD;
    r->fill.draft = 0;
    if (pal_session_bytes(model, page->data, page->size, &r->fill, &size, err)) return EXIT_BAD;
    void *block = malloc(size);
    if (!block) {
        *err = (pal_error){PAL_E_MEMORY, "not enough memory for the session", SIZE_MAX};
        return EXIT_BAD;
    }
    if (pal_session_init(&d.session, model, page->data, page->size, &r->fill, block, size, err)) {
        free(block);
        return EXIT_BAD;
    }
    say_of_page(r, page, d.session);
    for (int32_t number = 0; number < r->drafts && code == EXIT_GOOD; number++) {
        if (number) {
            pal_session_reseed(d.session, r->fill.seed, (uint32_t)number);
            pal_session_rewind(d.session, 0, NULL);
        }
        code = run_draft(&d, number, err);
    }
    free(d.text);
    free(block);
    return code;
}

/* Makes the drafts together if there are several, steps are not traced, and there is memory for all of them. */
static int run_all(request *r, const pal_model *model, const bytes *page, pal_error *err)
{
    enum { MAX_TOGETHER = 64 };
    drafts all = {0};
    r->fill.pins = r->pins;
    if (r->drafts == 1 || r->drafts > MAX_TOGETHER || r->trace) return run_in_turn(r, model, page, err);
    pal_status s = drafts_start(&all, r, model, page, err);
    int code = s ? EXIT_BAD : EXIT_GOOD;
    if (!s) {
        say_of_page(r, page, all.session[0]);
        code = drafts_run(&all, err);
    }
    drafts_end(&all);
    return s == PAL_E_MEMORY ? run_in_turn(r, model, page, err) : code;
}

/* Prints an error, once. */
static int report_text(const request *r, const bytes *page, pal_error *err)
{
    const pal_error e = *err;
    err->text = NULL;
    if (e.status == PAL_E_TEXT && r->board) return report_board(page, r->board, r->page, &e);
    return report(e.status == PAL_E_TEXT ? "the page" : "infill", &e);
}

/* ---- many pages --------------------------------------------------------------------------------------- */

static bool next_page(const request *r, const bytes *input, size_t *at, bytes *page)
{
    return r->board ? next_board(input, at, page) : next_document(input, at, page);
}

static int run_pages(request *r, const pal_model *model, const bytes *input, pal_error *err)
{
    bytes page;
    size_t at = 0, from = 0;
    uint64_t seed = r->fill.seed;
    int code = EXIT_GOOD;
    for (r->page = 0; code == EXIT_GOOD && next_page(r, input, &at, &page); r->page++, from = at) {
        if (r->page && !r->json && !r->board) puts("<|endoftext|>");
        r->fill.seed = seed + (uint64_t)r->page;
        page.size = without_line_break(page.data, page.size);
        code = run_all(r, model, &page, err);
        if (code != EXIT_BAD || !err->text || err->status != PAL_E_TEXT) continue;
        if (r->board) return report_text(r, &page, err);
        err->offset += from; /* in all of the input */
    }
    return code;
}

int command_infill(int argc, char **argv)
{
    request *r = calloc(1, sizeof *r);
    if (!r) return EXIT_BAD;
    r->page = -1;
    bool seeded;
    bytes page = {0};
    pal_error err = {0};
    pal_model *base = NULL, *model = NULL;
    int code = parse(r, argc, argv, &seeded);
    if (code < 0) {
        code = EXIT_BAD;
        base = model_of("infill", r->model, 0, r->isa, r->threads, &code);
        model = with_adapter(base, r->adapter, &code);
    }
    if (model) code = input_read("infill", r->text, r->file, r->dash, &page);
    if (model && code < 0) {
        stop_on_interrupt();
        r->fill.seed = seed_or_drawn(r->fill.seed, seeded);
        if (r->fill.sampler == PAL_SAMPLER_OF_MODEL) r->fill.sampler = pal_default_sampler(model);
        r->board = pal_model_info(model)->board;
        code = (r->pages ? run_pages : run_all)(r, model, &page, &err);
        if (code == EXIT_BAD && err.text) code = report_text(r, &page, &err);
    }
    if (model != base) pal_model_close(model);
    pal_model_close(base);
    free(page.data);
    free(r);
    return code;
}
