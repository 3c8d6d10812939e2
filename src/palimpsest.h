/* palimpsest.h - text filled in at any place and pictures drawn, by diffusion; the one public header.
 *
 *   pal_error err;
 *   pal_model *model;
 *   if (pal_model_open_file(&model, "tales-infill.gguf", 0, &err)) report(err.text, err.offset);
 *   pal_infill_options options = pal_infill_defaults();
 *   const char *page = "Once upon a time there was a [[?]] who lived in [[4]].";
 *   size_t bytes;
 *   pal_session *s;
 *   if (pal_session_bytes(model, page, strlen(page), &options, &bytes, &err)) ...    // ask,
 *   if (pal_session_init(&s, model, page, strlen(page), &options, malloc(bytes), bytes, &err)) ... // then lend
 *   while ((status = pal_step(s, &err)) == PAL_MORE) draw(s);   // one evaluation of the network at most
 *   length = pal_session_text(s, buffer, sizeof buffer);
 *
 * Memory: a model owns what it needs beside the file image and frees it in pal_model_close; a session
 * lives in the caller's block, and nothing is allocated during a step.  The image and the block must
 * stay where they are until the last call on them; a session has nothing to free.
 * (In a library built with AddressSanitizer the gaps between the arrays of a block from malloc stay poisoned until
 * it is freed or lent again.)
 * Threads: a model may be shared by threads, a session may not.
 * Errors: PAL_OK is 0, failures are negative, and a call that fails changes nothing.  Files and text
 * may be hostile; pointers and sizes given by the caller are trusted.
 * The same model, options and text give the same bits on every target. */
#ifndef PALIMPSEST_H
#define PALIMPSEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    PAL_MORE = 1,           /* pal_step: there is more to do */
    PAL_OK = 0,             /* done */
    PAL_E_FORMAT = -1,      /* not a model file, or a damaged one */
    PAL_E_UNSUPPORTED = -2, /* a valid file of a kind this engine does not run */
    PAL_E_TEXT = -3,        /* the text is not a valid page; offset is the byte in it */
    PAL_E_OPTION = -4,      /* an option out of range, or one this sampler or model has no use for */
    PAL_E_CONTEXT = -5,     /* more tokens than the context holds */
    PAL_E_MEMORY = -6,      /* no memory, or the lent block is too small */
    PAL_E_IO = -7           /* the file cannot be read or written */
} pal_status;

/* What went wrong, for a person.  text is never NULL after a failure; it is a constant or, where it names keys and
 * tensors of a model's file, the model's until that is closed.  offset is the byte in the file or text where it went
 * wrong, SIZE_MAX where there is no such place. */
typedef struct {
    pal_status status;
    const char *text;
    size_t offset;
} pal_error;

typedef struct pal_model pal_model;     /* an opened file, read-only */
typedef struct pal_session pal_session; /* one draft of one page being filled */

/* ---- models ---------------------------------------------------------------------------------------- */

enum {
    PAL_OPEN_AS_STORED = 1 /* the weights stay as the file has them: for tokens, info and pal_model_quantize; what
                              evaluates the network is then refused */
};

/* Opens a GGUF file that lies in memory at a 64-byte aligned address.  The block stays the caller's, but the weights
 * in it are rearranged for the kernels, where they lie: it is written to (unless flags say PAL_OPEN_AS_STORED or the
 * call fails), and holds no GGUF file any more.
 *
 * One odd value does not close a file: files of other architectures, vocabulary-only files, parts of split models and
 * files with a key or tensor that cannot be used open too, and what they cannot do says why (pal_info.why_not).
 * Refused are files that are no GGUF files, damaged, or cut short. */
pal_status pal_model_open(pal_model **out, void *image, size_t bytes, unsigned flags, pal_error *err);

/* The same for a file, of which a private copy is mapped: the file itself is only read. */
pal_status pal_model_open_file(pal_model **out, const char *path, unsigned flags, pal_error *err);
void pal_model_close(pal_model *model); /* NULL is allowed */

/* Restricts the kernels to "scalar" or another name that pal_info.isa may have; before any session. */
pal_status pal_model_use_isa(pal_model *model, const char *isa, pal_error *err);

typedef struct {
    const char *architecture; /* general.architecture, at most 63 bytes of it, or "" */
    const char *name;         /* general.name, at most 127 bytes of it, or "" */
    const char *license;      /* general.license, likewise */
    const char *weights;      /* the type most weights have: "Q8_0", ... or "" */
    const char *tokenizer;    /* tokenizer.ggml.model or "" */
    const char *isa;          /* instruction set of the kernels: "scalar", "simd128", "relaxed", "avx2", "avx512vnni" */
    uint64_t file_bytes, parameters;
    size_t values, tensors; /* metadata values and tensors in the file */
    /* Of the network as it is used; of one that cannot be used, what the file says.  0: not known, or not the same in
     * all layers.  context is at most 2^20, whatever the file says of a network that is used. */
    int32_t vocabulary, context, width, layers, heads, kv_heads, hidden;
    bool causal; /* attention sees only what stands before */
    bool can_tokenize, can_score, can_infill, free_length, can_generate, can_image;
    const char *why_not; /* why the network or the tokenizer cannot be used, or NULL; the model's */
} pal_info;
const pal_info *pal_model_info(const pal_model *model);

/* ---- tokens ---------------------------------------------------------------------------------------- */

enum {
    PAL_TOKENIZE_INSIDE = 1, /* the text does not begin a page: no dummy space before it */
    PAL_TOKENIZE_SPECIAL = 2 /* control pieces such as <mask> written in the text are matched */
};

/* ids[capacity] receives the tokens, *count how many there are, which may be more (never more than
 * bytes + 1): then only the first `capacity` were written.  No BOS or EOS is added. */
pal_status pal_tokenize(const pal_model *model, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, size_t *count, pal_error *err);

