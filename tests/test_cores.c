/* test_cores.c - how many threads are used by default: the texts of /proc and /sys that decide it, also damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cores.h"
#include "core/random.h"
#include "palimpsest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pal_str text_of(const char *text)
{
    return (pal_str){text, strlen(text)};
}

/* Expects exactly the given processors. */
static void expect_list(const char *list, const char *expected)
{
    uint8_t set[PAL_PROCESSORS / 8];
    char got[256] = "";
    memset(set, 0xff, sizeof set);
    pal_processor_list(text_of(list), set);
    for (int i = 0; i < PAL_PROCESSORS; i++)
        if (set[i / 8] >> i % 8 & 1) sprintf(got + strlen(got), "%d ", i);
    assert_string_equal(got, expected);
}

static void lists_of_processors_are_read_up_to_an_error(void **state)
{
    (void)state;
    expect_list("0\n", "0 ");
    expect_list("0-3,8,10-11\n", "0 1 2 3 8 10 11 ");
    expect_list("5,2-2", "2 5 ");
    expect_list("1023,1024,99999999999999999999", "1023 ");
    expect_list("", "");
    expect_list("\n", "");
    expect_list("x", "");
    expect_list("3-1", "");
    expect_list("1-", "");
    expect_list("1,", "1 ");
    expect_list("1,x,2", "1 ");
    expect_list("-1", "");
    expect_list("1 2", "1 ");
}

static void a_core_is_its_first_processor_that_may_be_used(void **state)
{
    (void)state;
    uint8_t siblings[PAL_PROCESSORS / 8], allowed[PAL_PROCESSORS / 8];
    pal_processor_list(text_of("2,66"), siblings);
    pal_processor_list(text_of("0-63"), allowed);
    assert_int_equal(pal_processor_first(siblings, allowed), 2);
    pal_processor_list(text_of("3-1023"), allowed);
    assert_int_equal(pal_processor_first(siblings, allowed), 66);
    pal_processor_list(text_of("0,1"), allowed);
    assert_int_equal(pal_processor_first(siblings, allowed), -1);
}

static void limits_of_control_groups_are_rounded_down(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int processors;
    } cases[] = {{"max 100000\n", 0},
                 {"200000 100000\n", 2},
                 {"150000 100000", 1},
                 {"50000 100000\n", 1},
                 {"1 100000\n", 1},
                 {"0 100000\n", 0},
                 {"-1 100000\n", 0},
                 {"200000\n", 0},
                 {"200000 \n", 0},
                 {"200000 0\n", 0},
                 {"", 0},
                 {"max", 0},
                 {"800000 100000", 8},
                 {"99999999999 100000", 21474}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(pal_quota(text_of(cases[i].text)), cases[i].processors);
    assert_int_equal(pal_quota_v1(text_of("-1\n"), text_of("100000\n")), 0);
    assert_int_equal(pal_quota_v1(text_of("250000\n"), text_of("100000\n")), 2);
    assert_int_equal(pal_quota_v1(text_of("20000\n"), text_of("100000\n")), 1);
    assert_int_equal(pal_quota_v1(text_of(""), text_of("100000\n")), 0);
    assert_int_equal(pal_quota_v1(text_of("100000\n"), text_of("")), 0);
}

static void expect_path(const char *text, const char *controller, const char *expected)
{
    const pal_str path = pal_group_path(text_of(text), controller);
    if (!pal_str_is(path, expected)) fail_msg("%s: %.*s", text, (int)path.size, path.data);
}

static void the_control_group_of_a_process_is_found(void **state)
{
    (void)state;
    static const char both[] =
        "12:cpuset:/sets\n4:cpu,cpuacct:/docker/12ab\n1:name=systemd:/user\n0::/user.slice/a.scope\n";
    expect_path(both, "", "/user.slice/a.scope");
    expect_path(both, "cpu", "/docker/12ab");
    expect_path(both, "cpuacct", "/docker/12ab");
    expect_path(both, "cpuset", "/sets");
    expect_path(both, "memory", "");
    expect_path("0::/\n", "", "/");
    expect_path("0::/\n", "cpu", "");
    expect_path("3:cpuacct,cpu:/x:y", "cpu", "/x:y"); /* names may contain colons */
    expect_path("3:cpuset:/x\n", "cpu", "");
    expect_path("0::\n", "", "");
    expect_path("0::relative\n", "", "");
    expect_path("0:/x\n", "", "");
    expect_path("\n\n", "", "");
    expect_path("", "", "");
}

/* Under the sanitizers: no text makes a reader leave its bytes. */
static void random_texts_do_no_harm(void **state)
{
    (void)state;
    static const char letters[] = "0123456789,-: /\ncpumax";
    for (uint32_t run = 0; run < 2000; run++) {
        const size_t size = (size_t)(pal_uniform(1, PAL_DRAW_TOKEN, 0, run, 0) * 40);
        char *data = malloc(size ? size : 1);
        uint8_t set[PAL_PROCESSORS / 8];
        assert_non_null(data);
        for (size_t i = 0; i < size; i++)
            data[i] = letters[(size_t)(pal_uniform(1, PAL_DRAW_TOKEN, 1, run, (uint32_t)i) * (sizeof letters - 1))];
        const pal_str text = {data, size};
        pal_processor_list(text, set);
        assert_true(pal_quota(text) >= 0 && pal_quota_v1(text, text) >= 0);
        const pal_str path = pal_group_path(text, run % 2 ? "cpu" : "");
        assert_true(!path.size || (path.data >= data && path.data + path.size <= data + size && *path.data == '/'));
        free(data);
    }
}

static void the_default_is_possible(void **state)
{
    (void)state;
    assert_true(pal_cores() >= 1 && pal_cores() <= pal_processors());
    assert_true(pal_default_threads() >= 1 && pal_default_threads() <= 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_processors_are_read_up_to_an_error),
        cmocka_unit_test(a_core_is_its_first_processor_that_may_be_used),
        cmocka_unit_test(limits_of_control_groups_are_rounded_down),
        cmocka_unit_test(the_control_group_of_a_process_is_found),
        cmocka_unit_test(random_texts_do_no_harm),
        cmocka_unit_test(the_default_is_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
