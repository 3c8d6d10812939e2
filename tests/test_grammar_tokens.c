/* test_grammar_tokens.c - grammars: limits, the mask of tokens, saved states, hostile grammars. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "grammar_texts.h"

/* ---- limits ----------------------------------------------------------------------------------------- */

/* A grammar of `count` times `each` between begin and end. */
static pal_status open_repeated(const char *begin, const char *each, size_t count, const char *end, pal_error *err)
{
    size_t bytes = strlen(begin) + count * strlen(each) + strlen(end) + 1;
    char *text = malloc(bytes), *at = text;
    pal_grammar *g = NULL;
    assert_non_null(text);
    at += sprintf(at, "%s", begin);
    for (size_t i = 0; i < count; i++) at += sprintf(at, "%s", each);
    strcpy(at, end);
    pal_status status = pal_grammar_open(&g, text, strlen(text), err);
    pal_grammar_close(g);
    free(text);
    return status;
}

static void grammars_above_the_limits_are_refused_and_at_them_are_not(void **state)
{
    (void)state;
    pal_error err = {0};
    assert_int_equal(open_repeated("root ::= ", "(", 64,
                                   "\"a\" ))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))", &err),
                     PAL_OK);
    assert_int_equal(open_repeated("root ::= ", "(", 65, "", &err), PAL_E_UNSUPPORTED);
    assert_int_equal(err.offset, 9 + 64);
    assert_int_equal(open_repeated("root ::= [", "a-b", 512, "]", &err), PAL_OK);
    assert_int_equal(open_repeated("root ::= [", "a-b", 513, "]", &err), PAL_E_TEXT);
    assert_int_equal(open_repeated("root ::= \"", "a", 32767, "\"", &err), PAL_OK);
    assert_int_equal(open_repeated("root ::= \"", "a", 32768, "\"", &err), PAL_E_UNSUPPORTED);
    assert_int_equal(open_repeated("root ::= ((\"a\"{200}){200}){200}", "", 0, "", &err), PAL_E_UNSUPPORTED);
    assert_int_equal(open_repeated("root ::= ((\"\"{32768}){32768}){32768}", "", 0, "", &err), PAL_OK);
    assert_int_equal(open_repeated("root ::= \"a\"#", "x", PAL_MAX_GRAMMAR_TEXT - 13, "", &err), PAL_OK);
    assert_int_equal(open_repeated("root ::= \"a\"#", "x", PAL_MAX_GRAMMAR_TEXT - 12, "", &err), PAL_E_UNSUPPORTED);
}

static void rules_and_classes_above_their_number_are_refused(void **state)
{
    (void)state;
    static char text[400000];
    pal_grammar *g = NULL;
    pal_error err = {0};
    for (int rules = 1023; rules <= 1024; rules++) { /* and root */
        size_t at = (size_t)sprintf(text, "root ::= \"a\"\n");
        for (int i = 0; i < rules; i++) at += (size_t)sprintf(text + at, "r%d ::= \"b\"\n", i);
        assert_int_equal(pal_grammar_open(&g, text, at, &err), rules == 1023 ? PAL_OK : PAL_E_UNSUPPORTED);
        if (rules == 1023) pal_grammar_close(g);
    }
    size_t at = (size_t)sprintf(text, "root ::=");
    for (unsigned i = 0; i < 1100; i++) /* each needs a row of its own for its last bytes, and more */
        at +=
            (size_t)sprintf(text + at, " [\\u%04x\\u%04x\\u%04x]", 0x4000 + i, 0x4000 + 3 * i + 7, 0x4000 + 7 * i + 5);
    assert_int_equal(pal_grammar_open(&g, text, at, &err), PAL_E_UNSUPPORTED);
    assert_true(strstr(err.text, "classes") != NULL);
}

/* Every way to read the a's is another stack of pending b's and c's: each a doubles their number. */
static void ways_that_explode_are_an_error_and_the_text_stays(void **state)
{
    (void)state;
    opened o;
    uint8_t allowed[256];
    int32_t count;
    pal_error err = {0};
    open_grammar(&o, "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"a\"");
    size_t at = 0;
    pal_status status;
    while ((status = pal_grammar_accept_bytes(o.run, "a", 1, &err)) == PAL_OK) at++;
    assert_int_equal(status, PAL_E_UNSUPPORTED);
    if (at < 6 || at > 16) fail_msg("%zu", at);
    assert_int_equal(pal_grammar_accept_bytes(o.run, "bcbcbc", 6, &err), PAL_OK);
    status = pal_grammar_mask(o.run, NULL, 0, allowed, &count, &err);
    assert_int_equal(status, PAL_OK);
    assert_true(allowed['b'] && allowed['c'] && !allowed['a']);
    close_grammar(&o);
}

