/*
 * scene.c - see the header.
 */
#include "scene.h"

#include "base/buf.h"
#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOSTS_MAX 64

static const uint8_t digest[32] = { 0xab };

static _Noreturn void refuse(const char *text, const char *why)
{
    fprintf(stderr, "scene: %s: %s\n", why, text);
    abort();
}

static void *need(void *memory)
{
    if (memory == NULL)
        refuse("", "out of memory");
    return memory;
}

/* --- findings --------------------------------------------------------------------------------------------- */

static void read_address_row(otr_host_finding *h, const char *row)
{
    static const struct { const char *row; otr_host_addresses addresses; otr_dane_state dane; } rows[] = {
        { "A1", OTR_HOST_SECURE, OTR_DANE_NONE },       { "A2", OTR_HOST_SECURE, OTR_DANE_NONE },
        { "A3", OTR_HOST_INSECURE, OTR_DANE_TEMPFAIL }, { "A4", OTR_HOST_NO_ADDRESS, OTR_DANE_NONE },
        { "A4!", OTR_HOST_NO_ADDRESS, OTR_DANE_NONE },  { "A5", OTR_HOST_TEMPFAIL, OTR_DANE_TEMPFAIL },
        { "A7", OTR_HOST_INSECURE, OTR_DANE_INSECURE }, { "A8", OTR_HOST_TEMPFAIL, OTR_DANE_TEMPFAIL },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].row, row) != 0)
            continue;
        h->address_row = rows[i].row;
        h->addresses = rows[i].addresses;
        h->dane = rows[i].dane;
        h->is_unusable_name = strcmp(row, "A4!") == 0;
        h->is_bogus = strcmp(row, "A8") == 0;
        return;
    }
    refuse(row, "no such row of step 2");
}

static void read_tlsa_row(otr_arena *arena, otr_host_finding *h, const char *row)
{
    static const struct { const char *row; otr_dane_state dane; unsigned usage; } rows[] = {
        { "T1", OTR_DANE_USABLE, 3 }, { "T2", OTR_DANE_UNUSABLE, 1 }, { "T3", OTR_DANE_TEMPFAIL, 0 },
        { "T3b", OTR_DANE_TEMPFAIL, 0 }, { "T4", OTR_DANE_NONE, 0 }, { "T5", OTR_DANE_INSECURE, 0 },
    };
    otr_tlsa *record;

    h->tlsa_row = "";
    h->base_domain = "";
    h->reason = "no TLSA question";
    for (size_t i = 0; i < COUNT(rows) && row != NULL; i++) {
        if (strcmp(rows[i].row, row) != 0)
            continue;
        h->tlsa_row = rows[i].row;
        h->dane = rows[i].dane;
        h->is_bogus = strcmp(row, "T3b") == 0;
        h->reason = rows[i].row;
        if (rows[i].usage > 0) {
            h->base_domain = h->host;
            record = need(otr_arena_alloc(arena, 1, sizeof(*record)));
            *record = (otr_tlsa){ .usage = (uint8_t)rows[i].usage, .selector = 1, .mtype = 1, .data = digest, .len = sizeof(digest) };
            h->tlsa = record;
            h->tlsa_count = 1;
        }
        return;
    }
    if (row != NULL)
        refuse(row, "no such row of step 3");
}

static void read_host(otr_arena *arena, otr_host_finding *h, char *text)
{
    char *rest = NULL, *name = strtok_r(text, " ", &rest), *address = strtok_r(NULL, " ", &rest),
        *tlsa = strtok_r(NULL, " ", &rest);
    char *alias;

    if (address == NULL)
        refuse(text, "a host is NAME ADDRESS-ROW [TLSA-ROW]");
    alias = strchr(name, '>');
    if (alias != NULL)
        *alias++ = '\0';
    h->host = otr_arena_text(arena, name);
    h->canonical = alias != NULL ? otr_arena_text(arena, alias) : h->host;
    read_address_row(h, address);
    read_tlsa_row(arena, h, tlsa);
}

