/*
 * record_test.c - the _smtp._tls TXT record. Rows: RPT-DNS-02 to RPT-DNS-06.
 */
#include "support/cmocka_all.h"
#include "tlsrpt/record.h"

#include <stdio.h>

#define N32 "abcdefghijklmnopqrstuvwxyzABCDEF"
#define TEXT(s) s, sizeof(s) - 1
#define REFUSED_AT(column) NULL, 0, column

static const struct row {
    const char *sentence;
    const char *txt;
    size_t len;
    const char *uris; /* the usable ones with a space between; NULL: refused at column */
    size_t skipped;
    unsigned column;
} rows[] = {
    { "RPT-DNS-03 one URI", TEXT("v=TLSRPTv1; rua=mailto:a@example.org"), "mailto:a@example.org", 0, 0 },
    { "RPT-DNS-03 three URIs", TEXT("v=TLSRPTv1;rua=mailto:a@b.example,https://c.example/d?e=f , \tmailto:g@h.example;"),
      "mailto:a@b.example https://c.example/d?e=f mailto:g@h.example", 0, 0 },
    { "RPT-DNS-03 rua twice adds up", TEXT("v=TLSRPTv1;rua=mailto:a@b.example;rua=mailto:c@d.example"),
      "mailto:a@b.example mailto:c@d.example", 0, 0 },
    { "RPT-DNS-03 no rua", TEXT("v=TLSRPTv1; x=y"), REFUSED_AT(16) },
    { "RPT-DNS-03 no field", TEXT("v=TLSRPTv1;"), REFUSED_AT(12) },
    { "RPT-DNS-03 an empty rua", TEXT("v=TLSRPTv1; rua="), REFUSED_AT(17) },
    { "RPT-DNS-03 an empty URI between commas", TEXT("v=TLSRPTv1; rua=mailto:a@b.example,,https://c.example"),
      REFUSED_AT(36) },
    { "RPT-DNS-03 a comma at the end", TEXT("v=TLSRPTv1; rua=mailto:a@b.example,"), REFUSED_AT(36) },
    { "RPT-DNS-03 two URIs with a space", TEXT("v=TLSRPTv1; rua=mailto:a@b.example mailto:c@d.example"),
      REFUSED_AT(35) },
    { "RPT-DNS-03 no scheme", TEXT("v=TLSRPTv1; rua=a@b.example"), REFUSED_AT(18) },
    { "RPT-DNS-03 a scheme that begins with a digit", TEXT("v=TLSRPTv1; rua=1x:y"), REFUSED_AT(17) },
    { "RPT-DNS-03 a byte that no URI has", TEXT("v=TLSRPTv1; rua=https://a.example/<b>"), REFUSED_AT(35) },
    { "RPT-DNS-03 a NUL", TEXT("v=TLSRPTv1; rua=mailto:a@b.example\0"), REFUSED_AT(35) },
    { "RPT-DNS-03 not ASCII", TEXT("v=TLSRPTv1; rua=mailto:\xc3\xbc@b.example"), REFUSED_AT(24) },
    { "RPT-DNS-04 ftp beside mailto", TEXT("v=TLSRPTv1; rua=ftp://a.example/,mailto:a@b.example"), "mailto:a@b.example",
      1, 0 },
    { "RPT-DNS-04 http is not https", TEXT("v=TLSRPTv1; rua=mailto:a@b.example,http://c.example/"),
      "mailto:a@b.example", 1, 0 },
    { "RPT-DNS-04 schemes in any case", TEXT("v=TLSRPTv1; rua=MAILTO:a@b.example,Https://c.example"),
      "MAILTO:a@b.example Https://c.example", 0, 0 },
    { "RPT-DNS-04 nothing that can be used", TEXT("v=TLSRPTv1; rua=ftp://a.example"), REFUSED_AT(17) },
    { "RPT-DNS-05 comma, '!' and ';' encoded",
      TEXT("v=TLSRPTv1; rua=https://a.example/?x=%2C%21%3B,mailto:a%2Cb@c.example?subject=%3b"),
      "https://a.example/?x=%2C%21%3B", 1, 0 },
    { "RPT-DNS-05 a size suffix beside a good URI", TEXT("v=TLSRPTv1; rua=mailto:a@b.example!10m,mailto:c@d.example"),
      "mailto:c@d.example", 1, 0 },
    { "RPT-DNS-05 a size suffix alone", TEXT("v=TLSRPTv1; rua=mailto:a@b!10m"), REFUSED_AT(17) },
    { "RPT-DNS-05 a percent sign without digits", TEXT("v=TLSRPTv1; rua=https://a.example/%2"), REFUSED_AT(35) },
    { "RPT-DNS-05 a percent sign with one digit and a comma", TEXT("v=TLSRPTv1; rua=https://a.example/%2,x:y"),
      REFUSED_AT(35) },
    { "mailto with header fields", TEXT("v=TLSRPTv1; rua=mailto:a@b.example?subject=x"),
      "mailto:a@b.example?subject=x", 0, 0 },
    { "mailto without '@'", TEXT("v=TLSRPTv1; rua=mailto:a.example"), REFUSED_AT(17) },
    { "mailto with nothing before '@'", TEXT("v=TLSRPTv1; rua=mailto:@b.example"), REFUSED_AT(17) },
    { "mailto with nothing behind '@'", TEXT("v=TLSRPTv1; rua=mailto:a@"), REFUSED_AT(17) },
    { "mailto with an encoded line end in the mailbox", TEXT("v=TLSRPTv1; rua=mailto:a%0D%0Ab@c.example"),
      REFUSED_AT(17) },
    { "mailto with an encoded NUL in the mailbox", TEXT("v=TLSRPTv1; rua=mailto:a%00b@c.example"), REFUSED_AT(17) },
    { "mailto to a domain of odd labels", TEXT("v=TLSRPTv1; rua=mailto:a@-b.example"), REFUSED_AT(17) },
    { "mailto to an encoded U-label", TEXT("v=TLSRPTv1; rua=mailto:a@b%C3%BCcher.example"),
      "mailto:a@b%C3%BCcher.example", 0, 0 },
    { "https without a host", TEXT("v=TLSRPTv1; rua=https:///x"), REFUSED_AT(17) },
    { "https without slashes", TEXT("v=TLSRPTv1; rua=https:a.example"), REFUSED_AT(17) },
    { "https with a port only", TEXT("v=TLSRPTv1; rua=https://:443/"), REFUSED_AT(17) },
    { "https to an address", TEXT("v=TLSRPTv1; rua=https://[2001:db8::1]:8443/x"), "https://[2001:db8::1]:8443/x", 0, 0 },
    { "RPT-DNS-06 an extension first", TEXT("v=TLSRPTv1; x=1; rua=mailto:a@b.example"), "mailto:a@b.example", 0, 0 },
    { "RPT-DNS-06 an extension without value", TEXT("v=TLSRPTv1; rua=mailto:a@b.example; x="), REFUSED_AT(39) },
    { "RPT-DNS-06 a name of 33 characters", TEXT("v=TLSRPTv1; rua=mailto:a@b.example; " N32 "a=x"), REFUSED_AT(69) },
    { "RPT-DNS-06 an empty field", TEXT("v=TLSRPTv1; rua=mailto:a@b.example;;"), REFUSED_AT(36) },
    { "RPT-DNS-06 RUA is an extension", TEXT("v=TLSRPTv1; RUA=mailto:a@b.example"), REFUSED_AT(35) },
    { "RPT-DNS-06 the version in another case", TEXT("v=tlsrptv1; rua=mailto:a@b.example"), REFUSED_AT(3) },
    { "RPT-DNS-02 a space before the first semicolon", TEXT("v=TLSRPTv1 ; rua=mailto:a@b.example"), REFUSED_AT(11) },
    { "RPT-DNS-02 another version", TEXT("v=TLSRPTv10; rua=mailto:a@b.example"), REFUSED_AT(11) },
};

