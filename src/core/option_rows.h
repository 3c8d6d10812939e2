/* option_rows.h - every option of the library that is a number, a switch or a name: one row each (internal).
 *
 * A row holds everything about one option.  These are generated from it: defaults and checks (core/options.c), the
 * command's parser and help (cli/library_options.c), the numbers passed from JavaScript (pal_options_read), and
 * TypeScript's names, types and comments (web/options.mjs reads this file).  To add an option, add a field in
 * palimpsest.h, a row here and the code that uses it.
 *
 *   X(where, name, field, kind, range, standard, note, help)
 *
 *   where     BOTH: C, JavaScript and the command have the option; LIBRARY: the command has no such option, or
 *             a row of its own in src/cli
 *   name      of the command's option; in JavaScript the name is in camelCase
 *   kind      FLAG bool, INT int32_t, COUNT uint32_t, SEED uint64_t, NUMBER double, CHOICE an enum that starts at 0
 *   range     BETWEEN(min, max), min and max included; ABOVE(min, max), min excluded; FROM(min); EITHER(a, b);
 *             NAMED(count, function that names them); WORDS(largest value, first word, second word); ANY.
 *             The default is always allowed.
 *   standard  the default: IS(value), or SAID(value, what that value means, as text for the user)
 *   note      is appended to the range in errors and in help
 *   help      one line that can be understood alone
 *
 * Write limits as digits, because error messages show them as they are written here.  Define a list above the lists
 * that include it. */
#ifndef PAL_OPTION_ROWS_H
#define PAL_OPTION_ROWS_H

/* clang-format off */

/* Options common to filling and to continuing a text. */
#define PAL_SAMPLING_ROWS(X, default_temperature) \
    X(BOTH, "temperature", temperature, NUMBER, BETWEEN(0, 100), IS(default_temperature), " (0: greedy)", \
      "how randomly tokens are drawn: 1 uses the model's own distribution, lower is safer") \
    X(BOTH, "top-k", top_k, INT, FROM(0), IS(0), " (0: off)", "only the N most probable tokens") \
    X(BOTH, "top-p", top_p, NUMBER, BETWEEN(0, 1), IS(1), " (0: only the most probable token, 1: off)", \
      "only the most probable tokens that together have this probability") \
    X(BOTH, "min-p", min_p, NUMBER, BETWEEN(0, 1), IS(0), " (0: off)", \
      "only tokens at least this many times as likely as the most probable") \
    X(BOTH, "repetition-penalty", repetition_penalty, NUMBER, ABOVE(0, 100), IS(1), " (1: off)", \
      "above 1, tokens that are already in the text become less probable")

/* pal_infill_options */
#define PAL_INFILL_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, SAID(0, "chosen at random and reported"), "", "random seed") \
    X(BOTH, "sampler", sampler, CHOICE, NAMED(PAL_SAMPLERS, pal_sampler_name), SAID(PAL_SAMPLER_OF_MODEL, "ascending for models of query rows, first-hitting or tweedie for models of scores, otherwise margin"), "", \
      "the order in which places are filled") \
    X(LIBRARY, "draft", draft, COUNT, ANY, IS(0), "", "another draft of the same seed is another text") \
    PAL_SAMPLING_ROWS(X, 0.6) \
    X(BOTH, "borders", borders, FLAG, ANY, IS(1), "", \
      "rules for the first token and for line breaks of a blank; without them the model's exact distribution") \
    X(BOTH, "document", document, FLAG, ANY, IS(0), "", "the page is a whole document, with a beginning and an end") \
    X(BOTH, "window", window, FLAG, ANY, IS(1), "", \
      "fill a long page in windows around its blanks; without them a page longer than the context is refused") \
    X(BOTH, "window-length", window_length, INT, FROM(256), SAID(0, "512"), "", \
      "number of tokens in a window, at most the model's context") \
    X(BOTH, "byte-pieces", byte_pieces, FLAG, ANY, IS(0), "", "allow characters that the vocabulary can only spell byte by byte") \
    X(BOTH, "steps", steps, INT, BETWEEN(1, 1048576), SAID(0, "64"), "", \
      "number of time steps, for samplers that use time steps") \
    X(BOTH, "threshold", threshold, NUMBER, BETWEEN(0, 1), IS(0), " (0: off)", \
      "instead of distance: fill each place whose most probable token is more probable than this") \
    X(BOTH, "entropy-bound", entropy_bound, NUMBER, BETWEEN(0, 1e6), IS(0), " nats (0: off)", \
      "instead of distance: fill places of low entropy; without the largest, their entropies sum to at most this") \
    X(BOTH, "distance", distance, INT, FROM(1), SAID(0, "16"), "", \
      "fill together the places that are at least this many tokens apart, the most certain ones first") \
    X(BOTH, "remask", remask, NUMBER, BETWEEN(0, 1), SAID(-1, "0.04"), "", \
      "probability that a filled place is masked again in a step") \
    X(BOTH, "corrections", corrections, INT, BETWEEN(1, 1000), SAID(0, "1"), "", \
      "number of corrections after each Euler step") \
    X(BOTH, "released", released, FLAG, ANY, IS(0), "", \
      "draw as the released code of SEDD does, in 32-bit numbers: loses reveals and rare words") \
    X(BOTH, "loops", loops, INT, BETWEEN(1, 64), SAID(0, "the number that the model names"), "", \
      "models of boards: how often the network goes through its layers in an evaluation") \
    X(BOTH, "empty-token", empty_token, INT, FROM(0), SAID(-1, "the one that the model names"), "", \
      "models of query rows: the token that ends a blank of chosen length") \
    X(LIBRARY, "free-min", free_min, INT, FROM(1), IS(1), "", "shortest length of [[?]], in tokens") \
    X(LIBRARY, "free-max", free_max, INT, FROM(1), IS(16), "", "longest length of [[?]], in tokens")

