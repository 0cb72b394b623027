/*
 * name_test.c - names in normal form and address text. Rows: EDGE-02, EDGE-07, EDGE-08 (the pure part of them).
 */
#include "dns/name.h"
#include "support/cmocka_all.h"

#define L10 "abcdefghij"
#define L63 L10 L10 L10 L10 L10 L10 "abc"
#define TEXT(s) s, sizeof(s) - 1

static const struct accepted {
    const char *sentence;
    const char *text;
    size_t len;
    const char *domain;
} accepted[] = {
    { "a plain name", TEXT("example.org"), "example.org" },
    { "EDGE-08 letters are folded", TEXT("Mail.EXAMPLE.Org"), "mail.example.org" },
    { "EDGE-08 one final dot is dropped", TEXT("example.org."), "example.org" },
    { "a single label", TEXT("localhost"), "localhost" },
    { "hyphens inside, also two", TEXT("r3---sn.a-b.example"), "r3---sn.a-b.example" },
    { "digits in some labels", TEXT("1.2.example"), "1.2.example" },
    { "a label of 63 octets", TEXT(L63 ".example"), L63 ".example" },
    { "a name of 253 octets", TEXT(L63 "." L63 "." L63 "." L10 L10 L10 L10 L10 L10 "a"),
      L63 "." L63 "." L63 "." L10 L10 L10 L10 L10 L10 "a" },
    { "EDGE-07 a U-label becomes an A-label", TEXT("b\xc3\xbc" "cher.example"), "xn--bcher-kva.example" },
    { "EDGE-07 an upper-case U-label is folded", TEXT("B\xc3\x9c" "CHER.Example"), "xn--bcher-kva.example" },
    { "EDGE-07 the same composed from two characters", TEXT("bu\xcc\x88" "cher.example"), "xn--bcher-kva.example" },
    { "EDGE-07 non-transitional: sharp s stays", TEXT("stra\xc3\x9f" "e.example"), "xn--strae-oqa.example" },
    { "an A-label that decodes", TEXT("XN--Bcher-KVA.example"), "xn--bcher-kva.example" },
    { "an A-label in Devanagari, at the top level", TEXT("example.xn--11b2ezc"), "example.xn--11b2ezc" },
    { "an ideographic full stop is a dot", TEXT("mail\xe3\x80\x82" "example\xef\xbc\x8eorg"), "mail.example.org" },
    { "and as the final one", TEXT("example.org\xe3\x80\x82"), "example.org" },
    { "full-width letters", TEXT("\xef\xbd\x81.example"), "a.example" },
};

static const struct refused {
    const char *sentence;
    const char *text;
    size_t len;
    unsigned column;
} refused[] = {
    { "nothing", TEXT(""), 1 },
    { "only a dot", TEXT("."), 1 },
    { "a leading dot", TEXT(".example"), 1 },
    { "an empty label", TEXT("a..example"), 3 },
    { "two final dots", TEXT("example.."), 9 },
    { "two final dots, one of them ideographic", TEXT("example\xe3\x80\x82."), 11 },
    { "an underscore", TEXT("a._tcp.example"), 3 },
    { "a wildcard", TEXT("*.example"), 1 },
    { "a space", TEXT("a b.example"), 2 },
    { "a trailing space", TEXT("a.example "), 10 },
    { "a line end", TEXT("a.example\n"), 10 },
    { "a NUL", TEXT("a.exa\0mple"), 6 },
    { "a DEL", TEXT("a\x7f" "b"), 2 },
    { "a hyphen first", TEXT("a.-b.example"), 3 },
    { "a hyphen last", TEXT("a.b-.example"), 4 },
    { "a label of 64 octets", TEXT(L63 "x.example"), 64 },
    { "a name of 254 octets", TEXT(L63 "." L63 "." L63 "." L10 L10 L10 L10 L10 L10 "ab"), 193 },
    { "an IPv4 address", TEXT("192.0.2.1"), 1 },
    { "an IPv4 address with a final dot", TEXT("192.0.2.1."), 1 },
    { "numbers only", TEXT("1.2.3"), 1 },
    { "numbers in full-width digits", TEXT("\xef\xbc\x91.2"), 1 },
    { "an IPv6 address", TEXT("2001:db8::1"), 1 },
    { "an address literal", TEXT("[192.0.2.1]"), 1 },
    { "a bracketed host", TEXT("[mx.example]"), 1 },
    { "a port", TEXT("mx.example:25"), 11 },
    { "an address of mail", TEXT("a@example"), 2 },
    { "EDGE-07 A-labels that do not decode", TEXT("a.xn--123456.example"), 3 },
    { "an empty A-label", TEXT("xn--.example"), 1 },
    { "an A-label of ASCII only", TEXT("xn--abc-.example"), 1 },
    { "an A-label of what normal form would fold", TEXT("xn--bcher-2pa.example"), 1 },
    { "an A-label that hides an underscore", TEXT("xn--a_-yka.example"), 6 },
    { "an A-label that hides a symbol of mathematics", TEXT("a.xn--tda012o"), 3 },
    { "a U-label with an underscore", TEXT("\xc3\xbc_a.example"), 3 },
    { "a U-label with a full-width underscore", TEXT("\xc3\xbc\xef\xbc\xbf.example"), 1 },
    { "a symbol, which IDNA2008 does not know", TEXT("\xe2\x98\xba.example"), 1 },
    { "account of, which must not vanish from x?y", TEXT("x\xe2\x84\x80y.example"), 1 },
    { "a soft hyphen alone leaves no label", TEXT("\xc2\xad.example"), 1 },
    { "left to right and right to left in one label", TEXT("\xd7\x90" "a.example"), 1 },
    { "invalid UTF-8", TEXT("a.\xff.example"), 3 },
    { "UTF-8 cut short", TEXT("a.\xc3"), 3 },
};

