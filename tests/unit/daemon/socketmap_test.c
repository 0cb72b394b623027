#include "daemon/listen/netstring.h"
#include "daemon/listen/socketmap.h"
#include "support/cmocka_all.h"

static const char long_name[] = "QUERY aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org";

/* P1, P2: keys are folded to one spelling, and what cannot be a destination is "not found" at once. */
static void a_request_is_a_question_or_has_its_reply(void **state)
{
    static const struct {
        const char *name, *request;
        const char *reply; /* beginning of its content; NULL: a question */
        const char *key;
        otr_form form;
    } rows[] = {
        { "Postfix asks", "QUERY example.org", NULL, "example.org", OTR_FORM_POSTFIX },
        { "Postfix 3.10 asks", "QUERYwithTLSRPT example.org", NULL, "example.org", OTR_FORM_POSTFIX_TLSRPT },
        { "sendmail asks", "sts example.org", NULL, "example.org", OTR_FORM_SENDMAIL },
        { "EDGE-08: letters as the user typed them", "QUERY GOOD.Ins.Test", NULL, "good.ins.test", OTR_FORM_POSTFIX },
        { "EDGE-08: a final dot", "QUERY example.org.", NULL, "example.org", OTR_FORM_POSTFIX },
        { "EDGE-07: a U-label", "QUERY b\xc3\xbc" "cher.ins.test", NULL, "xn--bcher-kva.ins.test", OTR_FORM_POSTFIX },
        { "EDGE-04: a host", "QUERY [mx.example.org]", NULL, "[mx.example.org]", OTR_FORM_POSTFIX },
        { "EDGE-05: a host and a port", "QUERY [mx.example.org]:587", NULL, "[mx.example.org]:587", OTR_FORM_POSTFIX },
        { "port 25 is no other destination", "QUERY [mx.example.org]:25", NULL, "[mx.example.org]", OTR_FORM_POSTFIX },
        { "a domain and port 25", "QUERY example.org:25", NULL, "example.org", OTR_FORM_POSTFIX },
        { "a service", "QUERY example.org:smtp", NULL, "example.org", OTR_FORM_POSTFIX },
        { "EDGE-05: a service that only Postfix may know", "QUERY [mx.example.org]:submit", "TEMP the port", NULL, 0 },
        { "EDGE-05: a number that is no port", "QUERY example.org:65536", "TEMP the port", NULL, 0 },
        { "EDGE-06: a parent domain", "QUERY .example.org", "NOTFOUND ", NULL, 0 },
        { "a parent that is a label", "QUERY .org", "NOTFOUND ", NULL, 0 },
        { "a bare label", "QUERY localhost", "NOTFOUND ", NULL, 0 },
        { "EDGE-01: an IPv4 literal", "QUERY [192.0.2.1]", "NOTFOUND ", NULL, 0 },
        { "EDGE-01: an IPv6 literal", "QUERY [IPv6:2001:db8::1]", "NOTFOUND ", NULL, 0 },
        { "a literal and a port", "QUERY [192.0.2.1]:587", "NOTFOUND ", NULL, 0 },
        { "no key", "QUERY ", "NOTFOUND ", NULL, 0 },
        { "a blank in the key", "QUERY example.org x", "NOTFOUND ", NULL, 0 },
        { "two blanks", "QUERY  example.org", "NOTFOUND ", NULL, 0 },
        { "a control character", "QUERY exam\001ple.org", "NOTFOUND ", NULL, 0 },
        { "a newline", "QUERY example.org\n", "NOTFOUND ", NULL, 0 },
        { "bytes that are no UTF-8", "QUERY b\xfc" "cher.example", "NOTFOUND ", NULL, 0 },
        { "a label that is too long", long_name, "NOTFOUND ", NULL, 0 },
        { "an address", "QUERY user@example.org", "NOTFOUND ", NULL, 0 },
        { "a map we do not have", "QUERIES example.org", "TEMP no such map", NULL, 0 },
        { "map names keep their case", "query example.org", "TEMP no such map", NULL, 0 },
        { "no blank at all", "QUERY", "TEMP request is not", NULL, 0 },
        { "nothing", "", "TEMP request is not", NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_socketmap_choice choice;
        otr_slice content = { "", 0 };
        size_t taken = 0;

        otr_socketmap_choose(otr_slice_of(rows[i].request), &choice);
        if (rows[i].reply == NULL) {
            if (choice.reply != NULL)
                fail_msg("%s: got %s, want a question", rows[i].name, choice.reply);
            assert_string_equal(choice.destination.key, rows[i].key);
            assert_int_equal(choice.form, rows[i].form);
            continue;
        }
        if (choice.reply == NULL)
            fail_msg("%s: got a question for %s, want %s", rows[i].name, choice.destination.key, rows[i].reply);
        assert_int_equal(otr_netstring_take(choice.reply, strlen(choice.reply), 200, &content, &taken), OTR_NETSTRING_WHOLE);
        if (strncmp(content.ptr, rows[i].reply, strlen(rows[i].reply)) != 0)
            fail_msg("%s: got %s, want %s", rows[i].name, choice.reply, rows[i].reply);
    }
}

static void a_nul_in_the_key_is_not_found(void **state)
{
    static const char request[] = "QUERY example.org\0.evil.example";
    otr_socketmap_choice choice;

    (void)state;
    otr_socketmap_choose((otr_slice){ request, sizeof(request) - 1 }, &choice);
    assert_string_equal(choice.reply, "9:NOTFOUND ,");
}

/* The lengths are written by hand. */
static void fixed_replies_are_netstrings(void **state)
{
    const char *const replies[] = { otr_socketmap_busy, otr_socketmap_timeout, otr_socketmap_failed,
                                    otr_socketmap_stopping };

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        otr_slice content;
        size_t taken;

        assert_int_equal(otr_netstring_take(replies[i], strlen(replies[i]), 200, &content, &taken), OTR_NETSTRING_WHOLE);
        assert_int_equal(taken, strlen(replies[i]));
        assert_memory_equal(content.ptr, "TEMP ", 5);
    }
}

/* What is prefetched is what will be asked for, wherever the key is in normal form. */
static void the_key_is_seen_before_it_is_understood(void **state)
{
    static const struct {
        const char *bytes;
        const char *key; /* NULL: none to be seen */
    } rows[] = {
        { "17:QUERY example.org,", "example.org" },
        { "17:QUERY example.org,17:QUERY example.net,", "example.org" },
        { "28:QUERYwithTLSRPT example.org,", "example.org" },
        { "6:QUERY ,", "" },
        { "17:QUERY example.or", NULL },
        { "17:QUERY", NULL },
        { "17", NULL },
        { "QUERY example.org,", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_slice key;
        bool is_seen = otr_socketmap_peek((otr_slice){ rows[i].bytes, strlen(rows[i].bytes) }, &key);

        if (is_seen != (rows[i].key != NULL) || (is_seen && !otr_slice_is(key, rows[i].key)))
            fail_msg("%s: %s \"%.*s\"", rows[i].bytes, is_seen ? "got" : "nothing", is_seen ? (int)key.len : 0, is_seen ? key.ptr : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_a_question_or_has_its_reply),
        cmocka_unit_test(a_nul_in_the_key_is_not_found),
        cmocka_unit_test(fixed_replies_are_netstrings),
        cmocka_unit_test(the_key_is_seen_before_it_is_understood),
    };

    return cmocka_run_group_tests_name("daemon/socketmap", tests, NULL, NULL);
}
