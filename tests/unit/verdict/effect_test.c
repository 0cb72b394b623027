/*
 * effect_test.c - what becomes of mail when the roots change. Each row is a destination, a change, and its class. Worlds and
 * destinations are written as dependants.h says.
 */
#include "dependants.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define NOW OTR_TEST_TIME
#define POLICY_END (NOW + TEST_POLICY_LEFT)

/* The rows --------------------------------------------------------------------------------------------------------- */

#define NO_POLICY OTR_STS_NONE
#define TESTING OTR_STS_TESTING
#define ENFORCE OTR_STS_ENFORCE

typedef struct row {
    const char *name;
    test_world before, after;
    otr_sts_mode mode;
    const char *policy, *hosts; /* as make_dependant() reads them */
    char want;                  /* the letter */
    const char *reason;         /* a part of it; NULL: it is empty */
    bool is_own, loses_policy_host;
    size_t lost, left;
} row;

/* Worlds by name. */
#define ALL { .all = "ABCX" }
#define WITHOUT_A { .all = "BCX" }
#define WITHOUT_B { .all = "ACX" }
#define WITHOUT_X { .all = "ABC" }
#define BX_GONE { .all = "AC" }
#define KEPT_HERE { .all = "BCX", .here = "A" }
#define WITH_ONLY { .all = "ABCX", .here = "C", .is_only = true }
#define WITH_ONLY_AFTER { .all = "BCX", .here = "C", .is_only = true }
#define ONLY_A { .all = "ABCX", .here = "A", .is_only = true }
#define ONLY_NONE { .all = "BCX", .here = "", .is_only = true }
#define CONFINED_A { .all = "ABCX", .confined = "A" }
#define WITH_D { .all = "ABCDX" }