/* pal_generate_options.  The first three can be changed during generation (web/src/writer.ts). */
#define PAL_GENERATE_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, SAID(0, "chosen at random and reported"), "", "random seed") \
    X(LIBRARY, "draft", draft, COUNT, ANY, IS(0), "", "another draft of the same seed is another text") \
    X(BOTH, "max-tokens", max_tokens, INT, FROM(0), SAID(-1, "until the context is full"), "", \
      "max. number of generated tokens") \
    PAL_SAMPLING_ROWS(X, 1) \
    X(BOTH, "typical-p", typical_p, NUMBER, BETWEEN(0, 1), IS(1), " (1: off)", \
      "locally typical sampling: the tokens whose information is closest to the entropy, up to this probability") \
    X(BOTH, "frequency-penalty", frequency_penalty, NUMBER, BETWEEN(-100, 100), IS(0), " (0: off)", \
      "subtracted from a token's logit for each time it occurs among the last tokens") \
    X(BOTH, "presence-penalty", presence_penalty, NUMBER, BETWEEN(-100, 100), IS(0), " (0: off)", \
      "subtracted from a token's logit if it occurs among the last tokens") \
    X(BOTH, "repeat-last-n", repeat_last_n, INT, FROM(-1), IS(64), " (-1 is all)", \
      "how many of the last tokens the penalties look at") \
    X(BOTH, "mirostat", mirostat, INT, EITHER(0, 2), IS(0), " (0: off)", \
      "2: mirostat v2, instead of top-k, top-p, min-p and typical-p") \
    X(BOTH, "mirostat-tau", mirostat_tau, NUMBER, ABOVE(0, 100), IS(5), "", \
      "mirostat: target surprise, in bits per token") \
    X(BOTH, "mirostat-eta", mirostat_eta, NUMBER, ABOVE(0, 1), IS(0.1), "", "mirostat: learning rate") \
    X(BOTH, "ignore-eos", ignore_eos, FLAG, ANY, IS(0), "", "do not stop at the token that ends a text") \
    X(BOTH, "shift", shift, FLAG, ANY, IS(0), "", \
      "when the context is full, drop the older half of the text and continue") \
    X(BOTH, "keep", keep, INT, FROM(0), SAID(-1, "the prompt, up to half of the context"), "", \
      "number of tokens at the start that shift never drops") \
    X(BOTH, "alternatives", alternatives, INT, BETWEEN(0, 20), IS(0), "", \
      "number of the most probable tokens to list at each position")

/* pal_sequence_options.  JavaScript does not use these rows: there the options are given to load(). */
#define PAL_SEQUENCE_ROWS(X) \
    X(BOTH, "context", max_tokens, INT, FROM(1), SAID(0, "the model's context, up to 4096"), "", \
      "capacity in tokens, prompt included") \
    X(BOTH, "batch", batch, INT, FROM(1), IS(256), "", "tokens of the prompt in one evaluation") \
    X(BOTH, "kv", kv, CHOICE, NAMED(PAL_KV_TYPES, pal_kv_type_name), SAID(PAL_KV_F32, "F32"), "", \
      "type of the key-value cache, the largest first")

/* pal_score_options */
#define PAL_SCORE_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, IS(1), "", "random seed of the estimate") \
    X(BOTH, "method", method, CHOICE, NAMED(PAL_SCORE_METHODS, pal_score_method_name), \
      SAID(PAL_SCORE_DEFAULT, "exact for causal models, bound for diffusion models"), "", "how the text is scored") \
    X(BOTH, "standard-error", standard_error, NUMBER, BETWEEN(0, 1e6), SAID(0, "0.01"), "", \
      "method bound: continue until the standard error is this, in bits per byte")

