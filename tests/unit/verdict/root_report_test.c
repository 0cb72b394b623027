/*
 * root_report_test.c - what hangs on which root. Worlds and destinations are written as dependants.h says; what hangs on what is
 * written "A/mx D, B/policy E": by the MX hosts on root A, without which mail would be deferred, and so on.
 */
#include "dependants.h"
#include "support/cmocka_all.h"
#include "verdict/root_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW OTR_TEST_TIME
#define DAY OTR_TEST_DAY
#define ENFORCE OTR_STS_ENFORCE
#define TESTING OTR_STS_TESTING
#define NO_POLICY OTR_STS_NONE

/* Worlds without a root --------------------------------------------------------------------------------------------- */

static void copy_without(char to[8], const char *letters, char letter)
{
    size_t len = 0;

    for (; *letters != '\0'; letters++)
        if (*letters != letter)
            to[len++] = *letters;
    to[len] = '\0';
}

static otr_anchors *anchors_without(const test_world *w, char letter)
{
    char all[8], here[8] = "", confined[8] = "";

    copy_without(all, w->all, letter);
    copy_without(here, w->here != NULL ? w->here : "", letter);
    copy_without(confined, w->confined != NULL ? w->confined : "", letter);
    return make_test_anchors(&(test_world){ .all = all, .here = w->here != NULL ? here : NULL,
                                            .confined = w->confined != NULL ? confined : NULL, .is_only = w->is_only });
}

static char letter_of(const char *id)
{
    char other[OTR_SHA256_TEXT];

    for (const char *at = "ABCDX"; *at != '\0'; at++)
        if (otr_cert_anchor_id(test_root(*at), other) && strcmp(id, other) == 0)
            return *at;
    return '?';
}

static unsigned worlds_made;

static outrider_err without(void *arg, const char *id, otr_anchors **after, outrider_diag *diag)
{
    (void)diag;
    worlds_made++;
    *after = anchors_without(arg, letter_of(id));
    return OUTRIDER_OK;
}

static outrider_err refuse(void *arg, const char *id, otr_anchors **after, outrider_diag *diag)
{
    (void)arg;
    (void)id;
    (void)after;
    snprintf(diag->message, sizeof(diag->message), "too many sets");
    return OUTRIDER_E_LIMIT;
}

static void add(otr_report *r, test_world *w, test_dependant *d)
{
    otr_anchors *before = make_test_anchors(w);

    assert_int_equal(otr_report_add(r, &d->d, before, without, w, NULL), OUTRIDER_OK);
    otr_anchors_free(before);
}

/* Links as text, by letter: "A/mx D, B/policy E". */
static void describe(const otr_report *r, const otr_report_row *row, char text[200])
{
    size_t len = 0;

    text[0] = '\0';
    for (const char *letter = "ABCDX"; *letter != '\0'; letter++)
        for (size_t i = 0; i < row->link_count; i++) {
            const otr_report_link *link = &row->links[i];

            if (letter_of(r->roots[link->root].id) != *letter)
                continue;
            len += (size_t)snprintf(text + len, 200 - len, "%s%c%s%s %s", len > 0 ? ", " : "", *letter,
                                    link->hosts[OTR_ROLE_MX] > 0 ? "/mx" : "", link->hosts[OTR_ROLE_POLICY] > 0 ? "/policy" : "",
                                    otr_effect_letters[link->class]);
        }
}

/* One destination ---------------------------------------------------------------------------------------------------- */

typedef struct row {
    const char *name;
    test_world world;
    otr_sts_mode mode;
    const char *policy, *hosts;
    const char *links;
    char class;
    size_t refused, unseen, dane;
    bool is_own;
} row;

#define ALL { .all = "ABCX" }

