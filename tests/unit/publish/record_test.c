/*
 * record_test.c - records as lines of a zone file and as commands of nsupdate; PUB-04 and PUB-20 as far as they are about one text.
 */
#include "publish/record.h"
#include "publish/records.h"
#include "support/cmocka_all.h"
#include "sts/record.h"
#include "tlsrpt/record.h"

#include <stdio.h>
#include <stdlib.h>

static otr_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    arena = otr_arena_new();
    return arena == NULL;
}

static int close_arena(void **state)
{
    (void)state;
    otr_arena_free(arena);
    return 0;
}

static void expect(const char *row, const otr_record *record, void (*put)(const otr_record *, otr_buf *), const char *wanted)
{
    otr_buf out = OTR_BUF_INIT;

    put(record, &out);
    if (strcmp(otr_buf_text(&out), wanted) != 0)
        fail_msg("%s: got  %s\nwant %s", row, otr_buf_text(&out), wanted);
    otr_buf_clear(&out);
}

/* Whatever is in it, it is one line, and says what it said. */
static void writes_hostile_text(void **state)
{
    static const struct { const char *row, *text, *line; } rows[] = {
        { "a plain text", "v=STSv1; id=1;", "a.example. 60 IN TXT \"v=STSv1; id=1;\"" },
        { "nothing", "", "a.example. 60 IN TXT \"\"" },
        { "a quote", "a\"b", "a.example. 60 IN TXT \"a\\\"b\"" },
        { "a backslash", "a\\b", "a.example. 60 IN TXT \"a\\\\b\"" },
        { "a newline and a command", "a\nupdate delete example.", "a.example. 60 IN TXT \"a\\010update delete example.\"" },
        { "octets above ASCII", "\xc3\xa9\x7f", "a.example. 60 IN TXT \"\\195\\169\\127\"" },
        { "dollar, at and parentheses are nothing in quotes", "$INCLUDE @ ( ;", "a.example. 60 IN TXT \"$INCLUDE @ ( ;\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_record record = otr_record_of_text(arena, "a.example", 60, rows[i].text);

        expect(rows[i].row, &record, otr_record_put_zone, rows[i].line);
    }
}

static void cuts_long_text(void **state)
{
    static const size_t lengths[] = { 1, 254, 255, 256, 510, 511, 4000 };

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char text[4001] = "";
        size_t len;
        otr_record record;
        const char *joined;

        memset(text, 'x', lengths[i]);
        record = otr_record_of_text(arena, "a.example", 60, text);
        assert_int_equal(record.rdata.len, lengths[i] + (lengths[i] + 254) / 255);
        joined = otr_record_text(arena, &record, &len);
        assert_int_equal(len, lengths[i]);
        assert_memory_equal(joined, text, len);
    }
}

