/* lookup.c - finds keys and tensors of an open file, and converts values to C types. */
#include "parts.h"

#include <string.h>

uint32_t pal_load_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t pal_load_u64(const unsigned char *p)
{
    return pal_load_u32(p) | (uint64_t)pal_load_u32(p + 4) << 32;
}

static float load_f32(const unsigned char *p)
{
    uint32_t bits = pal_load_u32(p);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

size_t pal_gguf_type_size(uint32_t type)
{
    static const unsigned char sizes[] = {
        [PAL_GGUF_U8] = 1,  [PAL_GGUF_I8] = 1,  [PAL_GGUF_U16] = 2, [PAL_GGUF_I16] = 2,
        [PAL_GGUF_U32] = 4, [PAL_GGUF_I32] = 4, [PAL_GGUF_F32] = 4, [PAL_GGUF_BOOL] = 1,
        [PAL_GGUF_U64] = 8, [PAL_GGUF_I64] = 8, [PAL_GGUF_F64] = 8,
    };
    return type < sizeof sizes ? sizes[type] : 0;
}

int pal_gguf_compare(pal_str a, pal_str b)
{
    if (a.size != b.size) return a.size < b.size ? -1 : 1;
    return a.size ? memcmp(a.data, b.data, a.size) : 0;
}

/* Index of the first value or tensor of that name, or count if there is none. */
static size_t find(const pal_gguf_name *names, size_t count, const char *literal)
{
    pal_str wanted = {literal, strlen(literal)};
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pal_gguf_compare(names[middle].text, wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && pal_gguf_compare(names[low].text, wanted) == 0 ? names[low].index : count;
}

size_t pal_gguf_values(const pal_gguf *g)
{
    return g->value_count;
}

const pal_gguf_value *pal_gguf_value_at(const pal_gguf *g, size_t index)
{
    PAL_ASSERT(index < g->value_count);
    return &g->values[index];
}

const pal_gguf_value *pal_gguf_find(const pal_gguf *g, const char *key)
{
    size_t index = find(g->value_names, g->value_count, key);
    return index < g->value_count ? &g->values[index] : NULL;
}

size_t pal_gguf_tensors(const pal_gguf *g)
{
    return g->tensor_count;
}

const pal_gguf_tensor *pal_gguf_tensor_at(const pal_gguf *g, size_t index)
{
    PAL_ASSERT(index < g->tensor_count);
    return &g->tensors[index];
}

const pal_gguf_tensor *pal_gguf_find_tensor(const pal_gguf *g, const char *name)
{
    size_t index = find(g->tensor_names, g->tensor_count, name);
    return index < g->tensor_count ? &g->tensors[index] : NULL;
}

size_t pal_gguf_alignment(const pal_gguf *g)
{
    return g->alignment;
}

size_t pal_gguf_value_offset(const pal_gguf *g, const pal_gguf_value *v)
{
    return (size_t)(v->data - g->image);
}

const pal_error *pal_gguf_trouble(const pal_gguf *g)
{
    return g->trouble.status ? &g->trouble : NULL;
}

const pal_gguf_value *pal_gguf_contradiction(const pal_gguf *g, const char *beginning)
{
    const size_t size = strlen(beginning);
    for (size_t i = 0; i < g->value_count; i++) {
        const pal_gguf_value *v = &g->values[i];
        if (v->contradicted && v->key.size >= size && memcmp(v->key.data, beginning, size) == 0) return v;
    }
    return NULL;
}

const pal_gguf_value *pal_gguf_value_behind(const pal_gguf *g, size_t offset)
{
    for (size_t i = 0; i < g->value_count; i++)
        if (pal_gguf_value_offset(g, &g->values[i]) == offset) return &g->values[i];
    return NULL;
}

static const pal_gguf_value *find_scalar(const pal_gguf *g, const char *key)
{
    const pal_gguf_value *v = pal_gguf_find(g, key);
    return v && !v->is_array ? v : NULL;
}

bool pal_load_integer(pal_gguf_type type, const unsigned char *p, uint64_t *magnitude, bool *negative)
{
    uint64_t bits = 0;
    size_t size = pal_gguf_type_size(type);
    bool is_signed = false;
    switch (type) {
    case PAL_GGUF_I8:
    case PAL_GGUF_I16:
    case PAL_GGUF_I32:
    case PAL_GGUF_I64: is_signed = true; break;
    case PAL_GGUF_U8:
    case PAL_GGUF_U16:
    case PAL_GGUF_U32:
    case PAL_GGUF_U64: break;
    default: return false;
    }
    for (size_t i = 0; i < size; i++) bits |= (uint64_t)p[i] << 8 * i;
    *negative = is_signed && p[size - 1] & 0x80;
    if (*negative) bits = 0 - (bits | (size < 8 ? UINT64_MAX << 8 * size : 0));
    *magnitude = bits;
    return true;
}

bool pal_load_float(pal_gguf_type type, const unsigned char *p, double *out)
{
    if (type == PAL_GGUF_F32) {
        *out = (double)load_f32(p);
        return true;
    }
    if (type != PAL_GGUF_F64) return false;
    uint64_t bits = pal_load_u64(p);
    memcpy(out, &bits, sizeof *out);
    return true;
}

bool pal_gguf_get_u64(const pal_gguf *g, const char *key, uint64_t *out)
{
    const pal_gguf_value *v = find_scalar(g, key);
    uint64_t magnitude;
    bool negative;
    if (!v || !pal_load_integer(v->type, v->data, &magnitude, &negative) || negative) return false;
    *out = magnitude;
    return true;
}

bool pal_gguf_get_u32(const pal_gguf *g, const char *key, uint32_t *out)
{
    uint64_t value;
    if (!pal_gguf_get_u64(g, key, &value) || value > UINT32_MAX) return false;
    *out = (uint32_t)value;
    return true;
}

bool pal_gguf_get_common_u64(const pal_gguf *g, const char *key, uint64_t *out)
{
    const pal_gguf_value *v = pal_gguf_find(g, key);
    uint64_t first = 0, next;
    bool negative;
    if (!v || !v->is_array) return pal_gguf_get_u64(g, key, out);
    for (uint64_t i = 0; i < v->count; i++) {
        const unsigned char *p = v->data + (size_t)i * pal_gguf_type_size(v->type);
        if (!pal_load_integer(v->type, p, &next, &negative) || negative || (i && next != first)) return false;
        first = next;
    }
    if (v->count) *out = first;
    return v->count > 0;
}

bool pal_gguf_get_f64(const pal_gguf *g, const char *key, double *out)
{
    const pal_gguf_value *v = find_scalar(g, key);
    uint64_t magnitude;
    bool negative;
    if (!v) return false;
    if (pal_load_float(v->type, v->data, out)) return true;
    if (!pal_load_integer(v->type, v->data, &magnitude, &negative) || magnitude > (uint64_t)1 << 53) return false;
    *out = negative ? -(double)magnitude : (double)magnitude;
    return true;
}

bool pal_gguf_get_f32(const pal_gguf *g, const char *key, float *out)
{
    const pal_gguf_value *v = find_scalar(g, key);
    double value;
    if (!v || !pal_gguf_get_f64(g, key, &value)) return false;
    if (v->type == PAL_GGUF_F32) {
        *out = load_f32(v->data);
        return true;
    }
    /* The range is checked first: converting a double out of the range of float is undefined. */
    if (!(value >= -0x1.fffffep127 && value <= 0x1.fffffep127) || (double)(float)value != value) return false;
    /* Every integer up to 2^24 is a float; above it only some are, and no model needs them. */
    if (v->type != PAL_GGUF_F64 && !(value >= -0x1p24 && value <= 0x1p24)) return false;
    *out = (float)value;
    return true;
}

bool pal_gguf_get_bool(const pal_gguf *g, const char *key, bool *out)
{
    const pal_gguf_value *v = find_scalar(g, key);
    if (!v || v->type != PAL_GGUF_BOOL || v->data[0] > 1) return false;
    *out = v->data[0] != 0;
    return true;
}

bool pal_gguf_get_str(const pal_gguf *g, const char *key, pal_str *out)
{
    const pal_gguf_value *v = find_scalar(g, key);
    if (!v || v->type != PAL_GGUF_STRING) return false;
    size_t cursor = 0;
    *out = pal_gguf_next_str(v, &cursor);
    return true;
}

pal_str pal_gguf_next_str(const pal_gguf_value *array, size_t *cursor)
{
    PAL_ASSERT(array->type == PAL_GGUF_STRING && *cursor < array->size);
    const unsigned char *p = array->data + *cursor;
    size_t size = (size_t)pal_load_u64(p);
    *cursor += 8 + size;
    return (pal_str){(const char *)p + 8, size};
}

float pal_gguf_f32_at(const pal_gguf_value *array, uint64_t index)
{
    PAL_ASSERT(array->type == PAL_GGUF_F32 && index < array->count);
    return load_f32(array->data + 4 * (size_t)index);
}

int32_t pal_gguf_i32_at(const pal_gguf_value *array, uint64_t index)
{
    PAL_ASSERT((array->type == PAL_GGUF_I32 || array->type == PAL_GGUF_U32) && index < array->count);
    return (int32_t)pal_load_u32(array->data + 4 * (size_t)index);
}

bool pal_gguf_number_at(const pal_gguf_value *array, uint64_t index, double *out)
{
    PAL_ASSERT(index < array->count);
    const unsigned char *p = array->data + pal_gguf_type_size(array->type) * (size_t)index;
    uint64_t magnitude;
    bool negative;
    if (pal_load_float(array->type, p, out)) return true;
    if (!pal_load_integer(array->type, p, &magnitude, &negative)) return false;
    *out = negative ? -(double)magnitude : (double)magnitude;
    return true;
}
