/* stranger.c - recognises files that are not GGUF.  Users pass web pages, pointers, archives and models of other
 * programs as models; a message that names the kind of file helps them more than "wrong magic number".
 *
 * The first bytes decide, as in file(1).  Sources of the less known formats: Git LFS's docs/spec.md; git-annex's
 * "pointer files"; the safetensors README (u64 length, then JSON); ggml's history (magics 'ggml', 'ggmf', 'ggjt' and
 * 'ggla', u32 little endian, so their letters are reversed in the file). */
#include "parts.h"

#include <string.h>

#define AGAIN   "download it again"
#define CONVERT ": convert it to GGUF first (tools/convert here, or convert_hf_to_gguf.py of llama.cpp)"

static const char html[] =
    "this is a web page (HTML), not a model file: use the address of the file itself (on Hugging "
    "Face /resolve/ instead of /blob/), and log in where that is needed",
                  xml[] = "this is an XML document, such as the error message of a server, not a model file: " AGAIN,
                  json[] = "this is a JSON document, such as the error message of a server or the configuration "
                           "beside a model, not a model file",
                  lfs[] = "this is a Git LFS pointer, not the model itself: run \"git lfs pull\", or download the file",
                  annex[] = "this is a pointer to a model that is kept elsewhere (git-annex or Xet), not the model "
                            "itself: fetch it with that program",
                  safetensors[] = "this is a safetensors file" CONVERT,
                  pytorch[] = "this is a PyTorch checkpoint" CONVERT,
                  pickle[] = "this is a Python pickle, such as an old PyTorch checkpoint" CONVERT,
                  other[] = "this is a model in another format (ONNX, TensorFlow Lite, HDF5 or NumPy)" CONVERT,
                  pieces[] = "this is a SentencePiece vocabulary without a model" CONVERT,
                  old[] = "this is a model in the GGML format that came before GGUF: convert it again from its source",
                  swapped[] = "this is a big-endian GGUF file, which is not supported: convert it to little endian",
                  packed[] = "this is a compressed file or an archive: unpack it first",
                  picture[] = "this is a picture, not a model file",
                  zeros[] = "this file begins with zeros: its download was not finished, " AGAIN,
                  text[] = "this is a text file, such as the error message of a server, not a model file",
                  saved[] = "this is a saved session, not a model file: give it with --session",
                  empty[] = "the file is empty: " AGAIN, unknown[] = "not a GGUF file";

/* Formats with fixed bytes at a fixed offset. */
static const struct {
    unsigned char at, size;
    char bytes[12];
    const char *what;
} marks[] = {
    {0, 4, "lmgg", old},
    {0, 4, "fmgg", old},
    {0, 4, "tjgg", old},
    {0, 4, "algg", old},
    {0, 4, "ggml", old},
    {0, 4, "ggmf", old},
    {0, 4, "ggjt", old},
    {0, 4, "ggla", old},
    {0, 4, "FUGG", swapped},
    {0, 8, "palsaved", saved},
    {4, 4, "TFL3", other},
    {0, 8, "\211HDF\r\n\032\n", other},
    {0, 6, "\223NUMPY", other},
    {4, 5, "<unk>", pieces},
    {0, 2, "\037\213", packed},
    {0, 4, "\050\265\057\375", packed},
    {0, 6, "\3757zXZ", packed},
    {0, 3, "BZh", packed},
    {0, 4, "7z\274\257", packed},
    {0, 4, "\004\042\115\030", packed},
    {0, 4, "Rar!", packed},
    {0, 4, "\211PNG", picture},
    {0, 3, "\377\330\377", picture},
    {0, 4, "GIF8", picture},
};

static bool begins(const unsigned char *s, size_t size, const char *word)
{
    size_t length = strlen(word), i = 0;
    if (size < length) return false;
    for (; i < length; i++) {
        unsigned char c = s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i];
        if (c != (unsigned char)word[i]) return false;
    }
    return true;
}

static bool holds(const unsigned char *s, size_t size, const char *word)
{
    for (size_t i = 0; i < size; i++)
        if (begins(s + i, size - i, word)) return true;
    return false;
}

static const char *marked(const unsigned char *s, size_t size)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (size >= (size_t)marks[i].at + marks[i].size && !memcmp(s + marks[i].at, marks[i].bytes, marks[i].size))
            return marks[i].what;
    if (size > 262 && memcmp(s + 257, "ustar", 5) == 0) return packed;
    if (size > 4 && memcmp(s, "PK\003\004", 4) == 0)
        return holds(s, size < 512 ? size : 512, "data.pkl") ? pytorch : packed;
    if (size > 9 && s[8] == '{' && pal_load_u64(s) <= UINT32_MAX) return safetensors;
    if (size > 2 && s[0] == 0x80 && s[1] >= 2 && s[1] <= 5) return pickle;
    if (size > 8 && s[0] == 8 && s[1] < 32 && s[2] == 0x12 && s[3] < 64 && s[4] >= 'A' && s[4] <= 'z') return other;
    return NULL;
}

static bool all_zero(const unsigned char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (s[i]) return false;
    return true;
}

/* Text in any encoding that contains ASCII unchanged. */
static bool is_text(const unsigned char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (s[i] == 0x7f || s[i] == 0 || (s[i] < 0x20 && !strchr("\t\n\f\r\033", s[i]))) return false;
    return true;
}

static const char *kind_of_text(const unsigned char *s, size_t size)
{
    if (begins(s, size, "version https://git-lfs") || begins(s, size, "version https://hawser")) return lfs;
    if (begins(s, size, "/annex/objects/") || begins(s, size, "# xet version")) return annex;
    if (begins(s, size, "<?xml")) return holds(s, size, "<html") ? html : xml;
    if (begins(s, size, "<error")) return xml;
    if (*s == '<') return html;
    return *s == '{' || *s == '[' ? json : text;
}

const char *pal_gguf_foreign_file(const unsigned char *image, size_t size)
{
    size_t at = size >= 3 && memcmp(image, "\357\273\277", 3) == 0 ? 3 : 0; /* a byte order mark */
    size_t end = size < 1024 ? size : 1024;
    if (size == 0) return empty;
    const char *what = marked(image, size);
    if (what) return what;
    if (all_zero(image, end)) return zeros;
    if (!is_text(image + at, end - at)) return unknown;
    while (at < end && strchr(" \t\r\n", image[at])) at++;
    return at < end ? kind_of_text(image + at, end - at) : text;
}