/* The inverse.  text[capacity] is not terminated; *bytes may exceed capacity.  Control pieces give no
 * text.  With PAL_TOKENIZE_INSIDE a leading space is kept.  An id outside the vocabulary is PAL_E_OPTION,
 * with its index as offset. */
pal_status pal_detokenize(const pal_model *model, const int32_t *ids, size_t count, unsigned flags, char *text,
                          size_t capacity, size_t *bytes, pal_error *err);

/* The text of one token as it stands in the file (U+2581 for a space); *bytes its length.  NULL: no such id. */
const char *pal_token_piece(const pal_model *model, int32_t id, size_t *bytes);

/* The tokens that end texts, the lowest id first: those that the file names as its EOS, EOT and EOM, and control tokens
 * with usual names such as <|im_end|>.  ids[capacity] receives at most `capacity`, returned is how many there are. */
size_t pal_text_ends(const pal_model *model, int32_t *ids, size_t capacity);

/* What in the file's vocabulary could not be used and was left aside, as constant texts; NULL behind the last. */
const char *pal_vocabulary_note(const pal_model *model, size_t index);

/* ---- pages with blanks ----------------------------------------------------------------------------- */

/* Writes text so that no part of it is read as a blank or an escape: every `[[` gets a backslash, and backslashes
 * before it are doubled.  With before_blank, for text that a blank directly follows, backslashes at its end are
 * doubled too, and those before a single bracket at its end (the bracket itself stays: in `a[[[2]]` only the last two
 * open the blank).  Any text reads back as it was, alone or, with before_blank, before a blank.  Returns the length,
 * at most twice bytes, which may exceed capacity. */
size_t pal_page_escape(const char *text, size_t bytes, bool before_blank, char *out, size_t capacity);

typedef enum {
    PAL_FIRST_HITTING, /* one token an evaluation, at a uniformly random place: exact; the reference */
    PAL_MARGIN,        /* one token an evaluation where the two likeliest differ most: exact */
    PAL_ENTROPY,       /* ... where the entropy is least: exact */
    PAL_CONFIDENCE,    /* ... where the likeliest is most probable: exact */
    PAL_ANCESTRAL,     /* `steps` time steps; law O(1 / steps) */
    PAL_PARALLEL,      /* several sure places an evaluation: approximate */
    PAL_REMASK,        /* `steps` time steps, revealed blanks may be masked again (ReMDM); approximate */
    PAL_SAMPLERS
} pal_sampler;

const char *pal_sampler_name(pal_sampler sampler); /* "first-hitting", ...; NULL outside the enum */
bool pal_sampler_find(const char *name, pal_sampler *out);

/* What a sampler promises, and which options it takes.  One that it does not take must be left at its default
 * (PAL_E_OPTION). */
typedef struct {
    bool exact;     /* where the network's conditional probabilities are the true ones, so are those of the fills */
    bool reopens;   /* places that were revealed may be masked again: none is final before the last step */
    bool steps;     /* takes pal_infill_options.steps: it goes through that many time steps */
    bool threshold; /* takes pal_infill_options.threshold, and so on */
    bool entropy_bound;
    bool remask;
} pal_sampler_properties;
const pal_sampler_properties *pal_sampler_about(pal_sampler sampler); /* NULL outside the enum */

/* A filled token made given text: token `id` at place `index` of blank number `blank`, both from 0. */
typedef struct {
    int32_t blank, index, id;
} pal_pin;

/* pal_infill_defaults() fills in the defaults named here; fields may then be changed one by one. */
typedef struct {
    pal_sampler sampler; /* PAL_MARGIN */
    uint64_t seed;       /* 0 */
    uint32_t draft;      /* 0; another draft of the same seed is another text */
    double temperature;  /* 0.6; 0 is greedy, at most 100; of words: the length of a blank keeps the model's law */
    int32_t top_k;       /* 0: off */
    double top_p; /* 1: off; the least likely tokens beyond this mass are left out, the one that crosses stays, so
                            that 0 is the likeliest token alone */
    double min_p; /* 0: off; leaves out what is less likely than min_p times the likeliest */
    double repetition_penalty;  /* 1: off; of tokens that stand in the page already */
    bool borders;               /* true: the border rules of ARCHITECTURE.md; false: the model's exact law */
    bool document;              /* false; true: the page is a whole document (BOS and EOS are shown) */
    bool window;                /* false; true: a page longer than the context is shown in part */
    bool byte_pieces;           /* false; true: fills may hold byte pieces, in whole UTF-8 characters */
    int32_t steps;              /* 0: default; how many time steps, of samplers that take them (default 64) */
    double threshold;           /* 0: default; PAL_PARALLEL reveals where the likeliest is above this (default 0.9) */
    double entropy_bound;       /* 0: off; PAL_PARALLEL instead reveals while the sum of entropies less the largest
                                   stays within this many nats */
    double remask;              /* -1: default; PAL_REMASK's probability of masking again in a step (default 0.04) */
    int32_t free_min, free_max; /* 1, 16: what [[?]] stands for */
    const pal_pin *pins;        /* NULL */
    size_t pin_count;
} pal_infill_options;
pal_infill_options pal_infill_defaults(void);

/* Bytes of the block that a session on the page text[text_bytes] needs.  Reads the page, so that its mistakes
 * show here. */
pal_status pal_session_bytes(const pal_model *model, const char *text, size_t text_bytes,
                             const pal_infill_options *options, size_t *bytes, pal_error *err);

/* Makes a session in block[bytes], 64-byte aligned or not.  The page is copied; options.pins need not stay. */
pal_status pal_session_init(pal_session **out, const pal_model *model, const char *text, size_t text_bytes,
                            const pal_infill_options *options, void *block, size_t bytes, pal_error *err);

/* At most one evaluation of the network.  PAL_MORE while blanks are open, PAL_OK when the page is full.  PAL_E_FORMAT: the
 * network produced NaN or infinity (its weights are damaged); the session is as it was before the step, and can be
 * read and changed. */