static const row rows[] = {
    { .name = "two roots, each alone", ALL, ENFORCE, "B", "A", "A/mx D, B/policy E", 'D' },
    { .name = "one root for all", ALL, ENFORCE, "A", "A", "A/mx/policy D", 'D' },
    { .name = "a host for each root", ALL, ENFORCE, "C", "A B", "A/mx B, B/mx B, C/policy E", 'E' },
    { .name = "a cross-signed CA counts for the root where the path ends now", ALL, ENFORCE, "A", "X", "A/policy E, X/mx B", 'E' },
    { .name = "without root X, for the other one", { .all = "ABC" }, ENFORCE, "A", "X", "A/policy E, B/mx D", 'D' },
    { .name = "DANE everywhere: depends, and loses nothing", ALL, ENFORCE, "B", "daneA", "A/mx A, B/policy A", 'A', .dane = 1 },
    { .name = "DANE everywhere, no CA at all", ALL, ENFORCE, "-", "dane", "", 'A', .dane = 1 },
    { .name = "a host that DANE spares, beside another: only the other one counts", ALL, ENFORCE, "-", "daneA B", "B/mx B", 'B', .dane = 1 },
    { .name = "nor by the same root as the policy host", ALL, ENFORCE, "A", "daneA B", "A/policy E, B/mx B", 'E', .dane = 1 },
    { .name = "DANE on one host, nothing known of the other", ALL, ENFORCE, "-", "dane -", "", '-', .dane = 1, .unseen = 1 },
    { .name = "testing", ALL, TESTING, "B", "A", "A/mx C, B/policy C", 'C' },
    { .name = "no policy", ALL, NO_POLICY, "-", "A", "A/mx F", 'F' },
    { .name = "no policy, nothing that is accepted", ALL, NO_POLICY, "-", "W", "", 'F', .refused = 1 },
    { .name = "ours", ALL, ENFORCE, "C", "A B", "A/mx G, B/mx G, C/policy G", 'G', .is_own = true },
    { .name = "an MX host never seen", ALL, ENFORCE, "A", "-", "A/policy E", 'E', .unseen = 1 },
    { .name = "nothing seen", ALL, ENFORCE, "-", "-", "", '?', .unseen = 1 },
    { .name = "one seen, one not", ALL, ENFORCE, "B", "A -", "A/mx ?, B/policy E", 'E', .unseen = 1 },
    { .name = "refused", ALL, ENFORCE, "-", "W", "", '?', .refused = 1 },
    { .name = "a root that has lapsed vouches for nobody", { .all = "ABCDX" }, ENFORCE, "B", "D", "B/policy E", 'E', .refused = 1 },
    { .name = "a certificate that has lapsed was renewed, mostly by the same CA", ALL, ENFORCE, "B", "L", "A/mx D, B/policy E", 'D' },
    { .name = "a host that the policy does not name", ALL, ENFORCE, "B", "A !C", "A/mx D, B/policy E", 'D' },
    { .name = "an exception keeps the root here: the world is that of the destination", { .all = "BC", .here = "A" }, ENFORCE, "B", "A",
      "A/mx D, B/policy E", 'D' },
    { .name = "a root that counts elsewhere only", { .all = "BC", .confined = "A" }, ENFORCE, "B", "A", "B/policy E", 'E', .refused = 1 },
    { .name = "by a CA between", ALL, ENFORCE, "B", "M", "A/mx D, B/policy E", 'D' },
};

static void check_row(const row *r)
{
    test_world world = r->world;
    test_dependant *d = make_dependant(r->mode, r->policy, r->hosts, r->is_own);
    otr_report report = { .at = NOW };
    const otr_report_row *got;
    char links[200];

    add(&report, &world, d);
    assert_int_equal(otr_report_finish(&report, NULL), OUTRIDER_OK);
    got = &report.rows[0];
    describe(&report, got, links);
    if (strcmp(links, r->links) != 0 || *otr_effect_letters[got->class] != r->class || got->refused != r->refused ||
        got->unseen != r->unseen || got->dane != r->dane)
        fail_msg("%s\n got  \"%s\" %s refused %zu unseen %zu dane %zu\n want \"%s\" %c refused %zu unseen %zu dane %zu\n input policy=%s "
                 "hosts=\"%s\"", r->name, links, otr_effect_letters[got->class], got->refused, got->unseen, got->dane, r->links,
                 r->class, r->refused, r->unseen, r->dane, r->policy, r->hosts);
    otr_report_clear(&report);
    free_dependant(d);
}

static void what_one_destination_hangs_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

/* A report says what "what if" says ------------------------------------------------------------------------------------ */

#define TRIALS 400

