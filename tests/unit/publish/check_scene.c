/*
 * check_scene.c - see check_scene.h. Test code: a lack of memory, or a word that it does not know, ends the program.
 */
#include "check_scene.h"

#include "support/make_cert.h"
#include "support/scripted_resolver.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW OTR_TEST_TIME
#define DAY OTR_TEST_DAY
#define HOST "mx.example.org"
#define POLICY_HOST "mta-sts.example.org"

/* Certificates -------------------------------------------------------------------------------------------------- */

enum { ROOT, OTHER_ROOT, CA, NEXT, CERTS };
static otr_cert certs[CERTS];
static otr_anchors *root_anchors, *other_anchors;

static void need(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "scene: %s\n", what);
    abort();
}

static otr_anchors *make_anchors(const otr_cert *root)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    otr_anchor_rule rule = { .name = "default", .roots = roots };
    otr_anchor_source source = { .rules = &rule, .rule_count = 1 };
    otr_anchors *anchors = NULL;

    need(sk_X509_push(roots, root->cert) > 0, "roots");
    need(otr_anchors_make(&source, &anchors, NULL) == OUTRIDER_OK, "anchors");
    sk_X509_free(roots);
    return anchors;
}

void scene_open(void)
{
    otr_cert_plan root = { .common_name = "Root", .constraints = "critical,CA:TRUE", .from = NOW - 400 * DAY, .until = NOW + 400 * DAY };
    otr_cert_plan other = root, ca = root, next = root;

    certs[ROOT] = otr_make_cert(&root);
    other.common_name = "Other Root";
    certs[OTHER_ROOT] = otr_make_cert(&other);
    ca.common_name = "CA";
    ca.issuer = &certs[ROOT];
    certs[CA] = otr_make_cert(&ca);
    next.common_name = HOST;
    certs[NEXT] = otr_make_cert(&next);
    root_anchors = make_anchors(&certs[ROOT]);
    other_anchors = make_anchors(&certs[OTHER_ROOT]);
}

void scene_close(void)
{
    for (size_t i = 0; i < CERTS; i++)
        otr_cert_clear(&certs[i]);
    otr_anchors_free(root_anchors);
    otr_anchors_free(other_anchors);
}

/* The chain that a word stands for; the leaf has the key of `leaf`, so that TLSA records can name it. */
static STACK_OF(X509) *make_chain(const char *word, const char *name, EVP_PKEY *key)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    char san[300];
    otr_cert_plan plan = { .common_name = name, .san = san, .issuer = &certs[CA], .key = key, .from = NOW - 30 * DAY, .until = NOW + 60 * DAY };
    otr_cert leaf;

    snprintf(san, sizeof(san), "DNS:%s", strcmp(word, "other-name") == 0 ? "www.example.org" : name);
    if (strcmp(word, "self") == 0)
        plan.issuer = NULL;
    else if (strcmp(word, "other-root") == 0)
        plan.issuer = &certs[OTHER_ROOT];
    else if (strcmp(word, "expired") == 0)
        plan.until = NOW - DAY;
    else if (strcmp(word, "ending") == 0)
        plan.until = NOW + 10 * DAY;
    else if (strcmp(word, "ended-soon") == 0)
        plan.until = NOW + 2 * DAY;
    else if (strcmp(word, "short") == 0) /* six days long, and four are left */
        plan.from = NOW - 2 * DAY, plan.until = NOW + 4 * DAY;
    else if (strcmp(word, "future") == 0)
        plan.from = NOW + DAY;
    else if (strcmp(word, "next") == 0)
        plan.key = certs[NEXT].key;
    else
        need(strcmp(word, "good") == 0 || strcmp(word, "alone") == 0 || strcmp(word, "other-name") == 0 || strcmp(word, "rooted") == 0, word);
    leaf = otr_make_cert(&plan);
    need(sk_X509_push(chain, X509_dup(leaf.cert)) > 0, "chain");
    if (plan.issuer == &certs[CA] && strcmp(word, "alone") != 0)
        need(sk_X509_push(chain, X509_dup(certs[CA].cert)) > 0, "chain");
    if (strcmp(word, "rooted") == 0)
        need(sk_X509_push(chain, X509_dup(certs[ROOT].cert)) > 0, "chain");
    otr_cert_clear(&leaf);
    return chain;
}

/* The scene ------------------------------------------------------------------------------------------------------ */

typedef struct scene {
    const char *values[SCENE_FIELDS];
    EVP_PKEY *key;           /* of the MX host */
    char hashes[4][65];      /* @leaf, @next, @ca, @root */
    struct event_base *base;
    otr_resolver *resolver;
    otr_meant meant;
    const char *patterns[8];
    char pattern_text[400];
    otr_buf text;
    otr_observation before;
    otr_tlsa staged;
    otr_buf staged_data;
    otr_domain_facts *facts;
} scene;

