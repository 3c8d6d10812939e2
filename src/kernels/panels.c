#include "panels.h"
#include "../gguf/gguf.h"

size_t pal_row_bytes(uint32_t type, int cols)
{
    return (size_t)cols / pal_tensor_block(type) * pal_tensor_block_bytes(type);
}

/* How one block of a type goes into a panel: a scale for quantised types, then `units` pieces of `unit` bytes, of
 * which the panel has eight side by side, one a row. */
typedef struct {
    size_t scale, unit, units;
    unsigned char flip; /* what turns a signed byte into one without a sign */
} form;

static bool form_of(form *f, uint32_t type)
{
    switch (type) {
    case PAL_Q8_0: *f = (form){PAL_SCALE_BYTES, 4, PAL_BLOCK / 4, 0x80}; return true;
    case PAL_Q4_0: *f = (form){PAL_SCALE_BYTES, 4, PAL_BLOCK / 8, 0}; return true;
    case PAL_F16: *f = (form){0, 2, 1, 0}; return true;
    case PAL_F32: *f = (form){0, 4, 1, 0}; return true;
    default: return false;
    }
}

static inline void copy_flipped(unsigned char *to, const unsigned char *from, size_t bytes, unsigned char flip)
{
    for (size_t i = 0; i < bytes; i++) to[i] = from[i] ^ flip;
}

/* One row of a panel in, or out if `out`. */
static void move_row(unsigned char *panel, unsigned char *row, int r, size_t blocks, const form *f, bool out)
{
    const size_t at = (size_t)r, block_bytes = f->scale + f->unit * f->units;
    for (size_t b = 0; b < blocks; b++, panel += PAL_PANEL * block_bytes, row += block_bytes) {
        unsigned char *scale = panel + at * f->scale, *units = panel + PAL_PANEL * f->scale + at * f->unit;
        memcpy(out ? row : scale, out ? scale : row, f->scale);
        for (size_t u = 0; u < f->units; u++) {
            unsigned char *in_panel = units + u * PAL_PANEL * f->unit, *in_row = row + f->scale + u * f->unit;
            copy_flipped(out ? in_row : in_panel, out ? in_panel : in_row, f->unit, f->flip);
        }
    }
}

void pal_panels_pack(void *data, uint32_t type, int rows, int cols, void *room)
{
    form f;
    if (!form_of(&f, type)) return;
    const size_t row_bytes = pal_row_bytes(type, cols), blocks = row_bytes / (f.scale + f.unit * f.units);
    unsigned char *panel = data, *row = room;
    for (int first = 0; first < pal_panel_rows(rows); first += PAL_PANEL, panel += PAL_PANEL * row_bytes) {
        memcpy(room, panel, PAL_PANEL * row_bytes);
        for (int r = 0; r < PAL_PANEL; r++) move_row(panel, row + (size_t)r * row_bytes, r, blocks, &f, false);
    }
}

void pal_panels_row(void *row_bytes, const void *data, uint32_t type, int rows, int cols, int row)
{
    form f;
    const size_t size = pal_row_bytes(type, cols);
    const unsigned char *bytes = data;
    if (!form_of(&f, type) || row >= pal_panel_rows(rows)) {
        memcpy(row_bytes, bytes + (size_t)row * size, size);
        return;
    }
    const unsigned char *panel = bytes + (size_t)(row - row % PAL_PANEL) * size;
    move_row((unsigned char *)(uintptr_t)panel, row_bytes, row % PAL_PANEL, size / (f.scale + f.unit * f.units), &f,
             true);
}
