/* grammar_parse.c - compiles the text of a grammar to a program.
 *
 * Works in one pass: the ops of a group or repetition are emitted before their operator is read, and are then shifted
 * to insert an op, or copied. Jumps are relative and stay inside the shifted part, so they remain valid. */
#include "grammar_code.h"
#include "../../token/token.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    pal_grammar *g;
    const char *text;
    size_t bytes, at;
    int32_t depth; /* nesting of groups */
    pal_error error;
} parser;

/* Returns false. All functions below that return a bool return false after an error. */
static bool fail(parser *p, pal_status status, const char *why, size_t at)
{
    p->error = (pal_error){status, why, at};
    return false;
}

static bool wrong(parser *p, const char *why)
{
    return fail(p, PAL_E_TEXT, why, p->at);
}

static bool no_memory(parser *p)
{
    return fail(p, PAL_E_MEMORY, "not enough memory for the grammar", SIZE_MAX);
}

/* ---- program ---------------------------------------------------------------------------------------- */

/* Inserts space for `count` ops before op `from`. */
static bool open_gap(parser *p, size_t from, size_t count)
{
    pal_grammar *g = p->g;
    if (count > PAL_GRAMMAR_OPS - g->op_count) return fail(p, PAL_E_UNSUPPORTED, "the grammar is too large", p->at);
    while (g->op_capacity < g->op_count + count) {
        pal_op *ops = pal_grammar_grow(g->ops, g->op_capacity, &g->op_capacity, sizeof *ops);
        if (!ops) return no_memory(p);
        g->ops = ops;
    }
    if (from < g->op_count) memmove(g->ops + from + count, g->ops + from, (g->op_count - from) * sizeof *g->ops);
    g->op_count += count;
    return true;
}

static bool insert(parser *p, size_t from, pal_op_kind kind, int32_t arg)
{
    if (!open_gap(p, from, 1)) return false;
    p->g->ops[from] = (pal_op){.kind = (uint8_t)kind, .arg = arg, .at = (uint32_t)p->at};
    return true;
}

static bool emit(parser *p, pal_op_kind kind, int32_t arg)
{
    return insert(p, p->g->op_count, kind, arg);
}

/* ---- characters ------------------------------------------------------------------------------------- */

static int peek(const parser *p)
{
    return p->at < p->bytes ? (unsigned char)p->text[p->at] : -1;
}

