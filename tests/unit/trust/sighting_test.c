/*
 * sighting_test.c - a judgement becomes a record, and a record its copy.
 */
#include "support/cmocka_all.h"
#include "support/make_cert.h"
#include "trust/pem.h"
#include "trust/sighting.h"

static otr_cert root, leaf;

static int make_certificates(void **state)
{
    (void)state;
    root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root", .constraints = "critical,CA:TRUE" });
    leaf = otr_make_cert(&(otr_cert_plan){ .san = "DNS:mx.example.org", .issuer = &root });
    return 0;
}

static int clear_certificates(void **state)
{
    (void)state;
    otr_cert_clear(&leaf);
    otr_cert_clear(&root);
    return 0;
}

/* `v` and `chain` may be gone when the sighting is looked at. */
static otr_sighting make_sighting(const char *host, int certificates)
{
    STACK_OF(X509) *roots = sk_X509_new_null(), *chain = sk_X509_new_null();
    otr_anchor_rule rule = { .name = "default", .roots = roots };
    otr_anchor_source source = { .rules = &rule, .rule_count = 1 };
    otr_anchors *anchors = NULL;
    otr_verification v;
    otr_sighting made;

    sk_X509_push(roots, root.cert);
    while (certificates-- > 0)
        sk_X509_push(chain, leaf.cert);
    assert_int_equal(otr_anchors_make(&source, &anchors, NULL), OUTRIDER_OK);
    assert_int_equal(otr_verify_chain(otr_anchors_for(anchors, "example.org"), chain, host, OTR_TEST_TIME, &v), OUTRIDER_OK);
    assert_true(otr_sighting_make(&made, "example.org", OTR_ROLE_MX, host, OTR_SEEN_IN_PROBE, OTR_TEST_TIME, chain, &v));
    otr_verification_clear(&v);
    sk_X509_free(chain);
    sk_X509_free(roots);
    otr_anchors_free(anchors);
    return made;
}

static void an_accepted_chain_has_a_root_and_an_end(void **state)
{
    otr_sighting seen = make_sighting("mx.example.org", 1), copy;

    (void)state;
    assert_true(otr_sighting_copy(&copy, &seen));
    otr_sighting_clear(&seen);
    assert_null(seen.chain);
    assert_string_equal(copy.domain, "example.org");
    assert_string_equal(copy.host, "mx.example.org");
    assert_int_equal(copy.role, OTR_ROLE_MX);
    assert_int_equal(copy.source, OTR_SEEN_IN_PROBE);
    assert_int_equal(copy.seen_at, OTR_TEST_TIME);
    assert_int_equal(sk_X509_num(copy.chain), 1);
    assert_int_equal(X509_cmp(copy.root, root.cert), 0);
    assert_int_equal(copy.expires_at, OTR_TEST_TIME + 15 * OTR_TEST_DAY);
    assert_string_equal(copy.error, "");
    assert_string_equal(copy.root_before, "");
    otr_sighting_clear(&copy);
    otr_sighting_clear(&copy); /* an empty one */
}

static void a_refused_chain_has_a_reason(void **state)
{
    otr_sighting seen = make_sighting("other.example.org", 1), copy;

    (void)state;
    assert_null(seen.root);
    assert_int_equal(seen.expires_at, 0);
    assert_string_equal(seen.error, "the certificate is for mx.example.org, not for other.example.org");
    assert_true(otr_sighting_copy(&copy, &seen));
    assert_null(copy.root);
    otr_sighting_clear(&seen);
    otr_sighting_clear(&copy);
}

static void a_chain_is_kept_up_to_the_limit(void **state)
{
    otr_sighting seen = make_sighting("mx.example.org", OTR_CHAIN_MAX + 5);

    (void)state;
    assert_int_equal(sk_X509_num(seen.chain), OTR_CHAIN_MAX);
    otr_sighting_clear(&seen);
    seen = make_sighting("mx.example.org", 0);
    assert_int_equal(sk_X509_num(seen.chain), 0);
    assert_string_equal(seen.error, "the server showed no certificate");
    otr_sighting_clear(&seen);
}

static void names_are_those_of_the_wire(void **state)
{
    (void)state;
    assert_string_equal(otr_role_names[OTR_ROLE_POLICY], "policy");
    assert_string_equal(otr_role_names[OTR_ROLE_MX], "mx");
    assert_string_equal(otr_sighting_source_names[OTR_SEEN_IN_FETCH], "fetch");
    assert_string_equal(otr_sighting_source_names[OTR_SEEN_IN_PROBE], "probe");
    assert_string_equal(otr_sighting_source_names[OTR_SEEN_BY_MTA], "mta");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_chain_has_a_root_and_an_end),
        cmocka_unit_test(a_refused_chain_has_a_reason),
        cmocka_unit_test(a_chain_is_kept_up_to_the_limit),
        cmocka_unit_test(names_are_those_of_the_wire),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}
