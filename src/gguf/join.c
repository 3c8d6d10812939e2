/* join.c - the parts of a split model as one file. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

static pal_status wrong(pal_error *err, const char *text)
{
    return pal_fail(err, PAL_E_FORMAT, text, SIZE_MAX);
}

/* Puts each part at its number: order[split.no]. */
static pal_status find_order(pal_gguf *const *parts, size_t count, pal_gguf **order, pal_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t parts_of_model, number;
        if (!pal_gguf_get_u64(parts[i], "split.count", &parts_of_model) ||
            !pal_gguf_get_u64(parts[i], "split.no", &number))
            return wrong(err, "a file is not a part of a split model: it has no keys split.no and split.count");
        if (parts_of_model > count)
            return wrong(err, "a part is missing: the model was split into more files (split.count)");
        if (parts_of_model != count || number >= count)
            return wrong(err,
                         "the files are not the parts of one model: they disagree about their number (split.count)");
        if (order[number]) return wrong(err, "the same part of a split model was given twice (split.no)");
        order[number] = parts[i];
    }
    return PAL_OK;
}

static bool has_tensor(const pal_gguf *g, pal_str name)
{
    size_t low = 0, high = g->tensor_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (pal_gguf_compare(g->tensor_names[middle].text, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->tensor_count && pal_gguf_compare(g->tensor_names[low].text, name) == 0;
}

/* Whether the parts have different tensors, and all of them together. */
static pal_status check_tensors(pal_gguf *const *parts, size_t count, size_t *total, pal_error *err)
{
    static const char key[] = "split.tensors.count";
    uint64_t expected, other;
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        *total = pal_plus(*total, parts[i]->tensor_count);
        for (size_t k = 0; k < i; k++)
            for (size_t t = 0; t < parts[i]->tensor_count; t++) {
                const pal_str name = parts[i]->tensors[t].name;
                if (has_tensor(parts[k], name))
                    return wrong(err, "the files are not the parts of one model: two of them have the same tensor");
            }
    }
    if (!pal_gguf_get_u64(parts[0], key, &expected)) expected = *total;
    for (size_t i = 1; i < count; i++)
        if (pal_gguf_get_u64(parts[i], key, &other) && other != expected)
            return wrong(err, "the files are not the parts of one model: they disagree about the number of tensors "
                              "(split.tensors.count)");
    if (expected != *total)
        return wrong(
            err, "the files are not the parts of one model, or one is damaged: together they have another number of "
                 "tensors than split.tensors.count says");
    return PAL_OK;
}

static pal_status take_tensors(pal_gguf *first, pal_gguf *const *parts, size_t count, size_t total, pal_error *err)
{
    pal_gguf_tensor *all = malloc(pal_times(total + 1, sizeof *all));
    pal_gguf_name *names = malloc(pal_times(total + 1, sizeof *names));
    if (!all || !names) {
        free(all);
        free(names);
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the model", SIZE_MAX);
    }
    for (size_t i = 0, at = 0; i < count; at += parts[i++]->tensor_count)
        if (parts[i]->tensor_count) memcpy(all + at, parts[i]->tensors, parts[i]->tensor_count * sizeof *all);
    free(first->tensors);
    free(first->tensor_names);
    first->tensors = all;
    first->tensor_names = names;
    first->tensor_count = total;
    pal_gguf_index_tensors(first); /* the table has its memory already */
    return PAL_OK;
}

pal_status pal_gguf_join(pal_gguf **out, pal_gguf *const *parts, size_t count, pal_error *err)
{
    pal_gguf **order = calloc(count, sizeof *order);
    size_t total = 0;
    if (!order) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the model", SIZE_MAX);
    pal_status s = find_order(parts, count, order, err);
    if (!s) s = check_tensors(order, count, &total, err);
    if (!s) s = take_tensors(order[0], order, count, total, err);
    if (!s) {
        *out = order[0];
        for (size_t i = 1; i < count; i++) pal_gguf_close(order[i]);
    }
    free(order);
    return s;
}
