/* grammar.c - runs a grammar on a text: tracks all ways to parse it so far, and which tokens can come next.
 *
 * A way is an op that waits for a byte, with a stack of return positions. Stacks are linked lists of nodes {op, row,
 * parent}; equal nodes are stored once, so ways share common parts of their stacks. A set of ways is a `config`; the
 * transition of each config and byte is stored, so walking a vocabulary costs one lookup per byte.
 *
 * All of this is a cache. When it is full it is emptied, and the configs on the current path are computed again from
 * the state at the start of the token. If these alone do not fit, there are too many ways; this depends only on the
 * text. */
#include "grammar_code.h"

#include <string.h>

enum {
    NODES = 8192,
    NODE_SLOTS = 2 * NODES, /* powers of two */
    CONFIGS = 1024,
    CONFIG_SLOTS = 2 * CONFIGS,
    WAYS = 65536 /* of all configs together */
};
enum { DEAD = -1, FULL = -2 }; /* instead of a config */

#define NO_NODE UINT32_MAX

typedef struct {
    uint32_t op, row, parent;
} node;

typedef struct {
    uint32_t from, count; /* ways[from .. from + count): nodes that wait for a byte */
    bool may_end;
} config;

struct pal_grammar_run {
    const pal_grammar *g;
    const pal_pieces *pieces;
    pal_grammar_state *state, *before; /* at the end of the text; a copy to restore after a failure */
    uint32_t node_count, config_count, way_count, round;
    node *nodes;
    uint32_t *node_slot;   /* [NODE_SLOTS] node + 1, 0: empty; linear probing */
    uint32_t *node_seen;   /* [NODES] the last round that visited the node */
    uint32_t *index;       /* [NODES] index in the saved state */
    uint32_t *stack;       /* [NODES] */
    config *configs;       /* [CONFIGS] */
    uint16_t *config_slot; /* [CONFIG_SLOTS] config + 1 */
    uint16_t *moves;       /* [CONFIGS, 256] 0: not computed yet; 1: dead; else config + 2 */
    uint32_t *ways;        /* [WAYS] */
    int32_t *path;         /* [longest piece + 2] configs along the bytes of the current token */
};

static const char too_many[] = "the grammar has too many ways to read this text, or nests too deeply";

/* ---- nodes and configs, each stored once ------------------------------------------------------------- */

static uint32_t mix(uint32_t h, uint32_t value)
{
    h = (h ^ value) * 0x9e3779b1u;
    return h ^ (h >> 15);
}

/* Returns the number of the node, adding it if needed; NO_NODE: the table is full. */
static uint32_t find_node(pal_grammar_run *run, node n)
{
    uint32_t slot = mix(mix(mix(0, n.op), n.row), n.parent) & (NODE_SLOTS - 1);
    for (; run->node_slot[slot]; slot = (slot + 1) & (NODE_SLOTS - 1)) {
        const node *known = &run->nodes[run->node_slot[slot] - 1];
        if (known->op == n.op && known->row == n.row && known->parent == n.parent) return run->node_slot[slot] - 1;
    }
    if (run->node_count == NODES) return NO_NODE;
    run->nodes[run->node_count] = n;
    run->node_slot[slot] = ++run->node_count;
    return run->node_count - 1;
}

/* Returns the config of the `count` ways stored directly after those of all configs, adding it if needed; DEAD if it is
 * empty, FULL if the table is full. */
