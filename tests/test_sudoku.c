/* test_sudoku.c - boards of Sudoku: reading, conflicts, counts of solutions against known numbers, grades, puzzles, symmetries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sudoku/sudoku.h"

static const char puzzle[] = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static const char solution[] = "534678912672195348198342567859761423426853791713924856961537284287419635345286179";
/* "AI Escargot" by Arto Inkala (2006), made so that people must guess. */
static const char hard[] = "1....7.9..3..2...8..96..5....53..9...1..8...26....4...3......1..4......7..7...3..";

static pal_sudoku read_board(const char *text)
{
    pal_sudoku b;
    int cells;
    assert_int_equal(pal_sudoku_read(&b, text, strlen(text), &cells, NULL), PAL_OK);
    return b;
}

static void assert_board(const pal_sudoku *b, const char *expected)
{
    char text[PAL_SUDOKU_CELLS + 1] = {0};
    pal_sudoku_write(b, text);
    assert_string_equal(text, expected);
}

static void reads_boards_as_people_paste_them(void **state)
{
    (void)state;
    pal_sudoku b = read_board("+---+\n|12.. |\n|3_0.|\r\n| .... |\t.... ");
    assert_int_equal(b.box, 2);
    assert_int_equal(pal_sudoku_givens(&b), 3);
    assert_board(&b, "12..3...........");
    b = read_board(puzzle);
    assert_board(&b, puzzle);
}

static void wrong_boards_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int cells;
        size_t offset;
    } cases[] = {{"12a4", 2, 2}, {"", 0, SIZE_MAX}, {"1.2.3.4.", 8, SIZE_MAX}, {"12..3...5.......", 16, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pal_error err = {0};
        pal_sudoku b;
        int cells;
        assert_int_equal(pal_sudoku_read(&b, cases[i].text, strlen(cases[i].text), &cells, &err), PAL_E_TEXT);
        assert_int_equal(cells, cases[i].cells);
        assert_true(err.offset == cases[i].offset);
    }
    char many[200];
    pal_sudoku b;
    int cells;
    memset(many, '1', sizeof many);
    assert_int_equal(pal_sudoku_read(&b, many, 82, &cells, NULL), PAL_E_TEXT);
    assert_int_equal(cells, 82);
}