pal_status pal_step(pal_session *session, pal_error *err);

/* Several drafts, or pages, of one model at once: evaluates the network for all of sessions[count] that need it before
 * their next step, as one batch, in block[bytes] of pal_together_bytes for as many tokens as they show together
 * (pal_progress.shown).  The next pal_step of each then evaluates nothing and does what it would have done alone, to
 * the last bit.  PAL_E_OPTION: another model; PAL_E_MEMORY: the block is too small; PAL_E_FORMAT: the network
 * produced NaN or infinity; nothing has then happened. */
pal_status pal_together_bytes(const pal_model *model, int32_t tokens, size_t *bytes, pal_error *err);
pal_status pal_evaluate_together(const pal_model *model, pal_session *const *sessions, int32_t count, void *block,
                                 size_t bytes, pal_error *err);

/* The page with what is filled so far; places still open are written as blanks `[[k]]`, and then all text is
 * escaped so that the result can be used as a page again.  A full page is the original bytes (unescaped) with the
 * fills.  Returns the length, which may exceed capacity; not terminated. */
size_t pal_session_text(const pal_session *session, char *text, size_t capacity);

#define PAL_ALTERNATIVES 5

/* One place of a blank. */
typedef struct {
    int32_t blank, index; /* which blank, which place in it, both from 0 */
    int32_t id;           /* token; -1: still open */
    int32_t step;         /* step at which it was revealed, from 1; 0: pinned; -1: still open */
    float probability;    /* of this token when it was drawn, temperature 1, before truncation */
    bool empty;           /* an <empty>: the blank is shorter than its longest length */
    bool space_given;     /* the space mark that begins a token here is written as nothing: the space is given */
    size_t offset, bytes; /* where its text stands in pal_session_text; 0 bytes while open or empty */
    int32_t alternatives; /* how many of the following are set: the likeliest tokens of that evaluation */
    int32_t alternative_id[PAL_ALTERNATIVES];
    float alternative_probability[PAL_ALTERNATIVES];
} pal_place;

size_t pal_session_blanks(const pal_session *session); /* blanks in the page */
/* All places of all blanks, in order.  Returns how many; out may be NULL with capacity 0. */
size_t pal_session_tokens(const pal_session *session, pal_place *out, size_t capacity);

/* The page for a reader instead of a parser: given text unescaped, the tokens revealed so far, nothing where places
 * are open.  places[i].offset and .bytes, if given, become those in this text. */
size_t pal_session_reading(const pal_session *session, char *text, size_t capacity, pal_place *places, size_t count);

typedef struct {
    int32_t step, steps;   /* steps done; time steps in all where the sampler has them, else 0 */
    int32_t evaluations;   /* of the network, since the session was made */
    int32_t open, places;  /* places still open, places in all */
    int32_t shown, tokens; /* tokens the network is shown; tokens of the whole page */
    bool windowed;         /* there are blanks and shown < tokens: the model sees a part of the page */
} pal_progress;
pal_progress pal_session_progress(const pal_session *session);

/* Makes a token given text, or with id -1 gives its place back to the model; pins hold through rewinds.
 * `<empty>` may be pinned where the blank's length allows it.  Errors: PAL_E_OPTION. */
pal_status pal_session_pin(pal_session *session, int32_t blank, int32_t index, int32_t id, pal_error *err);

/* Opens again every place revealed after `step` steps (0: all that are not pinned).  A sampler that reopens places can go
 * back to 0 only (PAL_E_OPTION).  What follows is the same text again unless seed or draft are changed. */
pal_status pal_session_rewind(pal_session *session, int32_t step, pal_error *err);
void pal_session_reseed(pal_session *session, uint64_t seed, uint32_t draft);

/* ---- measures -------------------------------------------------------------------------------------- */

/* logits [count, vocabulary] of the network at the positions at[count] of tokens[n], n at most the context.
 * Natural scale, unnormalised.  Allocates its work space and frees it.  PAL_E_FORMAT: a logit is NaN or infinite (minus
 * infinity too: no sum of finite weights is), and none of them is of use. */
pal_status pal_logits(const pal_model *model, const int32_t *tokens, int32_t n, const int32_t *at, int32_t count,
                      float *logits, pal_error *err);

/* ---- sequences: causal models, token by token ------------------------------------------------------- */

typedef struct pal_sequence pal_sequence; /* tokens that a causal model has read, their keys and values kept */

/* How keys and values are kept.  Within one type every split and every rewind gives the same bits, since all
 * attention reads what was rounded to it; F32 is what pal_logits computes. */
typedef enum {
    PAL_KV_F32,
    PAL_KV_F16,  /* half the memory */
    PAL_KV_Q8_0, /* little more than a quarter; heads in blocks of up to 32, each with a half float as scale */
    PAL_KV_TYPES
} pal_kv_type;

const char *pal_kv_type_name(pal_kv_type type); /* "F32", ...; NULL outside the enum */
bool pal_kv_type_find(const char *name, pal_kv_type *out);

/* pal_sequence_defaults() fills in the defaults named here. */
typedef struct {
    int32_t max_tokens; /* 0: the model's context; room for so many tokens, at most that context */
    int32_t batch;      /* 256; most tokens in one evaluation: more is faster, and takes more memory */
    pal_kv_type kv;     /* PAL_KV_F32 */
} pal_sequence_options;
pal_sequence_options pal_sequence_defaults(void);

/* Bytes of the block that a sequence needs.  PAL_E_OPTION: an option out of range; PAL_E_UNSUPPORTED: a model that
 * cannot be evaluated, or whose attention is not causal. */
pal_status pal_sequence_bytes(const pal_model *model, const pal_sequence_options *options, size_t *bytes,
                              pal_error *err);