static const char *const defaults[SCENE_FIELDS] = {
    [MX] = "secure 10 mx.example.org",
    [A] = "secure 192.0.2.1",
    [AAAA] = "secure 2001:db8::1",
    [TLSA] = "secure ttl=3600 3 1 1 @leaf, 3 1 1 @next",
    [STS] = "secure v=STSv1; id=@own;",
    [APEX] = "secure v=spf1 -all",
    [RPT] = "secure v=TLSRPTv1; rua=mailto:tls@example.org",
    [POLICY_A] = "secure 192.0.2.80",
    [POLICY_AAAA] = "secure 2001:db8::80",
    [PROBE] = "tls", [SECOND] = "tls", [VERSION] = "TLSv1.3", [CHAIN] = "good",
    [FETCH] = "200", [TYPE] = "text/plain", [LOCATION] = "", [TOOK] = "100", [POLICY_CHAIN] = "good",
    [MODE] = "enforce", [MAX_AGE] = "1209600", [PATTERNS] = "mx.example.org",
    [MEANT] = "served", [REPORTS] = "yes", [EXIT] = "0", [PROGRAMS] = "root",
};

static const char *value_of(const scene *s, scene_field field)
{
    return s->values[field] != NULL ? s->values[field] : defaults[field] != NULL ? defaults[field] : "";
}

static bool is(const scene *s, scene_field field, const char *word)
{
    return strcmp(value_of(s, field), word) == 0;
}

static void hash_key(EVP_PKEY *key, char text[65])
{
    unsigned char *der = NULL, digest[32];
    int len = i2d_PUBKEY(key, &der);

    need(len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1, "digest");
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    OPENSSL_free(der);
}

static void put_substituted(const scene *s, const char *text, otr_buf *out)
{
    static const char *const names[] = { "@leaf", "@next", "@ca", "@root", "@own" };

    while (*text != '\0') {
        size_t i = 0;

        while (i < 5 && strncmp(text, names[i], strlen(names[i])) != 0)
            i++;
        if (i == 5) {
            otr_buf_putc(out, *text++);
            continue;
        }
        otr_buf_puts(out, i == 4 ? s->meant.id : s->hashes[i]);
        text += strlen(names[i]);
    }
}

static void on_answer(void *arg, const otr_dns_answer *answer)
{
    otr_dns_answer **to = arg;

    *to = otr_dns_answer_copy(answer);
    need(*to != NULL, "answer");
}

static void answer(const scene *s, scene_field field, const char *name, uint16_t type, otr_dns_answer **to)
{
    otr_buf rules = OTR_BUF_INIT;
    char *rest;

    if (is(s, field, "-") || is(s, field, ""))
        return;
    put_substituted(s, value_of(s, field), &rules);
    rest = rules.data;
    for (char *rule = rest; rule != NULL; rule = rest) {
        char line[1200], *bar = strstr(rule, " | ");

        if (bar != NULL)
            *bar = '\0';
        rest = bar != NULL ? bar + 3 : NULL;
        snprintf(line, sizeof(line), "%s %s %s", name, otr_rr_type_name(type), rule);
        otr_scripted_add(s->resolver, line);
    }
    otr_buf_clear(&rules);
    need(otr_dns_ask(s->resolver, name, type, on_answer, to) != NULL, "query");
    event_base_dispatch(s->base);
    need(*to != NULL, "no answer");
}

static void make_meant(scene *s)
{
    otr_publication *p = &s->meant.publication;
    size_t mode = 0;
    char *at = s->pattern_text;

    snprintf(s->pattern_text, sizeof(s->pattern_text), "%s", value_of(s, PATTERNS));
    for (char *word = strsep(&at, ","); word != NULL && *word != '\0'; word = strsep(&at, ","))
        s->patterns[p->mx_count++] = word;
    while (!is(s, MODE, otr_sts_mode_names[mode]))
        need(otr_sts_mode_names[++mode] != NULL, "no such mode");
    p->domain = "example.org";
    p->mode = (otr_sts_mode)mode;
    p->mx = s->patterns;
    p->max_age = (uint32_t)strtoul(value_of(s, MAX_AGE), NULL, 10);
    otr_buf_printf(&s->text, "version: STSv1\r\nmode: %s\r\n", value_of(s, MODE));
    for (size_t i = 0; i < p->mx_count; i++)
        otr_buf_printf(&s->text, "mx: %s\r\n", p->mx[i]);
    otr_buf_printf(&s->text, "max_age: %u\r\n", p->max_age);
    need(otr_publication_id(s->text.data, s->text.len, s->meant.id) == OUTRIDER_OK, "id");
    if (!is(s, MEANT, "configured")) {
        s->meant.text = s->text.data;
        s->meant.text_len = s->text.len;
    }
    s->meant.is_proposal = is(s, MEANT, "proposal") || is(s, MEANT, "proposal-served");
    if (is(s, MEANT, "proposal-served")) {
        s->meant.in_service = s->text.data;
        s->meant.in_service_len = s->text.len;
    }
    s->meant.wants_reports = is(s, REPORTS, "yes");
    s->meant.exit_clock = is(s, EXIT, "0") ? 0 : NOW + atol(value_of(s, EXIT));
}

