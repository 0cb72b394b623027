/*
 * dependants.c - see dependants.h.
 */
#include "dependants.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW OTR_TEST_TIME
#define DAY OTR_TEST_DAY

static otr_cert roots[26], cross, middle; /* by letter; X as root B has signed it; a CA below A */

static otr_cert *root_of(char letter)
{
    return &roots[letter - 'A'];
}

X509 *test_root(char letter)
{
    return root_of(letter)->cert;
}

int make_test_roots(void **state)
{
    static const char *const names[] = { ['A' - 'A'] = "Root A", ['B' - 'A'] = "Root B", ['C' - 'A'] = "Root C",
                                         ['D' - 'A'] = "Root D", ['X' - 'A'] = "Root X" };

    (void)state;
    for (char letter = 'A'; letter <= 'X'; letter++) {
        if (names[letter - 'A'] == NULL)
            continue;
        *root_of(letter) = otr_make_cert(&(otr_cert_plan){ .common_name = names[letter - 'A'], .constraints = "critical,CA:TRUE",
                                                           .from = NOW - 100 * DAY,
                                                           .until = letter == 'D' ? NOW - DAY : NOW + 100 * DAY });
    }
    cross = otr_make_cert(&(otr_cert_plan){ .common_name = "Root X", .constraints = "critical,CA:TRUE", .issuer = root_of('B'),
                                            .key = root_of('X')->key, .from = NOW - 100 * DAY, .until = NOW + 100 * DAY });
    middle = otr_make_cert(&(otr_cert_plan){ .common_name = "Middle CA", .constraints = "critical,CA:TRUE", .issuer = root_of('A'),
                                             .from = NOW - 100 * DAY, .until = NOW + 100 * DAY });
    return 0;
}

int clear_test_roots(void **state)
{
    (void)state;
    for (size_t i = 0; i < 26; i++)
        otr_cert_clear(&roots[i]);
    otr_cert_clear(&cross);
    otr_cert_clear(&middle);
    return 0;
}

/* The anchors ------------------------------------------------------------------------------------------------------ */

static STACK_OF(X509) *stack_of(const char *letters)
{
    STACK_OF(X509) *stack = sk_X509_new_null();

    for (; letters != NULL && *letters != '\0'; letters++)
        assert_true(sk_X509_push(stack, root_of(*letters)->cert) > 0);
    return stack;
}

otr_anchors *make_test_anchors(const test_world *w)
{
    static const char *const here[] = { DOMAIN, NULL }, *const elsewhere[] = { ".elsewhere.example", NULL };
    STACK_OF(X509) *all = stack_of(w->all), *some = stack_of(w->here), *confined = stack_of(w->confined);
    otr_anchor_rule rules[3] = { { .name = "default", .file = "all.pem", .roots = all } };
    size_t count = 1;
    otr_anchors *anchors = NULL;

    if (w->here != NULL)
        rules[count++] = (otr_anchor_rule){ .name = "here", .roots = some, .names = here, .is_only = w->is_only };
    if (w->confined != NULL)
        rules[count++] = (otr_anchor_rule){ .name = "there", .roots = confined, .names = elsewhere, .confine = elsewhere };
    assert_int_equal(otr_anchors_make(&(otr_anchor_source){ .rules = rules, .rule_count = count }, &anchors, NULL), OUTRIDER_OK);
    sk_X509_free(all);
    sk_X509_free(some);
    sk_X509_free(confined);
    return anchors;
}

/* The destination -------------------------------------------------------------------------------------------------- */

static STACK_OF(X509) *make_chain(const char *host, char kind)
{
    char issuer = kind == 'L' || kind == 'W' || kind == 'O' ? 'A' : kind, san[300];
    STACK_OF(X509) *chain = sk_X509_new_null();
    otr_cert leaf;

    snprintf(san, sizeof(san), "DNS:%s", kind == 'W' ? "other.example" : host);
    leaf = otr_make_cert(&(otr_cert_plan){ .san = san, .issuer = kind == 'M' ? &middle : root_of(issuer),
                                           .from = NOW - 60 * DAY,
                                           .until = kind == 'L'   ? NOW - 2 * DAY
                                                    : kind == 'O' ? NOW - 40 * DAY
                                                                  : NOW + 60 * DAY });
    assert_true(sk_X509_push(chain, leaf.cert) > 0);
    X509_up_ref(leaf.cert);
    if (kind == 'X' || kind == 'M') {
        X509 *sent = kind == 'X' ? cross.cert : middle.cert;

        assert_true(sk_X509_push(chain, sent) > 0);
        X509_up_ref(sent);
    }
    otr_cert_clear(&leaf);
    return chain;
}

static void see(test_dependant *s, otr_role role, const char *host, char kind)
{
    otr_sighting *sighting = &s->sightings[s->d.sighting_count++];

    *sighting = (otr_sighting){ .role = role, .source = OTR_SEEN_IN_PROBE, .seen_at = NOW - 30 * DAY,
                                .chain = make_chain(host, kind) };
    snprintf(sighting->domain, sizeof(sighting->domain), "%s", s->domain);
    snprintf(sighting->host, sizeof(sighting->host), "%s", host);
}

static void read_hosts(test_dependant *s, const char *text)
{
    bool is_decided = strncmp(text, "seen:", 5) != 0;
    char copy[80], *at = copy, *word;

    snprintf(copy, sizeof(copy), "%s", is_decided ? text : text + 5);
    for (size_t i = 0; (word = strsep(&at, " ")) != NULL && *word != '\0'; i++) {
        bool is_admitted = *word != '!';

        assert_true(i < TEST_HOSTS);
        word += !is_admitted;
        snprintf(s->names[i], sizeof(s->names[i]), "mx%zu.%s", i + 1, s->domain);
        s->hosts[i] = (otr_dependant_host){ .name = s->names[i], .has_dane = strncmp(word, "dane", 4) == 0,
                                            .is_admitted = is_admitted };
        if (is_decided)
            s->d.host_count = i + 1;
        word += s->hosts[i].has_dane ? 4 : 0;
        if (*word != '\0' && *word != '-')
            see(s, OTR_ROLE_MX, s->names[i], *word);
    }
}

test_dependant *make_dependant_of(const char *domain, otr_sts_mode mode, const char *policy, const char *hosts, bool is_own)
{
    test_dependant *s = calloc(1, sizeof(*s));
    char policy_host[60];

    assert_non_null(s);
    snprintf(s->domain, sizeof(s->domain), "%s", domain);
    s->d = (otr_dependant){ .domain = s->domain, .mode = mode, .policy_expires_at = mode != OTR_STS_NONE ? NOW + TEST_POLICY_LEFT : 0,
                            .hosts = s->hosts, .sightings = s->sightings, .is_own = is_own };
    snprintf(policy_host, sizeof(policy_host), "mta-sts.%s", s->domain);
    if (*policy != '-')
        see(s, OTR_ROLE_POLICY, policy_host, *policy);
    read_hosts(s, hosts);
    return s;
}

test_dependant *make_dependant(otr_sts_mode mode, const char *policy, const char *hosts, bool is_own)
{
    return make_dependant_of(DOMAIN, mode, policy, hosts, is_own);
}

void free_dependant(test_dependant *s)
{
    for (size_t i = 0; i < s->d.sighting_count; i++)
        otr_sighting_clear(&s->sightings[i]);
    free(s);
}
