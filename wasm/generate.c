/* generate.c - functions of the text engine for JavaScript: sequences, generation and surprise.
 *
 * web/src/generator.ts and surprise.ts are the other side.  Functions of pal_sequence and pal_generator that take only
 * numbers and pointers are exported unchanged. */
#include "palimpsest.h"
#include "core/options.h"
#include "network/model.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- sequences --------------------------------------------------------------------------------------- */

/* JavaScript reads the first field and passes it to pal_sequence_append and other functions of a pal_sequence. */
typedef struct {
    pal_sequence *sequence;
    void *block;
} pw_sequence;

static pal_sequence_options sequence_options(int32_t max_tokens, int32_t kv)
{
    pal_sequence_options o = pal_sequence_defaults();
    o.max_tokens = max_tokens;
    if (kv >= 0) o.kv = (pal_kv_type)kv;
    return o;
}

/* The size in bytes of a sequence of max_tokens tokens, or -1 after an error.  kv -1: the default type of the cache. */
double pw_sequence_bytes(const pal_model *model, int32_t max_tokens, int32_t kv, pal_error *err)
{
    pal_sequence_options o = sequence_options(max_tokens, kv);
    size_t bytes;
    return pal_sequence_bytes(model, &o, &bytes, err) ? -1.0 : (double)bytes;
}

void pw_sequence_end(pw_sequence *s)
{
    if (!s) return;
    free(s->block);
    free(s);
}

pw_sequence *pw_sequence_start(const pal_model *model, int32_t max_tokens, int32_t kv, pal_error *err)
{
    pal_sequence_options o = sequence_options(max_tokens, kv);
    size_t bytes;
    if (pal_sequence_bytes(model, &o, &bytes, err)) return NULL;
    pw_sequence *s = calloc(1, sizeof *s);
    if (s) s->block = pw_alloc(bytes);
    if (s && s->block && !pal_sequence_init(&s->sequence, model, &o, s->block, bytes, err)) return s;
    if (!s || !s->block)
        *err = (pal_error){PAL_E_MEMORY, "not enough memory for keys and values; lower `room` or use kv: 'Q8_0'",
                           SIZE_MAX};
    pw_sequence_end(s);
    return NULL;
}

/* ---- generation -------------------------------------------------------------------------------------- */

/* JavaScript reads the first field and passes it to pal_generator_step and other functions of a pal_generator. */
typedef struct {
    pal_generator *generator;
    pal_grammar *grammar;
    void *block;
} pw_generation;

void pw_generate_end(pw_generation *g)
{
    if (!g) return;
    pal_grammar_close(g->grammar);
    free(g->block);
    free(g);
}

static pal_status begin(pw_generation *g, pal_sequence *sequence, const pal_generate_options *options, pal_error *err)
{
    size_t bytes;
    pal_status status = pal_generator_bytes(sequence, options, &bytes, err);
    if (status) return status;
    g->block = pw_alloc(bytes);
    if (g->block) return pal_generator_init(&g->generator, sequence, options, g->block, bytes, err);
    *err = (pal_error){PAL_E_MEMORY, "not enough memory to generate with these options", SIZE_MAX};
    return PAL_E_MEMORY;
}

/* options[] has the rows of pal_generate_table; biases[bias_count] has the memory layout of pal_logit_bias;
 * stops[stop_count + 1] are offsets into stop_text; grammar_bytes 0: no grammar. */
pw_generation *pw_generate_start(pal_sequence *sequence, const double *options, const pal_logit_bias *biases,
                                 size_t bias_count, const char *stop_text, const uint32_t *stops, size_t stop_count,
                                 const char *grammar, size_t grammar_bytes, pal_error *err)
{
    pal_generate_options o = pal_generate_defaults();
    pal_options_read(&pal_generate_table, options, &o);
    pw_generation *g = calloc(1, sizeof *g);
    pal_stop_string *texts = calloc(stop_count + 1, sizeof *texts);
    pal_status status = PAL_E_MEMORY;
    if (g && texts) {
        for (size_t i = 0; i < stop_count; i++)
            texts[i] = (pal_stop_string){stop_text + stops[i], stops[i + 1] - stops[i]};
        status = grammar_bytes ? pal_grammar_open(&g->grammar, grammar, grammar_bytes, err) : PAL_OK;
        o.logit_bias = biases;
        o.logit_bias_count = bias_count;
        o.stop = texts;
        o.stop_count = stop_count;
        o.grammar = g->grammar;
        if (!status) status = begin(g, sequence, &o, err);
    } else
        *err = (pal_error){PAL_E_MEMORY, "not enough memory to generate", SIZE_MAX};
    free(texts); /* copied */
    if (!status) return g;
    pw_generate_end(g);
    return NULL;
}

void pw_generate_reseed(pal_generator *g, uint32_t seed_low, uint32_t seed_high, uint32_t draft)
{
    pal_generator_reseed(g, (uint64_t)seed_high << 32 | seed_low, draft);
}

enum { PROGRESS = 12 };
void pw_generate_progress(const pal_generator *g, double out[PROGRESS])
{
    pal_generate_progress p = pal_generator_progress(g);
    const double numbers[PROGRESS] = {p.prompt,  p.kept,        p.unread,    p.generated,          p.tokens, p.capacity,
                                      p.dropped, p.evaluations, p.evaluated, (double)p.text_bytes, p.stop,   p.finish};
    memcpy(out, numbers, sizeof numbers);
}

_Static_assert(sizeof(pal_generated) == 120 + 8 * PAL_CANDIDATES && offsetof(pal_generated, logprob) == 8 &&
                   offsetof(pal_generated, probability) == 16 && offsetof(pal_generated, offset) == 24 &&
                   offsetof(pal_generated, bytes) == 28 && offsetof(pal_generated, alternatives) == 32 &&
                   offsetof(pal_generated, alternative_id) == 36 && offsetof(pal_generated, alternative_logprob) == 120,
               "generator.ts reads generated tokens where they lie");
_Static_assert(sizeof(pal_logit_bias) == 16 && offsetof(pal_logit_bias, bias) == 8, "generator.ts writes biases");

/* ---- surprise ---------------------------------------------------------------------------------------- */

enum { EXPECTED = 5 }; /* number of alternatives per token */
_Static_assert(sizeof(pal_surprise_token) == 16 + 12 * PAL_CANDIDATES && offsetof(pal_surprise_token, logprob) == 8 &&
                   offsetof(pal_surprise_token, alternative_id) == 16 &&
                   offsetof(pal_surprise_token, alternative_logprob) == 96,
               "surprise.ts reads tokens where they lie");

/* JavaScript passes the result to pal_surprising_step and the other functions of a pal_surprising. */
pal_surprising *pw_surprise_start(const pal_model *model, const int32_t *tokens, size_t n, pal_error *err)
{
    pal_surprising *job;
    return pal_surprising_start(&job, model, tokens, n, EXPECTED, err) ? NULL : job;
}

/* ---- conversations ----------------------------------------------------------------------------------- */

/* The chat template, not terminated, or NULL.  out: its bytes, the ids of BOS and EOS (-1: none), and whether texts begin
 * with BOS.  JavaScript runs the template. */
const char *pw_chat(const pal_model *model, int32_t out[4])
{
    size_t bytes = 0;
    const char *text = pal_chat_template(model, &bytes);
    const pal_special *special = model->vocab ? pal_vocab_special(model->vocab) : NULL;
    const int32_t numbers[4] = {(int32_t)bytes, special ? special->bos : -1, special ? special->eos : -1,
                                special && special->add_bos};
    memcpy(out, numbers, sizeof numbers);
    return text;
}