static void nesting_is_deep_and_its_end_an_error(void **state)
{
    (void)state;
    opened o;
    pal_error err = {0};
    size_t depth = 0;
    open_grammar(&o, "root ::= \"[\" root \"]\" | \"x\"");
    while (pal_grammar_accept_bytes(o.run, "[", 1, &err) == PAL_OK) depth++;
    assert_true(depth >= 2000 && depth < PAL_GRAMMAR_WORDS);
    assert_int_equal(pal_grammar_accept_bytes(o.run, "[", 1, &err), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_grammar_accept_bytes(o.run, "x", 1, &err), PAL_OK);
    for (size_t i = 0; i < depth; i++) {
        assert_false(pal_grammar_may_end(o.run));
        assert_int_equal(pal_grammar_accept_bytes(o.run, "]", 1, &err), PAL_OK);
    }
    assert_true(pal_grammar_may_end(o.run));
    close_grammar(&o);
}

/* Right recursion at the end of a rule needs no stack: the state does not grow. */
static void lists_written_with_right_recursion_need_no_stack(void **state)
{
    (void)state;
    opened o;
    open_grammar(&o, "root ::= item rest\nrest ::= (\",\" item rest)?\nitem ::= [0-9]+");
    assert_int_equal(pal_grammar_accept_bytes(o.run, "1,", 2, NULL), PAL_OK);
    size_t bytes = pal_grammar_state_bytes(pal_grammar_state_of(o.run));
    for (int i = 0; i < 20000; i++) assert_int_equal(pal_grammar_accept_bytes(o.run, "23,", 3, NULL), PAL_OK);
    assert_int_equal(pal_grammar_state_bytes(pal_grammar_state_of(o.run)), bytes);
    close_grammar(&o);
}

/* ---- tokens ----------------------------------------------------------------------------------------- */

enum { VOCAB = 700, END_A = 3, END_B = 690 };

/* All bytes, and pieces of some of a source's bytes; a few are empty, and some the same as others. */
static pal_str *make_vocabulary(const char *source, size_t bytes, uint32_t test)
{
    pal_str *texts = calloc(VOCAB, sizeof *texts);
    assert_non_null(texts);
    for (int32_t id = 0; id < VOCAB; id++) {
        size_t n = below(test, 3 * (uint32_t)id, 9), at = below(test, 3 * (uint32_t)id + 1, (uint32_t)bytes);
        if (n > bytes - at) n = bytes - at;
        texts[id] = (pal_str){source + at, n};
        if (id >= 100 && id < 356) texts[id] = bytes_alone[id - 100];
    }
    return texts;
}

/* Compares the mask with trying every token.  Returns false if there are too many ways to read one of them. */
static bool check_mask(opened *o, const pal_str *texts, uint8_t *allowed)
{
    static pal_grammar_state here;
    const int32_t ends[] = {END_A, END_B};
    int32_t count, expected = 0;
    size_t bytes;
    pal_status status = pal_grammar_mask(o->run, ends, 2, allowed, &count, NULL);
    if (status == PAL_E_UNSUPPORTED) return false;
    assert_int_equal(status, PAL_OK);
    here = *pal_grammar_state_of(o->run);
    bytes = pal_grammar_state_bytes(&here);
    for (int32_t id = 0; id < VOCAB; id++) {
        bool may = texts[id].size && pal_grammar_accept(o->run, id, NULL) == PAL_OK;
        if (id == END_A || id == END_B) may = here.may_end;
        if (may != (allowed[id] != 0)) fail_msg("token %d is %sallowed", id, may ? "" : "not ");
        expected += may;
        assert_int_equal(pal_grammar_restore(o->run, &here, bytes, NULL), PAL_OK);
    }
    assert_int_equal(count, expected);
    return true;
}

