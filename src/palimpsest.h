/* palimpsest.h - fills blanks in text, continues text and draws pictures.  This is the only public header.
 *
 *   pal_error err;
 *   pal_model *model;
 *   if (pal_model_open_file(&model, "tales-infill.gguf", 0, &err)) report(err.text, err.offset);
 *   pal_infill_options options = pal_infill_defaults();
 *   const char *page = "Once upon a time there was a [[?]] who lived in [[4]].";
 *   size_t bytes;
 *   pal_session *s;
 *   if (pal_session_bytes(model, page, strlen(page), &options, &bytes, &err)) ...    // ask for the size,
 *   if (pal_session_init(&s, model, page, strlen(page), &options, malloc(bytes), bytes, &err)) ... // then provide it
 *   while ((status = pal_step(s, &err)) == PAL_MORE) draw(s);   // at most one evaluation of the network
 *   length = pal_session_text(s, buffer, sizeof buffer);
 *
 * Words.  A page is a text with blanks: [[4]] is a blank of four tokens, [[?]] a blank whose length the model chooses.
 * A place is the position of one token in a blank; it is open until its token is revealed.  An evaluation is one
 * forward pass of the network.  A draft is one sample of the result: each draft number gives another result.
 *
 * Memory.  A model allocates what it needs besides the bytes of its file, and pal_model_close frees it.  A session is
 * stored in the caller's block; its steps allocate nothing, and it has nothing to free.  File and block must stay
 * valid, at the same address, until the last call that uses them.  (If the library is built with AddressSanitizer,
 * the gaps between the arrays in a block from malloc stay poisoned until the block is freed or used again.)  Sequences,
 * generators, drawings and likelihoods are stored in the caller's blocks in the same way.
 *
 * Threads.  Threads may share a model, but not a session.  A model can also use threads of its own, which shorten an
 * evaluation (pal_model_use_threads): if several threads evaluate it at the same time, one of them gets these.
 * Errors.  PAL_OK is 0, failures are negative, and a call that fails changes nothing unless its comment says otherwise.
 * Safety.  Files and text may be hostile; pointers and sizes given by the caller are trusted.
 * Results.  The same model, options and text give bit-identical results on every target. */
#ifndef PALIMPSEST_H
#define PALIMPSEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    PAL_MORE = 1,           /* there is more to do: call the step function again */
    PAL_OK = 0,             /* done */
    PAL_E_FORMAT = -1,      /* not a model file, or a damaged one */
    PAL_E_UNSUPPORTED = -2, /* a valid file of a kind that this library cannot run */
    PAL_E_TEXT = -3,        /* the text is not valid, for example not a page; offset is the byte of the mistake */
    PAL_E_OPTION = -4,      /* an option is out of range, or cannot be used with this sampler or model */
    PAL_E_CONTEXT = -5,     /* more tokens than the context can hold */
    PAL_E_MEMORY = -6,      /* not enough memory, or the block is too small */
    PAL_E_IO = -7           /* the file cannot be read or written */
} pal_status;

/* Describes a failure.  text is a message for people, and is never NULL after a failure.  It is a constant or, if it
 * names keys or tensors of the model file, belongs to the model and is valid until that is closed.  offset is the byte
 * of the file or text at which the error was found, or SIZE_MAX if there is none. */
typedef struct {
    pal_status status;
    const char *text;
    size_t offset;
} pal_error;

typedef struct pal_model pal_model;       /* an opened file, read-only */
typedef struct pal_session pal_session;   /* one draft of one page that is being filled */
typedef struct pal_sequence pal_sequence; /* the tokens that a causal model has read, and their key-value cache */

/* ---- models ---------------------------------------------------------------------------------------- */

enum {
    PAL_OPEN_AS_STORED = 1 /* keep the weights as in the file, for tokens, pal_model_info and pal_model_quantize; calls
                              that evaluate the network then fail */
};

/* Opens a GGUF file that is in memory at a 64-byte aligned address.  The caller still owns the block, but the call
 * rearranges the weights in it for the kernels: afterwards it is no longer a GGUF file.  The block is not written to if
 * flags contain PAL_OPEN_AS_STORED or the call fails.
 *
 * Files that are not GGUF, damaged or incomplete are refused.  Other problems do not prevent opening: files of unknown
 * architectures, files with a vocabulary only, parts of split models and files with a key or tensor that cannot be used
 * open too, and pal_info.why_not says what does not work. */
pal_status pal_model_open(pal_model **out, void *file, size_t bytes, unsigned flags, pal_error *err);

/* Opens a model that was split into several files, given in any order; each is treated as in pal_model_open.  One file
 * is opened as there.  PAL_E_FORMAT: a part is missing, given twice, or of another model. */
pal_status pal_model_open_parts(pal_model **out, void *const *files, const size_t *bytes, size_t count, unsigned flags,
                                pal_error *err);

/* Opens the file at `path`.  It is mapped privately: the file itself is never written to.  If the path ends like
 * -00002-of-00005.gguf, the model was split into so many files, and all of them are opened: they must be in one folder.
 * PAL_E_IO then: one is missing (offset: its number, from 1). */
pal_status pal_model_open_file(pal_model **out, const char *path, unsigned flags, pal_error *err);
void pal_model_close(pal_model *model); /* NULL is allowed */

/* Makes a second model of `base` and a GGUF file with an adapter for it (general.type "adapter"), which changes the
 * rows that predict blanks: the model can fill pages whose blanks have exact lengths.  ARCHITECTURE.md ("Files")
 * describes these files.  The model uses the weights of the base, which must stay open until the model is closed and is
 * not changed.  The image is treated as in pal_model_open.  Calls on texts that read from left to right have the
 * results of the base.  pal_info describes the base; parameters counts those of the adapter too.
 *
 * Files that are not adapters, damaged files, and bases that cannot have adapters are refused.  If the adapter does not
 * fit the base, the model opens too, pal_info.why_not names what does not fit, and calls that evaluate it fail. */
pal_status pal_model_attach(pal_model **out, const pal_model *base, void *image, size_t bytes, pal_error *err);
pal_status pal_model_attach_file(pal_model **out, const pal_model *base, const char *path, pal_error *err);

/* A warning, a constant text, if the adapter fits the base but was made for other weights or for another quantisation of
 * them; otherwise NULL. */
const char *pal_adapter_note(const pal_model *model);

/* Makes the model use the kernels of this instruction set: "scalar" or another name that pal_info.isa can have.  Must
 * be called before the first session. */
pal_status pal_model_use_isa(pal_model *model, const char *isa, pal_error *err);

/* Makes evaluations of the model use `threads` threads, 1 to 64, among them the one that calls; 0 stands for
 * pal_default_threads().  The results have the same bits for every number.  The other threads are started now, sleep
 * between evaluations, and end with the model.  If the system starts fewer, or this build has no threads, fewer are used:
 * pal_info.threads says how many.  Must be called before the first session, and before an adapter is attached: a model
 * with an adapter uses the threads of its base.  Without this call a model uses one thread.
 * PAL_E_OPTION: out of range; PAL_E_MEMORY. */
pal_status pal_model_use_threads(pal_model *model, int32_t threads, pal_error *err);

/* The number of physical cores that this process may use, by its CPU affinity and the limits of its control groups; at
 * most 64. */
int32_t pal_default_threads(void);

typedef struct {
    const char *architecture; /* general.architecture, at most its first 63 bytes, or "" */
    const char *name;         /* general.name, at most its first 127 bytes, or "" */
    const char *license;      /* general.license, at most its first 127 bytes, or "" */
    const char *weights;      /* the type of most weights: "Q8_0", ... or "" */
    const char *tokenizer;    /* tokenizer.ggml.model or "" */
    const char *isa;          /* instruction set of the kernels: "scalar", "simd128", "relaxed", "avx2", "avx512vnni" */
    uint64_t file_bytes, parameters;
    size_t values, tensors; /* metadata values and tensors in the file */
    /* The values in use (context at most 2^20) if the network can be used, otherwise the values in the file.
     * 0: unknown, or not the same in all layers. */
    int32_t vocabulary, context, width, layers, heads, kv_heads, hidden;
    bool causal; /* attention sees only earlier tokens */
    bool can_tokenize, can_score, can_infill, free_length, can_generate, can_image;
    const char *why_not; /* why the network or the tokenizer cannot be used, or NULL; owned by the model */
    int32_t threads;     /* that evaluate it: see pal_model_use_threads */
    int32_t board;       /* 0; of a model that fills boards of Sudoku: 9, or 4 for boards of 4 x 4 */
    int32_t loops;       /* of such a model: pal_infill_options.loops by default */
} pal_info;
const pal_info *pal_model_info(const pal_model *model);

