/*
 * tell.c - see the header.
 */
#include "tell.h"

#include <stdio.h>
#include <string.h>

const char *tell_roots(roots some, char text[TELL_ROOTS])
{
    size_t len = 1;

    strcpy(text, "{");
    for (unsigned i = 0; i <= POOL_ROOTS; i++)
        if ((some >> i & 1) != 0)
            len += (size_t)snprintf(text + len, TELL_ROOTS - len, " %s", i < POOL_ROOTS ? pool[i].title : "a stranger");
    snprintf(text + len, TELL_ROOTS - len, " }");
    return text;
}

static void put_names(const char *key, const name_id *names, size_t count, otr_buf *out)
{
    if (count > 0)
        otr_buf_printf(out, " %s = {", key);
    for (size_t i = 0; i < count; i++)
        otr_buf_printf(out, "%s \"%s\"", i > 0 ? "," : "", name_text(names[i]));
    if (count > 0)
        otr_buf_puts(out, " }");
}

static void put_rule(const fact *f, otr_buf *out)
{
    char text[TELL_ROOTS];

    otr_buf_printf(out, "anchors \"r%u\" {", f->title);
    if (f->takes_system)
        otr_buf_puts(out, " roots = \"system\"");
    else
        otr_buf_printf(out, " roots = \"r%u.pem\"", f->title);
    put_names("for", f->names, f->name_count, out);
    if (f->is_only)
        otr_buf_puts(out, " only = true");
    put_names("confine", f->confine, f->confine_count, out);
    if (f->on_change == OTR_ON_CHANGE_DEFER)
        otr_buf_puts(out, " on_change = \"defer\"");
    otr_buf_puts(out, " }");
    if (!f->takes_system)
        otr_buf_printf(out, "   # r%u.pem: %s", f->title, tell_roots(f->certs, text));
    if (f->is_reread)
        otr_buf_puts(out, " (read a second time)");
}

static void put_fact(const fact *f, otr_buf *out)
{
    static const char *const modes[] = { "enforce", "testing", "none" }, *const levels[] = { "may", "encrypt", "defer" },
                             *const servers[] = { "exim", "postfix" };
    const char *ended = f->is_ended ? ", which has ended" : "";
    char text[TELL_ROOTS];

    switch (f->kind) {
    case RULE:
        put_rule(f, out);
        break;
    case EXCEPTION:
        otr_buf_printf(out, "an exception: %s for %s%s", tell_roots(f->certs, text), name_text(f->names[0]), ended);
        break;
    case SYSTEM:
        otr_buf_printf(out, "in the system's bundle: %s", tell_roots(f->certs, text));
        break;
    case OWN:
        otr_buf_printf(out, "%s_own: %s", servers[f->choice], f->takes_system ? "system" : tell_roots(f->certs, text));
        break;
    case DESTINATION:
        otr_buf_printf(out, "a destination: %s (hosts %u)", dest_text(f->names[0]), f->choice);
        break;
    case POLICY:
        otr_buf_printf(out, "a policy of %s: %s (mx %u)%s", dest_text(f->names[0]), modes[f->choice], f->variant, ended);
        break;
    case OVERRIDE:
        otr_buf_printf(out, "an override for %s: %s%s", dest_text(f->names[0]), levels[f->choice], ended);
        break;
    case MINIMUM:
        otr_buf_printf(out, "minimum \"%s\": %s", name_text(f->names[0]), otr_minimum_names[f->choice]);
        break;
    }
    otr_buf_putc(out, '\n');
}

void tell_world(const world *w, otr_buf *out)
{
    static const char *const when[] = { "never   ", "- before", "+ after ", "        " };

    for (size_t i = 0; i < w->count; i++) {
        otr_buf_printf(out, "%s  ", when[w->facts[i].when & 3]);
        put_fact(&w->facts[i], out);
    }
}

void tell_failure(const world *w, const struct failure *failure, otr_buf *out)
{
    otr_buf_printf(out, "seed %llu, %zu facts (- only before the change, + only after it)\n", (unsigned long long)w->seed,
                   w->count);
    tell_world(w, out);
    otr_buf_printf(out, "should be: %s\nfor: %s\n%s\n", failure->property, dest_text(failure->dest), failure->detail);
}