static void conflicts_are_found_in_rows_columns_and_boxes(void **state)
{
    (void)state;
    static const struct {
        int a, b; /* cells; -1: no conflict */
        bool conflict;
    } cases[] = {{0, 8, true}, {4, 76, true}, {0, 20, true}, {0, 21, false}, {40, 50, true}, {40, 60, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pal_sudoku b = {.box = 3};
        int other = -1;
        b.cell[cases[i].a] = b.cell[cases[i].b] = 7;
        assert_int_equal(pal_sudoku_conflict(&b, &other), cases[i].conflict ? cases[i].b : -1);
        if (cases[i].conflict) assert_int_equal(other, cases[i].a);
    }
}

static void solves_a_puzzle(void **state)
{
    (void)state;
    const pal_sudoku b = read_board(puzzle);
    pal_sudoku_search s;
    pal_sudoku_search_start(&s, &b, 2);
    while (!pal_sudoku_search_step(&s, 1)) continue;
    assert_int_equal(s.solutions, 1);
    assert_board(&s.first, solution);
    assert_true(pal_sudoku_is_solved(&s.first));
    assert_false(pal_sudoku_is_solved(&b));
}

static void counts_solutions(void **state)
{
    (void)state;
    const pal_sudoku empty = {.box = 2};
    assert_int_equal(pal_sudoku_count(&empty, 10000), 288); /* all boards of 4 x 4 */
    assert_int_equal(pal_sudoku_count(&empty, 100), 100);
    assert_int_equal(pal_sudoku_count(&(pal_sudoku){.box = 3}, 1001), 1001);
    pal_sudoku b = read_board(solution);
    assert_int_equal(pal_sudoku_count(&b, 9), 1);
    b.cell[0] = 3; /* twice in its row */
    assert_int_equal(pal_sudoku_count(&b, 9), 0);
    b = read_board(puzzle);
    b.cell[2] = 1; /* no conflict, and no solution */
    assert_int_equal(pal_sudoku_count(&b, 9), 0);
}

/* Opens a rectangle of cells in two rows of a band and two stacks whose digits can be exchanged; false: there is none. */
static bool open_rectangle(pal_sudoku *b)
{
    for (int top = 0; top < 9; top++)
        for (int bottom = top + 1; bottom < top / 3 * 3 + 3; bottom++)
            for (int left = 0; left < 9; left++)
                for (int right = left / 3 * 3 + 3; right < 9; right++) {
                    uint8_t *cell[4] = {&b->cell[top * 9 + left], &b->cell[top * 9 + right],
                                        &b->cell[bottom * 9 + left], &b->cell[bottom * 9 + right]};
                    if (*cell[0] != *cell[3] || *cell[1] != *cell[2]) continue;
                    for (int i = 0; i < 4; i++) *cell[i] = 0;
                    return true;
                }
    return false;
}

static void a_rectangle_without_givens_has_two_solutions(void **state)
{
    (void)state;
    int found = 0;
    for (uint32_t number = 0; number < 20; number++) {
        pal_sudoku b, full;
        pal_sudoku_make(&full, &b, 3, 81, 9, number, 0);
        if (!open_rectangle(&b)) continue;
        assert_int_equal(pal_sudoku_count(&b, 9), 2);
        found++;
    }
    assert_true(found > 0);
}

static void grades_by_technique(void **state)
{
    (void)state;
    pal_sudoku solved, b = read_board(puzzle);
    assert_int_equal(pal_sudoku_grade_of(&b, &solved), PAL_SUDOKU_SINGLES);
    assert_board(&solved, solution);
    b = read_board(hard);
    assert_int_equal(pal_sudoku_count(&b, 2), 1);
    assert_int_equal(pal_sudoku_grade_of(&b, NULL), PAL_SUDOKU_GUESS);
}

/* What is found without a guess is the solution's: no technique removes a candidate that is right. */
static void techniques_find_only_what_the_solution_has(void **state)
{
    (void)state;
    int grades[3] = {0};
    for (uint32_t number = 0; number < 60; number++) {
        pal_sudoku b, right, found;
        if (!pal_sudoku_make(&b, &right, 3, 26, 11, number, 0)) continue;
        grades[pal_sudoku_grade_of(&b, &found)]++;
        for (int i = 0; i < PAL_SUDOKU_CELLS; i++) assert_true(!found.cell[i] || found.cell[i] == right.cell[i]);
    }
    assert_true(grades[PAL_SUDOKU_SINGLES] > 0 && grades[PAL_SUDOKU_PAIRS] > 0 && grades[PAL_SUDOKU_GUESS] > 0);
}

static void makes_puzzles_with_one_solution(void **state)
{
    (void)state;
    for (int givens = 24; givens <= 45; givens += 7) {
        pal_sudoku b, right, again, other;
        uint32_t attempt = 0;
        while (!pal_sudoku_make(&b, &right, 3, givens, 1, (uint32_t)givens, attempt)) attempt++;
        assert_int_equal(pal_sudoku_givens(&b), givens);
        assert_int_equal(pal_sudoku_count(&b, 2), 1);
        assert_true(pal_sudoku_is_solved(&right));
        for (int i = 0; i < PAL_SUDOKU_CELLS; i++) assert_true(!b.cell[i] || b.cell[i] == right.cell[i]);
        assert_true(pal_sudoku_make(&again, &other, 3, givens, 1, (uint32_t)givens, attempt));
        assert_memory_equal(&again, &b, sizeof b);
        pal_sudoku_make(&again, &other, 3, givens, 2, (uint32_t)givens, attempt);
        assert_memory_not_equal(&other, &right, sizeof right);
    }
    pal_sudoku b, right;
    assert_false(pal_sudoku_make(&b, &right, 3, 10, 1, 1, 0)); /* fewer than 17 givens never suffice */
    assert_true(pal_sudoku_givens(&b) >= 17 && pal_sudoku_count(&b, 2) == 1);
}

static void symmetries_keep_solutions_and_the_canonical_board(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < 3; number++) {
        const pal_sudoku original = read_board(solution);
        pal_sudoku b = original, first, second, open = read_board(puzzle);
        pal_sudoku_canonical(&b, &first);
        pal_sudoku_shuffle(&b, 7, number);
        assert_true(pal_sudoku_is_solved(&b));
        assert_memory_not_equal(b.cell, original.cell, sizeof b.cell);
        pal_sudoku_canonical(&b, &second);
        assert_memory_equal(&first, &second, sizeof first);
        pal_sudoku_canonical(&first, &second);
        assert_memory_equal(&first, &second, sizeof first);
        assert_true(pal_sudoku_is_solved(&first));
        pal_sudoku_shuffle(&open, 7, number); /* the same symmetry */
        for (int i = 0; i < PAL_SUDOKU_CELLS; i++) assert_true(!open.cell[i] || open.cell[i] == b.cell[i]);
        assert_int_equal(pal_sudoku_count(&open, 2), 1);
    }
}

/* Every board of 4 x 4 is equal, up to symmetry, to one of two. */
static void small_boards_have_two_canonical_forms(void **state)
{
    (void)state;
    pal_sudoku form, seen[4];
    int forms = 0;
    for (uint32_t number = 0; number < 200; number++) {
        pal_sudoku b, right;
        pal_sudoku_make(&b, &right, 2, 16, 3, number, 0);
        pal_sudoku_canonical(&right, &form);
        int i = 0;
        while (i < forms && memcmp(&seen[i], &form, sizeof form) != 0) i++;
        assert_true(i < 3);
        if (i == forms) seen[forms++] = form;
    }
    assert_int_equal(forms, 2);
}

static void different_boards_have_different_canonical_forms(void **state)
{
    (void)state;
    pal_sudoku b, right, form, known;
    const pal_sudoku first = read_board(solution);
    pal_sudoku_canonical(&first, &known);
    pal_sudoku_make(&b, &right, 3, 81, 5, 0, 0);
    pal_sudoku_canonical(&right, &form);
    assert_memory_not_equal(&form, &known, sizeof form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_boards_as_people_paste_them),
        cmocka_unit_test(wrong_boards_are_named),
        cmocka_unit_test(conflicts_are_found_in_rows_columns_and_boxes),
        cmocka_unit_test(solves_a_puzzle),
        cmocka_unit_test(counts_solutions),
        cmocka_unit_test(a_rectangle_without_givens_has_two_solutions),
        cmocka_unit_test(grades_by_technique),
        cmocka_unit_test(techniques_find_only_what_the_solution_has),
        cmocka_unit_test(makes_puzzles_with_one_solution),
        cmocka_unit_test(symmetries_keep_solutions_and_the_canonical_board),
        cmocka_unit_test(small_boards_have_two_canonical_forms),
        cmocka_unit_test(different_boards_have_different_canonical_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
