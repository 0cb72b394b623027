/*
 * entry.h - all that is known of one policy domain: the policy on hand, what the record said last, and how
 * the last attempts went. And, as a pure function of it and the time, the STS finding (rows S1 to S11 of
 * the decision table). A policy belongs to the domain it was found for and to no other (SCOPE).
 *
 * An entry is a value that is replaced as a whole; it is immutable once made and counted by reference. What is added to it has to be
 * added to entry_pack.c, or it is lost where a destination rests.
 * Threads: any may hold and read one.
 */
#ifndef OTR_STS_ENTRY_H
#define OTR_STS_ENTRY_H

#include "base/clock.h"
#include "dns/name.h"
#include "sts/policy.h"
#include "sts/record.h"

/* What the last look at the TXT record found. */
typedef enum otr_sts_record_state {
    OTR_STS_NOT_ASKED,
    OTR_STS_ABSENT,   /* no record, several, or one that does not parse */
    OTR_STS_PRESENT,  /* exactly one valid record */
    OTR_STS_LOOKUP_FAILED, /* TEMPFAIL or BOGUS: unknown, which is not "absent" (STS-DNS-13) */
} otr_sts_record_state;

/* Classes of failure as RFC 8460 §4.3.2.2 names them (STS-FETCH-18). */
typedef enum otr_sts_failure {
    OTR_STS_NO_FAILURE,
    OTR_STS_FETCH_ERROR,    /* "sts-policy-fetch-error" */
    OTR_STS_POLICY_INVALID, /* "sts-policy-invalid" */
    OTR_STS_WEBPKI_INVALID, /* "sts-webpki-invalid" */
} otr_sts_failure;
extern const char *const otr_sts_failure_names[];

/* Where an attempt failed: finer than the classes of RFC 8460, for the operator; not kept over a restart. */
typedef enum otr_sts_cause {
    OTR_STS_CAUSE_INTERNAL,    /* memory, a limit of our own */
    OTR_STS_CAUSE_DNS,         /* A and AAAA of the policy host: bogus, or the lookup failed */
    OTR_STS_CAUSE_ADDRESS,     /* it has none, or only private ones */
    OTR_STS_CAUSE_CONNECT,
    OTR_STS_CAUSE_TIMEOUT,
    OTR_STS_CAUSE_TLS,         /* the handshake, other than its certificate */
    OTR_STS_CAUSE_CERTIFICATE,
    OTR_STS_CAUSE_RESPONSE,    /* HTTP status, media type, size, cut short */
    OTR_STS_CAUSE_POLICY,      /* the body is no policy */
    OTR_STS_CAUSE_FLEET,       /* not tried by ourselves: other members have, and failed */
    OTR_STS_CAUSE_COUNT
} otr_sts_cause;
extern const char *const otr_sts_cause_names[]; /* "internal", "dns", ... */

#define OTR_STS_ERROR_SIZE 256

typedef struct otr_sts_entry {
    char domain[OTR_DOMAIN_SIZE];

    otr_sts_policy *policy;      /* owned; NULL: none on hand. May be expired: ask the finding. */
    char id[OTR_STS_ID_MAX + 1]; /* of the policy on hand */
    otr_time fetched_at;         /* last successful HTTPS fetch; expiry counts from here alone (STS-APPLY-11) */
    otr_time expires_at;         /* fetched_at + max_age */
    bool is_from_store;          /* this process has not fetched it itself */

    otr_sts_record_state record; /* from the last TXT lookup */
    char record_id[OTR_STS_ID_MAX + 1]; /* PRESENT: the id it shows, may differ from `id` */
    char record_status[16];      /* DNSSEC state and content of the last TXT answer, for the evidence: "secure" ... */
    char record_note[OTR_STS_ERROR_SIZE]; /* ABSENT or FAILED: why, in words; else "" */
    uint32_t record_ttl;         /* s; of the last TXT answer, as it came */
    otr_time checked_at;         /* last TXT lookup; 0: never */
    otr_time recheck_at;         /* its TTL, not sooner than the floor in the settings (STS-APPLY-17) */

    otr_sts_failure failure;     /* of the last attempt to fetch; NO_FAILURE after a success */
    otr_sts_cause cause;         /* of that failure, if this process made the attempt */
    char error[OTR_STS_ERROR_SIZE]; /* what happened, with HTTP status, verifier error, or line and column */
    char tried_id[OTR_STS_ID_MAX + 1]; /* the record id that the last failed attempt was for */
    otr_time tried_at;
    otr_time retry_at;           /* back-off: not before this for the same id (STS-FETCH-14); 0: none */
    unsigned failures;           /* attempts failed in a row */
    /* A and AAAA of the policy host at the last attempt of this process, in words. */
    char host_note[2][OTR_STS_ERROR_SIZE];

    _Atomic unsigned refs;
} otr_sts_entry;

