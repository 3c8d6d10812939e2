/* fuzz_probe.c - fuzzes output layers and saved results: every search ends, and results that are not of the layer are
 * refused with nothing changed.
 *
 * The first bytes choose shape, biases, limit and rounds, then each weight is a byte, a half, or 2^n.  What is left of the
 * input is changed in the saved results: an offset of 16 bits and a byte each; then their digest is updated, if the next
 * byte is odd. */
#include "fuzzing.h"

#include "core/sha256.h"

#include <math.h>

enum { ROWS = 12, COLS = 5 };

static float weight(input *in, unsigned kind)
{
    const unsigned byte = next(in);
    if (kind % 3 == 0) return (float)((int)byte - 128);
    if (kind % 3 == 1) return (float)((int)(byte & 7) - 3) * 0.5f;
    return ldexpf(byte & 1 ? 1.0f : -1.0f, (int)byte - 128);
}

static pal_probing *open_layer(const pal_output_rows *l, const pal_probe_options *o)
{
    pal_probing *job = NULL;
    pal_error err = {0};
    const pal_status s = pal_probing_start_rows(&job, l, o, &err);
    if (s) check_error(&err, s);
    return s ? NULL : job;
}

static size_t save(const pal_probing *job, unsigned char **data)
{
    const size_t size = pal_probing_save(job, NULL, 0);
    *data = block_of(size);
    check(pal_probing_save(job, *data, size) == size, "another size");
    return size;
}

/* Searches to the end; then every token is decided, and what proves it is there. */
static void search(pal_probing *job, int32_t rounds)
{
    pal_status s = PAL_MORE;
    double hidden[COLS], weights[ROWS];
    int32_t ids[ROWS];
    for (int i = 0; s == PAL_MORE; i++) {
        check(i < 10 + ROWS * (rounds + 2), "a search does not end");
        s = pal_probing_step(job, NULL);
        const size_t n = pal_probing_decided(job, ids, ROWS);
        for (size_t k = 0; k < n; k++) {
            const int32_t id = ids[k];
            const pal_token_state state = pal_probing_token(job, id).state;
            int32_t by[ROWS];
            check(pal_probing_hidden(job, id, hidden) == (state == PAL_TOKEN_PREDICTABLE || state == PAL_TOKEN_TIED),
                  "a hidden row");
            const size_t count = pal_probing_weights(job, id, by, weights, ROWS);
            check((count > 0) == (state == PAL_TOKEN_UNPREDICTABLE) && count < ROWS, "weights");
        }
    }
    const pal_probe_progress p = pal_probing_progress(job);
    check(s == PAL_OK && p.tokens == p.all_tokens, "a token is not decided");
}

static void forge(input *in, unsigned char *data, size_t size)
{
    while (in->end - in->at >= 4) {
        const size_t at = (size_t)(next(in) | next(in) << 8) % size;
        data[at] = (unsigned char)next(in);
    }
    if (!(next(in) & 1)) return;
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, data, size - PAL_SHA256_BYTES);
    pal_sha256_end(&h, data + size - PAL_SHA256_BYTES);
}

/* What is restored is searched on; what is refused has changed nothing. */
static void restore(pal_probing *job, const unsigned char *data, size_t size, int32_t rounds)
{
    unsigned char *before, *after;
    pal_error err = {0};
    const size_t empty = save(job, &before);
    const pal_status s = pal_probing_restore(job, data, size, &err);
    if (s) {
        check_error(&err, s);
        check(save(job, &after) == empty && memcmp(before, after, empty) == 0, "refused results changed something");
        free(after);
    }
    free(before);
    search(job, rounds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    float rows[ROWS * COLS], biases[ROWS];
    unsigned char *saved;
    const unsigned shape = next(&in), kind = next(&in);
    const pal_output_rows l = {.tokens = 1 + (int32_t)(shape % ROWS),
                               .width = 1 + (int32_t)(shape / ROWS % COLS),
                               .rows = rows,
                               .bias = kind & 16 ? biases : NULL,
                               .radius = kind & 32 ? 1.0 + (kind >> 6) : 0.0,
                               .centred = kind & 8};
    const pal_probe_options o = {.rounds = 1 + (int32_t)(next(&in) % 20)};
    for (int i = 0; i < l.tokens * l.width; i++) rows[i] = weight(&in, kind);
    for (int i = 0; i < l.tokens; i++) biases[i] = weight(&in, kind);
    pal_probing *job = open_layer(&l, &o), *other = open_layer(&l, &o);
    if (job && other) {
        search(job, o.rounds);
        const size_t bytes = save(job, &saved);
        forge(&in, saved, bytes);
        restore(other, saved, bytes, o.rounds);
        free(saved);
    }
    pal_probing_end(job);
    pal_probing_end(other);
    return 0;
}
