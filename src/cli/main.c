/* main.c - the command palimpsest: finds and runs one of its commands. */
#include "cli.h"
#include "../core/core.h"

#include <string.h>

#if PAL_ASAN
/* With AddressSanitizer too, malloc returns NULL for blocks that are too large, and the program reports that. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"infill", "fill the blanks of a text", command_infill},
    {"generate", "continue a text", command_generate},
    {"image", "draw pictures, or measure how likely given pictures are", command_image},
    {"score", "how likely a text is, in bits per byte", command_score},
    {"surprise", "how surprising each token of a text is, and which tokens were more probable", command_surprise},
    {"compress", "make a text small by the probabilities of a model", command_compress},
    {"decompress", "give back a text that was made small", command_decompress},
    {"tokenize", "turn text into tokens", command_tokenize},
    {"detokenize", "turn tokens into text", command_detokenize},
    {"info", "what a model file contains and supports", command_info},
    {"quantize", "write a model with its weights in another type", command_quantize},
    {"probe", "which tokens a model can never find the most probable", command_probe},
    {"sudoku", "make puzzles of Sudoku, or solve and grade a board, without a model", command_sudoku},
    {"bench", "how fast a model runs on this machine", command_bench},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *out)
{
    fputs("usage: palimpsest COMMAND [options]\n\n"
          "Fills blanks in text with a small diffusion model, continues a text, or draws pictures.  Works offline.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'palimpsest COMMAND --help' lists the options of a command.  For example:\n\n"
          "  palimpsest infill -m models/tales-infill.gguf \\\n"
          "      --text 'Once upon a time there was a [[?]] who lived in [[4]].'\n"
          "  palimpsest generate -m models/tales-infill.gguf --prompt 'Once upon a time' --max-tokens 100\n"
          "  palimpsest image -m models/fashion.gguf --count 16 -o pictures.png\n",
          out);
}

static int unknown_command(const char *name)
{
    const char *near = NULL;
    int best = 3; /* at most two letters differ */
    for (size_t i = 0; i < COMMANDS; i++) {
        const int d = edit_distance(commands[i].name, name, strlen(name), best - 1);
        if (d < best) best = d, near = commands[i].name;
    }
    fprintf(stderr, "palimpsest: unknown command '%s'", name);
    if (near) fprintf(stderr, "; did you mean %s?", near);
    fputs("\n\n", stderr);
    help(stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
        help(stdout);
        return EXIT_GOOD;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("palimpsest %s\n", pal_version());
        return EXIT_GOOD;
    }
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            int code = commands[i].run(argc, argv);
            if (fflush(stdout) || ferror(stdout)) {
                fputs("palimpsest: the output could not be written\n", stderr);
                return EXIT_BAD;
            }
            return code;
        }
    if (argc > 1) return unknown_command(argv[1]);
    help(stderr);
    return EXIT_USAGE;
}