static unsigned seed;

static unsigned draw(unsigned most)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % most;
}

/* The class that a report has for a root; NONE where nothing hangs on it. */
static otr_effect_class class_in(const otr_report *r, const otr_report_row *of, char letter)
{
    for (size_t i = 0; i < of->link_count; i++)
        if (letter_of(r->roots[of->links[i].root].id) == letter)
            return of->links[i].class;
    return OTR_EFFECT_NONE;
}

static void a_report_says_what_what_if_says(void **state)
{
    static const char *const kinds[] = { "A", "B", "C", "X", "L", "W", "M", "-", "dane", "daneA", "!A", "!dane" };
    static const char policies[] = "AABX-";
    unsigned first = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", first);
    for (unsigned i = 0; i < TRIALS; i++) {
        char hosts[80] = "", policy[2] = { 0 };
        test_world world = { .all = i % 3 == 0 ? "ABCX" : "ABC", .here = i % 5 == 0 ? "X" : NULL };
        otr_anchors *before = make_test_anchors(&world);
        otr_report report = { .at = NOW };
        test_dependant *d;

        seed = first + i;
        for (unsigned k = draw(TEST_HOSTS + 1); k > 0; k--) {
            strcat(hosts, kinds[draw(sizeof(kinds) / sizeof(kinds[0]))]);
            strcat(hosts, k > 1 ? " " : "");
        }
        policy[0] = policies[draw(sizeof(policies) - 1)];
        d = make_dependant((otr_sts_mode)draw(3), policy, hosts, draw(5) == 0);
        add(&report, &world, d);
        for (const char *letter = "ABCX"; *letter != '\0'; letter++) {
            otr_anchors *after = anchors_without(&world, *letter);
            otr_effect_class got = class_in(&report, &report.rows[0], *letter);
            otr_effect effect;

            assert_int_equal(otr_effect_judge(&d->d, before, after, NOW, &effect, NULL), OUTRIDER_OK);
            /* What was never seen may hang on any root: a report says so of the destination, not of each root. */
            if (got != effect.class && !(effect.class == OTR_EFFECT_UNKNOWN && got == OTR_EFFECT_NONE))
                fail_msg("seed %u: without %c\n got  %s\n want %s '%s'\n input policy=%s hosts=\"%s\" mode=%s", first + i, *letter,
                         otr_effect_letters[got], otr_effect_letters[effect.class], effect.reason, policy, hosts,
                         otr_sts_mode_names[d->d.mode]);
            otr_anchors_free(after);
        }
        otr_report_clear(&report);
        free_dependant(d);
        otr_anchors_free(before);
    }
}

