/* saved.c - reads and writes sections of saved files: heads, numbers and digests. */
#include "saved.h"

#include <string.h>

static const char magic[8] = "palsaved";

/* Identifies a model without reading all of it: hashes the names, types, shapes and first bytes of its tensors, and all
 * metadata. */
static void fingerprint(const pal_model *m, unsigned char digest[PAL_SHA256_BYTES])
{
    enum { FIRST = 256 };
    pal_sha256 h;
    pal_sha256_start(&h);
    for (size_t i = 0; i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(m->gguf, i);
        pal_sha256_add(&h, t->name.data, t->name.size);
        pal_sha256_add(&h, &t->type, sizeof t->type);
        pal_sha256_add(&h, t->extent, sizeof t->extent);
        pal_sha256_add(&h, t->data, t->size < FIRST ? t->size : FIRST);
    }
    for (size_t i = 0; i < pal_gguf_values(m->gguf); i++) {
        const pal_gguf_value *v = pal_gguf_value_at(m->gguf, i);
        pal_sha256_add(&h, v->key.data, v->key.size);
        pal_sha256_add(&h, v->data, v->size);
    }
    pal_sha256_end(&h, digest);
}

/* ---- writing ---------------------------------------------------------------------------------------- */

void pal_save_bytes(pal_saving *s, const void *data, size_t bytes)
{
    if (bytes) memcpy(s->out, data, bytes);
    s->out += bytes;
}

void pal_save_u32(pal_saving *s, uint32_t value)
{
    for (int i = 0; i < 4; i++, value >>= 8) *s->out++ = (unsigned char)(value & 255);
}

void pal_save_u64(pal_saving *s, uint64_t value)
{
    pal_save_u32(s, (uint32_t)value);
    pal_save_u32(s, (uint32_t)(value >> 32));
}

void pal_save_double(pal_saving *s, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pal_save_u64(s, bits);
}

void pal_save_ids(pal_saving *s, const int32_t *ids, int32_t n)
{
    for (int32_t i = 0; i < n; i++) pal_save_u32(s, (uint32_t)ids[i]);
}

void pal_save_begin(pal_saving *s, void *out, uint32_t kind, const pal_model *m, size_t content)
{
    s->start = s->out = out;
    pal_save_bytes(s, magic, sizeof magic);
    pal_save_u32(s, PAL_SAVED_VERSION);
    pal_save_u32(s, kind);
    pal_save_u64(s, pal_saved_bytes(content));
    fingerprint(m, s->out);
    s->out += PAL_SHA256_BYTES;
}

static void digest_of(const unsigned char *data, size_t bytes, unsigned char digest[PAL_SHA256_BYTES])
{
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, data, bytes);
    pal_sha256_end(&h, digest);
}

void pal_save_end(pal_saving *s)
{
    digest_of(s->start, (size_t)(s->out - s->start), s->out);
    s->out += PAL_SHA256_BYTES;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

const unsigned char *pal_loaded_bytes(pal_loading *l, size_t bytes)
{
    const unsigned char *at = l->at;
    if (l->cut || bytes > (size_t)(l->end - l->at)) {
        l->cut = true;
        return NULL;
    }
    l->at += bytes;
    return at;
}

uint32_t pal_loaded_u32(pal_loading *l)
{
    const unsigned char *b = pal_loaded_bytes(l, 4);
    return b ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24 : 0;
}

uint64_t pal_loaded_u64(pal_loading *l)
{
    uint64_t low = pal_loaded_u32(l);
    return low | (uint64_t)pal_loaded_u32(l) << 32;
}

double pal_loaded_double(pal_loading *l)
{
    uint64_t bits = pal_loaded_u64(l);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static pal_status other_version(uint32_t version, pal_error *err)
{
    return pal_fail(err, PAL_E_UNSUPPORTED,
                    version == 1 ? "the session was saved by Palimpsest 0.1, which this version cannot read: "
                                   "generate the text again and save it"
                                 : "the session was saved by a newer version of Palimpsest, or is damaged",
                    8);
}

pal_status pal_load_begin(pal_loading *l, const void *data, size_t bytes, uint32_t kind, const pal_model *m,
                          size_t *section, pal_error *err)
{
    unsigned char digest[PAL_SHA256_BYTES];
    *l = (pal_loading){.at = data, .end = (const unsigned char *)data + bytes};
    const unsigned char *mark = pal_loaded_bytes(l, sizeof magic);
    const uint32_t version = pal_loaded_u32(l), of_kind = pal_loaded_u32(l);
    const uint64_t length = pal_loaded_u64(l);
    const unsigned char *model = pal_loaded_bytes(l, PAL_SHA256_BYTES);
    if (!mark || memcmp(mark, magic, sizeof magic) != 0)
        return pal_fail(err, PAL_E_FORMAT, "not a saved session file", SIZE_MAX);
    if (!model) return pal_fail(err, PAL_E_FORMAT, "the saved session is incomplete", bytes);
    if (version != PAL_SAVED_VERSION) return other_version(version, err);
    if (of_kind != kind)
        return pal_fail(err, PAL_E_FORMAT, "a saved sequence was expected, this is a generator, or the reverse",
                        sizeof magic + 4);
    if (length > bytes) return pal_fail(err, PAL_E_FORMAT, "the saved session is incomplete", bytes);
    if (length < pal_saved_bytes(0)) return pal_fail(err, PAL_E_FORMAT, "the saved session is damaged", SIZE_MAX);
    *section = (size_t)length;
    l->end = (const unsigned char *)data + *section - PAL_SHA256_BYTES;
    digest_of(data, *section - PAL_SHA256_BYTES, digest);
    if (memcmp(digest, l->end, sizeof digest) != 0)
        return pal_fail(err, PAL_E_FORMAT, "the saved session is damaged", SIZE_MAX);
    fingerprint(m, digest);
    if (memcmp(digest, model, sizeof digest) != 0)
        return pal_fail(err, PAL_E_UNSUPPORTED, "the session was saved with another model", SIZE_MAX);
    return PAL_OK;
}