/* Writes a text of random allowed tokens, and compares the mask at each.  Returns how many masks it compared. */
static int32_t write_and_check(opened *o, const pal_str *texts, int32_t length, uint32_t test)
{
    uint8_t allowed[VOCAB];
    for (int32_t i = 0; i < length; i++) {
        int32_t able[VOCAB], n = 0;
        if (!check_mask(o, texts, allowed)) return i;
        for (int32_t id = 0; id < VOCAB; id++)
            if (allowed[id] && id != END_A && id != END_B) able[n++] = id;
        if (n == 0) return i + 1;
        int32_t id = able[below(test, 5000 + (uint32_t)i, (uint32_t)n)];
        assert_int_equal(pal_grammar_accept(o->run, id, NULL), PAL_OK);
    }
    return length;
}

static void mask_of_random_vocabularies_is_what_each_token_by_itself_gives(void **state)
{
    (void)state;
    golden g = open_golden();
    int32_t masks = 0;
    for (uint32_t i = 0; i < g.grammars; i++) {
        pal_str source = take_text(&g);
        const char *first = (const char *)g.at;
        uint32_t texts = take_number(&g);
        for (uint32_t n = texts; n > 0; n--) {
            take_text(&g);
            g.at += 5;
        }
        size_t bytes = (size_t)((const char *)g.at - first);
        if (i % 16) continue; /* a few are enough */
        opened o;
        open_text(&o, source.data, source.size); /* for bytes_alone, too */
        free(o.bench.block);
        pal_str *vocabulary = make_vocabulary(first, bytes, i);
        place(&o, vocabulary, VOCAB);
        masks += write_and_check(&o, vocabulary, i == 0 ? 60 : 12, i);
        close_grammar(&o);
        free(vocabulary);
    }
    if (masks < 150) fail_msg("%d masks", masks);
    pal_file_unmap(&g.file);
}

static void mask_where_no_token_fits_is_an_error_of_its_own(void **state)
{
    (void)state;
    const pal_str texts[] = {{"a", 1}, {"", 0}, {"bc", 2}};
    const int32_t end = 1;
    uint8_t allowed[3];
    int32_t count;
    pal_error err = {0};
    opened o;
    o.grammar = compile("root ::= \"ab\" \"c\"?", 18);
    place(&o, texts, 3);
    assert_int_equal(pal_grammar_mask(o.run, &end, 1, allowed, &count, &err), PAL_OK);
    assert_true(count == 1 && allowed[0] && !allowed[1] && !allowed[2]);
    assert_int_equal(pal_grammar_accept(o.run, 0, &err), PAL_OK);
    assert_int_equal(pal_grammar_mask(o.run, &end, 1, allowed, &count, &err), PAL_OK);
    assert_true(count == 1 && allowed[2]);
    assert_int_equal(pal_grammar_accept(o.run, 0, &err), PAL_E_OPTION);
    assert_int_equal(pal_grammar_accept(o.run, 2, &err), PAL_OK);
    assert_int_equal(pal_grammar_mask(o.run, &end, 1, allowed, &count, &err), PAL_OK);
    assert_true(count == 1 && allowed[1]); /* only the end */
    assert_int_equal(pal_grammar_mask(o.run, NULL, 0, allowed, &count, &err), PAL_OK);
    assert_int_equal(count, 0); /* the text is complete, and there is no end token */
    close_grammar(&o);
    o.grammar = compile("root ::= \"x\"", 12);
    place(&o, texts, 3);
    assert_int_equal(pal_grammar_mask(o.run, &end, 1, allowed, &count, &err), PAL_E_OPTION);
    assert_true(strstr(err.text, "no token of this vocabulary") != NULL);
    close_grammar(&o);
}

static void tokens_of_parts_of_characters_are_joined(void **state)
{
    (void)state;
    const pal_str texts[] = {{"\xE2", 1}, {"\x82", 1}, {"\xAC", 1}, {"\xAD", 1}, {"\xE2\x82", 2}, {"\xE3", 1}};
    uint8_t allowed[6];
    const uint8_t start[] = {1, 0, 0, 0, 1, 0}, middle[] = {0, 0, 1, 0, 0, 0};
    int32_t count;
    opened o;
    o.grammar = compile("root ::= \"\xE2\x82\xAC\"", 14);
    place(&o, texts, 6);
    assert_int_equal(pal_grammar_mask(o.run, NULL, 0, allowed, &count, NULL), PAL_OK);
    assert_memory_equal(allowed, start, sizeof start);
    assert_int_equal(pal_grammar_accept(o.run, 4, NULL), PAL_OK);
    assert_int_equal(pal_grammar_mask(o.run, NULL, 0, allowed, &count, NULL), PAL_OK);
    assert_memory_equal(allowed, middle, sizeof middle);
    close_grammar(&o);
}