/* pal_image_options.  pal_image_defaults() gives some samplers other defaults. */
#define PAL_IMAGE_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, SAID(0, "chosen at random and reported"), "", "random seed") \
    X(LIBRARY, "sampler", sampler, CHOICE, NAMED(PAL_IMAGE_SAMPLERS, pal_image_sampler_name), \
      SAID(PAL_IMAGE_DDPM, "the best one that the model supports"), "", "how noise becomes a picture") \
    X(BOTH, "first", first, COUNT, ANY, IS(0), "", \
      "number of the first picture: picture 17 of a seed is the same, however many are drawn") \
    X(BOTH, "count", count, INT, BETWEEN(1, 65536), IS(1), "", "how many pictures") \
    X(BOTH, "guidance", guidance, NUMBER, BETWEEN(0, 100), IS(1), " (1: off)", \
      "above 1, pictures are more typical of the label, at twice the work") \
    X(BOTH, "resample", resample, INT, BETWEEN(1, 1000), IS(1), "", "inpainting: how many times each step is repeated") \
    X(BOTH, "steps", steps, INT, BETWEEN(1, 65536), SAID(0, "25; 100 for annealed-langevin and bounds"), "", \
      "steps of the sampler") \
    X(BOTH, "grid", grid, CHOICE, WORDS(PAL_GRID_GIVEN, "even", "quadratic"), SAID(PAL_GRID_EVEN, "even"), "", \
      "times of the steps; quadratic: more of them where there is little noise") \
    X(BOTH, "clip-x0", clip_x0, FLAG, ANY, IS(1), "", "clip predicted pictures to the range of pixels") \
    X(BOTH, "clip-pixel", clip_pixel, NUMBER, BETWEEN(0, 255), \
      SAID(0, "2 for -ddpm and 1 for -ddim with optimal variances, otherwise 0"), " (0: off)", \
      "limit for the noise of the last step, in grey levels") \
    X(BOTH, "eta", eta, NUMBER, BETWEEN(0, 1), IS(0), "", "-ddim: noise added in a step; 1: as much as -ddpm") \
    X(BOTH, "variance", variance, CHOICE, WORDS(PAL_VARIANCE_LARGE, "small", "large"), \
      SAID(PAL_VARIANCE_SMALL, "small"), "", "ddpm: variance of the steps") \
    X(BOTH, "process", process, CHOICE, WORDS(PAL_PROCESS_VE, "vp", "ve"), SAID(PAL_PROCESS_VP, "vp"), "", \
      "reverse-sde, predictor-corrector: variance preserving or exploding") \
    X(BOTH, "sigma-max", sigma_max, NUMBER, FROM(0), \
      SAID(0, "50, or the largest of the model's schedule if that is less"), "", \
      "annealed-langevin and process ve: the first noise level") \
    X(BOTH, "sigma-min", sigma_min, NUMBER, FROM(0), SAID(0, "the smallest of the model's schedule"), "", \
      "annealed-langevin and process ve: the last noise level") \
    X(BOTH, "langevin-step", langevin_step, NUMBER, BETWEEN(1e-6, 1), IS(0.5), "", \
      "annealed-langevin: step size, in units of sigma squared") \
    X(BOTH, "iterations", iterations, INT, BETWEEN(1, 10000), IS(1), "", "annealed-langevin: steps per noise level") \
    X(BOTH, "correctors", correctors, INT, BETWEEN(0, 100), IS(1), "", "predictor-corrector: corrector steps after each step") \
    X(BOTH, "snr", snr, NUMBER, ABOVE(0, 1), IS(0.16), "", \
      "predictor-corrector: signal-to-noise ratio that sets the corrector's step") \
    X(BOTH, "tolerance", tolerance, NUMBER, BETWEEN(1e-6, 0.1), SAID(1e-4, "1e-4; 1e-3 for likelihoods"), "", \
      "solver rk45: absolute and relative tolerance") \
    X(BOTH, "solver", solver, CHOICE, WORDS(PAL_FLOW_HEUN, "rk45", "heun"), SAID(PAL_FLOW_RK45, "rk45"), "", \
      "probability-flow: rk45 chooses its own steps, heun uses the given number")

/* pal_likelihood_options, except its image options. */
#define PAL_LIKELIHOOD_ROWS(X) \
    X(BOTH, "method", method, CHOICE, WORDS(PAL_LIKELIHOOD_BOUND, "flow", "bound"), \
      SAID(PAL_LIKELIHOOD_FLOW, "flow"), "", \
      "likelihood: probability flow, or variational bound of a sampler (-ddpm, or -ddim with eta)") \
    X(LIBRARY, "draw", draw, COUNT, ANY, IS(0), "", "another draw is another estimate") \
    X(LIBRARY, "tolerance", tolerance, NUMBER, BETWEEN(1e-6, 0.1), IS(1e-3), "", \
      "flow: error of the solver, absolute and relative") \
    X(BOTH, "probes", probes, INT, BETWEEN(0, 10000), IS(1), " (0: exact divergence)", \
      "flow: random directions to estimate the divergence") \
    X(BOTH, "difference", difference, NUMBER, BETWEEN(1e-4, 1), SAID(0.02, "0.02; 1 for quantised weights"), "", \
      "flow: half step of the central difference, in units of the noise level")

/* clang-format on */

#endif
