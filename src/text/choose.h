/* choose.h - from one row of logits to a token, in texts that go on and in blanks (internal).
 *
 * The order, always the same; what is at its default does nothing:
 *    1. logit bias: added to the logit; minus infinity bans the token
 *    2. repetition penalty: logits of tokens in the window divided (positive) or multiplied (negative) by it
 *       (Keskar et al. 2019, section 4.1, with the sign rule of Hugging Face)
 *    3. frequency and presence penalty: logit -= frequency * (times in the window) + presence * (is in the window)
 *    4. tokens that are not allowed are left out
 *    5. temperature: logits divided by it; 0 takes the likeliest, the lowest id among equals, and ends here
 *    6. top-k    7. typical    8. top-p (the token that crosses stays)    9. min-p     (probabilities.h has the rules)
 *       or, in place of all four, mirostat v2 (mirostat.h)
 * What is left is made to sum to 1 and drawn from by inverse CDF in the order of ids.  Each truncation is taken
 * of what the one before it leaves.  A logit of minus infinity is impossible from the start.
 *
 * Blanks come with probabilities in place of a grammar (pal_choose_context.given), and outputs depend on the last bit.
 * So there, and only there:
 *    - what 1 to 5 do not change is used as it was given, not computed a second time from the logits;
 *    - temperature 0 takes the likeliest after the softmax, whose rounding can make near ones equal;
 *    - what is left need not sum to 1, the draw is by its sum;
 *    - nothing fails: a logit that is NaN counts as the lowest (the step that met it is undone). */
#ifndef PAL_CHOOSE_H
#define PAL_CHOOSE_H

#include "decode/mirostat.h"

/* Those of a generation; of them a choice reads what the list above names.  With the defaults the probabilities are the
 * model's own. */
typedef pal_generate_options pal_choose_options;
static inline pal_choose_options pal_choose_defaults(void)
{
    return pal_generate_defaults();
}

/* PAL_E_OPTION for a value out of range; offset is the index in logit_bias where it is one of those. */
pal_status pal_choose_check(const pal_choose_options *options, int32_t vocab, pal_error *err);

/* Measured and placed by the one function; `seen` is zero between calls.  key is placed only for callers whose
 * typical_p may be below 1. */
typedef struct {
    int32_t vocab;
    double *probabilities; /* [vocab] what is drawn from */
    double *key;           /* [vocab], or NULL */
    int32_t *rank;         /* [vocab] */
    int32_t *seen;         /* [vocab] how often each token stands in the window */
    double kept;           /* the mass that the truncations left, of 1 */
    double max, sum;       /* softmax of the logits as they came: exp(logit - max) / sum */
} pal_choose_scratch;
void pal_choose_layout(pal_choose_scratch *scratch, int32_t vocab, bool typical, pal_arena *arena);

/* What a choice depends on beside options and logits. */
typedef struct {
    const int32_t *tokens; /* [count] all tokens so far, oldest first; ids outside the vocabulary count for nothing */
    size_t count;
    const uint8_t *allowed; /* [vocab] not 0: the grammar allows it; NULL: no grammar */
    bool given; /* scratch->probabilities holds the softmax of these logits over the tokens allowed, zero elsewhere */
    pal_mirostat *mirostat; /* needed where options.mirostat is 2 */
} pal_choose_context;

/* scratch->probabilities := what the next token is drawn from.  options have passed pal_choose_check.  PAL_E_FORMAT: a
 * logit is NaN (weights are damaged); PAL_E_OPTION: bans and grammar leave no token. */
pal_status pal_choose_among(pal_choose_scratch *scratch, const pal_choose_options *options, const float *logits,
                            const pal_choose_context *context, pal_error *err);

typedef struct {
    int32_t id;
    double probability; /* among those that it was drawn from */
    double own;         /* the model's own, or the given one: temperature 1, before all of the above */
} pal_chosen;

/* pal_choose_among, the draw by u in [0, 1), and what mirostat learns of it.  A failure changes nothing. */
pal_status pal_choose(pal_choose_scratch *scratch, const pal_choose_options *options, const float *logits,
                      const pal_choose_context *context, double u, pal_chosen *chosen, pal_error *err);

/* After one of the two above succeeded on these logits (not given): the natural logarithm of the model's own
 * probability of one token, and the likeliest ones, at most k <= PAL_CANDIDATES, likeliest first, the lowest id among
 * equals; returns how many.  Impossible tokens are not listed. */
double pal_choose_logprob(const pal_choose_scratch *scratch, const float *logits, int32_t id);
int32_t pal_choose_likeliest(const pal_choose_scratch *scratch, const float *logits, int32_t k, int32_t *ids,
                             double *logprobs);

#endif