/* Makes an empty sequence in block[bytes], 64-byte aligned or not; nothing to free. */
pal_status pal_sequence_init(pal_sequence **out, const pal_model *model, const pal_sequence_options *options,
                             void *block, size_t bytes, pal_error *err);

/* Reads tokens[n] behind those it has: many at once (a prompt) or one (a step), with the same results to the last
 * bit however they are split.  One evaluation for every `batch` tokens.  PAL_E_CONTEXT: more than max_tokens;
 * PAL_E_OPTION: an id outside the vocabulary, with its index; the sequence is then as it was. */
pal_status pal_sequence_append(pal_sequence *sequence, const int32_t *tokens, int32_t n, pal_error *err);

/* logits[vocabulary] of what follows the last token; PAL_E_OPTION while there is none, or after a rewind, which
 * forgets them; PAL_E_FORMAT as with pal_logits. */
pal_status pal_sequence_logits(pal_sequence *sequence, float *logits, pal_error *err);

int32_t pal_sequence_length(const pal_sequence *sequence);
const int32_t *pal_sequence_tokens(const pal_sequence *sequence); /* [length], until the next call that changes it */

/* Forgets the tokens from `length` on, if there are more. */
void pal_sequence_rewind(pal_sequence *sequence, int32_t length);

/* Rewinds to the longest beginning that it shares with tokens[n], and returns its length: what of a new text need
 * not be read again. */
int32_t pal_sequence_keep(pal_sequence *sequence, const int32_t *tokens, int32_t n);

/* The sequence as bytes, for a file: tokens, keys and values.  out[capacity] is written if it is large enough;
 * returns how many bytes it takes. */
size_t pal_sequence_save(const pal_sequence *sequence, void *out, size_t capacity);

/* Makes the sequence what data[bytes] says.  Refused, and the sequence is then as it was: PAL_E_FORMAT: no saved
 * sequence, one cut short or damaged (its SHA-256 is wrong); PAL_E_UNSUPPORTED: of another model, or with another type
 * of keys and values; PAL_E_CONTEXT: longer than max_tokens. */
pal_status pal_sequence_restore(pal_sequence *sequence, const void *data, size_t bytes, pal_error *err);

/* ---- generation: a text goes on -------------------------------------------------------------------- */

/* A grammar that texts are held to, in GBNF (the notation is described in src/text/decode/grammar.h).  It allocates
 * what it needs; read-only once open, and may be shared.  PAL_E_TEXT: a mistake, its byte as offset;
 * PAL_E_UNSUPPORTED: too large, likewise. */
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

#define PAL_CANDIDATES 20 /* most alternatives of a generated token */

/* pal_generate_defaults() fills in the defaults named here, with which tokens are drawn from the model's own law.
 * What is set works in this order: logit_bias, repetition_penalty, frequency_penalty and presence_penalty, grammar,
 * temperature, top_k, typical_p, top_p, min_p; mirostat takes the place of the last four. */
typedef struct {
    uint64_t seed;             /* 0 */
    uint32_t draft;            /* 0; another draft of the same seed is another text */
    int32_t max_tokens;        /* -1: as many as there is room for */
    double temperature;        /* 1; 0 is greedy, at most 100 */
    int32_t top_k;             /* 0: off */
    double typical_p;          /* 1: off; locally typical sampling */
    double top_p;              /* 1: off; the token that crosses stays, so that 0 is the likeliest token alone */
    double min_p;              /* 0: off; leaves out what is less likely than min_p times the likeliest */
    double repetition_penalty; /* 1: off */
    double frequency_penalty;  /* 0: off */
    double presence_penalty;   /* 0: off */
    int32_t repeat_last_n;     /* 64: how many of the last tokens the penalties look at; -1: all */
    int32_t mirostat;          /* 0: off; 2: mirostat v2 */
    double mirostat_tau;       /* 5: the surprise it aims at, bits a token */
    double mirostat_eta;       /* 0.1: how fast */
    bool ignore_eos;      /* false; true: tokens that end a text are never drawn, but for those that `stop` names */
    bool shift;           /* false; true: when there is no more room, the older half of the tokens behind the first
                                   `keep` is dropped and the rest read again, as if the text had begun so */
    int32_t keep;         /* -1: all, up to half of the room; how many tokens of the prompt are never dropped */
    int32_t alternatives; /* 0; how many alternatives each token comes with, at most PAL_CANDIDATES */
    const pal_logit_bias *logit_bias; /* NULL; copied */
    size_t logit_bias_count;
    const pal_stop_string
        *stop; /* NULL; texts at which generation ends, at most 64, up to 4096 bytes each; copied.  One
                                  that is a control token's name, such as <|im_end|>, also ends it at that token */
    size_t stop_count;
    const pal_grammar *grammar; /* NULL; must stay.  What is generated follows it from its first byte */
} pal_generate_options;
pal_generate_options pal_generate_defaults(void);

/* Goes on with texts, token by token: a prompt's tokens, those generated after it, and how to choose the next.  What
 * the network has read of them is in a pal_sequence, which a generator works on: with another generator made on the
 * same sequence (for other options) what is read already is not read again.  The sequence must stay; it may serve
 * several generators in turn.  The tokens that end texts are those of pal_text_ends. */
typedef struct pal_generator pal_generator;

/* Ask for the size of its block, then lend it; nothing to free.  PAL_E_OPTION: an option out of range (offset: which
 * logit bias or stop text). */
pal_status pal_generator_bytes(const pal_sequence *sequence, const pal_generate_options *options, size_t *bytes,
                               pal_error *err);
pal_status pal_generator_init(pal_generator **out, pal_sequence *sequence, const pal_generate_options *options,
                              void *block, size_t bytes, pal_error *err);

