/*
 * setup_postconf.c - see setup_postconf.h.
 */
#include "cli/setup_postconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool otr_postconf_value(const char *postconf, const char *name, otr_buf *value)
{
    otr_ran ran;
    const char *text;
    size_t len;
    bool is_known;

    /* postconf ends with 0 also for a name that it does not know, and then prints nothing but a warning. */
    otr_run((const char *const[]){ postconf, "-xh", name, NULL }, &ran);
    text = otr_buf_text(&ran.out);
    is_known = otr_ran_well(&ran) && *text != '\0';
    for (len = strlen(text); len > 0 && strchr("\r\n", text[len - 1]) != NULL; len--)
        ;
    otr_buf_reset(value);
    otr_buf_put(value, text, len);
    otr_ran_clear(&ran);
    return is_known;
}

/* service type private unpriv chroot wakeup maxproc command [argument...] */
static bool read_service(const char *line, bool default_chroot, otr_smtp_service *service)
{
    char chroot[8], command[OTR_SERVICE_NAME];

    if (sscanf(line, "%63s %7s %*s %*s %7s %*s %*s %63s", service->name, service->type, chroot, command) != 4)
        return false;
    service->is_chrooted = strcmp(chroot, "-") == 0 ? default_chroot : strcmp(chroot, "y") == 0;
    return strcmp(command, "smtp") == 0;
}

size_t otr_smtp_services(const char *master, bool default_chroot, otr_smtp_service *services, size_t most)
{
    size_t count = 0;

    for (const char *line = master; *line != '\0' && count < most;) {
        const char *end = strchr(line, '\n');

        if (read_service(line, default_chroot, &services[count]))
            count++;
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return count;
}

bool otr_default_chroot(const char *compatibility_level)
{
    return strtol(compatibility_level, NULL, 10) < 1;
}
