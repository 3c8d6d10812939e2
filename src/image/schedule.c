/* schedule.c - alpha-bar as a function of time, and back. */
#include "schedule.h"
#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

/* Near 0 by the series -x (1 + x/2 (1 + x/3 (...))), because 1 - e^x would cancel; the first beta-bar is 1e-4 or
 * less. */
double pal_one_minus_exp(double x)
{
    if (x < -0.05) return 1.0 - pal_exp(x);
    double sum = 1.0;
    for (int n = 9; n >= 2; n--) sum = 1.0 + x / n * sum;
    return -x * sum;
}

/* log(1 + x) for x >= 0, without loss of precision near 0. */
static double log_one_plus(double x)
{
    if (x > 0.05) return pal_log(1.0 + x);
    double s = x / (2.0 + x), z = s * s, sum = 1.0 / 11.0;
    for (int n = 9; n >= 1; n -= 2) sum = 1.0 / n + z * sum;
    return 2.0 * s * sum;
}

/* ---- making one ------------------------------------------------------------------------------------- */

pal_status pal_schedule_layout(pal_schedule *s, int32_t steps, pal_arena *arena, pal_error *err)
{
    if (steps < 1 || steps > PAL_SCHEDULE_STEPS)
        return pal_fail(err, PAL_E_OPTION, "a noise schedule must have between 1 and 65536 steps", SIZE_MAX);
    *s = (pal_schedule){.steps = steps, .min_time = 1.0 / steps};
    s->log_alpha = pal_take(arena, (size_t)steps + 1, sizeof *s->log_alpha);
    return PAL_OK;
}

/* log(1 - beta) to the relative precision of beta; the first beta is 1e-4 or less. */
static void take_beta(pal_schedule *s, int32_t step, double beta)
{
    double log_keep = beta < 0.05 ? -log_one_plus(beta / (1.0 - beta)) : pal_log(1.0 - beta);
    s->log_alpha[step] = s->log_alpha[step - 1] + log_keep;
}

pal_status pal_schedule_given(pal_schedule *s, const double *betas, pal_error *err)
{
    for (int32_t n = 0; n < s->steps; n++)
        if (!(betas[n] > 0.0 && betas[n] < 1.0))
            return pal_fail(err, PAL_E_OPTION, "the betas of a noise schedule must be between 0 and 1", (size_t)n);
    s->log_alpha[0] = 0.0;
    for (int32_t n = 1; n <= s->steps; n++) take_beta(s, n, betas[n - 1]);
    return PAL_OK;
}

pal_status pal_schedule_linear(pal_schedule *s, double first, double last, pal_error *err)
{
    if (!(first > 0.0 && first <= last && last < 1.0))
        return pal_fail(err, PAL_E_OPTION, "the betas of a noise schedule must be between 0 and 1 and increase",
                        SIZE_MAX);
    double stride = s->steps > 1 ? (last - first) / (s->steps - 1) : 0.0;
    s->log_alpha[0] = 0.0;
    for (int32_t n = 1; n <= s->steps; n++) take_beta(s, n, first + stride * (n - 1));
    return PAL_OK;
}

static double cosine_alpha(double t)
{
    double sine, cosine;
    pal_sincos((t + 0.008) / 1.008 * 0x1.921fb54442d18p0, &sine, &cosine);
    return cosine * cosine;
}

void pal_schedule_cosine(pal_schedule *s)
{
    s->log_alpha[0] = 0.0;
    for (int32_t n = 1; n <= s->steps; n++) {
        double beta = 1.0 - cosine_alpha((double)n / s->steps) / cosine_alpha((double)(n - 1) / s->steps);
        take_beta(s, n, beta < 0.999 ? beta : 0.999);
    }
}

pal_status pal_schedule_vp(pal_schedule *s, double beta_min, double beta_max, double cut, pal_error *err)
{
    if (!(beta_min > 0.0 && beta_min <= beta_max && beta_max <= 1000.0))
        return pal_fail(err, PAL_E_OPTION, "beta-min must be above 0 and at most beta-max, and beta-max at most 1000",
                        SIZE_MAX);
    if (!(cut >= 1e-6 && cut < 1.0)) return pal_fail(err, PAL_E_OPTION, "the cut must be between 1e-6 and 1", SIZE_MAX);
    *s = (pal_schedule){.beta_min = beta_min, .beta_max = beta_max, .min_time = cut};
    return PAL_OK;
}

/* ---- asking it -------------------------------------------------------------------------------------- */

static double log_alpha_at(const pal_schedule *s, double time)
{
    if (!s->steps) return -time * (s->beta_min + 0.5 * time * (s->beta_max - s->beta_min));
    double n = time * s->steps;
    int32_t below = (int32_t)n;
    if (below < 0) below = 0;
    if (below > s->steps - 1) below = s->steps - 1;
    double part = n - below, low = s->log_alpha[below], high = s->log_alpha[below + 1];
    /* n / N times N may differ from n in the last bits; the time of a step must give exactly its entry. */
    if (part > 1.0 - 1e-9) return high;
    return part < 1e-9 ? low : low + part * (high - low);
}

static double time_of(const pal_schedule *s, double log_alpha)
{
    if (!s->steps) { /* the root of half_rise t^2 + beta_min t = -log alpha, in the form without cancellation */
        double half_rise = 0.5 * (s->beta_max - s->beta_min), c = -log_alpha;
        double time = 2.0 * c / (s->beta_min + sqrt(s->beta_min * s->beta_min + 4.0 * half_rise * c));
        return time < 1.0 ? time : 1.0;
    }
    int32_t low = 0, high = s->steps; /* log_alpha[low] >= log_alpha > log_alpha[high], or the end */
    if (log_alpha <= s->log_alpha[high]) return 1.0;
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        if (s->log_alpha[middle] >= log_alpha)
            low = middle;
        else
            high = middle;
    }
    double part = (s->log_alpha[low] - log_alpha) / (s->log_alpha[low] - s->log_alpha[high]);
    return (low + part) / s->steps;
}

static pal_level level(double time, double log_alpha)
{
    return (pal_level){time, log_alpha, pal_exp(log_alpha), pal_one_minus_exp(log_alpha)};
}

pal_level pal_level_at(const pal_schedule *s, double time)
{
    return level(time, log_alpha_at(s, time));
}

pal_level pal_level_of(const pal_schedule *s, double log_alpha)
{
    return level(time_of(s, log_alpha), log_alpha);
}

pal_level pal_level_of_sigma(const pal_schedule *s, double sigma)
{
    return pal_level_of(s, -log_one_plus(sigma * sigma));
}

pal_level pal_level_of_snr(const pal_schedule *s, double half_log_snr)
{
    return pal_level_of(s, -log_one_plus(pal_exp(-2.0 * half_log_snr)));
}

double pal_level_sigma(const pal_level *l)
{
    return sqrt(l->beta / l->alpha);
}

double pal_level_snr(const pal_level *l)
{
    return 0.5 * (l->log_alpha - pal_log(l->beta));
}

double pal_schedule_rate(const pal_schedule *s, double time)
{
    if (!s->steps) return s->beta_min + time * (s->beta_max - s->beta_min);
    double n = time * s->steps;
    int32_t above = (int32_t)n; /* the step that ends at or after the time */
    if (n - above > 1e-9) above++;
    if (above < 1) above = 1;
    if (above > s->steps) above = s->steps;
    return (s->log_alpha[above - 1] - s->log_alpha[above]) * s->steps;
}