/* The noise of a network that computes scores (docs/score-entropy.md). */
typedef struct {
    const char *graph;           /* "absorb": noise replaces tokens by the mask; "uniform": by any of `states` pieces */
    const char *schedule;        /* "log-linear" or "geometric" */
    double sigma_min, sigma_max; /* the noise levels of the training, the only ones that the network is shown */
    int32_t states;              /* 0 for "absorb" */
} pal_noise_info;

/* Describes the noise in *out; false, and *out is unchanged, if the model does not compute scores. */
bool pal_model_noise(const pal_model *model, pal_noise_info *out);

/* ---- tokens ---------------------------------------------------------------------------------------- */

enum {
    PAL_TOKENIZE_INSIDE = 1, /* the text is not the start of a page: the tokenizer adds no space before it */
    PAL_TOKENIZE_SPECIAL = 2 /* control tokens such as <mask> written in the text become those tokens */
};

/* Splits text[bytes] into tokens.  Writes up to `capacity` ids and sets *count to the number of all tokens, at most
 * bytes + 1; if *count exceeds capacity, the rest was not written.  Adds no BOS or EOS. */
pal_status pal_tokenize(const pal_model *model, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, size_t *count, pal_error *err);

/* Writes the text of ids[count].  Writes up to `capacity` bytes, without a terminating null, and sets *bytes to the
 * length of the whole text.  Control tokens have no text.  With PAL_TOKENIZE_INSIDE a leading space is kept.
 * PAL_E_OPTION: an id is outside the vocabulary; offset is its index. */
pal_status pal_detokenize(const pal_model *model, const int32_t *ids, size_t count, unsigned flags, char *text,
                          size_t capacity, size_t *bytes, pal_error *err);

/* Returns the text of one token as it is in the file (U+2581 for a space) and sets *bytes to its length; NULL if there
 * is no such id. */
const char *pal_token_piece(const pal_model *model, int32_t id, size_t *bytes);

/* The tokens that end texts, in ascending order: those that the file names as EOS, EOT and EOM, and control tokens with
 * usual names such as <|im_end|>.  Writes up to `capacity` ids and returns how many there are. */
size_t pal_text_ends(const pal_model *model, int32_t *ids, size_t capacity);

/* Names, in a constant text, a part of the file's vocabulary that could not be used and was ignored.  index counts from
 * 0; NULL after the last note. */
const char *pal_vocabulary_note(const pal_model *model, size_t index);

/* ---- pages with blanks ----------------------------------------------------------------------------- */

/* Escapes text so that no part of it is read as a blank or an escape: puts a backslash before every `[[` and doubles
 * the backslashes before that.  Set before_blank if a blank follows directly: backslashes at the end of the text, or
 * before a single `[` at its end, are then doubled too.  (That `[` needs no backslash: in `a[[[2]]` only the last two
 * brackets open the blank.)  A page with the escaped text then gives back exactly the given text.  Returns the length,
 * at most 2 * bytes, which may exceed capacity. */
size_t pal_page_escape(const char *text, size_t bytes, bool before_blank, char *out, size_t capacity);

typedef enum {
    PAL_FIRST_HITTING, /* one token per evaluation, at a uniformly random place; exact; the reference */
    PAL_MARGIN,        /* one token per evaluation, where the two most probable tokens differ most; exact */
    PAL_ENTROPY,       /* one token per evaluation, where the entropy is smallest; exact */
    PAL_CONFIDENCE,    /* one token per evaluation, where the most probable token has the highest probability; exact */
    PAL_ANCESTRAL,     /* `steps` time steps; the distribution is exact up to O(1 / steps) */
    PAL_PARALLEL,      /* several tokens per evaluation, at the places with high scores; approximate */
    PAL_REMASK,        /* `steps` time steps; revealed tokens may be masked again (ReMDM); approximate */
    PAL_ASCENDING,     /* each blank from its left; among the leftmost open places of the blanks the one whose most
                          probable token has the highest probability; exact */
    PAL_ASCENDING_RANDOM, /* each blank from its left; a uniformly random one of those places; exact */
    PAL_SPECULATIVE,      /* blanks first to last, each from its left; models of query rows draft several tokens and
                             verify them in one evaluation; exact */
    /* For networks that compute scores (sedd). */
    PAL_EULER,           /* `steps` Euler steps of the reverse process, then a closing one; approximate, O(1 / steps) */
    PAL_TWEEDIE,         /* the same with steps that are exact for one place; approximate, O(1 / steps) */
    PAL_EULER_CORRECTOR, /* Euler steps with `corrections` between them; approximate, O(1 / steps) */
    PAL_SAMPLERS,
    PAL_MASKED_SAMPLERS = PAL_EULER, /* number of those before, which are for networks that predict masked tokens */
    PAL_SAMPLER_OF_MODEL = -1        /* pal_default_sampler of the model */
} pal_sampler;

const char *pal_sampler_name(pal_sampler sampler); /* "first-hitting", ...; NULL outside the enum */
bool pal_sampler_find(const char *name, pal_sampler *out);

/* Properties of a sampler, and the options that it takes.  An option that it does not take must keep its default
 * (otherwise PAL_E_OPTION). */
typedef struct {
    bool exact;         /* if the network's conditional probabilities are correct, so are those of the fills */
    bool reopens;       /* may mask revealed places again (remasking): no place is final before the last step */
    bool steps;         /* takes pal_infill_options.steps, its number of time steps */
    bool threshold;     /* takes pal_infill_options.threshold */
    bool entropy_bound; /* takes pal_infill_options.entropy_bound */
    bool distance;      /* takes pal_infill_options.distance */
    bool remask;        /* takes pal_infill_options.remask */
    bool scores;        /* is for networks that compute scores */
    bool corrections;   /* takes pal_infill_options.corrections */
    bool released;      /* takes pal_infill_options.released */
} pal_sampler_properties;
const pal_sampler_properties *pal_sampler_about(pal_sampler sampler); /* NULL outside the enum */

/* The sampler that PAL_SAMPLER_OF_MODEL stands for.  Networks that compute scores: PAL_FIRST_HITTING if their noise is the
 * mask, otherwise PAL_TWEEDIE.  Others: PAL_ASCENDING for models of query rows (pal_info.causal), since it
 * can choose the lengths of their blanks, PAL_MARGIN for all others. */
pal_sampler pal_default_sampler(const pal_model *model);

/* Fixes token `id` at place `index` of blank number `blank`, both from 0, as if it were given text. */
typedef struct {
    int32_t blank, index, id;
} pal_pin;

/* Comments begin with the default, as pal_infill_defaults() sets it. */
typedef struct {
    pal_sampler sampler; /* PAL_SAMPLER_OF_MODEL */
    uint64_t seed;       /* 0 */
    uint32_t draft;      /* 0; another draft of the same seed gives another text */
    double temperature;  /* 0.6; 0 is greedy, at most 100.  Also for the lengths of blanks on models of query rows; on
                            others lengths are drawn at temperature 1 */
    int32_t top_k;       /* 0: off; keeps the k most probable tokens */
    double top_p; /* 1: off; keeps the most probable tokens until their probabilities add up to this, at least one; 0
                     keeps only the most probable token */
    double min_p; /* 0: off; removes tokens whose probability is below min_p times the highest one */
    double repetition_penalty; /* 1: off; makes tokens that are on the page already less probable */
    bool borders;              /* true: the border rules of ARCHITECTURE.md; false: the model's exact probabilities */
    bool document;             /* false; true: the page is a whole document (the model sees BOS and EOS) */
    bool window;               /* true: a long page is filled in parts (windows); false: a page that is longer than the
                                   context is an error, others are filled as a whole */
    int32_t window_length;     /* 0: default; tokens in a window (default 512), at least 256; at most the context */
    bool byte_pieces;          /* false; true: fills may contain byte tokens, in whole UTF-8 characters */
    int32_t steps;             /* 0: default; number of time steps, for samplers that take it (default 64) */
    double threshold;          /* 0: off; PAL_PARALLEL reveals tokens more probable than this */
    double entropy_bound;      /* 0: off; cannot be used with threshold; PAL_PARALLEL reveals tokens while the sum of
                                   their entropies, without the largest one, is at most this many nats */
    int32_t distance;          /* 0: default; not with threshold or entropy_bound; PAL_PARALLEL reveals the most
                                   probable tokens that are at least this far apart on the page (default 16) */
    int32_t corrections;       /* 0: default; PAL_EULER_CORRECTOR: steps between two Euler steps (default 1) */
    bool released; /* false; true: PAL_EULER and PAL_TWEEDIE of an absorbing graph draw the mask and all tokens
                                   in one race of 32-bit numbers, as the code released with SEDD does: it loses reveals and
                                   rare tokens */
    double remask; /* -1: default; PAL_REMASK: probability of masking again, per step (default 0.04) */
    int32_t loops; /* 0: the number that the file names; only for models of boards: how often the network
                                   goes through its layers in an evaluation, 1 to 64 */
    int32_t free_min, free_max; /* 1, 16: lengths that [[?]] can have, in tokens */
    int32_t empty_token;        /* -1: the one that the model names; the token that ends a blank of chosen length.  Only
                                   for models of query rows; -1 for all others */
    const pal_pin *pins;        /* NULL; [pin_count] tokens that are fixed from the start */
    size_t pin_count;           /* 0 */
} pal_infill_options;
pal_infill_options pal_infill_defaults(void);