static int32_t find_config(pal_grammar_run *run, uint32_t count, bool may_end)
{
    uint32_t *ways = run->ways + run->way_count, hash = mix(0, may_end);
    if (count == 0 && !may_end) return DEAD;
    for (uint32_t i = 0; i < count; i++) hash = mix(hash, ways[i]);
    uint32_t slot = hash & (CONFIG_SLOTS - 1);
    for (; run->config_slot[slot]; slot = (slot + 1) & (CONFIG_SLOTS - 1)) {
        const config *known = &run->configs[run->config_slot[slot] - 1];
        if (known->count == count && known->may_end == may_end &&
            memcmp(run->ways + known->from, ways, count * sizeof *ways) == 0)
            return run->config_slot[slot] - 1;
    }
    if (run->config_count == CONFIGS) return FULL;
    run->configs[run->config_count] = (config){run->way_count, count, may_end};
    memset(run->moves + (size_t)run->config_count * 256, 0, 256 * sizeof *run->moves);
    run->config_slot[slot] = (uint16_t)++run->config_count;
    run->way_count += count;
    return (int32_t)run->config_count - 1;
}

static void empty_cache(pal_grammar_run *run)
{
    run->node_count = run->config_count = run->way_count = 0;
    memset(run->node_slot, 0, NODE_SLOTS * sizeof *run->node_slot);
    memset(run->config_slot, 0, CONFIG_SLOTS * sizeof *run->config_slot);
}

/* Clears the "visited" marks of all nodes. */
static void next_round(pal_grammar_run *run)
{
    if (++run->round != 0) return;
    memset(run->node_seen, 0, NODES * sizeof *run->node_seen);
    run->round = 1;
}

/* ---- from one config to the next --------------------------------------------------------------------- */

/* A config under construction. */
typedef struct {
    pal_grammar_run *run;
    uint32_t depth, count; /* entries of the stack; ways found */
    bool may_end, full;
} closure;

static closure begin_closure(pal_grammar_run *run)
{
    next_round(run);
    return (closure){.run = run};
}

static uint32_t keep_node(closure *c, node n)
{
    uint32_t at = find_node(c->run, n);
    if (at == NO_NODE) c->full = true;
    return at;
}

static void add_way(closure *c, uint32_t at)
{
    if (c->run->way_count + c->count == WAYS)
        c->full = true;
    else
        c->run->ways[c->run->way_count + c->count++] = at;
}

/* Continues at op, with the stack `parent`. */
static void visit(closure *c, size_t op, uint32_t parent)
{
    pal_grammar_run *run = c->run;
    const pal_op *what = &run->g->ops[op];
    uint32_t row = what->kind == PAL_OP_ROW ? (uint32_t)what->arg : 0;
    uint32_t at = keep_node(c, (node){(uint32_t)op, row, parent});
    if (c->full || run->node_seen[at] == run->round) return;
    run->node_seen[at] = run->round;
    if (what->kind <= PAL_OP_ROW)
        add_way(c, at);
    else
        run->stack[c->depth++] = at;
}

/* Executes one op that reads nothing. */
static void expand(closure *c, node n)
{
    const pal_grammar *g = c->run->g;
    const pal_op *op = &g->ops[n.op];
    if (op->kind == PAL_OP_CALL) {
        uint32_t back = op->last ? n.parent : keep_node(c, (node){n.op + 1, 0, n.parent});
        if (!c->full) visit(c, (size_t)g->rules[op->arg].start, back);
    } else if (op->kind == PAL_OP_END) {
        if (n.parent == NO_NODE)
            c->may_end = true;
        else
            visit(c, c->run->nodes[n.parent].op, c->run->nodes[n.parent].parent);
    } else {
        visit(c, n.op + (size_t)(ptrdiff_t)op->arg, n.parent);
        if (op->kind == PAL_OP_SPLIT) visit(c, n.op + 1, n.parent);
    }
}

static void expand_all(closure *c)
{
    while (c->depth && !c->full) expand(c, c->run->nodes[c->run->stack[--c->depth]]);
}

/* Advances a way by one byte. */
static void read_byte(closure *c, node n, uint8_t byte)
{
    const pal_grammar *g = c->run->g;
    const pal_op *op = &g->ops[n.op];
    if (op->kind == PAL_OP_BYTE) {
        if (op->arg == byte) visit(c, n.op + 1, n.parent);
    } else {
        uint32_t to = g->rows[n.row].to[byte];
        if (to == PAL_ROW_DONE) visit(c, n.op + 1, n.parent);
        if (to >= PAL_ROW_FIRST) {
            uint32_t at = keep_node(c, (node){n.op, to - PAL_ROW_FIRST, n.parent});
            if (c->full || c->run->node_seen[at] == c->run->round) return;
            c->run->node_seen[at] = c->run->round;
            add_way(c, at);
        }
    }
    expand_all(c);
}

