/* cmocka.h - the part of cmocka that our tests use, for WebAssembly, where there is no cmocka.
 *
 * Included by one translation unit per program, like the tests themselves.  A failed assertion prints its position and
 * test, then ends the program with status 1: later tests do not run. skip() leaves the test from any depth by longjmp,
 * which Emscripten provides (not to programs of tests/engines: PAL_STANDALONE).  The last line printed is `N passed, N
 * failed`. */
#ifndef PAL_WASM_CMOCKA_H
#define PAL_WASM_CMOCKA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
};

static struct {
    const char *name; /* of the running test */
    int passed;
    jmp_buf skipped;
} shim_run;

#define cmocka_unit_test(function)                                                                                     \
    {                                                                                                                  \
#function, function                                                                                            \
    }

#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
    shim_run_tests(tests, sizeof(tests) / sizeof *(tests), setup, teardown)

#define print_message(...) printf(__VA_ARGS__)

/* Without Emscripten's JavaScript there is no longjmp; such a program must not skip tests. */
#if defined(PAL_STANDALONE)
#define shim_enter() 0
#define skip()       shim_fail("skip()", __FILE__, __LINE__)
#else
#define shim_enter() setjmp(shim_run.skipped)
#define skip()       longjmp(shim_run.skipped, 1)
#endif

#define fail_msg(...) (printf(__VA_ARGS__), printf("\n"), shim_fail("fail_msg", __FILE__, __LINE__))

#define assert_true(condition)   ((condition) ? (void)0 : shim_fail(#condition, __FILE__, __LINE__))
#define assert_false(condition)  ((condition) ? shim_fail("!(" #condition ")", __FILE__, __LINE__) : (void)0)
#define assert_null(pointer)     assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)

#define assert_ptr_equal(a, b)              assert_true((const void *)(a) == (const void *)(b))
#define assert_int_not_equal(a, b)          assert_true((uintmax_t)(a) != (uintmax_t)(b))
#define assert_int_equal(a, b)              shim_int_equal((uintmax_t)(a), (uintmax_t)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b)           shim_string_equal(a, b, #a " == " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size)     shim_memory_equal(a, b, size, #a " == " #b, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, size) assert_true(memcmp(a, b, size) != 0)

_Noreturn static inline void shim_fail(const char *what, const char *file, int line)
{
    printf("%s:%d: error: %s\n[  FAILED  ] %s\n%d passed, 1 failed\n", file, line, what, shim_run.name,
           shim_run.passed);
    fflush(stdout);
    exit(1);
}

static inline void shim_int_equal(uintmax_t a, uintmax_t b, const char *what, const char *file, int line)
{
    if (a == b) return;
    printf("0x%llx != 0x%llx\n", (unsigned long long)a, (unsigned long long)b);
    shim_fail(what, file, line);
}

static inline void shim_string_equal(const char *a, const char *b, const char *what, const char *file, int line)
{
    if (strcmp(a, b) == 0) return;
    printf("\"%s\" != \"%s\"\n", a, b);
    shim_fail(what, file, line);
}

static inline void shim_memory_equal(const void *a, const void *b, size_t size, const char *what, const char *file,
                                     int line)
{
    const unsigned char *p = a, *q = b;
    for (size_t i = 0; i < size; i++) {
        if (p[i] == q[i]) continue;
        printf("byte %zu of %zu: 0x%02x != 0x%02x\n", i, size, p[i], q[i]);
        shim_fail(what, file, line);
    }
}

static inline int shim_run_tests(const struct CMUnitTest *tests, size_t count, int (*setup)(void **state),
                                 int (*teardown)(void **state))
{
    void *state = NULL;
    volatile size_t i; /* kept across longjmp */
    printf("[==========] Running %zu test(s).\n", count);
    if (setup != NULL && setup(&state) != 0) shim_fail("group setup", __FILE__, __LINE__);
    for (i = 0; i < count; i++) {
        shim_run.name = tests[i].name;
        printf("[ RUN      ] %s\n", shim_run.name);
        if (shim_enter() == 0) {
            tests[i].test_func(&state);
            shim_run.passed++;
            printf("[       OK ] %s\n", shim_run.name);
        } else {
            printf("[  SKIPPED ] %s\n", shim_run.name);
        }
    }
    if (teardown != NULL && teardown(&state) != 0) shim_fail("group teardown", __FILE__, __LINE__);
    printf("%d passed, 0 failed\n", shim_run.passed);
    return 0;
}

#endif
