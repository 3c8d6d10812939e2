/* fills.c - how likely given tokens are in the blanks of a page: a session replays them, and their probabilities are
 * added up. */
#include "fills.h"
#include "../text/normal.h"
#include "../text/samplers/samplers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

pal_fills_options pal_fills_defaults(void)
{
    return (pal_fills_options){.orders = 32};
}

/* ---- which session ---------------------------------------------------------------------------------- */

static pal_status make_session(pal_fills *j, const char *page, size_t page_bytes, const pal_infill_options *given,
                               bool left_only, pal_error *err)
{
    pal_infill_options o = *given;
    size_t bytes;
    o.pins = NULL;
    o.pin_count = 0;
    o.repetition_penalty = 1.0;      /* probabilities are those before it */
    if (left_only) o.window = false; /* a token is given all that stands before it */
    pal_status s = left_only ? pal_model_ready(j->model, err) : PAL_OK;
    if (!s && left_only) s = pal_fill_check(&o, &j->model->classes, err);
    if (!s) s = (left_only ? pal_session_measure : pal_session_bytes)(j->model, page, page_bytes, &o, &bytes, err);
    if (s) return s;
    j->session_block = malloc(bytes);
    if (!j->session_block) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the page", SIZE_MAX);
    return pal_session_place(&j->session, j->model, page, page_bytes, &o, j->session_block, bytes, err);
}

static pal_status allocate(pal_fills *j, pal_error *err)
{
    j->places = j->session->layout.places;
    j->sampler = j->session->fill.sampler;
    j->network = j->session->fill.predictor;
    j->draft = j->session->options.draft;
    const size_t n = (size_t)j->places + 1, shown = (size_t)j->session->layout.longest + 1;
    j->token = malloc(n * sizeof *j->token);
    j->order = malloc(n * sizeof *j->order);
    j->here = malloc(n * sizeof *j->here);
    j->nats = calloc(n, sizeof *j->nats);
    j->sum = calloc(n, sizeof *j->sum);
    j->page = malloc(shown * sizeof *j->page);
    j->rank = calloc(shown, sizeof *j->rank);
    if (!j->token || !j->order || !j->here || !j->nats || !j->sum || !j->page || !j->rank)
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the fills", SIZE_MAX);
    return PAL_OK;
}

/* ---- windows ---------------------------------------------------------------------------------------- */

/* The number of the first place of a blank, in the whole page. */
static int32_t first_place(const pal_fills *j, int32_t blank)
{
    const pal_layout *l = &j->session->layout;
    return l->window[pal_session_window_of(j->session, blank)].first_place + l->blank[blank].place;
}

/* The session counts blanks and places from those of its window: before each step its view of this job follows. */
static void follow_window(pal_fills *j)
{
    const pal_page_window *w = &j->session->layout.window[j->session->window];
    if (j->window == j->session->window) return;
    j->window = j->session->window;
    j->here_count = j->answered = 0;
    for (int32_t i = 0; i < j->order_count; i++) {
        const int32_t place = j->order[i] - w->first_place;
        if (place >= 0 && place < w->places) j->here[j->here_count++] = place;
    }
    j->forced = (pal_forced){.token = j->token + w->first_place, .nats = j->nats + w->first_place, .order = j->here};
}

/* ---- the tokens of the fills ------------------------------------------------------------------------ */

/* Tokenizes the text of a fill as the page is tokenized; a space that the page gives is part of the first token.  Stores
 * up to blank->max ids and returns the number of tokens; SIZE_MAX: not enough memory. */
static size_t tokenize(const pal_fills *j, const pal_blank *blank, const char *text, size_t bytes, int32_t *ids)
{
    const pal_vocab *v = j->model->vocab;
    const size_t scratch_bytes = bytes < SIZE_MAX / 16 ? pal_vocab_scratch_bytes(v, bytes + 1) : SIZE_MAX;
    if (scratch_bytes == SIZE_MAX) return SIZE_MAX;
    char *view = malloc(bytes + 1);
    void *scratch = malloc(scratch_bytes + 1);
    size_t count = SIZE_MAX;
    if (view && scratch) {
        view[0] = ' ';
        const size_t length =
            pal_text_view(j->model->as_written, text, bytes, view + blank->drop_space) + blank->drop_space;
        count = pal_vocab_encode(v, view, bytes ? length : 0, 0, ids, (size_t)blank->max, scratch);
    }
    free(scratch);
    free(view);
    return count;
}

