#include "range_coder.h"

#include "math.h"

/* Below this width a byte is written. */
#define LEAST ((uint64_t)1 << 48)

enum { SHARE_BITS = 31 };

/* ---- coding ------------------------------------------------------------------------------------------ */

void pal_range_encode_start(pal_range_encoder *e, void *out, size_t capacity)
{
    *e = (pal_range_encoder){.width = UINT64_MAX, .out = out, .capacity = capacity};
}

static void write_byte(pal_range_encoder *e)
{
    if (e->size < e->capacity)
        e->out[e->size++] = (unsigned char)(e->low >> 56);
    else
        e->full = true;
    e->low <<= 8;
}

/* Adds 1 to the bytes that are written.  They are less than 1 together, so a byte that is no 255 is found. */
static void carry(pal_range_encoder *e)
{
    for (size_t i = e->size; i > 0 && !++e->out[i - 1]; i--) {
    }
}

void pal_range_encode(pal_range_encoder *e, uint32_t from, uint32_t width)
{
    const uint64_t unit = e->width >> SHARE_BITS, before = e->low;
    e->low += unit * from;
    if (e->low < before) carry(e);
    e->width = unit * width;
    for (; e->width < LEAST; e->width <<= 8) write_byte(e);
}

/* The shortest number in the interval: zeros at its end need not be written. */
size_t pal_range_encode_end(pal_range_encoder *e)
{
    for (int bytes = 1; bytes <= PAL_RANGE_END; bytes++) {
        const uint64_t rest = bytes < 8 ? UINT64_MAX >> 8 * bytes : 0, up = (e->low + rest) & ~rest;
        if (up - e->low >= e->width) continue;
        if (up < e->low) carry(e);
        e->low = up;
        for (int i = 0; i < bytes; i++) write_byte(e);
        break;
    }
    while (e->size && !e->out[e->size - 1]) e->size--;
    return e->size;
}

/* ---- decoding ---------------------------------------------------------------------------------------- */

static void read_byte(pal_range_decoder *d)
{
    d->offset = d->offset << 8 | (d->at < d->size ? d->in[d->at] : 0);
    d->at++;
}

void pal_range_decode_start(pal_range_decoder *d, const void *in, size_t size)
{
    *d = (pal_range_decoder){.width = UINT64_MAX, .in = in, .size = size};
    for (int i = 0; i < 8; i++) read_byte(d);
}

uint32_t pal_range_decode_at(const pal_range_decoder *d)
{
    const uint64_t at = d->offset / (d->width >> SHARE_BITS);
    return at < PAL_RANGE_ONE ? (uint32_t)at : PAL_RANGE_ONE - 1;
}

void pal_range_decode(pal_range_decoder *d, uint32_t from, uint32_t width)
{
    const uint64_t unit = d->width >> SHARE_BITS;
    d->offset -= unit * from;
    d->width = unit * width;
    for (; d->width < LEAST; d->width <<= 8) read_byte(d);
}

/* ---- symbols ----------------------------------------------------------------------------------------- */

void pal_range_widths(const float *logits, int32_t count, double *exp, uint32_t *width)
{
    double max = (double)logits[0], sum = 0.0;
    for (int32_t i = 1; i < count; i++) max = (double)logits[i] > max ? (double)logits[i] : max;
    for (int32_t i = 0; i < count; i++) {
        exp[i] = pal_exp((double)logits[i] - max);
        sum += exp[i];
    }
    const double scale = (double)(PAL_RANGE_ONE - (uint32_t)count);
    uint32_t left = PAL_RANGE_ONE;
    for (int32_t i = 0; i < count; i++) { /* rounding could make the sum larger by a few */
        const uint32_t most = left - (uint32_t)(count - 1 - i), wanted = 1 + (uint32_t)(exp[i] / sum * scale);
        width[i] = wanted < most ? wanted : most;
        left -= width[i];
    }
}

void pal_range_encode_symbol(pal_range_encoder *e, const uint32_t *width, int32_t symbol)
{
    uint32_t from = 0;
    for (int32_t i = 0; i < symbol; i++) from += width[i];
    pal_range_encode(e, from, width[symbol]);
}

int32_t pal_range_decode_symbol(pal_range_decoder *d, const uint32_t *width, int32_t count)
{
    const uint32_t at = pal_range_decode_at(d);
    uint32_t from = 0;
    for (int32_t i = 0; i < count; from += width[i++])
        if (at - from < width[i]) {
            pal_range_decode(d, from, width[i]);
            return i;
        }
    return -1;
}

void pal_range_encode_bits(pal_range_encoder *e, uint32_t value, int bits)
{
    const int shift = SHARE_BITS - bits;
    pal_range_encode(e, value << shift, (uint32_t)1 << shift);
}

uint32_t pal_range_decode_bits(pal_range_decoder *d, int bits)
{
    const int shift = SHARE_BITS - bits;
    const uint32_t value = pal_range_decode_at(d) >> shift;
    pal_range_decode(d, value << shift, (uint32_t)1 << shift);
    return value;
}
