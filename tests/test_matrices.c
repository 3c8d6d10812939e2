/* test_matrices.c - the list of a network's matrices: each matrix of the file is listed once, under its name, and
 * packed once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/unet.h"
#include "kernels/panels.h"
#include "model_testing.h"
#include "network/kinds.h"

static const char *const texts[] = {
    "tests/golden/arch/llama-tied.gguf",   "tests/golden/arch/llama-bias.gguf", "tests/golden/arch/llama-factors.gguf",
    "tests/golden/arch/llama-linear.gguf", "tests/golden/arch/qwen2.gguf",      "tests/golden/arch/qwen3.gguf",
    "tests/golden/arch/gpt2.gguf",         "tests/models/grouped.gguf",         "tests/models/stories260K.gguf",
    "tests/models/tiny-ar.gguf",           "tests/models/tiny-infill.gguf",     "tests/models/tiny-odd.gguf",
};
static const char *const pictures[] = {"tests/models/unet-labels.gguf", "tests/models/unet-plain.gguf"};
enum { TEXTS = sizeof texts / sizeof *texts, PICTURES = sizeof pictures / sizeof *pictures };

/* A file with its bound network; the network of the other kind is empty. */
typedef struct {
    const char *path;
    buffer file; /* as it was before packing */
    void *block;
    pal_gguf *gguf;
    pal_transformer text;
    pal_unet picture;
    const pal_matrices *list;
} bound;

static pal_status bind_text(bound *n, pal_error *err)
{
    pal_str name;
    char architecture[32] = "";
    assert_true(pal_gguf_get_str(n->gguf, "general.architecture", &name) && name.size < sizeof architecture);
    memcpy(architecture, name.data, name.size);
    const pal_network_kind *kind = pal_network_kind_of(architecture);
    return pal_transformer_bind(&n->text, n->gguf, kind->architecture, kind->causal, kind->of, err);
}

/* In place: a network does not move. */
static void bind(bound *n, const char *path, bool text)
{
    pal_error err;
    memset(n, 0, sizeof *n);
    n->path = path;
    n->file = read_whole(path);
    n->list = text ? &n->text.matrices : &n->picture.matrices;
    const void *image = aligned_copy(&n->block, n->file.data, n->file.size);
    if (pal_gguf_open(&n->gguf, image, n->file.size, &err) ||
        (text ? bind_text(n, &err) : pal_unet_bind(&n->picture, n->gguf, &err)))
        fail_msg("%s: %s", path, err.text);
}

static void drop_bound(bound *n)
{
    pal_transformer_release(&n->text);
    pal_unet_release(&n->picture);
    pal_gguf_close(n->gguf);
    free(n->block);
    free(n->file.data);
}

static void with_every_network(void (*check)(bound *n))
{
    for (int i = 0; i < TEXTS + PICTURES; i++) {
        bound n;
        bind(&n, i < TEXTS ? texts[i] : pictures[i - TEXTS], i < TEXTS);
        check(&n);
        drop_bound(&n);
    }
}

