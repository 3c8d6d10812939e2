/* test_grammar.c - grammars: the texts that they allow, against an Earley parser and Python's json
 * (tests/golden/decode/grammar.bin, made by tools/make_decode_golden.py); errors and their positions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "grammar_texts.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool holds(opened *o, const char *text)
{
    bool inside;
    taken(o, text, strlen(text), &inside);
    return inside;
}

static void expect_texts(const char *grammar, const char *const *in, const char *const *out)
{
    opened o;
    open_grammar(&o, grammar);
    for (; *in; in++)
        if (!holds(&o, *in)) fail_msg("not in the language: %s", *in);
    for (; *out; out++)
        if (holds(&o, *out)) fail_msg("in the language: %s", *out);
    close_grammar(&o);
}

#define IN(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define OUT(...) IN(__VA_ARGS__)

/* ---- the golden file -------------------------------------------------------------------------------- */

/* The same text in tokens of several bytes: the first refused token has the first wrong byte, the state equals that
 * after single bytes, and a refusal changes nothing. */
static void check_tokens(opened *o, pal_str text, size_t viable, uint32_t test)
{
    static pal_grammar_state before;
    pal_error err = {0};
    size_t at = 0;
    pal_grammar_restart(o->run);
    for (uint32_t draw = 0; at < text.size; draw++) {
        size_t n = 1 + below(test, draw, 6);
        if (n > text.size - at) n = text.size - at;
        before = *pal_grammar_state_of(o->run);
        pal_status status = pal_grammar_accept_bytes(o->run, text.data + at, n, &err);
        if (at + n > viable) {
            assert_int_equal(status, PAL_E_OPTION);
            assert_int_equal(err.offset, viable - at);
            assert_memory_equal(&before, pal_grammar_state_of(o->run), pal_grammar_state_bytes(&before));
            return;
        }
        assert_int_equal(status, PAL_OK);
        at += n;
    }
}

/* false: too many ways to read it. */
static bool check_text(opened *o, pal_str text, int32_t viable, bool expected, uint32_t test)
{
    static pal_grammar_state last;
    bool inside;
    size_t at = taken(o, text.data, text.size, &inside);
    if (at == SIZE_MAX) return false;
    last = *pal_grammar_state_of(o->run);
    if (inside != expected || (viable >= 0 && at != (size_t)viable))
        fail_msg("%s, %zu bytes, not %d, of: %.*s", inside ? "inside" : "outside", at, viable, (int)text.size,
                 text.data);
    check_tokens(o, text, at, test);
    if (at == text.size) assert_memory_equal(&last, pal_grammar_state_of(o->run), pal_grammar_state_bytes(&last));
    return true;
}

static void texts_of_golden_grammars_are_those_of_the_reference(void **state)
{
    (void)state;
    golden g = open_golden();
    uint32_t test = 0, inside = 0, too_many = 0;
    assert_int_equal(g.grammars, 500);
    for (uint32_t i = 0; i < g.grammars; i++) {
        pal_str source = take_text(&g);
        opened o;
        open_text(&o, source.data, source.size);
        for (uint32_t n = take_number(&g); n > 0; n--, test++) {
            pal_str text = take_text(&g);
            int32_t viable = (int32_t)take_number(&g);
            inside += *g.at;
            too_many += !check_text(&o, text, viable, *g.at++ != 0, test);
        }
        close_grammar(&o);
    }
    assert_true(g.at == (const unsigned char *)g.file.data + g.file.size);
    if (test < 7000 || inside < 1000 || too_many > 20)
        fail_msg("%u texts, %u inside, %u with too many ways", test, inside, too_many);
    pal_file_unmap(&g.file);
}

/* A JSON text can be completed from every position in it: none of its prefixes is refused. */
static void json_of_many_kinds_is_written_and_ends_where_it_may(void **state)
{
    (void)state;
    opened o;
    golden g = open_golden();
    pal_str json = take_text(&g);
    open_text(&o, json.data, json.size);
    assert_true(holds(&o, " {\"a\": [1, -2.5e+7, true, null, \"\\u00e9\\n\"], \"\": {}} \n"));
    assert_true(holds(&o, "\"\xF0\x9F\x98\x80\x7F\""));
    assert_false(holds(&o, "[1 2]"));
    assert_false(holds(&o, "\"\x01\""));
    assert_false(holds(&o, "\"\xED\xA0\x80\""));
    assert_false(holds(&o, "{\"a\": 01}"));
    close_grammar(&o);
    pal_file_unmap(&g.file);
}

/* ---- the notation ----------------------------------------------------------------------------------- */

