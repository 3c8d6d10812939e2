/* merge.c - byte-pair merging with a heap of pairs. */
#include "merge.h"

void *pal_merger_layout(pal_merger *m, void *scratch)
{
    m->symbols = scratch;
    m->heap = (pal_pair *)(m->symbols + m->bytes);
    return m->heap + 2 * (size_t)m->bytes;
}

/* ---- heap of pairs --------------------------------------------------------- */

static bool goes_first(pal_pair a, pal_pair b)
{
    return a.price < b.price || (a.price == b.price && a.left < b.left);
}

static void heap_push(pal_merger *m, pal_pair p)
{
    uint32_t at = m->heap_count++;
    while (at > 0 && goes_first(p, m->heap[(at - 1) / 2])) {
        m->heap[at] = m->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    m->heap[at] = p;
}

static pal_pair heap_pop(pal_merger *m)
{
    pal_pair top = m->heap[0], last = m->heap[--m->heap_count];
    size_t at = 0, child; /* 2 * at + 2 may exceed 32 bits */
    while ((child = 2 * at + 1) < m->heap_count) {
        if (child + 1 < m->heap_count && goes_first(m->heap[child + 1], m->heap[child])) child++;
        if (!goes_first(m->heap[child], last)) break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = last;
    return top;
}

/* ---- merging --------------------------------------------------------------- */

/* Adds the symbol at `left` and the one after it to the heap, if they merge. */
static void offer_pair(pal_merger *m, uint32_t left, pal_price_fn *price)
{
    const pal_symbol *a = &m->symbols[left];
    if ((a->bytes & PAL_FROZEN) || a->bytes == m->bytes - left) return;
    const pal_symbol *b = a + a->bytes;
    if (b->bytes & PAL_FROZEN) return;
    pal_pair p = {.left = left, .bytes = a->bytes + b->bytes};
    if (price(m, &p)) heap_push(m, p);
}

/* True while both symbols of the pair are unchanged since it was added. A symbol can only grow, or be merged into the
 * one before it, so comparing the sum of the lengths is enough. */
static bool is_current(const pal_merger *m, pal_pair p)
{
    uint32_t left = m->symbols[p.left].bytes;
    return left < p.bytes && left + m->symbols[p.left + left].bytes == p.bytes;
}

void pal_merge_all(pal_merger *m, pal_price_fn *price)
{
    m->heap_count = 0;
    for (uint32_t at = 0; at < m->bytes; at += m->symbols[at].bytes & ~PAL_FROZEN) offer_pair(m, at, price);
    while (m->heap_count > 0) {
        pal_pair p = heap_pop(m);
        if (!is_current(m, p)) continue;
        pal_symbol *a = &m->symbols[p.left], *after = a + p.bytes;
        a[a->bytes].bytes = 0;
        a->bytes = p.bytes;
        if (m->ids) m->ids[p.left] = m->made[p.price];
        if (p.bytes < m->bytes - p.left && !(after->bytes & PAL_FROZEN)) after->before = p.left;
        if (a->before != PAL_FIRST) offer_pair(m, a->before, price);
        offer_pair(m, p.left, price);
    }
}
