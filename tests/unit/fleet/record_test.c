/*
 * record_test.c - records between the members of a fleet: what is written is read back, what is no record is refused, and which of two
 * counts is the same in whatever order they come.
 */
#include "base/buf.h"
#include "fleet/record.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW 1800000000
#define DAY 86400
#define BODY(mode, age) "version: STSv1\r\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"

static otr_cert root, leaf;

static int make_certs(void **state)
{
    (void)state;
    root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root", .constraints = "critical,CA:TRUE" });
    leaf = otr_make_cert(&(otr_cert_plan){ .common_name = "mx.example.org", .san = "DNS:mx.example.org", .issuer = &root });
    return 0;
}

static int drop_certs(void **state)
{
    (void)state;
    otr_cert_clear(&leaf);
    otr_cert_clear(&root);
    return 0;
}

/* Making ------------------------------------------------------------------------------------------------------------------- */

static otr_fleet_record a_policy(otr_time at, const char *id, const char *body)
{
    otr_sts_entry *entry = otr_sts_entry_new("example.org");
    otr_fleet_record record;

    assert_int_equal(otr_sts_policy_parse(body, strlen(body), &entry->policy, NULL), OUTRIDER_OK);
    snprintf(entry->id, sizeof(entry->id), "%s", id);
    entry->fetched_at = at;
    assert_true(otr_fleet_record_of_entry(&record, entry, "mx1.example.org"));
    otr_sts_entry_unref(entry);
    return record;
}

static otr_fleet_record an_override(otr_time at, otr_level level, bool is_removal)
{
    otr_override o = { .level = level, .until = NOW + DAY, .made_at = at, .uid = 1000, .domain = "example.org",
                       .reason = "ticket 4711: schl\xc3\xbcssel" };
    otr_fleet_record record;

    otr_fleet_record_of_override(&record, &o, "mx1");
    record.is_removal = is_removal;
    return record;
}

static otr_fleet_record an_exception(otr_time at, bool is_removal)
{
    otr_exception e = { .cert = root.cert, .until = NOW + DAY, .made_at = at, .uid = -1, .domain = ".example.org", .reason = "why" };
    otr_fleet_record record;

    assert_true(otr_cert_fingerprint(root.cert, e.root));
    otr_fleet_record_of_exception(&record, &e, "mx1");
    record.is_removal = is_removal;
    return record;
}

static otr_fleet_record an_acceptance(otr_time at)
{
    otr_fleet_record record;

    assert_true(otr_fleet_record_of_name(&record, "accepted/example.org", at, "mx1"));
    return record;
}

static otr_fleet_record a_sighting(otr_time at)
{
    otr_sighting s = { .role = OTR_ROLE_MX, .source = OTR_SEEN_IN_PROBE, .seen_at = at, .domain = "example.org",
                       .host = "mx.example.org", .root = root.cert, .chain = sk_X509_new_null() };
    otr_fleet_record record;

    sk_X509_push(s.chain, leaf.cert);
    sk_X509_push(s.chain, root.cert);
    assert_true(otr_fleet_record_of_sighting(&record, &s, "mx1"));
    sk_X509_free(s.chain);
    return record;
}

static otr_buf write_and_clear(otr_fleet_record *record)
{
    otr_buf octets = OTR_BUF_INIT;

    assert_int_equal(otr_fleet_record_write(record, &octets), OUTRIDER_OK);
    otr_fleet_record_clear(record);
    return octets;
}

#define KINDS 7
static otr_fleet_record one_of_each(int which, otr_time at)
{
    switch (which) {
    case 0: return a_policy(at, "20260101", BODY("enforce", "86400"));
    case 1: return an_override(at, OTR_LEVEL_ENCRYPT, false);
    case 2: return an_override(at, OTR_LEVEL_MAY, true);
    case 3: return an_exception(at, false);
    case 4: return an_exception(at, true);
    case 5: return an_acceptance(at);
    default: return a_sighting(at);
    }
}

