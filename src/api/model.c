/* model.c - opens and closes models, and checks what they can be used for. */
#include "../core/cores.h"
#include "../network/kinds.h"

#include <stdlib.h>
#include <string.h>

static void copy_text(const pal_gguf *g, const char *key, char *out, size_t capacity)
{
    pal_str s;
    size_t size = 0;
    if (pal_gguf_get_str(g, key, &s)) size = s.size < capacity - 1 ? s.size : capacity - 1;
    if (size) memcpy(out, s.data, size);
    out[size] = '\0';
}

static void choose_kernels(pal_model *m, unsigned allowed)
{
    pal_kernels_init(&m->kernels, allowed);
    if (m->kind) m->kind->class->kernels(m, &m->kernels);
}

static pal_status open_network(pal_model *m, pal_error *err)
{
    static const char none[] = "this build does not include networks of the file's architecture";
    m->kind = pal_network_kind_of(m->architecture);
    if (m->kind) return m->kind->class->open(m, err);
    pal_fail(&m->vocab_error, PAL_E_UNSUPPORTED, none, SIZE_MAX);
    pal_fail(&m->net_error, PAL_E_UNSUPPORTED, none, SIZE_MAX);
    return PAL_OK;
}

pal_status pal_model_open_gguf(pal_model **out, pal_gguf *g, bool joined, size_t bytes, unsigned flags, pal_error *err)
{
    pal_model *m = calloc(1, sizeof *m);
    if (!m) {
        pal_gguf_close(g);
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the model", SIZE_MAX);
    }
    m->gguf = g;
    m->joined = joined;
    copy_text(m->gguf, "general.architecture", m->architecture, sizeof m->architecture);
    copy_text(m->gguf, "general.name", m->name, sizeof m->name);
    copy_text(m->gguf, "general.license", m->license, sizeof m->license);
    copy_text(m->gguf, "tokenizer.ggml.model", m->tokenizer, sizeof m->tokenizer);
    pal_status s = open_network(m, err);
    m->as_stored = flags & PAL_OPEN_AS_STORED;
    if (!s && m->matrices && !m->as_stored) s = pal_matrices_pack(m->matrices, err);
    if (s) {
        pal_model_close(m);
        return s;
    }
    choose_kernels(m, (unsigned)PAL_ISA_ALL);
    pal_model_describe(m, bytes);
    *out = m;
    return PAL_OK;
}

pal_status pal_model_open(pal_model **out, void *file, size_t bytes, unsigned flags, pal_error *err)
{
    pal_gguf *g;
    pal_status s = pal_gguf_open(&g, file, bytes, err);
    return s ? s : pal_model_open_gguf(out, g, false, bytes, flags, err);
}

void pal_model_close(pal_model *m)
{
    if (!m) return;
    if (m->kind) m->kind->class->close(m);
    if (m->gguf) pal_gguf_close(m->gguf);
    if (m->file.size) pal_file_unmap(&m->file);
    for (size_t i = 0; i < m->part_count; i++) pal_file_unmap(&m->parts[i]);
    free(m->parts);
    if (PAL_HAVE_THREADS && m->owns_team) pal_team_end(m->team);
    free(m);
}

int32_t pal_default_threads(void)
{
    const int cores = pal_cores();
    return cores < PAL_MAX_THREADS ? cores : PAL_MAX_THREADS;
}

pal_status pal_model_use_threads(pal_model *m, int32_t threads, pal_error *err)
{
    pal_team *team;
    if (threads < 0 || threads > PAL_MAX_THREADS)
        return pal_fail(err, PAL_E_OPTION, "threads must be 0 (as many as the machine has physical cores) to 64",
                        SIZE_MAX);
    pal_status s = pal_team_start(&team, threads ? threads : pal_default_threads(), err);
    if (s) return s;
    if (m->owns_team) pal_team_end(m->team);
    m->team = team;
    m->owns_team = true;
    m->info.threads = pal_team_threads(team);
    return PAL_OK;
}

pal_status pal_model_use_isa(pal_model *m, const char *isa, pal_error *err)
{
    static const unsigned masks[] = {PAL_ISA_REF, PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                     PAL_ISA_AVX2 | PAL_ISA_VNNI};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (strcmp(isa, pal_isa_name(masks[i])) == 0 && (pal_cpu_isa() & masks[i]) == masks[i]) {
            choose_kernels(m, masks[i]);
            m->info.isa = pal_isa_name(m->kernels.isa);
            return PAL_OK;
        }
    return pal_fail(err, PAL_E_OPTION, "this machine or build does not support that instruction set", SIZE_MAX);
}

const pal_info *pal_model_info(const pal_model *m)
{
    return &m->info;
}

pal_status pal_model_can_evaluate(const pal_model *m, pal_error *err)
{
    if (!pal_model_has_texts(m)) return pal_fail(err, m->net_error.status, m->net_error.text, m->net_error.offset);
    return m->as_stored ? pal_fail_as_stored(err) : PAL_OK;
}

pal_status pal_model_ready(const pal_model *m, pal_error *err)
{
    const pal_error *why = &m->pair_error;
    return why->status ? pal_fail(err, why->status, why->text, why->offset) : pal_model_can_evaluate(m, err);
}

const char *pal_version(void)
{
    return PAL_VERSION;
}
