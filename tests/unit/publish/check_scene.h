/*
 * check_scene.h - facts of a domain made by hand: example.org with one MX host (an IPv4 and an IPv6 address), TLSA, MTA-STS in enforce and TLSRPT,
 * all of it good. A row of a table says in words what is different.
 */
#ifndef OTR_TEST_CHECK_SCENE_H
#define OTR_TEST_CHECK_SCENE_H

#include "publish/check.h"

typedef enum scene_field {
    NOTHING, /* ends a list */
    /* DNS: the rule of support/scripted_resolver.h behind the name and type; " | " between several; "-": not asked in time. @leaf, @next, @ca,
     * @root: SHA-256 of these keys; @own: the id of the policy */
    MX, A, AAAA, CNAME, TLSA, TLSA_ALIAS, STS, APEX, RPT, POLICY_A, POLICY_AAAA,
    /* Visits to both addresses, to the second one only, and the second visit to both: a name of otr_probe_outcome_names[], or "-" */
    PROBE, PROBE6, SECOND,
    VERSION,       /* of TLS */
    CHAIN, CHAIN6, /* shown at both, at the second: good other-name self alone below expired ending ended-soon short future other-root next */
    FETCH, FETCH6, /* an HTTP status, or connect, timeout, certificate, coding, long, refused, "-"; at both, at the second */
    TYPE, LOCATION, TOOK, BODY, BODY6,
    POLICY_CHAIN,  /* as CHAIN, for the policy host */
    MODE, MAX_AGE, PATTERNS, /* of the policy, the meant and the served; patterns with commas */
    MEANT,         /* "no", "configured", "proposal"; "proposal-served": and the text of the scene is in service until then */
    REPORTS,       /* "no": none are wanted */
    EXIT,          /* seconds from now */
    BEFORE,        /* "same", "other-text", "other-id", "other" */
    RESOLVER,      /* "fails", "untried" */
    PROGRAMS,      /* "root", "root,other", "other" */
    STAGED,        /* "next", "none" */
    CUT,           /* "hosts", "addresses" */
    SCENE_FIELDS
} scene_field;

typedef struct scene_change {
    scene_field field;
    const char *value;
} scene_change;

/* Run the checks over the scene with these changes. */
otr_check_report *scene_report(const scene_change *changes, size_t count, unsigned groups);

/* Certificates for all scenes; before the first and after the last. */
void scene_open(void);
void scene_close(void);

#endif