/* Writing and reading ------------------------------------------------------------------------------------------------------- */

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (int which = 0; which < KINDS; which++) {
        otr_fleet_record made = one_of_each(which, NOW), read;
        otr_buf octets = OTR_BUF_INIT, again = OTR_BUF_INIT;
        char name[OTR_FLEET_RECORD_NAME_SIZE], name_read[OTR_FLEET_RECORD_NAME_SIZE], rank[OTR_FLEET_RANK + 1];
        outrider_diag diag = { 0 };

        assert_int_equal(otr_fleet_record_write(&made, &octets), OUTRIDER_OK);
        if (otr_fleet_record_read(octets.data, octets.len, NOW, &read, &diag) != OUTRIDER_OK)
            fail_msg("kind %d: %u:%u %s", which, diag.line, diag.column, diag.message);
        assert_string_equal(otr_fleet_record_name(&made, name), otr_fleet_record_name(&read, name_read));
        assert_int_equal(otr_fleet_record_rank(&read, rank), OUTRIDER_OK);
        assert_memory_equal(rank, octets.data, OTR_FLEET_RANK);
        assert_int_equal(otr_fleet_record_end(&made), otr_fleet_record_end(&read));
        assert_int_equal(otr_fleet_record_write(&read, &again), OUTRIDER_OK);
        assert_int_equal(again.len, octets.len);
        assert_memory_equal(again.data, octets.data, octets.len);
        otr_buf_clear(&again);
        otr_buf_clear(&octets);
        otr_fleet_record_clear(&read);
        otr_fleet_record_clear(&made);
    }
}

static void what_is_read_is_what_was_said(void **state)
{
    otr_fleet_record made = an_override(NOW, OTR_LEVEL_DEFER, false), read;
    otr_buf octets = write_and_clear(&made);
    otr_sts_entry *entry;
    otr_override o;

    (void)state;
    assert_int_equal(otr_fleet_record_read(octets.data, octets.len, NOW, &read, NULL), OUTRIDER_OK);
    otr_fleet_record_to_override(&read, &o);
    assert_string_equal(o.domain, "example.org");
    assert_int_equal(o.level, OTR_LEVEL_DEFER);
    assert_int_equal(o.until, NOW + DAY);
    assert_int_equal(o.made_at, NOW);
    assert_int_equal(o.uid, 1000);
    assert_string_equal(o.reason, "ticket 4711: schl\xc3\xbcssel");
    otr_fleet_record_clear(&read);
    otr_buf_clear(&octets);

    made = a_policy(NOW - 100, "abc", BODY("testing", "1000"));
    octets = write_and_clear(&made);
    assert_int_equal(otr_fleet_record_read(octets.data, octets.len, NOW, &read, NULL), OUTRIDER_OK);
    entry = otr_fleet_record_to_entry(&read, NULL);
    assert_string_equal(entry->domain, "example.org");
    assert_string_equal(entry->id, "abc");
    assert_int_equal(entry->fetched_at, NOW - 100);
    assert_int_equal(entry->expires_at, NOW + 900); /* STS-APPLY-11: from the fetch on, whoever made it */
    assert_true(entry->is_from_store);
    assert_int_equal(entry->policy->mode, OTR_STS_TESTING);
    otr_sts_entry_unref(entry);
    otr_fleet_record_clear(&read);
    otr_buf_clear(&octets);
}

/* What is known of failures stays, unless it is older than the fetch. */
static void a_later_failure_stays(void **state)
{
    otr_fleet_record record = a_policy(NOW, "abc", BODY("enforce", "1000"));
    otr_sts_entry *known = otr_sts_entry_new("example.org"), *entry;

    (void)state;
    known->failure = OTR_STS_FETCH_ERROR;
    known->failures = 2;
    known->tried_at = NOW + 1;
    entry = otr_fleet_record_to_entry(&record, known);
    assert_int_equal(entry->failures, 2);
    otr_sts_entry_unref(entry);
    known->tried_at = NOW;
    entry = otr_fleet_record_to_entry(&record, known);
    assert_int_equal(entry->failures, 0);
    otr_sts_entry_unref(entry);
    otr_sts_entry_unref(known);
    otr_fleet_record_clear(&record);
}

