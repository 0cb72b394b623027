/*
 * setup_exim_drivers.c - see setup_exim_drivers.h.
 */
#include "cli/setup_exim_drivers.h"

/* "\nNAME router:\n" and then its options. */
void otr_drivers_split(const char *text, const char *kind, otr_drivers *drivers)
{
    otr_driver *last = NULL;
    size_t kind_len = strlen(kind);

    while (*text != '\0' && drivers->count < OTR_DRIVERS_MAX) {
        size_t len = strcspn(text, "\n");
        bool is_head = len > kind_len && memcmp(text + len - kind_len, kind, kind_len) == 0 &&
                       memchr(text, '=', len) == NULL && memchr(text, ' ', len - kind_len) == NULL;

        if (is_head) {
            last = &drivers->list[drivers->count++];
            *last = (otr_driver){ { text, len - kind_len }, { text + len, 0 } };
        } else if (last != NULL) {
            last->body.len = (size_t)(text + len - last->body.ptr);
        }
        text += len + (text[len] == '\n');
    }
}

/* The value of "NAME = VALUE"; "true" for "NAME", "false" for "no_NAME"; empty if it is not there. */
otr_slice otr_driver_option(const otr_driver *driver, const char *name)
{
    const char *at = driver->body.ptr, *end = at + driver->body.len;
    size_t name_len = strlen(name);

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        otr_slice line = { at, (size_t)((newline != NULL ? newline : end) - at) };

        if (otr_slice_is(line, name))
            return otr_slice_of("true");
        if (line.len == name_len + 3 && memcmp(line.ptr, "no_", 3) == 0 && memcmp(line.ptr + 3, name, name_len) == 0)
            return otr_slice_of("false");
        if (line.len >= name_len + 2 && memcmp(line.ptr, name, name_len) == 0 &&
            memcmp(line.ptr + name_len, " =", 2) == 0) {
            size_t skip = name_len + 2;

            skip += skip < line.len && line.ptr[skip] == ' ';
            return (otr_slice){ line.ptr + skip, line.len - skip };
        }
        at = newline != NULL ? newline + 1 : end;
    }
    return (otr_slice){ "", 0 };
}

const otr_driver *otr_driver_find(const otr_drivers *drivers, otr_slice name)
{
    for (size_t i = 0; i < drivers->count; i++)
        if (otr_slice_eq(drivers->list[i].name, name))
            return &drivers->list[i];
    return NULL;
}
