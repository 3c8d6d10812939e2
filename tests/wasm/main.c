/* main.c - all tests in one WebAssembly program: `node tests.js NAME` runs those of test_NAME.c.
 *
 * CMake writes tests.inc, with a line TEST(NAME) for each test. */
#include <stdio.h>
#include <string.h>

#define TEST(name) int test_##name(void);
#include "tests.inc"
#undef TEST

static const struct {
    const char *name;
    int (*run)(void);
} tests[] = {
#define TEST(name) {#name, test_##name},
#include "tests.inc"
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof tests / sizeof *tests; i++)
        if (strcmp(argv[1], tests[i].name) == 0) return tests[i].run();
    fprintf(stderr, "usage: tests NAME, one of those of tests/CMakeLists.txt\n");
    return 2;
}