static pal_status check_ids(const pal_classes *c, const int32_t *ids, size_t count, size_t number, pal_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= c->vocab || ids[i] == c->empty)
            return pal_fail(err, PAL_E_OPTION, "a token of a fill is <empty> or outside the vocabulary", number);
    return PAL_OK;
}

static pal_status take_fill(pal_fills *j, size_t number, const pal_given_fill *given, pal_error *err)
{
    const pal_fill *f = &j->session->fill;
    const pal_blank *blank = &j->session->layout.blank[number];
    int32_t *token = j->token + first_place(j, (int32_t)number);
    size_t count = given->count;
    if (!given->ids) count = tokenize(j, blank, given->text, given->bytes, token);
    if (count == SIZE_MAX) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the fills", SIZE_MAX);
    if (count < (size_t)blank->min)
        return pal_fail(err, PAL_E_OPTION, "a fill has fewer tokens than its blank", number);
    if (count > (size_t)blank->max) return pal_fail(err, PAL_E_OPTION, "a fill has more tokens than its blank", number);
    if (given->ids && count) memcpy(token, given->ids, count * sizeof *token);
    for (size_t i = count; i < (size_t)blank->max; i++) token[i] = f->classes->empty;
    j->result.tokens += (int32_t)count;
    return check_ids(f->classes, token, count, number, err);
}

/* Whether a place is drawn: it holds a token, or the end of its blank. */
static bool is_drawn(const pal_fills *j, int32_t place)
{
    const int32_t empty = j->session->fill.classes->empty;
    return empty < 0 || j->token[place] != empty || j->session->layout.place[place].index == 0 ||
           j->token[place - 1] != empty;
}

/* ---- the order -------------------------------------------------------------------------------------- */

static pal_status take_order(pal_fills *j, const pal_fills_options *o, pal_error *err)
{
    const pal_blank *blank = j->session->layout.blank;
    int32_t missing = 0, window = 0;
    for (int32_t i = 0; i < j->places; i++) missing += is_drawn(j, i);
    for (size_t i = 0; i < o->order_count; i++) {
        const pal_drawn_place *at = &o->order[i];
        if (at->blank < 0 || (size_t)at->blank >= j->session->page.blanks || at->index < 0 ||
            at->index >= blank[at->blank].max || !is_drawn(j, first_place(j, at->blank) + at->index))
            return pal_fail(err, PAL_E_OPTION, "the order names a place that is not in the fills", i);
        const int32_t place = first_place(j, at->blank) + at->index, before = window;
        window = pal_session_window_of(j->session, at->blank);
        if (window < before)
            return pal_fail(err, PAL_E_OPTION,
                            "the page is filled in windows, and the order goes back to a blank of an earlier one", i);
        if (j->sum[place] > 0.0) return pal_fail(err, PAL_E_OPTION, "the order names a place twice", i);
        if (at->index && blank[at->blank].min < blank[at->blank].max && !(j->sum[place - 1] > 0.0))
            return pal_fail(err, PAL_E_OPTION, "in a blank of chosen length the order must go from left to right", i);
        j->sum[place] = 1.0; /* marks it as named */
        j->order[j->order_count++] = place;
        missing--;
    }
    if (missing)
        return pal_fail(err, PAL_E_OPTION, "the order must name every token, and the end of a blank that is not full",
                        o->order_count);
    memset(j->sum, 0, (size_t)j->places * sizeof *j->sum);
    return PAL_OK;
}

static void order_from_left(pal_fills *j)
{
    for (int32_t i = 0; i < j->places; i++)
        if (is_drawn(j, i)) j->order[j->order_count++] = i;
}

/* Whether the sampler fills the page from the left, or never has two places to choose from. */
static bool has_one_order(const pal_fills *j)
{
    const pal_fill *f = &j->session->fill;
    const bool chooses = f->sampler->measure || f->sampler->random_order;
    return !chooses || (f->sampler->from_left ? j->session->page.blanks <= 1 : j->places <= 1);
}

static pal_status check_sampler(const pal_fills *j, pal_error *err)
{
    const pal_fill *f = &j->session->fill;
    if (!f->sampler->is.exact)
        return pal_fail(err, PAL_E_OPTION, "fills can only be scored with an exact sampler, or in a given order",
                        SIZE_MAX);
    const pal_blank *blank = j->session->layout.blank;
    for (size_t i = 0; i < j->session->page.blanks && f->sampler->lengths == PAL_LENGTHS_AT_ONCE; i++)
        if (blank[i].min < blank[i].max)
            return pal_fail(err, PAL_E_OPTION,
                            "with this sampler blanks of chosen length can only be scored in a given order", i);
    return PAL_OK;
}

