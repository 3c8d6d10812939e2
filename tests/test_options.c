/* test_options.c - the table of options: its rows are consistent and agree with palimpsest.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../src/core/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The texts of the rows, and how core/options.c interprets them. */
typedef struct {
    const char *name, *where, *note, *help;
} words;

#define WORDS(where, name, field, kind, range, standard, note, help) {name, #where, note, help},

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const words infill[] = {PAL_INFILL_ROWS(WORDS)}, generate[] = {PAL_GENERATE_ROWS(WORDS)},
                   sequence[] = {PAL_SEQUENCE_ROWS(WORDS)}, score[] = {PAL_SCORE_ROWS(WORDS)},
                   image[] = {PAL_IMAGE_ROWS(WORDS)}, likelihood[] = {PAL_LIKELIHOOD_ROWS(WORDS)};

static const struct {
    const pal_options *table;
    const words *words;
    size_t count;
} tables[] = {
    {&pal_infill_table, infill, COUNT(infill)},       {&pal_generate_table, generate, COUNT(generate)},
    {&pal_sequence_table, sequence, COUNT(sequence)}, {&pal_score_table, score, COUNT(score)},
    {&pal_image_table, image, COUNT(image)},          {&pal_likelihood_table, likelihood, COUNT(likelihood)},
};

/* Any of the structs. */
typedef union {
    pal_infill_options infill;
    pal_generate_options generate;
    pal_sequence_options sequence;
    pal_score_options score;
    pal_image_options image;
    pal_likelihood_options likelihood;
} any_options;

static bool is_kebab_case(const char *name)
{
    for (const char *c = name; *c; c++) {
        const bool letter = islower((unsigned char)*c) || isdigit((unsigned char)*c);
        if (!letter && !(*c == '-' && c > name && c[-1] != '-' && c[1])) return false;
    }
    return islower((unsigned char)*name);
}

static void names_are_unique_and_kebab_case_and_explained(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++) {
        assert_int_equal(tables[t].count, tables[t].table->count);
        for (size_t i = 0; i < tables[t].count; i++) {
            const words *w = &tables[t].words[i];
            if (!is_kebab_case(w->name)) fail_msg("%s", w->name);
            if (strlen(w->help) < 8 || strlen(w->help) > 120 || strchr(w->help, '\n')) fail_msg("help of %s", w->name);
            if (*w->note && (*w->note != ' ' || !strchr(w->note, '('))) fail_msg("note of %s", w->name);
            for (size_t j = 0; j < i; j++) assert_true(strcmp(w->name, tables[t].words[j].name) != 0);
        }
    }
}

static size_t size_of(uint8_t kind)
{
    return kind == PAL_OPTION_FLAG                                ? sizeof(bool)
           : kind == PAL_OPTION_NUMBER || kind == PAL_OPTION_SEED ? sizeof(uint64_t)
                                                                  : sizeof(int32_t);
}

static void fields_lie_in_their_struct_and_apart(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const pal_option *row = &tables[t].table->rows[i];
            const size_t end = row->offset + size_of(row->kind);
            assert_true(end <= tables[t].table->bytes);
            for (size_t j = 0; j < i; j++) {
                const pal_option *other = &tables[t].table->rows[j];
                assert_true(other->offset >= end || row->offset >= other->offset + size_of(other->kind));
            }
        }
}

static void defaults_are_what_rows_say_and_good(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++) {
        any_options o;
        memset(&o, 0xa5, sizeof o);
        pal_options_default(tables[t].table, &o);
        for (size_t i = 0; i < tables[t].count; i++) {
            const pal_option *row = &tables[t].table->rows[i];
            if (!(pal_option_get(row, &o) == row->standard)) fail_msg("default of %s", tables[t].words[i].name);
            assert_true(!row->range == !row->must && !(row->min > row->max));
        }
        assert_int_equal(pal_options_check(tables[t].table, &o, NULL), PAL_OK);
    }
}

static double step_of(const pal_option *row, double x)
{
    return row->kind == PAL_OPTION_NUMBER ? 1e-9 * (1.0 + fabs(x)) : 1.0;
}

/* Sets one field and runs the check, whose text must then begin with the option's name. */
static bool takes(size_t table, size_t at, double value)
{
    any_options o;
    pal_error err = {0};
    const pal_option *row = &tables[table].table->rows[at];
    const char *name = tables[table].words[at].name;
    memset(&o, 0, sizeof o);
    pal_options_default(tables[table].table, &o);
    pal_option_set(row, &o, value);
    if (!pal_options_check(tables[table].table, &o, &err)) return true;
    assert_int_equal(err.status, PAL_E_OPTION);
    assert_true(strncmp(err.text, name, strlen(name)) == 0 && strstr(err.text, " must ") == err.text + strlen(name));
    return false;
}

/* The ends of each range, and values just outside; the default may be anywhere. */
static void ranges_end_where_rows_say(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const pal_option *row = &tables[t].table->rows[i];
            if (!row->range) continue;
            const double below = row->min - step_of(row, row->min), above = row->max + step_of(row, row->max);
            const double inside = row->min + step_of(row, row->min), standard = row->standard;
            const char *name = tables[t].words[i].name;
            if (takes(t, i, row->min) != (row->range != PAL_RANGE_ABOVE)) fail_msg("least of %s", name);
            if (takes(t, i, inside) == (row->range == PAL_RANGE_EITHER)) fail_msg("inside of %s", name);
            if (takes(t, i, below) && below != standard && below - 1.0 >= INT32_MIN) fail_msg("below %s", name);
            if (!takes(t, i, standard)) fail_msg("default of %s", name);
            if (isinf(row->max) || (row->kind == PAL_OPTION_INT && above > INT32_MAX)) continue;
            if (!takes(t, i, row->max)) fail_msg("most of %s", name);
            if (takes(t, i, above)) fail_msg("above %s", name);
            if (row->kind == PAL_OPTION_NUMBER) assert_false(takes(t, i, (double)NAN));
        }
}

