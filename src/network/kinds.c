/* kinds.c - finds and names the kinds of networks of this program. */
#include "kinds.h"
#include "../core/say.h"

#include <string.h>

const pal_network_kind *pal_network_kind_of(const char *architecture)
{
    for (size_t i = 0; i < pal_network_kind_count; i++) {
        const pal_network_kind *kind = &pal_network_kinds[i];
        if (!kind->architecture || strcmp(kind->architecture, architecture) == 0) return kind;
    }
    return NULL;
}

void pal_network_kinds_list(char *out, size_t capacity)
{
    size_t left = 0, size = 0;
    for (size_t i = 0; i < pal_network_kind_count; i++) left += pal_network_kinds[i].architecture != NULL;
    *out = '\0';
    for (size_t i = 0; left && size < capacity; i++) {
        if (!pal_network_kinds[i].architecture) continue;
        const char *after = --left > 1 ? ", " : left ? " and " : "";
        pal_say(out + size, capacity - size, "%s%s", pal_network_kinds[i].architecture, after);
        size += strlen(out + size);
    }
}