/* Each octet in turn, each length in turn: never accepted as anything else than what was written. */
static void whatever_is_changed_is_refused(void **state)
{
    (void)state;
    for (int which = 0; which < KINDS; which++) {
        otr_fleet_record made = one_of_each(which, NOW), read;
        otr_buf octets = write_and_clear(&made);
        size_t by = (size_t)(strstr(octets.data, "\nby ") - octets.data) + 4;

        for (size_t i = 0; i < octets.len; i++) {
            char was = octets.data[i];

            octets.data[i] ^= 1;
            if (otr_fleet_record_read(octets.data, octets.len, NOW, &read, NULL) == OUTRIDER_OK) {
                if (i < by || octets.data[by] == was) /* who brings it may be anybody */
                    assert_in_range(i, by, by + 20);
                otr_fleet_record_clear(&read);
            }
            octets.data[i] = was;
            assert_int_not_equal(otr_fleet_record_read(octets.data, i, NOW, &read, NULL), OUTRIDER_OK);
        }
        otr_buf_clear(&octets);
    }
}

/* Its rank made right, as somebody would who knows how: the content is judged by itself. */
static outrider_err read_content(const char *content, outrider_diag *diag)
{
    otr_fleet_record record = { 0 };
    otr_buf octets = OTR_BUF_INIT;
    outrider_err err;

    otr_buf_printf(&octets, "%033d\n%s", 0, content);
    err = otr_fleet_record_read(octets.data, octets.len, NOW, &record, diag);
    otr_buf_clear(&octets);
    assert_int_not_equal(err, OUTRIDER_OK);
    return err;
}

#define HEAD "at 1800000000\nby mx1\ndomain example.org\n"
static const struct row {
    const char *sentence, *content, *why; /* a part of the complaint */
} rows[] = {
    { "nothing", "", "no record" },
    { "another program's", "{\"a\":1}", "no record" },
    { "a kind that is unknown", "outrider 1 secret\n" HEAD, "unknown" },
    { "a time that is none", "outrider 1 accepted\nat x\nby mx1\ndomain example.org\n", "no number" },
    { "a time with a zero before it", "outrider 1 accepted\nat 01800000000\nby mx1\ndomain example.org\n", "no number" },
    { "a negative time", "outrider 1 accepted\nat -5\nby mx1\ndomain example.org\n", "no number" },
    { "time 0", "outrider 1 accepted\nat 0\nby mx1\ndomain example.org\n", "no time" },
    { "a time beyond everything", "outrider 1 accepted\nat 9999999999999999999\nby mx1\ndomain example.org\n", "no number" },
    { "a member with an escape in its name", "outrider 1 accepted\nat 1\nby \x1b[1m\ndomain example.org\n", "no name" },
    { "a member without a name", "outrider 1 accepted\nat 1\nby \ndomain example.org\n", "no name" },
    { "a domain in upper case", "outrider 1 accepted\nat 1\nby mx1\ndomain Example.org\n", "the domain is none" },
    { "a domain with a slash", "outrider 1 accepted\nat 1\nby mx1\ndomain ../etc\n", "the domain is none" },
    { "a domain with a dot before it, which is for exceptions", "outrider 1 accepted\nat 1\nby mx1\ndomain .example.org\n", "none" },
    { "something behind it", "outrider 1 accepted\n" HEAD "more\n", "something follows" },
    { "a policy without its text", "outrider 1 policy\n" HEAD "id 1\n", "expected \"octets\"" },
    { "an id with a dash", "outrider 1 policy\n" HEAD "id a-b\noctets 1\nx", "id is none" },
    { "an id that is too long", "outrider 1 policy\n" HEAD "id 123456789012345678901234567890123\noctets 1\nx", "too long" },
    { "a length that is too large", "outrider 1 policy\n" HEAD "id 1\noctets 5\nabcd", "announced" },
    { "a length that is too small", "outrider 1 policy\n" HEAD "id 1\noctets 3\nabcd", "announced" },
    { "a text that is no policy", "outrider 1 policy\n" HEAD "id 1\noctets 4\nabcd", "does not parse: line 1" },
    { "a policy for one attempt", "outrider 1 policy\n" HEAD "id 1\noctets 38\nversion: STSv1\nmode: none\nmax_age: 0\n\n", "one attempt" },
    { "an override that ends before it began", "outrider 1 override\n" HEAD "until 1700000000\nuid 0\nlevel may\nreason x\n", "time" },
    { "an override without end", "outrider 1 override\n" HEAD "until 1900000000\nuid 0\nlevel may\nreason x\n", "time" },
    { "an override to a level that there is none for", "outrider 1 override\n" HEAD "until 1800000100\nuid 0\nlevel dane\nreason x\n", "level" },
    { "an override without a reason", "outrider 1 override\n" HEAD "until 1800000100\nuid 0\nlevel may\nreason \n", "reason" },
    { "a reason with an escape", "outrider 1 override\n" HEAD "until 1800000100\nuid 0\nlevel may\nreason \x1b[1m\n", "reason" },
    { "a removal for ever", "outrider 1 override\n" HEAD "removed 1900000000\nuid 0\n", "no such removal" },
    { "an exception for no root", "outrider 1 exception\n" HEAD "root abc\nuntil 1800000100\nuid 0\nreason x\noctets 1\nx", "impossible" },
    { "a chain of nothing", "outrider 1 sighting\n" HEAD "role mx\nhost mx.example.org\nsource probe\noctets 0\n", "empty" },
    { "a chain that is none", "outrider 1 sighting\n" HEAD "role mx\nhost mx.example.org\nsource probe\noctets 3\nabc", "does not parse" },
    { "a host that is none", "outrider 1 sighting\n" HEAD "role mx\nhost mx/example\nsource probe\noctets 3\nabc", "host is none" },
    { "a role that is unknown", "outrider 1 sighting\n" HEAD "role me\n", "unknown" },
    { "a good one whose rank is another", "outrider 1 accepted\n" HEAD, "rank" },
};

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outrider_diag diag = { 0 };

        assert_int_equal(read_content(rows[i].content, &diag), OUTRIDER_E_SYNTAX);
        if (strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sentence, diag.message, rows[i].why);
    }
}