static int32_t step(pal_grammar_run *run, int32_t from, uint8_t byte)
{
    size_t move = (size_t)from * 256 + byte;
    if (run->moves[move]) return (int32_t)run->moves[move] - 2;
    config of = run->configs[from];
    closure c = begin_closure(run);
    for (uint32_t i = 0; i < of.count && !c.full; i++) read_byte(&c, run->nodes[run->ways[of.from + i]], byte);
    int32_t to = c.full ? FULL : find_config(run, c.count, c.may_end);
    if (to != FULL) run->moves[move] = (uint16_t)(to + 2);
    return to;
}

/* ---- states ------------------------------------------------------------------------------------------ */

size_t pal_grammar_state_bytes(const pal_grammar_state *s)
{
    return offsetof(pal_grammar_state, word) + (3 * (size_t)s->nodes + s->tops) * sizeof *s->word;
}

/* Returns the config of the saved state. */
static int32_t load(pal_grammar_run *run)
{
    const pal_grammar_state *s = run->state;
    const uint32_t *w = s->word;
    for (uint32_t i = 0; i < s->nodes; i++, w += 3) {
        uint32_t parent = w[2] == NO_NODE ? NO_NODE : run->index[w[2]];
        uint32_t at = find_node(run, (node){w[0], w[1], parent});
        if (at == NO_NODE) return FULL;
        run->index[i] = at;
    }
    if (s->tops > WAYS - run->way_count) return FULL;
    for (uint32_t i = 0; i < s->tops; i++) run->ways[run->way_count + i] = run->index[w[i]];
    return find_config(run, s->tops, s->may_end);
}

/* Numbers the nodes of a stack, the outermost first; returns the new count. */
static uint32_t number_nodes(pal_grammar_run *run, uint32_t at, uint32_t count)
{
    uint32_t depth = 0;
    for (; at != NO_NODE && run->node_seen[at] != run->round; at = run->nodes[at].parent) {
        run->node_seen[at] = run->round;
        run->stack[depth++] = at;
    }
    while (depth) run->index[run->stack[--depth]] = count++;
    return count;
}

static void write_node(pal_grammar_run *run, uint32_t at)
{
    for (; at != NO_NODE && run->node_seen[at] != run->round; at = run->nodes[at].parent) {
        const node *n = &run->nodes[at];
        uint32_t *w = run->state->word + 3 * (size_t)run->index[at];
        run->node_seen[at] = run->round;
        w[0] = n->op;
        w[1] = n->row;
        w[2] = n->parent == NO_NODE ? NO_NODE : run->index[n->parent];
    }
}

/* Sets the state to a config; false: it does not fit, and the state stays unchanged. */
static bool store(pal_grammar_run *run, int32_t from)
{
    const config *c = &run->configs[from];
    const uint32_t *ways = run->ways + c->from;
    uint32_t count = 0;
    next_round(run);
    for (uint32_t i = 0; i < c->count; i++) count = number_nodes(run, ways[i], count);
    if (3 * (size_t)count + c->count > PAL_GRAMMAR_WORDS) return false;
    next_round(run);
    for (uint32_t i = 0; i < c->count; i++) write_node(run, ways[i]);
    run->state->nodes = count;
    run->state->tops = c->count;
    run->state->may_end = c->may_end;
    for (uint32_t i = 0; i < c->count; i++) run->state->word[3 * (size_t)count + i] = run->index[ways[i]];
    return true;
}

