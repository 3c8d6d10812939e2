/* probing.c - searches for tokens that can never be the most probable one: a direction for each (probe/witness.h), and
 * where that does not decide, the nearest point of a hull (probe/search.h). */
#include "probing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32, LOGITS = 1 << 22, MAX_TOKENS = 1 << 24, MAX_WIDTH = 1 << 16 }; /* LOGITS: at most per batch */

static const char *const names[PAL_TOKEN_STATES] = {"open", "predictable", "tied", "unpredictable", "undecided"};

const char *pal_token_state_name(pal_token_state state)
{
    return (unsigned)state < PAL_TOKEN_STATES ? names[state] : NULL;
}

pal_probe_options pal_probe_defaults(void)
{
    return (pal_probe_options){.rounds = 500};
}

/* ---- start ------------------------------------------------------------------------------------------ */

static void layout(pal_probing *j, const pal_output_source *source, pal_arena *arena)
{
    const size_t count = (size_t)source->count, width = (size_t)source->width, batch = (size_t)j->batch;
    const int threads = pal_team_threads(j->compute.team);
    pal_output_layout(&j->layer, source, arena);
    pal_witness_layout(&j->witness, &j->layer, arena);
    pal_search_layout(&j->search, &j->layer, arena);
    j->token = pal_take(arena, batch, sizeof *j->token);
    j->decided = pal_take(arena, batch, sizeof *j->decided);
    j->lead = pal_take(arena, batch, sizeof *j->lead);
    j->length = pal_take(arena, batch, sizeof *j->length);
    j->z = pal_take2(arena, batch, width, sizeof *j->z);
    j->lifted = pal_take2(arena, batch, width, sizeof *j->lifted);
    j->logits = pal_take2(arena, batch, count, sizeof *j->logits);
    j->asked = pal_take(arena, count, sizeof *j->asked);
    j->record = pal_take(arena, count, sizeof *j->record);
    j->scratch = pal_take(arena, (size_t)threads, sizeof *j->scratch);
    for (int t = 0; t < threads; t++) {
        pal_leads_scratch s;
        pal_leads_layout(&s, source->width, arena);
        if (arena->base) j->scratch[t] = s;
    }
}

static void ask(pal_probing *j)
{
    memset(j->record, 0, (size_t)j->layer.count * sizeof *j->record);
    memset(j->asked, 0, (size_t)j->layer.count * sizeof *j->asked);
    const bool some = j->options.sample > 0 && j->options.sample < j->layer.count;
    for (size_t i = 0; i < j->options.count; i++) j->asked[j->options.tokens[i]] = true;
    for (int64_t i = 0; some && i < j->options.sample; i++) j->asked[i * j->layer.count / j->options.sample] = true;
    for (int32_t id = 0; id < j->layer.count; id++) {
        pal_probe_record *r = &j->record[j->layer.same[id]];
        if (!j->options.tokens && !some) j->asked[id] = true;
        if (j->asked[id]) r->wanted = true;
        if (j->layer.same[id] != id) r->shared = true;
    }
    j->options.tokens = NULL; /* the caller's */
}

static pal_status check(const pal_probe_options *o, int32_t count, pal_error *err)
{
    if (o->rounds < 1) return pal_fail(err, PAL_E_OPTION, "rounds must be at least 1", SIZE_MAX);
    if (o->sample < 0 || (o->sample && o->tokens))
        return pal_fail(err, PAL_E_OPTION, "sample must be at least 0, and cannot be used with tokens", SIZE_MAX);
    if (o->tokens && !o->count) return pal_fail(err, PAL_E_OPTION, "there are no tokens to decide about", SIZE_MAX);
    for (size_t i = 0; i < o->count; i++)
        if (!o->tokens || o->tokens[i] < 0 || o->tokens[i] >= count)
            return pal_fail(err, PAL_E_OPTION, "a token id is outside the vocabulary", i);
    return PAL_OK;
}

static pal_status fill(pal_probing *j, const pal_output_source *source, pal_error *err)
{
    pal_arena arena = {0};
    size_t bytes;
    layout(j, source, &arena);
    j->block = pal_arena_bytes(&arena, &bytes) ? malloc(bytes) : NULL;
    if (!j->block) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the output layer", SIZE_MAX);
    arena = pal_arena_in(j->block);
    layout(j, source, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == bytes);
    const pal_status s = pal_output_fill(&j->layer, source, err);
    if (s) return s;
    ask(j);
    pal_witness_start(&j->witness);
    return PAL_OK;
}