static const row rows[] = {
    { .name = "D: the only host loses its only root", ALL, WITHOUT_A, ENFORCE, "B", "A", 'D',
      "mx1.example.org loses Root A, and no other root vouches for it", .lost = 1 },
    { .name = "D: all hosts do", ALL, WITHOUT_A, ENFORCE, "B", "A A A", 'D', "mx1.example.org, mx2.example.org and 1 other lose Root A",
      .lost = 3 },
    { .name = "D: the other host was refused before", ALL, WITHOUT_A, ENFORCE, "B", "A W", 'D',
      "refused already before: mx2.example.org", .lost = 1 },
    { .name = "D: the host that is left is none that the policy names", ALL, WITHOUT_A, ENFORCE, "B", "A !B", 'D', "mx1.example.org",
      .lost = 1 },
    { .name = "D: the policy host goes as well", ALL, WITHOUT_A, ENFORCE, "A", "A", 'D', "so does its policy host",
      .loses_policy_host = true, .lost = 1 },
    { .name = "D: our own destination, and no host is left", ALL, WITHOUT_A, ENFORCE, "B", "A", 'D', "ours", .is_own = true, .lost = 1 },
    { .name = "D: hosts that only sightings know", ALL, WITHOUT_A, ENFORCE, "B", "seen:A", 'D', "mx1.example.org", .lost = 1 },
    { .name = "D: a lapsed certificate is judged as of when it was seen", ALL, WITHOUT_A, ENFORCE, "B", "L", 'D', "Root A", .lost = 1 },
    { .name = "D: an `only` rule loses its root", ONLY_A, ONLY_NONE, ENFORCE, "-", "A", 'D', "Root A", .lost = 1 },
    { .name = "D: the root is confined to other names", ALL, CONFINED_A, ENFORCE, "B", "A", 'D', "Root A", .lost = 1 },
    { .name = "D: a cross-signed CA, both roots gone", ALL, BX_GONE, ENFORCE, "A", "X", 'D', "mx1.example.org loses Root", .lost = 1 },
    { .name = "G: all hosts of ours, to which no mail goes out from here", ALL, WITHOUT_A, ENFORCE, "B", "seen:A", 'G',
      "ours: mx1.example.org loses Root A; senders who drop that root as well cannot use it", .is_own = true, .lost = 1 },
    { .name = "G: and the policy host", ALL, WITHOUT_A, ENFORCE, "A", "seen:A", 'G', "ours: mx1.example.org loses Root A", .is_own = true,
      .loses_policy_host = true, .lost = 1 },
    { .name = "G: one of two hosts of ours", ALL, WITHOUT_A, ENFORCE, "B", "A B", 'G', "ours: mx1.example.org loses Root A",
      .is_own = true, .lost = 1, .left = 1 },
    { .name = "G: our policy host", ALL, WITHOUT_A, ENFORCE, "A", "B", 'G', "ours: the policy host mta-sts.example.org loses Root A",
      .is_own = true, .loses_policy_host = true, .left = 1 },
    { .name = "G: ours in testing", ALL, WITHOUT_A, TESTING, "A", "B", 'G', "ours", .is_own = true, .loses_policy_host = true, .left = 1 },
    { .name = "E: the policy host only", ALL, WITHOUT_A, ENFORCE, "A", "B", 'E',
      "the policy host mta-sts.example.org loses Root A; the policy in hand holds until it expires", .loses_policy_host = true,
      .left = 1 },
    { .name = "E: and one of the MX hosts", ALL, WITHOUT_A, ENFORCE, "A", "A B", 'E', "mx1.example.org loses Root A",
      .loses_policy_host = true, .lost = 1, .left = 1 },
    { .name = "E: MX hosts never seen: what is known is said", ALL, WITHOUT_A, ENFORCE, "A", "- -", 'E', "mta-sts.example.org",
      .loses_policy_host = true },
    { .name = "?: no MX host was ever seen", ALL, WITHOUT_A, ENFORCE, "B", "- -", '?',
      "no certificate was ever seen of mx1.example.org and mx2.example.org: outrider trust probe example.org" },
    { .name = "?: never decided, never seen", ALL, WITHOUT_A, ENFORCE, "B", "", '?', "its MX hosts: outrider trust probe example.org" },
    { .name = "?: an unseen host may save it", ALL, WITHOUT_A, ENFORCE, "B", "A -", '?',
      "mx1.example.org loses Root A; no certificate was ever seen of mx2.example.org", .lost = 1 },
    { .name = "?: and the policy host goes", ALL, WITHOUT_A, ENFORCE, "A", "A -", '?', "mx1.example.org", .loses_policy_host = true,
      .lost = 1 },
    { .name = "?: refused before, and an unseen one", ALL, WITHOUT_A, ENFORCE, "B", "W -", '?', "refused already before: mx1.example.org" },
    { .name = "-: an unseen host is no question where another is left", ALL, WITHOUT_A, ENFORCE, "B", "B -", '-' },
    { .name = "-: an unseen host, and no root leaves", WITHOUT_A, ALL, ENFORCE, "B", "-", '-' },
    { .name = "-: an unseen host whose `only` rule does not change", WITH_ONLY, WITH_ONLY, ENFORCE, "B", "-", '-' },
    { .name = "C: testing, the MX host", ALL, WITHOUT_A, TESTING, "B", "A", 'C', "mx1.example.org loses Root A; delivered all the same",
      .lost = 1 },
    { .name = "C: testing, one of two", ALL, WITHOUT_A, TESTING, "B", "A B", 'C', "mx1.example.org", .lost = 1, .left = 1 },
    { .name = "C: testing, the policy host", ALL, WITHOUT_A, TESTING, "A", "B", 'C', "reports end with the policy",
      .loses_policy_host = true, .left = 1 },
    { .name = "-: testing, unseen", ALL, WITHOUT_A, TESTING, "B", "-", '-' },
    { .name = "B: a cross-sign is left", ALL, WITHOUT_X, ENFORCE, "A", "X", 'B',
      "mx1.example.org ends in Root B instead of Root X", .left = 1 },
    { .name = "-: a cross-sign that is not used goes", ALL, WITHOUT_B, ENFORCE, "A", "X", '-' },
    { .name = "B: the policy host by its cross-sign", ALL, WITHOUT_X, ENFORCE, "X", "A", 'B', "mta-sts.example.org ends in Root B",
      .left = 1 },
    { .name = "B: another MX host is left", ALL, WITHOUT_A, ENFORCE, "B", "A B", 'B',
      "mx1.example.org loses Root A; left: mx2.example.org", .lost = 1, .left = 1 },
    { .name = "B: a host with DANE is left", ALL, WITHOUT_A, ENFORCE, "B", "A dane", 'B', "left: mx2.example.org", .lost = 1, .left = 1 },
    { .name = "B: a host with DANE that the policy does not name", ALL, WITHOUT_A, ENFORCE, "B", "A !dane", 'B', "left: mx2.example.org",
      .lost = 1, .left = 1 },
    { .name = "A: DANE everywhere, the policy host goes", ALL, WITHOUT_A, ENFORCE, "A", "dane dane", 'A',
      "DANE on every MX host; the policy host mta-sts.example.org loses Root A", .loses_policy_host = true, .left = 2 },
    { .name = "A: DANE everywhere, the policy host by a cross-sign", ALL, WITHOUT_X, ENFORCE, "X", "dane", 'A', "ends in Root B",
      .left = 1 },
    { .name = "A: DANE everywhere, an MX host's root goes", ALL, WITHOUT_A, ENFORCE, "B", "daneA daneB", 'A',
      "DANE on every MX host; no CA is asked whether Root A vouches for mx1.example.org", .left = 2 },
    { .name = "A: DANE everywhere, no policy, an MX host's root goes", ALL, WITHOUT_A, NO_POLICY, "-", "daneA", 'A', "no CA is asked",
      .left = 1 },
    { .name = "-: a host with DANE is spared, the other one has nothing of it", ALL, WITHOUT_A, ENFORCE, "B", "daneA B", '-' },
    { .name = "-: DANE everywhere, nothing of it goes", ALL, WITHOUT_A, ENFORCE, "B", "dane", '-' },
    { .name = "F: no policy, the MX host", ALL, WITHOUT_A, NO_POLICY, "-", "!A", 'F', "no policy, opportunistic as before; mx1", .lost = 1 },
    { .name = "F: no policy any more, its host is remembered", ALL, WITHOUT_A, NO_POLICY, "A", "-", 'F', "mta-sts.example.org",
      .loses_policy_host = true },
    { .name = "F: ours without a policy", ALL, WITHOUT_A, NO_POLICY, "-", "A", 'F', "no policy", .is_own = true, .lost = 1 },
    { .name = "-: another root goes", ALL, WITHOUT_B, ENFORCE, "A", "A", '-' },
    { .name = "-: the root stays for this destination by an exception", ALL, KEPT_HERE, ENFORCE, "A", "A", '-' },
    { .name = "-: an `only` rule has other roots anyway", WITH_ONLY, WITH_ONLY_AFTER, ENFORCE, "C", "C",
      '-' },
    { .name = "-: refused already before, for its name", ALL, WITHOUT_A, ENFORCE, "B", "W", '-', "refused already before: mx1" },
    { .name = "-: refused already before, by an `only` rule", WITH_ONLY, ONLY_NONE, ENFORCE, "-", "A",
      '-' },
    { .name = "-: expired when it was seen", ALL, WITHOUT_A, ENFORCE, "B", "O", '-', "refused already before: mx1.example.org" },
    { .name = "-: the root itself has lapsed", WITH_D, ALL, ENFORCE, "B", "D", '-', "refused already before: mx1.example.org" },
    { .name = "-: no host that the policy names", ALL, WITHOUT_A, ENFORCE, "B", "!A", '-' },
    { .name = "-: a root comes", WITHOUT_A, ALL, ENFORCE, "B", "A", '-', "refused until now, accepted then: mx1.example.org" },
};

