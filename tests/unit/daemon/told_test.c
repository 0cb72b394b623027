/*
 * told_test.c - certificates that a mail server tells of, one at a time: which of them make a chain, and how many are kept.
 */
#include "record_scene.h"
#include "support/cmocka_all.h"

#include <openssl/evp.h>
#include <stdio.h>

static _Atomic unsigned on_their_way;

/* One certificate, as it comes from a front thread. */
static void tell(X509 *cert, const char *host, uint32_t conn, unsigned depth)
{
    otr_event event = { .conn = conn, .depth = depth };
    unsigned char *der = NULL, base64[8192];
    int len = i2d_X509(cert, &der);

    assert_int_equal(otr_destination_parse("example.org", strlen("example.org"), &event.destination, NULL), OUTRIDER_OK);
    snprintf(event.host, sizeof(event.host), "%s", host);
    assert_true(len > 0 && len < 6000);
    event.cert = (otr_slice){ (const char *)base64, (size_t)EVP_EncodeBlock(base64, der, len) };
    OPENSSL_free(der);
    otr_told_take(worker, otr_told_new(&event, &on_their_way));
}

static unsigned long mx_sightings(void)
{
    return counted(OTR_CELL_SIGHTINGS + OTR_ROLE_MX * OTR_SIGHTING_RESULTS + OTR_SIGHTING_ACCEPTED);
}

static void a_chain_is_put_together(void **state)
{
    unsigned long before = mx_sightings();

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    tell(roots[A].cert, MX_HOST, 1, 1);
    tell(roots[B].cert, MX_HOST, 2, 1); /* another connection */
    assert_int_equal(mx_sightings(), before);
    tell(sk_X509_value(mx_chains[A], 0), MX_HOST, 1, 0);
    assert_int_equal(mx_sightings(), before + 1);
    expect_recorded("example.org", "mx.example.org admitted; mx mx.example.org by mta: Root A; policy mta-sts.example.org by "
                                   "fetch: Root A; ");
    for (uint32_t conn = 3; conn < 6; conn++) { /* the same again: not judged again, for an hour */
        tell(roots[A].cert, MX_HOST, conn, 1);
        tell(sk_X509_value(mx_chains[A], 0), MX_HOST, conn, 0);
    }
    assert_int_equal(mx_sightings(), before + 1);
    pass(OTR_TOLD_AGAIN);
    ask("example.org");
    tell(roots[A].cert, MX_HOST, 7, 1);
    tell(sk_X509_value(mx_chains[A], 0), MX_HOST, 7, 0);
    assert_int_equal(mx_sightings(), before + 2);
    assert_int_equal(on_their_way, 0);
}

static void halves_and_strangers_come_to_nothing(void **state)
{
    unsigned long before = mx_sightings();
    X509 *leaf = sk_X509_value(mx_chains[A], 0);

    (void)state;
    tell(leaf, MX_HOST, 1, 0); /* nobody has asked about the destination */
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    tell(leaf, "mx.elsewhere.example", 1, 0);
    tell(roots[A].cert, MX_HOST, 2, 1);
    tell(roots[A].cert, MX_HOST, 3, 2);
    assert_int_equal(mx_sightings(), before);
    pass(OTR_TOLD_SPAN + 1); /* begun too long ago: what follows begins anew, a chain of one */
    ask("example.org");
    tell(leaf, MX_HOST, 2, 0);
    assert_int_equal(mx_sightings(), before + 1);
}

/* However many begin and never end: they make room for each other, and for one that does. */
static void unfinished_chains_are_bounded(void **state)
{
    unsigned long before = mx_sightings();
    size_t begun = 0;

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    for (uint32_t conn = 10; conn < 10 + 3 * OTR_TOLD_CHAINS; conn++)
        tell(roots[A].cert, MX_HOST, conn, 5);
    for (size_t i = 0; i < OTR_TOLD_CHAINS; i++)
        begun += worker->told.chains[i].certs != NULL;
    assert_int_equal(begun, OTR_TOLD_CHAINS);
    tell(roots[A].cert, MX_HOST, 1, 1);
    tell(sk_X509_value(mx_chains[A], 0), MX_HOST, 1, 0);
    assert_int_equal(mx_sightings(), before + 1);
}

static void too_many_on_their_way_are_passed_over(void **state)
{
    otr_told *told[OTR_TOLD_MAX];
    otr_event event = { .cert = otr_slice_of("AAAA") };

    (void)state;
    assert_int_equal(otr_destination_parse("example.org", strlen("example.org"), &event.destination, NULL), OUTRIDER_OK);
    for (size_t i = 0; i < OTR_TOLD_MAX; i++)
        assert_non_null(told[i] = otr_told_new(&event, &on_their_way));
    assert_null(otr_told_new(&event, &on_their_way));
    for (size_t i = 0; i < OTR_TOLD_MAX; i++)
        otr_told_free(told[i]);
    assert_int_equal(on_their_way, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOGGING(a_chain_is_put_together),
        LOGGING(halves_and_strangers_come_to_nothing),
        LOGGING(unfinished_chains_are_bounded),
        LOGGING(too_many_on_their_way_are_passed_over),
    };

    otr_metrics_enter();
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
