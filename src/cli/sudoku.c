/* sudoku.c - palimpsest sudoku: makes puzzles, and solves and grades boards, by the rules and without a model. */
#include "boards.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *text, *file, *dash;
    int32_t make, first, givens[2];
    uint64_t seed;
    bool small, lines, solutions, canonical, json;
} request;

static bool read_givens(void *target, const char *value)
{
    request *r = target;
    if (!parse_ints(value, '-', r->givens, 2)) {
        if (!parse_ints(value, '-', r->givens, 1)) return false;
        r->givens[1] = r->givens[0];
    }
    return r->givens[0] <= r->givens[1];
}

static const option sudoku_options[] = {
    TEXT_OPTION(request, "text", text, "T", "a board: digits, and . or 0 or _ for open cells"),
    TEXT_OPTION(request, "file", file, "F", "read the board from a file"),
    FLAG_OPTION(request, "lines", lines, "every line of the input is a board"),
    OPTION(request, "make", make, INT, BETWEEN(1, 1000000000), SAID(0, "none"), "",
           "make this many puzzles with one solution"),
    CALL_OPTION("givens", "A-B", read_givens, "for --make: number of givens, 22 to 81 (default: 22-45)"),
    OPTION(request, "first", first, INT, FROM(0), IS(0), "", "for --make: number of the first puzzle"),
    OPTION(request, "seed", seed, SEED, ANY, IS(0), "", "for --make: random seed"),
    FLAG_OPTION(request, "small", small, "for --make: boards of 4 x 4, with 4 to 16 givens"),
    FLAG_OPTION(request, "solutions", solutions, "print the solution after each puzzle or board"),
    FLAG_OPTION(request, "canonical", canonical,
                "with --json: the smallest board that is equal to the solution up to symmetry"),
    FLAG_OPTION(request, "json", json, "one JSON object per line"),
};

static int parse(request *r, option_group *group, int argc, char **argv)
{
    const option_set set = {
        "sudoku",
        "(--make N | --text T | --file F | -) [options]",
        "Makes puzzles of Sudoku, or counts the solutions of a board and names the technique that a person needs:\n"
        "singles, pairs (also triples, locked candidates and X-wings), or guess.  Needs no model.",
        group,
        1,
        &r->dash};
    options_default(group);
    r->givens[0] = r->givens[1] = -1;
    return options_parse(&set, argc, argv);
}

/* ---- output ----------------------------------------------------------------------------------------- */

static void put_board(json *j, const char *key, const pal_sudoku *b)
{
    char text[PAL_SUDOKU_CELLS];
    pal_sudoku_write(b, text);
    json_text(j, key, text, (size_t)pal_sudoku_cells(b));
}

static void put_solved(json *j, const request *r, const pal_sudoku *solution)
{
    pal_sudoku canonical;
    put_board(j, "solution", solution);
    if (!r->canonical) return;
    pal_sudoku_canonical(solution, &canonical);
    put_board(j, "canonical", &canonical);
}

static void put_line(const pal_sudoku *b)
{
    char text[PAL_SUDOKU_CELLS];
    pal_sudoku_write(b, text);
    fwrite(text, 1, (size_t)pal_sudoku_cells(b), stdout);
}

/* ---- making ----------------------------------------------------------------------------------------- */

/* The numbers of givens go through the range, one after the other. */
static int givens_of(const request *r, int32_t number)
{
    return r->givens[0] + number % (r->givens[1] - r->givens[0] + 1);
}

static bool make_one(const request *r, int32_t number, pal_sudoku *puzzle, pal_sudoku *solution)
{
    for (uint32_t attempt = 0; !stop_requested(); attempt++)
        if (pal_sudoku_make(puzzle, solution, r->small ? 2 : 3, givens_of(r, number), r->seed, (uint32_t)number,
                            attempt))
            return true;
    return false;
}

static void put_puzzle(const request *r, int32_t number, const pal_sudoku *puzzle, const pal_sudoku *solution)
{
    if (!r->json) {
        put_line(puzzle);
        if (r->solutions) fputc(' ', stdout), put_line(solution);
        fputc('\n', stdout);
        return;
    }
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_int(&j, "number", number);
    put_board(&j, "puzzle", puzzle);
    json_int(&j, "givens", pal_sudoku_givens(puzzle));
    json_string(&j, "grade", pal_sudoku_grade_name[pal_sudoku_grade_of(puzzle, NULL)]);
    put_solved(&j, r, solution);
    json_close(&j, '}');
    json_end_line(&j);
}

static int check_givens(request *r)
{
    const int32_t min = r->small ? 4 : 22, max = r->small ? 16 : 81;
    if (r->givens[0] < 0) r->givens[0] = r->small ? 4 : 22, r->givens[1] = r->small ? 12 : 45;
    if (r->givens[0] < min || r->givens[1] > max)
        return usage_error("sudoku",
                           r->small ? "givens must be 4 to 16 for boards of 4 x 4"
                                    : "givens must be 22 to 81: random boards do not get below that in reasonable time",
                           NULL);
    return -1;
}

