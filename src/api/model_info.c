/* model_info.c - fills pal_info: the model's shape, what it can be used for, and why other uses fail.
 *
 * Shape and abilities are those of the bound network.  If the network cannot be used, they are read from the file's
 * keys. */
#include "../arch/board.h"
#include "../network/kinds.h"
#include "../core/say.h"

#include <string.h>

/* ---- reasons ---------------------------------------------------------------------------------------- */

static void check_pair(pal_model *m)
{
    const pal_error *why = !pal_model_has_texts(m) ? &m->net_error : !m->vocab ? &m->vocab_error : NULL;
    if (why) {
        m->pair_error = *why;
        return;
    }
    if (m->shape.vocab == pal_vocab_size(m->vocab)) return;
    pal_say(m->pair_text, sizeof m->pair_text,
            "the network and the tokenizer have vocabularies of different sizes: token_embd.weight has %d tokens, "
            "tokenizer.ggml.tokens %d",
            m->shape.vocab, (int)pal_vocab_size(m->vocab));
    pal_fail(&m->pair_error, PAL_E_UNSUPPORTED, m->pair_text, SIZE_MAX);
}

/* Records the first tensor that cannot be converted. */
static void check_stored(pal_model *m)
{
    const pal_error *trouble = pal_gguf_trouble(m->gguf);
    char name[64];
    if (trouble)
        m->stored_error = *trouble;
    else if (pal_gguf_tensors(m->gguf) && pal_gguf_alignment(m->gguf) < 8)
        pal_fail(&m->stored_error, PAL_E_UNSUPPORTED,
                 "files in which general.alignment is not a power of two from 8 to 65536 cannot be converted",
                 SIZE_MAX);
    for (size_t i = 0; !m->stored_error.status && i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(m->gguf, i);
        if (!t->trouble && (t->dims < 2 || pal_weights_known(t->type))) continue;
        pal_gguf_printable(t->name, name, sizeof name);
        if (t->trouble)
            pal_say(m->stored_text, sizeof m->stored_text, "the tensor %s (type %u) cannot be read: %s", name,
                    (unsigned)t->type, t->trouble);
        else
            pal_say(m->stored_text, sizeof m->stored_text, "the tensor %s is %s, a type that cannot be converted", name,
                    pal_tensor_type_name(t->type));
        pal_fail(&m->stored_error, PAL_E_UNSUPPORTED, m->stored_text, t->offset);
    }
}

/* Everything that does not work, in one text; does not repeat a reason. */
static const char *why_not(pal_model *m)
{
    const char *vocab = m->vocab_error.text, *net = m->net_error.text;
    if (m->picture || m->board) return NULL;
    if (m->pair_error.text && m->vocab && pal_model_has_texts(m)) return m->pair_error.text;
    if (!vocab || !net || strcmp(vocab, net) == 0) return vocab ? vocab : net;
    pal_say(m->why_not, sizeof m->why_not, "%s; %s", vocab, net);
    return m->why_not;
}

/* ---- shape ------------------------------------------------------------------------------------------ */

/* 0 if the key is absent, is not a number, or differs between layers. */
static int32_t shape_value(const pal_model *m, const char *name)
{
    char key[128];
    uint64_t value = 0;
    pal_say(key, sizeof key, "%s.%s", m->architecture, name);
    if (!pal_gguf_get_common_u64(m->gguf, key, &value)) return 0;
    return value <= INT32_MAX ? (int32_t)value : INT32_MAX;
}

static void describe_keys(pal_model *m)
{
    char key[128];
    m->info.context = shape_value(m, "context_length");
    m->info.width = shape_value(m, "embedding_length");
    m->info.layers = shape_value(m, "block_count");
    m->info.heads = shape_value(m, "attention.head_count");
    m->info.kv_heads = shape_value(m, "attention.head_count_kv");
    m->info.hidden = shape_value(m, "feed_forward_length");
    pal_say(key, sizeof key, "%s.attention.head_count_kv", m->architecture);
    if (!pal_gguf_find(m->gguf, key)) m->info.kv_heads = m->info.heads; /* GGUF's meaning of an absent key */
    m->info.causal = !m->kind || m->kind->causal;
}

