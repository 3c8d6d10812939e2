/* processors.h - from one row of logits to a token (internal).
 *
 * The order, always the same; what is at its default does nothing:
 *    1. logit bias: added to the logit; minus infinity bans the token
 *    2. repetition penalty: logits of tokens in the window divided (positive) or multiplied (negative) by it
 *       (Keskar et al. 2019, section 4.1, with the sign rule of Hugging Face)
 *    3. frequency and presence penalty: logit -= frequency * (times in the window) + presence * (is in the window)
 *    4. grammar: tokens that it does not allow are left out
 *    5. temperature: logits divided by it; 0 takes the likeliest, the lowest id among equals, and ends here
 *    6. top-k    7. typical    8. top-p (the token that crosses stays)    9. min-p     (law.h has the rules)
 *       or, in place of all four, mirostat v2 (mirostat.h)
 * What is left is made to sum to 1 and drawn from by inverse CDF in the order of ids.  Each truncation is taken
 * of what the one before it leaves.  A logit of minus infinity is impossible from the start. */
#ifndef PAL_PROCESSORS_H
#define PAL_PROCESSORS_H

#include "mirostat.h"

/* pal_decode_defaults() fills in the defaults named here, with which the law is the model's own. */
typedef struct {
    double temperature;               /* 1; 0 to 100 */
    int32_t top_k;                    /* 0: off */
    double typical_p;                 /* 1: off */
    double top_p;                     /* 1: off; 0: the likeliest token alone */
    double min_p;                     /* 0: off */
    double repetition_penalty;        /* 1: off; above 0, at most 100 */
    double frequency_penalty;         /* 0: off; from -100 to 100 */
    double presence_penalty;          /* 0: off; likewise */
    int32_t repeat_last_n;            /* 64: how many of the last tokens the penalties look at; -1: all */
    const pal_logit_bias *logit_bias; /* NULL; -INFINITY: never this token; of several for one token the sum counts */
    size_t logit_bias_count;
    int32_t mirostat;    /* 0: off; 2: mirostat v2 (the first version is not offered) */
    double mirostat_tau; /* 5: the target, bits a token; above 0, at most 100 */
    double mirostat_eta; /* 0.1: the rate; above 0, at most 1 */
} pal_decode_options;
pal_decode_options pal_decode_defaults(void);

/* PAL_E_OPTION for a value out of range; offset is the index in logit_bias where it is one of those. */
pal_status pal_decode_check(const pal_decode_options *options, int32_t vocab, pal_error *err);

/* Scratch, measured and placed by the one function; `seen` is zero between calls. */
typedef struct {
    int32_t vocab;
    double *law;          /* [vocab] what is drawn from: sums to 1 after pal_decode_law */
    double *key;          /* [vocab] */
    int32_t *rank;        /* [vocab] */
    int32_t *seen;        /* [vocab] how often each token stands in the window */
    double kept;          /* the mass that the truncations left, of 1 */
    double most, log_sum; /* log-softmax of the logits as they came: logit - most - log_sum */
} pal_decode_room;
void pal_decode_layout(pal_decode_room *room, int32_t vocab, pal_arena *arena);

/* What a draw depends on beside options and logits. */
typedef struct {
    const int32_t *tokens; /* [count] all tokens so far, oldest first; ids outside the vocabulary count for nothing */
    size_t count;
    const uint8_t *allowed; /* [vocab] not 0: the grammar allows it; NULL: no grammar */
    pal_mirostat *mirostat; /* needed where options.mirostat is 2 */
} pal_decode_context;

/* room->law: what the next token is drawn from.  options have passed pal_decode_check.  PAL_E_FORMAT: a logit is
 * NaN, with its id as offset (weights are damaged); PAL_E_OPTION: bans and grammar leave no token. */
pal_status pal_decode_law(pal_decode_room *room, const pal_decode_options *options, const float *logits,
                          const pal_decode_context *context, pal_error *err);

typedef struct {
    int32_t id;
    double probability; /* in the law that it was drawn from */
    double logprob;     /* natural logarithm of the model's own: temperature 1, before all of the above */
} pal_drawn;

/* pal_decode_law, the draw by u in [0, 1), and what mirostat learns of it.  A failure changes nothing. */
pal_status pal_decode_token(pal_decode_room *room, const pal_decode_options *options, const float *logits,
                            const pal_decode_context *context, double u, pal_drawn *drawn, pal_error *err);

/* The u of position `position` (from 0, prompt included): the same whatever was drawn before. */
double pal_decode_uniform(uint64_t seed, uint32_t draft, uint32_t position);

/* After one of the two above succeeded on these logits: the model's own log-probability of one token, and the
 * likeliest ones, at most k, likeliest first, the lowest id among equals; returns how many.  Impossible tokens are
 * not listed.  room->key and rank are scratch, room->law stays. */
double pal_decode_logprob(const pal_decode_room *room, const float *logits, int32_t id);
int32_t pal_decode_likeliest(const pal_decode_room *room, const float *logits, int32_t k, int32_t *ids,
                             double *logprobs);

#endif
