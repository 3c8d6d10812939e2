/* grammar_check.c - checks a parsed grammar: every call has a rule, every rule can end, and no rule calls itself before
 * it reads a byte. Then every partial text can be completed. */
#include "grammar_code.h"

#include <stdlib.h>

typedef struct {
    const pal_grammar *g;
    uint32_t *seen;  /* [ops] the last round that visited the op */
    uint32_t *stack; /* [ops] */
    uint32_t round;
    uint8_t *calls; /* [rules, rules] 1: the first can call the second before it reads a byte */
} checker;

static void visit(checker *c, size_t *depth, size_t op)
{
    if (c->seen[op] == c->round) return;
    c->seen[op] = c->round;
    c->stack[(*depth)++] = (uint32_t)op;
}

/* Whether the end of the rule can be reached: if `reading`, also through ops that read bytes, otherwise only without
 * reading. Sets calls[i] (unless calls is NULL) to 1 for every rule i called on the way. */
static bool reaches_end(checker *c, const pal_rule *rule, bool reading, uint8_t *calls)
{
    const pal_grammar *g = c->g;
    size_t depth = 0;
    bool end = false;
    c->round++;
    visit(c, &depth, (size_t)rule->start);
    while (depth) {
        size_t at = c->stack[--depth];
        const pal_op *op = &g->ops[at];
        bool through = op->kind == PAL_OP_SPLIT || (reading && op->kind <= PAL_OP_ROW);
        if (op->kind == PAL_OP_CALL) {
            through = reading ? g->rules[op->arg].ends : g->rules[op->arg].nullable;
            if (calls) calls[op->arg] = 1;
        }
        if (op->kind == PAL_OP_END) end = true;
        if (through) visit(c, &depth, at + 1);
        if (op->kind == PAL_OP_SPLIT || op->kind == PAL_OP_JUMP) visit(c, &depth, at + (size_t)(ptrdiff_t)op->arg);
    }
    return end;
}

/* Computes least fixed points: a rule is nullable, or ends, if the rules that it needs for that are, or do. */
static void find_ends(checker *c, pal_grammar *g)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < g->rule_count; i++) {
            pal_rule *rule = &g->rules[i];
            bool nullable = rule->nullable || reaches_end(c, rule, false, NULL);
            bool ends = rule->ends || reaches_end(c, rule, true, NULL);
            changed = changed || nullable != rule->nullable || ends != rule->ends;
            rule->nullable = nullable;
            rule->ends = ends;
        }
    }
}

/* Returns a rule whose calls before reading can continue forever; -1: there is none. Repeatedly removes rules whose
 * calls all lead to removed rules; stack holds those to be removed next. */
static int32_t left_recursive(checker *c, uint32_t *calls_left)
{
    size_t n = c->g->rule_count, depth = 0;
    for (size_t i = 0; i < n; i++) {
        reaches_end(c, &c->g->rules[i], false, c->calls + i * n);
        calls_left[i] = 0;
        for (size_t j = 0; j < n; j++) calls_left[i] += c->calls[i * n + j];
    }
    for (size_t i = 0; i < n; i++)
        if (calls_left[i] == 0) c->stack[depth++] = (uint32_t)i;
    while (depth) {
        size_t done = c->stack[--depth];
        for (size_t i = 0; i < n; i++)
            if (c->calls[i * n + done] && --calls_left[i] == 0) c->stack[depth++] = (uint32_t)i;
    }
    for (size_t i = 0; i < n; i++)
        if (calls_left[i]) return (int32_t)i;
    return -1;
}

/* Returns a rule on the cycle that a left-recursive rule leads to: follows calls to remaining rules, as many times as
 * there are rules. */
static int32_t circle(const checker *c, const uint32_t *calls_left, int32_t rule)
{
    size_t n = c->g->rule_count;
    for (size_t step = 0; step < n; step++) {
        size_t next = 0;
        while (!c->calls[(size_t)rule * n + next] || calls_left[next] == 0) next++;
        rule = (int32_t)next;
    }
    return rule;
}

static void mark_last_calls(pal_grammar *g)
{
    for (size_t i = 0; i < g->op_count; i++) {
        size_t next = i + 1;
        if (g->ops[i].kind != PAL_OP_CALL) continue;
        for (size_t step = 0; step < g->op_count && g->ops[next].kind == PAL_OP_JUMP; step++)
            next += (size_t)(ptrdiff_t)g->ops[next].arg;
        g->ops[i].last = g->ops[next].kind == PAL_OP_END;
    }
}

static pal_status check_all(checker *c, pal_grammar *g, uint32_t *calls_left, pal_error *err)
{
    for (size_t i = 0; i < g->rule_count; i++)
        if (g->rules[i].start < 0) return pal_fail(err, PAL_E_TEXT, "this rule is not defined", g->rules[i].at);
    find_ends(c, g);
    int32_t recursive = left_recursive(c, calls_left);
    if (recursive >= 0) {
        size_t at = g->rules[circle(c, calls_left, recursive)].at;
        return pal_fail(err, PAL_E_TEXT, "left recursion: this rule begins with itself", at);
    }
    for (size_t i = 0; i < g->rule_count; i++)
        if (!g->rules[i].ends)
            return pal_fail(err, PAL_E_TEXT, "this rule can never end: no text matches it", g->rules[i].at);
    mark_last_calls(g);
    return PAL_OK;
}

pal_status pal_grammar_check(pal_grammar *g, pal_error *err)
{
    size_t n = g->rule_count, capacity = g->op_count > n ? g->op_count : n;
    checker c = {.g = g};
    c.seen = calloc(capacity, sizeof *c.seen);
    c.stack = calloc(capacity, sizeof *c.stack);
    c.calls = calloc(n * n, 1);
    uint32_t *calls_left = calloc(n, sizeof *calls_left);
    pal_status status = PAL_E_MEMORY;
    if (c.seen && c.stack && c.calls && calls_left)
        status = check_all(&c, g, calls_left, err);
    else
        pal_fail(err, status, "not enough memory for the grammar", SIZE_MAX);
    free(c.seen);
    free(c.stack);
    free(c.calls);
    free(calls_left);
    return status;
}
