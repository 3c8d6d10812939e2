/* stop.c - finds stop strings in a stream of bytes and outputs complete UTF-8 characters. */
#include "stop.h"
#include "../../token/token.h"

#include <string.h>

enum { MAX_CHARACTER = 4 };

pal_status pal_stop_check(const pal_str *text, size_t count, pal_error *err)
{
    if (count > PAL_STOP_STRINGS) return pal_fail(err, PAL_E_OPTION, "more than 64 stop strings", SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (text[i].size == 0) return pal_fail(err, PAL_E_OPTION, "a stop string is empty", i);
        if (text[i].size > PAL_STOP_BYTES)
            return pal_fail(err, PAL_E_OPTION, "a stop string is longer than 4096 bytes", i);
    }
    return PAL_OK;
}

/* Length of the longest prefix of the string that the stream ends with, after one more byte. */
static uint32_t next_match(pal_str text, const uint32_t *fall, uint32_t matched, char byte)
{
    while (matched && text.data[matched] != byte) matched = fall[matched - 1];
    return text.data[matched] == byte ? matched + 1 : 0;
}

static void find_falls(pal_str text, uint32_t *fall)
{
    fall[0] = 0;
    for (size_t i = 1; i < text.size; i++) fall[i] = next_match(text, fall, fall[i - 1], text.data[i]);
}

void pal_stop_layout(pal_stop *s, const pal_str *text, size_t count, pal_arena *arena)
{
    size_t longest = 0;
    *s = (pal_stop){.count = count, .text = text, .found = -1};
    s->fall = pal_take(arena, count, sizeof *s->fall);
    s->matched = pal_take(arena, count, sizeof *s->matched);
    for (size_t i = 0; i < count; i++) {
        uint32_t *fall = pal_take(arena, text[i].size, sizeof *fall);
        if (text[i].size > longest) longest = text[i].size;
        if (!fall) continue;
        s->fall[i] = fall;
        find_falls(text[i], fall);
    }
    /* a stop string without its last byte, an incomplete character before it, and one byte just received */
    s->held_capacity = longest + MAX_CHARACTER; /* at most PAL_STOP_HELD */
    s->held = pal_take(arena, s->held_capacity, 1);
    if (s->matched) pal_stop_reset(s);
}

void pal_stop_reset(pal_stop *s)
{
    for (size_t i = 0; i < s->count; i++) s->matched[i] = 0;
    s->holds = 0;
    s->found = -1;
}

/* Whether more bytes can make text[bytes] the start of a character. If any continuation fits, then one of all minimum
 * or all maximum continuation bytes does, for every first byte. */
static bool may_become_character(const char *text, size_t bytes)
{
    char longer[MAX_CHARACTER];
    if (bytes == 0 || bytes >= MAX_CHARACTER) return false;
    for (int end = 0x80; end <= 0xbf; end += 0x3f) {
        memcpy(longer, text, bytes);
        memset(longer + bytes, end, MAX_CHARACTER - bytes);
        if (pal_utf8_char(longer, MAX_CHARACTER) > bytes) return true;
    }
    return false;
}

/* Number of bytes of held[limit] that are complete characters, or bytes that cannot become part of one. The bytes after
 * `limit` may become a stop string; an incomplete character before them is held too, since the text may end there. */
static size_t whole_characters(const pal_stop *s, size_t limit)
{
    size_t at = 0;
    while (at < limit) {
        size_t n = pal_utf8_char(s->held + at, s->holds - at);
        if (n == 0 && may_become_character(s->held + at, limit - at)) break;
        if (n == 0) n = 1;
        if (at + n > limit) break;
        at += n;
    }
    return at;
}

static size_t release(pal_stop *s, size_t bytes, char *out)
{
    if (bytes == 0) return 0;
    memcpy(out, s->held, bytes);
    s->holds -= bytes;
    memmove(s->held, s->held + bytes, s->holds);
    return bytes;
}

/* Returns how many of the last bytes may still become a stop string. If they are one, sets s->found. */
static size_t match_byte(pal_stop *s, char byte)
{
    size_t max = 0, longest = 0;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t matched = next_match(s->text[i], s->fall[i], s->matched[i], byte);
        if (matched == s->text[i].size && matched > longest) {
            longest = matched;
            s->found = (int32_t)i;
        }
        s->matched[i] = matched;
        if (matched > max) max = matched;
    }
    return longest ? longest : max;
}

size_t pal_stop_push(pal_stop *s, const char *bytes, size_t n, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < n && s->found < 0; i++) {
        s->held[s->holds++] = bytes[i];
        size_t kept = match_byte(s, bytes[i]);
        if (s->found >= 0) {
            written += release(s, whole_characters(s, s->holds - kept), out + written);
            s->holds = 0;
        } else {
            written += release(s, whole_characters(s, s->holds - kept), out + written);
        }
    }
    return written;
}

size_t pal_stop_finish(pal_stop *s, char *out)
{
    return release(s, whole_characters(s, s->holds), out);
}
