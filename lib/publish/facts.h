/*
 * facts.h - what somebody has found out about a domain that receives mail: DNS answers, what MX hosts and policy hosts have shown, what
 * we mean to publish, and when it was. Values; what they are worth is judged by check.h. survey.h gathers them, tests make them by hand.
 *
 * A NULL answer, and a probe or fetch that was not made, are things that nobody found out (a deadline, or not asked for): never absence.
 *
 * Threads: one at a time while it is filled in; afterwards any number may read.
 */
#ifndef OTR_PUBLISH_FACTS_H
#define OTR_PUBLISH_FACTS_H

#include "base/clock.h"
#include "dane/tlsa.h"
#include "dns/address.h"
#include "dns/answer.h"
#include "publish/publication.h"
#include "smtp/probe.h"
#include "sts/entry.h"
#include "trust/anchors.h"

#define OTR_FACT_HOSTS_MAX 20                       /* MX hosts that are looked at; the rest is told of */
#define OTR_FACT_ADDRESSES_MAX (2 * OTR_ADDRESSES_MAX) /* of one host, both families together */
#define OTR_FACT_PROGRAMS_MAX 8                     /* bundles of roots */

/* One visit to an MX host. */
typedef struct otr_probe_facts {
    bool was_made;
    otr_probe_outcome outcome;
    otr_probe_step step;
    const char *reason;         /* "" or a sentence */
    const char *tls_version;    /* "TLSv1.3"; "" without TLS */
    STACK_OF(X509) *chain;      /* owned reference: as sent, leaf first; NULL without TLS */
} otr_probe_facts;

typedef struct otr_address_facts {
    otr_address address;
    bool is_refused;            /* a private one, which is not visited unless sts.allow_private says so */
    otr_probe_facts first;
    otr_probe_facts second;     /* a moment later, where it was asked for */
} otr_address_facts;

typedef struct otr_host_facts {
    const char *host;           /* as in the MX record */
    uint16_t preference;
    bool is_host_name;          /* letters, digits, hyphens */
    otr_dns_answer *a, *aaaa;   /* owned, as all answers */
    otr_dns_answer *cname;      /* only where it is an alias into an unsigned zone: whether the alias itself is signed */
    otr_dns_answer *tlsa_alias; /* at the end of the alias, where there is one and its address is signed (RFC 7672 §2.2.3) */
    otr_dns_answer *tlsa;       /* at the name of the MX record */
    otr_address_facts *addresses;
    size_t address_count;
    bool is_cut;                /* it has more addresses than are looked at */
    const otr_tlsa *staged;     /* borrowed: records that our own change of keys has published ahead, or leaves (staged.h) */
    size_t staged_count;
    bool knows_staged;          /* whether anybody said what is staged */
} otr_host_facts;

/* One look at the policy, at one address of the policy host, as any sender would. */
typedef struct otr_fetch_facts {
    otr_address address;
    bool is_refused, was_made;
    otr_sts_failure failure;
    otr_sts_cause cause;
    long http_status;           /* 0: no response */
    const char *media_type;     /* "": none was given */
    const char *location;       /* of a redirect */
    bool is_too_long;
    const char *reason;         /* of the failure */
    const char *body;           /* without failure: body_len octets */
    size_t body_len;
    unsigned took_ms;
    STACK_OF(X509) *chain;      /* owned reference; NULL: it showed none */
} otr_fetch_facts;

/* The roots of one kind of senders. */
typedef struct otr_program_facts {
    const char *name;           /* "system" or the path of the bundle */
    const otr_anchor_set *set;  /* owned reference */
} otr_program_facts;

/* What we mean to publish ourselves. */
typedef struct otr_meant {
    otr_publication publication;
    const char *text;           /* the policy, text_len octets; NULL: not known, only what is configured */
    size_t text_len;
    char id[OTR_STS_ID_MAX + 1]; /* of the text; "" if it is not known */
    bool is_proposal;           /* not served yet: everything is judged as if it were */
    const char *in_service;     /* of a proposal: the text that we serve until then, in_service_len octets; NULL: not known */
    size_t in_service_len;
    bool wants_reports;         /* addresses for TLSRPT are configured */
    otr_time exit_clock;        /* until when a sender may hold an enforce policy of ours; 0: none does, or nobody knows */
} otr_meant;