/* Begins a text: BOS, if the model wants one or the prompt is empty, and the prompt; or exactly tokens[n].  Nothing is
 * evaluated yet, and what the sequence has of the same beginning is kept: see pal_generator_progress.  flags are those of
 * pal_tokenize.  Refused, with all as it was: PAL_E_CONTEXT: the prompt has more tokens than there is room for;
 * PAL_E_OPTION: it is empty, and the model has no token to begin with, or an id lies outside the vocabulary (offset:
 * its index).  The first allocates work space and frees it. */
pal_status pal_generator_prompt(pal_generator *generator, const char *text, size_t bytes, unsigned flags,
                                pal_error *err);
pal_status pal_generator_prompt_tokens(pal_generator *generator, const int32_t *tokens, int32_t n, pal_error *err);

/* At most one evaluation of the network, of at most `batch` tokens of what is still to be read, and if all is read then,
 * one token more; a step that shifts the window draws none.  PAL_MORE: there is more to do; PAL_OK: the text is finished.
 * Errors leave all as it was, but that the sequence forgets its logits, and what it had read beyond the generator's text
 * if that was to be replaced: PAL_E_FORMAT: the network produced NaN or infinity (its weights are damaged);
 * PAL_E_OPTION: bans and grammar leave no token; PAL_E_UNSUPPORTED: the grammar has too many ways to go on. */
pal_status pal_generator_step(pal_generator *generator, pal_error *err);

typedef struct {
    int32_t id;
    int32_t index;      /* which generated token it is, from 0 */
    double logprob;     /* natural logarithm of its probability in the model's own law: temperature 1, nothing cut; NaN
                             if it was not drawn, but put there by pal_generator_push */
    double probability; /* in the law that it was drawn from; 1 if it was not drawn */
    size_t offset, bytes; /* where its text stands in the generated text, to which the bytes of a character that is not
                             complete yet are counted here; no bytes for one that ends it */
    int32_t alternatives; /* how many of the following are set: the likeliest tokens of the model's own law */
    int32_t alternative_id[PAL_CANDIDATES];
    double alternative_logprob[PAL_CANDIDATES];
} pal_generated;

/* The token that the last step or push gave; NULL if it gave none. */
const pal_generated *pal_generator_token(const pal_generator *generator);

/* The text that the last step or push let out, *bytes long, until the next call; it may be shorter or longer than the
 * token's: characters come out whole, what may become a stop text is held back until that is known, and the stop
 * text itself and all behind it never come out.  All of these together are the generated text, and where it
 * finishes in any other way, what was held back comes out then, but for a character that is not complete: its bytes are
 * kept, in saved sessions too, and come out with the rest of it if the text goes on.  (After a rewind only what is new
 * comes out.) */
const char *pal_generator_text(const pal_generator *generator, size_t *bytes);

typedef enum {
    PAL_FINISH_NONE,    /* not finished */
    PAL_FINISH_STOP,    /* a stop text, or the token that one names */
    PAL_FINISH_LENGTH,  /* max_tokens */
    PAL_FINISH_EOS,     /* a token that ends texts, or the end of the grammar where nothing may follow */
    PAL_FINISH_CONTEXT, /* no more room */
    PAL_FINISHES
} pal_finish;
const char *pal_finish_name(pal_finish finish); /* "none", "stop", "length", "eos", "context"; NULL outside */

typedef struct {
    int32_t prompt, kept;           /* tokens of the prompt, BOS included; of them known to the sequence already */
    int32_t unread;                 /* tokens to be read before the next one is drawn; the last generated is one */
    int32_t generated;              /* tokens, without the one that ended the text */
    int32_t tokens, capacity;       /* tokens in the window; most that it can hold */
    int32_t dropped;                /* tokens that shifts of the window have dropped */
    int32_t evaluations, evaluated; /* of the network, since the prompt; tokens that went through it */
    size_t text_bytes;              /* of the generated text that came out so far */
    int32_t stop;                   /* which stop text was met, -1: none */
    uint64_t seed;
    uint32_t draft;
    pal_finish finish;
} pal_generate_progress;
pal_generate_progress pal_generator_progress(const pal_generator *generator);

/* The tokens in the window, prompt included, until the next call that changes them; *n how many. */
const int32_t *pal_generator_tokens(const pal_generator *generator, int32_t *n);

/* Back to where `generated` tokens were generated (0: the prompt alone); nothing that stands before is evaluated
 * again, but for the one token whose logits are needed.  What follows is the same again unless something is changed, or
 * the window was shifted since.
 * PAL_E_OPTION: more than there are, or tokens that a shift has dropped. */
pal_status pal_generator_rewind(pal_generator *generator, int32_t generated, pal_error *err);

/* Puts token `id` next, in place of a draw; nothing is evaluated.  After a rewind: another word in the place of one.
 * Also lifts the finish of a text that has ended with a token.  PAL_E_OPTION: an id outside the vocabulary, or one the
 * grammar does not allow; PAL_E_CONTEXT: no room. */
pal_status pal_generator_push(pal_generator *generator, int32_t id, pal_error *err);

/* Another seed or draft, or limit of generated tokens (-1: none), for what is to come; a text that was finished by its
 * length goes on. */
void pal_generator_reseed(pal_generator *generator, uint64_t seed, uint32_t draft);
void pal_generator_limit(pal_generator *generator, int32_t max_tokens);

/* Generator and sequence as bytes, for a file: tokens, keys and values, seed and draft, mirostat, where in its grammar
 * the text stands.  A text that is restored goes on as it would have.  As pal_sequence_save. */
size_t pal_generator_save(const pal_generator *generator, void *out, size_t capacity);

/* As pal_sequence_restore; PAL_E_OPTION also where the text is none of the generator's grammar.  Seed and draft become
 * the saved ones; all other options stay the generator's own. */
pal_status pal_generator_restore(pal_generator *generator, const void *data, size_t bytes, pal_error *err);

/* ---- scores ---------------------------------------------------------------------------------------- */

