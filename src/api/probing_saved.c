/* probing_saved.c - what is decided about tokens, as bytes.
 *
 * The magic "palprobe", version, digest of the output layer, number of tokens, rounds; then for each token its state, its
 * value, how many tokens dominate it, and the id and weight of those that are listed; then the SHA-256 of all that. */
#include "probing.h"
#include "saved.h"

#include <math.h>
#include <string.h>

static const char magic[8] = "palprobe";

enum { VERSION = 1, HEAD = 8 + 4 + PAL_SHA256_BYTES + 4 + 4, TOKEN = 4 + 8 + 4, LISTED = 4 + 8 };

static int32_t listed(const pal_probe_record *r)
{
    if (r->state != PAL_TOKEN_UNPREDICTABLE) return 0;
    return r->dominating < PAL_DOMINATING ? r->dominating : PAL_DOMINATING;
}

static void digest_of(const void *data, size_t bytes, unsigned char digest[PAL_SHA256_BYTES])
{
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, data, bytes);
    pal_sha256_end(&h, digest);
}

static void save_token(pal_saving *s, const pal_probe_record *r)
{
    pal_save_u32(s, r->state);
    pal_save_double(s, r->value);
    pal_save_u32(s, (uint32_t)r->dominating);
    for (int32_t i = 0; i < listed(r); i++) {
        pal_save_u32(s, (uint32_t)r->id[i]);
        pal_save_double(s, r->weight[i]);
    }
}

size_t pal_probing_save(const pal_probing *j, void *out, size_t capacity)
{
    const size_t count = (size_t)j->layer.count;
    size_t bytes = HEAD + count * TOKEN + PAL_SHA256_BYTES;
    unsigned char digest[PAL_SHA256_BYTES];
    for (size_t i = 0; i < count; i++) bytes += (size_t)listed(&j->record[i]) * LISTED;
    if (bytes > capacity) return bytes;
    pal_saving s = {out, out};
    pal_save_bytes(&s, magic, sizeof magic);
    pal_save_u32(&s, VERSION);
    pal_output_digest(&j->layer, digest);
    pal_save_bytes(&s, digest, sizeof digest);
    pal_save_u32(&s, (uint32_t)j->layer.count);
    pal_save_u32(&s, (uint32_t)j->options.rounds);
    for (size_t i = 0; i < count; i++) save_token(&s, &j->record[i]);
    digest_of(out, bytes - PAL_SHA256_BYTES, digest);
    pal_save_bytes(&s, digest, sizeof digest);
    return bytes;
}

/* Reads a token into *r, which keeps what is not saved; false: the values are not possible. */
static bool load_token(pal_loading *l, int32_t count, pal_probe_record *r)
{
    const uint32_t state = pal_loaded_u32(l);
    r->value = pal_loaded_double(l);
    const uint32_t dominating = pal_loaded_u32(l);
    if (state >= PAL_TOKEN_STATES || state == PAL_TOKEN_TIED) return false;
    if (dominating > (uint32_t)count || (state == PAL_TOKEN_UNPREDICTABLE) != (dominating > 0)) return false;
    if (state == PAL_TOKEN_PREDICTABLE && !(r->value > 0.0)) return false;
    if (state == PAL_TOKEN_UNPREDICTABLE && !(r->value >= 0.0 && r->value <= PAL_RESIDUAL)) return false;
    r->state = (uint8_t)state;
    r->dominating = (int32_t)dominating;
    for (int32_t i = 0; i < listed(r); i++) {
        const uint32_t id = pal_loaded_u32(l);
        r->weight[i] = pal_loaded_double(l);
        if (id >= (uint32_t)count || !(r->weight[i] > 0.0 && r->weight[i] <= 1.0)) return false;
        r->id[i] = (int32_t)id;
    }
    return !l->cut;
}

/* Checks all tokens or, if `apply`, takes over what is decided. */
static bool load_tokens(pal_probing *j, pal_loading l, uint32_t rounds, bool apply)
{
    for (int32_t i = 0; i < j->layer.count; i++) {
        pal_probe_record r = j->record[i];
        if (!load_token(&l, j->layer.count, &r)) return false;
        if (!apply || j->record[i].state != PAL_TOKEN_OPEN) continue;
        if (r.state == PAL_TOKEN_UNDECIDED && rounds < (uint32_t)j->options.rounds) continue;
        j->record[i] = r;
    }
    return l.at == l.end;
}

static pal_status damaged(pal_error *err)
{
    return pal_fail(err, PAL_E_FORMAT, "the saved results are damaged or incomplete", SIZE_MAX);
}

pal_status pal_probing_restore(pal_probing *j, const void *data, size_t bytes, pal_error *err)
{
    unsigned char digest[PAL_SHA256_BYTES];
    const unsigned char *end = (const unsigned char *)data + bytes;
    if (bytes < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
        return pal_fail(err, PAL_E_FORMAT, "not a file of saved results about tokens", SIZE_MAX);
    if (bytes < HEAD + PAL_SHA256_BYTES) return damaged(err);
    digest_of(data, bytes - PAL_SHA256_BYTES, digest);
    if (memcmp(digest, end - PAL_SHA256_BYTES, sizeof digest) != 0) return damaged(err);
    pal_loading l = {.at = (const unsigned char *)data + sizeof magic, .end = end - PAL_SHA256_BYTES};
    if (pal_loaded_u32(&l) != VERSION)
        return pal_fail(err, PAL_E_UNSUPPORTED, "the results were saved by another version of Palimpsest", SIZE_MAX);
    const unsigned char *layer = pal_loaded_bytes(&l, PAL_SHA256_BYTES);
    pal_output_digest(&j->layer, digest);
    if (memcmp(digest, layer, sizeof digest) != 0 || pal_loaded_u32(&l) != (uint32_t)j->layer.count)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        "the results were saved for another model, or for another kind of hidden rows", SIZE_MAX);
    const uint32_t rounds = pal_loaded_u32(&l);
    if (!load_tokens(j, l, rounds, false)) return damaged(err);
    (void)load_tokens(j, l, rounds, true);
    return PAL_OK;
}
