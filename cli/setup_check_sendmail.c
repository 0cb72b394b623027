/*
 * setup_check_sendmail.c - sendmail's running configuration is sendmail.cf: lines that begin with "K" define maps,
 * those that begin with "O" set options.
 */
#include "cli/command.h"
#include "cli/setup_check_asking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGURATION "/etc/mail/sendmail.cf"
#define CONFIGURATION_LIMIT (1024 * 1024) /* octets that are read */
#define PRINT_AGAIN "take over what outrider setup sendmail prints, then run sendmailconfig"

/* The rest of the last line that begins so: later lines count. NULL if there is none. Owned by the caller. */
static char *line_behind(const char *text, const char *begin)
{
    const char *found = NULL;

    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        if (strncmp(line, begin, strlen(begin)) == 0)
            found = line + strlen(begin);
        line += len + (line[len] == '\n');
    }
    return found != NULL ? strndup(found, strcspn(found, "\n")) : NULL;
}

static void check_option(otr_check_list *list, const char *id, const char *text, const char *begin, const char *value,
                         const char *why)
{
    char *found = line_behind(text, begin);
    bool is_met = found != NULL && (value == NULL ? *found != '\0' : strcasecmp(found, value) == 0);

    otr_check_say(list, id, is_met ? OTR_CHECK_OK : OTR_CHECK_CRITICAL, PRINT_AGAIN, "%s%s%s%s", begin,
                  found != NULL ? found : " is not set", is_met ? "" : ": ", is_met ? "" : why);
    free(found);
}

/* "socket -d5 -T<TMPF> inet:8461@127.0.0.1": the address is the last word. */
static void check_map(const otr_check_question *question, otr_check_list *list, const char *map)
{
    const char *blank = strrchr(map, ' '), *key = question->domain != NULL ? question->domain : ".example.org";
    bool defers = strstr(map, "-T<TMPF>") != NULL;
    otr_identity who = { .user = "root", .group = "root" };
    otr_buf request = OTR_BUF_INIT, answer = OTR_BUF_INIT;
    otr_asking asking = { .address = blank != NULL ? blank + 1 : map, .is_netstring = true };
    const char *said;

    otr_check_say(list, "fails-closed", defers ? OTR_CHECK_OK : OTR_CHECK_CRITICAL, PRINT_AGAIN, "map sts: %s%s", map,
                  defers ? "" : ": without -T<TMPF> mail goes unprotected while outriderd is down");
    otr_buf_printf(&request, "%zu:sts %s,", 4 + strlen(key), key);
    asking.request = otr_buf_text(&request);
    if (otr_check_socket(list, &who, &asking, &answer)) {
        said = otr_buf_text(&answer);
        otr_check_say(list, "answer",
                      strncmp(said, "OK ", 3) == 0 || strcmp(said, "NOTFOUND ") == 0 ? OTR_CHECK_OK
                                                                                     : OTR_CHECK_CRITICAL,
                      "outrider query --explain tells what stands in the way", "%s: %s", key, said);
    }
    otr_buf_clear(&request);
    otr_buf_clear(&answer);
}

void otr_check_sendmail(const otr_check_question *question, otr_check_list *list)
{
    FILE *in = fopen(CONFIGURATION, "re");
    char *text = calloc(1, CONFIGURATION_LIMIT + 1), *map = NULL;

    otr_check_version(question, list);
    if (in == NULL || text == NULL) {
        otr_check_say(list, "configuration", OTR_CHECK_CRITICAL, "run sendmailconfig", CONFIGURATION ": %s",
                      strerror(errno));
    } else {
        text[fread(text, 1, CONFIGURATION_LIMIT, in)] = '\0';
        map = line_behind(text, "Ksts ");
        otr_check_say(list, "map", map != NULL ? OTR_CHECK_OK : OTR_CHECK_CRITICAL, PRINT_AGAIN, "%s",
                      map != NULL ? map : "there is no map sts: nothing is protected");
        check_option(list, "option", text, "O StrictTransportSecurity=", "true", "the map is not asked");
        check_option(list, "names", text, "O SetCertAltnames=", "true", "a certificate for another host would do");
        check_option(list, "roots", text, "O CACertFile=", NULL,
                     "no certificate verifies, and mail under a policy waits");
        if (map != NULL)
            check_map(question, list, map);
    }
    if (in != NULL)
        fclose(in);
    free(map);
    free(text);
}