static pal_status choose_order(pal_fills *j, const pal_fills_options *o, pal_error *err)
{
    pal_fill *f = &j->session->fill;
    j->window = -1;
    f->forced = &j->forced;
    j->orders = 1;
    if (o->left_only || o->order) {
        if (o->order) {
            pal_status s = take_order(j, o, err);
            if (s) return s;
        } else
            order_from_left(j);
        pal_forced_in_order(f);
        return PAL_OK;
    }
    pal_status s = check_sampler(j, err);
    if (s) return s;
    if (has_one_order(j)) {
        order_from_left(j);
        pal_forced_in_order(f);
    } else if (f->sampler->random_order) {
        if (o->orders < 2) return pal_fail(err, PAL_E_OPTION, "orders must be at least 2", SIZE_MAX);
        j->orders = o->orders;
    }
    return PAL_OK;
}

/* ---- several places in one evaluation --------------------------------------------------------------- */

/* The places of the order from index `from` on are drawn one after the other.  They can be asked for together, up to the
 * first end of a blank: the network never knows a place that ends a blank, and predicts it from all known places. */
static void evaluate_several(void *context, const pal_query *q)
{
    pal_fills *j = context;
    const pal_fill *f = &j->session->fill;
    int32_t from = 0, rank = 0;
    while (f->place[j->here[from]].at - f->from != q->at[0]) from++;
    if (from < j->answered) return;
    for (int32_t i = 0; i < q->n; i++) {
        j->page[i] = q->tokens[i];
        j->rank[i] = q->rank[i];
        if (q->rank[i] != PAL_RANK_UNKNOWN && q->rank[i] > rank) rank = q->rank[i];
    }
    j->answered = from;
    for (bool end = false; !end && j->answered < j->here_count; j->answered++) {
        const int32_t place = j->here[j->answered], at = f->place[place].at - f->from;
        f->asked[j->answered - from] = (int)at;
        end = j->forced.token[place] == f->classes->empty;
        if (end) continue;
        j->page[at] = j->forced.token[place];
        j->rank[at] = ++rank;
    }
    j->network.evaluate(j->network.context, &(pal_query){.n = q->n,
                                                         .tokens = j->page,
                                                         .rank = j->rank,
                                                         .time = q->time,
                                                         .count = (int)(j->answered - from),
                                                         .at = f->asked,
                                                         .before = q->before});
    j->result.evaluations++;
}

static bool logits_of_several(void *context, const int *at, int count, float *logits)
{
    const pal_fills *j = context;
    return j->network.logits(j->network.context, at, count, logits);
}

/* Networks that read the order answer for tokens that are known, as if they were not yet. */
static void ask_for_several(pal_fills *j)
{
    pal_fill *f = &j->session->fill;
    j->several = j->order_count && f->predictor.reads_order;
    if (!j->several) return;
    f->predictor.context = j;
    f->predictor.evaluate = evaluate_several;
    f->predictor.logits = logits_of_several;
}

/* ---- replays ---------------------------------------------------------------------------------------- */

/* The number of the blank of a place. */
static int32_t blank_of(const pal_fills *j, int32_t place)
{
    int32_t blank = -1;
    for (int32_t i = 0; i <= place; i++) blank += j->session->layout.place[i].index == 0;
    return blank;
}

static pal_status find_impossible(const pal_fills *j, pal_error *err)
{
    for (int32_t i = 0; i < j->places; i++)
        if (!isfinite(j->nats[i]))
            return pal_fail(err, PAL_E_OPTION,
                            "a session never draws one of the tokens of this fill at its place: control tokens never, "
                            "others by the rules for borders and byte pieces",
                            (size_t)blank_of(j, i));
    return PAL_OK;
}

static void finish(pal_fills *j)
{
    const double n = j->done, variance = (j->squares - j->total * j->total / n) / (n - 1.0);
    j->result.nats = j->total / n;
    j->result.orders = j->done;
    j->result.bound = j->done > 1;
    j->result.standard_error = j->done > 1 && variance > 0.0 ? sqrt(variance / n) : 0.0;
    for (int32_t i = 0; i < j->places; i++) j->sum[i] /= n;
}