/* Long pages.  A page that has more tokens than a window is filled in windows: parts of the page, chosen around its
 * blanks.  Every blank is filled in one of them, in which at least 64 tokens stand between the blank and each edge that
 * is not the start or end of the page (if the context is below 256: a quarter of it).  Windows can overlap.  They are
 * filled in order; a window shows the words that are known by then as given text.  Probabilities are those in the
 * windows.  Steps are counted through all windows; samplers with time steps make all of them in every window. */

/* Computes the size of the block that a session on the page text[text_bytes] needs.  Parses the page, and so reports
 * the errors in it. */
pal_status pal_session_bytes(const pal_model *model, const char *text, size_t text_bytes,
                             const pal_infill_options *options, size_t *bytes, pal_error *err);

/* Makes a session in block[bytes], which may have any alignment.  Copies the page and the pins. */
pal_status pal_session_init(pal_session **out, const pal_model *model, const char *text, size_t text_bytes,
                            const pal_infill_options *options, void *block, size_t bytes, pal_error *err);

/* Makes one step, with at most one evaluation of the network.  PAL_MORE while places are open, PAL_OK when the page is
 * full.  PAL_E_FORMAT: the network produced NaN or infinity (its weights are damaged); the session is unchanged, and
 * can still be used. */
pal_status pal_step(pal_session *session, pal_error *err);

/* Evaluates the network once for several sessions of one model (drafts or pages), before their next step.  Sessions
 * whose next step needs no evaluation are skipped.  The next pal_step of the others evaluates nothing, and gives the
 * same bits as without this call.  pal_together_bytes computes the size of the block; tokens is the sum of the
 * sessions' pal_progress.shown.  Errors, which change nothing:
 * PAL_E_OPTION: a session has another model; PAL_E_MEMORY: the block is too small; PAL_E_FORMAT: the network produced
 * NaN or infinity.  Sessions that fill by query rows keep rows of known tokens.  A session that has none yet copies those
 * of an earlier session of the list with the same given text, and a session whose rows do not fit into the block is
 * evaluated by itself. */
pal_status pal_together_bytes(const pal_model *model, int32_t tokens, size_t *bytes, pal_error *err);
pal_status pal_evaluate_together(const pal_model *model, pal_session *const *sessions, int32_t count, void *block,
                                 size_t bytes, pal_error *err);

/* Writes the page with the tokens revealed so far.  While places are open they are written as blanks `[[k]]` and all
 * text is escaped, so that the result can be used as a page again.  A full page is the given text, unescaped, with the
 * fills.  Writes up to `capacity` bytes, without a terminating null, and returns the length of the whole text. */
size_t pal_session_text(const pal_session *session, char *text, size_t capacity);

#define PAL_ALTERNATIVES 5

/* One place of a blank. */
typedef struct {
    int32_t blank, index; /* number of the blank, number of the place in it, both from 0 */
    int32_t id;   /* token; -1: still open.  If the noise of the model is uniform, open places have tokens too, which
                             are not final: `step` is -1 */
    int32_t step; /* step at which it was revealed, from 1; 0: pinned; -1: still open */
    float probability;    /* of this token when it was drawn: at temperature 1, before truncation */
    bool empty;           /* holds <empty>, a token without text: the blank is shorter than its maximum length */
    bool space_given;     /* the token's leading space is not written, because the given text has that space */
    size_t offset, bytes; /* position of its text in pal_session_text; 0 bytes while open or empty */
    int32_t alternatives; /* number of elements set in the arrays below: the most probable tokens when it was drawn */
    int32_t alternative_id[PAL_ALTERNATIVES];
    float alternative_probability[PAL_ALTERNATIVES];
} pal_place;

size_t pal_session_blanks(const pal_session *session); /* number of blanks in the page */
/* Writes up to `capacity` of the places of all blanks, in order, and returns how many there are.  out may be NULL if
 * capacity is 0. */
size_t pal_session_tokens(const pal_session *session, pal_place *out, size_t capacity);

/* Writes the page as plain text for display: the given text, unescaped, and the tokens revealed so far; nothing for
 * open places.  Returns the length, which may exceed capacity.  If places is not NULL, sets offset and bytes of
 * places[count] to positions in this text. */
size_t pal_session_reading(const pal_session *session, char *text, size_t capacity, pal_place *places, size_t count);

typedef struct {
    int32_t step, steps;   /* steps done; number of time steps of all windows, or 0 if the sampler has none */
    int32_t evaluations;   /* of the network, since the session was made */
    int32_t open, places;  /* places that are open; all places */
    int32_t shown, tokens; /* tokens that the network sees at once, at most; tokens of the whole page */
    int32_t windows;       /* number of windows in which the blanks are filled */
    bool windowed;         /* there are blanks and shown < tokens: the probabilities are those in the windows */
} pal_progress;
pal_progress pal_session_progress(const pal_session *session);

/* Fixes token `id` at a place as if it were given text; with id -1 the model fills the place again.  Rewinds keep pins.
 * `<empty>` can be pinned if the blank may be that short.  Errors: PAL_E_OPTION. */
pal_status pal_session_pin(pal_session *session, int32_t blank, int32_t index, int32_t id, pal_error *err);

/* Goes back to the state after `step` steps: opens all places that were revealed later (0: all that are not pinned).
 * With a sampler that reopens places, step must be 0 (otherwise PAL_E_OPTION).  The following steps give the same text
 * again unless the seed or draft is changed. */
pal_status pal_session_rewind(pal_session *session, int32_t step, pal_error *err);

/* Sets another seed and draft for the following steps. */
void pal_session_reseed(pal_session *session, uint64_t seed, uint32_t draft);

/* For models that fill by query rows (pal_info.causal and can_infill): a new session takes over the keys and values of
 * given text that another session of the model, or a sequence of the model or its base, has computed, so that its first
 * step is short.  Both texts must begin with the same tokens, and with the model's start token (place 0 of every page).
 * What follows the first difference is computed; for a sequence that is everything from the first blank on.  Returns how
 * many tokens of the page need not be computed: 0 if there is nothing in common, the session has made a step, or a
 * sequence keeps keys and values in another type than F32.  The results do not change by one bit. */
int32_t pal_session_reuse(pal_session *session, const pal_session *from);
int32_t pal_session_reuse_sequence(pal_session *session, const pal_sequence *from);

/* ---- logits ---------------------------------------------------------------------------------------- */

/* Computes logits[count, vocabulary] of the network at the positions at[count] of tokens[n]; n is at most the context.
 * Logits are unnormalised natural logarithms.  Allocates scratch memory and frees it.  PAL_E_FORMAT: a logit is NaN or
 * infinite (minus infinity too, because finite weights cannot give it); logits[] must then not be used. */
pal_status pal_logits(const pal_model *model, const int32_t *tokens, int32_t n, const int32_t *at, int32_t count,
                      float *logits, pal_error *err);

/* ---- sequences: causal models, token by token ------------------------------------------------------- */

/* The type of the key-value cache.  With one type, logits are bit-identical however the tokens are split into calls and
 * after any rewind, because attention always reads the rounded values.  F32 gives the same logits as pal_logits. */
typedef enum {
    PAL_KV_F32,
    PAL_KV_F16,  /* half the memory of F32 */
    PAL_KV_Q8_0, /* little more than a quarter of it; blocks of up to 32 values of a head, each with a 16-bit scale */
    PAL_KV_TYPES
} pal_kv_type;

const char *pal_kv_type_name(pal_kv_type type); /* "F32", ...; NULL outside the enum */
bool pal_kv_type_find(const char *name, pal_kv_type *out);

/* Comments begin with the default, as pal_sequence_defaults() sets it. */
typedef struct {
    int32_t max_tokens; /* 0: the model's context; capacity in tokens, at most that context */
    int32_t batch;      /* 256; maximum number of tokens per evaluation: more is faster and needs more memory */
    pal_kv_type kv;     /* PAL_KV_F32 */
} pal_sequence_options;
pal_sequence_options pal_sequence_defaults(void);

