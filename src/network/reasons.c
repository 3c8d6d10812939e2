/* reasons.c - why a file cannot be used, where the binding of its network does not see the reason. */
#include "kinds.h"
#include "../core/say.h"

pal_status pal_model_contradicts(pal_model *m, const char *prefix, pal_error *why)
{
    const pal_gguf_value *v = pal_gguf_contradiction(m->gguf, prefix);
    char key[64];
    if (!v) return PAL_OK;
    pal_gguf_printable(v->key, key, sizeof key);
    pal_say(m->repeated_text, sizeof m->repeated_text, "the file has the key %s twice, with different values", key);
    return pal_fail(why, PAL_E_FORMAT, m->repeated_text, pal_gguf_value_offset(m->gguf, v));
}

pal_status pal_model_is_part(pal_model *m, pal_error *why)
{
    uint64_t parts = 0, number = 0;
    if (m->joined || !pal_gguf_get_u64(m->gguf, "split.count", &parts) || parts < 2) return PAL_OK;
    const bool known = pal_gguf_get_u64(m->gguf, "split.no", &number) && number < parts;
    char which[48] = "one", last[] = "00000";
    uint64_t rest = parts;
    for (size_t i = sizeof last - 1; i-- > 0; rest /= 10) last[i] = (char)('0' + rest % 10);
    if (known) pal_say(which, sizeof which, "number %llu", (unsigned long long)number + 1);
    pal_say(m->part_text, sizeof m->part_text,
            "the file is %s of the %llu parts of a split model (split.count): all parts are needed, in one folder and "
            "with their names NAME-00001-of-%s.gguf, or given together",
            which, (unsigned long long)parts, last);
    return pal_fail(why, PAL_E_UNSUPPORTED, m->part_text, SIZE_MAX);
}

pal_status pal_model_is_adapter(pal_model *m, pal_error *why)
{
    pal_str type = {"model", 5};
    char name[32];
    pal_gguf_get_str(m->gguf, "general.type", &type);
    if (pal_str_is(type, "model") || pal_str_is(type, "vocab")) return PAL_OK;
    pal_gguf_printable(type, name, sizeof name);
    if (pal_str_is(type, "adapter"))
        return pal_fail(
            why, PAL_E_UNSUPPORTED,
            "the file is an adapter (general.type): open its base, and attach the adapter to it (--adapter FILE)",
            SIZE_MAX);
    pal_say(m->part_text, sizeof m->part_text,
            "the file is not a model but an addition to one (general.type is \"%s\"): use the model file itself", name);
    return pal_fail(why, PAL_E_UNSUPPORTED, m->part_text, SIZE_MAX);
}

void pal_model_name_value(pal_model *m)
{
    pal_error *why = &m->vocab_error;
    const pal_gguf_value *v = pal_gguf_value_behind(m->gguf, why->offset);
    char key[64], value[64];
    if (!v) return;
    pal_gguf_printable(v->key, key, sizeof key);
    pal_gguf_describe(v, value, sizeof value);
    pal_say(m->vocab_text, sizeof m->vocab_text, "%s (%s is %s)", why->text, key, value);
    why->text = m->vocab_text;
}

pal_status pal_model_refuse(pal_model *m, const pal_gguf *g, pal_status status, const char *key, const char *text)
{
    const pal_gguf_value *v = pal_gguf_find(g, key);
    char value[80] = "absent";
    if (v) pal_gguf_describe(v, value, sizeof value);
    pal_say(m->kind_text, sizeof m->kind_text, "%s (%s is %s)", text, key, value);
    return pal_fail(&m->net_error, status, m->kind_text, v ? pal_gguf_value_offset(g, v) : SIZE_MAX);
}