static void compares_what_is_said(void **state)
{
    static const struct { const char *row, *a, *b; size_t a_len, b_len; bool is_same; } rows[] = {
        { "the same", "\3abc", "\3abc", 4, 4, true },
        { "cut elsewhere", "\1a\2bc", "\2ab\1c", 5, 5, true },
        { "empty strings between", "\0\1a\0", "\1a", 4, 2, true },
        { "nothing, in one string and in two", "\0", "\0\0", 1, 2, true },
        { "longer", "\3abc", "\2ab", 4, 3, false },
        { "another octet", "\3abc", "\3abd", 4, 4, false },
        { "a string that is cut off", "\5abc", "\3abd", 4, 4, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_record a = { .type = OTR_RR_TXT, .rdata = { rows[i].a, rows[i].a_len } };
        otr_record b = { .type = OTR_RR_TXT, .rdata = { rows[i].b, rows[i].b_len } };

        if (otr_record_says_same(&a, &b) != rows[i].is_same || otr_record_says_same(&b, &a) != rows[i].is_same)
            fail_msg("%s", rows[i].row);
    }
}

/* To delete a record, its strings must be cut as they are (RFC 2136 §2.5.4). */
static void deletes_the_very_record(void **state)
{
    static const uint8_t rdata[] = "\11v=STSv1; \5id=1;";
    otr_dns_rr rr = { .ttl = 300, .txt = { .text = "v=STSv1; id=1;", .len = 14, .rdata = rdata, .rdata_len = sizeof(rdata) - 1 } };
    otr_dns_answer answer = { .qname = "_mta-sts.a.example", .qtype = OTR_RR_TXT, .canonical = "b\\046.example", .rrs = &rr,
                              .rr_count = 1 };
    otr_record record = otr_record_of_answer(arena, &answer, 0);

    (void)state;
    expect("delete", &record, otr_record_put_delete, "update delete b\\046.example. IN TXT \"v=STSv1; \" \"id=1;\"");
    expect("add", &record, otr_record_put_add, "update add b\\046.example. 300 IN TXT \"v=STSv1; \" \"id=1;\"");
}

static void writes_other_types(void **state)
{
    otr_address v4 = { .family = 4, .bytes = { 192, 0, 2, 1 } }, v6 = { .family = 6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
    otr_tlsa tlsa = { .usage = 3, .selector = 1, .mtype = 1, .data = (const uint8_t *)"\xab\xcd", .len = 2 };
    otr_tlsa cut = { .data = (const uint8_t *)"\x03", .len = 1, .is_short = true };
    otr_record record;

    (void)state;
    record = otr_record_of_address(arena, "a.example", 60, &v4);
    expect("A", &record, otr_record_put_zone, "a.example. 60 IN A 192.0.2.1");
    record = otr_record_of_address(arena, "a.example", 60, &v6);
    expect("AAAA", &record, otr_record_put_zone, "a.example. 60 IN AAAA 2001:db8::1");
    record = otr_record_of_alias(arena, "a.example", 60, "b.example");
    expect("CNAME", &record, otr_record_put_zone, "a.example. 60 IN CNAME b.example.");
    record = otr_record_of_tlsa(arena, "_25._tcp.a.example", 60, &tlsa);
    expect("TLSA", &record, otr_record_put_zone, "_25._tcp.a.example. 60 IN TLSA 3 1 1 ABCD");
    record = otr_record_of_tlsa(arena, "_25._tcp.a.example", 60, &cut);
    expect("a TLSA record that is none, so that it can be deleted", &record, otr_record_put_delete,
           "update delete _25._tcp.a.example. IN TLSA \\# 1 03");
}

/* PUB-20: what is emitted our own reader takes for what was meant; a comma in an address is no second one. */
static void encodes_report_addresses(void **state)
{
    static const struct { const char *row, *rua[3], *text; } rows[] = {
        { "one", { "mailto:tls@example.org" }, "v=TLSRPTv1; rua=mailto:tls@example.org" },
        { "two", { "mailto:tls@example.org", "https://example.org/r?a=b" },
          "v=TLSRPTv1; rua=mailto:tls@example.org,https://example.org/r?a=b" },
        { "a comma in a mailto", { "mailto:\"a,b\"@example.org" }, "v=TLSRPTv1; rua=mailto:%22a%2Cb%22@example.org" },
        { "encoded already", { "mailto:a%2Cb@example.org" }, "v=TLSRPTv1; rua=mailto:a%2Cb@example.org" },
        { "what would end the field, or be a size", { "https://example.org/a;b!10m c" },
          "v=TLSRPTv1; rua=https://example.org/a%3Bb%2110m%20c" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t count = rows[i].rua[1] != NULL ? 2 : 1;
        const char *text = otr_tlsrpt_record_text(arena, rows[i].rua, count);
        otr_tlsrpt_record parsed;

        if (strcmp(text, rows[i].text) != 0)
            fail_msg("%s: %s", rows[i].row, text);
        if (strstr(rows[i].rua[0], "a%2Cb") == NULL && strstr(rows[i].rua[0], "\"a,b\"") == NULL) {
            assert_int_equal(otr_tlsrpt_record_parse(text, strlen(text), &parsed, NULL), OUTRIDER_OK);
            assert_int_equal(parsed.rua_count, count);
        }
    }
}

static void comments_are_one_line(void **state)
{
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_put_comment("a\nupdate delete example.\r", &out);
    assert_string_equal(otr_buf_text(&out), "; a?update delete example.?");
    otr_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_hostile_text),
        cmocka_unit_test(cuts_long_text),
        cmocka_unit_test(compares_what_is_said),
        cmocka_unit_test(deletes_the_very_record),
        cmocka_unit_test(writes_other_types),
        cmocka_unit_test(encodes_report_addresses),
        cmocka_unit_test(comments_are_one_line),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