static void accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const struct accepted *row = &accepted[i];
        char domain[OTR_DOMAIN_SIZE] = "";
        outrider_diag diag = { 0 };
        outrider_err err = otr_domain_normalize(row->text, row->len, domain, &diag);

        if (err != OUTRIDER_OK || strcmp(domain, row->domain) != 0)
            fail_msg("%s: got %d \"%s\" (%s), want \"%s\", input \"%s\"", row->sentence, err, domain, diag.message,
                     row->domain, row->text);
        if (!otr_is_ldh_domain(domain, strlen(domain)))
            fail_msg("%s: \"%s\" is not taken for a normal form", row->sentence, domain);
    }
}

static void refuses_at_the_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct refused *row = &refused[i];
        char domain[OTR_DOMAIN_SIZE] = "untouched";
        outrider_diag diag = { 0 };
        outrider_err err = otr_domain_normalize(row->text, row->len, domain, &diag);

        if (err != OUTRIDER_E_SYNTAX || diag.column != row->column)
            fail_msg("%s: got %d at %u (%s), want a refusal at %u, input \"%s\"", row->sentence, err, diag.column,
                     diag.message, row->column, row->text);
        assert_string_equal(domain, "untouched");
        assert_int_equal(otr_domain_normalize(row->text, row->len, domain, NULL), OUTRIDER_E_SYNTAX);
    }
}

/* Long input is refused without being looked at closely. */
static void refuses_endless_names(void **state)
{
    static char text[70000];
    char domain[OTR_DOMAIN_SIZE];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(otr_domain_normalize(text, sizeof(text), domain, NULL), OUTRIDER_E_SYNTAX);
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xbc", 2);
    assert_int_equal(otr_domain_normalize(text, 1000, domain, NULL), OUTRIDER_E_SYNTAX);
}

static void knows_normal_forms(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_normal;
    } rows[] = {
        { TEXT("example.org"), true },   { TEXT("xn--bcher-kva"), true }, { TEXT("Example.org"), false },
        { TEXT("example.org."), false }, { TEXT(""), false },             { TEXT("a_b.example"), false },
        { TEXT("192.0.2.1"), false },    { TEXT("a.\0b"), false },        { TEXT("-a.example"), false },
        { TEXT("a..b"), false },         { TEXT(L63 "x"), false },        { TEXT("\xc3\xbc.example"), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (otr_is_ldh_domain(rows[i].text, rows[i].len) != rows[i].is_normal)
            fail_msg("\"%s\": got %d, want %d", rows[i].text, !rows[i].is_normal, rows[i].is_normal);
}

/* EDGE-02 */
static void knows_address_text(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_address;
    } rows[] = {
        { TEXT("192.0.2.1"), true },
        { TEXT("192.0.2.1."), true },
        { TEXT("[192.0.2.1]"), true },
        { TEXT("2001:db8::1"), true },
        { TEXT("[2001:db8::1]"), true },
        { TEXT("[IPv6:2001:db8::1]"), true },
        { TEXT("[ipv6:::ffff:192.0.2.1]"), true },
        { TEXT("300.1"), true },
        { TEXT("1"), true },
        { TEXT(""), false },
        { TEXT("[]"), false },
        { TEXT("."), false },
        { TEXT("[IPv6:192.0.2.1]"), false },
        { TEXT("[IPv6:]"), false },
        { TEXT("[mx.example]"), false },
        { TEXT("1.2.3.example"), false },
        { TEXT("2001:db8::1\0"), false },
        { TEXT("2001:db8::g"), false },
        { TEXT("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), false },
        { TEXT("192.0.2.1 "), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (otr_is_address_text(rows[i].text, rows[i].len) != rows[i].is_address)
            fail_msg("\"%s\": got %d, want %d", rows[i].text, !rows[i].is_address, rows[i].is_address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses_at_the_byte),
        cmocka_unit_test(refuses_endless_names),
        cmocka_unit_test(knows_normal_forms),
        cmocka_unit_test(knows_address_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
