/* noise_keys.c - reads the keys of discrete diffusion: the graph, the schedule of the noise, and how logits are scores. */
#include "kinds.h"
#include "../core/say.h"

enum { MAX_SIGMA = 1 << 16 }; /* the cosines of the noise level stay exact */

#define GRAPH  "palimpsest.graph"
#define NOISE  "palimpsest.noise"
#define STATES "palimpsest.states"
#define SCALED "palimpsest.scale_by_sigma"

static pal_status read_graph(pal_model *m, pal_noise *n)
{
    pal_str graph;
    if (pal_gguf_get_str(m->gguf, GRAPH, &graph) && pal_str_is(graph, "absorb"))
        n->graph = PAL_GRAPH_ABSORB;
    else if (pal_gguf_get_str(m->gguf, GRAPH, &graph) && pal_str_is(graph, "uniform"))
        n->graph = PAL_GRAPH_UNIFORM;
    else
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, GRAPH, GRAPH " must be absorb or uniform");
    return PAL_OK;
}

/* Smaller numbers would make a noise level infinite, or the ratio of two. */
#define SMALLEST 1e-12

/* Reads a number above `above` and below `below`. */
static pal_status read_number(pal_model *m, const char *key, double above, double below, double *out, const char *text)
{
    if (pal_gguf_get_f64(m->gguf, key, out) && *out > above && *out < below) return PAL_OK;
    return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, key, text);
}

static pal_status read_schedule(pal_model *m, pal_noise *n)
{
    static const char least[] = NOISE ".sigma_min", most[] = NOISE ".sigma_max";
    pal_str kind;
    if (!pal_gguf_get_str(m->gguf, NOISE, &kind) || !(pal_str_is(kind, "log-linear") || pal_str_is(kind, "geometric")))
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, NOISE, NOISE " must be log-linear or geometric");
    n->schedule = pal_str_is(kind, "geometric") ? PAL_NOISE_GEOMETRIC : PAL_NOISE_LOG_LINEAR;
    n->epsilon = 1e-3;
    if (n->schedule == PAL_NOISE_LOG_LINEAR)
        return pal_gguf_find(m->gguf, NOISE ".epsilon")
                   ? read_number(m, NOISE ".epsilon", SMALLEST, 1.0, &n->epsilon,
                                 NOISE ".epsilon must be a number between 1e-12 and 1")
                   : PAL_OK;
    pal_status s = read_number(m, least, SMALLEST, MAX_SIGMA, &n->sigma_min,
                               NOISE ".sigma_min must be a number between 1e-12 and 65536");
    if (s) return s;
    return read_number(m, most, n->sigma_min, MAX_SIGMA, &n->sigma_max,
                       NOISE ".sigma_max must be a number above sigma_min and below 65536");
}

static pal_status read_scaling(pal_model *m, pal_noise *n)
{
    n->scaled = n->graph == PAL_GRAPH_ABSORB;
    if (pal_gguf_find(m->gguf, SCALED) && !pal_gguf_get_bool(m->gguf, SCALED, &n->scaled))
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, SCALED, SCALED " is true or false");
    return PAL_OK;
}

/* ---- the states ------------------------------------------------------------------------------------- */

static int32_t count_pieces(const pal_classes *c)
{
    int32_t count = 0;
    for (int32_t id = 0; id < c->vocab; id++) count += pal_classes_fills(c, id);
    return count;
}

/* The states are the pieces that a fill may hold; as published, they are all pieces of the vocabulary. */
static pal_status read_states(pal_model *m, pal_noise *n)
{
    char text[PAL_WHY];
    uint64_t states;
    if (!pal_gguf_get_u64(m->gguf, STATES, &states) || states < 2 || states > (uint64_t)m->shape.vocab)
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, STATES,
                                STATES
                                " must be the number of pieces that noise can put, from 2 to the vocabulary's size");
    n->states = (int32_t)states;
    if (!m->vocab) return PAL_OK;
    const int32_t fills = count_pieces(&m->classes), all = pal_vocab_size(m->vocab);
    if (n->states == fills || n->states == all) return PAL_OK;
    pal_say(text, sizeof text,
            STATES
            " contradicts the vocabulary, of which %d pieces can fill a blank: it must be %d, or %d for all pieces",
            fills, fills, all);
    return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, STATES, text);
}

static pal_status read_mask(pal_model *m, pal_noise *n)
{
    if (pal_gguf_find(m->gguf, STATES))
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, STATES,
                                STATES " contradicts " GRAPH ": it belongs to uniform");
    n->states = m->shape.vocab;
    n->mask = m->vocab ? pal_vocab_special(m->vocab)->mask : n->states - 1;
    if (n->mask < 0)
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, "tokenizer.ggml.mask_token_id",
                                "the graph absorb needs a mask token in the vocabulary");
    return PAL_OK;
}

/* ---- the kinds -------------------------------------------------------------------------------------- */

pal_status pal_noise_of_sedd(pal_model *m)
{
    pal_noise *n = &m->noise;
    pal_conditioning *c = ((pal_transformer *)m->network)->conditioning;
    pal_status s = pal_model_contradicts(m, "palimpsest.", &m->net_error);
    if (s || (s = read_graph(m, n)) || (s = read_schedule(m, n)) || (s = read_scaling(m, n))) return s;
    if ((s = n->graph == PAL_GRAPH_UNIFORM ? read_states(m, n) : read_mask(m, n))) return s;
    c->least = pal_noise_sigma(n, PAL_NOISE_FIRST);
    c->most = pal_noise_sigma(n, 1.0);
    m->classes.noise = n;
    /* Noise puts no <empty>: lengths are fixed. */
    if (n->graph == PAL_GRAPH_UNIFORM && m->vocab && m->classes.empty >= 0) {
        m->classes.of[m->classes.empty] |= PAL_CLASS_NO_FILL;
        m->classes.empty = -1;
    }
    return PAL_OK;
}

bool pal_model_noise(const pal_model *model, pal_noise_info *out)
{
    const pal_noise *n = model->classes.noise;
    if (!n) return false;
    const bool uniform = n->graph == PAL_GRAPH_UNIFORM, geometric = n->schedule == PAL_NOISE_GEOMETRIC;
    *out = (pal_noise_info){.graph = uniform ? "uniform" : "absorb",
                            .schedule = geometric ? "geometric" : "log-linear",
                            .sigma_min = pal_noise_sigma(n, PAL_NOISE_FIRST),
                            .sigma_max = pal_noise_sigma(n, 1.0),
                            .states = uniform ? n->states : 0};
    return true;
}

/* A network that predicts masked tokens: its graph, if it is said, can only be absorb. */
pal_status pal_noise_of_mdlm(pal_model *m)
{
    pal_noise n = {0};
    pal_status s = pal_model_contradicts(m, "palimpsest.", &m->net_error);
    if (s || !pal_gguf_find(m->gguf, GRAPH) || (s = read_graph(m, &n))) return s;
    if (n.graph == PAL_GRAPH_UNIFORM)
        return pal_model_refuse(m, m->gguf, PAL_E_UNSUPPORTED, GRAPH,
                                "a network of the architecture mdlm predicts masked tokens: its graph is absorb");
    return PAL_OK;
}
