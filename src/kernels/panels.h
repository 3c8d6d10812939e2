/* panels.h - the order of weights in memory after a model is opened (internal).
 *
 * A product with one row of activations reads every weight once, so it reaches memory bandwidth if it reads strictly
 * forward.  A product with many rows needs the same columns of several rows side by side, one lane per output.  Panels
 * serve both: eight rows are interleaved block by block, each block's scales come before its integers, and one register
 * load gets neighbouring columns of all eight rows.  A panel has exactly the size of its rows in the file, so a model
 * is rearranged in place.
 *
 *   Q8_0  a block of 32 columns: scales f16 [8], integers u8 [8 groups, 8 rows, 4 columns], each plus 128
 *   Q4_0  a block of 32 columns: scales f16 [8], nibbles  u8 [4 groups, 8 rows, 4 columns]; group g holds columns
 *         4g .. 4g+3 in the low nibbles and 16+4g .. 16+4g+3 in the high ones
 *   F16, BF16, F32   [cols, 8 rows]
 *   others   a block: if its scale is not part of a word of four bytes, scales f16 [8]; then the rest of the block,
 *            four bytes of each row in turn, [.., 8 rows, 4 bytes]; matmul_parts.h has the layout
 *
 * Integers are stored without a sign because the fastest instructions need one unsigned operand: a product subtracts
 * the offset (128 or 8) times the sum of the activations, exactly.  The last rows % 8 rows stay as in the file;
 * products compute them one element at a time. */
#ifndef PAL_PANELS_H
#define PAL_PANELS_H

#include "blocks.h"

enum {
    PAL_SCALES_BYTES = PAL_PANEL * PAL_SCALE_BYTES,
    PAL_Q8_0_PANEL_BYTES = PAL_PANEL * PAL_Q8_0_BYTES, /* one block of eight rows */
    PAL_Q4_0_PANEL_BYTES = PAL_PANEL * PAL_Q4_0_BYTES
};

/* Rows that are in panels; the others follow them. */
static inline int pal_panel_rows(int rows)
{
    return rows - rows % PAL_PANEL;
}

/* Bytes of a row in the file.  The panel of row r (a multiple of 8) starts at r times this size. */
size_t pal_row_bytes(uint32_t type, int cols);

/* Rearranges `data`, [rows, cols] as in the file, in place; `scratch` holds eight rows.  Types without a panel form are
 * left unchanged. */
void pal_panels_pack(void *data, uint32_t type, int rows, int cols, void *scratch);

/* Whether `data`, in panels, is Q8_0 and all its integers there are -31..31, that is, quantised to 6 bits. */
bool pal_panels_narrow(const void *data, uint32_t type, int rows, int cols);

/* Copies the bytes of one row, pal_row_bytes of them, in the order of the file. */
void pal_panels_row(void *row_bytes, const void *data, uint32_t type, int rows, int cols, int row);

/* Copies blocks first .. first + count of a row, in the order of the file. */
void pal_panels_blocks(void *bytes, const void *data, uint32_t type, int rows, int cols, int row, int first, int count);

#endif
