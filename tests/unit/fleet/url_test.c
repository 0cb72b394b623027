/*
 * url_test.c - URLs of a fleet's store.
 */
#include "fleet/url.h"
#include "support/cmocka_all.h"

#include <stdio.h>

static const struct row {
    const char *sentence, *text;
    const char *place; /* NULL: refused */
    const char *user, *password;
} rows[] = {
    { "a host", "redis://redis.example.org", "redis://redis.example.org:6379/0", "", "" },
    { "a host and a slash", "redis://redis.example.org/", "redis://redis.example.org:6379/0", "", "" },
    { "port and database", "redis://r.example:7000/15", "redis://r.example:7000/15", "", "" },
    { "TLS", "rediss://r.example", "rediss://r.example:6379/0", "", "" },
    { "an IPv4 address", "redis://192.0.2.1:1", "redis://192.0.2.1:1/0", "", "" },
    { "an IPv6 address", "redis://[2001:db8::1]:6380/1", "redis://[2001:db8::1]:6380/1", "", "" },
    { "a password", "redis://:geheim@r.example", "redis://r.example:6379/0", "", "geheim" },
    { "user and password", "redis://u:p@r.example", "redis://r.example:6379/0", "u", "p" },
    { "a user alone", "redis://u@r.example", "redis://r.example:6379/0", "u", "" },
    { "escaped octets in the password", "redis://:a%40b%2Fc%25%3A@r.example", "redis://r.example:6379/0", "", "a@b/c%:" },
    { "an @ in the password: the last one is the end", "redis://:a@b@r.example", "redis://r.example:6379/0", "", "a@b" },
    { "a Unix socket", "redis+unix:///run/redis/redis.sock", "redis+unix:///run/redis/redis.sock?db=0", "", "" },
    { "a Unix socket with password and database", "redis+unix://:p@/run/r.sock?db=3", "redis+unix:///run/r.sock?db=3", "", "p" },

    { "nothing", "", NULL, NULL, NULL },
    { "no URL", "redis.example.org", NULL, NULL, NULL },
    { "another scheme", "http://r.example", NULL, NULL, NULL },
    { "sentinel, which is not supported", "redis+sentinel://r.example", NULL, NULL, NULL },
    { "no host", "redis://", NULL, NULL, NULL },
    { "no host, with a port", "redis://:6379", NULL, NULL, NULL },
    { "no host behind a password", "redis://:p@", NULL, NULL, NULL },
    { "a host in upper case", "redis://R.example", NULL, NULL, NULL },
    { "a blank in the host", "redis://r example", NULL, NULL, NULL },
    { "port 0", "redis://r.example:0", NULL, NULL, NULL },
    { "a port that is too large", "redis://r.example:65536", NULL, NULL, NULL },
    { "no port behind its colon", "redis://r.example:", NULL, NULL, NULL },
    { "a port that is no number", "redis://r.example:6379x", NULL, NULL, NULL },
    { "a database that is no number", "redis://r.example/a", NULL, NULL, NULL },
    { "a database that is too large", "redis://r.example/1024", NULL, NULL, NULL },
    { "a negative database", "redis://r.example/-1", NULL, NULL, NULL },
    { "two slashes", "redis://r.example/1/2", NULL, NULL, NULL },
    { "a query", "redis://r.example/1?x=y", NULL, NULL, NULL },
    { "IPv6 without brackets", "redis://2001:db8::1", NULL, NULL, NULL },
    { "IPv4 in brackets", "redis://[192.0.2.1]", NULL, NULL, NULL },
    { "brackets that do not close", "redis://[2001:db8::1", NULL, NULL, NULL },
    { "something behind the brackets", "redis://[2001:db8::1]x", NULL, NULL, NULL },
    { "an escape that is none", "redis://:%4@r.example", NULL, NULL, NULL },
    { "an escape at the end", "redis://:%@r.example", NULL, NULL, NULL },
    { "an escape of NUL", "redis://:%00@r.example", NULL, NULL, NULL },
    { "a blank in the password", "redis://:geheim nis@r.example", NULL, NULL, NULL },
    { "a line end in the password", "redis://:geheim\n@r.example", NULL, NULL, NULL },
    { "a Unix socket with a relative path", "redis+unix://run/redis.sock", NULL, NULL, NULL },
    { "a Unix socket without a path", "redis+unix://", NULL, NULL, NULL },
    { "a Unix socket with another query", "redis+unix:///r.sock?x=3", NULL, NULL, NULL },
    { "a Unix socket with an empty database", "redis+unix:///r.sock?db=", NULL, NULL, NULL },
};

static void urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        char place[OTR_FLEET_PLACE_SIZE] = "";
        otr_fleet_url url = { 0 };
        outrider_diag diag = { 0 };
        outrider_err err = otr_fleet_url_parse(row->text, strlen(row->text), &url, &diag);

        if (err == OUTRIDER_OK)
            otr_fleet_url_place(&url, place);
        if ((err == OUTRIDER_OK) != (row->place != NULL) || (row->place != NULL && strcmp(place, row->place) != 0))
            fail_msg("%s: %s: got \"%s\" %s, want \"%s\"", row->sentence, row->text, place, diag.message,
                     row->place != NULL ? row->place : "a refusal");
        if (row->place != NULL) {
            assert_string_equal(url.user, row->user);
            assert_string_equal(url.password, row->password);
        } else {
            assert_int_equal(err, OUTRIDER_E_SYNTAX);
            assert_string_not_equal(diag.message, "");
        }
        assert_null(strstr(diag.message, "geheim")); /* a password is never repeated */
        assert_null(strstr(place, "geheim"));
    }
}

/* A NUL, and texts that are too long, are refused before anything looks at them. */
static void limits(void **state)
{
    char text[OTR_FLEET_URL_MAX + 64];
    otr_fleet_url url;

    (void)state;
    assert_int_equal(otr_fleet_url_parse("redis://a\0b", 11, &url, NULL), OUTRIDER_E_SYNTAX);
    memset(text, 'a', sizeof(text));
    memcpy(text, "redis://", 8);
    assert_int_equal(otr_fleet_url_parse(text, OTR_FLEET_URL_MAX + 1, &url, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(otr_fleet_url_parse(text, 8 + 300, &url, NULL), OUTRIDER_E_SYNTAX);
    memcpy(text, "redis://:", 9);
    memcpy(text + 9 + OTR_FLEET_WORD_SIZE, "@r.example", 11);
    assert_int_equal(otr_fleet_url_parse(text, strlen(text), &url, NULL), OUTRIDER_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(urls), cmocka_unit_test(limits) };

    return cmocka_run_group_tests_name("fleet/url", tests, NULL, NULL);
}