typedef enum {
    PAL_SCORE_DEFAULT, /* exact for causal models, the bound for diffusion models */
    PAL_SCORE_EXACT,   /* causal: chain rule */
    PAL_SCORE_BOUND,   /* diffusion: upper bound on -log p of the first-hitting law */
    PAL_SCORE_MARGIN,
    PAL_SCORE_ENTROPY,
    PAL_SCORE_CONFIDENCE, /* diffusion: exact -log p of that order's law */
    PAL_SCORE_METHODS
} pal_score_method;

const char *pal_score_method_name(pal_score_method method); /* "exact", "bound", ...; NULL outside */
bool pal_score_method_find(const char *name, pal_score_method *out);

/* What a score has done so far; returning false stops it with PAL_MORE and the figures so far. */
typedef struct {
    uint64_t evaluations, expected_evaluations; /* expected: 0 while not known */
    double bits_per_byte, standard_error;       /* so far; NaN while not known */
} pal_score_progress;
typedef bool pal_score_progress_fn(void *context, const pal_score_progress *progress);

typedef struct {
    pal_score_method method;
    uint64_t seed;
    double standard_error;           /* 0: default; an estimate goes on until its error is this, bits a byte (0.01) */
    pal_score_progress_fn *progress; /* NULL: none */
    void *context;
} pal_score_options;

typedef struct {
    double bits_per_byte, nats_per_token, perplexity; /* perplexity: e^nats_per_token */
    double standard_error;                            /* bits a byte; 0 when exact */
    bool estimated, bound;                            /* an estimate, of an upper bound */
    uint64_t documents, windows, tokens, bytes, evaluations;
    pal_score_method method;
} pal_score_result;

/* Scores text[bytes]: cut into documents at lines `<|endoftext|>`, each read in windows of the context.
 * BOS and EOS are not scored.  Allocates its work space and frees it; stopped by `progress` it is PAL_MORE, and
 * *out holds the figures so far. */
pal_status pal_score(const pal_model *model, const char *text, size_t bytes, const pal_score_options *options,
                     pal_score_result *out, pal_error *err);

/* The same step by step, for callers that cannot be called back: a step is one evaluation of the network.  The text need not stay; the work space is allocated
 * at the start and freed at the end.  options.progress is not called. */
typedef struct pal_scoring pal_scoring;
pal_status pal_scoring_start(pal_scoring **out, const pal_model *model, const char *text, size_t bytes,
                             const pal_score_options *options, pal_error *err);
pal_status pal_scoring_step(pal_scoring *job, pal_error *err); /* PAL_MORE or PAL_OK; PAL_E_FORMAT as with pal_step */
pal_score_progress pal_scoring_progress(const pal_scoring *job);
pal_score_result pal_scoring_result(const pal_scoring *job); /* before the end: figures so far, NaN if none */
void pal_scoring_end(pal_scoring *job);                      /* NULL is allowed */

/* ---- surprise: how likely each token of a text is ---------------------------------------------------- */

/* A token of a text after what stands before it. */
typedef struct {
    int32_t id;
    int32_t alternatives; /* how many of the following are set: the likeliest tokens in its place, likeliest first */
    double logprob;       /* natural logarithm of its probability; NaN where nothing stands before it (no BOS) */
    int32_t alternative_id[PAL_CANDIDATES];
    double alternative_logprob[PAL_CANDIDATES];
} pal_surprise_token;

/* out[n]: the tokens[n] of a text (of pal_tokenize, without BOS), each with `alternatives` others, up to PAL_CANDIDATES.
 * Only for causal models.  A longer text than the context is read in windows as pal_score reads a document: each begins
 * with BOS, if the model has one, and holds as much as the context does.  So the sum of all logprob is that of a score.
 * Allocates its work space and frees it.  PAL_E_UNSUPPORTED: the model fills blanks; PAL_E_TEXT: there is no token;
 * PAL_E_OPTION: too many alternatives, or an id outside the vocabulary (offset: its index); PAL_E_FORMAT as with
 * pal_logits.  After an error what out holds means nothing. */
pal_status pal_surprise(const pal_model *model, const int32_t *tokens, size_t n, int32_t alternatives,
                        pal_surprise_token *out, pal_error *err);

/* The same step by step: a step is at most one evaluation of the network, and gives the next few tokens.  The tokens
 * are copied; the work space is allocated at the start and freed at the end, which may come before the last step. */
typedef struct pal_surprising pal_surprising;
pal_status pal_surprising_start(pal_surprising **out, const pal_model *model, const int32_t *tokens, size_t n,
                                int32_t alternatives, pal_error *err);
/* PAL_MORE, or PAL_OK: these were the last.  PAL_E_FORMAT as with pal_logits: it gave none, and all is as it was. */
pal_status pal_surprising_step(pal_surprising *job, pal_error *err);

/* Those that the last step gave, *count of them, until the next one. */
const pal_surprise_token *pal_surprising_tokens(const pal_surprising *job, size_t *count);

typedef struct {
    uint64_t tokens, all_tokens; /* done; of the text */
    uint64_t evaluations, expected_evaluations;
} pal_surprise_progress;
pal_surprise_progress pal_surprising_progress(const pal_surprising *job);
void pal_surprising_end(pal_surprising *job); /* NULL is allowed */

/* ---- pictures -------------------------------------------------------------------------------------- */

/* Pictures are drawn out of noise by a network that predicts the noise in one (architecture unet), in any of the ways
 * that follow; ARCHITECTURE.md has their equations' sources.
 *
 *   pal_image_options o = pal_image_defaults(PAL_IMAGE_SN_DDPM);
 *   o.count = 16;
 *   pal_image_bytes(model, &o, &bytes, &err);                                 // ask,
 *   pal_image_init(&drawing, model, &o, malloc(bytes), bytes, &err);          // then lend
 *   while (pal_image_step(drawing, &err) == PAL_MORE)                         // an evaluation of each picture
 *       pal_image_pixels(drawing, PAL_IMAGE_PREDICTED, 0, pixels);
 *
 * Pixels are bytes, [height, width, channels]; -1 and 1 of the network are 0 and 255. */