static void describe_network(pal_model *m)
{
    m->info.context = m->shape.context;
    m->info.width = m->shape.width;
    m->info.layers = m->shape.layers;
    m->info.heads = m->shape.heads;
    m->info.kv_heads = m->shape.kv_heads;
    m->info.hidden = m->shape.hidden;
    m->info.causal = m->shape.causal;
}

enum { TYPES = 64 }; /* more than GGUF has */

/* Number of values in matrices of each type so far; `best` is the type with the most, TYPES before the first. */
typedef struct {
    uint64_t of_type[TYPES];
    uint32_t best;
} matrix_values;

static void count_matrix(matrix_values *v, uint32_t type, uint64_t size)
{
    if (type >= TYPES) return;
    v->of_type[type] += size;
    if (v->best == TYPES || v->of_type[type] > v->of_type[v->best]) v->best = type;
}

/* Counts the weights, and finds the type of most weights in matrices.  Matrices are those of the bound network, which
 * uses all tensors of the file; without a network they are the tensors with two dimensions or more. */
static void count_weights(pal_model *m)
{
    const pal_matrices *bound = m->matrices;
    matrix_values values = {.best = TYPES};
    for (size_t i = 0; i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(m->gguf, i);
        const uint64_t size = t->extent[0] * t->extent[1] * t->extent[2] * t->extent[3];
        if (bound && t->dims >= 2) continue;
        m->info.parameters += size;
        if (t->dims >= 2) count_matrix(&values, t->type, size);
    }
    for (size_t i = 0; bound && i < bound->count; i++) {
        const pal_matrix *w = bound->at[i].matrix;
        m->info.parameters += (uint64_t)w->rows * (uint64_t)w->cols;
        count_matrix(&values, w->type, (uint64_t)w->rows * (uint64_t)w->cols);
    }
    m->info.weights = values.best == TYPES ? "" : pal_tensor_type_name(values.best);
}

/* ---- abilities -------------------------------------------------------------------------------------- */

static void describe_abilities(pal_model *m)
{
    const pal_special *special = m->vocab ? pal_vocab_special(m->vocab) : NULL;
    const bool ready = !m->pair_error.status;
    m->info.can_tokenize = m->vocab != NULL;
    m->info.can_score =
        ready && special && (m->shape.causal ? special->bos >= 0 : special->mask >= 0 || m->classes.noise);
    m->info.can_infill =
        m->board ||
        (ready && (m->rows.used || (special && !m->shape.causal && (special->mask >= 0 || m->classes.noise))));
    m->info.free_length = m->info.can_infill && m->classes.empty >= 0;
    m->info.can_generate = ready && m->shape.causal;
    m->info.can_image = m->picture != NULL;
    m->info.board = m->board ? m->board->size : 0;
    m->info.loops = m->board ? m->board->loops : 0;
    m->info.why_not = why_not(m);
}

void pal_model_describe(pal_model *m, size_t bytes)
{
    check_pair(m);
    check_stored(m);
    m->info.architecture = m->architecture;
    m->info.name = m->name;
    m->info.license = m->license;
    m->info.tokenizer = m->tokenizer;
    m->info.isa = pal_isa_name(m->kernels.isa);
    m->info.threads = pal_model_threads(m);
    m->info.file_bytes = bytes;
    m->info.values = pal_gguf_values(m->gguf);
    m->info.tensors = pal_gguf_tensors(m->gguf);
    m->info.vocabulary = m->vocab ? pal_vocab_size(m->vocab) : 0;
    if (pal_model_has_texts(m))
        describe_network(m);
    else
        describe_keys(m);
    count_weights(m);
    describe_abilities(m);
}