/* A newer program's, or a clock that is wrong: refused, and left where it is, for it may be good for others or later. */
static void what_may_be_good_elsewhere_is_left_alone(void **state)
{
    otr_fleet_record made = an_acceptance(NOW + OTR_FLEET_SKEW + 1), read;
    otr_buf octets = write_and_clear(&made);
    outrider_diag diag = { 0 };

    (void)state;
    assert_int_equal(otr_fleet_record_read(octets.data, octets.len, NOW, &read, &diag), OUTRIDER_E_CONFIG);
    assert_non_null(strstr(diag.message, "clock"));
    assert_int_equal(otr_fleet_record_read(octets.data, octets.len, NOW + 1, &read, &diag), OUTRIDER_OK);
    otr_fleet_record_clear(&read);
    otr_buf_clear(&octets);
    assert_int_equal(read_content("outrider 2 accepted\n" HEAD, &diag), OUTRIDER_E_CONFIG);
    assert_non_null(strstr(diag.message, "newer"));
}

static void too_large_is_refused(void **state)
{
    char *octets = calloc(1, OTR_FLEET_RECORD_MAX + 1);
    otr_fleet_record record;

    (void)state;
    assert_int_equal(otr_fleet_record_read(octets, OTR_FLEET_RECORD_MAX + 1, NOW, &record, NULL), OUTRIDER_E_LIMIT);
    free(octets);
}

/* Which counts ---------------------------------------------------------------------------------------------------------------- */

#define MANY 40

/* Everything that could be said of one name, in a few seconds, so that times often are the same. */
static size_t make_many(otr_buf octets[MANY])
{
    static const otr_level levels[] = { OTR_LEVEL_MAY, OTR_LEVEL_ENCRYPT, OTR_LEVEL_DEFER };
    size_t count = 0;

    for (otr_time at = NOW; at < NOW + 5; at++) {
        for (int i = 0; i < 3; i++) {
            otr_fleet_record record = an_override(at, levels[i], false);

            octets[count++] = write_and_clear(&record);
        }
        for (int i = 0; i < 2; i++) {
            otr_fleet_record record = an_override(at, OTR_LEVEL_MAY, true);

            record.uid = i;
            octets[count++] = write_and_clear(&record);
        }
    }
    return count;
}

static const char *merge(const char *a, const char *b)
{
    return otr_fleet_outranks(b, a) ? b : a;
}

