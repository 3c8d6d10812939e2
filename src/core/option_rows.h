/* option_rows.h - every option of the library that is a number, a switch or a name: one row each (internal).
 *
 * A row is what is known of an option, in one place: defaults and checks (core/options.c), the command's parser and help
 * (cli/library_options.c), the numbers that cross from JavaScript (wasm/options.h), and TypeScript's names, types and
 * comments (web/options.mjs reads this file) are made of it.  A new option is a field in palimpsest.h, a row here, and
 * the code that uses it.
 *
 *   X(where, name, field, kind, range, standard, note, help)
 *
 *   where     BOTH, or LIBRARY: the command asks for it in another way
 *   name      as the command writes it; JavaScript writes camelCase
 *   kind      FLAG bool, INT int32_t, COUNT uint32_t, SEED uint64_t, NUMBER double, CHOICE an enum from 0 on
 *   range     BETWEEN(min, max), both belong to it; ABOVE(min, max), min does not; FROM(min); EITHER(a, b);
 *             NAMED(count, function that names them); WORDS(greatest value, first word, second word); ANY.
 *             The default is always allowed.
 *   standard  IS(default), or SAID(default, what it stands for, for a person)
 *   note      goes behind the range in errors and in help
 *   help      one line, for who has not read any other
 *
 * Limits are written as digits, since errors show them so.  A list that takes part in another stands above it. */
#ifndef PAL_OPTION_ROWS_H
#define PAL_OPTION_ROWS_H

/* clang-format off */

/* What filling and going on with a text share. */
#define PAL_SAMPLING_ROWS(X, heat) \
    X(BOTH, "temperature", temperature, NUMBER, BETWEEN(0, 100), IS(heat), " (0 is greedy)", \
      "how freely tokens are drawn: 1 is the model's own distribution, less is safer") \
    X(BOTH, "top-k", top_k, INT, FROM(0), IS(0), " (0 is off)", "only the N likeliest tokens") \
    X(BOTH, "top-p", top_p, NUMBER, BETWEEN(0, 1), IS(1), " (0 is the likeliest token only, 1 is off)", \
      "only the likeliest tokens that together have this probability") \
    X(BOTH, "min-p", min_p, NUMBER, BETWEEN(0, 1), IS(0), " (0 is off)", \
      "only tokens at least this many times as likely as the likeliest") \
    X(BOTH, "repetition-penalty", repetition_penalty, NUMBER, ABOVE(0, 100), IS(1), " (1 is off)", \
      "above 1, tokens that stand in the text already become less likely")

/* pal_infill_options */
#define PAL_INFILL_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, SAID(0, "drawn by chance, and told"), "", "random seed") \
    X(BOTH, "sampler", sampler, CHOICE, NAMED(PAL_SAMPLERS, pal_sampler_name), SAID(PAL_MARGIN, "margin"), "", \
      "the order in which places are filled") \
    X(LIBRARY, "draft", draft, COUNT, ANY, IS(0), "", "another draft of the same seed is another text") \
    PAL_SAMPLING_ROWS(X, 0.6) \
    X(BOTH, "borders", borders, FLAG, ANY, IS(1), "", \
      "rules for the first token of a blank; without them the model's exact distribution") \
    X(BOTH, "document", document, FLAG, ANY, IS(0), "", "the page is a whole document, with a beginning and an end") \
    X(BOTH, "window", window, FLAG, ANY, IS(0), "", "show the model a part of a page longer than its context") \
    X(BOTH, "byte-pieces", byte_pieces, FLAG, ANY, IS(0), "", "let fills hold characters outside the vocabulary") \
    X(BOTH, "steps", steps, INT, BETWEEN(1, 1048576), SAID(0, "64"), "", \
      "how many time steps, of samplers that go by them") \
    X(BOTH, "threshold", threshold, NUMBER, BETWEEN(0, 1), SAID(0, "0.9"), "", \
      "fill each place whose likeliest token is more probable than this") \
    X(BOTH, "entropy-bound", entropy_bound, NUMBER, BETWEEN(0, 1e6), IS(0), " nats (0 is off)", \
      "instead of the threshold: fill places while the sum of their entropies less the largest is within this") \
    X(BOTH, "remask", remask, NUMBER, BETWEEN(0, 1), SAID(-1, "0.04"), "", \
      "probability that a filled place is masked again in a step") \
    X(LIBRARY, "free-min", free_min, INT, FROM(1), IS(1), "", "the shortest length that [[?]] stands for, in tokens") \
    X(LIBRARY, "free-max", free_max, INT, FROM(1), IS(16), "", "the longest length that [[?]] stands for, in tokens")