static void make_before(scene *s)
{
    if (is(s, BEFORE, ""))
        return;
    s->before.at = NOW - DAY;
    s->before.text = is(s, BEFORE, "same") || is(s, BEFORE, "other-id") ? s->text.data : "version: STSv1\r\n";
    s->before.text_len = strlen(s->before.text);
    snprintf(s->before.id, sizeof(s->before.id), "%s", is(s, BEFORE, "same") || is(s, BEFORE, "other-text") ? s->meant.id : "former");
    s->facts->before = &s->before;
}

static void visit(const scene *s, const char *word, const char *chain, otr_probe_facts *to)
{
    size_t outcome = 0;

    *to = (otr_probe_facts){ .reason = "", .tls_version = "" };
    if (strcmp(word, "-") == 0)
        return;
    while (strcmp(otr_probe_outcome_names[outcome], word) != 0)
        need(++outcome < OTR_PROBE_OUTCOME_COUNT, "no such outcome");
    to->was_made = true;
    to->outcome = (otr_probe_outcome)outcome;
    if (outcome != OTR_PROBE_TLS) {
        to->reason = "as it was scripted";
        return;
    }
    to->tls_version = value_of(s, VERSION);
    to->chain = make_chain(chain, HOST, s->key);
}

static void make_host(scene *s)
{
    otr_host_facts *host;
    otr_buf text = OTR_BUF_INIT;

    need(otr_facts_take_hosts(s->facts), "hosts");
    if (s->facts->host_count == 0)
        return;
    host = &s->facts->hosts[0];
    answer(s, A, HOST, OTR_RR_A, &host->a);
    answer(s, AAAA, HOST, OTR_RR_AAAA, &host->aaaa);
    answer(s, CNAME, HOST, OTR_RR_CNAME, &host->cname);
    answer(s, TLSA, "_25._tcp." HOST, OTR_RR_TLSA, &host->tlsa);
    answer(s, TLSA_ALIAS, "_25._tcp.other.example.org", OTR_RR_TLSA, &host->tlsa_alias);
    need(otr_facts_take_addresses(s->facts, host, false), "addresses");
    host->is_cut = is(s, CUT, "addresses");
    s->facts->is_cut = is(s, CUT, "hosts");
    for (size_t i = 0; i < host->address_count; i++) {
        otr_address_facts *at = &host->addresses[i];
        bool is_6 = at->address.family == 6;
        const char *chain = is_6 && !is(s, CHAIN6, "") ? value_of(s, CHAIN6) : value_of(s, CHAIN);

        if (at->is_refused)
            continue;
        visit(s, is_6 && !is(s, PROBE6, "") ? value_of(s, PROBE6) : value_of(s, PROBE), chain, &at->first);
        if (at->first.outcome == OTR_PROBE_TLS && at->first.was_made)
            visit(s, value_of(s, SECOND), chain, &at->second);
    }
    if (is(s, STAGED, ""))
        return;
    host->knows_staged = true;
    if (is(s, STAGED, "none"))
        return;
    put_substituted(s, value_of(s, STAGED), &text);
    need(otr_tlsa_parse(text.data, text.len, &s->staged_data, &s->staged, NULL) == OUTRIDER_OK, "staged");
    otr_buf_clear(&text);
    host->staged = &s->staged;
    host->staged_count = 1;
}

static void fetch(const scene *s, const char *word, const char *body, otr_fetch_facts *to)
{
    to->was_made = strcmp(word, "-") != 0 && !to->is_refused;
    if (!to->was_made)
        return;
    to->failure = OTR_STS_FETCH_ERROR;
    to->cause = OTR_STS_CAUSE_RESPONSE;
    to->reason = "as it was scripted";
    to->took_ms = (unsigned)strtoul(value_of(s, TOOK), NULL, 10);
    if (strcmp(word, "connect") == 0 || strcmp(word, "timeout") == 0 || strcmp(word, "tls") == 0) {
        to->cause = *word == 'c' ? OTR_STS_CAUSE_CONNECT : word[1] == 'i' ? OTR_STS_CAUSE_TIMEOUT : OTR_STS_CAUSE_TLS;
        return;
    }
    to->chain = make_chain(value_of(s, POLICY_CHAIN), POLICY_HOST, NULL);
    if (strcmp(word, "certificate") == 0) {
        to->failure = OTR_STS_WEBPKI_INVALID;
        return;
    }
    to->http_status = strcmp(word, "coding") == 0 || strcmp(word, "long") == 0 ? 200 : atol(word);
    to->media_type = value_of(s, TYPE);
    to->location = value_of(s, LOCATION);
    to->is_too_long = strcmp(word, "long") == 0;
    if (to->http_status != 200 || strcmp(word, "200") != 0 || strcmp(to->media_type, "text/plain") != 0)
        return;
    to->failure = OTR_STS_NO_FAILURE;
    to->reason = "";
    to->body = body;
    to->body_len = strlen(body);
}