static void merging_is_the_same_in_every_order(void **state)
{
    otr_buf octets[MANY];
    size_t count = make_many(octets);
    unsigned seed = 1;
    const char *first = NULL;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(merge(octets[i].data, octets[i].data), octets[i].data);
        for (size_t j = 0; j < count; j++) {
            assert_memory_equal(merge(octets[i].data, octets[j].data), merge(octets[j].data, octets[i].data), OTR_FLEET_RANK);
            for (size_t k = 0; k < count; k++)
                assert_memory_equal(merge(merge(octets[i].data, octets[j].data), octets[k].data),
                                    merge(octets[i].data, merge(octets[j].data, octets[k].data)), OTR_FLEET_RANK);
        }
    }
    for (int round = 0; round < 200; round++) { /* members that hear of them in any order, some twice, end with the same */
        const char *held = octets[seed % count].data;

        for (size_t heard = 0; heard < 3 * count; heard++) {
            seed = seed * 1103515245u + 12345u;
            held = merge(held, octets[heard < count ? heard : seed / 65536 % count].data);
        }
        first = first == NULL ? held : first;
        assert_memory_equal(held, first, OTR_FLEET_RANK);
    }
    assert_true(first[16] == '1'); /* at the latest time, a removal */
    for (size_t i = 0; i < count; i++)
        otr_buf_clear(&octets[i]);
}

static void the_later_fetch_counts(void **state)
{
    otr_fleet_record older = a_policy(NOW - 1, "zzz", BODY("enforce", "31557600")), newer = a_policy(NOW, "aaa", BODY("none", "86400"));
    otr_buf a = write_and_clear(&older), b = write_and_clear(&newer);

    (void)state;
    assert_true(otr_fleet_outranks(b.data, a.data));
    assert_false(otr_fleet_outranks(a.data, b.data));
    otr_buf_clear(&a);
    otr_buf_clear(&b);
}

static void the_same_from_another_member_is_the_same(void **state)
{
    otr_fleet_record one = a_policy(NOW, "a", BODY("enforce", "86400")), other = a_policy(NOW, "a", BODY("enforce", "86400"));
    char rank_one[OTR_FLEET_RANK + 1], rank_other[OTR_FLEET_RANK + 1];

    (void)state;
    snprintf(other.by, sizeof(other.by), "another");
    assert_int_equal(otr_fleet_record_rank(&one, rank_one), OUTRIDER_OK);
    assert_int_equal(otr_fleet_record_rank(&other, rank_other), OUTRIDER_OK);
    assert_string_equal(rank_one, rank_other);
    otr_fleet_record_clear(&one);
    otr_fleet_record_clear(&other);
}

static void stamps_are_later_than_what_they_displace(void **state)
{
    (void)state;
    assert_int_equal(otr_fleet_stamp(NOW, 0), NOW);
    assert_int_equal(otr_fleet_stamp(NOW, NOW - 1), NOW);
    assert_int_equal(otr_fleet_stamp(NOW, NOW), NOW + 1);
    assert_int_equal(otr_fleet_stamp(NOW, NOW + 100), NOW + 101); /* said on a machine whose clock is ahead */
}

static void names_are_read_back(void **state)
{
    char hex[OTR_SHA256_TEXT], text[200], name[OTR_FLEET_RECORD_NAME_SIZE];
    otr_fleet_record record;

    (void)state;
    memset(hex, 'a', sizeof(hex) - 1);
    hex[sizeof(hex) - 1] = '\0';
    snprintf(text, sizeof(text), "exception/%s/.example.org", hex);
    assert_true(otr_fleet_record_of_name(&record, text, NOW, "mx1"));
    assert_string_equal(otr_fleet_record_name(&record, name), text);
    assert_true(otr_fleet_record_of_name(&record, "override/example.org", NOW, "mx1"));
    assert_string_equal(otr_fleet_record_name(&record, name), "override/example.org");
    assert_false(otr_fleet_record_of_name(&record, "exception/abc", NOW, "mx1"));
    assert_false(otr_fleet_record_of_name(&record, "policy/example.org", NOW, "mx1"));
    assert_false(otr_fleet_record_of_name(&record, "", NOW, "mx1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_read_is_what_was_said),
        cmocka_unit_test(a_later_failure_stays),
        cmocka_unit_test(whatever_is_changed_is_refused),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(what_may_be_good_elsewhere_is_left_alone),
        cmocka_unit_test(too_large_is_refused),
        cmocka_unit_test(merging_is_the_same_in_every_order),
        cmocka_unit_test(the_later_fetch_counts),
        cmocka_unit_test(the_same_from_another_member_is_the_same),
        cmocka_unit_test(stamps_are_later_than_what_they_displace),
        cmocka_unit_test(names_are_read_back),
    };

    return cmocka_run_group_tests_name("fleet/record", tests, make_certs, drop_certs);
}