static void read_mx_row(otr_mx_finding *f, const char *row)
{
    static const struct { const char *row; otr_mx_security security; bool is_implicit; const char *error; } rows[] = {
        { "M1", OTR_MX_NONE, false, "" },          { "M2", OTR_MX_SECURE, false, "" },
        { "M3", OTR_MX_INSECURE, false, "" },      { "M4", OTR_MX_SECURE, false, "null MX" },
        { "M6", OTR_MX_NONE, true, "" },           { "M7", OTR_MX_NONE, false, "no such domain" },
        { "M8", OTR_MX_TEMPFAIL, false, "MX lookup failed: timed out" }, { "M9", OTR_MX_BOGUS, false,
          "MX lookup is bogus: no signature" },
        { "M12", OTR_MX_SECURE, false, "the best MX host is this mail server itself (own_hosts)" },
        { "M13", OTR_MX_NONE, true, "" },
    };

    bool is_insecure = strcmp(row, "M4i") == 0;

    if (is_insecure)
        row = "M4";
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].row, row) != 0)
            continue;
        f->row = rows[i].row;
        f->security = is_insecure ? OTR_MX_INSECURE : rows[i].security;
        f->is_implicit = rows[i].is_implicit;
        f->error = rows[i].error;
        return;
    }
    refuse(row, "no such row of step 1");
}

otr_mx_finding *scene_finding(const char *to, const char *text)
{
    otr_arena *arena = need(otr_arena_new());
    otr_mx_finding *f = need(otr_arena_alloc(arena, 1, sizeof(*f)));
    otr_host_finding *hosts = need(otr_arena_alloc(arena, HOSTS_MAX, sizeof(*hosts)));
    char *copy = need(strdup(text)), *rest = strchr(copy, ':');
    const char **evidence = need(otr_arena_alloc(arena, 1, sizeof(*evidence)));

    if (otr_destination_parse(to, strlen(to), &f->destination, NULL) != OUTRIDER_OK)
        refuse(to, "no destination");
    if (rest != NULL)
        *rest++ = '\0';
    read_mx_row(f, copy);
    for (char *host; rest != NULL && (host = strtok_r(NULL, ";", &rest)) != NULL;) {
        if (f->host_count == HOSTS_MAX)
            refuse(text, "too many hosts");
        hosts[f->host_count].preference = (uint16_t)(10 * (f->host_count + 1));
        read_host(arena, &hosts[f->host_count++], host);
    }
    free(copy);
    evidence[0] = otr_arena_printf(arena, "MX %s: as the test says", f->destination.domain);
    f->canonical = f->destination.domain;
    f->hosts = hosts;
    f->evidence = evidence;
    f->evidence_count = 1;
    f->found_at = NOW;
    f->valid_until = NOW + FINDING_LIFE;
    f->arena = arena;
    f->refs = 1;
    return f;
}

/* --- policies --------------------------------------------------------------------------------------------- */

static void give_policy(otr_sts_entry *e, char *words, bool is_expired)
{
    otr_buf body = OTR_BUF_INIT;
    char *rest = NULL, *mode = strtok_r(words, " ", &rest);

    if (mode == NULL)
        refuse(e->domain, "a policy has a mode");
    otr_buf_printf(&body, "version: STSv1\nmode: %s\nmax_age: %d\n", mode, MAX_AGE);
    for (char *mx; (mx = strtok_r(NULL, " ", &rest)) != NULL;)
        otr_buf_printf(&body, "mx: %s\n", mx);
    if (otr_sts_policy_parse(otr_buf_text(&body), body.len, &e->policy, NULL) != OUTRIDER_OK)
        refuse(otr_buf_text(&body), "policy does not parse");
    otr_buf_clear(&body);
    strcpy(e->id, "1");
    e->fetched_at = NOW - (is_expired ? MAX_AGE : 3600);
    e->expires_at = e->fetched_at + MAX_AGE;
}