typedef struct {
    int32_t width, height, channels; /* 1: grey, 3: red, green, blue */
    int32_t labels;                  /* kinds of pictures that it knows by name; 0: none */
    bool guidance;                   /* trained with labels left out, so that guidance other than 1 is possible */
    bool second_moment, residual;    /* has the heads of the samplers sn and npr */
    bool gamma;                      /* has the table of the analytic samplers */
    const char *schedule;            /* "linear" or "cosine" */
    int32_t schedule_steps;          /* steps of the noise schedule: no grid of times has more */
    const char *neighbours;          /* a file beside the model with pictures it was trained on, or "" */
} pal_image_info;

/* NULL: the file holds no picture network, or one that cannot be used (pal_info.why_not). */
const pal_image_info *pal_model_image(const pal_model *model);

/* The name of a label, at most 63 bytes; NULL: there is no such label. */
const char *pal_image_label(const pal_model *model, int32_t label);
/* By its name, or the only one that differs from it in the case of letters a to z alone.  false: there is none. */
bool pal_image_label_find(const pal_model *model, const char *name, int32_t *out);

/* eps is the predicted noise, x0 the picture predicted by it; K is options.steps. */
typedef enum {
    PAL_IMAGE_DDPM,                /* ancestral steps, variance beta-tilde or beta; K evaluations */
    PAL_IMAGE_DDIM,                /* eta from 0 (deterministic) to 1 (as ddpm); K */
    PAL_IMAGE_ANALYTIC_DDPM,       /* optimal variance, one for all elements; K */
    PAL_IMAGE_ANALYTIC_DDIM,       /* the same around the steps of ddim; K */
    PAL_IMAGE_NPR_DDPM,            /* optimal variance by element, for the mean as it was learnt; K */
    PAL_IMAGE_NPR_DDIM,            /* K */
    PAL_IMAGE_SN_DDPM,             /* optimal variance by element; K */
    PAL_IMAGE_SN_DDIM,             /* K */
    PAL_IMAGE_ANNEALED_LANGEVIN,   /* K >= 100 noise levels; K * iterations */
    PAL_IMAGE_REVERSE_SDE,         /* Euler and Maruyama; K */
    PAL_IMAGE_PREDICTOR_CORRECTOR, /* K * (1 + correctors) */
    PAL_IMAGE_PROBABILITY_FLOW,    /* RK45: as many as the tolerance needs; Heun: 2 K - 1 */
    PAL_IMAGE_DPM_SOLVER,          /* dpm-solver++ 2M; K */
    PAL_IMAGE_SAMPLERS
} pal_image_sampler;

const char *pal_image_sampler_name(pal_image_sampler sampler); /* "ddpm", ..., "dpm-solver++"; NULL outside the enum */
bool pal_image_sampler_find(const char *name, pal_image_sampler *out);

/* Whether the model has what a sampler needs; if not and why is not NULL, *why says in a constant text what is missing
 * and which samplers work without. */
bool pal_image_supports(const pal_model *model, pal_image_sampler sampler, const char **why);

/* The sampler to take where nobody chose one: the first of sn-ddpm, npr-ddpm, analytic-ddpm and ddpm that the model can
 * run. */
pal_image_sampler pal_image_default_sampler(const pal_model *model);

/* Which times a sampler visits. */
typedef enum {
    PAL_GRID_EVEN,
    PAL_GRID_QUADRATIC, /* more of them where there is little noise */
    PAL_GRID_GIVEN      /* the caller's */
} pal_image_grid;
typedef enum { PAL_VARIANCE_SMALL, PAL_VARIANCE_LARGE } pal_image_variance; /* beta-tilde; beta */
typedef enum { PAL_PROCESS_VP, PAL_PROCESS_VE } pal_image_process;          /* x; x / sqrt(alpha) */
typedef enum { PAL_FLOW_RK45, PAL_FLOW_HEUN } pal_image_solver;

/* pal_image_defaults() fills in what is named here.  An option that the sampler has no use for must keep its default:
 * PAL_E_OPTION says whose it is. */
typedef struct {
    pal_image_sampler sampler;
    uint64_t seed;         /* 0 */
    uint32_t first;        /* 0; number of the first picture: picture 17 of a seed is the same, however many are drawn,
                              and in whatever batches */
    int32_t count;         /* 1; pictures drawn together, at most 65536 */
    int32_t label;         /* -1: none */
    const int32_t *labels; /* NULL; [count] a label a picture, or -1, in place of `label`; copied */
    double guidance;       /* 1: off; classifier-free, 0 to 100: more is more typical of the label, and no longer the
                              network's law; twice the work */
    const uint8_t *known;  /* NULL, or [height, width, channels]: a picture of which parts are kept; copied */
    const uint8_t *mask;   /* [height, width], given together with known: not 0 where it is drawn again; copied */
    int32_t resample;      /* 1; with known: how often each step is made (RePaint, Lugmayr et al. 2022, jumps of one
                              step); (K - 1) * resample + 1 evaluations then */
    int32_t steps;         /* 25 (annealed-langevin 100); 0 with RK45, which finds its own */
    pal_image_grid grid;   /* even */
    const double *times;   /* [steps] of the given grid, NULL otherwise: falling, in (0, 1], steps of the schedule; read
                              when the drawing starts */
    bool clip_x0;          /* on: predictions to [-1, 1], which -ddpm, -ddim and dpm-solver++ also compute with, and
                              covariances of x0 to at most 1 */
    double clip_pixel;     /* bound of the last noise in grey levels: 2 for -ddpm, 1 for -ddim with optimal variances,
                              0 (off) for ddpm and ddim */
    double eta;            /* 0; samplers -ddim alone */
    pal_image_variance variance; /* small; ddpm alone */
    pal_image_process process;   /* VP; reverse-sde and predictor-corrector */
    double sigma_max;            /* annealed-langevin and VE: 0 is 50, or where the schedule ends if that is less */
    double sigma_min;            /* annealed-langevin and VE: 0 is the schedule's least */
    double langevin_step;        /* 0.5; annealed-langevin: a move's step in units of sigma^2 */
    int32_t iterations;          /* 1; annealed-langevin: moves a level */
    int32_t correctors;          /* 1; predictor-corrector: corrections a step */
    double snr;                  /* 0.16; predictor-corrector: r of its step rule */
    double tolerance;            /* 1e-4, absolute and relative; RK45 alone */
    pal_image_solver solver;     /* RK45; probability-flow alone: with Heun steps must be given */
} pal_image_options;
pal_image_options pal_image_defaults(pal_image_sampler sampler);

