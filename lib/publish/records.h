/*
 * records.h - the DNS records of one of our own domains: which there should be, what there is, and what to change, in which order and how
 * long to wait in between. Pure: what was looked up and the time are arguments.
 *
 *     _mta-sts.DOMAIN    TXT      the id of the policy                          RFC 8461 §3.1, PUB-04
 *     mta-sts.DOMAIN     A, AAAA  the policy host; or an alias of a provider's  RFC 8461 §3.3, §8.2, PUB-09
 *     _smtp._tls.DOMAIN  TXT      where reports are wanted                      RFC 8460 §3, PUB-20
 *     _25._tcp.HOST      TLSA     for each MX host that we know the keys of     RFC 7672, PUB-10 to PUB-14
 *
 * Nothing is ever said to be absent that could not be looked up, and nothing planned on what is not known (SAFE-TO-PUBLISH).
 *
 * Units: seconds. Ownership: what a question points to is borrowed during the call; the result has an arena of its own.
 */
#ifndef OTR_PUBLISH_RECORDS_H
#define OTR_PUBLISH_RECORDS_H

#include "base/clock.h"
#include "dane/tlsa_make.h"
#include "publish/record.h"
#include "sts/policy.h"

#define OTR_RECORDS_TTL 3600        /* of the TXT and address records that are proposed */
#define OTR_RECORDS_SETTLE_LEAST 3600 /* least wait between a new TLSA record and what relies on it */

/* The question ---------------------------------------------------------------------------------------------------------- */

typedef enum otr_policy_source {
    OTR_POLICY_ABSENT,     /* no section publish: nothing is known of a policy of this domain */
    OTR_POLICY_CONFIGURED, /* from the configuration; whether it is being served is not known */
    OTR_POLICY_IN_SERVICE, /* from outriderd, which serves it */
    OTR_POLICY_RETIRED,    /* from outriderd: no sender holds it any longer, its records may go (PUB-08) */
} otr_policy_source;

/* An MX host that is in DNS, or is to come, or that a section tlsa is about. */
typedef struct otr_records_host {
    const char *host;          /* normal form */
    const char *base_domain;   /* where its TLSA records belong (RFC 7672 §2.2.3); host, where nothing else is known */
    uint16_t port;
    uint32_t ttl;              /* of the records that are proposed */
    bool is_mx;                /* it is in the MX RRset now */
    bool is_known;             /* there is a section tlsa: what follows is what it shows */
    const otr_tlsa_source *chains; /* in service, one for each key algorithm; chain_count of them */
    size_t chain_count;
    const otr_tlsa_source *next;   /* the keys that come next; next_count of them */
    size_t next_count;
    const otr_dns_answer *tlsa;    /* NULL: not looked up */
    otr_dns_status address_status; /* of its address, where tlsa is not NULL: DANE wants it secure */
} otr_records_host;

typedef struct otr_records_question {
    const char *domain;        /* normal form */
    otr_policy_source source;
    const char *unserved;      /* NULL, or why outriderd cannot hand it out, though it has it: a sentence about its certificate */
    const char *id;            /* of the policy */
    otr_sts_mode mode;
    const char *const *mx;     /* its patterns; mx_count of them */
    size_t mx_count;
    const char *const *rua;    /* rua_count of them; none: no TLSRPT record is wanted */
    size_t rua_count;
    const otr_address *addresses; /* of the policy host; none: not known */
    size_t address_count;
    const char *provider;      /* NULL, or the domain whose policy host and record this one takes part in by aliases */
    otr_tlsa_forms forms;      /* of TLSA records; none: 3 1 1 */
    const otr_records_host *hosts; /* host_count of them */
    size_t host_count;
    const char *const *joining, *const *leaving; /* hosts that are to enter the MX RRset, or to leave it; normal forms */
    size_t joining_count, leaving_count;
    const otr_dns_answer *mx_answer, *sts, *policy_a, *policy_aaaa, *tlsrpt; /* NULL: not looked up */
    bool has_whole_ttls;       /* of the answers: as authoritative servers give them. Else they may have counted down in a cache, and less
                                  than OTR_RECORDS_TTL is not believed */
    otr_time now;
} otr_records_question;