static void fail_fetch(otr_sts_entry *e, otr_sts_failure failure)
{
    e->failure = failure;
    e->tried_at = NOW;
    strcpy(e->tried_id, e->record_id);
    strcpy(e->error, "as the test says");
}

static void read_sts_row(otr_sts_entry *e, const char *row)
{
    unsigned number = (unsigned)strtoul(row + 1, NULL, 10);

    e->checked_at = number == 11 ? 0 : NOW;
    e->recheck_at = NOW + 300;
    e->record_ttl = 300;
    strcpy(e->record_status, "secure");
    strcpy(e->host_note[0], "secure, 1 record, TTL 60");
    switch (number) {
    case 1:
    case 2:
        e->record = OTR_STS_ABSENT;
        break;
    case 3:
    case 4:
        e->record = OTR_STS_LOOKUP_FAILED;
        strcpy(e->record_note, "timed out");
        break;
    case 11:
        break;
    default:
        e->record = OTR_STS_PRESENT;
        strcpy(e->record_id, number <= 6 ? "1" : "2");
        if (number >= 9)
            fail_fetch(e, OTR_STS_POLICY_INVALID);
        else if (number >= 7)
            fail_fetch(e, strchr(row, 'w') != NULL ? OTR_STS_WEBPKI_INVALID : OTR_STS_FETCH_ERROR);
        if (number == 6)
            e->checked_at = e->fetched_at;
        break;
    }
}

bool scene_is_pending(const char *text)
{
    return strncmp(text, "S11", 3) == 0;
}

otr_sts_entry *scene_entry(const char *domain, const char *text)
{
    otr_sts_entry *e;
    otr_sts_finding found;
    char *copy, *policy;
    size_t row_len;

    if (*text == '\0')
        return NULL;
    e = need(otr_sts_entry_new(domain));
    copy = need(strdup(text));
    policy = strchr(copy, ' ');
    if (policy != NULL)
        *policy++ = '\0';
    if (policy != NULL)
        give_policy(e, policy, strchr(copy, 'x') != NULL);
    read_sts_row(e, copy);
    found = otr_sts_entry_finding(e, NOW, scene_is_pending(text));
    row_len = strspn(copy + 1, "0123456789") + 1;
    if (strncmp(found.row, copy, row_len) != 0 || found.row[row_len] != '\0') {
        fprintf(stderr, "scene: the finding says %s\n", found.row);
        refuse(text, "not the row of step 4 that was meant");
    }
    free(copy);
    return e;
}

/* --- anchors and verdicts --------------------------------------------------------------------------------- */

static otr_anchors *anchors;

static void free_anchors(void)
{
    otr_anchors_free(anchors);
}

const otr_anchors *scene_anchors(void)
{
    char path[] = "/tmp/outrider-scene-XXXXXX";
    otr_cert root;
    otr_buf pem = OTR_BUF_INIT;
    int fd;

    if (anchors != NULL)
        return anchors;
    root = otr_make_cert(&(otr_cert_plan){ .common_name = "Scene Root", .constraints = "critical,CA:TRUE" });
    otr_cert_put_pem(&root, &pem);
    fd = mkstemp(path);
    if (fd < 0 || write(fd, pem.data, pem.len) != (ssize_t)pem.len || close(fd) != 0 ||
        otr_anchors_load(path, &anchors, NULL) != OUTRIDER_OK)
        refuse(path, "no anchors");
    unlink(path);
    otr_buf_clear(&pem);
    otr_cert_clear(&root);
    atexit(free_anchors);
    return anchors;
}

otr_verdict *scene_verdict(const char *to, const char *mx, const char *sts, const otr_decide_settings *settings)
{
    otr_mx_finding *finding = scene_finding(to, mx);
    otr_sts_entry *entry = scene_entry(finding->destination.domain, sts);
    otr_verdict *v = need(otr_decide(finding, entry, scene_is_pending(sts), settings, scene_anchors(), NOW));

    otr_mx_finding_unref(finding);
    otr_sts_entry_unref(entry);
    return v;
}
