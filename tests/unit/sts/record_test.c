/*
 * record_test.c - the _mta-sts TXT record. Rows: STS-DNS-03 to STS-DNS-11.
 */
#include "sts/record.h"
#include "support/cmocka_all.h"

#define ID32 "abcdefghijklmnopqrstuvwxyzABCDEF"
#define TEXT(s) s, sizeof(s) - 1
#define REFUSED_AT(column) NULL, column

static const struct row {
    const char *sentence;
    const char *txt;
    size_t len;
    const char *id; /* NULL: refused at column */
    unsigned column;
} rows[] = {
    { "STS-DNS-07 the plain record", TEXT("v=STSv1; id=20260101T000000;"), "20260101T000000", 0 },
    { "STS-DNS-07 no final semicolon", TEXT("v=STSv1; id=1"), "1", 0 },
    { "STS-DNS-07 no white space", TEXT("v=STSv1;id=1"), "1", 0 },
    { "STS-DNS-07 tabs and spaces around later semicolons", TEXT("v=STSv1;\t id=1 \t;\t x=y ; "), "1", 0 },
    { "STS-DNS-07 id after an extension", TEXT("v=STSv1; x=y; id=1"), "1", 0 },
    { "STS-DNS-07 two semicolons", TEXT("v=STSv1; id=1;;"), REFUSED_AT(15) },
    { "STS-DNS-07 two final semicolons with a space", TEXT("v=STSv1; id=1; ;"), REFUSED_AT(16) },
    { "STS-DNS-07 an empty field first", TEXT("v=STSv1;; id=1"), REFUSED_AT(9) },
    { "STS-DNS-07 white space at the end", TEXT("v=STSv1; id=1 "), REFUSED_AT(14) },
    { "STS-DNS-07 version only", TEXT("v=STSv1;"), REFUSED_AT(9) },
    { "STS-DNS-08 one character", TEXT("v=STSv1; id=a"), "a", 0 },
    { "STS-DNS-08 32 characters", TEXT("v=STSv1; id=" ID32), ID32, 0 },
    { "STS-DNS-08 33 characters", TEXT("v=STSv1; id=" ID32 "x"), REFUSED_AT(45) },
    { "STS-DNS-08 no id", TEXT("v=STSv1; x=y"), REFUSED_AT(13) },
    { "STS-DNS-08 an empty id", TEXT("v=STSv1; id="), REFUSED_AT(13) },
    { "STS-DNS-08 an empty id, then another", TEXT("v=STSv1; id=; id=a"), REFUSED_AT(13) },
    { "STS-DNS-08 a dash in the id", TEXT("v=STSv1; id=2026-01"), REFUSED_AT(17) },
    { "STS-DNS-08 an underscore in the id", TEXT("v=STSv1; id=a_b"), REFUSED_AT(14) },
    { "STS-DNS-08 a plus in the id", TEXT("v=STSv1; id=+"), REFUSED_AT(13) },
    { "STS-DNS-08 an id that is not ASCII", TEXT("v=STSv1; id=a\xc3\xa9"), REFUSED_AT(14) },
    { "STS-DNS-08 a NUL in the id", TEXT("v=STSv1; id=a\0b"), REFUSED_AT(14) },
    { "STS-DNS-08 a line end behind the id", TEXT("v=STSv1; id=a\n"), REFUSED_AT(14) },
    { "STS-DNS-08 a space in the id", TEXT("v=STSv1; id=a b"), REFUSED_AT(14) },
    { "STS-DNS-09 ID does not supply the id", TEXT("v=STSv1; ID=abc"), REFUSED_AT(16) },
    { "STS-DNS-09 ID beside id is an extension", TEXT("v=STSv1; ID=x-y; id=abc"), "abc", 0 },
    { "STS-DNS-10 an extension", TEXT("v=STSv1; id=1; a.b-c_d=!#$%&'()*+,-./:<>?@[\\]^_`{|}~"), "1", 0 },
    { "STS-DNS-10 an extension without value", TEXT("v=STSv1; id=1; x="), REFUSED_AT(18) },
    { "STS-DNS-10 an extension without '='", TEXT("v=STSv1; id=1; x"), REFUSED_AT(17) },
    { "STS-DNS-10 '=' in a value", TEXT("v=STSv1; id=1; x=a=b"), REFUSED_AT(19) },
    { "STS-DNS-10 a space in a value", TEXT("v=STSv1; id=1; x=a b"), REFUSED_AT(19) },
    { "STS-DNS-10 a value that is not ASCII", TEXT("v=STSv1; id=1; x=\xc3\xbc"), REFUSED_AT(18) },
    { "STS-DNS-10 a name of 32 characters", TEXT("v=STSv1; id=1; " ID32 "=x"), "1", 0 },
    { "STS-DNS-10 a name of 33 characters", TEXT("v=STSv1; id=1; " ID32 "a=x"), REFUSED_AT(48) },
    { "STS-DNS-10 a name that begins with an underscore", TEXT("v=STSv1; id=1; _x=y"), REFUSED_AT(16) },
    { "STS-DNS-10 a name with a foreign character", TEXT("v=STSv1; id=1; a%=y"), REFUSED_AT(17) },
    { "STS-DNS-11 the first id counts", TEXT("v=STSv1; id=a; id=b"), "a", 0 },
    { "STS-DNS-11 a later id need only be well-formed", TEXT("v=STSv1; id=a; id=x-y"), "a", 0 },
    { "STS-DNS-11 a bad id first is not made good by a later one", TEXT("v=STSv1; id=x-y; id=a"), REFUSED_AT(14) },
    { "STS-DNS-04 another case of the version", TEXT("V=STSv1; id=1"), REFUSED_AT(1) },
    { "STS-DNS-04 leading space", TEXT(" v=STSv1; id=1"), REFUSED_AT(1) },
    { "STS-DNS-04 another version", TEXT("v=STSv10; id=1"), REFUSED_AT(8) },
    { "STS-DNS-06 a space before the first semicolon", TEXT("v=STSv1 ; id=a"), REFUSED_AT(8) },
    { "STS-DNS-04 nothing at all", TEXT(""), REFUSED_AT(1) },
};