static void vocabulary_without_any_text_is_no_trouble(void **state)
{
    (void)state;
    const pal_str texts[] = {{"", 0}, {"", 0}};
    uint8_t allowed[2];
    int32_t count;
    opened o;
    o.grammar = compile("root ::= \"x\"?", 13);
    place(&o, texts, 2);
    assert_int_equal(pal_grammar_mask(o.run, NULL, 0, allowed, &count, NULL), PAL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(pal_grammar_accept(o.run, 1, NULL), PAL_OK);
    assert_int_equal(pal_grammar_accept_bytes(o.run, "x", 1, NULL), PAL_OK);
    close_grammar(&o);
}

/* ---- states ----------------------------------------------------------------------------------------- */

static const char brackets[] = "root ::= x*\nx ::= \"(\" x* \")\" | \"[\" x* \"]\" | [a-z\xC3\xA9]";

static void state_saved_and_restored_goes_on_as_before(void **state)
{
    (void)state;
    static const char text[] = "(a[\xC3\xA9(]b)";
    static pal_grammar_state saved[sizeof text];
    opened o;
    bool inside;
    open_grammar(&o, brackets);
    for (size_t at = 0; at + 1 < sizeof text; at++) {
        saved[at] = *pal_grammar_state_of(o.run);
        if (pal_grammar_accept_bytes(o.run, text + at, 1, NULL)) break;
    }
    size_t known = taken(&o, text, sizeof text - 1, &inside);
    assert_int_equal(known, 6); /* the ( is not closed by ] */
    for (size_t from = known; from-- > 0;) {
        opened other;
        open_grammar(&other, brackets);
        size_t bytes = pal_grammar_state_bytes(&saved[from]);
        assert_int_equal(pal_grammar_restore(other.run, &saved[from], bytes, NULL), PAL_OK);
        assert_memory_equal(pal_grammar_state_of(other.run), &saved[from], bytes);
        assert_int_equal(pal_grammar_accept_bytes(other.run, text + from, known - from, NULL), PAL_OK);
        assert_memory_equal(pal_grammar_state_of(other.run), &saved[known], pal_grammar_state_bytes(&saved[known]));
        assert_int_equal(pal_grammar_accept_bytes(other.run, "]", 1, NULL), PAL_E_OPTION);
        close_grammar(&other);
    }
    close_grammar(&o);
}

/* Flips each bit of a state, and tries every length: it is refused, or the state can be used. */
static void damaged_state_is_refused_or_harmless(void **state)
{
    (void)state;
    static pal_grammar_state s, before;
    uint8_t allowed[256];
    int32_t count, refused = 0;
    opened o;
    open_grammar(&o, brackets);
    assert_int_equal(pal_grammar_accept_bytes(o.run, "(([a\xC3", 5, NULL), PAL_OK);
    s = before = *pal_grammar_state_of(o.run);
    size_t bytes = pal_grammar_state_bytes(&s);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        ((unsigned char *)&s)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        pal_status status = pal_grammar_restore(o.run, &s, bytes, NULL);
        ((unsigned char *)&s)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (status) {
            assert_int_equal(status, PAL_E_FORMAT);
            assert_memory_equal(pal_grammar_state_of(o.run), &before, bytes);
            refused++;
        } else {
            pal_grammar_mask(o.run, NULL, 0, allowed, &count, NULL);
            pal_grammar_accept_bytes(o.run, "\xA9)])", 4, NULL);
            assert_int_equal(pal_grammar_restore(o.run, &before, bytes, NULL), PAL_OK);
        }
    }
    assert_true(refused > (int32_t)bytes);
    for (size_t n = 0; n < bytes; n++) {
        assert_int_equal(pal_grammar_restore(o.run, &s, n, NULL), PAL_E_FORMAT);
        assert_memory_equal(pal_grammar_state_of(o.run), &before, bytes);
    }
    close_grammar(&o);
}

