/* grammar_rows.c - compiles sets of characters to tables over the bytes of their UTF-8.
 *
 * For each byte a row says whether it is not in the set, completes a character of the set, or leads to another row.
 * Rows are built from the last byte of a character to the first, and equal rows are stored once, so the result is the
 * minimal automaton of the set; `[^"]` needs 8 rows. */
#include "grammar_code.h"

#include <stdlib.h>
#include <string.h>

enum { LAST_CHARACTER = 0x10FFFF, SURROGATES = 0xD800, BEHIND_SURROGATES = 0xE000 };

void *pal_grammar_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return array;
    size_t more = *capacity ? 2 * *capacity : 64;
    void *larger = realloc(array, more * size);
    if (larger) *capacity = more;
    return larger;
}

/* ---- sets ------------------------------------------------------------------------------------------- */

static int by_low(const void *a, const void *b)
{
    const pal_range *r = a, *s = b;
    if (r->low != s->low) return r->low < s->low ? -1 : 1;
    return (r->high > s->high) - (r->high < s->high);
}

static size_t merge(pal_range *ranges, size_t count)
{
    size_t kept = 0;
    qsort(ranges, count, sizeof *ranges, by_low);
    for (size_t i = 0; i < count; i++) {
        if (kept && ranges[i].low <= ranges[kept - 1].high + 1) {
            if (ranges[i].high > ranges[kept - 1].high) ranges[kept - 1].high = ranges[i].high;
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    return kept;
}

/* Replaces sorted ranges by the gaps between them; at most one more than there were. */
static size_t complement(pal_range *ranges, size_t count)
{
    uint32_t from = 0;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        pal_range r = ranges[i]; /* before it is overwritten: kept is at most i */
        if (from < r.low) ranges[kept++] = (pal_range){from, r.low - 1};
        from = r.high + 1;
    }
    if (from <= LAST_CHARACTER) ranges[kept++] = (pal_range){from, LAST_CHARACTER};
    return kept;
}

/* Surrogates are added to the complement of the set, which removes them from the set. */
void pal_ranges_normalise(pal_range *ranges, size_t *count, bool others)
{
    size_t n = merge(ranges, *count);
    if (!others) n = complement(ranges, n);
    ranges[n++] = (pal_range){SURROGATES, BEHIND_SURROGATES - 1};
    n = merge(ranges, n);
    *count = complement(ranges, n);
}

typedef enum { NONE, SOME, ALL } coverage;

/* How much of low..high the set contains. */
static coverage cover(const pal_range *ranges, size_t count, uint32_t low, uint32_t high)
{
    size_t from = 0, to = count; /* the first range that ends at `low` or after */
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (ranges[middle].high < low)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == count || ranges[from].low > high) return NONE;
    return ranges[from].low <= low && ranges[from].high >= high ? ALL : SOME;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

typedef struct {
    pal_grammar *g;
    const pal_range *ranges;
    size_t count;
    uint32_t min; /* smaller code points would be overlong forms, which are not UTF-8 */
    bool no_memory, too_many;
} builder;

static uint32_t hash_row(const pal_row *row)
{
    uint32_t h = 2166136261u;
    for (int b = 0; b < 256; b++) h = (h ^ row->to[b]) * 16777619u;
    return h;
}

/* Returns the number of an equal row, adding it if needed. */
static uint32_t keep_row(builder *b, const pal_row *row)
{
    pal_grammar *g = b->g;
    uint32_t hash = hash_row(row);
    for (size_t r = 0; r < g->row_count; r++)
        if (g->row_hash[r] == hash && memcmp(&g->rows[r], row, sizeof *row) == 0) return (uint32_t)r;
    if (g->row_count == PAL_GRAMMAR_ROWS) {
        b->too_many = true;
        return 0;
    }
    size_t capacity = g->row_capacity;
    pal_row *rows = pal_grammar_grow(g->rows, g->row_count, &capacity, sizeof *rows);
    if (rows) g->rows = rows;
    capacity = g->row_capacity;
    uint32_t *hashes = pal_grammar_grow(g->row_hash, g->row_count, &capacity, sizeof *hashes);
    if (hashes) g->row_hash = hashes;
    if (!rows || !hashes) {
        b->no_memory = true;
        return 0;
    }
    g->row_capacity = capacity;
    g->rows[g->row_count] = *row;
    g->row_hash[g->row_count] = hash;
    return (uint32_t)g->row_count++;
}

/* Returns the entry for the characters from `base` on that have `rest` continuation bytes left. */
static uint16_t row_after(builder *b, uint32_t base, int rest)
{
    uint32_t low = base < b->min ? b->min : base, last = base + (1u << 6 * rest) - 1;
    coverage c = last < low ? NONE : cover(b->ranges, b->count, low, last);
    if (c == NONE) return PAL_ROW_DEAD;
    if (rest == 0) return PAL_ROW_DONE;
    pal_row row = {{0}};
    if (c == ALL && base >= b->min) { /* all 64 entries are equal */
        uint16_t to = row_after(b, base, rest - 1);
        for (uint32_t i = 0; i < 64; i++) row.to[0x80 + i] = to;
    } else {
        for (uint32_t i = 0; i < 64; i++) row.to[0x80 + i] = row_after(b, base + (i << 6 * (rest - 1)), rest - 1);
    }
    return (uint16_t)(PAL_ROW_FIRST + keep_row(b, &row));
}

int32_t pal_grammar_row(pal_grammar *g, const pal_range *ranges, size_t count)
{
    builder b = {.g = g, .ranges = ranges, .count = count};
    pal_row row = {{0}};
    for (uint32_t byte = 0; byte < 0x80; byte++) row.to[byte] = row_after(&b, byte, 0);
    b.min = 0x80;
    for (uint32_t byte = 0xC2; byte < 0xE0; byte++) row.to[byte] = row_after(&b, (byte & 0x1F) << 6, 1);
    b.min = 0x800;
    for (uint32_t byte = 0xE0; byte < 0xF0; byte++) row.to[byte] = row_after(&b, (byte & 0x0F) << 12, 2);
    b.min = 0x10000;
    for (uint32_t byte = 0xF0; byte < 0xF5; byte++) row.to[byte] = row_after(&b, (byte & 0x07) << 18, 3);
    uint32_t start = keep_row(&b, &row);
    if (b.no_memory) return -1;
    return b.too_many ? -2 : (int32_t)start;
}
