/* main.c - palimpsest, the command. */
#include "cli.h"
#include "../core/core.h"

#include <string.h>

#if PAL_ASAN
/* Blocks that are too large are NULL here, too, which the program answers. */
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
    {"generate", "go on with a text", command_generate},
    {"image", "draw pictures, or say how likely some are", command_image},
    {"score", "how likely a text is: bits per byte", command_score},
    {"surprise", "how surprising each token of a text is, and what was likelier", command_surprise},
    {"tokenize", "text to tokens", command_tokenize},
    {"detokenize", "tokens to text", command_detokenize},
    {"info", "what a model file holds", command_info},
    {"quantize", "write a model with its weights in another type", command_quantize},
    {"bench", "how fast this machine evaluates a model", command_bench},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *out)
{
    fputs("usage: palimpsest COMMAND [options]\n\n"
          "Fills blanks in text with a small diffusion model, goes on with a text, or draws pictures, offline.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'palimpsest COMMAND --help' tells more.  For example:\n\n"
          "  palimpsest infill -m models/tales-infill.gguf \\\n"
          "      --text 'Once upon a time there was a [[?]] who lived in [[4]].'\n"
          "  palimpsest generate -m models/tales-ar.gguf --prompt 'Once upon a time' --max-tokens 100\n"
          "  palimpsest image -m models/fashion.gguf --count 16 -o pictures.png\n",
          out);
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
    if (argc > 1) fprintf(stderr, "palimpsest: there is no command '%s'\n\n", argv[1]);
    help(stderr);
    return EXIT_USAGE;
}