static bool is_name_character(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void skip_space(parser *p, bool lines)
{
    for (; p->at < p->bytes; p->at++) {
        int c = peek(p);
        if (c == '#')
            while (p->at + 1 < p->bytes && p->text[p->at + 1] != '\n') p->at++;
        else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r')))
            return;
    }
}

static bool read_hex(parser *p, int digits, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, p->at++) {
        int c = peek(p), digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        if (digit < 0) return wrong(p, "missing hexadecimal digit");
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* Reads an escape after its backslash. */
static bool read_escape(parser *p, uint32_t *out)
{
    size_t begin = p->at - 1;
    int c = peek(p);
    p->at++;
    switch (c) {
    case 'n': *out = '\n'; return true;
    case 'r': *out = '\r'; return true;
    case 't': *out = '\t'; return true;
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
    case '^': *out = (uint32_t)c; return true;
    case 'x':
    case 'u':
    case 'U': break;
    default: return fail(p, PAL_E_TEXT, "unknown escape sequence", begin);
    }
    if (!read_hex(p, c == 'x' ? 2 : c == 'u' ? 4 : 8, out)) return false;
    if (*out > 0x10FFFF || (*out >= 0xD800 && *out < 0xE000))
        return fail(p, PAL_E_TEXT, "escape is not a valid Unicode character", begin);
    return true;
}

/* Reads a character of a text or class, escaped or not. The caller has checked that the grammar does not end here. */
static bool read_character(parser *p, uint32_t *out)
{
    const unsigned char *s = (const unsigned char *)p->text + p->at;
    if (*s == '\\') {
        p->at++;
        return read_escape(p, out);
    }
    size_t n = pal_utf8_char(p->text + p->at, p->bytes - p->at);
    if (n == 0) return wrong(p, "invalid UTF-8");
    *out = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) *out = *out << 6 | (s[i] & 0x3Fu);
    p->at += n;
    return true;
}

static bool emit_character(parser *p, uint32_t c)
{
    if (c < 0x80) return emit(p, PAL_OP_BYTE, (int32_t)c);
    int rest = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    uint32_t mark = 0xF00u >> (rest + 1) & 0xFF; /* 110, 1110, 11110 */
    if (!emit(p, PAL_OP_BYTE, (int32_t)(mark | c >> 6 * rest))) return false;
    while (rest-- > 0)
        if (!emit(p, PAL_OP_BYTE, (int32_t)(0x80 | (c >> 6 * rest & 0x3F)))) return false;
    return true;
}

/* ---- items: texts, classes, names, groups ------------------------------------------------------------ */

static bool read_text(parser *p)
{
    size_t begin = p->at++;
    while (peek(p) != '"') {
        uint32_t c;
        if (p->at == p->bytes) return fail(p, PAL_E_TEXT, "missing closing quote", begin);
        if (peek(p) == '\n') return wrong(p, "line break inside a quoted string");
        if (!read_character(p, &c) || !emit_character(p, c)) return false;
    }
    p->at++;
    return true;
}

static bool emit_class(parser *p, pal_range *ranges, size_t count, bool others, size_t begin)
{
    pal_ranges_normalise(ranges, &count, others);
    if (count == 0) return fail(p, PAL_E_TEXT, "empty character class", begin);
    if (count == 1 && ranges[0].low == ranges[0].high) return emit_character(p, ranges[0].low);
    int32_t row = pal_grammar_row(p->g, ranges, count);
    if (row == -1) return no_memory(p);
    if (row < 0) return fail(p, PAL_E_UNSUPPORTED, "the character classes are too large", begin);
    return emit(p, PAL_OP_ROW, row);
}

static bool read_class(parser *p)
{
    pal_range ranges[PAL_GRAMMAR_RANGES + 2];
    size_t count = 0, begin = p->at++;
    bool others = peek(p) == '^';
    if (others) p->at++;
    while (peek(p) != ']') {
        pal_range *r = &ranges[count];
        size_t at = p->at;
        if (p->at == p->bytes) return fail(p, PAL_E_TEXT, "missing closing bracket of a character class", begin);
        if (count++ == PAL_GRAMMAR_RANGES) return wrong(p, "more than 512 ranges in a character class");
        if (!read_character(p, &r->low)) return false;
        r->high = r->low;
        if (peek(p) != '-' || p->at + 1 == p->bytes || p->text[p->at + 1] == ']') continue;
        p->at++;
        if (!read_character(p, &r->high)) return false;
        if (r->high < r->low) return fail(p, PAL_E_TEXT, "the range ends before it begins", at);
    }
    p->at++;
    if (count == 0) return fail(p, PAL_E_TEXT, "empty character class", begin);
    return emit_class(p, ranges, count, others, begin);
}

/* Returns the rule of that name, adding it if needed; -1: an error was reported. */
static int32_t find_rule(parser *p, pal_str name)
{
    pal_grammar *g = p->g;
    for (size_t i = 0; i < g->rule_count; i++)
        if (g->rules[i].name.size == name.size && memcmp(g->rules[i].name.data, name.data, name.size) == 0)
            return (int32_t)i;
    size_t at = (size_t)(name.data - p->text);
    if (g->rule_count == PAL_GRAMMAR_RULES) {
        fail(p, PAL_E_UNSUPPORTED, "more than 1024 rules", at);
        return -1;
    }
    pal_rule *rules = pal_grammar_grow(g->rules, g->rule_count, &g->rule_capacity, sizeof *rules);
    if (!rules) {
        no_memory(p);
        return -1;
    }
    g->rules = rules;
    g->rules[g->rule_count] = (pal_rule){.name = name, .start = -1, .at = (uint32_t)at};
    return (int32_t)g->rule_count++;
}

static pal_str read_name(parser *p)
{
    size_t begin = p->at;
    while (is_name_character(peek(p))) p->at++;
    return (pal_str){p->text + begin, p->at - begin};
}

static bool read_reference(parser *p)
{
    size_t begin = p->at;
    int32_t rule = find_rule(p, read_name(p));
    if (rule < 0 || !emit(p, PAL_OP_CALL, rule)) return false;
    p->g->ops[p->g->op_count - 1].at = (uint32_t)begin;
    return true;
}

static bool read_alternatives(parser *p);

static bool read_group(parser *p)
{
    size_t begin = p->at++;
    if (p->depth == PAL_GRAMMAR_DEPTH) return fail(p, PAL_E_UNSUPPORTED, "groups are nested more than 64 deep", begin);
    p->depth++;
    if (!read_alternatives(p)) return false;
    p->depth--;
    if (p->at == p->bytes) return fail(p, PAL_E_TEXT, "missing closing parenthesis", begin);
    if (peek(p) != ')') return wrong(p, "unexpected character in a rule");
    p->at++;
    return true;
}

/* *found: whether there was an item. */
static bool read_item(parser *p, bool *found)
{
    static const pal_range every = {0, 0x10FFFF};
    int c = peek(p);
    *found = true;
    if (c == '"') return read_text(p);
    if (c == '[') return read_class(p);
    if (c == '(') return read_group(p);
    if (is_name_character(c)) return read_reference(p);
    if (c == '.') {
        pal_range ranges[3] = {every};
        return emit_class(p, ranges, 1, false, p->at++);
    }
    *found = false;
    return true;
}

/* ---- repetition ------------------------------------------------------------------------------------- */

/* Appends a copy of ops[from .. from + length). */
static bool copy_ops(parser *p, size_t from, size_t length)
{
    size_t to = p->g->op_count;
    if (!open_gap(p, to, length)) return false;
    if (length) memcpy(p->g->ops + to, p->g->ops + from, length * sizeof *p->g->ops);
    return true;
}

/* Makes the program from op `from` to its end optional; make_any also makes it repeatable. */
static bool make_optional(parser *p, size_t from)
{
    return insert(p, from, PAL_OP_SPLIT, (int32_t)(p->g->op_count - from) + 1);
}

static bool make_any(parser *p, size_t from)
{
    int32_t length = (int32_t)(p->g->op_count - from);
    return insert(p, from, PAL_OP_SPLIT, length + 2) && emit(p, PAL_OP_JUMP, -(length + 1));
}

/* x{min,max} is x repeated min times, then max - min times an optional x. If one of these is absent the repetition
 * ends, so each split jumps to the end. max -1: unlimited. */
static bool repeat(parser *p, size_t from, int32_t min, int32_t max)
{
    pal_grammar *g = p->g;
    size_t length = g->op_count - from;
    if (length == 0) return true;
    if (max == 0) {
        g->op_count = from;
        return true;
    }
    if (min == 0) return max < 0 ? make_any(p, from) : repeat(p, from, 1, max) && make_optional(p, from);
    for (int32_t i = 1; i < min; i++)
        if (!copy_ops(p, from, length)) return false;
    if (max < 0) return emit(p, PAL_OP_SPLIT, 2) && emit(p, PAL_OP_JUMP, -(int32_t)length - 1);
    for (int32_t left = max - min; left > 0; left--) {
        size_t to_end = (size_t)left * (length + 1);
        if (to_end > PAL_GRAMMAR_OPS) return fail(p, PAL_E_UNSUPPORTED, "the grammar is too large", p->at);
        if (!emit(p, PAL_OP_SPLIT, (int32_t)to_end) || !copy_ops(p, from, length)) return false;
    }
    return true;
}

static bool read_number(parser *p, int32_t *out)
{
    if (peek(p) < '0' || peek(p) > '9') return wrong(p, "missing number");
    for (*out = 0; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = 10 * *out + (peek(p) - '0');
        if (*out > PAL_GRAMMAR_OPS) return fail(p, PAL_E_UNSUPPORTED, "the grammar is too large", p->at);
    }
    return true;
}

static bool is_repetition(int c)
{
    return c == '*' || c == '+' || c == '?' || c == '{';
}

/* `{3}`, `{3,}` or `{3,5}`. */
static bool read_counts(parser *p, int32_t *min, int32_t *max)
{
    size_t begin = p->at++;
    skip_space(p, false);
    if (!read_number(p, min)) return false;
    skip_space(p, false);
    *max = *min;
    if (peek(p) == ',') {
        p->at++;
        skip_space(p, false);
        *max = -1;
        if (peek(p) != '}' && !read_number(p, max)) return false;
        skip_space(p, false);
    }
    if (peek(p) != '}') return wrong(p, "missing closing brace of a repetition");
    if (*max >= 0 && *max < *min) return fail(p, PAL_E_TEXT, "the minimum of a repetition is above its maximum", begin);
    p->at++;
    return true;
}

/* Reads an optional repetition after the item that begins at op `from`. */
static bool read_repetition(parser *p, size_t from)
{
    int32_t min = peek(p) == '+' ? 1 : 0, max = peek(p) == '?' ? 1 : -1;
    if (!is_repetition(peek(p))) return true;
    if (peek(p) != '{')
        p->at++;
    else if (!read_counts(p, &min, &max))
        return false;
    skip_space(p, p->depth > 0);
    if (is_repetition(peek(p))) return wrong(p, "a repetition cannot be repeated directly: put it in parentheses");
    return repeat(p, from, min, max);
}

/* ---- rules ------------------------------------------------------------------------------------------ */

static bool read_sequence(parser *p)
{
    for (bool found = true; found;) {
        size_t from = p->g->op_count;
        skip_space(p, p->depth > 0);
        if (!read_item(p, &found)) return false;
        if (!found && is_repetition(peek(p))) return wrong(p, "nothing to repeat before this operator");
        skip_space(p, p->depth > 0);
        if (found && !read_repetition(p, from)) return false;
    }
    return true;
}

/* Whether `name ::=` follows. */
static bool at_rule(parser *p)
{
    size_t at = p->at;
    pal_str name = read_name(p);
    skip_space(p, false);
    bool is_rule = name.size && p->bytes - p->at >= 3 && memcmp(p->text + p->at, "::=", 3) == 0;
    p->at = at;
    return is_rule;
}

/* Skips space after ::= or |, including line breaks; but if the next line begins a rule, this alternative is empty and
 * nothing is skipped. */
static void skip_to_item(parser *p)
{
    size_t at = p->at;
    skip_space(p, true);
    if (p->depth == 0 && at_rule(p)) p->at = at;
}

/* Whether a | follows, perhaps on a later line. */
static bool next_alternative(parser *p)
{
    size_t at = p->at;
    skip_space(p, true);
    if (peek(p) == '|') {
        p->at++;
        skip_to_item(p);
        return true;
    }
    p->at = at;
    return false;
}

/* Each alternative except the last has a split before it and, after it, a jump to the end. Until the end is known, the
 * argument of each jump is the distance back to the previous jump (0: none). */
static bool read_alternatives(parser *p)
{
    pal_grammar *g = p->g;
    size_t from = g->op_count, jump = SIZE_MAX;
    skip_space(p, p->depth > 0);
    if (!read_sequence(p)) return false;
    while (next_alternative(p)) {
        if (!insert(p, from, PAL_OP_SPLIT, (int32_t)(g->op_count - from) + 2)) return false;
        if (!emit(p, PAL_OP_JUMP, jump == SIZE_MAX ? 0 : (int32_t)(g->op_count - jump))) return false;
        jump = g->op_count - 1;
        from = g->op_count;
        if (!read_sequence(p)) return false;
    }
    while (jump != SIZE_MAX) {
        size_t before = g->ops[jump].arg ? jump - (size_t)g->ops[jump].arg : SIZE_MAX;
        g->ops[jump].arg = (int32_t)(g->op_count - jump);
        jump = before;
    }
    return true;
}

static bool read_rule(parser *p)
{
    size_t begin = p->at;
    if (!at_rule(p)) return wrong(p, "expected a rule here: name ::= ...");
    int32_t rule = find_rule(p, read_name(p));
    if (rule < 0) return false;
    if (p->g->rules[rule].start >= 0) return fail(p, PAL_E_TEXT, "this rule is already defined", begin);
    p->g->rules[rule].start = (int32_t)p->g->op_count;
    p->g->rules[rule].at = (uint32_t)begin;
    skip_space(p, false);
    p->at += 3;
    skip_to_item(p);
    if (!read_alternatives(p) || !emit(p, PAL_OP_END, 0)) return false;
    if (p->at < p->bytes && peek(p) != '\n' && peek(p) != '\r') return wrong(p, "unexpected character in a rule");
    return true;
}

static bool read_all(parser *p)
{
    static const pal_str root = {"root", 4};
    for (skip_space(p, true); p->at < p->bytes; skip_space(p, true))
        if (!read_rule(p)) return false;
    p->g->root = -1;
    for (size_t i = 0; i < p->g->rule_count; i++)
        if (pal_str_is(p->g->rules[i].name, root.data)) p->g->root = (int32_t)i;
    if (p->g->root < 0) return fail(p, PAL_E_TEXT, "there is no rule named root", p->bytes);
    return true;
}

pal_status pal_grammar_open(pal_grammar **out, const char *text, size_t bytes, pal_error *err)
{
    parser p = {.text = text, .bytes = bytes};
    if (bytes > PAL_MAX_GRAMMAR_TEXT)
        return pal_fail(err, PAL_E_UNSUPPORTED, "the grammar is larger than 1 MiB", PAL_MAX_GRAMMAR_TEXT);
    p.g = calloc(1, sizeof *p.g);
    if (!p.g) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the grammar", SIZE_MAX);
    if (read_all(&p) && pal_grammar_check(p.g, &p.error) == PAL_OK) {
        *out = p.g;
        return PAL_OK;
    }
    pal_grammar_close(p.g);
    return pal_fail(err, p.error.status, p.error.text, p.error.offset);
}

void pal_grammar_close(pal_grammar *grammar)
{
    if (!grammar) return;
    free(grammar->ops);
    free(grammar->rules);
    free(grammar->rows);
    free(grammar->row_hash);
    free(grammar);
}
