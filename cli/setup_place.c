/*
 * setup_place.c - the listening addresses of outrider.conf in the words of mail servers.
 */
#include "cli/setup_plan.h"

#include <stdio.h>
#include <string.h>

/* "[127.0.0.1]" is right in outrider.conf and nowhere else; "[::1]" is right everywhere. */
static bool split_inet(const char *listen, char host[OTR_MTA_WORD], const char **port)
{
    const char *text = listen + strlen("inet:"), *colon = strrchr(listen, ':');
    size_t len;

    if (strncmp(listen, "inet:", 5) != 0 || colon < text)
        return false;
    len = (size_t)(colon - text);
    if (len > 2 && text[0] == '[' && memchr(text, ':', len) == NULL) {
        text++;
        len -= 2;
    }
    snprintf(host, OTR_MTA_WORD, "%.*s", (int)len, text);
    *port = colon + 1;
    return true;
}

/* Exim: a path, or inet:HOST:PORT. */
static bool speak_exim(const otr_mta *mta, const char *listen, char spoken[OTR_MTA_WORD])
{
    char host[OTR_MTA_WORD];
    const char *port;

    (void)mta;
    if (strncmp(listen, "unix:", 5) == 0)
        return snprintf(spoken, OTR_MTA_WORD, "%s", listen + 5) < OTR_MTA_WORD;
    return split_inet(listen, host, &port) &&
           snprintf(spoken, OTR_MTA_WORD, "inet:%.200s:%s", host, port) < OTR_MTA_WORD;
}

/*
 * Postfix: unix:PATH, relative to the queue directory, which is the same inside and outside its jail; elsewhere only
 * where there is no jail. Or inet:HOST:PORT.
 */
static bool speak_postfix(const otr_mta *mta, const char *listen, char spoken[OTR_MTA_WORD])
{
    size_t queue = strlen(mta->queue);
    char host[OTR_MTA_WORD];
    const char *port;

    if (strncmp(listen, "unix:", 5) == 0 && strncmp(listen + 5, mta->queue, queue) == 0 && listen[5 + queue] == '/')
        return snprintf(spoken, OTR_MTA_WORD, "unix:%s", listen + 5 + queue + 1) < OTR_MTA_WORD;
    if (strncmp(listen, "unix:", 5) == 0)
        return !mta->is_chrooted && snprintf(spoken, OTR_MTA_WORD, "%s", listen) < OTR_MTA_WORD;
    return split_inet(listen, host, &port) &&
           snprintf(spoken, OTR_MTA_WORD, "inet:%.200s:%s", host, port) < OTR_MTA_WORD;
}

/* sendmail, as for milters: local:PATH or inet:PORT@HOST. */
static bool speak_sendmail(const otr_mta *mta, const char *listen, char spoken[OTR_MTA_WORD])
{
    char host[OTR_MTA_WORD];
    const char *port;

    (void)mta;
    if (strncmp(listen, "unix:", 5) == 0)
        return snprintf(spoken, OTR_MTA_WORD, "local:%s", listen + 5) < OTR_MTA_WORD;
    return split_inet(listen, host, &port) &&
           snprintf(spoken, OTR_MTA_WORD, "%s:%s@%.200s", host[0] == '[' ? "inet6" : "inet", port, host) < OTR_MTA_WORD;
}

static bool (*const speak[OTR_MTA_COUNT])(const otr_mta *, const char *, char[OTR_MTA_WORD]) = {
    [OTR_EXIM] = speak_exim,
    [OTR_POSTFIX] = speak_postfix,
    [OTR_SENDMAIL] = speak_sendmail,
};

/* What the files in integration/ name. */
static void expect(const otr_mta *mta, otr_asking_place *place)
{
    if (mta->kind == OTR_EXIM)
        snprintf(place->listen, sizeof(place->listen), "unix:/run/outrider/exim.sock");
    else if (mta->kind == OTR_POSTFIX)
        snprintf(place->listen, sizeof(place->listen), "unix:%.200s/outrider/policy.sock", mta->queue);
    else
        snprintf(place->listen, sizeof(place->listen), "unix:/run/outrider/sendmail.sock");
    speak[mta->kind](mta, place->listen, place->spoken);
}

/* Postfix and sendmail first look for the kind of address that suits them best. */
static bool suits(const otr_mta *mta, const char *listen)
{
    bool is_unix = strncmp(listen, "unix:", 5) == 0;

    if (mta->kind == OTR_SENDMAIL)
        return !is_unix || strstr(listen, "sendmail") != NULL; /* Postfix' socket lies where sendmail has no business */
    return is_unix && (mta->kind != OTR_POSTFIX || strncmp(listen + 5, mta->queue, strlen(mta->queue)) == 0);
}

void otr_asking_place_find(const otr_mta *mta, const otr_settings *settings, otr_asking_place *place)
{
    const otr_list *list = mta->kind == OTR_EXIM ? &settings->conf->line.listen : &settings->conf->socketmap.listen;

    memset(place, 0, sizeof(*place));
    for (int round = 0; settings->is_file && round < 2; round++) {
        for (size_t i = 0; i < list->count; i++) {
            if (round == 0 && !suits(mta, list->values[i]))
                continue;
            if (strlen(list->values[i]) < sizeof(place->listen) &&
                speak[mta->kind](mta, list->values[i], place->spoken)) {
                strcpy(place->listen, list->values[i]);
                place->is_configured = true;
                return;
            }
        }
    }
    expect(mta, place);
}
