/*
 * pairs.c - certificates and their keys: read again when the files change, refused unless they fit, and the last good one goes on.
 *
 * A client that renews a certificate writes two files, one after the other. So what has changed is read when it has stood still for a
 * tick, or at once when somebody says so ("publish.reload", which hooks use).
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/metrics.h"
#include "daemon/publish/inside.h"

#include <stdlib.h>
#include <string.h>

/* Which files there are ------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const otr_publish_conf *x = *(const otr_publish_conf *const *)a, *y = *(const otr_publish_conf *const *)b;
    int order = strcmp(x->certificate, y->certificate);

    return order != 0 ? order : strcmp(x->key, y->key);
}

static bool is_of(const otr_pair *pair, const otr_publish_conf *conf)
{
    return strcmp(pair->certificate_path, conf->certificate) == 0 && strcmp(pair->key_path, conf->key) == 0;
}

outrider_err otr_publisher_pair_up(otr_publisher *p, outrider_diag *diag)
{
    size_t count = p->conf->publish_count;
    const otr_publish_conf **sorted = calloc(count + 1, sizeof(const otr_publish_conf *));

    p->pairs = calloc(count + 1, sizeof(*p->pairs));
    if (sorted == NULL || p->pairs == NULL) {
        free(sorted);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &p->conf->publish[i];
    if (count > 0)
        qsort(sorted, count, sizeof(const otr_publish_conf *), compare);
    for (size_t i = 0; i < count; i++) {
        otr_own_domain *d = otr_publisher_find(p, sorted[i]->domain);

        if (*sorted[i]->certificate == '\0' || d == NULL)
            continue;
        if (p->pair_count == 0 || !is_of(&p->pairs[p->pair_count - 1], sorted[i]))
            p->pairs[p->pair_count++] = (otr_pair){ .certificate_path = sorted[i]->certificate, .key_path = sorted[i]->key };
        d->pair = &p->pairs[p->pair_count - 1];
    }
    free(sorted);
    return OUTRIDER_OK;
}

/* Reading and judging -------------------------------------------------------------------------------------------- */

static void tell_refusal(const otr_own_domain *d)
{
    otr_count(OTR_CELL_PUBLISH_FAILURES + OTR_PUBLISH_CERTIFICATE);
    OTR_LOG(OTR_LOG_ERROR, "publish.certificate.failed", { "domain", d->domain }, { "file", d->pair->certificate_path },
            { "error", d->certificate_error },
            { "effect", d->certificate != NULL ? "the former certificate goes on" : "nobody can fetch this policy by HTTPS" });
}

static void tell_new(const otr_own_domain *d)
{
    char end[OTR_TIME_TEXT];

    OTR_LOG(OTR_LOG_INFO, "publish.certificate", { "domain", d->domain }, { "file", d->pair->certificate_path },
            { "not_after", otr_time_text(otr_certificate_not_after(d->certificate), end) });
}

/* What the files of a domain hold now, against its name and the time. True: another certificate is shown. */
static bool judge(otr_own_domain *d, otr_time now)
{
    otr_pair *pair = d->pair;
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;

    if (*pair->error != '\0')
        memcpy(diag.message, pair->error, sizeof(pair->error));
    else
        err = otr_certificate_check(pair->certificate, d->host, now, &diag);
    if (*pair->error != '\0' || err != OUTRIDER_OK) {
        bool is_news = strcmp(d->certificate_error, diag.message) != 0;

        memcpy(d->certificate_error, diag.message, sizeof(d->certificate_error));
        if (is_news)
            tell_refusal(d);
        return false;
    }
    d->certificate_error[0] = '\0';
    if (d->certificate == pair->certificate)
        return false;
    otr_certificate_free(d->certificate);
    d->certificate = otr_certificate_ref(pair->certificate);
    tell_new(d);
    return true;
}

static bool judge_all_of(otr_publisher *p, const otr_pair *pair, otr_time now)
{
    bool is_changed = false;

    for (size_t i = 0; i < p->domain_count; i++)
        if (p->domains[i].pair == pair && *p->domains[i].host != '\0')
            is_changed |= judge(&p->domains[i], now);
    return is_changed;
}

static void load(otr_pair *pair, const otr_certificate_mark *mark, otr_time now)
{
    otr_certificate *loaded = NULL;
    outrider_diag diag = { 0 };
    outrider_err err = otr_certificate_load(pair->certificate_path, pair->key_path, NULL, now, &loaded, &diag);

    pair->loaded_at = *mark;
    pair->error[0] = '\0';
    if (err != OUTRIDER_OK) {
        memcpy(pair->error, diag.message, sizeof(pair->error));
        if (*pair->error == '\0')
            memcpy(pair->error, "it cannot be used", sizeof("it cannot be used"));
        return;
    }
    otr_certificate_free(pair->certificate);
    pair->certificate = loaded;
}

bool otr_publisher_look_at_pairs(otr_publisher *p, bool is_asked, otr_time now)
{
    bool is_changed = false;

    for (size_t i = 0; i < p->pair_count; i++) {
        otr_pair *pair = &p->pairs[i];
        otr_certificate_mark mark = otr_certificate_mark_of(pair->certificate_path, pair->key_path);
        bool is_new = !otr_certificate_mark_same(&mark, &pair->loaded_at), is_still = otr_certificate_mark_same(&mark, &pair->seen);

        pair->seen = mark;
        if (is_asked ? !is_new && pair->certificate != NULL && *pair->error == '\0' : !(is_new && is_still))
            continue;
        load(pair, &mark, now);
        is_changed |= judge_all_of(p, pair, now);
    }
    return is_changed;
}

bool otr_publisher_retry_pairs(otr_publisher *p, otr_time now)
{
    bool is_changed = false;

    for (size_t i = 0; i < p->pair_count; i++) {
        otr_pair *pair = &p->pairs[i];

        if (*pair->error != '\0')
            load(pair, &pair->loaded_at, now);
        is_changed |= judge_all_of(p, pair, now);
    }
    return is_changed;
}