/* How many evaluations a drawing takes; 0: not known before (RK45). */
int32_t pal_image_evaluations(const pal_image_options *options);

/* What pal_image_bytes and pal_image_init refuse: PAL_E_OPTION: an option out of range or of no use, or a sampler, label
 * or guidance that this network was not made for; PAL_E_UNSUPPORTED: not a picture model. */
pal_status pal_image_check(const pal_model *model, const pal_image_options *options, pal_error *err);

typedef struct pal_drawing pal_drawing; /* a batch of pictures being drawn */

/* Ask for the size of its block, then lend it, 64-byte aligned or not; nothing to free. */
pal_status pal_image_bytes(const pal_model *model, const pal_image_options *options, size_t *bytes, pal_error *err);
pal_status pal_image_init(pal_drawing **out, const pal_model *model, const pal_image_options *options, void *block,
                          size_t bytes, pal_error *err);

/* One evaluation of each picture that is not finished.  PAL_MORE: there is more to do; PAL_OK: all are finished.
 * PAL_E_FORMAT: the network produced NaN or infinity (its weights are damaged), and so does every later step. */
pal_status pal_image_step(pal_drawing *drawing, pal_error *err);

typedef enum {
    PAL_IMAGE_PREDICTED, /* x0: what the picture would be by the last evaluation, grey before the first; known parts in
                            their place */
    PAL_IMAGE_STATE      /* x, with its noise; as the network sees it */
} pal_image_view;

/* pixels[height, width, channels] of picture number first + index; a finished one is the same in both views. */
void pal_image_pixels(const pal_drawing *drawing, pal_image_view view, int32_t index, uint8_t *pixels);

typedef struct {
    int32_t evaluations, total; /* so far, which is the number of steps; in all, 0: not known */
    int64_t passes;             /* single pictures that went through the network; guidance takes two an evaluation,
                                   RK45 each picture its own number */
    bool done;
} pal_image_progress;
pal_image_progress pal_drawing_progress(const pal_drawing *drawing);

/* ---- likelihood of pictures ------------------------------------------------------------------------- */

typedef enum {
    PAL_LIKELIHOOD_FLOW, /* the probability-flow equation: estimates -log p of its law, cut at the schedule's least
                            time, of pictures spread evenly over their bytes' intervals, an upper bound for bytes */
    PAL_LIKELIHOOD_BOUND /* the variational bound of a stochastic sampler: ddpm, ddim with eta above 0, and their kin */
} pal_image_method;

/* pal_likelihood_defaults() fills in what is named here. */
typedef struct {
    pal_image_method method;
    uint32_t draw;     /* 0; another draw is another estimate, of which the mean is meant */
    double tolerance;  /* 1e-3; flow: of the solver, absolute and relative */
    int32_t probes;    /* 1; flow: directions of Hutchinson's estimate of the divergence, two passes each; 0: all
                                  unit vectors, which is exact */
    double difference; /* flow: half of a central difference, in units of the noise, at most 1; 0.02 where weights are
                          floats; quantised ones round their input, and need 1 (errors: src/api/picture_likelihood.c) */
    pal_image_options picture; /* seed, first, count, label and labels are of use in both methods; the others, which
                                  say whose bound it is, in bound alone; default: pal_image_default_sampler with 100 steps */
} pal_likelihood_options;
pal_likelihood_options pal_likelihood_defaults(const pal_model *model, pal_image_method method);

typedef struct pal_likelihood pal_likelihood; /* a batch of pictures being measured */

/* As pal_image_bytes, pal_image_init and pal_image_step.  pixels[count, height, width, channels] need not stay.
 * PAL_E_OPTION also: guidance other than 1, known parts. */
pal_status pal_likelihood_bytes(const pal_model *model, const pal_likelihood_options *options, size_t *bytes,
                                pal_error *err);
pal_status pal_likelihood_init(pal_likelihood **out, const pal_model *model, const pal_likelihood_options *options,
                               const uint8_t *pixels, void *block, size_t bytes, pal_error *err);
pal_status pal_likelihood_step(pal_likelihood *likelihood, pal_error *err);
pal_image_progress pal_likelihood_progress(const pal_likelihood *likelihood);

/* Bits per dimension (a byte of a pixel) of picture number first + index; NaN until all are done. */
double pal_likelihood_bits(const pal_likelihood *likelihood, int32_t index);

/* ---- files ----------------------------------------------------------------------------------------- */

/* Gets consecutive pieces of a file; false stops. */
typedef bool pal_sink_fn(void *context, const void *data, size_t bytes);

/* Writes a model opened with PAL_OPEN_AS_STORED with its matrices as "F32", "F16", "Q8_0" or "Q4_0"; rows no block
 * fits and vectors keep a float type. */
pal_status pal_model_quantize(const pal_model *model, const char *type, pal_sink_fn *sink, void *context,
                              pal_error *err);

const char *pal_version(void);

#ifdef __cplusplus
}
#endif
#endif
