/* range_coder.h - arithmetic coding of symbols by their probabilities (internal).
 *
 * A range coder (G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message", 1979): the
 * interval of arithmetic coding as integers, its finished bytes written out, a carry added to bytes that are already
 * written.  Low end and width have 64 bits.  The width is at least 2^48 before a symbol, and shares have 31 bits, so a
 * symbol costs at most 2^-16 bits more than -log2 of its share.
 *
 * A symbol is an interval [from, from + width) of 2^31.  pal_range_widths makes widths of logits: 1 + floor(p (2^31 -
 * count)), so every symbol has one, and their sum is at most 2^31.  Its arithmetic is f64 in a fixed order: the same bits on
 * every target, which coder and decoder need. */
#ifndef PAL_RANGE_CODER_H
#define PAL_RANGE_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAL_RANGE_ONE ((uint32_t)1 << 31)

/* PAL_RANGE_SYMBOL: no symbol writes more bytes; PAL_RANGE_END: nor does the end. */
enum { PAL_RANGE_SYMBOL = 6, PAL_RANGE_END = 8 };

typedef struct {
    uint64_t low, width;
    unsigned char *out; /* [capacity] */
    size_t size, capacity;
    bool full; /* more bytes than capacity were to be written; the output is useless */
} pal_range_encoder;

typedef struct {
    uint64_t offset, width; /* of the code from the low end of the interval */
    const unsigned char *in;
    size_t at, size; /* bytes behind the end are zeros */
} pal_range_decoder;

/* out: the caller's, [capacity]. */
void pal_range_encode_start(pal_range_encoder *e, void *out, size_t capacity);
void pal_range_encode(pal_range_encoder *e, uint32_t from, uint32_t width); /* width >= 1, from + width <= 2^31 */
size_t pal_range_encode_end(pal_range_encoder *e);                          /* returns the number of bytes written */

void pal_range_decode_start(pal_range_decoder *d, const void *in, size_t size);
uint32_t pal_range_decode_at(const pal_range_decoder *d); /* a number in the interval of the next symbol */
void pal_range_decode(pal_range_decoder *d, uint32_t from, uint32_t width); /* the interval with that number */

/* width[count] of the softmax of logits[count], finite; 2 <= count <= 2^30.  `exp`: scratch, [count]. */
void pal_range_widths(const float *logits, int32_t count, double *exp, uint32_t *width);

/* Symbols with these widths, one after the other from 0.  The second returns -1 if no symbol has the number: the code is
 * damaged, or of other widths. */
void pal_range_encode_symbol(pal_range_encoder *e, const uint32_t *width, int32_t symbol);
int32_t pal_range_decode_symbol(pal_range_decoder *d, const uint32_t *width, int32_t count);

/* Numbers below 2^bits, all of the same probability; bits <= 31. */
void pal_range_encode_bits(pal_range_encoder *e, uint32_t value, int bits);
uint32_t pal_range_decode_bits(pal_range_decoder *d, int bits);

#endif
