/* rows.c - divides operations on rows and elements among threads: each tile is one call of a kernel.
 *
 * Without a team the whole is one call.  Functions that would be large otherwise have that call in two places: in engines
 * without threads the compiler leaves out the other. */
#include "rows.h"
#include "linear.h"

enum {
    PIECE = 4096,  /* elements of a tile; a multiple of 32 */
    NORM_WORK = 8, /* what an element costs, in multiplications of a product */
    ACTIVATION_WORK = 32,
    ADD_WORK = 2,
    QUANTIZE_WORK = 8
};

typedef struct {
    const pal_compute *compute;
    float *y;
    const float *x, *gain, *bias;
    float eps;
    int n, dim, rows; /* rows of a tile */
    size_t count;     /* elements, for operations without rows */
    const pal_quantized *to;
} job;

/* ---- rows ------------------------------------------------------------------------------------------- */

/* Rows from .. end of tiles from .. to. */
static int end_of(const job *j, int to)
{
    return to < (j->n + j->rows - 1) / j->rows ? to * j->rows : j->n;
}

static pal_team *team_for_rows(const pal_compute *compute, int n, int dim)
{
    return pal_compute_team(compute, (size_t)n * (size_t)dim * NORM_WORK);
}

static void run_rows(pal_team *team, job *j, pal_tiles_fn *fn)
{
    j->rows = j->dim < PIECE ? PIECE / j->dim : 1;
    pal_team_run(team, fn, j, (j->n + j->rows - 1) / j->rows);
}

static void rms_norm(void *context, int from, int to, int thread)
{
    const job *j = context;
    const int first = from * j->rows, end = end_of(j, to);
    const size_t at = (size_t)first * (size_t)j->dim;
    (void)thread;
    j->compute->kernels->rms_norm(j->y + at, j->x + at, j->gain, j->eps, end - first, j->dim);
}

void pal_rows_rms_norm(const pal_compute *compute, float *y, const float *x, const float *gain, float eps, int n,
                       int dim)
{
    job j = {.compute = compute, .y = y, .x = x, .gain = gain, .eps = eps, .n = n, .dim = dim};
    pal_team *team = team_for_rows(compute, n, dim);
    if (team)
        run_rows(team, &j, rms_norm);
    else
        compute->kernels->rms_norm(y, x, gain, eps, n, dim);
}

static void layer_norm(void *context, int from, int to, int thread)
{
    const job *j = context;
    const int first = from * j->rows, end = end_of(j, to);
    const size_t at = (size_t)first * (size_t)j->dim;
    (void)thread;
    j->compute->kernels->layer_norm(j->y + at, j->x + at, j->gain, j->bias, j->eps, end - first, j->dim);
}

void pal_rows_layer_norm(const pal_compute *compute, float *y, const float *x, const float *gain, const float *bias,
                         float eps, int n, int dim)
{
    job j = {.compute = compute, .y = y, .x = x, .gain = gain, .bias = bias, .eps = eps, .n = n, .dim = dim};
    pal_team *team = team_for_rows(compute, n, dim);
    if (team)
        run_rows(team, &j, layer_norm);
    else
        compute->kernels->layer_norm(y, x, gain, bias, eps, n, dim);
}

/* ---- elements --------------------------------------------------------------------------------------- */

/* The first element of a tile, or the end. */
static size_t element_of(const job *j, int tile)
{
    const size_t at = (size_t)tile * PIECE;
    return at < j->count ? at : j->count;
}

static void run_elements(job *j, pal_tiles_fn *fn, size_t work)
{
    pal_team_run(pal_compute_team(j->compute, j->count * work), fn, j, (int)((j->count + PIECE - 1) / PIECE));
}

static void swiglu(void *context, int from, int to, int thread)
{
    const job *j = context;
    const size_t at = element_of(j, from);
    (void)thread;
    j->compute->kernels->swiglu(j->y + at, j->x + at, element_of(j, to) - at);
}

void pal_rows_swiglu(const pal_compute *compute, float *gate, const float *up, size_t count)
{
    run_elements(&(job){.compute = compute, .y = gate, .x = up, .count = count}, swiglu, ACTIVATION_WORK);
}

static void gelu(void *context, int from, int to, int thread)
{
    const job *j = context;
    const size_t at = element_of(j, from);
    (void)thread;
    j->compute->kernels->gelu(j->y + at, element_of(j, to) - at);
}

void pal_rows_gelu(const pal_compute *compute, float *x, size_t count)
{
    run_elements(&(job){.compute = compute, .y = x, .count = count}, gelu, ACTIVATION_WORK);
}

static void add(void *context, int from, int to, int thread)
{
    const job *j = context;
    const size_t at = element_of(j, from);
    (void)thread;
    j->compute->kernels->add(j->y + at, j->x + at, element_of(j, to) - at);
}

void pal_rows_add(const pal_compute *compute, float *x, const float *y, size_t count)
{
    run_elements(&(job){.compute = compute, .y = x, .x = y, .count = count}, add, ADD_WORK);
}

static void quantize(void *context, int from, int to, int thread)
{
    const job *j = context;
    const size_t at = element_of(j, from);
    const pal_quantized part = pal_quantized_from(j->to, at);
    (void)thread;
    j->compute->kernels->quantize(&part, j->x + at, element_of(j, to) - at);
}

void pal_rows_quantize(const pal_compute *compute, const pal_quantized *to, const float *x, size_t count)
{
    run_elements(&(job){.compute = compute, .to = to, .x = x, .count = count}, quantize, QUANTIZE_WORK);
}
