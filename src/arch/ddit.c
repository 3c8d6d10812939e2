/* ddit.c - the transformer of discrete diffusion: sedd and mdlm.
 *
 * Peebles and Xie, "Scalable diffusion models with transformers" (2023), as Lou, Meng and Ermon (2024, SEDD) use it for
 * tokens; Sahoo et al. 2024 (MDLM) and Ou et al. 2025 (RADD): the same without the noise level.  LayerNorm, rotary
 * positions by halves, attention to all places, GELU in its tanh form.  The noise level changes each layer by vectors: h =
 * norm(x) (1 + scale) + shift before attention and before the MLP, x = x + gate y after each. */
#include "architecture.h"
#include "../core/math.h"
#include "../nn/rows.h"

/* ---- the noise level -------------------------------------------------------------------------------- */

/* Cosines, then sines, of sigma times frequencies from 1 down to nearly 1e-4. */
static void embed_level(float *x, double sigma)
{
    enum { HALF = PAL_FREQUENCIES / 2 };
    for (int i = 0; i < HALF; i++) {
        double sine, cosine;
        pal_sincos(sigma * pal_pow(1e4, -(double)i / (double)HALF), &sine, &cosine);
        x[i] = (float)cosine;
        x[HALF + i] = (float)sine;
    }
}

static void silu(float *x, int n)
{
    for (int i = 0; i < n; i++) x[i] /= 1.0f + pal_expf(-x[i]);
}

/* y [m->rows] := m of the embedded level, or its constants. */
static void vectors_of(const pal_compute *compute, const pal_matrix *m, pal_input *level, float *y)
{
    if (m->data)
        pal_linear(compute, y, level, m);
    else
        for (int i = 0; i < m->rows; i++) y[i] = m->bias[i];
}

/* Scales multiply as 1 + scale. */
static void add_one(float *scale, int n)
{
    for (int i = 0; i < n; i++) scale[i] += 1.0f;
}

/* The total noise, as the network may see it.  (A share of 1 is infinite noise.) */
static double level_of(const pal_conditioning *c, double share)
{
    const double sigma = share < 1.0 ? -pal_log(1.0 - share) : c->most;
    return sigma < c->least ? c->least : sigma > c->most ? c->most : sigma;
}

static void condition(const pal_transformer *net, const pal_compute *compute, pal_activations *a, double share)
{
    const pal_conditioning *c = net->conditioning;
    const size_t dim = (size_t)net->dim;
    pal_input level = {0};
    if (c->width) {
        float *wide = a->level + PAL_FREQUENCIES, *embedded = wide + c->width;
        embed_level(a->level, level_of(c, share));
        pal_input in = pal_input_of(&a->scratch, a->level, 1, PAL_FREQUENCIES);
        pal_linear(compute, wide, &in, &c->in);
        silu(wide, c->width);
        in = pal_input_of(&a->scratch, wide, 1, c->width);
        pal_linear(compute, embedded, &in, &c->out);
        silu(embedded, c->width);
        level = pal_input_of(&a->scratch, embedded, 1, c->width);
    }
    float *y = a->modulation;
    for (int l = 0; l < net->layers; l++, y += 6 * dim) {
        vectors_of(compute, &c->layer[l], &level, y);
        add_one(y + dim, net->dim);
        add_one(y + 4 * dim, net->dim);
    }
    vectors_of(compute, &c->last, &level, y);
    add_one(y + dim, net->dim);
}

/* ---- layers ----------------------------------------------------------------------------------------- */

/* Shift, 1 + scale and gate of one half of a layer; all NULL without conditioning. */
typedef struct {
    const float *shift, *factor, *gate; /* [dim] */
} change;

static change change_of(const pal_pass *p, int layer, int half)
{
    const size_t dim = (size_t)p->net->dim;
    if (!p->net->conditioning) return (change){0};
    const float *at = p->a->modulation + (6 * (size_t)layer + 3 * (size_t)half) * dim;
    return (change){at, at + dim, at + 2 * dim};
}

typedef struct {
    const pal_compute *compute;
    const change *by;
    float *h;
    size_t dim;
} rows_of_h;

