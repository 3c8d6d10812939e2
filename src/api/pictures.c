/* pictures.c - what a picture model can draw: labels, samplers, and checks of the options that both drawings and
 * likelihoods use. */
#include "../core/options.h"
#include "../network/model.h"
#include "../network/picture.h"

#include <string.h>

const pal_image_info *pal_model_image(const pal_model *m)
{
    return m->picture ? &m->picture->info : NULL;
}

const char *pal_image_label(const pal_model *m, int32_t label)
{
    return m->picture && label >= 0 && label < m->picture->info.labels ? m->picture->label[label] : NULL;
}

/* Whether two names are equal except for the case of their letters a to z. */
static bool alike(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        const int x = *a >= 'A' && *a <= 'Z' ? *a + ('a' - 'A') : *a,
                  y = *b >= 'A' && *b <= 'Z' ? *b + ('a' - 'A') : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

bool pal_image_label_find(const pal_model *m, const char *name, int32_t *out)
{
    int32_t found = -1, count = 0;
    for (int32_t i = 0; m->picture && i < m->picture->info.labels; i++) {
        const bool exact = strcmp(m->picture->label[i], name) == 0;
        if (!exact && !alike(m->picture->label[i], name)) continue;
        found = i;
        count = exact ? 1 : count + 1;
        if (exact) break;
    }
    if (count == 1) *out = found;
    return count == 1;
}

bool pal_image_supports(const pal_model *m, pal_image_sampler sampler, const char **why)
{
    pal_error err = {0};
    pal_status status;
    if (m->picture) {
        const pal_noise_predictor shape = pal_picture_shape(m);
        status = pal_denoise_supports(sampler, &shape, &err);
    } else
        status = pal_picture_ready(m, &err);
    if (status && why) *why = err.text;
    return status == PAL_OK;
}

pal_image_sampler pal_image_default_sampler(const pal_model *m)
{
    static const pal_image_sampler wanted[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_NPR_DDPM, PAL_IMAGE_ANALYTIC_DDPM};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (pal_image_supports(m, wanted[i], NULL)) return wanted[i];
    return PAL_IMAGE_DDPM;
}

static pal_status check_label(const pal_image_info *info, const pal_image_options *o, int32_t label, size_t at,
                              pal_error *err)
{
    if (label < -1 || label >= info->labels)
        return pal_fail(err, PAL_E_OPTION,
                        info->labels ? "the model has no label with that number" : "the model has no labels", at);
    if (label < 0 && info->labels && !info->guidance)
        return pal_fail(err, PAL_E_OPTION, "this model always needs a label: give one", at);
    if (label < 0 && (o->guidance < 1.0 || o->guidance > 1.0))
        return pal_fail(err, PAL_E_OPTION, "guidance needs a label", at);
    return PAL_OK;
}

/* Never called: pal_guidance_check only tests whether there is such a function. */
static void never(void *context, const pal_noise_query *q)
{
    (void)context, (void)q;
}

static pal_status check_guidance(const pal_image_info *info, const pal_image_options *o, pal_error *err)
{
    const pal_guidance g = {.with.evaluate = info->labels ? never : NULL,
                            .without.evaluate = info->guidance ? never : NULL,
                            .scale = o->guidance};
    if (!(o->guidance < 1.0) && !(o->guidance > 1.0) && o->guidance > 0.0) return PAL_OK;
    return pal_guidance_check(&g, err);
}

pal_status pal_picture_check(const pal_model *m, const pal_image_options *o, pal_error *err)
{
    pal_status status = pal_picture_ready(m, err);
    if (status) return status;
    const pal_image_info *info = &m->picture->info;
    if ((status = pal_options_check(&pal_image_table, o, err))) return status; /* count before labels[count] */
    if ((uint32_t)(o->count - 1) > UINT32_MAX - o->first)
        return pal_fail(err, PAL_E_OPTION, "the number of the last picture must not be above 4294967295", SIZE_MAX);
    status = check_guidance(info, o, err);
    if (!status && !o->labels) return check_label(info, o, o->label, SIZE_MAX, err);
    for (int32_t i = 0; !status && i < o->count; i++) status = check_label(info, o, o->labels[i], (size_t)i, err);
    return status;
}