static void grammars_by_hand_hold_their_texts(void **state)
{
    (void)state;
    expect_texts("root ::= \"yes\" | \"no\"", IN("yes", "no"), OUT("", "y", "yesno", "maybe"));
    expect_texts("root::=\"a\"*#comment", IN("", "a", "aaaa"), OUT("b", "ab"));
    expect_texts("root ::= \"ab\"+ \"c\"?", IN("ab", "abc", "ababc"), OUT("", "c", "a", "abcc"));
    expect_texts("root ::= [a-c]{2,3} | [0-9]{4} | \"x\"{2,}", IN("ab", "cba", "1234", "xx", "xxxxx"),
                 OUT("a", "abca", "123", "12345", "x", ""));
    expect_texts("root ::= (\"a\" | \"b\" \"c\"){2}", IN("aa", "abc", "bca", "bcbc"), OUT("a", "bb", "aaa"));
    expect_texts("root ::= \"a\" root \"b\" | \"\"", IN("", "ab", "aaabbb"), OUT("a", "aab", "ba"));
    expect_texts("root ::= [^a-c\\]\\n]", IN("d", "[", "\xC3\xA9", "\xF4\x8F\xBF\xBF"), OUT("a", "]", "\n", "", "dd"));
    expect_texts("root ::= .", IN("a", "\n", "\xE4\xB8\xAD"), OUT("", "ab", "\xE4\xB8", "\xFF", "\xC0\x80"));
    expect_texts("root ::= [a-]\"-\"[-z]", IN("a--", "--z"), OUT("b--"));
    expect_texts("root ::= \"\\x41\\u00e9\\U0001F600\\\"\\\\\\t\"", IN("A\xC3\xA9\xF0\x9F\x98\x80\"\\\t"), OUT("A"));
    expect_texts("root ::= \"\\\\\" [\\^\\-\\[\\]\\\\]", IN("\\^", "\\-", "\\[", "\\]", "\\\\"), OUT("\\a"));
    expect_texts("root ::= a-1 b_2\na-1 ::= \"x\"\n\n  b_2 ::=\n \"y\" |\n \"z\"\n | \"w\" # end", IN("xy", "xz", "xw"),
                 OUT("x", "y", "xyz"));
    expect_texts("empty ::=\nroot ::= empty \"a\" empty ( )\nlast ::= | \"b\" |\nmore ::= \"c\"", IN("a"),
                 OUT("", "ac"));
    expect_texts("root ::= (\"a\"*)* (\"\"*)+ (\"b\"?){3}", IN("", "aa", "abbb"), OUT("abbbb", "ba"));
    expect_texts("root ::= \"a\"{0} \"b\"{0,0} \"c\"", IN("c"), OUT("a", "ac", "b"));
    expect_texts("root ::= \"a\" \r\n", IN("a"), OUT(""));
    expect_texts("root ::= x x\nx ::= \"a\" x | \"a\"", IN("aa", "aaaaaaaaaaaaaaaa"), OUT("a", ""));
}

typedef struct {
    const char *text;
    size_t at;
    const char *why; /* a part of it */
} mistake;

static const mistake mistakes[] = {
    {"", 0, "root"},
    {"# nothing\n", 10, "root"},
    {"rot ::= \"a\"", 11, "root"},
    {"root ::= \"a", 9, "closing quote"},
    {"root ::= \"a\n\"", 11, "line break"},
    {"root ::= \"\\q\"", 10, "escape"},
    {"root ::= \"\\", 10, "escape"},
    {"root ::= \"\\x4\"", 13, "hexadecimal"},
    {"root ::= \"\\uD800\"", 10, "not a valid Unicode character"},
    {"root ::= \"\\U00110000\"", 10, "not a valid Unicode character"},
    {"root ::= \"a\xFF\"", 11, "UTF-8"},
    {"root ::= [a", 9, "closing bracket"},
    {"root ::= []", 9, "empty character class"},
    {"root ::= [^]", 9, "empty character class"},
    {"root ::= [^\\x00-\\U0010FFFF]", 9, "empty character class"},
    {"root ::= [z-a]", 10, "ends before it begins"},
    {"root ::= (\"a\"", 9, "closing parenthesis"},
    {"root ::= (\"a\" ]", 14, "unexpected character"},
    {"root ::= \"a\")", 12, "unexpected character"},
    {"root ::= *", 9, "nothing to repeat"},
    {"root ::= \"b\" | {2}", 15, "nothing to repeat"},
    {"root ::= \"a\"**", 13, "repetition cannot be repeated"},
    {"root ::= \"a\"{", 13, "missing number"},
    {"root ::= \"a\"{,3}", 13, "missing number"},
    {"root ::= \"a\"{1", 14, "closing brace"},
    {"root ::= \"a\"{3,2}", 12, "above its maximum"},
    {"root ::= \"a\"{99999}", 17, "too large"},
    {"root = \"a\"", 0, "expected a rule"},
    {"root ::= \"a\"\n\"b\"", 13, "expected a rule"},
    {"::= \"a\"", 0, "expected a rule"},
    {"root ::= \"a\" %", 13, "unexpected character"},
    {"root ::= \"a\" b", 13, "not defined"},
    {"root ::= \"a\"\nroot ::= \"b\"", 13, "already defined"},
    {"root ::= root \"a\" | \"b\"", 0, "left recursion"},
    {"root ::= \"a\" x\nx ::= y? z\ny ::= \"b\"\nz ::= \"\" x | \"c\"", 15, "left recursion"},
    {"root ::= (x)* \"a\"\nx ::= \"\"* root", 0, "left recursion"},
    {"root ::= \"a\" root", 0, "never end"},
    {"root ::= \"a\" | x\nx ::= \"b\" x \"c\"", 17, "never end"},
};

static void mistakes_in_grammars_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        const mistake *m = &mistakes[i];
        pal_grammar *g = NULL;
        pal_error err = {0};
        pal_status status = pal_grammar_open(&g, m->text, strlen(m->text), &err);
        if (status == PAL_OK) fail_msg("not refused: %s", m->text);
        assert_true(g == NULL && (status == PAL_E_TEXT || strstr(m->why, "large") != NULL));
        if (err.offset != m->at || !strstr(err.text, m->why))
            fail_msg("byte %zu, not %zu: %s: %s", err.offset, m->at, err.text, m->text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_golden_grammars_are_those_of_the_reference),
        cmocka_unit_test(json_of_many_kinds_is_written_and_ends_where_it_may),
        cmocka_unit_test(grammars_by_hand_hold_their_texts),
        cmocka_unit_test(mistakes_in_grammars_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