static void join(const otr_tlsrpt_record *record, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < record->rua_count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%.*s", i ? " " : "", (int)record->rua[i].len,
                                record->rua[i].ptr);
}

static void parses_or_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        otr_tlsrpt_record record = { .rua_count = 0, .skipped = 77 };
        outrider_diag diag = { 0 };
        char uris[512];
        outrider_err err = otr_tlsrpt_record_parse(row->txt, row->len, &record, &diag);

        join(&record, uris, sizeof(uris));
        if (row->uris != NULL && (err != OUTRIDER_OK || strcmp(uris, row->uris) != 0 || record.skipped != row->skipped))
            fail_msg("%s: got %d \"%s\" skipped %zu at %u \"%s\", want \"%s\" skipped %zu, input \"%s\"", row->sentence,
                     err, uris, record.skipped, diag.column, diag.message, row->uris, row->skipped, row->txt);
        if (row->uris != NULL)
            continue;
        if (err != OUTRIDER_E_SYNTAX || diag.line != 1 || diag.column != row->column || diag.message[0] == '\0')
            fail_msg("%s: got %d at %u:%u \"%s\", want a refusal at 1:%u, input \"%s\"", row->sentence, err, diag.line,
                     diag.column, diag.message, row->column, row->txt);
        assert_int_equal(record.skipped, 77);
        assert_int_equal(otr_tlsrpt_record_parse(row->txt, row->len, &record, NULL), OUTRIDER_E_SYNTAX);
    }
}

