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

/* Whom sendmail delivers as: itself, which is root, unless RunAsUser says otherwise ("user" or "user:group"). */
static void find_user(const char *text, char user[OTR_MTA_WORD], char group[OTR_MTA_WORD])
{
    char *found = line_behind(text, "O RunAsUser="), *colon = found != NULL ? strpbrk(found, ":.") : NULL;

    snprintf(user, OTR_MTA_WORD, "%.*s", found != NULL ? (int)(colon != NULL ? colon - found : (long)strlen(found)) : 4,
             found != NULL ? found : "root");
    snprintf(group, OTR_MTA_WORD, "%s", colon != NULL ? colon + 1 : user);
    free(found);
}

/* A host that failed for one destination would count as down for all. */
static void check_host_status(otr_check_list *list, const char *text)
{
    char *folder = line_behind(text, "O HostStatusDirectory=");

    otr_check_say(list, "host-status", folder == NULL ? OTR_CHECK_OK : OTR_CHECK_WARNING, PRINT_AGAIN,
                  folder == NULL ? "hosts are judged for each destination by itself"
                                 : "O HostStatusDirectory=%s: what failed for one destination at a host delays mail to "
                                   "others there",
                  folder);
    free(folder);
}

/* FEATURE(`sts') alone leaves gaps, which the rulesets close. */
static void check_rulesets(otr_check_list *list, const char *text)
{
    bool is_there = strstr(text, "\nSLocal_tls_server\n") != NULL &&
                    strstr(text, "$>\"STS_Check\" $&{rcpt_addr}") != NULL &&
                    strstr(text, "\nSLocal_tls_rcpt\n") != NULL && strstr(text, "R$* <TMPF>\t\t$#error") != NULL;

    otr_check_say(list, "rulesets", is_there ? OTR_CHECK_OK : OTR_CHECK_CRITICAL, PRINT_AGAIN, "%s",
                  is_there ? "Outrider's rulesets stand behind those of FEATURE(`sts')"
                           : "Outrider's rulesets LOCAL_TLS_SERVER and LOCAL_TLS_RCPT are missing");
}

/* "socket -d5 -T<TMPF> inet:8461@127.0.0.1": the address is the last word. */
static void check_map(const otr_check_question *question, otr_check_list *list, const char *text, const char *map)
{
    const char *blank = strrchr(map, ' '), *key = question->domain != NULL ? question->domain : ".example.org";
    bool defers = strstr(map, "-T<TMPF>") != NULL;
    char user[OTR_MTA_WORD], group[OTR_MTA_WORD];
    otr_identity who = { .user = user, .group = group };
    otr_buf request = OTR_BUF_INIT, answer = OTR_BUF_INIT;
    otr_asking asking = { .address = blank != NULL ? blank + 1 : map, .is_netstring = true };
    const char *said;

    find_user(text, user, group);
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
        check_option(list, "roots-folder", text, "O CACertPath=", NULL,
                     "sendmail reads CACertFile only beside a folder");
        check_option(list, "aliases", text, "O DontExpandCnames=", "true",
                     "the map would be asked for what a CNAME leads to, which has no policy (RFC 8461 section 3.4)");
        check_host_status(list, text);
        check_rulesets(list, text);
        if (map != NULL)
            check_map(question, list, text, map);
    }
    if (in != NULL)
        fclose(in);
    free(map);
    free(text);
}
