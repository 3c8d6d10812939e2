/* test_arch_files.c - networks with every type of weights, and invalid files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch_testing.h"
#include "token_builder.h"
#include "arch/architecture.h"

#include "core/math.h"

#include <math.h>

/* ---- types of weights --------------------------------------------------- */

enum { DIM = 256, HEADS = 4, KV_HEADS = 2, HEAD = DIM / HEADS, LAYERS = 2, VOCAB = 100, LENGTH = 12 };

static bool append_image(void *context, const void *data, size_t size)
{
    image_put(context, data, size);
    return true;
}

/* Hyperparameters alone: a file without tensors. */
static image hyperparameters(void)
{
    image m;
    image_begin(&m);
    image_key_str(&m, "general.architecture", "llama");
    image_key_u32(&m, "llama.embedding_length", DIM);
    image_key_u32(&m, "llama.block_count", LAYERS);
    image_key_u32(&m, "llama.attention.head_count", HEADS);
    image_key_u32(&m, "llama.attention.head_count_kv", KV_HEADS);
    image_key_u32(&m, "llama.feed_forward_length", DIM);
    image_key_u32(&m, "llama.context_length", LENGTH);
    image_end(&m);
    return m;
}

/* The tensors of that network, matrices in `type`; returns how many. */
static size_t plan_network(pal_gguf_tensor_plan plans[32], char names[32][32], uint32_t type)
{
    static const struct {
        const char *name;
        int rows, cols; /* rows 0: a vector */
    } layer[] = {{"attn_q", DIM, DIM},
                 {"attn_k", KV_HEADS * HEAD, DIM},
                 {"attn_v", KV_HEADS * HEAD, DIM},
                 {"attn_output", DIM, DIM},
                 {"ffn_gate", DIM, DIM},
                 {"ffn_up", DIM, DIM},
                 {"ffn_down", DIM, DIM},
                 {"attn_norm", 0, DIM},
                 {"ffn_norm", 0, DIM}};
    enum { EACH = sizeof layer / sizeof *layer };
    size_t count = 0;
    for (int i = 0; i < LAYERS * EACH + 2; i++, count++) {
        const bool last = i >= LAYERS * EACH, vector = last ? i % 2 : !layer[i % EACH].rows;
        if (last)
            snprintf(names[i], 32, "%s.weight", vector ? "output_norm" : "token_embd");
        else
            snprintf(names[i], 32, "blk.%d.%s.weight", i / EACH, layer[i % EACH].name);
        plans[i] = (pal_gguf_tensor_plan){.name = {names[i], strlen(names[i])},
                                          .type = vector ? PAL_F32 : type,
                                          .dims = vector ? 1 : 2,
                                          .extent = {DIM, 1, 1, 1}};
        if (!vector) plans[i].extent[1] = (uint64_t)(last ? VOCAB : layer[i % EACH].rows);
    }
    return count;
}

static uint32_t drawn;

static double uniform(void)
{
    return pal_uniform(31, PAL_DRAW_TOKEN, 0, 1, drawn++);
}

/* Writes a half of about `size` at block + at, with a random sign if `either`. */
static void put_scale(unsigned char *block, size_t at, double size, bool either)
{
    uint16_t half = pal_f32_to_f16((float)((0.5 + uniform()) * (either && uniform() < 0.5 ? -size : size)));
    memcpy(block + at, &half, sizeof half);
}

/* One block of any bits, its scales such that a row has the deviation of a usual matrix, about 1 / 16. */
static void random_block(unsigned char *block, uint32_t type)
{
    for (uint32_t i = 0; i < pal_tensor_block_bytes(type); i++) block[i] = (unsigned char)(uniform() * 256);
    switch (type) {
    case PAL_F16: put_scale(block, 0, 0.06, true); break;
    case PAL_BF16: {
        float value = (float)((uniform() - 0.5) * 0.2);
        memcpy(block, (char *)&value + 2, 2);
        break;
    }
    case PAL_Q8_0: put_scale(block, 0, 0.0008, true); break;
    case PAL_Q4_0: put_scale(block, 0, 0.013, true); break;
    case PAL_Q5_0: put_scale(block, 0, 0.007, true); break;
    case PAL_Q4_1: put_scale(block, 0, 0.013, false), put_scale(block, 2, -0.1, false); break;
    case PAL_Q5_1: put_scale(block, 0, 0.007, false), put_scale(block, 2, -0.1, false); break;
    case PAL_Q4_K: put_scale(block, 0, 0.0004, false), put_scale(block, 2, 0.003, false); break;
    case PAL_Q5_K: put_scale(block, 0, 0.0002, false), put_scale(block, 2, 0.003, false); break;
    default: put_scale(block, 208, 0.00005, true); break;
    }
}