/* Many destinations ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *domain;
    otr_sts_mode mode;
    const char *policy, *hosts;
    double traffic;
} crowd[] = {
    { "a1.example", ENFORCE, "A", "A", 1 },   { "a2.example", ENFORCE, "A", "A", 5 },   { "a3.example", ENFORCE, "A", "M", 1 },
    { "b1.example", ENFORCE, "A", "B", 10 },  { "c1.example", TESTING, "C", "C", 2 },   { "dane.example", ENFORCE, "A", "daneA", 50 },
    { "none.example", NO_POLICY, "-", "B", 0 }, { "quiet.example", ENFORCE, "-", "-", 1 }, { "bad.example", ENFORCE, "-", "W", 0 },
};
#define CROWD (sizeof(crowd) / sizeof(crowd[0]))

static test_dependant *make_one_of_crowd(size_t i)
{
    test_dependant *d = make_dependant_of(crowd[i].domain, crowd[i].mode, crowd[i].policy, crowd[i].hosts, false);

    d->d.traffic = crowd[i].traffic;
    return d;
}

static otr_report report_of_crowd(bool is_backwards)
{
    test_world world = ALL;
    otr_report report = { .at = NOW, .since = NOW - 30 * DAY };

    for (size_t i = 0; i < CROWD; i++) {
        test_dependant *d = make_one_of_crowd(is_backwards ? CROWD - 1 - i : i);

        add(&report, &world, d);
        free_dependant(d);
    }
    assert_int_equal(otr_report_finish(&report, NULL), OUTRIDER_OK);
    return report;
}

static void destinations_are_counted_by_root_and_role(void **state)
{
    otr_report r = report_of_crowd(false);

    (void)state;
    assert_int_equal(r.root_count, 3);
    assert_int_equal(letter_of(r.roots[0].id), 'A');
    assert_int_equal(r.roots[0].destinations, 5);
    assert_int_equal(r.roots[0].by_role[OTR_ROLE_MX], 4);
    assert_int_equal(r.roots[0].by_role[OTR_ROLE_POLICY], 5);
    assert_int_equal(r.roots[0].counts[OTR_EFFECT_DEFERRED], 3);
    assert_int_equal(r.roots[0].counts[OTR_EFFECT_DOWNGRADED], 1);
    assert_int_equal(r.roots[0].counts[OTR_EFFECT_DANE], 1);
    assert_true(r.roots[0].traffic > 66.9 && r.roots[0].traffic < 67.1);
    assert_int_equal(letter_of(r.roots[1].id), 'B');
    assert_int_equal(r.roots[1].counts[OTR_EFFECT_NO_POLICY], 1);
    assert_int_equal(r.counts[OTR_EFFECT_DEFERRED], 4);
    assert_int_equal(r.counts[OTR_EFFECT_UNKNOWN], 2);
    assert_int_equal(r.unseen, 1);
    assert_int_equal(r.refused, 1);
    otr_report_clear(&r);
}

static void destinations_stand_by_class_then_traffic(void **state)
{
    static const char *const order[] = { "b1.example", "a2.example", "a1.example", "a3.example", "quiet.example", "bad.example",
                                         "c1.example", "dane.example", "none.example" };
    otr_report r = report_of_crowd(false);

    (void)state;
    for (size_t i = 0; i < CROWD; i++)
        assert_string_equal(r.rows[i].domain, order[i]);
    otr_report_clear(&r);
}

static void the_order_of_additions_does_not_matter(void **state)
{
    otr_report one = report_of_crowd(false), other = report_of_crowd(true);
    char links[200], same[200];

    (void)state;
    assert_int_equal(one.root_count, other.root_count);
    for (size_t i = 0; i < one.root_count; i++)
        assert_string_equal(one.roots[i].id, other.roots[i].id);
    for (size_t i = 0; i < CROWD; i++) {
        assert_string_equal(one.rows[i].domain, other.rows[i].domain);
        describe(&one, &one.rows[i], links);
        describe(&other, &other.rows[i], same);
        assert_string_equal(links, same);
        for (size_t k = 0; k < one.rows[i].link_count; k++)
            assert_int_equal(one.rows[i].links[k].root, other.rows[i].links[k].root);
    }
    otr_report_clear(&one);
    otr_report_clear(&other);
}

static void concentration_speaks_of_those_without_anything_better(void **state)
{
    otr_report r = report_of_crowd(false);
    const otr_concentration *c = &r.concentration;

    (void)state;
    /* a1 a2 a3 b1 c1: neither the one with DANE, nor those of which no chain is accepted, nor the one without a policy. */
    assert_int_equal(c->destinations, 5);
    assert_int_equal(c->covered, 4);
    assert_int_equal(c->roots, 1);
    assert_int_equal(c->owners, 1);
    assert_true(c->traffic > 18.9 && c->traffic < 19.1);
    assert_true(c->traffic_covered > 16.9 && c->traffic_covered < 17.1);
    otr_report_clear(&r);
}

static void cas_between_are_counted_once_a_destination(void **state)
{
    test_world world = ALL;
    otr_report r = { .at = NOW };
    test_dependant *two = make_dependant_of("two.example", ENFORCE, "M", "M M", false),
                   *one = make_dependant_of("one.example", ENFORCE, "A", "M", false);

    (void)state;
    add(&r, &world, two);
    add(&r, &world, one);
    assert_int_equal(otr_report_finish(&r, NULL), OUTRIDER_OK);
    assert_int_equal(r.ca_count, 1);
    assert_int_equal(letter_of(r.roots[r.cas[0].root].id), 'A');
    assert_int_equal(r.cas[0].destinations, 2);
    assert_int_equal(r.cas[0].by_role[OTR_ROLE_MX], 2);
    assert_int_equal(r.cas[0].by_role[OTR_ROLE_POLICY], 1);
    assert_int_equal(r.roots[0].first_end, NOW + 60 * DAY);
    assert_int_equal(r.roots[0].last_end, NOW + 60 * DAY);
    otr_report_clear(&r);
    free_dependant(two);
    free_dependant(one);
}