/* Regression: NaN was converted, which C does not define and WebAssembly traps on. */
static void values_that_do_not_fit_are_the_nearest_that_do(void **state)
{
    (void)state;
    static const struct {
        double given;
        int32_t whole;
        uint32_t count;
        uint64_t seed;
        bool flag;
    } cases[] = {
        {NAN, INT32_MIN, 0, 0, false},
        {INFINITY, INT32_MAX, UINT32_MAX, UINT64_MAX, true},
        {-INFINITY, INT32_MIN, 0, 0, true},
        {2147483647.0, INT32_MAX, INT32_MAX, INT32_MAX, true},
        {2147483648.0, INT32_MAX, 2147483648U, 2147483648U, true},
        {-2147483649.0, INT32_MIN, 0, 0, true},
        {4294967296.0, INT32_MAX, UINT32_MAX, 4294967296U, true},
        {0x1p64, INT32_MAX, UINT32_MAX, UINT64_MAX, true},
        {1e300, INT32_MAX, UINT32_MAX, UINT64_MAX, true},
        {-0.5, 0, 0, 0, true},
        {41.9, 41, 41, 41, true},
        {0.0, 0, 0, 0, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pal_generate_options o = pal_generate_defaults();
        for (size_t at = 0; at < pal_generate_table.count; at++)
            pal_option_set(&pal_generate_table.rows[at], &o, cases[i].given);
        assert_int_equal(o.top_k, cases[i].whole);
        assert_int_equal(o.draft, cases[i].count);
        assert_true(o.seed == cases[i].seed);
        assert_int_equal(o.shift, cases[i].flag);
    }
}

static void values_from_javascript_go_to_their_fields_and_nan_leaves_them(void **state)
{
    (void)state;
    double values[64];
    const uint64_t seed = 0x7ff8000000000001U; /* as a double it is NaN */
    pal_infill_options o = pal_infill_defaults(), same = pal_infill_defaults();
    assert_true(pal_infill_table.count <= COUNT(values));
    for (size_t i = 0; i < COUNT(values); i++) values[i] = (double)NAN;
    memcpy(&values[0], &seed, sizeof seed);
    pal_options_read(&pal_infill_table, values, &o);
    assert_true(o.seed == seed);
    o.seed = 0;
    for (size_t i = 0; i < pal_infill_table.count; i++)
        assert_true(pal_option_get(&pal_infill_table.rows[i], &o) == pal_option_get(&pal_infill_table.rows[i], &same));
    for (size_t i = 1; i < pal_infill_table.count; i++) values[i] = 1.0 + (double)i;
    pal_options_read(&pal_infill_table, values, &o);
    for (size_t i = 1; i < pal_infill_table.count; i++) {
        const pal_option *row = &pal_infill_table.rows[i];
        assert_true(pal_option_get(row, &o) == (row->kind == PAL_OPTION_FLAG ? 1.0 : 1.0 + (double)i));
    }
    assert_true(o.temperature == 4.0 && o.free_max == (int32_t)pal_infill_table.count);
}

static void what_means_the_same_is_the_same_row(void **state)
{
    (void)state;
    int same = 0;
    for (size_t i = 0; i < COUNT(infill); i++)
        for (size_t j = 0; j < COUNT(generate); j++) {
            if (strcmp(infill[i].name, generate[j].name) != 0) continue;
            const pal_option *a = &pal_infill_table.rows[i], *b = &pal_generate_table.rows[j];
            assert_string_equal(infill[i].help, generate[j].help);
            if (a->must) assert_string_equal(a->must, b->must);
            assert_true(a->kind == b->kind && a->range == b->range && a->min == b->min && a->max == b->max);
            same++;
        }
    assert_true(same >= 7);
}

/* web/src/writer.ts assumes that the first three are those that may change while a text is generated. */
static void a_generation_begins_with_what_can_be_given_anew(void **state)
{
    (void)state;
    const char *const first[] = {"seed", "draft", "max-tokens"};
    for (size_t i = 0; i < COUNT(first); i++) assert_string_equal(generate[i].name, first[i]);
    assert_string_equal(infill[0].name, "seed"); /* wasm: offset of its 64 bits */
    assert_string_equal(image[0].name, "seed");
    assert_string_equal(score[0].name, "seed");
    for (size_t i = 0; i < COUNT(generate); i++)
        if (strcmp(generate[i].name, "alternatives") == 0)
            assert_true(pal_generate_table.rows[i].max == (double)PAL_CANDIDATES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_kebab_case_and_explained),
        cmocka_unit_test(fields_lie_in_their_struct_and_apart),
        cmocka_unit_test(defaults_are_what_rows_say_and_good),
        cmocka_unit_test(ranges_end_where_rows_say),
        cmocka_unit_test(values_that_do_not_fit_are_the_nearest_that_do),
        cmocka_unit_test(values_from_javascript_go_to_their_fields_and_nan_leaves_them),
        cmocka_unit_test(what_means_the_same_is_the_same_row),
        cmocka_unit_test(a_generation_begins_with_what_can_be_given_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