/* A random network with matrices in `type`, and the same network with their values in F32. */
static void random_network(uint32_t type, image *typed, image *plain)
{
    pal_gguf *g;
    image keys = hyperparameters();
    pal_gguf_tensor_plan plans[32], plain_plans[32];
    char names[32][32];
    const size_t count = plan_network(plans, names, type);
    static float values[DIM * DIM];
    static unsigned char bytes[DIM * DIM * 4];
    *typed = *plain = (image){0};
    plan_network(plain_plans, names, PAL_F32);
    assert_int_equal(pal_gguf_open(&g, keys.data, keys.size, NULL), PAL_OK);
    assert_int_equal(pal_gguf_write_header(g, UINT32_MAX, plans, count, append_image, typed, NULL), PAL_OK);
    assert_int_equal(pal_gguf_write_header(g, UINT32_MAX, plain_plans, count, append_image, plain, NULL), PAL_OK);
    for (size_t i = 0; i < count; i++) {
        const size_t elements = (size_t)(plans[i].extent[0] * plans[i].extent[1]);
        const size_t block = pal_tensor_block_bytes(plans[i].type), blocks = elements / pal_tensor_block(plans[i].type);
        for (size_t b = 0; b < blocks; b++) {
            float gain = (float)(0.8 + 0.4 * uniform());
            if (plans[i].dims == 1)
                memcpy(bytes + 4 * b, &gain, sizeof gain);
            else
                random_block(bytes + b * block, type);
        }
        pal_dequantize(values, bytes, plans[i].type, elements);
        assert_int_equal(pal_gguf_write_tensor(g, bytes, blocks * block, append_image, typed, NULL), PAL_OK);
        assert_int_equal(pal_gguf_write_tensor(g, values, elements * sizeof *values, append_image, plain, NULL),
                         PAL_OK);
    }
    pal_gguf_close(g);
    free(keys.data);
}

/* A model on an aligned copy of the image; free(*block) after the close. */
static pal_model *open_image(const image *from, void **block)
{
    pal_model *m;
    pal_error err = {0};
    *block = malloc(from->size + 63);
    assert_non_null(*block);
    void *aligned = (void *)(((uintptr_t)*block + 63) & ~(uintptr_t)63);
    memcpy(aligned, from->data, from->size);
    if (pal_model_open(&m, aligned, from->size, 0, &err)) fail_msg("%s", err.text);
    if (m->net_error.text) fail_msg("%s", m->net_error.text);
    return m;
}

/* Against its F32 self a network computes exactly the same with half-precision weights.  With integers the activations
 * are rounded, too: to 1/127 of the largest of 32, 0.6 % of a product as test_network.c works it out.  Nine products
 * lie behind a logit, 0.6 % * 3 = 1.8 % if their errors are independent and each is passed on as it is; attention and
 * gates may amplify, hence 4 % rms. */
static void logits_of_every_type_are_near_those_of_its_values(void **state)
{
    (void)state;
    static const uint32_t types[] = {PAL_F16,  PAL_BF16, PAL_Q8_0, PAL_Q4_0, PAL_Q4_1,
                                     PAL_Q5_0, PAL_Q5_1, PAL_Q4_K, PAL_Q5_K, PAL_Q6_K};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        image files[2];
        void *blocks[2];
        float *logits[2];
        int32_t tokens[LENGTH];
        random_network(types[t], &files[0], &files[1]);
        for (uint32_t i = 0; i < LENGTH; i++) tokens[i] = (int32_t)pick((uint32_t)t, i, VOCAB);
        for (int i = 0; i < 2; i++) {
            pal_model *m = open_image(&files[i], &blocks[i]);
            logits[i] = same_on_every_isa(m, tokens, LENGTH, VOCAB, pal_tensor_type_name(types[t]));
            pal_model_close(m);
            free(blocks[i]);
            free(files[i].data);
        }
        double difference = 0.0, norm = 0.0;
        for (int i = 0; i < LENGTH * VOCAB; i++) {
            const double d = (double)logits[0][i] - (double)logits[1][i];
            difference += d * d;
            norm += (double)logits[1][i] * (double)logits[1][i];
        }
        const double rms = sqrt(difference / norm);
        print_message("    %s: rms %.2e\n", pal_tensor_type_name(types[t]), rms);
        if (pal_weights_float(types[t]))
            assert_memory_equal(logits[0], logits[1], LENGTH * VOCAB * sizeof(float));
        else if (!(rms > 0.0 && rms <= 0.04))
            fail_msg("%s: rms %g", pal_tensor_type_name(types[t]), rms);
        free(logits[0]);
        free(logits[1]);
    }
}