/* Changes -------------------------------------------------------------------------------------------------------------- */

static void change(test_dependant *d, size_t index, char from, char to, otr_time at)
{
    otr_sighting *s = &d->sightings[index];

    assert_true(otr_cert_fingerprint(test_root(from), s->root_before));
    s->changed_at = at;
    if (to != '-') {
        s->root = test_root(to);
        X509_up_ref(s->root);
    }
}

static void recent_changes_of_root_are_told(void **state)
{
    test_world world = ALL;
    otr_report r = { .at = NOW, .since = NOW - 30 * DAY };
    test_dependant *d = make_dependant(ENFORCE, "B", "A A A", false);

    (void)state;
    change(d, 0, 'C', 'B', NOW - 30 * DAY);     /* just of late */
    change(d, 1, 'B', 'A', NOW - DAY);
    change(d, 2, 'B', 'A', NOW - 31 * DAY);     /* long ago */
    change(d, 3, 'B', '-', NOW - DAY);          /* refused now: no change of root */
    add(&r, &world, d);
    assert_int_equal(otr_report_finish(&r, NULL), OUTRIDER_OK);
    assert_int_equal(r.change_count, 2);
    assert_string_equal(r.changes[0].host, "mx1." DOMAIN);
    assert_int_equal(r.changes[0].role, OTR_ROLE_MX);
    assert_string_equal(r.changes[1].host, "mta-sts." DOMAIN);
    for (size_t i = 0; i < r.root_count; i++) {
        bool is_a = letter_of(r.roots[i].id) == 'A';

        assert_int_equal(r.roots[i].came, 1);
        assert_int_equal(r.roots[i].left, is_a ? 0 : 1);
    }
    otr_report_clear(&r);
    free_dependant(d);
}

/* Trouble, and nothing ------------------------------------------------------------------------------------------------- */

static void an_empty_report_is_one(void **state)
{
    otr_report r = { .at = NOW };

    (void)state;
    assert_int_equal(otr_report_finish(&r, NULL), OUTRIDER_OK);
    assert_int_equal(r.concentration.destinations, 0);
    otr_report_clear(&r);
}

static void a_world_is_made_once_a_root(void **state)
{
    otr_report r;

    (void)state;
    worlds_made = 0;
    r = report_of_crowd(false);
    assert_int_equal(worlds_made, 3);
    otr_report_clear(&r);
}

static void what_makes_the_worlds_may_refuse(void **state)
{
    test_world world = ALL;
    otr_report r = { .at = NOW };
    otr_anchors *before = make_test_anchors(&world);
    test_dependant *d = make_dependant(ENFORCE, "B", "A", false);
    outrider_diag diag = { 0 };

    (void)state;
    assert_int_equal(otr_report_add(&r, &d->d, before, refuse, &world, &diag), OUTRIDER_E_LIMIT);
    assert_string_equal(diag.message, "too many sets");
    assert_int_equal(r.row_count, 0);
    otr_report_clear(&r);
    free_dependant(d);
    otr_anchors_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_destination_hangs_on),
        cmocka_unit_test(a_report_says_what_what_if_says),
        cmocka_unit_test(destinations_are_counted_by_root_and_role),
        cmocka_unit_test(destinations_stand_by_class_then_traffic),
        cmocka_unit_test(the_order_of_additions_does_not_matter),
        cmocka_unit_test(concentration_speaks_of_those_without_anything_better),
        cmocka_unit_test(cas_between_are_counted_once_a_destination),
        cmocka_unit_test(recent_changes_of_root_are_told),
        cmocka_unit_test(an_empty_report_is_one),
        cmocka_unit_test(a_world_is_made_once_a_root),
        cmocka_unit_test(what_makes_the_worlds_may_refuse),
    };

    return cmocka_run_group_tests_name("root_report", tests, make_test_roots, clear_test_roots);
}