static pal_status start(pal_probing **out, const pal_model *model, const pal_output_source *source,
                        const pal_probe_options *options, pal_error *err)
{
    const pal_probe_options o = options ? *options : pal_probe_defaults();
    pal_status s = check(&o, source->count, err);
    if (s) return s;
    pal_probing *j = calloc(1, sizeof *j);
    if (!j) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the output layer", SIZE_MAX);
    j->model = model;
    j->options = o;
    j->batch = LOGITS / source->count < 1 ? 1 : LOGITS / source->count < BATCH ? LOGITS / source->count : BATCH;
    if (model)
        j->compute = pal_model_compute(model);
    else
        pal_kernels_init(&j->kernels, (unsigned)PAL_ISA_ALL), j->compute.kernels = &j->kernels;
    s = fill(j, source, err);
    if (s)
        pal_probing_end(j);
    else
        *out = j;
    return s;
}

pal_status pal_probing_start(pal_probing **out, const pal_model *m, const pal_probe_options *options, pal_error *err)
{
    if (!pal_model_has_texts(m) && !m->net_error.status)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        "the model has no output layer of tokens: give a model that fills blanks or continues texts",
                        SIZE_MAX);
    pal_status s = pal_model_can_evaluate(m, err);
    if (s) return s;
    const pal_transformer *net = m->network;
    const bool any = (options && options->any_hidden) || !pal_output_is_constant(net);
    const pal_output_source source = pal_output_of(net, !any);
    return start(out, m, &source, options, err);
}

pal_status pal_probing_start_rows(pal_probing **out, const pal_output_rows *rows, const pal_probe_options *options,
                                  pal_error *err)
{
    if (rows->tokens < 1 || rows->tokens > MAX_TOKENS || rows->width < 1 || rows->width > MAX_WIDTH)
        return pal_fail(err, PAL_E_OPTION, "tokens must be between 1 and 2^24, and width between 1 and 65536",
                        SIZE_MAX);
    if (!(rows->radius >= 0.0 && rows->radius < (double)INFINITY))
        return pal_fail(err, PAL_E_OPTION, "radius must be at least 0 and finite", SIZE_MAX);
    const bool any = options && options->any_hidden;
    const pal_output_source source = {.count = rows->tokens,
                                      .width = rows->width,
                                      .rows = rows->rows,
                                      .bias = rows->bias,
                                      .radius = any ? 0.0 : rows->radius,
                                      .centred = !any && rows->centred};
    return start(out, NULL, &source, options, err);
}