/* Converts f32 to `type`, F16 or BF16 (truncated), or to the rounded value in f32. */
static void to_half(unsigned char *out, const unsigned char *f32, size_t count, uint32_t type)
{
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, f32 + 4 * i, sizeof value);
        const uint16_t half = pal_f32_to_f16(value);
        memcpy(out + 2 * i, type == PAL_F16 ? (const char *)&half : (const char *)&value + 2, 2);
    }
}

/* The file with its vectors in `type`, or with the rounded values in F32. */
static image with_half_vectors(const file *f, uint32_t type, bool as_f32)
{
    pal_gguf *g;
    image out = {0};
    assert_int_equal(pal_gguf_open(&g, f->data, f->size, NULL), PAL_OK);
    const size_t count = pal_gguf_tensors(g);
    pal_gguf_tensor_plan *plans = calloc(count, sizeof *plans);
    assert_non_null(plans);
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        plans[i] = (pal_gguf_tensor_plan){t->name, t->dims == 1 && !as_f32 ? type : t->type, t->dims, {0}};
        memcpy(plans[i].extent, t->extent, sizeof t->extent);
    }
    assert_int_equal(pal_gguf_write_header(g, UINT32_MAX, plans, count, append_image, &out, NULL), PAL_OK);
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        unsigned char half[2 * 256];
        float values[256];
        const void *data = t->data;
        size_t size = t->size;
        if (t->dims == 1) {
            assert_true(t->extent[0] <= 256);
            to_half(half, t->data, (size_t)t->extent[0], type);
            pal_dequantize(values, half, type, (size_t)t->extent[0]);
            data = as_f32 ? (const void *)values : half;
            if (!as_f32) size /= 2;
        }
        assert_int_equal(pal_gguf_write_tensor(g, data, size, append_image, &out, NULL), PAL_OK);
    }
    free(plans);
    pal_gguf_close(g);
    return out;
}

/* Norms and biases in half precision give the same results as their values in F32. */
static void vectors_in_half_precision_are_their_values(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * NETWORKS; i++) {
        file f = read_golden(networks[i / 2], "gguf");
        golden g = golden_of(networks[i / 2]);
        float *logits[2];
        for (int as_f32 = 0; as_f32 < 2; as_f32++) {
            void *block;
            image changed = with_half_vectors(&f, i % 2 ? PAL_BF16 : PAL_F16, as_f32);
            pal_model *m = open_image(&changed, &block);
            logits[as_f32] = logits_of(m, g.tokens, g.n, (size_t)g.columns);
            pal_model_close(m);
            free(block);
            free(changed.data);
        }
        assert_memory_equal(logits[0], logits[1], (size_t)g.n * (size_t)g.columns * sizeof(float));
        free(logits[0]);
        free(logits[1]);
        golden_drop(&g);
        free(f.block);
    }
}

/* ---- wrong files -------------------------------------------------------- */

/* The offset of a string in a file that contains it: u64 length, bytes. */
static unsigned char *find_text(const file *f, const char *text)
{
    const uint64_t length = strlen(text);
    for (size_t i = 0; i + 8 + length <= f->size; i++)
        if (memcmp(f->data + i, &length, 8) == 0 && memcmp(f->data + i + 8, text, (size_t)length) == 0)
            return f->data + i + 8;
    fail_msg("the file has no %s", text);
    return NULL;
}