static void shift_rows(void *context, int from, int to, int thread)
{
    const rows_of_h *j = context;
    (void)thread;
    for (float *h = j->h + (size_t)from * j->dim; from < to; from++, h += j->dim)
        for (size_t i = 0; i < j->dim; i++) h[i] = h[i] * j->by->factor[i] + j->by->shift[i];
}

static void gate_rows(void *context, int from, int to, int thread)
{
    const rows_of_h *j = context;
    (void)thread;
    for (float *h = j->h + (size_t)from * j->dim; from < to; from++, h += j->dim)
        for (size_t i = 0; i < j->dim; i++) h[i] *= j->by->gate[i];
}

static void change_rows(rows_of_h *j, pal_tiles_fn *fn, int n)
{
    pal_team_run(pal_compute_team(j->compute, 4 * (size_t)n * j->dim), fn, j, n);
}

/* h [n, dim] := norm of x, shifted and scaled. */
static void norm(const pal_transformer *net, const pal_compute *compute, const pal_norm *by, const change *c,
                 const float *x, float *h, int n)
{
    pal_rows_layer_norm(compute, h, x, by->gain, by->bias, net->eps, n, net->dim);
    if (c->factor) change_rows(&(rows_of_h){compute, c, h, (size_t)net->dim}, shift_rows, n);
}

/* a->x [count, dim] += gate * a->h. */
static void add_gated(const pal_pass *p, const change *c)
{
    const size_t dim = (size_t)p->net->dim;
    pal_activations *a = p->a;
    if (c->gate) change_rows(&(rows_of_h){p->compute, c, a->h, dim}, gate_rows, p->count);
    pal_rows_add(p->compute, a->x, a->h, (size_t)p->count * dim);
}

static void attention_block(const pal_pass *p, int layer)
{
    const pal_transformer *net = p->net;
    const pal_compute *compute = p->compute;
    const pal_layer *l = &net->layer[layer];
    const change c = change_of(p, layer, 0);
    pal_activations *a = p->a;
    norm(net, compute, &l->attn_norm, &c, a->x, a->h, p->n); /* h [n, dim] */
    pal_pass_project(p, l);                                  /* k, v [n, dim], q, x [count, dim] */
    pal_pass_rotate(p, a->k, NULL, p->n, net->kv_heads);
    pal_pass_rotate(p, a->q, p->rows, p->count, net->heads);
    pal_pass_attend(p, layer); /* attended [count, dim] */
    pal_input attended = pal_pass_input(p, a->attended, p->count, net->dim);
    pal_linear(compute, a->h, &attended, &l->attn_output); /* h [count, dim] */
    add_gated(p, &c);
}

static void mlp_block(const pal_pass *p, int layer)
{
    const pal_transformer *net = p->net;
    const pal_compute *compute = p->compute;
    const pal_layer *l = &net->layer[layer];
    const change c = change_of(p, layer, 1);
    pal_activations *a = p->a;
    norm(net, compute, &l->ffn_norm, &c, a->x, a->h, p->count); /* h [count, dim] */
    pal_input h = pal_pass_input(p, a->h, p->count, net->dim);
    pal_linear(compute, a->up, &h, &l->up); /* up [count, hidden] */
    pal_rows_gelu(compute, a->up, (size_t)p->count * (size_t)net->hidden);
    pal_input hidden = pal_pass_input(p, a->up, p->count, net->hidden);
    pal_linear(compute, a->h, &hidden, &l->down); /* h [count, dim] */
    add_gated(p, &c);
}

static void layer_of(const pal_pass *p, int layer)
{
    attention_block(p, layer);
    mlp_block(p, layer);
}

static void output_norm(const pal_transformer *net, const pal_compute *compute, const pal_activations *a, float *h,
                        int n)
{
    const float *last = a->modulation + 6 * (size_t)net->layers * (size_t)net->dim;
    const change c = net->conditioning ? (change){last, last + net->dim, NULL} : (change){0};
    norm(net, compute, &net->output_norm, &c, h, h, n);
}

const pal_architecture pal_architecture_sedd = {pal_sedd_read, pal_sedd_bind, pal_pass_embed,
                                                layer_of,      output_norm,   condition};
const pal_architecture pal_architecture_mdlm = {pal_mdlm_read, pal_mdlm_bind, pal_pass_embed,
                                                layer_of,      output_norm,   condition};
