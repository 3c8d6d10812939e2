/* fuzz_parts.c - fuzzes split models: parts are refused with a proper error, or they open as one model, whose tensors are
 * those of the parts, and which evaluates what it reports.
 *
 * An input begins with the number of parts (1 to 8; larger numbers wrap) and the size of each part but the last one, as
 * 16 bits.  The parts follow, each in memory of exactly its size. */
#include "network/model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

enum { MAX_PARTS = 8, TOKENS = 3 };

typedef struct {
    size_t count;
    void *files[MAX_PARTS];
    size_t bytes[MAX_PARTS];
} parts;

static void cut(parts *p, const uint8_t *data, size_t size)
{
    p->count = size ? 1 + (*data - 1u) % MAX_PARTS : 1;
    const size_t header = 1 + 2 * (p->count - 1), head = size < header ? size : header;
    size_t left = size - head;
    const uint8_t *at = data + head;
    for (size_t i = 0; i < p->count; i++) {
        size_t part = left;
        if (i + 1 < p->count && head == header) part = data[1 + 2 * i] | (size_t)data[2 + 2 * i] << 8;
        if (part > left) part = left;
        REQUIRE(posix_memalign(&p->files[i], 64, part) == 0);
        if (part) memcpy(p->files[i], at, part);
        p->bytes[i] = part;
        at += part;
        left -= part;
    }
}

static bool is_inside(const parts *p, const pal_gguf_tensor *t)
{
    for (size_t i = 0; i < p->count; i++) {
        const uintptr_t from = (uintptr_t)p->files[i], at = (uintptr_t)t->data;
        if (at >= from && at <= from + p->bytes[i] && t->size <= from + p->bytes[i] - at) return true;
    }
    return false;
}

/* Every tensor is found by its name, and its data is in one of the parts. */
static void check_tensors(const pal_model *m, const parts *p)
{
    for (size_t i = 0; i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(m->gguf, i), *found;
        char name[65];
        REQUIRE(t->trouble ? !t->data : is_inside(p, t));
        if (t->name.size >= sizeof name || memchr(t->name.data, '\0', t->name.size)) continue;
        memcpy(name, t->name.data, t->name.size);
        name[t->name.size] = '\0';
        found = pal_gguf_find_tensor(m->gguf, name);
        REQUIRE(found && found->name.size == t->name.size && memcmp(found->name.data, name, t->name.size) == 0);
    }
}

static void evaluate(const pal_model *m)
{
    const int32_t tokens[TOKENS] = {0}, at[] = {0};
    const pal_info *info = pal_model_info(m);
    pal_error err = {0};
    if (!info->vocabulary || (!info->can_generate && !info->can_infill)) return;
    float *logits = malloc((size_t)info->vocabulary * sizeof *logits);
    REQUIRE(logits);
    const pal_status s = pal_logits(m, tokens, info->context < TOKENS ? 1 : TOKENS, at, 1, logits, &err);
    REQUIRE(s == PAL_OK || s == PAL_E_MEMORY || s == PAL_E_FORMAT); /* the last one: damaged weights */
    free(logits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parts p = {0};
    pal_model *m = NULL;
    pal_error err = {0};
    cut(&p, data, size);
    const pal_status s = pal_model_open_parts(&m, p.files, p.bytes, p.count, 0, &err);
    if (s) {
        REQUIRE(!m && s < 0 && err.status == s && err.text && *err.text);
    } else {
        check_tensors(m, &p);
        evaluate(m);
        pal_model_close(m);
    }
    for (size_t i = 0; i < p.count; i++) free(p.files[i]);
    return 0;
}