static bool same_name(pal_str a, pal_str b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* ---- what is listed ----------------------------------------------------- */

/* The matrices of one tensor share out its rows. */
static size_t check_tensor(const bound *n, const pal_gguf_tensor *t)
{
    size_t found = 0;
    uint64_t next = 0;
    for (size_t i = 0; i < n->list->count; i++) {
        const pal_named_matrix *e = &n->list->at[i];
        if (!same_name(e->name, t->name)) continue;
        const size_t offset = (size_t)e->first * pal_row_bytes(t->type, e->matrix->cols);
        if ((uint64_t)e->first != next || e->matrix->type != t->type || e->matrix->cols != (int)t->extent[0] ||
            e->matrix->data != t->data + offset)
            fail_msg("%s: %.*s is not what its tensor is", n->path, (int)t->name.size, t->name.data);
        next += (uint64_t)e->matrix->rows;
        found++;
    }
    if (next != t->extent[1])
        fail_msg("%s: %u of %u rows of %.*s are listed", n->path, (unsigned)next, (unsigned)t->extent[1],
                 (int)t->name.size, t->name.data);
    return found;
}

static void check_listed(bound *n)
{
    size_t listed = 0;
    for (size_t i = 0; i < pal_gguf_tensors(n->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(n->gguf, i);
        if (t->dims == 2) listed += check_tensor(n, t);
    }
    assert_true(listed > 2);
    assert_int_equal(listed, n->list->count); /* and nothing else has changed */
}

static void every_matrix_of_a_file_is_listed_once_by_its_name(void **state)
{
    (void)state;
    with_every_network(check_listed);
}

static bool within(const void *p, const void *start, size_t bytes)
{
    return (uintptr_t)p >= (uintptr_t)start && (uintptr_t)p < (uintptr_t)start + bytes;
}

/* All belong to this network, and all are different: packing writes to the matrix, not to a copy, whether it is
 * narrow. */
static void check_owner(bound *n)
{
    const pal_unet *u = &n->picture;
    for (size_t i = 0; i < n->list->count; i++) {
        const pal_matrix *m = n->list->at[i].matrix;
        assert_true(within(m, &n->text, sizeof n->text) || within(m, u, sizeof *u) ||
                    within(m, n->text.layer, (size_t)n->text.layers * sizeof *n->text.layer) ||
                    within(m, u->block, (size_t)(u->levels * (u->blocks + u->up_blocks)) * sizeof *u->block));
        for (size_t j = 0; j < i; j++) assert_true(m != n->list->at[j].matrix);
        if (i) assert_true((uintptr_t)m->data > (uintptr_t)n->list->at[i - 1].matrix->data); /* in the file's order */
    }
}

static void listed_matrices_are_those_of_the_network(void **state)
{
    (void)state;
    with_every_network(check_owner);
}

/* ---- found by name ------------------------------------------------------ */

static const pal_matrix *find(const bound *n, const char *name)
{
    const pal_named_matrix *e = pal_matrices_find(n->list, name);
    if (!e) fail_msg("%s: no %s", n->path, name);
    return e->matrix;
}

static void check_layer(const bound *n, int index)
{
    const pal_layer *l = &n->text.layer[index];
    const bool stacked = strstr(n->path, "gpt2") != NULL;
    const struct {
        const char *name;
        const pal_matrix *of;
    } names[] = {{stacked ? "attn_qkv" : "attn_q", &l->q},
                 {"attn_output", &l->attn_output},
                 {"ffn_up", &l->up},
                 {"ffn_down", &l->down},
                 {stacked ? NULL : "attn_k", &l->k},
                 {stacked ? NULL : "attn_v", &l->v},
                 {stacked ? NULL : "ffn_gate", &l->gate}};
    char name[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!names[i].name) continue;
        snprintf(name, sizeof name, "blk.%d.%s.weight", index, names[i].name);
        assert_ptr_equal(find(n, name), names[i].of);
    }
    if (!stacked) return;
    snprintf(name, sizeof name, "blk.%d.attn_qkv.weight", index);
    const pal_named_matrix *e = pal_matrices_find(n->list, name); /* its other rows follow */
    assert_true(e[1].matrix == &l->k && e[1].first == l->q.rows && e[2].matrix == &l->v && e[2].first == 2 * l->q.rows);
}

static void matrices_of_texts_are_found_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < TEXTS; i++) {
        bound n;
        bind(&n, texts[i], true);
        for (int l = 0; l < n.text.layers; l++) check_layer(&n, l);
        assert_ptr_equal(find(&n, "token_embd.weight"), &n.text.token_embd);
        assert_null(pal_matrices_find(n.list, "blk.0.attn_q"));
        assert_null(pal_matrices_find(n.list, "blk.0.attn_norm.weight"));
        assert_null(pal_matrices_find(n.list, "blk.0.attn_q.weightx"));
        assert_null(pal_matrices_find(n.list, ""));
        drop_bound(&n);
    }
}

static void matrices_of_pictures_are_found_by_name(void **state)
{
    (void)state;
    bound n;
    bind(&n, pictures[0], false);
    const pal_unet *u = &n.picture;
    assert_ptr_equal(find(&n, "conv_in.weight"), &u->conv_in.w);
    assert_ptr_equal(find(&n, "time.0.weight"), &u->time[0]);
    assert_ptr_equal(find(&n, "time.1.weight"), &u->time[1]);
    assert_ptr_equal(find(&n, "label_embd.weight"), &u->label_embd);
    assert_ptr_equal(find(&n, "down.0.0.conv1.weight"), &u->level[0].down[0].residual.conv1.w);
    assert_ptr_equal(find(&n, "down.0.0.emb.weight"), &u->level[0].down[0].residual.emb);
    assert_ptr_equal(find(&n, "up.0.0.conv2.weight"), &u->level[0].up[0].residual.conv2.w);
    assert_ptr_equal(find(&n, "up.0.0.skip.weight"), &u->level[0].up[0].residual.skip.w);
    assert_ptr_equal(find(&n, "down.0.sample.weight"), &u->level[0].shrink.w);
    assert_ptr_equal(find(&n, "up.1.sample.weight"), &u->level[1].grow.w);
    assert_ptr_equal(find(&n, "mid.attn.q.weight"), &u->mid_attention.q);
    assert_ptr_equal(find(&n, "mid.attn.out.weight"), &u->mid_attention.out);
    assert_ptr_equal(find(&n, "mid.1.conv1.weight"), &u->mid[1].conv1.w);
    assert_ptr_equal(find(&n, "conv_out.weight"), &u->head[PAL_HEAD_NONE].conv.w);
    assert_ptr_equal(find(&n, "sn.block.conv1.weight"), &u->head[PAL_HEAD_SECOND_MOMENT].block.conv1.w);
    assert_null(pal_matrices_find(n.list, "norm_out.weight"));
    drop_bound(&n);
}