/* pal_generate_options.  The first three are those that a text under way can be given anew (web/src/writer.ts). */
#define PAL_GENERATE_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, SAID(0, "drawn by chance, and told"), "", "random seed") \
    X(LIBRARY, "draft", draft, COUNT, ANY, IS(0), "", "another draft of the same seed is another text") \
    X(BOTH, "max-tokens", max_tokens, INT, FROM(0), SAID(-1, "as many as there is room for"), "", \
      "at most so many tokens are generated") \
    PAL_SAMPLING_ROWS(X, 1) \
    X(BOTH, "typical-p", typical_p, NUMBER, BETWEEN(0, 1), IS(1), " (1 is off)", \
      "locally typical sampling: the tokens whose information is closest to the entropy, up to this probability") \
    X(BOTH, "frequency-penalty", frequency_penalty, NUMBER, BETWEEN(-100, 100), IS(0), " (0 is off)", \
      "subtracted from a token's logit for each time it occurs among the last tokens") \
    X(BOTH, "presence-penalty", presence_penalty, NUMBER, BETWEEN(-100, 100), IS(0), " (0 is off)", \
      "subtracted from a token's logit if it occurs among the last tokens") \
    X(BOTH, "repeat-last-n", repeat_last_n, INT, FROM(-1), IS(64), " (-1 is all)", \
      "how many of the last tokens the penalties look at") \
    X(BOTH, "mirostat", mirostat, INT, EITHER(0, 2), IS(0), " (0 is off)", \
      "2: mirostat v2, in place of top-k, top-p, min-p and typical-p") \
    X(BOTH, "mirostat-tau", mirostat_tau, NUMBER, ABOVE(0, 100), IS(5), "", \
      "mirostat: the surprise that it aims at, in bits a token") \
    X(BOTH, "mirostat-eta", mirostat_eta, NUMBER, ABOVE(0, 1), IS(0.1), "", "mirostat: how fast it learns") \
    X(BOTH, "ignore-eos", ignore_eos, FLAG, ANY, IS(0), "", "do not end where the model would") \
    X(BOTH, "shift", shift, FLAG, ANY, IS(0), "", \
      "when the context is full, drop the older half of the text and continue") \
    X(BOTH, "keep", keep, INT, FROM(0), SAID(-1, "the prompt, up to half of the context"), "", \
      "tokens at the start that a shift never drops") \
    X(BOTH, "alternatives", alternatives, INT, BETWEEN(0, 20), IS(0), "", \
      "list so many of the likeliest tokens at each place")

/* pal_sequence_options: of the command alone; the library asks for them when a model is loaded. */
#define PAL_SEQUENCE_ROWS(X) \
    X(BOTH, "context", max_tokens, INT, FROM(1), SAID(0, "the model's context, up to 4096"), "", \
      "how many tokens there is memory for, those of the prompt included") \
    X(BOTH, "batch", batch, INT, FROM(1), IS(256), "", "tokens of the prompt in one evaluation") \
    X(BOTH, "kv", kv, CHOICE, NAMED(PAL_KV_TYPES, pal_kv_type_name), SAID(PAL_KV_F32, "F32"), "", \
      "the type in which keys and values are kept, the largest first")

/* pal_score_options */
#define PAL_SCORE_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, IS(1), "", "random seed of the estimate") \
    X(BOTH, "method", method, CHOICE, NAMED(PAL_SCORE_METHODS, pal_score_method_name), \
      SAID(PAL_SCORE_DEFAULT, "exact for causal models, bound for diffusion models"), "", "how the text is scored") \
    X(BOTH, "standard-error", standard_error, NUMBER, BETWEEN(0, 1e6), SAID(0, "0.01"), "", \
      "method bound: go on until the estimate's error is this, in bits a byte")