void pal_grammar_restart(pal_grammar_run *run)
{
    empty_cache(run);
    closure c = begin_closure(run);
    visit(&c, (size_t)run->g->rules[run->g->root].start, NO_NODE);
    expand_all(&c);
    run->path[0] = c.full ? FULL : find_config(run, c.count, c.may_end);
    run->state->nodes = run->state->tops = run->state->may_end = 0;
    if (run->path[0] >= 0 && !store(run, run->path[0])) run->path[0] = FULL;
}

const pal_grammar_state *pal_grammar_state_of(const pal_grammar_run *run)
{
    return run->state;
}

bool pal_grammar_may_end(const pal_grammar_run *run)
{
    return run->state->may_end;
}

static void reload(pal_grammar_run *run)
{
    empty_cache(run);
    run->path[0] = load(run);
}

static void keep_before(pal_grammar_run *run)
{
    memcpy(run->before, run->state, pal_grammar_state_bytes(run->state));
}

static void go_back(pal_grammar_run *run)
{
    memcpy(run->state, run->before, pal_grammar_state_bytes(run->before));
    reload(run);
}

/* ---- restoring ---------------------------------------------------------------------------------------- */

static bool node_is_valid(const pal_grammar *g, const uint32_t *w, uint32_t at)
{
    if (w[0] >= g->op_count || (w[2] != NO_NODE && w[2] >= at)) return false;
    return w[1] == 0 || (g->ops[w[0]].kind == PAL_OP_ROW && w[1] < g->row_count);
}

static bool state_is_valid(const pal_grammar *g, const pal_grammar_state *s)
{
    const uint32_t *tops = s->word + 3 * (size_t)s->nodes;
    for (uint32_t i = 0; i < s->nodes; i++)
        if (!node_is_valid(g, s->word + 3 * (size_t)i, i)) return false;
    for (uint32_t i = 0; i < s->tops; i++)
        if (tops[i] >= s->nodes || g->ops[s->word[3 * (size_t)tops[i]]].kind > PAL_OP_ROW) return false;
    return s->may_end <= 1 && (s->tops || s->may_end);
}

pal_status pal_grammar_restore(pal_grammar_run *run, const void *state, size_t bytes, pal_error *err)
{
    static const char damaged[] = "the saved state of the grammar is damaged, or belongs to another grammar";
    size_t head = offsetof(pal_grammar_state, word), words = (bytes - head) / sizeof *run->state->word;
    pal_grammar_state *s = run->state;
    if (bytes < head || bytes > sizeof *s || bytes % sizeof *s->word)
        return pal_fail(err, PAL_E_FORMAT, damaged, SIZE_MAX);
    keep_before(run);
    memcpy(s, state, bytes);
    if (s->nodes > words || s->tops > words || 3 * (size_t)s->nodes + s->tops != words || !state_is_valid(run->g, s)) {
        go_back(run);
        return pal_fail(err, PAL_E_FORMAT, damaged, SIZE_MAX);
    }
    reload(run);
    return PAL_OK;
}

/* ---- walking ------------------------------------------------------------------------------------------ */

/* Computes path[to] from path[to - 1] and text[to - 1]. If the cache is full, the whole path is computed again with an
 * empty cache; FULL if that is too small. */
static int32_t walk(pal_grammar_run *run, const char *text, size_t to)
{
    run->path[to] = step(run, run->path[to - 1], (uint8_t)text[to - 1]);
    if (run->path[to] != FULL) return run->path[to];
    reload(run);
    for (size_t i = 1; i <= to && run->path[i - 1] != FULL; i++)
        run->path[i] = step(run, run->path[i - 1], (uint8_t)text[i - 1]);
    for (size_t i = 0; i < to; i++)
        if (run->path[i] == FULL) return run->path[to] = FULL;
    return run->path[to];
}

