/* panels.c - packs rows of weights into panels and reads rows back. */
#include "panels.h"
#include "../core/tensor_type.h"

size_t pal_row_bytes(uint32_t type, int cols)
{
    return (size_t)cols / pal_tensor_block(type) * pal_tensor_block_bytes(type);
}

/* How a block of a type is stored in a panel: its scale first, if it is separate; then `units` units of `unit` bytes.
 * For every unit, the panel has the bytes of all eight rows side by side. */
typedef struct {
    size_t scale, unit, units;
    unsigned char flip; /* flips the top bit to make a signed byte unsigned */
    bool last;          /* the scale is at the end of the block in the file */
    bool fifth;         /* the unit before the last four holds fifth bits, which panels store in another order */
} form;

static bool form_of(form *f, uint32_t type)
{
    switch (type) {
    case PAL_Q8_0: *f = (form){PAL_SCALE_BYTES, 4, PAL_BLOCK / 4, 0x80, false, false}; return true;
    case PAL_Q4_0: *f = (form){PAL_SCALE_BYTES, 4, PAL_BLOCK / 8, 0, false, false}; return true;
    case PAL_Q5_0: *f = (form){PAL_SCALE_BYTES, 4, 1 + PAL_BLOCK / 8, 0, false, true}; return true;
    case PAL_Q6_K: *f = (form){PAL_SCALE_BYTES, 4, PAL_Q6_K_BYTES / 4, 0, true, false}; return true;
    case PAL_Q4_1:
    case PAL_Q5_1:
    case PAL_Q4_K:
    case PAL_Q5_K: *f = (form){0, 4, pal_tensor_block_bytes(type) / 4, 0, false, type == PAL_Q5_1}; return true;
    case PAL_BF16:
    case PAL_F16: *f = (form){0, 2, 1, 0, false, false}; return true;
    case PAL_F32: *f = (form){0, 4, 1, 0, false, false}; return true;
    default: return false;
    }
}

/* Moves bit 4g + k of a word to bit g of byte k, so that one shift brings four columns to their bytes; or, if `back`,
 * reverses this. */
static uint32_t regroup(uint32_t word, bool back)
{
    uint32_t out = 0;
    for (int k = 0; k < 4; k++) {
        uint32_t bits = back ? word >> 8 * k & 0xff : word >> k & 0x11111111u;
        if (back) {
            bits = (bits | bits << 12) & 0x000f000fu;
            bits = (bits | bits << 6) & 0x03030303u;
            out |= ((bits | bits << 3) & 0x11111111u) << k;
        } else {
            bits = (bits | bits >> 3) & 0x03030303u;
            bits = (bits | bits >> 6) & 0x000f000fu;
            out |= ((bits | bits >> 12) & 0xffu) << 8 * k;
        }
    }
    return out;
}

static void regroup_bytes(unsigned char *bytes, bool back)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    word = regroup(word, back);
    memcpy(bytes, &word, sizeof word);
}

static inline void copy_flipped(unsigned char *to, const unsigned char *from, size_t bytes, unsigned char flip)
{
    for (size_t i = 0; i < bytes; i++) to[i] = from[i] ^ flip;
}

/* Copies one row into a panel, or out of it if `out`. */
static void move_row(unsigned char *panel, unsigned char *row, int r, size_t blocks, const form *f, bool out)
{
    const size_t at = (size_t)r, block_bytes = f->scale + f->unit * f->units;
    for (size_t b = 0; b < blocks; b++, panel += PAL_PANEL * block_bytes, row += block_bytes) {
        unsigned char *scale = panel + at * f->scale, *units = panel + PAL_PANEL * f->scale + at * f->unit;
        unsigned char *row_scale = row + (f->last ? f->unit * f->units : 0),
                      *row_units = row + (f->last ? 0 : f->scale);
        memcpy(out ? row_scale : scale, out ? scale : row_scale, f->scale);
        for (size_t u = 0; u < f->units; u++) {
            unsigned char *in_panel = units + u * PAL_PANEL * f->unit, *in_row = row_units + u * f->unit;
            copy_flipped(out ? in_row : in_panel, out ? in_panel : in_row, f->unit, f->flip);
            if (f->fifth && u + 5 == f->units) regroup_bytes(out ? in_row : in_panel, out);
        }
    }
}

void pal_panels_pack(void *data, uint32_t type, int rows, int cols, void *scratch)
{
    form f;
    if (!form_of(&f, type)) return;
    const size_t row_bytes = pal_row_bytes(type, cols), blocks = row_bytes / (f.scale + f.unit * f.units);
    unsigned char *panel = data, *row = scratch;
    for (int first = 0; first < pal_panel_rows(rows); first += PAL_PANEL, panel += PAL_PANEL * row_bytes) {
        memcpy(scratch, panel, PAL_PANEL * row_bytes);
        for (int r = 0; r < PAL_PANEL; r++) move_row(panel, row + (size_t)r * row_bytes, r, blocks, &f, false);
    }
}

void pal_panels_row(void *row_bytes, const void *data, uint32_t type, int rows, int cols, int row)
{
    pal_panels_blocks(row_bytes, data, type, rows, cols, row, 0, cols / (int)pal_tensor_block(type));
}

void pal_panels_blocks(void *bytes, const void *data, uint32_t type, int rows, int cols, int row, int first, int count)
{
    form f;
    const size_t row_bytes = pal_row_bytes(type, cols), block = pal_tensor_block_bytes(type),
                 from = (size_t)first * block;
    const unsigned char *at = data;
    if (!form_of(&f, type) || row >= pal_panel_rows(rows)) {
        memcpy(bytes, at + (size_t)row * row_bytes + from, (size_t)count * block);
        return;
    }
    at += (size_t)(row - row % PAL_PANEL) * row_bytes + PAL_PANEL * from;
    move_row((unsigned char *)(uintptr_t)at, bytes, row % PAL_PANEL, (size_t)count, &f, true);
}

bool pal_panels_narrow(const void *data, uint32_t type, int rows, int cols)
{
    if (type != PAL_Q8_0 || rows < PAL_PANEL) return false;
    const size_t blocks = (size_t)(rows / PAL_PANEL) * ((size_t)cols / PAL_BLOCK);
    const unsigned char *block = data;
    for (size_t b = 0; b < blocks; b++, block += PAL_Q8_0_PANEL_BYTES)
        for (size_t i = PAL_SCALES_BYTES; i < PAL_Q8_0_PANEL_BYTES; i++)
            if (block[i] < 128 - 31 || block[i] > 128 + 31) return false;
    return true;
}