/* pal_image_options.  pal_image_defaults() gives some samplers other defaults. */
#define PAL_IMAGE_ROWS(X) \
    X(BOTH, "seed", seed, SEED, ANY, SAID(0, "drawn by chance, and told"), "", "random seed") \
    X(LIBRARY, "sampler", sampler, CHOICE, NAMED(PAL_IMAGE_SAMPLERS, pal_image_sampler_name), \
      SAID(PAL_IMAGE_DDPM, "the best one that the model supports"), "", "how noise becomes a picture") \
    X(BOTH, "first", first, COUNT, ANY, IS(0), "", \
      "number of the first picture: picture 17 of a seed is the same, however many are drawn") \
    X(BOTH, "count", count, INT, BETWEEN(1, 65536), IS(1), "", "how many pictures") \
    X(BOTH, "guidance", guidance, NUMBER, BETWEEN(0, 100), IS(1), " (1 is off)", \
      "above 1, pictures are more typical of the label, at twice the work") \
    X(BOTH, "resample", resample, INT, BETWEEN(1, 1000), IS(1), "", "inpainting: how often each step is made") \
    X(BOTH, "steps", steps, INT, BETWEEN(1, 65536), SAID(0, "25; 100 for annealed-langevin and bounds"), "", \
      "steps of the sampler") \
    X(BOTH, "grid", grid, CHOICE, WORDS(PAL_GRID_GIVEN, "even", "quadratic"), SAID(PAL_GRID_EVEN, "even"), "", \
      "which times are visited; quadratic: more of them where there is little noise") \
    X(BOTH, "clip-x0", clip_x0, FLAG, ANY, IS(1), "", "hold predicted pictures within the range of pixels") \
    X(BOTH, "clip-pixel", clip_pixel, NUMBER, BETWEEN(0, 255), \
      SAID(0, "2 for -ddpm and 1 for -ddim with optimal variances, otherwise 0"), " (0 is off)", \
      "bound of the last noise, in grey levels") \
    X(BOTH, "eta", eta, NUMBER, BETWEEN(0, 1), IS(0), "", "samplers -ddim: noise added, from none to that of -ddpm") \
    X(BOTH, "variance", variance, CHOICE, WORDS(PAL_VARIANCE_LARGE, "small", "large"), \
      SAID(PAL_VARIANCE_SMALL, "small"), "", "ddpm: which of the two classical variances") \
    X(BOTH, "process", process, CHOICE, WORDS(PAL_PROCESS_VE, "vp", "ve"), SAID(PAL_PROCESS_VP, "vp"), "", \
      "reverse-sde, predictor-corrector: variance preserving or exploding") \
    X(BOTH, "sigma-max", sigma_max, NUMBER, FROM(0), \
      SAID(0, "50, or where the model's schedule ends if that is less"), "", \
      "annealed-langevin and process ve: the first noise level") \
    X(BOTH, "sigma-min", sigma_min, NUMBER, FROM(0), SAID(0, "the least of the model's schedule"), "", \
      "annealed-langevin and process ve: the last noise level") \
    X(BOTH, "langevin-step", langevin_step, NUMBER, BETWEEN(1e-6, 1), IS(0.5), "", \
      "annealed-langevin: step of a move, in units of sigma squared") \
    X(BOTH, "iterations", iterations, INT, BETWEEN(1, 10000), IS(1), "", "annealed-langevin: moves a noise level") \
    X(BOTH, "correctors", correctors, INT, BETWEEN(0, 100), IS(1), "", "predictor-corrector: corrections a step") \
    X(BOTH, "snr", snr, NUMBER, ABOVE(0, 1), IS(0.16), "", \
      "predictor-corrector: signal-to-noise ratio that sets the step of a correction") \
    X(BOTH, "tolerance", tolerance, NUMBER, BETWEEN(1e-6, 0.1), SAID(1e-4, "1e-4; 1e-3 for likelihoods"), "", \
      "solver rk45: its error, absolute and relative") \
    X(BOTH, "solver", solver, CHOICE, WORDS(PAL_FLOW_HEUN, "rk45", "heun"), SAID(PAL_FLOW_RK45, "rk45"), "", \
      "probability-flow: rk45 finds its own steps, heun takes those it is given")

/* pal_likelihood_options, but for what it has of pictures. */
#define PAL_LIKELIHOOD_ROWS(X) \
    X(BOTH, "method", method, CHOICE, WORDS(PAL_LIKELIHOOD_BOUND, "flow", "bound"), \
      SAID(PAL_LIKELIHOOD_FLOW, "flow"), "", \
      "likelihood: by the probability flow, or the variational bound of a sampler: a -ddpm, or a -ddim with eta") \
    X(LIBRARY, "draw", draw, COUNT, ANY, IS(0), "", "another draw is another estimate") \
    X(LIBRARY, "tolerance", tolerance, NUMBER, BETWEEN(1e-6, 0.1), IS(1e-3), "", \
      "flow: error of the solver, absolute and relative") \
    X(BOTH, "probes", probes, INT, BETWEEN(0, 10000), IS(1), " (0 is the exact divergence)", \
      "flow: random directions by which the divergence is estimated") \
    X(BOTH, "difference", difference, NUMBER, BETWEEN(1e-4, 1), SAID(0.02, "0.02; 1 for quantised weights"), "", \
      "flow: half step of the central difference, in units of the noise level")

/* clang-format on */

#endif
