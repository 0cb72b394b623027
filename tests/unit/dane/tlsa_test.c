/*
 * tlsa_test.c - rows TLSA-01 to TLSA-15 as far as they are about the records alone.
 */
#include "base/hex.h"
#include "dane/tlsa.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>

#define D16 "000102030405060708090A0B0C0D0E0F"
#define D31 D16 "101112131415161718191A1B1C1D1E"
#define D32 D31 "1F"
#define D64 D32 D32

static otr_cert leaf;

static otr_tlsa leaf_record(uint8_t usage, uint8_t selector, uint8_t mtype, otr_buf *data)
{
    otr_cert_put_association(&leaf, selector, mtype, data);
    return (otr_tlsa){ .usage = usage, .selector = selector, .mtype = mtype, .data = (const uint8_t *)data->data,
                       .len = data->len };
}

static int make_leaf(void **state)
{
    (void)state;
    leaf = otr_make_cert(&(otr_cert_plan){ .common_name = "mx.example.com" });
    return 0;
}

static int clear_leaf(void **state)
{
    (void)state;
    otr_cert_clear(&leaf);
    return 0;
}

/* TLSA-15 */
static void reads_presentation_format(void **state)
{
    static const struct {
        const char *row;
        const char *text;
        const char *printed; /* NULL: refused */
        unsigned line, column;
        const char *message;
    } rows[] = {
        { "TLSA-15 the RDATA alone", "3 1 1 " D32, "3 1 1 " D32, 0, 0, NULL },
        { "TLSA-15 lower case digits", "3 1 1 abcdef", "3 1 1 ABCDEF", 0, 0, NULL },
        { "TLSA-15 white space in the data", " 3\t1  1 ab cd\tef ", "3 1 1 ABCDEF", 0, 0, NULL },
        { "TLSA-15 white space inside an octet", "3 1 1 a bc def", "3 1 1 ABCDEF", 0, 0, NULL },
        { "TLSA-15 the largest numbers", "255 255 255 00", "255 255 255 00", 0, 0, NULL },
        { "TLSA-15 a leading zero is still decimal", "03 01 01 00", "3 1 1 00", 0, 0, NULL },
        { "TLSA-15 owner, TTL, class, type", "_25._tcp.mx.example.com. 3600 IN TLSA 3 1 1 ab", "3 1 1 AB", 0,
          0, NULL },
        { "TLSA-15 class before TTL", "@ IN 1h30m TLSA 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 class and type", "IN TLSA 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 type alone, lower case", "tlsa 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 an owner that is called tlsa", "tlsa IN TLSA 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 an owner that looks like a TTL", "25 3600 IN TLSA 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 an owner with an escaped blank", "a\\ b IN TLSA 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 the type by number, fields as ever", "@ TYPE52 3 1 1 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 generic RDATA", "@ IN TYPE52 \\# 4 030101 ab", "3 1 1 AB", 0, 0, NULL },
        { "TLSA-15 generic RDATA under the type's name", "TLSA \\# 5 030101abcd", "3 1 1 ABCD", 0, 0, NULL },
        { "TLSA-15 parentheses and comments", "mx TLSA ( 3 1 1 ; the key of 2026\n  ab\r\n\tcd ) ; end\n",
          "3 1 1 ABCD", 0, 0, NULL },
        { "TLSA-15 comments and empty lines around", "; next key\n\nTLSA 3 1 1 ab\n\n; end", "3 1 1 AB", 0, 0,
          NULL },
        { "TLSA-01 no data", "2 1 0", "2 1 0", 0, 0, NULL },
        { "TLSA-01 no octet at all", "TYPE52 \\# 0", "\\# 0", 0, 0, NULL },
        { "TLSA-01 two octets", "TYPE52 \\# 2 0301", "\\# 2 0301", 0, 0, NULL },

        { "nothing", "", NULL, 1, 1, "the usage is missing" },
        { "only a comment", "; 3 1 1 ab", NULL, 1, 11, "the usage is missing" },
        { "only the type", "@ TLSA", NULL, 1, 7, "the usage is missing" },
        { "two fields", "3 1", NULL, 1, 4, "the matching type is missing" },
        { "a usage of 256", "256 1 1 ab", NULL, 1, 1, "the usage is a number from 0 to 255" },
        { "a number that would wrap around", "3 4294967297 1 ab", NULL, 1, 3,
          "the selector is a number from 0 to 255" },
        { "a negative number", "3 1 -1 ab", NULL, 1, 5, "the matching type is a number from 0 to 255" },
        { "hexadecimal parameters", "3 0x1 1 ab", NULL, 1, 4, "the selector is a number from 0 to 255" },
        { "an odd number of digits", "3 1 1 abc", NULL, 1, 10, "an odd number of hexadecimal digits" },
        { "a letter that is no digit", "3 1 1 abxy", NULL, 1, 9, "'x' is not a hexadecimal digit" },
        { "a terminal's escape", "3 1 1 ab\x1b[2J", NULL, 1, 9, "octet 0x1b is not a hexadecimal digit" },
        { "UTF-8", "3 1 1 \xc3\xa9", NULL, 1, 7, "octet 0xc3 is not a hexadecimal digit" },
        { "digits in colons", "3 1 1 ab:cd", NULL, 1, 9, "':' is not a hexadecimal digit" },
        { "quotes", "3 1 1 \"ab\"", NULL, 1, 7, "'\"' is not a hexadecimal digit" },
        { "two records", "3 1 1 ab\n3 1 1 cd", NULL, 2, 1, "expected the end: give each record by itself" },
        { "parenthesis left open", "TLSA ( 3 1 1 ab", NULL, 1, 6, "'(' without ')'" },
        { "parenthesis never opened", "TLSA 3 1 1 ab )", NULL, 1, 15, "')' without '('" },
        { "another class", "mx CH TLSA 3 1 1 ab", NULL, 1, 4, "expected a TTL, the class IN or the type TLSA" },
        { "two TTLs", "mx 1 2 TLSA 3 1 1 ab", NULL, 1, 6, "expected a TTL, the class IN or the type TLSA" },
        { "another type", "mx IN A 192.0.2.1", NULL, 1, 1, "the usage is a number from 0 to 255" },
        { "generic length too small", "TLSA \\# 3 030101ab", NULL, 1, 9,
          "the length is 3 but 4 octets follow" },
        { "generic length too large", "TLSA \\#  5 030101ab", NULL, 1, 10,
          "the length is 5 but 4 octets follow" },
        { "generic length is no number", "TLSA \\# x", NULL, 1, 9, "the length is a number from 0 to 65535" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf data = OTR_BUF_INIT, printed = OTR_BUF_INIT;
        outrider_diag diag = { 0 };
        otr_tlsa record = { 0 };
        outrider_err err = otr_tlsa_parse(rows[i].text, strlen(rows[i].text), &data, &record, &diag);
        bool is_good;

        if (err == OUTRIDER_OK)
            otr_tlsa_print(&record, &printed);
        if (rows[i].printed != NULL)
            is_good = err == OUTRIDER_OK && strcmp(otr_buf_text(&printed), rows[i].printed) == 0;
        else
            is_good = err == OUTRIDER_E_SYNTAX && diag.line == rows[i].line && diag.column == rows[i].column &&
                      strcmp(diag.message, rows[i].message) == 0;
        if (!is_good)
            fail_msg("%s: input '%s'\n got  %d '%s' %u:%u '%s'\n want '%s' %u:%u '%s'", rows[i].row, rows[i].text, err,
                     otr_buf_text(&printed), diag.line, diag.column, diag.message,
                     rows[i].printed ? rows[i].printed : "", rows[i].line, rows[i].column,
                     rows[i].message ? rows[i].message : "");
        otr_buf_clear(&printed);
        otr_buf_clear(&data);
    }
}

static void refuses_a_nul_octet(void **state)
{
    otr_buf data = OTR_BUF_INIT;
    outrider_diag diag;
    otr_tlsa record;

    (void)state;
    assert_int_equal(otr_tlsa_parse("3 1 1 ab\0cd", 11, &data, &record, &diag), OUTRIDER_E_SYNTAX);
    assert_int_equal(diag.column, 9);
    assert_string_equal(diag.message, "octet 0x00 is not a hexadecimal digit");
    otr_buf_clear(&data);
}

static void refuses_more_data_than_rdata_can_hold(void **state)
{
    otr_buf text = OTR_BUF_INIT, data = OTR_BUF_INIT;
    outrider_diag diag;
    otr_tlsa record;

    (void)state;
    otr_buf_puts(&text, "3 1 1 ");
    for (size_t i = 0; i < OTR_TLSA_DATA_MAX; i++)
        otr_buf_puts(&text, "ab");
    assert_int_equal(otr_tlsa_parse(text.data, text.len, &data, &record, &diag), OUTRIDER_OK);
    assert_int_equal(record.len, OTR_TLSA_DATA_MAX);
    otr_buf_puts(&text, "ab");
    assert_int_equal(otr_tlsa_parse(text.data, text.len, &data, &record, &diag), OUTRIDER_E_SYNTAX);
    assert_string_equal(diag.message, "more than 65532 octets of data");
    otr_buf_clear(&text);
    otr_buf_clear(&data);
}

/* TLSA-01: RDATA of any length gives a record, and it is unusable without parameters and data. */
static void reads_short_rdata(void **state)
{
    static const uint8_t rdata[] = { 3, 1, 1, 0xAB };

    (void)state;
    for (size_t len = 0; len <= sizeof(rdata); len++) {
        otr_tlsa record = otr_tlsa_from_rdata(rdata, len);

        assert_int_equal(record.is_short, len < 3);
        assert_int_equal(otr_tlsa_check(&record), len < 4 ? OTR_TLSA_SHORT : OTR_TLSA_BAD_DIGEST_LENGTH);
        if (len >= 3) {
            assert_int_equal(record.usage, 3);
            assert_int_equal(record.selector, 1);
            assert_int_equal(record.mtype, 1);
            assert_ptr_equal(record.data, rdata + 3);
        }
    }
}

/* TLSA-02 to TLSA-05 */
static void tells_usable_from_unusable(void **state)
{
    static const struct {
        const char *row;
        const char *text;
        otr_tlsa_usability want;
    } rows[] = {
        { "TLSA-02 2 0 1", "2 0 1 " D32, OTR_TLSA_USABLE },
        { "TLSA-02 2 0 2", "2 0 2 " D64, OTR_TLSA_USABLE },
        { "TLSA-02 2 1 1", "2 1 1 " D32, OTR_TLSA_USABLE },
        { "TLSA-02 2 1 2", "2 1 2 " D64, OTR_TLSA_USABLE },
        { "TLSA-02 3 0 1", "3 0 1 " D32, OTR_TLSA_USABLE },
        { "TLSA-02 3 0 2", "3 0 2 " D64, OTR_TLSA_USABLE },
        { "TLSA-02 3 1 1", "3 1 1 " D32, OTR_TLSA_USABLE },
        { "TLSA-02 3 1 2", "3 1 2 " D64, OTR_TLSA_USABLE },
        { "TLSA-01 no data", "2 1 0", OTR_TLSA_SHORT },
        { "TLSA-01 no digest", "3 1 1", OTR_TLSA_SHORT },
        { "TLSA-03 PKIX-TA", "0 0 1 " D32, OTR_TLSA_USAGE_PKIX },
        { "TLSA-03 PKIX-EE", "1 1 1 " D32, OTR_TLSA_USAGE_PKIX },
        { "TLSA-04 usage 4", "4 1 1 " D32, OTR_TLSA_UNKNOWN_USAGE },
        { "TLSA-04 usage 255, private", "255 1 1 " D32, OTR_TLSA_UNKNOWN_USAGE },
        { "TLSA-04 selector 2", "3 2 1 " D32, OTR_TLSA_UNKNOWN_SELECTOR },
        { "TLSA-04 selector 255", "3 255 1 " D32, OTR_TLSA_UNKNOWN_SELECTOR },
        { "TLSA-04 matching type 3", "3 1 3 " D32, OTR_TLSA_UNKNOWN_MTYPE },
        { "TLSA-04 matching type 255", "3 1 255 " D32, OTR_TLSA_UNKNOWN_MTYPE },
        { "TLSA-05 31 octets", "3 1 1 " D31, OTR_TLSA_BAD_DIGEST_LENGTH },
        { "TLSA-05 33 octets", "3 1 1 " D32 "20", OTR_TLSA_BAD_DIGEST_LENGTH },
        { "TLSA-05 63 octets", "2 0 2 " D32 D31, OTR_TLSA_BAD_DIGEST_LENGTH },
        { "TLSA-05 65 octets", "2 0 2 " D64 "20", OTR_TLSA_BAD_DIGEST_LENGTH },
        { "TLSA-05 the length of the other digest", "3 1 2 " D32, OTR_TLSA_BAD_DIGEST_LENGTH },
        { "TLSA-06 type 0 that is no certificate", "3 0 0 " D32, OTR_TLSA_BAD_CERTIFICATE },
        { "TLSA-06 type 0 that is no key", "3 1 0 " D32, OTR_TLSA_BAD_KEY },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf data = OTR_BUF_INIT;
        otr_tlsa record;
        otr_tlsa_usability got;

        assert_int_equal(otr_tlsa_parse(rows[i].text, strlen(rows[i].text), &data, &record, NULL), OUTRIDER_OK);
        got = otr_tlsa_check(&record);
        if (got != rows[i].want)
            fail_msg("%s: input '%s'\n got  %s\n want %s", rows[i].row, rows[i].text, otr_tlsa_usability_names[got],
                     otr_tlsa_usability_names[rows[i].want]);
        otr_buf_clear(&data);
    }
}

/* TLSA-02 and TLSA-06 for matching type 0, where the data is DER. */
static void wants_exactly_one_der_object(void **state)
{
    static const struct {
        const char *row;
        uint8_t usage, selector, data_of;
        int extra; /* octets added (1) or cut (-1) at the end */
        otr_tlsa_usability want;
    } rows[] = {
        { "TLSA-02 2 0 0 with a certificate", 2, 0, 0, 0, OTR_TLSA_USABLE },
        { "TLSA-02 3 0 0 with a certificate", 3, 0, 0, 0, OTR_TLSA_USABLE },
        { "TLSA-02 2 1 0 with a key", 2, 1, 1, 0, OTR_TLSA_USABLE },
        { "TLSA-02 3 1 0 with a bare key", 3, 1, 1, 0, OTR_TLSA_USABLE },
        { "TLSA-06 an octet after the certificate", 2, 0, 0, 1, OTR_TLSA_BAD_CERTIFICATE },
        { "TLSA-06 a certificate cut short", 2, 0, 0, -1, OTR_TLSA_BAD_CERTIFICATE },
        { "TLSA-06 an octet after the key", 3, 1, 1, 1, OTR_TLSA_BAD_KEY },
        { "TLSA-06 a key cut short", 3, 1, 1, -1, OTR_TLSA_BAD_KEY },
        { "TLSA-06 a key under selector 0", 3, 0, 1, 0, OTR_TLSA_BAD_CERTIFICATE },
        { "TLSA-06 a certificate under selector 1", 2, 1, 0, 0, OTR_TLSA_BAD_KEY },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf data = OTR_BUF_INIT;
        otr_tlsa record = leaf_record(rows[i].usage, rows[i].data_of, 0, &data);
        otr_tlsa_usability got;

        if (rows[i].extra > 0)
            otr_buf_putc(&data, '\0');
        record.data = (const uint8_t *)data.data;
        record.selector = rows[i].selector;
        record.len += (size_t)rows[i].extra;
        got = otr_tlsa_check(&record);
        if (got != rows[i].want)
            fail_msg("%s\n got  %s\n want %s", rows[i].row, otr_tlsa_usability_names[got],
                     otr_tlsa_usability_names[rows[i].want]);
        otr_buf_clear(&data);
    }
}

/* TLSA-07, TLSA-12, TLSA-13 */
static void strongest_digest_counts(void **state)
{
    static const struct {
        const char *row;
        const char *records[5];
        const char *want; /* per record, '+' if it counts */
    } rows[] = {
        { "TLSA-12 SHA2-512 displaces SHA2-256", { "3 1 1 " D32, "3 1 2 " D64 }, "-+" },
        { "TLSA-12 the order does not matter", { "3 1 2 " D64, "3 1 1 " D32 }, "+-" },
        { "TLSA-12 several of the strongest stay", { "3 1 2 " D64, "3 1 1 " D32, "3 1 2 " D64 }, "+-+" },
        { "TLSA-12 SHA2-256 alone", { "3 1 1 " D32 }, "+" },
        { "TLSA-07 a malformed SHA2-512 displaces nothing", { "3 1 2 " D32, "3 1 1 " D32 }, "-+" },
        { "TLSA-07 an unknown matching type displaces nothing", { "3 1 3 " D64, "3 1 1 " D32 }, "-+" },
        { "TLSA-13 another selector stays", { "3 1 2 " D64, "3 0 1 " D32 }, "++" },
        { "TLSA-13 another usage stays", { "3 1 2 " D64, "2 1 1 " D32 }, "++" },
        { "TLSA-13 each pair by itself",
          { "3 1 2 " D64, "3 1 1 " D32, "2 0 1 " D32, "2 1 1 " D32, "2 1 2 " D64 },
          "+-+-+" },
        { "TLSA-03 PKIX usages neither count nor displace", { "1 1 2 " D64, "3 1 1 " D32, "0 0 1 " D32 },
          "-+-" },
        { "TLSA-08 none counts", { "1 1 1 " D32, "3 1 1 " D31, "2 1 0" }, "---" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf data[5] = { OTR_BUF_INIT };
        otr_tlsa records[5];
        bool counts[5];
        char got[6] = "";
        size_t count = 0, selected, wanted = 0;

        for (; count < 5 && rows[i].records[count] != NULL; count++) {
            const char *text = rows[i].records[count];

            assert_int_equal(otr_tlsa_parse(text, strlen(text), &data[count], &records[count], NULL), OUTRIDER_OK);
        }
        selected = otr_tlsa_select(records, count, counts);
        for (size_t k = 0; k < count; k++) {
            got[k] = counts[k] ? '+' : '-';
            wanted += rows[i].want[k] == '+';
        }
        if (strcmp(got, rows[i].want) != 0 || selected != wanted)
            fail_msg("%s\n got  %s (%zu)\n want %s (%zu)", rows[i].row, got, selected, rows[i].want, wanted);
        for (size_t k = 0; k < count; k++)
            otr_buf_clear(&data[k]);
    }
}

/* TLSA-12: records of matching type 0 stay beside any digest. */
static void full_data_stays_beside_digests(void **state)
{
    otr_buf data[3] = { OTR_BUF_INIT };
    bool counts[3];
    const otr_tlsa records[] = { leaf_record(3, 1, 0, &data[0]), leaf_record(3, 1, 1, &data[1]),
                                 leaf_record(3, 1, 2, &data[2]) };

    (void)state;
    assert_int_equal(otr_tlsa_select(records, 3, counts), 2);
    assert_true(counts[0]);
    assert_false(counts[1]);
    assert_true(counts[2]);
    for (int i = 0; i < 3; i++)
        otr_buf_clear(&data[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_presentation_format),
        cmocka_unit_test(refuses_a_nul_octet),
        cmocka_unit_test(refuses_more_data_than_rdata_can_hold),
        cmocka_unit_test(reads_short_rdata),
        cmocka_unit_test(tells_usable_from_unusable),
        cmocka_unit_test(wants_exactly_one_der_object),
        cmocka_unit_test(strongest_digest_counts),
        cmocka_unit_test(full_data_stays_beside_digests),
    };
    return cmocka_run_group_tests(tests, make_leaf, clear_leaf);
}