static pal_status mark_pieces(pal_grammar_run *run, uint8_t *allowed, int32_t *count, pal_error *err)
{
    const pal_pieces *p = run->pieces;
    size_t dead = SIZE_MAX; /* pieces that share at least this many bytes with the one before are not allowed */
    for (int32_t i = 0; i < p->count; i++) {
        pal_str text = pal_pieces_text(p, p->sorted[i].id);
        size_t at = p->sorted[i].shared;
        if (at >= dead) continue;
        dead = SIZE_MAX;
        while (at < text.size && dead == SIZE_MAX) {
            int32_t to = walk(run, text.data, ++at);
            if (to == FULL) return pal_fail(err, PAL_E_UNSUPPORTED, too_many, SIZE_MAX);
            if (to == DEAD) dead = at;
        }
        if (dead != SIZE_MAX) continue;
        allowed[p->sorted[i].id] = 1;
        ++*count;
    }
    return PAL_OK;
}

pal_status pal_grammar_mask(pal_grammar_run *run, const int32_t *ends, size_t end_count, uint8_t *allowed,
                            int32_t *count, pal_error *err)
{
    memset(allowed, 0, (size_t)run->pieces->vocab);
    *count = 0;
    if (run->path[0] < 0) return pal_fail(err, PAL_E_UNSUPPORTED, too_many, SIZE_MAX);
    pal_status status = mark_pieces(run, allowed, count, err);
    if (status) return status;
    for (size_t i = 0; i < end_count; i++) {
        uint8_t *end = &allowed[ends[i]], now = run->state->may_end != 0;
        *count += now - *end;
        *end = now;
    }
    if (*count == 0 && !run->state->may_end)
        return pal_fail(err, PAL_E_OPTION, "no token of this vocabulary can satisfy the grammar here", SIZE_MAX);
    return PAL_OK;
}

pal_status pal_grammar_accept_bytes(pal_grammar_run *run, const char *text, size_t bytes, pal_error *err)
{
    pal_status status = PAL_OK;
    keep_before(run);
    for (size_t from = 0; from < bytes && status == PAL_OK; from++) {
        int32_t to = run->path[0] < 0 ? FULL : walk(run, text + from, 1);
        if (to == DEAD)
            status = pal_fail(err, PAL_E_OPTION, "the grammar does not allow this text here", from);
        else if (to == FULL || !store(run, to))
            status = pal_fail(err, PAL_E_UNSUPPORTED, too_many, from);
        else
            run->path[0] = to;
    }
    if (status) go_back(run);
    return status;
}

pal_status pal_grammar_accept(pal_grammar_run *run, int32_t id, pal_error *err)
{
    pal_str text = pal_pieces_text(run->pieces, id);
    return pal_grammar_accept_bytes(run, text.data, text.size, err);
}

pal_grammar_run *pal_grammar_layout(const pal_grammar *g, const pal_pieces *pieces, pal_arena *arena)
{
    pal_grammar_run of = {.g = g, .pieces = pieces}, *run = pal_take(arena, 1, sizeof *run);
    of.state = pal_take(arena, 1, sizeof *of.state);
    of.before = pal_take(arena, 1, sizeof *of.before);
    of.nodes = pal_take(arena, NODES, sizeof *of.nodes);
    of.node_slot = pal_take(arena, NODE_SLOTS, sizeof *of.node_slot);
    of.node_seen = pal_take(arena, NODES, sizeof *of.node_seen);
    of.index = pal_take(arena, NODES, sizeof *of.index);
    of.stack = pal_take(arena, NODES, sizeof *of.stack);
    of.configs = pal_take(arena, CONFIGS, sizeof *of.configs);
    of.config_slot = pal_take(arena, CONFIG_SLOTS, sizeof *of.config_slot);
    of.moves = pal_take(arena, CONFIGS, 256 * sizeof *of.moves);
    of.ways = pal_take(arena, WAYS, sizeof *of.ways);
    of.path = pal_take(arena, (size_t)pieces->longest + 2, sizeof *of.path);
    if (!run) return NULL;
    memset(of.node_seen, 0, NODES * sizeof *of.node_seen);
    *run = of;
    pal_grammar_restart(run);
    return run;
}