/* Computes the size of the block that a sequence needs.  PAL_E_OPTION: an option is out of range; PAL_E_UNSUPPORTED:
 * the model cannot be evaluated, or its attention is not causal. */
pal_status pal_sequence_bytes(const pal_model *model, const pal_sequence_options *options, size_t *bytes,
                              pal_error *err);

/* Makes an empty sequence in block[bytes], which may have any alignment.  It has nothing to free. */
pal_status pal_sequence_init(pal_sequence **out, const pal_model *model, const pal_sequence_options *options,
                             void *block, size_t bytes, pal_error *err);

/* Appends tokens[n] and evaluates the network for them, in batches of up to `batch` tokens.  Results are bit-identical
 * however the tokens are split into calls.  Errors, which leave the sequence unchanged: PAL_E_CONTEXT: more than
 * max_tokens; PAL_E_OPTION: an id is outside the vocabulary; offset is its index. */
pal_status pal_sequence_append(pal_sequence *sequence, const int32_t *tokens, int32_t n, pal_error *err);

/* Computes logits[vocabulary] for the token after the last one.  PAL_E_OPTION: the sequence is empty, or was rewound
 * and no token was appended since; PAL_E_FORMAT as in pal_logits. */
pal_status pal_sequence_logits(pal_sequence *sequence, float *logits, pal_error *err);

int32_t pal_sequence_length(const pal_sequence *sequence);
const int32_t *pal_sequence_tokens(const pal_sequence *sequence); /* [length]; valid until the sequence changes */

/* Removes the tokens from index `length` on, if there are any. */
void pal_sequence_rewind(pal_sequence *sequence, int32_t length);

/* Rewinds to the longest common prefix with tokens[n] and returns its length.  The tokens of the prefix need not be
 * appended again. */
int32_t pal_sequence_keep(pal_sequence *sequence, const int32_t *tokens, int32_t n);

/* Saves the sequence as bytes, for a file: tokens, keys and values.  Returns the number of bytes; writes them to out
 * only if capacity is at least that. */
size_t pal_sequence_save(const pal_sequence *sequence, void *out, size_t capacity);

/* Loads a saved sequence.  Errors, which leave the sequence unchanged: PAL_E_FORMAT: not a saved sequence, incomplete,
 * or damaged (its SHA-256 is wrong); PAL_E_UNSUPPORTED: saved with another model, version or type of key-value cache;
 * PAL_E_CONTEXT: longer than max_tokens. */
pal_status pal_sequence_restore(pal_sequence *sequence, const void *data, size_t bytes, pal_error *err);

/* ---- generation: continuing a text -------------------------------------------------------------------- */

/* A grammar that generated texts must match, in GBNF (src/text/decode/grammar.h describes the notation).
 * pal_grammar_open allocates memory.  An open grammar is read-only, so threads and generators may share it.
 * PAL_E_TEXT: a mistake; PAL_E_UNSUPPORTED: too large.  In both cases offset is the byte in the grammar. */
typedef struct pal_grammar pal_grammar;
pal_status pal_grammar_open(pal_grammar **out, const char *text, size_t bytes, pal_error *err);
void pal_grammar_close(pal_grammar *grammar); /* NULL is allowed */

typedef struct {
    int32_t id;
    double bias; /* added to the logit; -INFINITY: never this token */
} pal_logit_bias;

typedef struct {
    const char *text;
    size_t bytes;
} pal_stop_string;

#define PAL_CANDIDATES 20 /* maximum number of alternatives of a token */

/* Comments begin with the default, as pal_generate_defaults() sets it.  With the defaults, tokens are drawn from the
 * model's own probabilities.  Options are applied in this order: logit_bias, repetition_penalty, frequency_penalty
 * and presence_penalty, grammar, temperature, top_k, typical_p, top_p, min_p; mirostat replaces the last four. */
typedef struct {
    uint64_t seed;             /* 0 */
    uint32_t draft;            /* 0; another draft of the same seed gives another text */
    int32_t max_tokens;        /* -1: until the context is full; number of tokens to generate */
    double temperature;        /* 1; 0 is greedy, at most 100 */
    int32_t top_k;             /* 0: off; keeps the k most probable tokens */
    double typical_p;          /* 1: off; locally typical sampling */
    double top_p;              /* 1: off; 0 keeps only the most probable token */
    double min_p;              /* 0: off; removes tokens whose probability is below min_p times the highest one */
    double repetition_penalty; /* 1: off */
    double frequency_penalty;  /* 0: off */
    double presence_penalty;   /* 0: off */
    int32_t repeat_last_n;     /* 64; number of last tokens that the penalties look at; -1: all */
    int32_t mirostat;          /* 0: off; 2: mirostat v2 */
    double mirostat_tau;       /* 5; target surprise, in bits per token */
    double mirostat_eta;       /* 0.1; learning rate */
    bool ignore_eos;           /* false; true: tokens that end a text are never drawn, except those that `stop` names */
    bool shift;           /* false; true: when the context is full, the older half of the tokens after the first `keep`
                             is dropped, and the remaining tokens are read again as the start of the text */
    int32_t keep;         /* -1: all, up to half of the context; number of prompt tokens that are never dropped */
    int32_t alternatives; /* 0; number of alternatives listed with each token, at most PAL_CANDIDATES */
    const pal_logit_bias *logit_bias; /* NULL; copied */
    size_t logit_bias_count;          /* 0 */
    const pal_stop_string *stop; /* NULL; texts at which generation ends: at most 64, up to 4096 bytes each; copied.
                                    If one is the name of a control token, such as <|im_end|>, that token also ends
                                    generation */
    size_t stop_count;           /* 0 */
    const pal_grammar *grammar;  /* NULL; the generated text must match it from its first byte; must stay valid */
} pal_generate_options;
pal_generate_options pal_generate_defaults(void);

/* Continues texts token by token.  A generator stores the tokens of the prompt, the generated tokens and the options.
 * It evaluates the network with a pal_sequence, which must stay valid.  Several generators, with different options, can
 * use one sequence in turn; tokens that the sequence has already are not evaluated again.  The tokens that end texts
 * are those of pal_text_ends. */
typedef struct pal_generator pal_generator;

/* Ask for the size of the block, then provide the block.  A generator has nothing to free.  PAL_E_OPTION: an option is
 * out of range (offset: index of the logit bias or stop string). */
pal_status pal_generator_bytes(const pal_sequence *sequence, const pal_generate_options *options, size_t *bytes,
                               pal_error *err);
pal_status pal_generator_init(pal_generator **out, pal_sequence *sequence, const pal_generate_options *options,
                              void *block, size_t bytes, pal_error *err);

/* Starts a new text.  The first function starts with BOS (if the model wants it or the prompt is empty) and the tokens
 * of the prompt; the second starts with exactly tokens[n].  Nothing is evaluated yet; a prefix that the sequence has
 * already is kept (pal_generate_progress.kept).  flags are those of pal_tokenize.  Errors, which change nothing:
 * PAL_E_CONTEXT: the prompt has more tokens than the context can hold; PAL_E_OPTION: the prompt is empty and the model
 * has no BOS token, or an id is outside the vocabulary (offset: its index).  The first function allocates scratch
 * memory and frees it. */
pal_status pal_generator_prompt(pal_generator *generator, const char *text, size_t bytes, unsigned flags,
                                pal_error *err);
pal_status pal_generator_prompt_tokens(pal_generator *generator, const int32_t *tokens, int32_t n, pal_error *err);

/* Makes one step: evaluates the network for up to `batch` of the tokens not read yet; if none is left then, draws one
 * token.  A step that shifts the window draws no token.  PAL_MORE: there is more to do; PAL_OK: the text is finished.
 * PAL_E_FORMAT: the network produced NaN or infinity (its weights are damaged); PAL_E_OPTION: logit biases and grammar
 * allow no token; PAL_E_UNSUPPORTED: the grammar has too many ways to continue.  After an error the generator is
 * unchanged.  The sequence may have changed: it may have no logits now, and it may have dropped tokens that are not in
 * the generator's text. */
pal_status pal_generator_step(pal_generator *generator, pal_error *err);

typedef struct {
    int32_t id;
    int32_t index;      /* its number among the generated tokens, from 0 */
    double logprob;     /* natural logarithm of the model's own probability: temperature 1, no truncation; NaN if it was
                           not drawn, but added by pal_generator_push */
    double probability; /* in the distribution it was drawn from; 1 if it was not drawn */
    size_t offset, bytes; /* position of its text in the generated text, including the bytes of an incomplete character;
                             0 bytes for a token that ends the text */
    int32_t alternatives; /* number of elements set in the arrays below: the model's most probable tokens */
    int32_t alternative_id[PAL_CANDIDATES];
    double alternative_logprob[PAL_CANDIDATES];
} pal_generated;