static void keeps_so_many_uris(void **state)
{
    char txt[2048] = "v=TLSRPTv1; rua=mailto:a@b.example";
    otr_tlsrpt_record record;

    (void)state;
    for (int i = 1; i < OTR_TLSRPT_RUA_MAX; i++)
        strcat(txt, ",mailto:a@b.example");
    assert_int_equal(otr_tlsrpt_record_parse(txt, strlen(txt), &record, NULL), OUTRIDER_OK);
    assert_int_equal(record.rua_count, OTR_TLSRPT_RUA_MAX);
    strcat(txt, ",mailto:a@b.example");
    assert_int_equal(otr_tlsrpt_record_parse(txt, strlen(txt), &record, NULL), OUTRIDER_E_LIMIT);
}

/* RPT-DNS-02 */
static void chooses_among_records(void **state)
{
#define GOOD "v=TLSRPTv1;rua=mailto:a@b.example"
    static const struct {
        const char *sentence;
        const char *txts[3];
        otr_tlsrpt_found found;
        unsigned line, column;
    } rrsets[] = {
        { "none", { NULL }, OTR_TLSRPT_NONE, 0, 0 },
        { "one", { GOOD }, OTR_TLSRPT_ONE, 0, 0 },
        { "one beside foreign records", { "v=spf1 -all", GOOD, "v=TLSRPTv1" }, OTR_TLSRPT_ONE, 0, 0 },
        { "two", { GOOD, GOOD }, OTR_TLSRPT_SEVERAL, 2, 1 },
        { "one good and one broken count as two", { "v=TLSRPTv1;", "x", GOOD }, OTR_TLSRPT_SEVERAL, 3, 1 },
        { "one broken", { "x", "v=TLSRPTv1;" }, OTR_TLSRPT_INVALID, 2, 12 },
        { "a stray space", { "v=TLSRPTv1 ;rua=mailto:a@b.example" }, OTR_TLSRPT_NONE, 1, 11 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rrsets) / sizeof(rrsets[0]); i++) {
        otr_slice txts[3];
        size_t count = 0;
        otr_tlsrpt_record record;
        outrider_diag diag = { 0 };
        otr_tlsrpt_found found;

        while (count < 3 && rrsets[i].txts[count] != NULL) {
            txts[count] = otr_slice_of(rrsets[i].txts[count]);
            count++;
        }
        found = otr_tlsrpt_record_find(txts, count, &record, &diag);
        if (found != rrsets[i].found || diag.line != rrsets[i].line || diag.column != rrsets[i].column)
            fail_msg("%s: got %d at %u:%u \"%s\", want %d at %u:%u", rrsets[i].sentence, found, diag.line, diag.column,
                     diag.message, rrsets[i].found, rrsets[i].line, rrsets[i].column);
        assert_int_equal(otr_tlsrpt_record_find(txts, count, &record, NULL), rrsets[i].found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_or_points),
        cmocka_unit_test(keeps_so_many_uris),
        cmocka_unit_test(chooses_among_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