static int make_puzzles(request *r)
{
    pal_sudoku puzzle, solution;
    int code = check_givens(r);
    if (code >= 0) return code;
    if (r->make > INT32_MAX - r->first) return usage_error("sudoku", "first and make are too large together", NULL);
    stop_on_interrupt();
    for (int32_t i = r->first; i < r->first + r->make; i++) {
        if (!make_one(r, i, &puzzle, &solution)) return EXIT_STOPPED;
        put_puzzle(r, i, &puzzle, &solution);
    }
    return ferror(stdout) ? EXIT_BAD : EXIT_GOOD;
}

/* ---- solving ---------------------------------------------------------------------------------------- */

static void put_judged_json(const request *r, const pal_sudoku *b, const pal_sudoku_search *s, bool counted)
{
    int other = -1;
    const int cell = pal_sudoku_conflict(b, &other);
    const bool one = counted && s->solutions == 1;
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    put_board(&j, "board", b);
    json_int(&j, "givens", pal_sudoku_givens(b));
    if (cell >= 0) {
        json_open(&j, "conflict", '[');
        json_int(&j, NULL, other);
        json_int(&j, NULL, cell);
        json_close(&j, ']');
    }
    json_int(&j, "solutions", s->solutions > MAX_SOLUTIONS ? MAX_SOLUTIONS : s->solutions);
    json_bool(&j, "counted", counted && s->solutions <= MAX_SOLUTIONS); /* false: there may be more */
    if (one) json_string(&j, "grade", pal_sudoku_grade_name[pal_sudoku_grade_of(b, NULL)]);
    if (s->solutions) put_solved(&j, r, &s->first);
    json_close(&j, '}');
    json_end_line(&j);
}

static void put_judged(const request *r, const pal_sudoku *b, const pal_sudoku_search *s, bool counted)
{
    int other, size = pal_sudoku_size(b);
    const int cell = pal_sudoku_conflict(b, &other);
    if (cell >= 0)
        printf("no solution: row %d, column %d and row %d, column %d have the same digit", other / size + 1,
               other % size + 1, cell / size + 1, cell % size + 1);
    else if (!counted)
        printf("%s", s->solutions ? "at least one solution; how many is not known after a second"
                                  : "whether there is a solution is not known after a second");
    else if (s->solutions > MAX_SOLUTIONS)
        printf("more than %d solutions", MAX_SOLUTIONS);
    else if (s->solutions != 1)
        printf(s->solutions ? "%d solutions" : "no solution", s->solutions);
    else
        printf("one solution, %s", pal_sudoku_grade_name[pal_sudoku_grade_of(b, NULL)]);
    if (r->solutions && s->solutions) fputc(' ', stdout), put_line(&s->first);
    fputc('\n', stdout);
}

static int judge(const request *r, const char *text, size_t size, size_t from)
{
    pal_error err = {0};
    pal_sudoku_search search;
    pal_sudoku b;
    int cells;
    if (pal_sudoku_read(&b, text, size, &cells, &err)) {
        if (err.offset != SIZE_MAX) {
            err.offset += from;
            return report("sudoku", &err);
        }
        fprintf(stderr, "palimpsest: sudoku: %s; this one has %d\n", err.text, cells);
        return EXIT_BAD;
    }
    const bool counted = count_solutions(&search, &b);
    if (stop_requested()) return EXIT_STOPPED;
    (r->json ? put_judged_json : put_judged)(r, &b, &search, counted);
    return EXIT_GOOD;
}

static int judge_lines(const request *r, const bytes *input)
{
    int code = EXIT_GOOD;
    bytes line;
    for (size_t at = 0; !code && next_board(input, &at, &line);)
        code = judge(r, line.data, line.size, (size_t)(line.data - input->data));
    return code;
}

int command_sudoku(int argc, char **argv)
{
    request r = {0};
    bytes input = {0};
    option_group group = OPTION_GROUP(sudoku_options, &r);
    int code = parse(&r, &group, argc, argv);
    if (code >= 0) return code;
    if (r.canonical && !r.json) return usage_error("sudoku", "--canonical needs --json", NULL);
    if (r.make) {
        if (r.text || r.file || r.dash || r.lines)
            return usage_error("sudoku", "--make cannot be used with a board", NULL);
        return make_puzzles(&r);
    }
    if (option_given(&group, "givens") || option_given(&group, "first") || option_given(&group, "seed") || r.small)
        return usage_error("sudoku", "--givens, --first, --seed and --small need --make", NULL);
    stop_on_interrupt();
    code = input_read("sudoku", r.text, r.file, r.dash, &input);
    if (code < 0) code = r.lines ? judge_lines(&r, &input) : judge(&r, input.data, input.size, 0);
    free(input.data);
    return code;
}