/* The token that the last step or push added; NULL if it added none. */
const pal_generated *pal_generator_token(const pal_generator *generator);

/* Returns the text that the last step or push added, and sets *bytes to its length; valid until the next call.  These
 * texts, joined, are the generated text.  One of them can be shorter or longer than the text of its token:
 * - Only whole characters are returned.
 * - Text that may be the start of a stop string is held back until this is decided.  The stop string and what follows
 *   it are never returned.
 * - If generation finishes in another way, the text held back is returned then, except an incomplete character.  Its
 *   bytes are kept, in saved generators too, and are returned with the rest of the character if the text is continued.
 * - After a rewind, text of the remaining tokens is not returned again. */
const char *pal_generator_text(const pal_generator *generator, size_t *bytes);

typedef enum {
    PAL_FINISH_NONE,    /* not finished */
    PAL_FINISH_STOP,    /* a stop string, or the control token that it names */
    PAL_FINISH_LENGTH,  /* max_tokens were generated */
    PAL_FINISH_EOS,     /* a token that ends texts, or the end of the grammar if nothing can follow */
    PAL_FINISH_CONTEXT, /* the context is full */
    PAL_FINISHES
} pal_finish;
const char *pal_finish_name(pal_finish finish); /* "none", "stop", "length", "eos", "context"; NULL outside the enum */

/* The window is the part of the text that the network sees: all of it until a shift drops tokens. */
typedef struct {
    int32_t prompt, kept;           /* tokens of the prompt with BOS; how many of them the sequence had already */
    int32_t unread;                 /* tokens to read before the next draw, among them the last generated one */
    int32_t generated;              /* generated tokens, without one that ended the text */
    int32_t tokens, capacity;       /* tokens in the window; how many it can hold */
    int32_t dropped;                /* tokens that shifts of the window have dropped */
    int32_t evaluations, evaluated; /* evaluations of the network since the prompt; tokens evaluated in them */
    size_t text_bytes;              /* bytes of generated text returned so far */
    int32_t stop;                   /* index of the stop string that was found, -1: none */
    uint64_t seed;
    uint32_t draft;
    pal_finish finish;
} pal_generate_progress;
pal_generate_progress pal_generator_progress(const pal_generator *generator);

/* Returns the tokens in the window, prompt included, and sets *n to their number; valid until they change. */
const int32_t *pal_generator_tokens(const pal_generator *generator, int32_t *n);

/* Removes all but the first `generated` generated tokens (0: only the prompt is left).  Of the remaining tokens only
 * the last is evaluated again, to get its logits.  The following steps give the same tokens again unless something was
 * changed or the window was shifted.  PAL_E_OPTION: there are not that many, or a shift has dropped tokens there. */
pal_status pal_generator_rewind(pal_generator *generator, int32_t generated, pal_error *err);

/* Appends token `id` instead of drawing one; nothing is evaluated.  Use it after a rewind to replace a token, or to
 * continue a text that a token has ended.  PAL_E_OPTION: the id is outside the vocabulary, or not allowed by the
 * grammar; PAL_E_CONTEXT: the context is full. */
pal_status pal_generator_push(pal_generator *generator, int32_t id, pal_error *err);

/* Set another seed and draft, or another maximum number of generated tokens (-1: none), for the following steps.  A
 * text that had reached its maximum can continue. */
void pal_generator_reseed(pal_generator *generator, uint64_t seed, uint32_t draft);
void pal_generator_limit(pal_generator *generator, int32_t max_tokens);

/* Saves generator and sequence as pal_sequence_save does: tokens, keys and values, seed and draft, and the states of
 * mirostat and the grammar.  A restored text continues with the same tokens as the saved one. */
size_t pal_generator_save(const pal_generator *generator, void *out, size_t capacity);

/* Loads a saved generator and its sequence.  Errors are those of pal_sequence_restore, and PAL_E_OPTION: the text does
 * not match the generator's grammar.  Sets seed and draft to the saved ones; all other options stay unchanged. */
pal_status pal_generator_restore(pal_generator *generator, const void *data, size_t bytes, pal_error *err);

/* ---- conversations ----------------------------------------------------------------------------------- */

/* One message of a conversation.  role is "system", "user" or "assistant". */
typedef struct {
    const char *role;
    const char *content; /* [bytes], UTF-8 */
    size_t bytes;
} pal_message;

/* The format of conversations in the model's file (tokenizer.chat_template, a program in the language Jinja), not
 * terminated, and its length; NULL if there is none. */
const char *pal_chat_template(const pal_model *model, size_t *bytes);

/* The family of that template, recognised by its text: "ChatML", "Llama 3", "Gemma" or "Mistral".  NULL: it is another
 * one, which *err names if it is known, or the file has none. */
const char *pal_chat_format_name(const pal_model *model, pal_error *err);

/* Makes the tokens of a prompt for pal_generator_prompt_tokens: BOS if the template writes it or the model wants it,
 * the messages in the format of the template, and the start of the assistant's answer.  The answer ends at one of
 * pal_text_ends.  The template's control tokens are tokens; contents are plain text, so that "<|im_end|>" in a message
 * ends nothing.  A system message where the template has no place for one is put before the first message of the user.
 * Writes up to `capacity` ids and sets *count to the number of all tokens; if *count exceeds capacity, the rest was not
 * written.  A conversation that begins with the messages of another one mostly begins with its tokens too, which a
 * sequence then does not evaluate again.  Allocates scratch memory and frees it.  PAL_E_UNSUPPORTED: no template, or
 * another one; PAL_E_OPTION: the template does not allow these roles in this order (offset: index of the message). */
pal_status pal_chat_tokens(const pal_model *model, const pal_message *messages, size_t message_count, int32_t *ids,
                           size_t capacity, size_t *count, pal_error *err);

/* ---- scores ---------------------------------------------------------------------------------------- */

typedef enum {
    PAL_SCORE_DEFAULT, /* exact for causal models, the bound for diffusion models */
    PAL_SCORE_EXACT,   /* causal models: chain rule */
    PAL_SCORE_BOUND,   /* diffusion models: upper bound on -log p under first-hitting */
    PAL_SCORE_MARGIN,  /* diffusion models, this and the next two: exact -log p under the sampler of that name */
    PAL_SCORE_ENTROPY,
    PAL_SCORE_CONFIDENCE,
    PAL_SCORE_METHODS
} pal_score_method;

const char *pal_score_method_name(pal_score_method method); /* "exact", "bound", ...; NULL outside the enum */
bool pal_score_method_find(const char *name, pal_score_method *out);

/* Progress of a score, and a callback that receives it.  If the callback returns false, scoring stops. */
typedef struct {
    uint64_t evaluations, expected_evaluations; /* done; expected in all, 0 while not known */
    double bits_per_byte, standard_error;       /* of the work done so far; NaN while not known */
} pal_score_progress;
typedef bool pal_score_progress_fn(void *context, const pal_score_progress *progress);

typedef struct {
    pal_score_method method;
    uint64_t seed;
    double standard_error;           /* bits per byte; estimates continue until their standard error is this; 0: 0.01 */
    pal_score_progress_fn *progress; /* NULL: none */
    void *context;                   /* passed to progress */
} pal_score_options;

typedef struct {
    double bits_per_byte, nats_per_token, perplexity; /* perplexity: e^nats_per_token */
    double standard_error;                            /* bits per byte; 0 if exact */
    bool estimated, bound;                            /* is an estimate; is an upper bound */
    uint64_t documents, windows, tokens, bytes, evaluations;
    pal_score_method method;
    uint64_t left_out; /* tokens that are no states of uniform noise: shown, but not scored and not in `tokens` */
} pal_score_result;

/* Scores text[bytes].  Lines `<|endoftext|>` split it into documents, and each document is split into windows as long
 * as the context.  BOS and EOS are not scored.  Allocates scratch memory and frees it.  PAL_MORE: `progress` stopped
 * it, and *out holds the results so far. */
pal_status pal_score(const pal_model *model, const char *text, size_t bytes, const pal_score_options *options,
                     pal_score_result *out, pal_error *err);

/* Scores a text step by step, for callers that cannot use a callback.  A step makes one evaluation of the network.  The
 * text is needed only by pal_scoring_start, which allocates memory; pal_scoring_end frees it.  options.progress is not
 * called. */
typedef struct pal_scoring pal_scoring;
pal_status pal_scoring_start(pal_scoring **out, const pal_model *model, const char *text, size_t bytes,
                             const pal_score_options *options, pal_error *err);