static void complain(const row *r, const otr_effect *e, const char *what)
{
    fail_msg("%s: %s\n got  %s '%s' lost %zu left %zu policy %d when %lld\n want %c '%s' lost %zu left %zu policy %d\n input "
             "policy=%s hosts=\"%s\"", r->name, what, otr_effect_letters[e->class], e->reason, e->hosts_lost, e->hosts_left,
             e->loses_policy_host, (long long)e->when, r->want, r->reason != NULL ? r->reason : "", r->lost, r->left,
             r->loses_policy_host, r->policy, r->hosts);
}

static void check_row(const row *r)
{
    otr_anchors *before = make_test_anchors(&r->before), *after = make_test_anchors(&r->after);
    test_dependant *s = make_dependant(r->mode, r->policy, r->hosts, r->is_own);
    otr_effect e, in_full;

    assert_int_equal(otr_effect_judge(&s->d, before, after, NOW, &e, NULL), OUTRIDER_OK);
    assert_int_equal(otr_effect_judge_in_full(&s->d, before, after, NOW, &in_full, NULL), OUTRIDER_OK);
    if (*otr_effect_letters[e.class] != r->want)
        complain(r, &e, "class");
    if (r->reason == NULL ? *e.reason != '\0' : strstr(e.reason, r->reason) == NULL)
        complain(r, &e, "reason");
    if (e.hosts_lost != r->lost || e.hosts_left != r->left || e.loses_policy_host != r->loses_policy_host)
        complain(r, &e, "hosts");
    if (e.when != (r->want == 'D' ? NOW : r->want == 'E' ? POLICY_END : 0))
        complain(r, &e, "when");
    if (memcmp(&e, &in_full, sizeof(e)) != 0)
        complain(r, &in_full, "trying all comes to something else");
    free_dependant(s);
    otr_anchors_free(before);
    otr_anchors_free(after);
}

