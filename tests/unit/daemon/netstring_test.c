#include "daemon/listen/netstring.h"
#include "support/cmocka_all.h"

static const char *const states[] = { "whole", "partial", "broken" };

static void a_netstring_is_whole_partial_or_broken(void **state)
{
    static const struct {
        const char *name, *bytes;
        otr_netstring_state want;
        const char *content;
    } rows[] = {
        { "a request", "17:QUERY example.org,", OTR_NETSTRING_WHOLE, "QUERY example.org" },
        { "nothing yet", "", OTR_NETSTRING_PARTIAL, NULL },
        { "half a length", "1", OTR_NETSTRING_PARTIAL, NULL },
        { "a length without content", "17:", OTR_NETSTRING_PARTIAL, NULL },
        { "all but the comma", "17:QUERY example.org", OTR_NETSTRING_PARTIAL, NULL },
        { "two at once: the first", "1:a,1:b,", OTR_NETSTRING_WHOLE, "a" },
        { "an empty one", "0:,", OTR_NETSTRING_WHOLE, "" },
        { "commas and colons inside", "5:1:,2:,", OTR_NETSTRING_WHOLE, "1:,2:" },
        { "a leading zero", "01:a,", OTR_NETSTRING_BROKEN, NULL },
        { "no length", ":a,", OTR_NETSTRING_BROKEN, NULL },
        { "a sign", "-1:a,", OTR_NETSTRING_BROKEN, NULL },
        { "a letter in the length", "1x:a,", OTR_NETSTRING_BROKEN, NULL },
        { "HTTP", "GET / HTTP/1.1\r\n", OTR_NETSTRING_BROKEN, NULL },
        { "another byte for the comma", "1:a;", OTR_NETSTRING_BROKEN, NULL },
        { "the limit", "20:aaaaaaaaaaaaaaaaaaaa,", OTR_NETSTRING_WHOLE, "aaaaaaaaaaaaaaaaaaaa" },
        { "over the limit, before its content", "21", OTR_NETSTRING_BROKEN, NULL },
        { "a length that would overflow", "99999999999999999999999999", OTR_NETSTRING_BROKEN, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_slice content = { NULL, 0 };
        size_t taken = 0;
        otr_netstring_state got = otr_netstring_take(rows[i].bytes, strlen(rows[i].bytes), 20, &content, &taken);

        if (got != rows[i].want)
            fail_msg("%s: got %s, want %s", rows[i].name, states[got], states[rows[i].want]);
        if (rows[i].content != NULL && !otr_slice_is(content, rows[i].content))
            fail_msg("%s: got \"%.*s\", want \"%s\"", rows[i].name, (int)content.len, content.ptr, rows[i].content);
        if (rows[i].content != NULL)
            assert_ptr_equal(rows[i].bytes + taken - 1, content.ptr + content.len); /* the comma */
    }
}

static void what_is_put_can_be_taken(void **state)
{
    otr_buf buf = OTR_BUF_INIT;
    otr_slice content;
    size_t taken;

    (void)state;
    otr_netstring_put(&buf, otr_slice_of("OK secure"));
    assert_string_equal(otr_buf_text(&buf), "9:OK secure,");
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(otr_netstring_take(buf.data, len, 100, &content, &taken), OTR_NETSTRING_PARTIAL);
    assert_int_equal(otr_netstring_take(buf.data, buf.len, 100, &content, &taken), OTR_NETSTRING_WHOLE);
    assert_int_equal(taken, buf.len);
    otr_buf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_netstring_is_whole_partial_or_broken),
        cmocka_unit_test(what_is_put_can_be_taken),
    };

    return cmocka_run_group_tests_name("daemon/netstring", tests, NULL, NULL);
}