pal_status pal_scoring_step(pal_scoring *job, pal_error *err); /* PAL_MORE or PAL_OK; PAL_E_FORMAT as in pal_step */
pal_score_progress pal_scoring_progress(const pal_scoring *job);
pal_score_result pal_scoring_result(const pal_scoring *job); /* so far if not finished; NaN if there is none yet */
void pal_scoring_end(pal_scoring *job);                      /* NULL is allowed */

/* ---- scores of fills: how likely given tokens are in the blanks of a page --------------------------- */

/* What stands in one blank: ids[count] or, if ids is NULL, text[bytes], which is tokenized.  Only ids can repeat what a
 * session did, because a session may write a text with other tokens than the tokenizer.  Fewer tokens than the maximum
 * of the blank: it ends there, and the end counts too. */
typedef struct {
    const int32_t *ids;
    size_t count;
    const char *text;
    size_t bytes;
} pal_given_fill;

/* A place that is drawn: a token of a blank, or its end, which is at index `count` if the blank is not full. */
typedef struct {
    int32_t blank, index;
} pal_drawn_place;

/* Comments begin with the default, as pal_fills_defaults() sets it. */
typedef struct {
    const pal_drawn_place *order; /* NULL: the order of the sampler; all tokens and ends in the order in which they
                                     become known, in blanks of chosen length from left to right; copied */
    size_t order_count;           /* 0 */
    bool left_only; /* false; true, for causal models: each token is given what stands before it, and nothing after it;
                       an adapter is not used */
    int32_t
        orders; /* 32; number of random orders, if the sampler has a random order and there are several; at least 2 */
} pal_fills_options;
pal_fills_options pal_fills_defaults(void);

/* Computes how likely fills[count] are in the blanks of a page, one fill per blank: -ln of the product of the
 * probabilities with which a session with these infill options draws them, at temperature 1 and without truncation.
 * The order is that of the sampler, which must be exact, or the given one.  Long pages are filled in windows, as by a
 * session; a given order must then go through the windows in order.  The result is exact, but with a random order
 * it is an upper bound: the average over several orders.  infill->pins is not used.
 *
 * A step makes at most one evaluation of the network.  All arguments but the model are copied; pal_fills_start allocates
 * memory, pal_fills_end frees it.  Errors are those of pal_session_init, and PAL_E_OPTION: a fill does not fit its blank
 * (offset: number of the blank), the order is not valid (offset: its entry), or the sampler is not exact. */
typedef struct pal_fills pal_fills;
pal_status pal_fills_start(pal_fills **out, const pal_model *model, const char *page, size_t page_bytes,
                           const pal_infill_options *infill, const pal_given_fill *fills, size_t count,
                           const pal_fills_options *options, pal_error *err);
/* Starts again with other fills, or another order, of the same page.  What the network computed of the given text is kept.
 * After an error only this function and pal_fills_end may be called.  Not with left_only. */
pal_status pal_fills_again(pal_fills *job, const pal_given_fill *fills, size_t count, const pal_fills_options *options,
                           pal_error *err);
/* PAL_MORE or PAL_OK.  PAL_E_FORMAT as in pal_step; PAL_E_OPTION: a session never draws this token there, because it is a
 * control token, or by the rules for borders and bytes (offset: number of the blank). */
pal_status pal_fills_step(pal_fills *job, pal_error *err);

typedef struct {
    double nats;           /* of all fills; NaN before the last step */
    double standard_error; /* of nats; 0 if exact */
    bool bound;            /* nats is an estimate of an upper bound */
    int32_t tokens;        /* of all fills, without the ends of blanks */
    int32_t orders;        /* number of orders averaged; 1 if exact */
    int32_t windows;       /* number of windows: the probabilities are those in them */
    uint64_t evaluations;
} pal_fills_result;
pal_fills_result pal_fills_result_of(const pal_fills *job);

typedef struct {
    int32_t blank, index;
    int32_t id;  /* -1: the end of the blank */
    double nats; /* 0 where the token was the only possible one */
} pal_fill_nats;

/* Writes up to `capacity` of the drawn places, in the order of the page, and returns how many there are. */
size_t pal_fills_places(const pal_fills *job, pal_fill_nats *out, size_t capacity);
void pal_fills_end(pal_fills *job); /* NULL is allowed */

/* ---- surprise: how likely each token of a text is ---------------------------------------------------- */

/* A token of a text and its probability given the text before it. */
typedef struct {
    int32_t id;
    int32_t alternatives; /* number of elements set in the arrays below: the most probable tokens at its position, the
                             most probable first */
    double logprob;       /* natural logarithm of its probability; NaN if there is nothing before it, not even BOS */
    int32_t alternative_id[PAL_CANDIDATES];
    double alternative_logprob[PAL_CANDIDATES];
} pal_surprise_token;

/* Computes out[n] for the tokens[n] of a text (as from pal_tokenize, without BOS), each with `alternatives` most
 * probable tokens, at most PAL_CANDIDATES.  Only for causal models.  A text longer than the context is split into
 * windows as in pal_score: each begins with BOS, if the model has one, and is as long as the context.  So the sum of
 * all logprob agrees with the score.  Allocates scratch memory and frees it.  PAL_E_UNSUPPORTED: the model is not
 * causal; PAL_E_TEXT: there is no token; PAL_E_OPTION: too many alternatives, or an id is outside the vocabulary
 * (offset: its index); PAL_E_FORMAT as in pal_logits.  After an error out[n] is undefined. */
pal_status pal_surprise(const pal_model *model, const int32_t *tokens, size_t n, int32_t alternatives,
                        pal_surprise_token *out, pal_error *err);

/* Computes the same step by step.  A step makes at most one evaluation of the network and produces the next few tokens.
 * The tokens are copied.  pal_surprising_start allocates memory, pal_surprising_end frees it, also before the last
 * step. */
typedef struct pal_surprising pal_surprising;
pal_status pal_surprising_start(pal_surprising **out, const pal_model *model, const int32_t *tokens, size_t n,
                                int32_t alternatives, pal_error *err);
/* PAL_MORE, or PAL_OK after the last token.  PAL_E_FORMAT as in pal_logits: the step produced no token and changed
 * nothing. */
pal_status pal_surprising_step(pal_surprising *job, pal_error *err);

/* Returns the tokens that the last step produced and sets *count to their number; valid until the next step. */
const pal_surprise_token *pal_surprising_tokens(const pal_surprising *job, size_t *count);

typedef struct {
    uint64_t tokens, all_tokens;                /* done; in the text */
    uint64_t evaluations, expected_evaluations; /* done; expected in all */
} pal_surprise_progress;
pal_surprise_progress pal_surprising_progress(const pal_surprising *job);
void pal_surprising_end(pal_surprising *job); /* NULL is allowed */

/* ---- unpredictable tokens --------------------------------------------------------------------------- */

/* Which tokens can never be the most probable one, whatever the text (Su, kexue.fm 9046; Grivas, Bogoychev and Lopez, "Low-
 * rank softmax can have unargmaxable classes in theory but rarely in practice", 2022).  A logit is w . h + b for the hidden
 * row h: token k is predictable if some hidden row makes its logit the largest.  Otherwise other tokens dominate it: for
 * weights a with the sum 1, |sum a (w_k - w_i)| R + sum a (b_k - b_i) <= 0, where R is the limit of the length of hidden
 * rows (without a limit, the first sum is 0).  In a model, hidden rows are what its last norm can compute, with its gain
 * and shift: R = sqrt(width), and after a LayerNorm only differences without their mean count.  If the norm depends on
 * the noise level, hidden rows are of any length.
 *
 *   pal_probing_start(&job, model, NULL, &err);
 *   while ((status = pal_probing_step(job, &err)) == PAL_MORE) show(pal_probing_progress(job));
 *   pal_probed_token t = pal_probing_token(job, 17); */
typedef enum {
    PAL_TOKEN_OPEN,          /* not decided yet, or not asked for */
    PAL_TOKEN_PREDICTABLE,   /* a hidden row is known for which it is the most probable, checked in f64 */
    PAL_TOKEN_TIED,          /* the same, together with tokens of the same row and bias */
    PAL_TOKEN_UNPREDICTABLE, /* weights are known by which others dominate it, with a relative residual of at most 1e-9 */
    PAL_TOKEN_UNDECIDED,     /* neither was found */
    PAL_TOKEN_STATES
} pal_token_state;

const char *pal_token_state_name(pal_token_state state); /* "open", "predictable", ...; NULL outside the enum */

enum { PAL_DOMINATING = 8 };

