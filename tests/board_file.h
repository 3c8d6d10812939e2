/* board_file.h - networks of boards of 4 x 4 as GGUF files in memory, with computed weights, for test_board*.c. */
#ifndef PAL_BOARD_FILE_H
#define PAL_BOARD_FILE_H

#include "ddit_file.h"

/* One layer of 2 heads.  `keys` appends keys; a key of the shape is left out or has another value if it is named. */
typedef struct {
    const char *without, *misshapen, *extra; /* a tensor that is omitted; has a column more; is added */
    const char *key;                         /* "box": this key ... */
    uint32_t value;                          /* ... has this value; 0: it is left out */
    void (*keys)(image *m);
} board_spec;

enum { BOARD_DIM = 16, BOARD_HIDDEN = 24, BOARD_HEADS = 2, BOARD_TENSORS = 16 };

static inline size_t board_tensors(const board_spec *o, ddit_tensor out[BOARD_TENSORS])
{
    const ddit_tensor all[] = {{"token_embd.weight", BOARD_DIM, 5, 0},
                               {"feedback.weight", 4, BOARD_DIM, 0},
                               {"loop_norm.weight", BOARD_DIM, 0, -1},
                               {"blk.0.attn_norm.weight", BOARD_DIM, 0, -1},
                               {"blk.0.attn_q.weight", BOARD_DIM, BOARD_DIM, -1},
                               {"blk.0.attn_k.weight", BOARD_DIM, BOARD_DIM, -1},
                               {"blk.0.attn_v.weight", BOARD_DIM, BOARD_DIM, -1},
                               {"blk.0.attn_output.weight", BOARD_DIM, BOARD_DIM, -1},
                               {"blk.0.attn_bias.weight", 7, BOARD_HEADS, 0},
                               {"blk.0.ffn_norm.weight", BOARD_DIM, 0, -1},
                               {"blk.0.ffn_gate.weight", BOARD_DIM, BOARD_HIDDEN, -1},
                               {"blk.0.ffn_up.weight", BOARD_DIM, BOARD_HIDDEN, -1},
                               {"blk.0.ffn_down.weight", BOARD_HIDDEN, BOARD_DIM, -1},
                               {"output_norm.weight", BOARD_DIM, 0, -1},
                               {"output.weight", BOARD_DIM, 4, -1}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!o->without || strcmp(all[i].name, o->without) != 0) out[count++] = all[i];
    if (o->extra) out[count++] = (ddit_tensor){o->extra, BOARD_DIM, 0, -1};
    for (size_t i = 0; i < count; i++) out[i].cols += o->misshapen && strcmp(out[i].name, o->misshapen) == 0;
    return count;
}

static inline void board_keys(image *m, const board_spec *o)
{
    const struct {
        const char *name;
        uint32_t value;
    } keys[] = {{"box", 2},
                {"embedding_length", BOARD_DIM},
                {"block_count", 1},
                {"attention.head_count", BOARD_HEADS},
                {"feed_forward_length", BOARD_HIDDEN},
                {"loop_count", 3}};
    bool changed = false;
    char key[64];
    image_key_str(m, "general.architecture", "sudoku");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const bool here = o->key && strcmp(keys[i].name, o->key) == 0;
        changed = changed || here;
        if (here && !o->value) continue;
        snprintf(key, sizeof key, "sudoku.%s", keys[i].name);
        image_key_u32(m, key, here ? o->value : keys[i].value);
    }
    if (o->key && !changed) {
        snprintf(key, sizeof key, "sudoku.%s", o->key);
        image_key_u32(m, key, o->value);
    }
    if (o->keys) o->keys(m);
}

/* The file in a 64-byte aligned block; free it. */
static inline unsigned char *board_file(const board_spec *o, size_t *size)
{
    ddit_tensor all[BOARD_TENSORS];
    const uint64_t count = board_tensors(o, all);
    image m;
    image_begin(&m);
    memcpy(m.data + 8, &count, sizeof count);
    board_keys(&m, o);
    return ddit_put_tensors(&m, all, count, size);
}

#endif
