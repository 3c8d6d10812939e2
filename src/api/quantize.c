/* quantize.c - pal_model_quantize: writes a copy of the file with its matrices in another type. */
#include "../network/model.h"

#include <stdlib.h>
#include <string.h>

/* Values of general.file_type as in llama.cpp, by the type of most weights. */
static const struct {
    const char *name;
    uint32_t type, file_type;
} types[] = {
    {"F32", PAL_F32, 0},
    {"F16", PAL_F16, 1},
    {"Q4_0", PAL_Q4_0, 2},
    {"Q8_0", PAL_Q8_0, 7},
};

/* Vectors keep their type; rows whose length is not a multiple of the block size become F16. */
static uint32_t type_for(const pal_gguf_tensor *t, uint32_t wanted)
{
    if (t->dims < 2) return t->type;
    return t->extent[0] % pal_tensor_block(wanted) ? PAL_F16 : wanted;
}

static uint64_t elements(const pal_gguf_tensor *t)
{
    return t->extent[0] * t->extent[1] * t->extent[2] * t->extent[3];
}

static pal_status write_tensor(const pal_model *m, const pal_gguf_tensor *t, uint32_t type, pal_sink_fn *sink,
                               void *context, pal_error *err)
{
    if (type == t->type) return pal_gguf_write_tensor(m->gguf, t->data, t->size, sink, context, err);
    bool fits = elements(t) < SIZE_MAX / sizeof(float) - 1;
    size_t count = fits ? (size_t)elements(t) : 0, size = count / pal_tensor_block(type) * pal_tensor_block_bytes(type);
    float *values = fits ? malloc(count * sizeof *values + 1) : NULL;
    void *data = malloc(size + 1);
    pal_status s = PAL_OK;
    if (!values || !data)
        s = pal_fail(err, PAL_E_MEMORY, "not enough memory to convert a tensor", t->offset);
    else {
        pal_dequantize(values, t->data, t->type, count);
        s = pal_quantize_weights(data, values, type, count)
                ? pal_gguf_write_tensor(m->gguf, data, size, sink, context, err)
                : pal_fail(err, PAL_E_FORMAT, "a weight of a tensor is too large for the type, or is NaN", t->offset);
    }
    free(values);
    free(data);
    return s;
}

static void plan(const pal_model *m, uint32_t wanted, pal_gguf_tensor_plan *plans)
{
    for (size_t i = 0; i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(m->gguf, i);
        plans[i] = (pal_gguf_tensor_plan){.name = t->name, .type = type_for(t, wanted), .dims = t->dims};
        memcpy(plans[i].extent, t->extent, sizeof t->extent);
    }
}

pal_status pal_model_quantize(const pal_model *m, const char *type, pal_sink_fn *sink, void *context, pal_error *err)
{
    size_t count = pal_gguf_tensors(m->gguf), which = 0;
    if ((pal_model_has_texts(m) || m->picture || m->board) && !m->as_stored)
        return pal_fail(err, PAL_E_OPTION, "a model to be converted must be opened with PAL_OPEN_AS_STORED", SIZE_MAX);
    while (which < sizeof types / sizeof *types && strcmp(types[which].name, type)) which++;
    if (which == sizeof types / sizeof *types)
        return pal_fail(err, PAL_E_OPTION, "the type must be F32, F16, Q8_0 or Q4_0", SIZE_MAX);
    if (m->stored_error.status)
        return pal_fail(err, m->stored_error.status, m->stored_error.text, m->stored_error.offset);
    pal_gguf_tensor_plan *plans = malloc(pal_times(count + 1, sizeof *plans));
    if (!plans) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the list of tensors", SIZE_MAX);
    plan(m, types[which].type, plans);
    pal_status s = pal_gguf_write_header(m->gguf, types[which].file_type, plans, count, sink, context, err);
    for (size_t i = 0; !s && i < count; i++)
        s = write_tensor(m, pal_gguf_tensor_at(m->gguf, i), plans[i].type, sink, context, err);
    free(plans);
    return s;
}