static void every_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

/* Random worlds: the shortcut says what trying all says --------------------------------------------------------------- */

#define TRIALS 1500

static unsigned seed;

static unsigned draw(unsigned most)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % most;
}

static const char *draw_letters(char text[8], const char *among)
{
    size_t len = 0;

    for (; *among != '\0'; among++)
        if (draw(3) > 0)
            text[len++] = *among;
    text[len] = '\0';
    return text;
}

static void the_shortcut_is_the_full_trial(void **state)
{
    static const char *const kinds[] = { "A", "B", "C", "X", "X", "L", "W", "D", "O", "-", "dane", "daneA", "daneX", "!A", "!X", "!dane" };
    static const char policies[] = "AABXL-";
    unsigned first = (unsigned)time(NULL), counts[OTR_EFFECT_COUNT] = { 0 };

    (void)state;
    print_message("seed %u\n", first);
    for (unsigned i = 0; i < TRIALS; i++) {
        char letters[6][8], hosts[80] = "", policy[2] = { 0 };
        test_world before, after;
        otr_anchors *was, *becomes;
        otr_effect quick, full;
        test_dependant *s;

        seed = first + i;
        before = (test_world){ .all = draw_letters(letters[0], "ABCDX"), .here = draw(2) ? draw_letters(letters[1], "ABCDX") : NULL,
                          .confined = draw(4) == 0 ? draw_letters(letters[2], "ABX") : NULL, .is_only = draw(2) };
        after = (test_world){ .all = draw_letters(letters[3], "ABCDX"), .here = draw(2) ? draw_letters(letters[4], "ABCDX") : NULL,
                         .confined = draw(4) == 0 ? draw_letters(letters[5], "ABX") : NULL, .is_only = draw(2) };
        for (unsigned k = draw(TEST_HOSTS + 1); k > 0; k--) {
            strcat(hosts, kinds[draw(sizeof(kinds) / sizeof(kinds[0]))]);
            strcat(hosts, k > 1 ? " " : "");
        }
        policy[0] = policies[draw(sizeof(policies) - 1)];
        s = make_dependant((otr_sts_mode)draw(3), policy, hosts, draw(5) == 0);
        was = make_test_anchors(&before);
        becomes = make_test_anchors(&after);
        assert_int_equal(otr_effect_judge(&s->d, was, becomes, NOW, &quick, NULL), OUTRIDER_OK);
        assert_int_equal(otr_effect_judge_in_full(&s->d, was, becomes, NOW, &full, NULL), OUTRIDER_OK);
        counts[full.class]++;
        if (memcmp(&quick, &full, sizeof(quick)) != 0)
            fail_msg("seed %u\n before %s here %s only %d confined %s\n after  %s here %s only %d confined %s\n policy=%s hosts=\"%s\" mode=%s"
                     "\n quick %s '%s'\n full  %s '%s'", first + i, before.all, before.here ? before.here : "-", before.is_only,
                     before.confined ? before.confined : "-", after.all, after.here ? after.here : "-", after.is_only,
                     after.confined ? after.confined : "-", policy, hosts, otr_sts_mode_names[s->d.mode],
                     otr_effect_letters[quick.class], quick.reason, otr_effect_letters[full.class], full.reason);
        otr_anchors_free(was);
        otr_anchors_free(becomes);
        free_dependant(s);
    }
    /* A world that never comes to a class proves nothing about it. */
    for (size_t i = 0; i < OTR_EFFECT_COUNT; i++)
        if (counts[i] == 0)
            fail_msg("seed %u: no world came to class %s", first, otr_effect_letters[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class),
        cmocka_unit_test(the_shortcut_is_the_full_trial),
    };

    return cmocka_run_group_tests_name("effect", tests, make_test_roots, clear_test_roots);
}