/* ---- tied outputs, biases ----------------------------------------------- */

static void tied_output_is_the_embedding_and_listed_once(void **state)
{
    (void)state;
    int tied = 0, apart = 0;
    for (int i = 0; i < TEXTS; i++) {
        bound n;
        bind(&n, texts[i], true);
        const bool own = pal_gguf_find_tensor(n.gguf, "output.weight") != NULL;
        if (own)
            assert_ptr_equal(find(&n, "output.weight"), &n.text.output);
        else
            assert_true(!n.text.output.data && !pal_matrices_find(n.list, "output.weight"));
        tied += !own;
        apart += own;
        drop_bound(&n);
    }
    assert_true(tied && apart);
}

/* Biases in the file, here F32, belong to the matrix; other matrices have none. */
static void check_biases(const bound *n, int *with, int *without)
{
    for (size_t i = 0; i < n->list->count; i++) {
        const pal_named_matrix *e = &n->list->at[i];
        char name[96];
        snprintf(name, sizeof name, "%.*s.bias", (int)(e->name.size - strlen(".weight")), e->name.data);
        const pal_gguf_tensor *t = pal_gguf_find_tensor(n->gguf, name);
        if (t)
            assert_ptr_equal(e->matrix->bias, t->data + (size_t)e->first * sizeof(float));
        else
            assert_null(e->matrix->bias);
        ++*(t ? with : without);
    }
}

static void biases_belong_to_their_matrices(void **state)
{
    (void)state;
    int with = 0, without = 0;
    for (int i = 0; i < TEXTS + PICTURES; i++) {
        bound n;
        bind(&n, i < TEXTS ? texts[i] : pictures[i - TEXTS], i < TEXTS);
        check_biases(&n, &with, &without);
        drop_bound(&n);
    }
    assert_true(with > 100 && without > 100);
}

/* ---- packing ------------------------------------------------------------ */

/* Rows read from the panels equal those in the file: each matrix is packed exactly once. */
static void check_packed(bound *n)
{
    pal_error err;
    assert_int_equal(pal_matrices_pack(n->list, &err), PAL_OK);
    for (size_t i = 0; i < pal_gguf_tensors(n->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(n->gguf, i);
        if (t->dims != 2) continue;
        const size_t bytes = pal_row_bytes(t->type, (int)t->extent[0]);
        unsigned char *row = malloc(bytes);
        assert_non_null(row);
        for (size_t e = 0; e < n->list->count; e++) {
            const pal_matrix *m = n->list->at[e].matrix;
            if (!same_name(n->list->at[e].name, t->name)) continue;
            const unsigned char *stored = n->file.data + t->offset + (size_t)n->list->at[e].first * bytes;
            for (int r = 0; r < m->rows; r++) {
                pal_panels_row(row, m->data, m->type, m->rows, m->cols, r);
                assert_memory_equal(row, stored + (size_t)r * bytes, bytes);
            }
            assert_true(m->narrow == pal_panels_narrow(m->data, m->type, m->rows, m->cols));
        }
        free(row);
    }
}

static void every_matrix_is_packed_once(void **state)
{
    (void)state;
    with_every_network(check_packed);
}

/* ---- what is said of them ----------------------------------------------- */

static void info_counts_what_is_listed(void **state)
{
    (void)state;
    for (int i = 0; i < TEXTS + PICTURES; i++) {
        char path[1024];
        pal_model *model;
        uint64_t parameters = 0;
        bound n;
        bind(&n, i < TEXTS ? texts[i] : pictures[i - TEXTS], i < TEXTS);
        for (size_t t = 0; t < pal_gguf_tensors(n.gguf); t++) {
            const uint64_t *extent = pal_gguf_tensor_at(n.gguf, t)->extent;
            parameters += extent[0] * extent[1];
        }
        snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, n.path);
        assert_int_equal(pal_model_open_file(&model, path, 0, NULL), PAL_OK);
        assert_true(pal_model_info(model)->parameters == parameters);
        assert_true(*pal_model_info(model)->weights != '\0');
        pal_model_close(model);
        drop_bound(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_matrix_of_a_file_is_listed_once_by_its_name),
        cmocka_unit_test(listed_matrices_are_those_of_the_network),
        cmocka_unit_test(matrices_of_texts_are_found_by_name),
        cmocka_unit_test(matrices_of_pictures_are_found_by_name),
        cmocka_unit_test(tied_output_is_the_embedding_and_listed_once),
        cmocka_unit_test(biases_belong_to_their_matrices),
        cmocka_unit_test(every_matrix_is_packed_once),
        cmocka_unit_test(info_counts_what_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