static pal_status end_replay(pal_fills *j, pal_error *err)
{
    double nats = 0.0;
    pal_status s = find_impossible(j, err);
    if (s) return s;
    for (int32_t i = 0; i < j->places; i++) {
        nats += j->nats[i];
        j->sum[i] += j->nats[i];
    }
    j->total += nats;
    j->squares += nats * nats;
    if (++j->done < j->orders) {
        memset(j->nats, 0, (size_t)j->places * sizeof *j->nats);
        pal_session_reseed(j->session, j->session->options.seed, j->session->options.draft + 1);
        return pal_session_rewind(j->session, 0, err) ? PAL_E_OPTION : PAL_MORE;
    }
    finish(j);
    return PAL_OK;
}

pal_status pal_fills_step(pal_fills *j, pal_error *err)
{
    if (j->done == j->orders) return PAL_OK;
    const int32_t before = j->session->fill.evaluations;
    follow_window(j);
    pal_status s = pal_step(j->session, err);
    if (s < 0) return s;
    if (!j->left_block && !j->several) j->result.evaluations += (uint64_t)(j->session->fill.evaluations - before);
    return s == PAL_MORE ? s : end_replay(j, err);
}

/* ---- functions of palimpsest.h ---------------------------------------------------------------------- */

/* Everything but the session and the memory. */
static pal_status prepare(pal_fills *j, const pal_given_fill *fills, size_t count, const pal_fills_options *o,
                          pal_error *err)
{
    pal_status s = PAL_OK;
    j->result = (pal_fills_result){.nats = (double)NAN, .windows = j->session->layout.windows};
    j->order_count = j->answered = j->done = 0;
    j->total = j->squares = 0.0;
    memset(j->nats, 0, (size_t)j->places * sizeof *j->nats);
    memset(j->sum, 0, (size_t)j->places * sizeof *j->sum);
    if (count != j->session->page.blanks)
        s = pal_fail(err, PAL_E_OPTION, "the page must have as many blanks as there are fills", SIZE_MAX);
    for (size_t i = 0; !s && i < count; i++) s = take_fill(j, i, &fills[i], err);
    if (!s) s = choose_order(j, o, err);
    if (!s && o->left_only) s = pal_fills_read_left(j, o, err);
    if (!s && !o->left_only) ask_for_several(j);
    j->result.evaluations = o->left_only && j->places;
    return s;
}

pal_status pal_fills_start(pal_fills **out, const pal_model *model, const char *page, size_t page_bytes,
                           const pal_infill_options *infill, const pal_given_fill *fills, size_t count,
                           const pal_fills_options *options, pal_error *err)
{
    pal_fills *j = calloc(1, sizeof *j);
    if (!j) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the score", SIZE_MAX);
    j->model = model;
    pal_status s = make_session(j, page, page_bytes, infill, options->left_only, err);
    if (!s) s = allocate(j, err);
    if (!s) s = prepare(j, fills, count, options, err);
    if (s)
        pal_fills_end(j);
    else
        *out = j;
    return s;
}

pal_status pal_fills_again(pal_fills *j, const pal_given_fill *fills, size_t count, const pal_fills_options *options,
                           pal_error *err)
{
    pal_fill *f = &j->session->fill;
    if (options->left_only || j->left_block)
        return pal_fail(err, PAL_E_OPTION, "with left-only every score is a new start", SIZE_MAX);
    f->sampler = j->sampler;
    f->predictor = j->network;
    pal_session_reseed(j->session, j->session->options.seed, j->draft);
    pal_status s = pal_session_rewind(j->session, 0, err);
    return s ? s : prepare(j, fills, count, options, err);
}

pal_fills_result pal_fills_result_of(const pal_fills *j)
{
    return j->result;
}

size_t pal_fills_places(const pal_fills *j, pal_fill_nats *out, size_t capacity)
{
    size_t count = 0;
    int32_t blank = -1;
    for (int32_t i = 0; i < j->places; i++) {
        const pal_fill_place *place = &j->session->layout.place[i];
        blank += place->index == 0;
        if (!is_drawn(j, i)) continue;
        const bool end = j->token[i] == j->session->fill.classes->empty;
        if (count < capacity) out[count] = (pal_fill_nats){blank, place->index, end ? -1 : j->token[i], j->sum[i]};
        count++;
    }
    return count;
}

void pal_fills_end(pal_fills *j)
{
    if (!j) return;
    free(j->left_block);
    free(j->session_block);
    free(j->token);
    free(j->order);
    free(j->here);
    free(j->nats);
    free(j->sum);
    free(j->page);
    free(j->rank);
    free(j);
}
