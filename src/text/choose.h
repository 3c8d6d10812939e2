/* choose.h - chooses a token from one row of logits, for generated texts and for blanks (internal).
 *
 * The order is fixed; options at their default have no effect:
 *    1. logit bias: added to the logit; minus infinity bans the token
 *    2. repetition penalty: logits of tokens in the window divided (positive) or multiplied (negative) by it
 *       (Keskar et al. 2019, section 4.1, with the sign rule of Hugging Face)
 *    3. frequency and presence penalty: logit -= frequency * (times in the window) + presence * (is in the window)
 *    4. tokens that are not allowed are removed
 *    5. temperature: logits divided by it; 0 takes the most probable token, the lowest id among equals, and ends here
 *    6. top-k    7. typical    8. top-p (the token that crosses stays)    9. min-p     (rules: probabilities.h)
 *       or, instead of all four, mirostat v2 (mirostat.h)
 * The remaining probabilities are normalised to sum 1, and the token is drawn by inverse CDF in the order of ids. Each
 * truncation applies to the result of the one before. A logit of minus infinity means that the token is impossible.
 *
 * For blanks, the caller passes probabilities instead of a grammar (pal_choose_context.given), and the results must
 * stay bit-identical. Therefore, for blanks only:
 *    - if 1 to 5 change nothing, the given probabilities are used and not computed again from the logits;
 *    - temperature 0 takes the most probable token after the softmax, whose rounding can make close values equal;
 *    - the remaining probabilities need not sum to 1: the draw divides by their sum;
 *    - nothing fails: a NaN logit counts as the lowest (the caller undoes the step). */
#ifndef PAL_CHOOSE_H
#define PAL_CHOOSE_H

#include "decode/mirostat.h"

/* The options of a generation; a choice reads those in the list above. With the defaults the probabilities are the
 * model's own. */
typedef pal_generate_options pal_choose_options;
static inline pal_choose_options pal_choose_defaults(void)
{
    return pal_generate_defaults();
}

/* PAL_E_OPTION for a value out of range; for an entry of logit_bias, offset is its index. */
pal_status pal_choose_check(const pal_choose_options *options, int32_t vocab, pal_error *err);

/* Scratch memory of a choice. pal_choose_layout measures or places it. `seen` is all zero between calls. key is needed
 * only if typical_p may be below 1. */
typedef struct {
    int32_t vocab;
    pal_team *team;        /* computes the softmax; NULL (after pal_choose_layout): the caller alone */
    double *probabilities; /* [vocab] the distribution to draw from */
    double *key;           /* [vocab], or NULL */
    int32_t *rank;         /* [vocab] */
    int32_t *seen;         /* [vocab] how often each token occurs in the window */
    double kept;           /* probability mass left after the truncations */
    double max, sum;       /* softmax of the unchanged logits: exp(logit - max) / sum */
} pal_choose_scratch;
void pal_choose_layout(pal_choose_scratch *scratch, int32_t vocab, bool typical, pal_arena *arena);

/* Other inputs of a choice, besides options and logits. */
typedef struct {
    const int32_t *tokens; /* [count] all tokens so far, oldest first; ids outside the vocabulary are ignored */
    size_t count;
    const uint8_t *allowed; /* [vocab] nonzero: the grammar allows the token; NULL: no grammar */
    bool given; /* scratch->probabilities holds the softmax of these logits over the allowed tokens, zero elsewhere */
    pal_mirostat *mirostat; /* required if options.mirostat is 2 */
} pal_choose_context;

/* scratch->probabilities := the distribution of the next token. options must have passed pal_choose_check.
 * PAL_E_FORMAT: a logit is NaN (damaged weights); PAL_E_OPTION: logit biases and grammar together allow no token. */
pal_status pal_choose_among(pal_choose_scratch *scratch, const pal_choose_options *options, const float *logits,
                            const pal_choose_context *context, pal_error *err);

typedef struct {
    int32_t id;
    double probability; /* in the distribution it was drawn from */
    double own;         /* the model's own or the given probability: temperature 1, before all steps above */
} pal_chosen;

/* Calls pal_choose_among, draws with u in [0, 1), and updates mirostat. On failure nothing changes. */
pal_status pal_choose(pal_choose_scratch *scratch, const pal_choose_options *options, const float *logits,
                      const pal_choose_context *context, double u, pal_chosen *chosen, pal_error *err);

/* Both must follow a successful call of one of the two functions above with the same logits (context.given false).
 * pal_choose_logprob returns the natural logarithm of the model's own probability of a token. pal_choose_likeliest
 * stores the k <= PAL_CANDIDATES most probable tokens, most probable first, the lowest id first among equals, and
 * returns their number. Impossible tokens are not listed. */
double pal_choose_logprob(const pal_choose_scratch *scratch, const float *logits, int32_t id);
int32_t pal_choose_likeliest(const pal_choose_scratch *scratch, const float *logits, int32_t k, int32_t *ids,
                             double *logprobs);

#endif
