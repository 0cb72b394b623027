/*
 * check.c - what outriderd -t says of the sections "publish". None of it keeps the daemon from starting: the other domains go on.
 */
#include "base/diag.h"
#include "daemon/publish/inside.h"

#include <stdio.h>
#include <string.h>

static outrider_err check_text(const otr_publish_conf *conf, outrider_diag *diag)
{
    otr_publication publication = otr_publication_of(conf);
    otr_buf text = OTR_BUF_INIT;
    outrider_err err;

    if (strlen(conf->domain) + strlen("mta-sts.") > OTR_DOMAIN_MAX)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: the name of its policy host would be too long", conf->domain);
    if (publication.mode == OTR_STS_NONE)
        publication.mx_count = 0;
    err = otr_publication_text(&publication, &text, diag);
    otr_buf_clear(&text);
    return err;
}

static outrider_err check_certificate(const otr_publish_conf *conf, otr_time now, outrider_diag *diag)
{
    otr_certificate *certificate = NULL;
    char host[OTR_DOMAIN_SIZE + sizeof("mta-sts.")];
    outrider_err err;

    if (*conf->certificate == '\0')
        return OUTRIDER_OK;
    snprintf(host, sizeof(host), "mta-sts.%s", conf->domain);
    err = otr_certificate_load(conf->certificate, conf->key, host, now, &certificate, diag);
    otr_certificate_free(certificate);
    return err;
}

size_t otr_publish_check(const otr_conf *conf, otr_time now, void (*tell)(void *arg, unsigned line, const char *what), void *arg)
{
    size_t count = 0;

    for (size_t i = 0; i < conf->publish_count; i++) {
        const otr_publish_conf *p = &conf->publish[i];
        outrider_diag diag = { 0 };
        char what[sizeof(diag.message) + OTR_DOMAIN_SIZE + 20];
        outrider_err err = check_text(p, &diag);

        if (err == OUTRIDER_OK)
            err = check_certificate(p, now, &diag);
        if (err == OUTRIDER_OK)
            continue;
        snprintf(what, sizeof(what), "publish \"%s\": %s", p->domain, diag.message);
        tell(arg, p->line, what);
        count++;
    }
    return count;
}
