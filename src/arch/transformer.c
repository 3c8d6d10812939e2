/* transformer.c - scratch memory, and evaluation layer by layer. llama.c, gpt2.c and ddit.c compute the layers;
 * transformer_bind.c binds the tensors. */
#include "architecture.h"
#include "../core/math.h"

#include <string.h>

static size_t round_up(int n)
{
    return ((size_t)n + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL;
}

pal_cache_shape pal_transformer_cache(const pal_transformer *net)
{
    return (pal_cache_shape){.layers = net->layers, .kv_heads = net->kv_heads, .head_dim = net->head_dim};
}

/* Places the arrays of the noise level; returns the length of the longest input of its products. */
static size_t layout_level(pal_activations *a, const pal_transformer *net, pal_arena *arena)
{
    const pal_conditioning *c = net->conditioning;
    const size_t dim = (size_t)net->dim, layers = (size_t)net->layers, width = c ? (size_t)c->width : 0;
    const size_t level = width ? PAL_FREQUENCIES + 2 * width : 0;
    a->level = pal_take(arena, level, sizeof(float));
    a->modulation = pal_take2(arena, c ? 6 * layers + 2 : 0, dim, sizeof(float));
    return width > PAL_FREQUENCIES ? width : level ? PAL_FREQUENCIES : 0;
}

void pal_activations_layout(pal_activations *a, const pal_transformer *net, int threads, int max_tokens, int positions,
                            pal_arena *arena)
{
    size_t n = (size_t)max_tokens, q_dim = pal_times((size_t)net->heads, (size_t)net->head_dim);
    size_t kv_dim = pal_times((size_t)net->kv_heads, (size_t)net->head_dim);
    size_t dim = (size_t)net->dim, hidden = (size_t)net->hidden;
    size_t widest = dim > hidden ? dim : hidden;
    size_t rank, rows; /* of adapters */
    if (q_dim > widest) widest = q_dim;
    const size_t level = layout_level(a, net, arena);
    if (level > widest) widest = level;
    pal_matrices_adapted(&net->matrices, &rank, &rows);

    a->max_tokens = max_tokens;
    a->positions = positions;
    a->x = pal_take2(arena, n, dim, sizeof(float));
    a->h = pal_take2(arena, n, dim, sizeof(float));
    a->q = pal_take2(arena, n, q_dim, sizeof(float));
    a->attended = pal_take2(arena, n, q_dim, sizeof(float));
    a->k = pal_take2(arena, n, kv_dim, sizeof(float));
    a->v = pal_take2(arena, n, kv_dim, sizeof(float));
    a->gate = pal_take2(arena, net->layer[0].gate.data ? n : 0, hidden, sizeof(float));
    a->up = pal_take2(arena, n, hidden, sizeof(float));
    a->scores = pal_take2(arena, (size_t)threads, round_up(positions), PAL_ATTENTION_ROWS * sizeof(float));
    a->seen = pal_take(arena, n, sizeof *a->seen);
    a->every = pal_take(arena, n, sizeof *a->every);
    a->place = pal_take(arena, n, sizeof *a->place);
    a->cosine = a->sine = NULL;
    pal_quantized_layout(&a->scratch, n, widest, arena);
    pal_adapter_layout(&a->adapting, rank, rows, arena);
}

void pal_activations_table(pal_activations *a, const pal_transformer *net, pal_arena *arena)
{
    const size_t positions = net->rotary.dims ? (size_t)a->positions : 0, half = (size_t)net->head_dim / 2;
    a->cosine = pal_take2(arena, positions, half, sizeof(float));
    a->sine = pal_take2(arena, positions, half, sizeof(float));
}

/* Computes cos and sin of each angle in double and rounds them once.  Pairs beyond rotary.dims do not turn. */
static void fill_rotary(pal_activations *a, const pal_rotary *r, size_t half)
{
    for (size_t pair = 0; pair < half; pair++) {
        const bool turns = pair < (size_t)r->dims / 2;
        double frequency = turns ? pal_pow((double)r->base, -(double)(2 * pair) / r->dims) / (double)r->scale : 0.0;
        if (turns && r->factors) frequency /= (double)r->factors[pair];
        for (size_t at = 0; at < (size_t)a->positions; at++) {
            double sine, cosine;
            pal_sincos((double)at * frequency, &sine, &cosine);
            a->cosine[at * half + pair] = (float)cosine;
            a->sine[at * half + pair] = (float)sine;
        }
    }
}

void pal_activations_prepare(pal_activations *a, const pal_transformer *net, pal_cache *c)
{
    for (int i = 0; i < a->max_tokens; i++) a->every[i] = i;
    if (net->rotary.dims) fill_rotary(a, &net->rotary, (size_t)net->head_dim / 2);
    pal_cache_clear(c);
}

void pal_activations_borrow(pal_activations *a, const pal_activations *from, pal_cache *c)
{
    for (int i = 0; i < a->max_tokens; i++) a->every[i] = i;
    a->cosine = from->cosine;
    a->sine = from->sine;
    if (c) pal_cache_clear(c);
}

void pal_transformer_condition(const pal_transformer *net, const pal_compute *compute, pal_activations *a, double share)
{
    if (net->conditioning) net->architecture->condition(net, compute, a, share);
}

void pal_activations_copy_level(pal_activations *to, const pal_activations *from, const pal_transformer *net)
{
    const size_t dim = (size_t)net->dim, layers = 6 * (size_t)net->layers * dim;
    if (net->conditioning) memcpy(to->modulation + layers, from->modulation + layers, 2 * dim * sizeof(float));
}

int pal_activations_places(const pal_activations *a)
{
    return (int)round_up(a->positions);
}

/* All rows go through all layers except the last, which computes only the wanted rows. */
static void run_layers(pal_pass *p, const int32_t *tokens, const int *wanted, int count)
{
    pal_seen *seen = p->a->seen;
    PAL_ASSERT(p->n > 0 && p->n <= p->a->max_tokens && count > 0 && count <= p->n);
    p->rows = p->a->every;
    p->count = p->n;
    p->net->architecture->embed(p, tokens);
    for (int l = 0; l < p->net->layers; l++) {
        if (l == p->net->layers - 1) {
            p->rows = wanted;
            p->count = count;
            for (int i = 0; i < count; i++) seen[i] = seen[wanted[i]];
        }
        p->net->architecture->layer(p, l);
    }
}

/* What place `at` sees in a sequence whose places below n have rows or are in the cache. */
static pal_seen seen_from(const pal_transformer *net, int at, int n)
{
    return (pal_seen){.below = net->causal ? at + 1 : n, .own = -1};
}

void pal_transformer_forward(const pal_transformer *net, const pal_compute *compute, pal_activations *a, pal_cache *c,
                             const int32_t *tokens, int n, int first, const int *wanted, int count)
{
    pal_pass p = {.net = net, .compute = compute, .a = a, .cache = c, .n = n, .kept = n, .lengths = &n, .sequences = 1};
    PAL_ASSERT(first >= 0 && first + n <= a->positions && first + n <= c->capacity && (net->causal || first == 0));
    for (int i = 0; i < n; i++) {
        a->place[i] = first + i;
        a->seen[i] = seen_from(net, first + i, n);
    }
    run_layers(&p, tokens, wanted, count);
}

/* Copies places and sets of rows from .. to, which have the cache c. */
static void set_rows(pal_activations *a, const pal_cache *c, const pal_rows *rows, int from, int to)
{
    PAL_ASSERT(from >= 0 && to <= rows->n);
    (void)c; /* in builds without assertions */
    for (int i = from; i < to; i++) {
        const pal_seen *seen = &rows->seen[i];
        const int place = rows->place[i];
        PAL_ASSERT(place >= 0 && place < a->positions && place < c->capacity);
        PAL_ASSERT(seen->below <= c->capacity && seen->below <= pal_activations_places(a));
        PAL_ASSERT(seen->own == place || (seen->own == -1 && seen->below > 0));
        a->place[i] = place;
        a->seen[i] = *seen;
    }
}

void pal_transformer_forward_rows(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                                  pal_cache *c, const pal_rows *rows, const int *wanted, int count)
{
    const int n = rows->n;
    pal_pass p = {
        .net = net, .compute = compute, .a = a, .cache = c, .n = n, .kept = rows->kept, .lengths = &n, .sequences = 1};
    PAL_ASSERT(n <= a->max_tokens && rows->kept >= 0 && rows->kept <= n);
    if (rows->parts) {
        p.parts = rows->parts;
        p.sequences = rows->part_count;
        for (int i = 0, at = 0; i < p.sequences; at += p.parts[i++].n)
            set_rows(a, p.parts[i].cache, rows, at, at + p.parts[i].n);
    } else
        set_rows(a, c, rows, 0, n);
    run_layers(&p, rows->token, wanted, count);
}

void pal_transformer_forward_batch(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                                   pal_cache *c, const int32_t *tokens, const int *lengths, int sequences,
                                   const int *wanted, int count)
{
    pal_pass p = {.net = net, .compute = compute, .a = a, .cache = c, .lengths = lengths, .sequences = sequences};
    for (int i = 0; i < sequences; i++) {
        PAL_ASSERT(p.n + lengths[i] <= a->max_tokens && lengths[i] <= c->capacity && lengths[i] <= a->positions);
        for (int at = 0; at < lengths[i]; at++, p.n++) {
            a->place[p.n] = at;
            a->seen[p.n] = seen_from(net, at, lengths[i]);
        }
    }
    p.kept = p.n;
    run_layers(&p, tokens, wanted, count);
}

void pal_transformer_logits(const pal_transformer *net, const pal_compute *compute, pal_activations *a, const int *at,
                            int count, float *logits)
{
    const pal_matrix *output = net->output.data ? &net->output : &net->token_embd;
    size_t dim = (size_t)net->dim;
    for (int done = 0; done < count;) {
        int rows = count - done < a->max_tokens ? count - done : a->max_tokens;
        for (int i = 0; i < rows; i++)
            memcpy(a->h + (size_t)i * dim, a->x + (size_t)at[done + i] * dim, dim * sizeof(float));
        net->architecture->output_norm(net, compute, a, a->h, rows);
        pal_input in = pal_input_of(&a->scratch, a->h, rows, net->dim);
        pal_linear(compute, logits + (size_t)done * (size_t)net->vocab, &in, output);
        done += rows;
    }
}