/* What was seen before. */
typedef struct otr_observation {
    otr_time at;
    char id[OTR_STS_ID_MAX + 1]; /* "": there was no record */
    const char *text;            /* NULL: there was no policy */
    size_t text_len;
} otr_observation;

typedef enum otr_resolver_state {
    OTR_RESOLVER_NOT_TRIED,
    OTR_RESOLVER_VALIDATES,
    OTR_RESOLVER_DOES_NOT,      /* no statement about signatures can be made */
} otr_resolver_state;

typedef struct otr_domain_facts {
    const char *domain;         /* normal form */
    otr_time at;
    otr_resolver_state resolver;
    const char *resolver_words; /* what is wrong with it; "" */

    otr_dns_answer *mx;
    otr_host_facts *hosts;      /* by preference; of an implicit MX the domain itself (RFC 5321 §5.1) */
    size_t host_count;
    bool is_implicit, is_cut;

    otr_dns_answer *sts_txt;    /* _mta-sts.D */
    otr_dns_answer *apex_txt;   /* D, where records for _mta-sts and _smtp._tls end up by mistake */
    otr_dns_answer *rpt_txt;    /* _smtp._tls.D */
    char policy_host[sizeof("mta-sts.") + OTR_DOMAIN_SIZE];
    otr_dns_answer *policy_a, *policy_aaaa;
    otr_fetch_facts *fetches;   /* one an address */
    size_t fetch_count;

    otr_program_facts programs[OTR_FACT_PROGRAMS_MAX]; /* at least one if a certificate is to be judged */
    size_t program_count;
    const otr_meant *meant;          /* borrowed; NULL: nothing */
    const otr_observation *before;   /* borrowed; NULL: nothing */

    otr_arena *arena;           /* owned: of all text */
} otr_domain_facts;

/* NULL: out of memory. */
otr_domain_facts *otr_facts_new(const char *domain, otr_time at);
void otr_facts_free(otr_domain_facts *facts); /* NULL is fine */

/* More roots by which certificates are judged; the set is referenced. False: there are OTR_FACT_PROGRAMS_MAX already. */
bool otr_facts_add_program(otr_domain_facts *facts, const char *name, const otr_anchor_set *set);

/*
 * The hosts of facts->mx: in the order of preference, each once, without a null MX; of an implicit MX the domain itself.
 * False: out of memory.
 */
bool otr_facts_take_hosts(otr_domain_facts *facts);

/* The addresses of a host's answers, each once. False: out of memory. */
bool otr_facts_take_addresses(otr_domain_facts *facts, otr_host_facts *host, bool allow_private);

/* Fill in what a probe showed; the chain is referenced. False: out of memory. */
bool otr_facts_take_probe(otr_domain_facts *facts, otr_probe_facts *probe, const otr_probe_result *result);

/* Whether the record of MTA-STS has this id as senders read it: one record, however it is written. */
bool otr_facts_have_id(const otr_domain_facts *facts, const char *id);

/* What DANE is to a host. */
typedef enum otr_host_dane {
    OTR_HOST_DANE_UNKNOWN,      /* a lookup failed, or nobody asked */
    OTR_HOST_DANE_NONE,         /* there is no TLSA record */
    OTR_HOST_DANE_UNSIGNED,     /* there are, and nobody may believe them: they, or the host's addresses, are not signed */
    OTR_HOST_DANE_SIGNED,       /* there are */
} otr_host_dane;

typedef struct otr_host_tlsa {
    otr_host_dane state;
    const char *base_domain;    /* where the records lie (RFC 7672 §2.2.3); the name of the host if there are none */
    const otr_dns_answer *answer; /* the lookup that decided; NULL: nobody asked */
} otr_host_tlsa;
otr_host_tlsa otr_host_tlsa_of(const otr_host_facts *host);

/* The address answer that decides whether a host's zone is signed: the first with data, else the first; NULL: none is there. */
const otr_dns_answer *otr_host_address_answer(const otr_host_facts *host);

#endif