static void parses_or_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        otr_sts_record record = { .id = otr_slice_of("untouched") };
        outrider_diag diag = { 0 };
        outrider_err err = otr_sts_record_parse(row->txt, row->len, &record, &diag);

        if (row->id != NULL && (err != OUTRIDER_OK || !otr_slice_is(record.id, row->id)))
            fail_msg("%s: got %d at %u \"%s\", want id %s, input \"%s\"", row->sentence, err, diag.column, diag.message,
                     row->id, row->txt);
        if (row->id != NULL)
            continue;
        if (err != OUTRIDER_E_SYNTAX || diag.line != 1 || diag.column != row->column || diag.message[0] == '\0')
            fail_msg("%s: got %d at %u:%u \"%s\", want a refusal at 1:%u, input \"%s\"", row->sentence, err, diag.line,
                     diag.column, diag.message, row->column, row->txt);
        assert_true(otr_slice_is(record.id, "untouched"));
        assert_int_equal(otr_sts_record_parse(row->txt, row->len, &record, NULL), OUTRIDER_E_SYNTAX);
    }
}

/* STS-DNS-03: what reaches us is joined; a record that was split inside the version and the id is just a record. */
static void takes_joined_strings(void **state)
{
    char txt[64] = "v=ST";
    otr_sts_record record;

    (void)state;
    strcat(txt, "Sv1; id=20");
    strcat(txt, "26");
    assert_int_equal(otr_sts_record_parse(txt, strlen(txt), &record, NULL), OUTRIDER_OK);
    assert_true(otr_slice_is(record.id, "2026"));
}

static const struct rrset {
    const char *sentence;
    const char *txts[4];
    otr_sts_found found;
    const char *id;
    unsigned line, column; /* of the diagnostic; 0:0 is "not about a place" */
} rrsets[] = {
    { "STS-DNS-05 none", { NULL }, OTR_STS_RECORD_NONE, NULL, 0, 0 },
    { "STS-DNS-05 one", { "v=STSv1; id=a" }, OTR_STS_RECORD_ONE, "a", 0, 0 },
    { "STS-DNS-05 one good and one broken count as two", { "v=STSv1; id=a", "v=STSv1; id=" },
      OTR_STS_RECORD_SEVERAL, NULL, 2, 1 },
    { "STS-DNS-05 two good ones", { "x", "v=STSv1; id=a", "v=STSv1; id=a" }, OTR_STS_RECORD_SEVERAL, NULL, 3, 1 },
    { "STS-DNS-05 one broken", { "x", "v=STSv1; id=" }, OTR_STS_RECORD_INVALID, NULL, 2, 13 },
    { "STS-DNS-04 SPF beside a good record", { "v=spf1 -all", "v=STSv1; id=a" }, OTR_STS_RECORD_ONE, "a", 0, 0 },
    { "STS-DNS-04 other cases, spaces and versions beside a good record",
      { "V=STSv1; id=b", " v=STSv1; id=c", "v=STSv10; id=d", "v=STSv1; id=a" }, OTR_STS_RECORD_ONE, "a", 0, 0 },
    { "STS-DNS-06 a stray space alone is no record, and is named", { "v=spf1 -all", "v=STSv1 ; id=a" },
      OTR_STS_RECORD_NONE, NULL, 2, 8 },
    { "STS-DNS-06 a stray space beside a good record", { "v=STSv1 ; id=a", "v=STSv1; id=b" }, OTR_STS_RECORD_ONE, "b", 0,
      0 },
    { "STS-DNS-05 an empty record", { "" }, OTR_STS_RECORD_NONE, NULL, 1, 1 },
};

static void chooses_among_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rrsets) / sizeof(rrsets[0]); i++) {
        const struct rrset *row = &rrsets[i];
        otr_slice txts[4];
        size_t count = 0;
        otr_sts_record record = { .id = otr_slice_of("untouched") };
        outrider_diag diag = { 0 };
        otr_sts_found found;

        while (count < 4 && row->txts[count] != NULL) {
            txts[count] = otr_slice_of(row->txts[count]);
            count++;
        }
        found = otr_sts_record_find(txts, count, &record, &diag);
        if (found != row->found || diag.line != row->line || diag.column != row->column)
            fail_msg("%s: got %d at %u:%u \"%s\", want %d at %u:%u", row->sentence, found, diag.line, diag.column,
                     diag.message, row->found, row->line, row->column);
        assert_true(otr_slice_is(record.id, row->id != NULL ? row->id : "untouched"));
        assert_int_equal(otr_sts_record_find(txts, count, &record, NULL), row->found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_or_points),
        cmocka_unit_test(takes_joined_strings),
        cmocka_unit_test(chooses_among_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