/* A new entry that knows nothing, or a private copy to change before it is published. One reference. */
otr_sts_entry *otr_sts_entry_new(const char *domain);
otr_sts_entry *otr_sts_entry_copy(const otr_sts_entry *entry);
otr_sts_entry *otr_sts_entry_ref(otr_sts_entry *entry);
void otr_sts_entry_unref(otr_sts_entry *entry); /* NULL is fine */

/*
 * Of a private copy: the policy, its id and its times are those of another entry of this domain that was fetched elsewhere, or
 * earlier; what failed before that fetch is over. OUTRIDER_OK or OUTRIDER_E_NOMEM.
 */
outrider_err otr_sts_entry_take_policy(otr_sts_entry *entry, const otr_sts_policy *policy, const char *id, otr_time fetched_at);

/* Of a private copy: the last attempt was none, or a success. */
void otr_sts_entry_forget_failure(otr_sts_entry *entry);

/* The states of the finding; JSON key sts.state. */
typedef enum otr_sts_state {
    OTR_STS_STATE_NONE,     /* S1: no policy, known without error; also an expired one without a record */
    OTR_STS_STATE_VALID,    /* S2, S4, S5, S6, S8, S10: a policy applies (mode says which, also "none") */
    OTR_STS_STATE_INVALID,  /* S9: a record, but the body does not parse and nothing is cached */
    OTR_STS_STATE_TEMPFAIL, /* S3: lookup failed; S7: fetch failed; S11: still under way - nothing cached */
} otr_sts_state;
extern const char *const otr_sts_state_names[]; /* "none", "valid", "invalid", "tempfail" */

typedef struct otr_sts_finding {
    const char *row;        /* "S1" ... "S11": the row of the decision table */
    otr_sts_state state;
    bool is_unknown;        /* S3 and S11: the setting sts.on_unknown applies */
    const otr_sts_policy *policy; /* borrowed from the entry; set for VALID only */
    bool is_from_cache;     /* JSON source: "cache" if the last look did not fetch it, else "fetched" */
    otr_time fetched_at;
    otr_time expires_at;    /* VALID only */
    const char *id;         /* of the policy; "" if none */
    otr_sts_failure failure; /* what a report would name */
    const char *error;      /* "" if none */
} otr_sts_finding;

/*
 * The finding of an entry at `now`; `is_pending` says that a first look is still under way (S11). A policy with
 * max_age 0 applies for as long as the attempt that fetched it may last, and to no later one (STS-BODY-09).
 */
#define OTR_STS_ATTEMPT_SPAN 15 /* s; the longest that an answer is waited for */
otr_sts_finding otr_sts_entry_finding(const otr_sts_entry *entry, otr_time now, bool is_pending);

/* Whether a policy is on hand that has not expired (the time it holds is [fetched_at, expires_at)). */
bool otr_sts_entry_is_unexpired(const otr_sts_entry *entry, otr_time now);

/* Whether refreshes have failed often enough to tell the operator: an unexpired policy, not "none" (STS-APPLY-15). */
#define OTR_STS_ALARM_FAILURES 3 /* in a row */
bool otr_sts_entry_is_alarming(const otr_sts_entry *entry, otr_time now);

/*
 * What is due at `now`, as a pure function of the entry: nothing, a look at the record, or (with or without a
 * record, STS-APPLY-13) a refresh of the policy. Settings in seconds.
 */
typedef struct otr_sts_pace {
    uint32_t recheck_floor;  /* the record is looked up at most this often while in use; default 300 */
    uint32_t refresh_after;  /* a policy is fetched again after this long, or after half of max_age if that is less;
                                default 86400 */
    uint32_t retry_first;    /* back-off after the first failure; default 300 (RFC 8461 §3.3), doubling up to ... */
    uint32_t retry_most;     /* default 3600 */
} otr_sts_pace;
#define OTR_STS_PACE_INIT { .recheck_floor = 300, .refresh_after = 86400, .retry_first = 300, .retry_most = 3600 }

typedef enum otr_sts_due { OTR_STS_DUE_NOTHING, OTR_STS_DUE_RECORD, OTR_STS_DUE_POLICY } otr_sts_due;
otr_sts_due otr_sts_entry_due(const otr_sts_entry *entry, const otr_sts_pace *pace, otr_time now);

/* When a timer should ask again what is due; never in the past. (On use always ask otr_sts_entry_due().) */
otr_time otr_sts_entry_next(const otr_sts_entry *entry, const otr_sts_pace *pace, otr_time now);

#endif