/* The answer ------------------------------------------------------------------------------------------------------------ */

typedef enum otr_record_role { OTR_ROLE_POLICY_HOST, OTR_ROLE_STS, OTR_ROLE_TLSRPT, OTR_ROLE_TLSA } otr_record_role;
extern const char *const otr_record_role_names[]; /* "policy-host", "sts", "tlsrpt", "tlsa" */

typedef enum otr_record_state {
    OTR_RECORD_SAME,       /* wanted, and published */
    OTR_RECORD_MISSING,    /* wanted, and not published */
    OTR_RECORD_DIFFERENT,  /* published in place of one that is wanted */
    OTR_RECORD_EXTRA,      /* published beside those that are wanted */
    OTR_RECORD_UNKNOWN,    /* wanted; what is published could not be looked up */
    OTR_RECORD_NOT_ASKED,  /* wanted; what is published was not looked up */
} otr_record_state;
extern const char *const otr_record_state_names[]; /* "same", "missing", ... */

#define OTR_NO_STEP SIZE_MAX

typedef struct otr_record_line {
    otr_record record;
    otr_record_state state;
    const char *note; /* one sentence, or "" */
    size_t step;      /* of the plan, which adds it or takes it away; OTR_NO_STEP */
} otr_record_line;

typedef struct otr_record_set {
    otr_record_role role;
    const char *host;        /* TLSA: the MX host; else "" */
    const char *asked;       /* the name that senders ask for */
    const char *owner;       /* where its records are: behind an alias another name */
    bool is_signed;          /* what was looked up was secure */
    uint32_t ttl;            /* of what is published, or of its absence; 0: not looked up */
    bool is_absent;          /* looked up, and there is nothing of the kind */
    const otr_record_line *lines; /* those that are published first; line_count of them */
    size_t line_count;
    const char *note;        /* one sentence, or "" */
} otr_record_set;

typedef enum otr_step_kind {
    OTR_STEP_LOOK,      /* something must be found out first */
    OTR_STEP_CONFIGURE, /* the configuration must be changed, and this be asked again */
    OTR_STEP_SERVE,     /* the policy host must serve this policy */
    OTR_STEP_SIGN,      /* the zone must be signed */
    OTR_STEP_RECORDS,   /* records are added or taken away, all of them in one change */
    OTR_STEP_MX,        /* the MX RRset changes */
    OTR_STEP_KEY,       /* a server comes to another key */
} otr_step_kind;
extern const char *const otr_step_kind_names[]; /* "look", "configure", ... */

/* A step that must be done before, and how long ago. */
typedef struct otr_step_after {
    size_t step;   /* an earlier one */
    uint32_t wait; /* s */
} otr_step_after;

#define OTR_STEP_AFTER_MAX 6

typedef struct otr_step {
    otr_step_kind kind;
    otr_record_role role;     /* RECORDS */
    const char *what;         /* a sentence that tells somebody to do it */
    const char *why;          /* a sentence */
    const otr_record *remove, *add; /* RECORDS; exactly these */
    size_t remove_count, add_count;
    otr_step_after after[OTR_STEP_AFTER_MAX];
    size_t after_count;
    uint32_t wait;            /* s from now, whatever else there is: what happened before is not known to be longer ago */
    otr_time earliest;        /* if each step is done as soon as it may be */
    bool is_optional;         /* all is well without it */
} otr_step;

typedef struct otr_records {
    otr_arena *arena;         /* owned */
    const otr_record_set *sets;
    size_t set_count;
    const otr_step *steps;    /* in an order in which they can be done */
    size_t step_count;
} otr_records;

otr_records *otr_records_make(const otr_records_question *question); /* NULL: out of memory */
void otr_records_free(otr_records *records); /* NULL is fine */

/* Whether a step can be done now: nothing is before it, and there is nothing to wait for. */
bool otr_step_is_ready(const otr_step *step);

/* "v=TLSRPTv1; rua=...": URIs with "," ";" and "!" percent-encoded (RFC 8460 §3), in the arena. */
const char *otr_tlsrpt_record_text(otr_arena *arena, const char *const *rua, size_t count);

#endif