/* Walks that fill the cache repeatedly give the same results as an empty cache. */
static void a_full_cache_changes_nothing(void **state)
{
    (void)state;
    uint8_t allowed[256], again[256];
    int32_t count, fresh_count;
    opened o, fresh;
    open_grammar(&o, brackets);
    open_grammar(&fresh, brackets);
    for (uint32_t i = 0; i < 6000; i++) {
        uint32_t byte = below(99, i, 4) ? (uint32_t) "(["[below(98, i, 2)] : (uint32_t) ")]"[below(97, i, 2)];
        char c = (char)byte;
        pal_grammar_accept_bytes(o.run, &c, 1, NULL); /* what does not fit is refused */
        if (i % 100) continue;
        const pal_grammar_state *here = pal_grammar_state_of(o.run);
        assert_int_equal(pal_grammar_restore(fresh.run, here, pal_grammar_state_bytes(here), NULL), PAL_OK);
        assert_int_equal(pal_grammar_mask(o.run, NULL, 0, allowed, &count, NULL), PAL_OK);
        assert_int_equal(pal_grammar_mask(fresh.run, NULL, 0, again, &fresh_count, NULL), PAL_OK);
        assert_int_equal(count, fresh_count);
        assert_memory_equal(allowed, again, sizeof allowed);
    }
    close_grammar(&fresh);
    close_grammar(&o);
}

/* ---- hostile grammars ------------------------------------------------------------------------------- */

/* Opens the grammar and, if it is valid, writes a short text with it. */
static void try_grammar(const char *text, size_t bytes)
{
    pal_grammar *g = NULL;
    pal_error err = {0};
    char *exact = malloc(bytes + 1); /* of exactly its size, so that a read past its end is found */
    assert_non_null(exact);
    memcpy(exact + 1, text, bytes);
    if (pal_grammar_open(&g, exact + 1, bytes, &err)) {
        assert_true(g == NULL && err.text != NULL && err.offset <= bytes);
    } else {
        pal_grammar_close(g);
    }
    free(exact);
}

static void truncated_and_mutated_grammars_are_refused_or_harmless(void **state)
{
    (void)state;
    golden g = open_golden();
    static const char signs[] = "\"[](){}|*+?#\\^-:=. \n\x80\xE2"
                                "a0,";
    for (uint32_t i = 0; i < 60; i++) {
        pal_str source = take_text(&g);
        char *text = malloc(source.size + 1);
        assert_non_null(text);
        memcpy(text, source.data, source.size);
        for (size_t n = 0; n < source.size; n++) {
            char kept = text[n];
            try_grammar(text, n);
            text[n] = signs[below(i, (uint32_t)n, sizeof signs - 1)];
            try_grammar(text, source.size);
            text[n] = (char)(kept ^ (1 << below(i, 5000 + (uint32_t)n, 8)));
            try_grammar(text, source.size);
            text[n] = kept;
        }
        free(text);
        for (uint32_t n = take_number(&g); n > 0; n--) {
            take_text(&g);
            g.at += 5;
        }
    }
    pal_file_unmap(&g.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammars_above_the_limits_are_refused_and_at_them_are_not),
        cmocka_unit_test(rules_and_classes_above_their_number_are_refused),
        cmocka_unit_test(ways_that_explode_are_an_error_and_the_text_stays),
        cmocka_unit_test(nesting_is_deep_and_its_end_an_error),
        cmocka_unit_test(lists_written_with_right_recursion_need_no_stack),
        cmocka_unit_test(mask_of_random_vocabularies_is_what_each_token_by_itself_gives),
        cmocka_unit_test(mask_where_no_token_fits_is_an_error_of_its_own),
        cmocka_unit_test(tokens_of_parts_of_characters_are_joined),
        cmocka_unit_test(vocabulary_without_any_text_is_no_trouble),
        cmocka_unit_test(state_saved_and_restored_goes_on_as_before),
        cmocka_unit_test(damaged_state_is_refused_or_harmless),
        cmocka_unit_test(a_full_cache_changes_nothing),
        cmocka_unit_test(truncated_and_mutated_grammars_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