/* Opens the file and expects that its network is refused with this status, for a reason that contains `why`. */
static void expect_refused(const file *f, pal_status status, const char *why)
{
    pal_model *m = NULL;
    pal_error err = {0};
    pal_status s = pal_model_open(&m, f->data, f->size, 0, &err);
    if (!s) {
        assert_false(pal_model_has_texts(m));
        err = m->net_error;
    }
    assert_int_equal(err.status, status);
    if (!strstr(err.text, why)) fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    pal_model_close(m); /* which the text is of */
}

/* A text in a file, a replacement of the same length, and the expected reason. */
static const struct {
    const char *network, *from, *to;
    pal_status status;
    const char *why;
} renamed[] = {
    {"llama-tied", "blk.1.attn_k.weight", "blk.1.attn_K.weight", PAL_E_FORMAT, "missing"},
    {"llama-tied", "token_embd.weight", "token_embd.heavyx", PAL_E_FORMAT, "missing"},
    {"llama-tied", "output_norm.weight", "output_Norm.weight", PAL_E_FORMAT, "missing"},
    {"llama-bias", "blk.0.ffn_up.bias", "blk.0.ffn_up.Bias", PAL_E_UNSUPPORTED, "is not supported"},
    {"llama-bias", "output.weight", "Output.weight", PAL_E_UNSUPPORTED, "is not supported"},
    {"llama-factors", "rope_freqs.weight", "rope_Freqs.weight", PAL_E_UNSUPPORTED, "is not supported"},
    {"qwen3", "blk.0.attn_q_norm.weight", "blk.0.attn_Q_norm.weight", PAL_E_FORMAT, "missing"},
    {"qwen2", "blk.1.attn_k.bias", "blk.1.attn_K.bias", PAL_E_UNSUPPORTED, "is not supported"},
    {"gpt2", "position_embd.weight", "position_Embd.weight", PAL_E_FORMAT, "missing"},
    {"gpt2", "blk.1.attn_qkv.bias", "blk.1.attn_Qkv.bias", PAL_E_FORMAT, "missing"},
    {"gpt2", "blk.1.ffn_norm.bias", "blk.1.ffn_Norm.bias", PAL_E_FORMAT, "missing"},
};

static void networks_with_tensors_that_are_missing_or_unknown_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        file f = read_golden(renamed[i].network, "gguf");
        memcpy(find_text(&f, renamed[i].from), renamed[i].to, strlen(renamed[i].to));
        expect_refused(&f, renamed[i].status, renamed[i].why);
        free(f.block);
    }
}

/* A tensor info: name, u32 dims, u64 extents, u32 type, u64 offset. */
static unsigned char *tensor_info(const file *f, const char *name)
{
    return find_text(f, name) + strlen(name);
}

static void put_u32(unsigned char *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static void networks_with_tensors_of_wrong_shape_or_type_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *network, *tensor;
        uint32_t first, second; /* extents with as many elements; 0: a vector */
    } shapes[] = {{"llama-tied", "blk.0.ffn_down.weight", 32, 18}, {"llama-tied", "token_embd.weight", 112, 32},
                  {"llama-bias", "blk.0.attn_q.weight", 32, 24},   {"gpt2", "blk.1.attn_qkv.weight", 72, 24},
                  {"gpt2", "position_embd.weight", 48, 32},        {"qwen3", "output.weight", 112, 24}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        file f = read_golden(shapes[i].network, "gguf");
        unsigned char *info = tensor_info(&f, shapes[i].tensor);
        put_u32(info + 4, shapes[i].first);
        put_u32(info + 12, shapes[i].second);
        expect_refused(&f, PAL_E_FORMAT, "shape");
        free(f.block);
    }
    file f = read_golden("qwen2", "gguf");
    put_u32(tensor_info(&f, "blk.0.attn_q.weight") + 20, 26); /* I32, as long as F32 */
    expect_refused(&f, PAL_E_UNSUPPORTED, "Q6_K");
    free(f.block);
    f = read_golden("qwen2", "gguf");
    put_u32(tensor_info(&f, "blk.0.attn_q.bias") + 12, 26);
    expect_refused(&f, PAL_E_UNSUPPORTED, "F32");
    free(f.block);
}

