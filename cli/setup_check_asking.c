/*
 * setup_check_asking.c - see setup_check_asking.h.
 */
#include "cli/setup_check_asking.h"

#include <stdio.h>
#include <string.h>

#define NEEDS_ROOT "run outrider setup --check as root"

void otr_identity_print(const otr_identity *who, otr_buf *out)
{
    otr_buf_printf(out, "user %s, group %s", who->user, who->group);
    if (who->folder != NULL)
        otr_buf_printf(out, ", in %s%s", who->folder, who->is_jailed ? " as its root" : "");
}

/* What is the same for all deeds: true if the deed itself was done. */
static bool report(otr_check_list *list, const char *id, otr_deed_result result, const otr_buf *said,
                   const otr_identity *who, const char *what, const char *fix)
{
    otr_buf name = OTR_BUF_INIT;

    otr_identity_print(who, &name);
    switch (result) {
    case OTR_DEED_DONE: break;
    case OTR_DEED_FAILED:
        otr_check_say(list, id, OTR_CHECK_CRITICAL, fix, "%s (%s)", otr_buf_text(said), otr_buf_text(&name));
        break;
    case OTR_DEED_NOT_ROOT:
        otr_check_say(list, id, OTR_CHECK_UNKNOWN, NEEDS_ROOT, "%s: only root can try it as %s", what,
                      otr_buf_text(&name));
        break;
    case OTR_DEED_IMPOSSIBLE:
        otr_check_say(list, id, OTR_CHECK_UNKNOWN, "see that the mail server is installed as its configuration says",
                      "cannot act as %s: %s", otr_buf_text(&name), otr_buf_text(said));
        break;
    case OTR_DEED_TOO_LONG:
        otr_check_say(list, id, OTR_CHECK_CRITICAL, "look whether outriderd hangs: its log tells",
                      "%s: no answer in %d s (%s)", what, OTR_DEED_TIMEOUT, otr_buf_text(&name));
        break;
    }
    otr_buf_clear(&name);
    return result == OTR_DEED_DONE;
}

bool otr_check_socket(otr_check_list *list, const otr_identity *who, const otr_asking *asking, otr_buf *answer)
{
    otr_asking copy = *asking;
    otr_deed_result result = otr_do_as(who, otr_ask_socket, &copy, answer);
    otr_buf name = OTR_BUF_INIT;

    if (!report(
            list, "socket", result, answer, who, asking->address,
            "start outriderd, and give the socket to the mail server's group: outrider setup without --check prints "
            "the lines for outrider.conf"))
        return false;
    otr_identity_print(who, &name);
    otr_check_say(list, "socket", OTR_CHECK_OK, NULL, "%s answers %s", asking->address, otr_buf_text(&name));
    otr_buf_clear(&name);
    return true;
}

void otr_check_anchors(otr_check_list *list, const otr_identity *who, const char *path)
{
    char copy[OTR_MTA_WORD];
    otr_buf said = OTR_BUF_INIT;
    otr_deed_result result;

    snprintf(copy, sizeof(copy), "%s", path);
    result = otr_do_as(who, otr_read_anchors, copy, &said);
    if (report(list, "anchors", result, &said, who, path,
               "outriderd writes these files when it starts (anchors.exim_dir, anchors.postfix_dir and postfix_name in "
               "outrider.conf); every folder above them must be open to the mail server's user"))
        otr_check_say(list, "anchors", OTR_CHECK_OK, NULL, "%s can be read by %s", path, who->user);
    otr_buf_clear(&said);
}

bool otr_answer_value(const char *answer, const char *name, otr_buf *value)
{
    size_t len = strlen(name);

    otr_buf_reset(value);
    for (const char *at = strchr(answer, ' '); at != NULL; at = strchr(at, ' ')) {
        at++;
        if (strncmp(at, name, len) != 0 || at[len] != '=')
            continue;
        otr_buf_put(value, at + len + 1, strcspn(at + len + 1, " \n"));
        return value->len > 0 && strcmp(otr_buf_text(value), "\"\"") != 0;
    }
    return false;
}
