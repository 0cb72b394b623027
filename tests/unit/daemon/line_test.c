#include "daemon/listen/line.h"
#include "support/cmocka_all.h"

#define NONE "v=1 pol=none dane=* tls=\"\" verify=\"\" end=1\n"

/* L1: what is not understood is not answered, which makes Exim defer. */
static void a_line_is_a_question_an_answer_or_the_end(void **state)
{
    enum { ASK = OTR_LINE_ASK, REPLY = OTR_LINE_REPLY, CLOSE = OTR_LINE_CLOSE, EVENT = 100 };
    static const struct {
        const char *name, *line;
        int want;
        const char *key; /* ASK: of the destination */
        otr_form form;
    } rows[] = {
        { "Exim asks", "v1 policy domain=example.org", ASK, "example.org", OTR_FORM_EXIM },
        { "with CR", "v1 policy domain=example.org\r", ASK, "example.org", OTR_FORM_EXIM },
        { "EDGE-07: a U-label", "v1 policy domain=b\xc3\xbc" "cher.example", ASK, "xn--bcher-kva.example", OTR_FORM_EXIM },
        { "letters of either case", "v1 policy domain=Example.ORG", ASK, "example.org", OTR_FORM_EXIM },
        { "EDGE-03: a smart host", "v1 policy domain=[mx.example.org]:587", ASK, "[mx.example.org]:587", OTR_FORM_EXIM },
        { "EDGE-05: a domain and a port", "v1 policy domain=example.org:465", ASK, "example.org:465", OTR_FORM_EXIM },
        { "EDGE-01: an address and a port", "v1 policy domain=[192.0.2.1]:587", REPLY, NULL, 0 },
        { "a bare label and a port", "v1 policy domain=[mailhub]:587", REPLY, NULL, 0 },
        { "a literal of another kind", "v1 policy domain=[x:y]", REPLY, NULL, 0 },
        { "EDGE-05: a service nobody knows", "v1 policy domain=[mx.example.org]:submit", CLOSE, NULL, 0 },
        { "EDGE-05: no port", "v1 policy domain=mx.example.org:0", CLOSE, NULL, 0 },
        { "EDGE-05: a port in Exim's spelling", "v1 policy domain=mx.example.org::587", CLOSE, NULL, 0 },
        { "a bare label: no policy can exist", "v1 policy domain=localhost", REPLY, NULL, 0 },
        { "EDGE-01: an address literal", "v1 policy domain=[192.0.2.1]", REPLY, NULL, 0 },
        { "a name with an underscore", "v1 policy domain=a_b.example", REPLY, NULL, 0 },
        { "a U-label that is none", "v1 policy domain=\xff.example", CLOSE, NULL, 0 },
        { "no domain", "v1 policy domain=", CLOSE, NULL, 0 },
        { "no key", "v1 policy example.org", CLOSE, NULL, 0 },
        { "something behind the domain", "v1 policy domain=example.org port=587", CLOSE, NULL, 0 },
        { "a blank at the end", "v1 policy domain=example.org ", CLOSE, NULL, 0 },
        { "another version", "v2 policy domain=example.org", CLOSE, NULL, 0 },
        { "another case", "V1 policy domain=example.org", CLOSE, NULL, 0 },
        { "a question nobody knows", "v1 weather domain=example.org", CLOSE, NULL, 0 },
        { "nothing", "", CLOSE, NULL, 0 },
        { "a query", "v1 query domain=example.org", ASK, "example.org", OTR_FORM_JSON },
        { "a query to be explained", "v1 query domain=[mx.example.org]:587 form=explain", ASK, "[mx.example.org]:587",
          OTR_FORM_EXPLAIN },
        { "a query about a literal", "v1 query domain=[192.0.2.1]", ASK, "[192.0.2.1]", OTR_FORM_JSON },
        { "a query with an option nobody knows", "v1 query domain=example.org form=poem", CLOSE, NULL, 0 },
        { "a query about nothing", "v1 query domain=-", CLOSE, NULL, 0 },
        { "an event", "v1 event name=tcp:close domain=example.org cv=1", EVENT, NULL, 0 },
        { "an event without fields", "v1 event", EVENT, NULL, 0 },
        { "almost an event", "v1 events", CLOSE, NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_line_choice choice;
        int got;

        otr_line_choose(otr_slice_of(rows[i].line), &choice);
        got = choice.act == OTR_LINE_CLOSE && choice.problem == NULL ? EVENT : (int)choice.act;
        if (got != rows[i].want)
            fail_msg("%s: got %d (%s), want %d", rows[i].name, got, choice.problem != NULL ? choice.problem : "-",
                     rows[i].want);
        if (got == ASK) {
            assert_string_equal(choice.destination.key, rows[i].key);
            assert_int_equal(choice.form, rows[i].form);
        }
        if (got == REPLY)
            assert_string_equal(choice.reply, NONE);
    }
}

static void a_nul_ends_the_conversation(void **state)
{
    static const char line[] = "v1 policy domain=example.org\0.evil.example";
    otr_line_choice choice;

    (void)state;
    otr_line_choose((otr_slice){ line, sizeof(line) - 1 }, &choice);
    assert_int_equal(choice.act, OTR_LINE_CLOSE);
}

#define EVENT "v1 event kind=tls.cert destination=example.org host=mx.example.org conn=4711 depth=1 cert=AAAA"

/* L15: what is too little, too much or odd is not taken for a certificate. */
static void a_certificate_is_told(void **state)
{
    static const struct {
        const char *name, *line;
        const char *host; /* NULL: refused */
        uint32_t conn;
        unsigned depth;
    } rows[] = {
        { "as Exim says it", EVENT, "mx.example.org", 4711, 1 },
        { "with CR", EVENT "\r", "mx.example.org", 4711, 1 },
        { "padding", "v1 event kind=tls.cert destination=a.example host=MX.Example.ORG. conn=0 depth=31 cert=QUI=", "mx.example.org", 0, 31 },
        { "a next hop", "v1 event kind=tls.cert destination=[a.example]:587 host=a.example conn=4294967295 depth=0 cert=AAAA", "a.example", 4294967295u, 0 },
        { "deeper than chains are", "v1 event kind=tls.cert destination=a.example host=a.example conn=1 depth=32 cert=AAAA", NULL, 0, 0 },
        { "a negative depth", "v1 event kind=tls.cert destination=a.example host=a.example conn=1 depth=-1 cert=AAAA", NULL, 0, 0 },
        { "no depth", "v1 event kind=tls.cert destination=a.example host=a.example conn=1 depth= cert=AAAA", NULL, 0, 0 },
        { "a number that is none", "v1 event kind=tls.cert destination=a.example host=a.example conn=4294967296 depth=0 cert=AAAA", NULL, 0, 0 },
        { "no certificate", "v1 event kind=tls.cert destination=a.example host=a.example conn=1 depth=0 cert=", NULL, 0, 0 },
        { "half of a quantum", "v1 event kind=tls.cert destination=a.example host=a.example conn=1 depth=0 cert=AAAAA", NULL, 0, 0 },
        { "something behind it", EVENT " x=y", NULL, 0, 0 },
        { "the keys in another order", "v1 event kind=tls.cert host=a.example destination=a.example conn=1 depth=0 cert=AAAA", NULL, 0, 0 },
        { "an address for a destination", "v1 event kind=tls.cert destination=[192.0.2.1] host=a.example conn=1 depth=0 cert=AAAA", NULL, 0, 0 },
        { "an address for a host", "v1 event kind=tls.cert destination=a.example host=192.0.2.1 conn=1 depth=0 cert=AAAA", NULL, 0, 0 },
        { "no host", "v1 event kind=tls.cert destination=a.example host= conn=1 depth=0 cert=AAAA", NULL, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_line_choice choice;

        otr_line_choose(otr_slice_of(rows[i].line), &choice);
        if ((choice.act == OTR_LINE_TELL) != (rows[i].host != NULL) ||
            (choice.act != OTR_LINE_TELL && (choice.act != OTR_LINE_CLOSE || choice.problem == NULL)))
            fail_msg("%s: got %d (%s)", rows[i].name, (int)choice.act, choice.problem != NULL ? choice.problem : "-");
        if (rows[i].host == NULL)
            continue;
        assert_string_equal(choice.event.host, rows[i].host);
        assert_int_equal(choice.event.conn, rows[i].conn);
        assert_int_equal(choice.event.depth, rows[i].depth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_told),
        cmocka_unit_test(a_line_is_a_question_an_answer_or_the_end),
        cmocka_unit_test(a_nul_ends_the_conversation),
    };

    return cmocka_run_group_tests_name("daemon/line", tests, NULL, NULL);
}