/* Sets the u32 or f32 value of a key. */
static void put_key(const file *f, const char *key, uint32_t bits)
{
    put_u32(find_text(f, key) + strlen(key) + 4, bits);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void variants_of_networks_are_refused_by_what_is_supported(void **state)
{
    (void)state;
    file f = read_golden("llama-tied", "gguf");
    memcpy(find_text(&f, "llama"), "mamba", 5);
    expect_refused(&f, PAL_E_UNSUPPORTED, "gpt2");
    free(f.block);
    f = read_golden("llama-linear", "gguf");
    memcpy(find_text(&f, "linear"), "dynamo", 6);
    expect_refused(&f, PAL_E_UNSUPPORTED, "linear");
    free(f.block);
    static const struct {
        const char *network, *key;
        uint32_t bits;
        pal_status status;
        const char *why;
    } keys[] = {
        {"llama-tied", "llama.rope.dimension_count", 7, PAL_E_FORMAT, "odd"},
        {"llama-tied", "llama.rope.dimension_count", 10, PAL_E_FORMAT, "wider"},
        {"qwen2", "qwen2.rope.dimension_count", 4, PAL_E_UNSUPPORTED, "part of a head"},
        {"llama-tied", "llama.attention.head_count_kv", 3, PAL_E_FORMAT, "multiple"},
        {"llama-tied", "llama.rope.freq_base", 0, PAL_E_FORMAT, "freq_base"},
        {"llama-bias", "llama.attention.value_length", 6, PAL_E_UNSUPPORTED, "another width"},
        {"gpt2", "gpt2.attention.head_count", 5, PAL_E_FORMAT, "multiple"},
        {"gpt2", "gpt2.context_length", 65, PAL_E_FORMAT, "shape"},
        {"gpt2", "gpt2.block_count", 3, PAL_E_FORMAT, "missing"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        f = read_golden(keys[i].network, "gguf");
        put_key(&f, keys[i].key, keys[i].bits);
        expect_refused(&f, keys[i].status, keys[i].why);
        free(f.block);
    }
    f = read_golden("llama-linear", "gguf");
    put_key(&f, "llama.rope.scaling.factor", bits_of(1e-9f));
    expect_refused(&f, PAL_E_UNSUPPORTED, "rotary factor");
    free(f.block);
}

/* Rotary positions on the first half of each head only: the second half does not depend on the position. */
static void rotary_positions_on_a_part_of_a_head_leave_the_rest(void **state)
{
    (void)state;
    file f = read_golden("llama-tied", "gguf");
    pal_gguf *g;
    pal_transformer net;
    pal_activations a;
    pal_cache c;
    pal_arena arena = {0};
    put_key(&f, "llama.rope.dimension_count", 4);
    assert_int_equal(pal_gguf_open(&g, f.data, f.size, NULL), PAL_OK);
    assert_int_equal(pal_transformer_bind(&net, g, "llama", true, &pal_architecture_llama, NULL), PAL_OK);
    const pal_cache_shape shape = pal_transformer_cache(&net);
    pal_activations_layout(&a, &net, 1, 1, 9, &arena);
    pal_activations_table(&a, &net, &arena);
    pal_cache_layout(&c, &shape, 9, false, PAL_KV_F32, &arena);
    void *block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(block);
    arena = pal_arena_in(block);
    pal_activations_layout(&a, &net, 1, 1, 9, &arena);
    pal_activations_table(&a, &net, &arena);
    pal_cache_layout(&c, &shape, 9, false, PAL_KV_F32, &arena);
    pal_activations_prepare(&a, &net, &c);
    for (int at = 0; at < 9; at++)
        for (int pair = 0; pair < 4; pair++) {
            const double angle = pair < 2 ? at * pow(10000.0, -2.0 * pair / 4.0) : 0.0;
            assert_true(fabs((double)a.cosine[at * 4 + pair] - cos(angle)) < 1e-7);
            assert_true(fabs((double)a.sine[at * 4 + pair] - sin(angle)) < 1e-7);
        }
    pal_transformer_release(&net);
    pal_gguf_close(g);
    free(block);
    free(f.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_every_type_are_near_those_of_its_values),
        cmocka_unit_test(vectors_in_half_precision_are_their_values),
        cmocka_unit_test(networks_with_tensors_that_are_missing_or_unknown_are_refused),
        cmocka_unit_test(networks_with_tensors_of_wrong_shape_or_type_are_refused),
        cmocka_unit_test(variants_of_networks_are_refused_by_what_is_supported),
        cmocka_unit_test(rotary_positions_on_a_part_of_a_head_leave_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
