/* options.c - names, defaults and checks of the samplers of pictures. */
#include "denoise.h"
#include "transition.h"
#include "../core/options.h"

#include <math.h>
#include <string.h>

static const char *const names[PAL_IMAGE_SAMPLERS] = {"ddpm",
                                                      "ddim",
                                                      "analytic-ddpm",
                                                      "analytic-ddim",
                                                      "npr-ddpm",
                                                      "npr-ddim",
                                                      "sn-ddpm",
                                                      "sn-ddim",
                                                      "annealed-langevin",
                                                      "reverse-sde",
                                                      "predictor-corrector",
                                                      "probability-flow",
                                                      "dpm-solver++"};

const char *pal_image_sampler_name(pal_image_sampler sampler)
{
    return (unsigned)sampler < PAL_IMAGE_SAMPLERS ? names[sampler] : NULL;
}

bool pal_image_sampler_find(const char *name, pal_image_sampler *out)
{
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (pal_image_sampler)i;
        return true;
    }
    return false;
}

/* ---- kinds of samplers ------------------------------------------------------------------------------ */

static bool is_analytic(pal_image_sampler s)
{
    return s == PAL_IMAGE_ANALYTIC_DDPM || s == PAL_IMAGE_ANALYTIC_DDIM;
}

static bool is_stochastic_solver(pal_image_sampler s)
{
    return s == PAL_IMAGE_REVERSE_SDE || s == PAL_IMAGE_PREDICTOR_CORRECTOR;
}

static bool is_rk45(const pal_image_options *o)
{
    return o->sampler == PAL_IMAGE_PROBABILITY_FLOW && o->solver == PAL_FLOW_RK45;
}

static bool has_sigmas(const pal_image_options *o)
{
    return o->sampler == PAL_IMAGE_ANNEALED_LANGEVIN || o->process == PAL_PROCESS_VE;
}

static double default_clip_pixel(pal_image_sampler s)
{
    if (!is_analytic(s) && pal_image_head(s) == PAL_HEAD_NONE) return 0.0;
    return pal_image_mean_by_eps(s) ? 1.0 : 2.0;
}

pal_image_options pal_image_defaults(pal_image_sampler sampler)
{
    pal_image_options o = {.label = -1};
    pal_options_default(&pal_image_table, &o);
    o.sampler = sampler;
    o.steps = sampler == PAL_IMAGE_PROBABILITY_FLOW ? 0 : sampler == PAL_IMAGE_ANNEALED_LANGEVIN ? 100 : 25;
    o.clip_pixel = default_clip_pixel(sampler);
    return o;
}

int32_t pal_image_evaluations(const pal_image_options *o)
{
    switch (o->sampler) {
    case PAL_IMAGE_ANNEALED_LANGEVIN: return o->steps * o->iterations;
    case PAL_IMAGE_PREDICTOR_CORRECTOR: return o->steps * (1 + o->correctors);
    case PAL_IMAGE_PROBABILITY_FLOW: return is_rk45(o) ? 0 : 2 * o->steps - 1;
    default: return (o->steps - 1) * o->resample + 1;
    }
}

/* ---- checks ----------------------------------------------------------------------------------------- */

static bool same(double a, double b)
{
    return !(a < b) && !(a > b);
}

