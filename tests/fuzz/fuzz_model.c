/* fuzz_model.c - fuzzes text models: a file is refused with a proper error, or it opens, reports its features and why
 * others are missing, tokenizes and detokenizes, and evaluates what it reports, in a context of a few tokens. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "palimpsest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

enum { TOKENS = 3, LARGEST = 1 << 24 }; /* bytes of a session that are tried */

static void must_fail(pal_status s, const pal_error *err)
{
    REQUIRE(s < 0 && err->status == s && err->text && *err->text);
}

static void ask(const pal_model *m)
{
    const pal_info *i = pal_model_info(m);
    const bool all = i->can_tokenize && (i->can_generate || i->can_infill || i->can_score);
    REQUIRE(i->architecture && i->name && i->license && i->weights && i->tokenizer && i->isa && !i->can_image);
    REQUIRE(all || i->why_not || !i->causal); /* bidirectional models without a mask token compute nothing */
    REQUIRE(i->context >= 0 && i->width >= 0 && i->layers >= 0 && i->heads >= 0 && i->kv_heads >= 0 && i->hidden >= 0);
    for (const char *c = i->why_not; c && *c; c++) REQUIRE(*c >= 0x20 && *c < 0x7f);
}

static void retell(const pal_model *m)
{
    static const char text[] = "a b<s>\xc3\xa9\xff ab";
    int32_t ids[sizeof text];
    char back[4096];
    size_t count, bytes;
    pal_error err = {0};
    for (unsigned flags = 0; flags < 4; flags++) {
        pal_status s = pal_tokenize(m, text, sizeof text - 1, flags, ids, sizeof text, &count, &err);
        if (s) {
            must_fail(s, &err);
            REQUIRE(!pal_model_info(m)->can_tokenize);
            continue;
        }
        REQUIRE(count <= sizeof text);
        REQUIRE(pal_detokenize(m, ids, count, flags, back, sizeof back, &bytes, &err) == PAL_OK);
    }
}

static bool evaluate(const pal_model *m)
{
    const int32_t tokens[TOKENS] = {0}, at[] = {0, TOKENS - 1};
    pal_error err = {0};
    /* Without a tokenizer the number of logits is unknown: one token is refused, or the file gives the number. */
    if (!pal_model_info(m)->vocabulary || (!pal_model_info(m)->can_generate && !pal_model_info(m)->can_infill))
        return false;
    float *logits = malloc(2 * (size_t)pal_model_info(m)->vocabulary * sizeof *logits);
    REQUIRE(logits);
    const int n = pal_model_info(m)->context < TOKENS ? 1 : TOKENS;
    pal_status s = pal_logits(m, tokens, n, at, n < TOKENS ? 1 : 2, logits, &err);
    free(logits);
    REQUIRE(s == PAL_OK || s == PAL_E_MEMORY || s == PAL_E_FORMAT); /* the last one: damaged weights */
    return s == PAL_OK;
}

static void generate(const pal_model *m)
{
    pal_sequence_options o = pal_sequence_defaults();
    pal_sequence *sequence;
    pal_error err = {0};
    size_t bytes;
    const int32_t tokens[TOKENS] = {0};
    o.max_tokens = pal_model_info(m)->context < 8 ? 1 : 8;
    o.kv = PAL_KV_Q8_0;
    pal_status s = pal_sequence_bytes(m, &o, &bytes, &err);
    if (s) {
        must_fail(s, &err);
        return;
    }
    if (bytes > LARGEST) return;
    void *block = malloc(bytes);
    REQUIRE(block && pal_sequence_init(&sequence, m, &o, block, bytes, &err) == PAL_OK);
    s = pal_sequence_append(sequence, tokens, o.max_tokens < TOKENS ? 1 : TOKENS, &err);
    REQUIRE(s == PAL_OK || s == PAL_E_FORMAT);
    free(block);
}

/* A page that the model can fill; of boards, the 9 x 9 one begins with the 4 x 4 one. */
static size_t page_of(const pal_model *m, char page[81])
{
    static const char text[] = "a [[2]] b", board[] = "1..42....3..4..1";
    const int32_t size = pal_model_info(m)->board;
    if (!size) {
        memcpy(page, text, sizeof text - 1);
        return sizeof text - 1;
    }
    memset(page, '.', 81);
    memcpy(page, board, sizeof board - 1);
    return (size_t)(size * size);
}

static void infill(const pal_model *m, pal_sampler sampler)
{
    char page[81];
    const size_t length = page_of(m, page);
    pal_infill_options o = pal_infill_defaults();
    o.sampler = sampler;
    pal_session *session;
    pal_error err = {0};
    size_t bytes;
    pal_status s = pal_session_bytes(m, page, length, &o, &bytes, &err);
    if (s) {
        must_fail(s, &err);
        return;
    }
    if (bytes > LARGEST) return;
    void *block = malloc(bytes);
    REQUIRE(block);
    s = pal_session_init(&session, m, page, length, &o, block, bytes, &err);
    if (s) must_fail(s, &err);
    for (int i = 0; !s && i < 8; i++) s = pal_step(session, &err) == PAL_MORE ? PAL_OK : PAL_MORE;
    free(block);
}

static bool a_few(void *context, const pal_score_progress *p)
{
    (void)context;
    return p->evaluations < 4;
}

/* What only networks that compute scores do; the others refuse it. */
static void use_scores(const pal_model *m)
{
    const pal_score_options o = {.progress = a_few};
    pal_score_result r;
    pal_error err = {0};
    pal_noise_info n;
    infill(m, PAL_EULER);
    infill(m, PAL_TWEEDIE);
    infill(m, PAL_EULER_CORRECTOR);
    if (!pal_model_noise(m, &n)) return;
    REQUIRE(n.graph && n.schedule && n.sigma_min > 0.0 && n.sigma_min <= n.sigma_max && n.sigma_max < 65536.0 &&
            (n.states == 0 || n.states > 1));
    pal_status s = pal_score(m, "a b", 3, &o, &r, &err);
    if (s < 0) must_fail(s, &err);
}

static bool count(void *context, const void *data, size_t size)
{
    (void)data;
    *(size_t *)context += size;
    return true;
}

/* The image must equal the file: its weights must not be packed yet. */
static void convert(void *image, size_t size)
{
    pal_model *m;
    pal_error err = {0};
    size_t written = 0;
    if (pal_model_open(&m, image, size, PAL_OPEN_AS_STORED, &err)) return;
    pal_status s = pal_model_quantize(m, "F16", count, &written, &err);
    if (s) must_fail(s, &err);
    pal_model_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *block = malloc(size + 63), *image = (uint8_t *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
    pal_model *m = NULL;
    pal_error err = {0};
    REQUIRE(block);
    if (size) memcpy(image, data, size);
    convert(image, size);
    REQUIRE(!size || memcmp(image, data, size) == 0);
    pal_status s = pal_model_open(&m, image, size, 0, &err);
    if (s) {
        must_fail(s, &err);
        REQUIRE(!m && (err.offset <= size || err.offset == SIZE_MAX));
    } else {
        ask(m);
        retell(m);
        if (evaluate(m) && pal_model_info(m)->can_generate) generate(m);
        infill(m, PAL_SAMPLER_OF_MODEL);
        use_scores(m);
        pal_model_close(m);
    }
    free(block);
    return 0;
}
