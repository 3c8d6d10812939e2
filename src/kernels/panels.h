/* panels.h - the order in which weights lie in memory once a model is open (internal).
 *
 * A product with one row of activations reads every weight once, so it runs at the speed of memory if it reads
 * strictly forward; a product with many wants the same columns of several rows side by side, one lane an output.
 * Panels serve both: eight rows lie together, block by block, each block's scales before its integers, and what a
 * register loads are neighbouring columns of all eight.  A panel takes exactly the bytes its rows took in the
 * file, so that a model is rearranged where it lies.
 *
 *   Q8_0  a block of 32 columns: scales f16 [8], integers u8 [8 groups, 8 rows, 4 columns], each plus 128
 *   Q4_0  a block of 32 columns: scales f16 [8], nibbles  u8 [4 groups, 8 rows, 4 columns]; group g holds columns
 *         4g .. 4g+3 in the low nibbles and 16+4g .. 16+4g+3 in the high ones
 *   F16, BF16, F32   [cols, 8 rows]
 *   others   a block: where its scale is no part of four bytes, scales f16 [8]; then all that a block has, four bytes
 *         of a row beside those of the next, [.., 8 rows, 4 bytes]; matmul_parts.h says where in them is what
 *
 * Integers are stored without a sign because the fastest instructions want one operand so: a product subtracts the
 * offset (128 or 8) times the sum of the activations, exactly.  The last rows % 8 rows stay as the file has
 * them; products take them one element at a time. */
#ifndef PAL_PANELS_H
#define PAL_PANELS_H

#include "blocks.h"

enum {
    PAL_SCALES_BYTES = PAL_PANEL * PAL_SCALE_BYTES,
    PAL_Q8_0_PANEL_BYTES = PAL_PANEL * PAL_Q8_0_BYTES, /* one block of eight rows */
    PAL_Q4_0_PANEL_BYTES = PAL_PANEL * PAL_Q4_0_BYTES
};

/* Rows that lie in panels; the others follow. */
static inline int pal_panel_rows(int rows)
{
    return rows - rows % PAL_PANEL;
}

/* Bytes of a row in the file: the panel of row r (a multiple of 8) starts at r times as many. */
size_t pal_row_bytes(uint32_t type, int cols);

/* Rearranges `data`, [rows, cols] as in the file, in place; `scratch` holds eight rows.  Types without a panel form
 * are left as they are. */
void pal_panels_pack(void *data, uint32_t type, int rows, int cols, void *scratch);

/* Whether `data`, in panels, is Q8_0 with integers of -31..31 in all of them: what is quantised to 6 bits. */
bool pal_panels_narrow(const void *data, uint32_t type, int rows, int cols);

/* The bytes of one row as they were in the file: pal_row_bytes of them. */
void pal_panels_row(void *row_bytes, const void *data, uint32_t type, int rows, int cols, int row);

/* Blocks first .. first + count of a row, likewise. */
void pal_panels_blocks(void *bytes, const void *data, uint32_t type, int rows, int cols, int row, int first, int count);

#endif