pal_status pal_denoise_supports(pal_image_sampler sampler, const pal_noise_predictor *p, pal_error *err)
{
    if ((unsigned)sampler >= PAL_IMAGE_SAMPLERS) return pal_fail(err, PAL_E_OPTION, "unknown sampler", SIZE_MAX);
    const pal_noise_head head = pal_image_head(sampler);
    const pal_rule rules[] = {
        {!is_analytic(sampler) || p->gammas > 0,
         "the model has no table Gamma for the analytic samplers; use ddpm, ddim, annealed-langevin, reverse-sde, "
         "predictor-corrector, probability-flow or dpm-solver++"},
        {head != PAL_HEAD_SECOND_MOMENT || p->has_second_moment,
         "the model has no second-moment head for the sn samplers; use ddpm, ddim, annealed-langevin, reverse-sde, "
         "predictor-corrector, probability-flow or dpm-solver++"},
        {head != PAL_HEAD_RESIDUAL || p->has_residual,
         "the model has no squared-residual head for the npr samplers; use ddpm, ddim, annealed-langevin, reverse-sde, "
         "predictor-corrector, probability-flow or dpm-solver++"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

static pal_status check_steps(const pal_image_options *o, const pal_schedule *s, pal_error *err)
{
    const bool langevin = o->sampler == PAL_IMAGE_ANNEALED_LANGEVIN;
    const pal_rule rules[] = {
        {!is_rk45(o) || o->steps == 0,
         "probability-flow with rk45 chooses its own steps: set the tolerance, or use solver heun"},
        {is_rk45(o) || o->steps >= 1, "steps must be at least 1 with this sampler"},
        {!langevin || o->steps >= 100, "annealed-langevin needs at least 100 steps (noise levels)"},
        {o->iterations == 1 || langevin, "iterations is only for annealed-langevin"},
        {langevin || same(o->langevin_step, 0.5), "langevin-step is only for annealed-langevin"},
        {o->correctors == 1 || o->sampler == PAL_IMAGE_PREDICTOR_CORRECTOR,
         "correctors is only for predictor-corrector"},
        {same(o->snr, 0.16) || o->sampler == PAL_IMAGE_PREDICTOR_CORRECTOR, "snr is only for predictor-corrector"},
        {o->solver == PAL_FLOW_RK45 || o->sampler == PAL_IMAGE_PROBABILITY_FLOW, "solver is only for probability-flow"},
        {is_rk45(o) || same(o->tolerance, 1e-4), "tolerance is only for probability-flow with rk45"},
        {(!is_rk45(o) && !has_sigmas(o)) || o->grid == PAL_GRID_EVEN,
         "grid cannot be used here: rk45 chooses its own times, annealed-langevin and process ve use geometric noise "
         "levels"},
    };
    pal_status status = pal_check_rules(rules, sizeof rules / sizeof *rules, err);
    if (status || is_rk45(o)) return status;
    /* Geometric noise levels need not be steps of the schedule, so there may be more of them. */
    return pal_grid_check(s, o->grid, o->times, has_sigmas(o) ? 1 : o->steps, err);
}

static pal_status check_variance(const pal_image_options *o, pal_error *err)
{
    const bool ancestral = pal_variance_of(o->sampler) != NULL;
    const pal_rule rules[] = {
        {o->variance == PAL_VARIANCE_SMALL || o->sampler == PAL_IMAGE_DDPM, "variance is only for ddpm"},
        {!(o->eta > 0.0) || pal_image_mean_by_eps(o->sampler),
         "eta is only for ddim, analytic-ddim, npr-ddim and sn-ddim"},
        {ancestral || !(o->clip_pixel > 0.0),
         "clip-pixel is only for the ddpm and ddim samplers (also analytic-, npr- and sn-)"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

static pal_status check_sigmas(const pal_image_options *o, const pal_schedule *s, pal_error *err)
{
    const pal_level end = pal_level_at(s, 1.0), min = pal_level_at(s, s->min_time);
    const double highest = pal_level_sigma(&end) * (1.0 + 1e-9), lowest = pal_level_sigma(&min) * (1.0 - 1e-9);
    const bool given = o->sigma_max > 0.0 || o->sigma_min > 0.0;
    const double high = o->sigma_max > 0.0 ? o->sigma_max : highest < 50.0 ? highest : 50.0;
    const double low = o->sigma_min > 0.0 ? o->sigma_min : lowest;
    const pal_rule rules[] = {
        {o->process == PAL_PROCESS_VP || is_stochastic_solver(o->sampler),
         "process is only for reverse-sde and predictor-corrector"},
        {!given || has_sigmas(o), "sigma-max and sigma-min are only for annealed-langevin and process ve"},
        {!has_sigmas(o) || high <= highest, "sigma-max is above the largest noise level of the model's schedule"},
        {!has_sigmas(o) || low >= lowest, "sigma-min is below the smallest noise level of the model's schedule"},
        {!has_sigmas(o) || low <= high, "sigma-min must not be above sigma-max"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

static pal_status check_known(const pal_image_options *o, pal_error *err)
{
    const bool given = o->known != NULL;
    const pal_rule rules[] = {
        {given == (o->mask != NULL), "inpainting needs both a picture and a mask"},
        {!given || o->sampler != PAL_IMAGE_PROBABILITY_FLOW,
         "probability-flow cannot keep known parts, because pixels that are put back are not on the path of its "
         "equation; use a ddpm or ddim sampler, reverse-sde, predictor-corrector or annealed-langevin"},
        {!given || o->sampler != PAL_IMAGE_DPM_SOLVER,
         "dpm-solver++ cannot keep known parts, because it extrapolates from earlier predictions; use a ddpm or ddim "
         "sampler, reverse-sde, predictor-corrector or annealed-langevin"},
        {o->resample == 1 || given, "resample needs a picture with known parts"},
        {o->resample == 1 || o->sampler != PAL_IMAGE_ANNEALED_LANGEVIN,
         "resample cannot be used with annealed-langevin: use iterations"},
        {o->resample == 1 || o->sampler != PAL_IMAGE_PREDICTOR_CORRECTOR,
         "resample cannot be used with predictor-corrector: use correctors"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

pal_status pal_denoise_check(const pal_image_options *o, const pal_noise_predictor *p, const pal_schedule *s,
                             pal_error *err)
{
    pal_status status;
    if ((status = pal_denoise_supports(o->sampler, p, err))) return status;
    if ((status = pal_options_check(&pal_image_table, o, err))) return status;
    if ((status = check_sigmas(o, s, err))) return status;
    if ((status = check_steps(o, s, err))) return status;
    if ((status = check_variance(o, err))) return status;
    return check_known(o, err);
}