typedef struct {
    pal_token_state state;
    bool drawn;      /* false: a control, unknown or unused piece, or the mask, that no fill or text ends with or has */
    int32_t same_as; /* the lowest token with the same row and bias; -1: it is this one, or there is none */
    double lead;     /* predictable, tied: by how much its logit leads the next one in the hidden row that was found */
    double residual; /* unpredictable: |sum a (w_k - w_i)| / sum a |w_k - w_i|, or the same with biases; undecided: the
                        smallest that was reached, NaN if none */
    int32_t dominating; /* unpredictable: number of tokens with positive weights; the arrays have the largest */
    int32_t id[PAL_DOMINATING];
    double weight[PAL_DOMINATING];
} pal_probed_token;

/* Comments name the default, as pal_probe_defaults() sets it. */
typedef struct {
    const int32_t *tokens; /* NULL: all; [count] which tokens to decide about; copied */
    size_t count;          /* 0 */
    int32_t sample;        /* 0: off; decide about this many tokens, evenly spaced, if there are more */
    int32_t rounds;        /* 500: products with all rows after which a token is undecided; at least 1 */
    bool any_hidden;       /* false; true: hidden rows of any direction and length, not those of the model's norm */
} pal_probe_options;
pal_probe_options pal_probe_defaults(void);

/* An output layer that is not of a model. */
typedef struct {
    int32_t tokens, width; /* 1 to 2^24; 1 to 65536 */
    const float *rows;     /* [tokens, width] */
    const float *bias;     /* [tokens]; NULL: none */
    double radius;         /* the limit of the length of hidden rows; 0: none */
    bool centred;          /* the elements of hidden rows have the sum 0 */
} pal_output_rows;

/* Starts, allocates memory: about 4 bytes per weight and 200 per token.  options can be NULL: the defaults; tokens and
 * rows are copied.  PAL_E_UNSUPPORTED: the model has no output layer of tokens; PAL_E_OPTION: an option is out of range, or
 * a token outside the vocabulary (offset: its index); PAL_E_FORMAT: a weight is NaN or infinite; PAL_E_MEMORY. */
typedef struct pal_probing pal_probing;
pal_status pal_probing_start(pal_probing **out, const pal_model *model, const pal_probe_options *options,
                             pal_error *err);
pal_status pal_probing_start_rows(pal_probing **out, const pal_output_rows *rows, const pal_probe_options *options,
                                  pal_error *err);

/* Makes a few products with all rows: of a few tokens that may then be decided, or of one.  PAL_MORE, or PAL_OK when all
 * are decided.  The results do not depend on the number of threads. */
pal_status pal_probing_step(pal_probing *job, pal_error *err);

typedef struct {
    int32_t tokens, all_tokens;      /* decided; asked for */
    int32_t drawn[PAL_TOKEN_STATES]; /* number of tokens of each state among those asked for that can be drawn, */
    int32_t never[PAL_TOKEN_STATES]; /* and among those that are never drawn */
    int32_t vocabulary;              /* rows of the output layer */
    uint64_t products;               /* of one hidden row with all rows */
    int32_t width;                   /* of a hidden row */
    bool bounded, centred, biased;   /* which hidden rows: R is finite; without mean; there is a bias */
} pal_probe_progress;
pal_probe_progress pal_probing_progress(const pal_probing *job);

/* The result for one token, 0 <= id < number of tokens. */
pal_probed_token pal_probing_token(const pal_probing *job, int32_t id);

/* Writes up to `capacity` of the tokens that the last step decided, and returns how many there are. */
size_t pal_probing_decided(const pal_probing *job, int32_t *ids, size_t capacity);

/* Proofs, only for tokens that the last step decided.  pal_probing_hidden writes hidden[width], for which the token is
 * the most probable; false: it is not predictable.  pal_probing_weights writes up to `capacity` weights of the tokens that
 * dominate it, and returns how many there are; 0: it is not unpredictable. */
bool pal_probing_hidden(const pal_probing *job, int32_t id, double *hidden);
size_t pal_probing_weights(const pal_probing *job, int32_t id, int32_t *ids, double *weights, size_t capacity);

/* Saves what is decided; returns the number of bytes, which are written if `capacity` suffices.  Restoring, before the
 * first step, takes over what was decided about the same output layer; tokens that were undecided are tried again if
 * options.rounds is larger now.  PAL_E_FORMAT: not such a file, or damaged; PAL_E_UNSUPPORTED: of another output layer,
 * another kind of hidden rows, or another version. */
size_t pal_probing_save(const pal_probing *job, void *out, size_t capacity);
pal_status pal_probing_restore(pal_probing *job, const void *data, size_t bytes, pal_error *err);
void pal_probing_end(pal_probing *job); /* NULL is allowed */

/* ---- pictures -------------------------------------------------------------------------------------- */

/* Pictures are drawn from noise by a network that predicts the noise in a noisy picture (architecture unet).  The
 * samplers are listed below; ARCHITECTURE.md names the sources of their equations.
 *
 *   pal_image_options o = pal_image_defaults(PAL_IMAGE_SN_DDPM);
 *   o.count = 16;
 *   pal_image_bytes(model, &o, &bytes, &err);                                 // ask for the size,
 *   pal_image_init(&drawing, model, &o, malloc(bytes), bytes, &err);          // then provide it
 *   while (pal_image_step(drawing, &err) == PAL_MORE)                         // one evaluation per picture
 *       pal_image_pixels(drawing, PAL_IMAGE_PREDICTED, 0, pixels);
 *
 * Pixels are bytes, [height, width, channels]; bytes 0 and 255 are the network's values -1 and 1. */

typedef struct {
    int32_t width, height, channels; /* channels 1: grey, 3: red, green, blue */
    int32_t labels;                  /* number of labels (named classes of pictures), 0: none */
    bool guidance;                   /* trained also without labels, so that guidance other than 1 is possible */
    bool second_moment, residual;    /* has the output that the sn samplers need; that the npr samplers need */
    bool gamma;                      /* has the table that the analytic samplers need */
    const char *schedule;            /* "linear" or "cosine" */
    int32_t schedule_steps;          /* steps of the noise schedule, also the maximum number of times in a grid */
    const char *neighbours;          /* name of a file next to the model, with pictures it was trained on, or "" */
} pal_image_info;

/* NULL: the file has no picture network, or one that cannot be used (pal_info.why_not). */
const pal_image_info *pal_model_image(const pal_model *model);

/* The name of a label, at most 63 bytes; NULL: there is no such label. */
const char *pal_image_label(const pal_model *model, int32_t label);
/* Finds a label by its name.  The case of letters a to z is ignored if that is unambiguous.  false: not found. */
bool pal_image_label_find(const pal_model *model, const char *name, int32_t *out);

/* K is options.steps.  Each comment ends with the number of evaluations per picture. */
typedef enum {
    PAL_IMAGE_DDPM,                /* ancestral steps, variance beta-tilde or beta; K */
    PAL_IMAGE_DDIM,                /* eta from 0 (deterministic) to 1 (as ddpm); K */
    PAL_IMAGE_ANALYTIC_DDPM,       /* ddpm with the optimal variance, one for all elements; K */
    PAL_IMAGE_ANALYTIC_DDIM,       /* ddim with the optimal variance, one for all elements; K */
    PAL_IMAGE_NPR_DDPM,            /* ddpm with the optimal variance per element for the learned mean; K */
    PAL_IMAGE_NPR_DDIM,            /* ddim with that variance; K */
    PAL_IMAGE_SN_DDPM,             /* ddpm with the optimal variance per element; K */
    PAL_IMAGE_SN_DDIM,             /* ddim with that variance; K */
    PAL_IMAGE_ANNEALED_LANGEVIN,   /* K noise levels, at least 100; K * iterations */
    PAL_IMAGE_REVERSE_SDE,         /* Euler-Maruyama; K */
    PAL_IMAGE_PREDICTOR_CORRECTOR, /* K * (1 + correctors) */
    PAL_IMAGE_PROBABILITY_FLOW,    /* RK45: as many as the tolerance needs; Heun: 2 K - 1 */
    PAL_IMAGE_DPM_SOLVER,          /* dpm-solver++ 2M; K */
    PAL_IMAGE_SAMPLERS
} pal_image_sampler;

const char *pal_image_sampler_name(pal_image_sampler sampler); /* "ddpm", ..., "dpm-solver++"; NULL outside the enum */
bool pal_image_sampler_find(const char *name, pal_image_sampler *out);

/* Whether the model has what the sampler needs.  If not, and why is not NULL, sets *why to a constant text that says
 * what is missing and which samplers can be used instead. */
bool pal_image_supports(const pal_model *model, pal_image_sampler sampler, const char **why);

/* The default sampler: the first of sn-ddpm, npr-ddpm, analytic-ddpm and ddpm that the model supports. */
pal_image_sampler pal_image_default_sampler(const pal_model *model);