static void make_fetches(scene *s)
{
    const otr_dns_answer *const answers[] = { s->facts->policy_a, s->facts->policy_aaaa };

    s->facts->fetches = otr_arena_alloc(s->facts->arena, OTR_FACT_ADDRESSES_MAX, sizeof(*s->facts->fetches));
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; answers[k] != NULL && i < answers[k]->rr_count; i++) {
            otr_fetch_facts *to = &s->facts->fetches[s->facts->fetch_count++];
            const char *body = is(s, BODY, "") ? s->text.data : value_of(s, BODY);

            *to = (otr_fetch_facts){ .address.family = answers[k]->rrs[i].address.family, .media_type = "", .location = "", .reason = "",
                                     .body = "" };
            memcpy(to->address.bytes, answers[k]->rrs[i].address.bytes, 16);
            to->is_refused = otr_address_is_private(&to->address);
            fetch(s, k == 1 && !is(s, FETCH6, "") ? value_of(s, FETCH6) : value_of(s, FETCH),
                  k == 1 && !is(s, BODY6, "") ? value_of(s, BODY6) : body, to);
        }
}

static void make_facts(scene *s)
{
    otr_domain_facts *f = s->facts = otr_facts_new("example.org", NOW);

    need(f != NULL, "facts");
    if (is(s, PROGRAMS, "root") || is(s, PROGRAMS, "root,other"))
        otr_facts_add_program(f, "/etc/roots.pem", otr_anchors_for(root_anchors, "example.org"));
    if (is(s, PROGRAMS, "other") || is(s, PROGRAMS, "root,other"))
        otr_facts_add_program(f, "/etc/other.pem", otr_anchors_for(other_anchors, "example.org"));
    f->resolver = is(s, RESOLVER, "fails") ? OTR_RESOLVER_DOES_NOT : is(s, RESOLVER, "untried") ? OTR_RESOLVER_NOT_TRIED : OTR_RESOLVER_VALIDATES;
    f->resolver_words = is(s, RESOLVER, "fails") ? "it strips signatures" : "";
    f->meant = is(s, MEANT, "no") ? NULL : &s->meant;
    answer(s, MX, "example.org", OTR_RR_MX, &f->mx);
    answer(s, STS, "_mta-sts.example.org", OTR_RR_TXT, &f->sts_txt);
    answer(s, APEX, "example.org", OTR_RR_TXT, &f->apex_txt);
    answer(s, RPT, "_smtp._tls.example.org", OTR_RR_TXT, &f->rpt_txt);
    answer(s, POLICY_A, POLICY_HOST, OTR_RR_A, &f->policy_a);
    answer(s, POLICY_AAAA, POLICY_HOST, OTR_RR_AAAA, &f->policy_aaaa);
    make_host(s);
    make_fetches(s);
    make_before(s);
}

otr_check_report *scene_report(const scene_change *changes, size_t count, unsigned groups)
{
    scene s = { .text = OTR_BUF_INIT, .staged_data = OTR_BUF_INIT };
    otr_check_report *report;

    for (size_t i = 0; i < count && changes[i].field != NOTHING; i++)
        s.values[changes[i].field] = changes[i].value;
    s.key = EVP_EC_gen("P-256");
    hash_key(s.key, s.hashes[0]);
    hash_key(certs[NEXT].key, s.hashes[1]);
    hash_key(certs[CA].key, s.hashes[2]);
    hash_key(certs[ROOT].key, s.hashes[3]);
    s.base = event_base_new();
    s.resolver = otr_scripted_resolver_new(s.base);
    make_meant(&s);
    make_facts(&s);
    report = otr_checks_run(s.facts, groups);
    need(report != NULL, "report");
    otr_facts_free(s.facts); /* the report needs nothing of it */
    otr_buf_clear(&s.text);
    otr_buf_clear(&s.staged_data);
    otr_resolver_free(s.resolver);
    event_base_free(s.base);
    EVP_PKEY_free(s.key);
    return report;
}
