/*
 * record_scene.h - the stage of the tests of chains that are seen: a resolver thread with a real store, real certificates and a scripted
 * network, and a destination, example.org, that says what a change of its root does.
 */
#ifndef OTR_TEST_RECORD_SCENE_H
#define OTR_TEST_RECORD_SCENE_H

#include "daemon/flow/errand.h"
#include "daemon/flow/record.h"
#include "daemon/metrics.h"
#include "fixture.h"
#include "store/store_trust.h"
#include "support/make_cert.h"

#define BODY(mode, age) "version: STSv1\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"
#define A 0
#define B 1
#define OTHER 2 /* a root that nobody trusts */
#define POLICY_HOST "mta-sts.example.org"
#define MX_HOST "mx.example.org"

extern fixture f;
extern struct event_base *base;
extern otr_worker *worker;
extern otr_mailbox replies;
extern otr_answer *answer; /* of the last question; a reference */
extern otr_cert roots[3];
extern STACK_OF(X509) *policy_chains[3], *mx_chains[3], *neighbour_chains[3]; /* a leaf of each root */

/* Certificates, once for all tests. */
int make_certificates(void **state);
int free_certificates(void **state);

int start_logging(void **state);
int start_deferring(void **state);
int stop(void **state);

otr_anchors *make_anchors(otr_on_change on_change);
void use_anchors(otr_anchors *anchors);

void script(const char *rule);
void script_hosts(void);
void script_policy_of(const char *domain, const char *id, const char *body);
void publish(const char *id, const char *body, int root);

otr_answer *ask(const char *text);
void expect_level(const char *text, otr_level level);
void expect_recorded(const char *domain, const char *want);
unsigned long counted(unsigned cell);
void pass(otr_time seconds); /* the record of the policy looks on: the record's TTL has run out (600 s and jitter) */

#define LOGGING(name) cmocka_unit_test_setup_teardown(name, start_logging, stop)
#define DEFERRING(name) cmocka_unit_test_setup_teardown(name, start_deferring, stop)

#endif