/* Which times a sampler visits. */
typedef enum {
    PAL_GRID_EVEN,
    PAL_GRID_QUADRATIC, /* more times where there is little noise */
    PAL_GRID_GIVEN      /* those in options.times */
} pal_image_grid;
/* The variance of a step is beta-tilde or beta. */
typedef enum { PAL_VARIANCE_SMALL, PAL_VARIANCE_LARGE } pal_image_variance;
/* The process is variance preserving, with state x, or variance exploding, with state x / sqrt(alpha). */
typedef enum { PAL_PROCESS_VP, PAL_PROCESS_VE } pal_image_process;
typedef enum { PAL_FLOW_RK45, PAL_FLOW_HEUN } pal_image_solver;

/* Comments name the default, as pal_image_defaults() sets it.  An option that the sampler does not use must keep its
 * default; otherwise PAL_E_OPTION, and the message says which samplers use it.  x0 is the picture that the network
 * predicts.  -ddpm and -ddim stand for the samplers whose names end so. */
typedef struct {
    pal_image_sampler sampler;
    uint64_t seed;         /* 0 */
    uint32_t first;        /* 0; number of the first picture.  Picture 17 of a seed is the same however many pictures
                              are drawn, and in whatever batches */
    int32_t count;         /* 1; pictures drawn together, at most 65536 */
    int32_t label;         /* -1: none */
    const int32_t *labels; /* NULL; [count] a label, or -1, per picture, used instead of `label`; copied */
    double guidance;       /* 1: off; classifier-free guidance, 0 to 100: with more, pictures are more typical of the
                              label, but no longer from the network's distribution; twice the work */
    const uint8_t *known;  /* NULL; [height, width, channels] a picture whose unmasked parts are kept; copied */
    const uint8_t *mask;   /* NULL; [height, width] not 0 where the picture is drawn again; needs known; copied */
    int32_t resample;      /* 1; with known: number of times each step is made (RePaint, Lugmayr et al. 2022, jumps of
                              one step); then a picture takes (K - 1) * resample + 1 evaluations */
    int32_t steps;         /* 25 (annealed-langevin: 100); must be 0 with RK45, which chooses its own steps */
    pal_image_grid grid;   /* even */
    const double *times;   /* NULL; [steps] times for PAL_GRID_GIVEN: falling, in (0, 1], on steps of the schedule; read
                              when the drawing starts */
    bool clip_x0;          /* on: clips x0 to [-1, 1], also in the steps of -ddpm, -ddim and dpm-solver++, and the
                              covariances of x0 to at most 1 */
    double clip_pixel;     /* bound of the noise of the last step, in grey levels: 2 for -ddpm and 1 for -ddim with
                              optimal variances, 0 (off) for ddpm and ddim */
    double eta;            /* 0; only -ddim */
    pal_image_variance variance; /* small; only ddpm */
    pal_image_process process;   /* VP; only reverse-sde and predictor-corrector */
    double sigma_max;            /* 0: the smaller of 50 and the schedule's largest; only annealed-langevin and VE */
    double sigma_min;            /* 0: the smallest of the schedule; only annealed-langevin and VE */
    double langevin_step;        /* 0.5; annealed-langevin: step size, in units of sigma^2 */
    int32_t iterations;          /* 1; annealed-langevin: steps per noise level */
    int32_t correctors;          /* 1; predictor-corrector: corrector steps after each step */
    double snr;                  /* 0.16; predictor-corrector: signal-to-noise ratio r of its step rule */
    double tolerance;            /* 1e-4, absolute and relative; only RK45 */
    pal_image_solver solver;     /* RK45; only probability-flow; with Heun, steps must be set */
} pal_image_options;
pal_image_options pal_image_defaults(pal_image_sampler sampler);

/* Number of evaluations per picture; 0: not known before drawing (RK45). */
int32_t pal_image_evaluations(const pal_image_options *options);

/* Checks options as pal_image_bytes and pal_image_init do.  PAL_E_OPTION: an option is out of range or cannot be used,
 * or the network does not support this sampler, label or guidance; PAL_E_UNSUPPORTED: not a picture model. */
pal_status pal_image_check(const pal_model *model, const pal_image_options *options, pal_error *err);

typedef struct pal_drawing pal_drawing; /* a batch of pictures being drawn */

/* Ask for the size of the block, then provide the block, which may have any alignment.  There is nothing to free. */
pal_status pal_image_bytes(const pal_model *model, const pal_image_options *options, size_t *bytes, pal_error *err);
pal_status pal_image_init(pal_drawing **out, const pal_model *model, const pal_image_options *options, void *block,
                          size_t bytes, pal_error *err);

/* Evaluates the network once for each picture that is not finished.  PAL_MORE: there is more to do; PAL_OK: all are
 * finished.  PAL_E_FORMAT: the network produced NaN or infinity (its weights are damaged); every later step then fails
 * too. */
pal_status pal_image_step(pal_drawing *drawing, pal_error *err);

typedef enum {
    PAL_IMAGE_PREDICTED, /* x0, the picture predicted by the last evaluation, with its known parts; grey before that */
    PAL_IMAGE_STATE      /* x, the noisy picture that the network sees */
} pal_image_view;

/* Writes pixels[height, width, channels] of picture number first + index.  Both views of a finished picture are the
 * same. */
void pal_image_pixels(const pal_drawing *drawing, pal_image_view view, int32_t index, uint8_t *pixels);

typedef struct {
    int32_t evaluations, total; /* evaluations so far, one per step; in all, 0: not known */
    int64_t passes;             /* forward passes of single pictures: guidance makes two per evaluation, and with RK45
                                   their number differs between pictures */
    bool done;
} pal_image_progress;
pal_image_progress pal_drawing_progress(const pal_drawing *drawing);

/* ---- likelihood of pictures ------------------------------------------------------------------------- */

typedef enum {
    PAL_LIKELIHOOD_FLOW, /* the probability-flow ODE: estimates -log p of uniformly dequantised pictures, which is an
                            upper bound on -log p of byte pictures; ends at the schedule's smallest time */
    PAL_LIKELIHOOD_BOUND /* the variational bound of a stochastic sampler: ddpm, ddim with eta above 0, and their
                            variants */
} pal_image_method;

/* Comments begin with the default, as pal_likelihood_defaults() sets it. */
typedef struct {
    pal_image_method method;
    uint32_t draw;     /* 0; number of the random estimate: another number gives another one, to average them */
    double tolerance;  /* 1e-3; flow: tolerance of the solver, absolute and relative */
    int32_t probes;    /* 1; flow: random directions of Hutchinson's estimate of the divergence, two passes each; 0: all
                          unit vectors, which is exact */
    double difference; /* 0.02; flow: half step of the central difference, in units of the noise level, at most 1.  The
                          default for quantised weights, which round their input, is 1; src/api/picture_likelihood.c
                          lists the errors */
    pal_image_options picture; /* pal_image_default_sampler with 100 steps.  Both methods use seed, first, count, label
                                  and labels; only bound uses the others, which choose the sampler that is bounded */
} pal_likelihood_options;
pal_likelihood_options pal_likelihood_defaults(const pal_model *model, pal_image_method method);

typedef struct pal_likelihood pal_likelihood; /* a batch of pictures being measured */

/* These work as pal_image_bytes, pal_image_init and pal_image_step do.  pixels[count, height, width, channels] is
 * copied.  PAL_E_OPTION also: guidance is not 1, or known is not NULL. */
pal_status pal_likelihood_bytes(const pal_model *model, const pal_likelihood_options *options, size_t *bytes,
                                pal_error *err);
pal_status pal_likelihood_init(pal_likelihood **out, const pal_model *model, const pal_likelihood_options *options,
                               const uint8_t *pixels, void *block, size_t bytes, pal_error *err);
pal_status pal_likelihood_step(pal_likelihood *likelihood, pal_error *err);
pal_image_progress pal_likelihood_progress(const pal_likelihood *likelihood);

/* Bits per dimension (per byte of the picture) of picture number first + index; NaN until all are done. */
double pal_likelihood_bits(const pal_likelihood *likelihood, int32_t index);

/* ---- files ----------------------------------------------------------------------------------------- */

/* Receives a file in consecutive parts; returns false to stop. */
typedef bool pal_sink_fn(void *context, const void *data, size_t bytes);

/* Writes a model opened with PAL_OPEN_AS_STORED as a GGUF file whose matrices have the type "F32", "F16", "Q8_0" or
 * "Q4_0".  Vectors, and rows whose length is not a multiple of the block size, keep a float type. */
pal_status pal_model_quantize(const pal_model *model, const char *type, pal_sink_fn *sink, void *context,
                              pal_error *err);

const char *pal_version(void);

#ifdef __cplusplus
}
#endif
#endif