void pal_probing_end(pal_probing *j)
{
    if (!j) return;
    free(j->block);
    free(j);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

/* logits [n, count] := the products of all rows with n lifted directions. */
static void multiply(pal_probing *j, int n)
{
    pal_input in = pal_input_of(NULL, j->lifted, n, j->layer.width);
    pal_linear(&j->compute, j->logits, &in, &j->layer.rows);
    j->products += (uint64_t)n;
}

static double *direction(const pal_probing *j, int i)
{
    return j->z + (size_t)i * (size_t)j->layer.width;
}

static void aim_tiles(void *context, int from, int to, int thread)
{
    const pal_probing *j = context;
    for (int i = from; i < to; i++) {
        pal_witness_of(&j->witness, j->token[i], direction(j, i), j->scratch[thread].row);
        pal_output_lift(&j->layer, direction(j, i), j->lifted + (size_t)i * (size_t)j->layer.width);
    }
}

static void judge_tiles(void *context, int from, int to, int thread)
{
    const pal_probing *j = context;
    const double s = pal_search_within(&j->layer, 0.0, 1.0);
    for (int i = from; i < to; i++)
        j->decided[i] = pal_leads_win(&j->layer, &j->scratch[thread], j->token[i], direction(j, i), s,
                                      j->logits + (size_t)i * (size_t)j->layer.count, &j->lead[i]);
}

/* The length of the normalised row that is reported for a direction (z, s), |z| = 1.  Without a bias any length does. */
static double length_of(const pal_probing *j, double s)
{
    if (j->layer.bias) return 1.0 / s;
    return j->layer.radius > 0.0 ? j->layer.radius : 1.0;
}

/* The next token from `at` on that is asked for and open, or the number of tokens. */
static int32_t next_open(const pal_probing *j, int32_t at)
{
    while (at < j->layer.count && !(j->record[at].wanted && j->record[at].state == PAL_TOKEN_OPEN)) at++;
    return at;
}

static void begin(pal_probing *j, pal_probe_phase phase)
{
    j->phase = phase;
    j->at = 0;
}

static void witness_step(pal_probing *j)
{
    const size_t work = (size_t)j->layer.width * (size_t)j->layer.width * BATCH;
    for (j->n = 0; j->n < j->batch && (j->at = next_open(j, j->at)) < j->layer.count;) j->token[j->n++] = j->at++;
    if (j->n) {
        pal_team_run(pal_compute_team(&j->compute, work), aim_tiles, j, j->n);
        multiply(j, j->n);
        pal_team_run(pal_compute_team(&j->compute, (size_t)j->n * (size_t)j->layer.count), judge_tiles, j, j->n);
    }
    for (int i = 0; i < j->n; i++) {
        if (!j->decided[i]) continue;
        j->length[i] = length_of(j, pal_search_within(&j->layer, 0.0, 1.0));
        j->record[j->token[i]].state = PAL_TOKEN_PREDICTABLE;
        j->record[j->token[i]].value = j->lead[i] * j->length[i];
    }
    if (next_open(j, j->at) == j->layer.count) begin(j, PAL_PROBE_SEARCH);
}

/* Inserts a token into the list of those with the largest weights; equal weights stay in order. */
static void list_weight(pal_probe_record *r, int32_t id, double weight)
{
    int at = r->dominating < PAL_DOMINATING ? r->dominating : PAL_DOMINATING;
    for (; at > 0 && weight > r->weight[at - 1]; at--)
        if (at < PAL_DOMINATING) r->weight[at] = r->weight[at - 1], r->id[at] = r->id[at - 1];
    if (at < PAL_DOMINATING) r->weight[at] = weight, r->id[at] = id;
    r->dominating++;
}

static void note_weights(pal_probing *j, pal_probe_record *r)
{
    const pal_hull *h = &j->search.hull;
    double sum = 0.0;
    r->dominating = 0;
    for (int i = 0; i < h->capacity; i++) sum += pal_search_weight(&j->search, i);
    for (int i = 0; i < h->capacity; i++) {
        const double a = pal_search_weight(&j->search, i);
        if (a > 0.0) list_weight(r, h->tag[i], a / sum);
    }
}

static void note(pal_probing *j, pal_token_state state)
{
    pal_probe_record *r = &j->record[j->at];
    j->length[0] = length_of(j, j->search.s);
    r->state = (uint8_t)state;
    r->value = state == PAL_TOKEN_PREDICTABLE ? j->search.margin * j->length[0] : j->search.residual;
    if (state == PAL_TOKEN_UNPREDICTABLE) note_weights(j, r);
    j->token[0] = j->at;
    j->n = 1;
    j->decided[0] = true;
    memcpy(j->z, j->search.z, (size_t)j->layer.width * sizeof *j->z);
    j->searching = false;
}

static void search_step(pal_probing *j)
{
    j->n = 0;
    if (!j->searching) {
        j->at = next_open(j, j->at);
        j->round = 0;
        pal_search_start(&j->search, j->at);
        pal_witness_of(&j->witness, j->at, j->search.z, j->scratch[0].row);
        j->searching = true;
    }
    pal_output_lift(&j->layer, j->search.z, j->lifted);
    multiply(j, 1);
    const pal_search_state state = pal_search_step(&j->search, j->logits);
    if (state == PAL_SEARCH_PREDICTABLE)
        note(j, PAL_TOKEN_PREDICTABLE);
    else if (state == PAL_SEARCH_UNPREDICTABLE)
        note(j, PAL_TOKEN_UNPREDICTABLE);
    else if (state == PAL_SEARCH_FAILED || ++j->round == j->options.rounds)
        note(j, PAL_TOKEN_UNDECIDED);
}

pal_status pal_probing_step(pal_probing *j, pal_error *err)
{
    (void)err;
    j->n = 0;
    if (j->phase == PAL_PROBE_PREPARE) {
        if (next_open(j, 0) < j->layer.count && pal_witness_step(&j->witness)) return PAL_MORE;
        begin(j, PAL_PROBE_WITNESS);
    } else if (j->phase == PAL_PROBE_WITNESS)
        witness_step(j);
    else if (j->phase == PAL_PROBE_SEARCH)
        search_step(j);
    if (!j->searching && next_open(j, 0) == j->layer.count) j->phase = PAL_PROBE_DONE;
    return j->phase == PAL_PROBE_DONE ? PAL_OK : PAL_MORE;
}

/* ---- results ---------------------------------------------------------------------------------------- */

static bool is_drawn(const pal_probing *j, int32_t id)
{
    const pal_model *m = j->model;
    if (!m || !m->vocab || id >= m->classes.vocab || id == m->classes.empty) return true;
    const pal_special *special = pal_vocab_special(m->vocab);
    for (size_t i = 0; m->shape.causal && i < special->end_count; i++)
        if (special->ends[i] == id) return true;
    return !(m->classes.of[id] & (PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT));
}

static pal_token_state state_of(const pal_probing *j, int32_t id)
{
    const pal_probe_record *r = &j->record[j->layer.same[id]];
    if (!j->asked[id]) return PAL_TOKEN_OPEN;
    return r->shared && r->state == PAL_TOKEN_PREDICTABLE ? PAL_TOKEN_TIED : (pal_token_state)r->state;
}

pal_probed_token pal_probing_token(const pal_probing *j, int32_t id)
{
    const int32_t first = j->layer.same[id];
    const pal_probe_record *r = &j->record[first];
    pal_probed_token t = {.state = state_of(j, id), .drawn = is_drawn(j, id), .same_as = first == id ? -1 : first};
    t.lead = t.residual = (double)NAN;
    if (t.state == PAL_TOKEN_PREDICTABLE || t.state == PAL_TOKEN_TIED) t.lead = r->value;
    if (t.state == PAL_TOKEN_UNPREDICTABLE || t.state == PAL_TOKEN_UNDECIDED) t.residual = r->value;
    if (t.state != PAL_TOKEN_UNPREDICTABLE) return t;
    t.dominating = r->dominating;
    memcpy(t.id, r->id, sizeof t.id);
    memcpy(t.weight, r->weight, sizeof t.weight);
    return t;
}

pal_probe_progress pal_probing_progress(const pal_probing *j)
{
    pal_probe_progress p = {.products = j->products,
                            .vocabulary = j->layer.count,
                            .width = j->layer.width,
                            .bounded = j->layer.radius > 0.0,
                            .centred = j->layer.centred,
                            .biased = j->layer.bias != NULL};
    for (int32_t id = 0; id < j->layer.count; id++) {
        if (!j->asked[id]) continue;
        const pal_token_state state = state_of(j, id);
        (is_drawn(j, id) ? p.drawn : p.never)[state]++;
        p.all_tokens++;
        p.tokens += state != PAL_TOKEN_OPEN;
    }
    return p;
}

size_t pal_probing_decided(const pal_probing *j, int32_t *ids, size_t capacity)
{
    size_t n = 0;
    for (int i = 0; i < j->n; i++) {
        if (!j->decided[i]) continue;
        if (n < capacity) ids[n] = j->token[i];
        n++;
    }
    return n;
}

static int find_decided(const pal_probing *j, int32_t id)
{
    for (int i = 0; i < j->n; i++)
        if (j->decided[i] && j->token[i] == j->layer.same[id]) return i;
    return -1;
}

bool pal_probing_hidden(const pal_probing *j, int32_t id, double *hidden)
{
    const int at = find_decided(j, id);
    if (at < 0 || j->record[j->layer.same[id]].state != PAL_TOKEN_PREDICTABLE) return false;
    const double *z = direction(j, at);
    for (int c = 0; c < j->layer.width; c++) hidden[c] = z[c] * j->length[at];
    pal_output_hidden(&j->layer, hidden, hidden);
    return true;
}

size_t pal_probing_weights(const pal_probing *j, int32_t id, int32_t *ids, double *weights, size_t capacity)
{
    if (find_decided(j, id) < 0 || j->record[j->layer.same[id]].state != PAL_TOKEN_UNPREDICTABLE) return 0;
    return (size_t)pal_search_weights(&j->search, ids, weights, capacity < INT32_MAX ? (int)capacity : INT32_MAX);
}
