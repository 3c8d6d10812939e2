/* describe.c - values and names as text for the user: short and printable whatever the file contains. */
#include "parts.h"
#include "../core/say.h"

#include <string.h>

enum { SHOWN = 4 }; /* elements of an array that are written */

void pal_gguf_printable(pal_str name, char *out, size_t capacity)
{
    size_t n = name.size < capacity ? name.size : capacity - 1;
    for (size_t i = 0; i < n; i++) out[i] = name.data[i] >= 0x20 && name.data[i] < 0x7f ? name.data[i] : '?';
    out[n] = '\0';
    if (n < name.size && n > 3) memcpy(out + n - 3, "...", 3);
}

static void put_text(char *out, size_t capacity, pal_str s)
{
    out[0] = '"';
    pal_gguf_printable(s, out + 1, capacity - 2);
    size_t n = strlen(out);
    out[n] = '"';
    out[n + 1] = '\0';
}

/* Writes up to six decimals, without trailing zeros. */
static void put_number(char *out, size_t capacity, double value)
{
    const char *sign = value < 0 ? "-" : "", *special = NULL;
    const double size = value < 0 ? -value : value;
    if (value != value)
        special = "not a number";
    else if (size > 1e15)
        special = size > 1.7e308 ? "infinity" : "above 1e15";
    else if (size > 0 && size < 1e-6)
        special = "almost 0";
    if (special) {
        pal_say(out, capacity, "%s%s", value != value || size < 1 ? "" : sign, special);
        return;
    }
    unsigned long long whole = (unsigned long long)size,
                       rest = (unsigned long long)((size - (double)whole) * 1e6 + 0.5);
    char digits[8]; /* a 1 and six decimals, terminated */
    pal_say(digits, sizeof digits, "%llu", 1000000 + rest % 1000000);
    pal_say(out, capacity, "%s%llu.%s", sign, whole + rest / 1000000, digits + 1);
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '0') n--;
    out[out[n - 1] == '.' ? n - 1 : n] = '\0';
}

/* Writes the element at byte *at of v and advances *at; false if the element is itself an array. */
static bool put_element(const pal_gguf_value *v, size_t *at, char *out, size_t capacity)
{
    const unsigned char *p = v->data + *at;
    uint64_t magnitude;
    bool negative;
    double number;
    if (v->type == PAL_GGUF_STRING) {
        put_text(out, capacity, pal_gguf_next_str(v, at));
        return true;
    }
    *at += pal_gguf_type_size(v->type);
    if (v->type == PAL_GGUF_BOOL)
        pal_say(out, capacity, "%s", *p ? "true" : "false");
    else if (pal_load_integer(v->type, p, &magnitude, &negative))
        pal_say(out, capacity, "%s%llu", negative ? "-" : "", (unsigned long long)magnitude);
    else if (pal_load_float(v->type, p, &number))
        put_number(out, capacity, number);
    else
        return false;
    return true;
}

void pal_gguf_describe(const pal_gguf_value *v, char *out, size_t capacity)
{
    char element[24];
    size_t at = 0, n;
    uint64_t i = 0;
    if (!v->is_array) {
        put_element(v, &at, out, capacity);
        return;
    }
    pal_say(out, capacity, "[");
    for (; i < v->count && i < SHOWN && put_element(v, &at, element, sizeof element); i++) {
        n = strlen(out);
        pal_say(out + n, capacity - n, "%s%s", i ? ", " : "", element);
    }
    n = strlen(out);
    pal_say(out + n, capacity - n, "%s%s]", i && i < v->count ? ", " : "", i < v->count ? "..." : "");
}
