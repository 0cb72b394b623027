/*
 * authority.h - what every authoritative server of a TLSA RRset says of it now, and what a validator says: the facts of
 * guard.h and rollover.h. A cache can only have what one of these servers has handed out.
 *
 *     host ──► its base domain (RFC 7672 §2.2.3) ──► _25._tcp.BASE ──► aliases ──► zone ──► NS ──► addresses ──► each is asked
 *
 * All but the last step is validated. The last asks one server for its own word, so that a late secondary shows.
 *
 * What could not be found out is said, and then nothing may be concluded (NO-DOWNGRADE): see `trouble`.
 */
#ifndef OTR_PUBLISH_AUTHORITY_H
#define OTR_PUBLISH_AUTHORITY_H

#include "dane/tlsa.h"
#include "dns/address.h"
#include "dns/unbound.h"

#define OTR_AUTHORITY_SERVERS_MAX 13  /* names in the NS RRset; with more nothing is concluded */
#define OTR_AUTHORITY_ADDRESSES_MAX 4 /* of one of them; likewise */
#define OTR_AUTHORITY_HOST_MAX 16     /* addresses of the host */
#define OTR_AUTHORITY_LINKS_MAX 8     /* aliases from the owner to the records */
#define OTR_AUTHORITY_SERVER_MS 8000  /* for one server */
#define OTR_AUTHORITY_ALL_MS 60000    /* for all of it */

/* A TLSA RRset, or its denial (no records). */
typedef struct otr_tlsa_set {
    const otr_tlsa *records;
    size_t count;
    uint32_t ttl; /* s; of the records as they came, or of the denial (RFC 2308 §5) */
} otr_tlsa_set;

typedef enum otr_server_state {
    OTR_SERVER_ANSWERED,
    OTR_SERVER_SILENT,   /* no answer that can be used; `reason` */
    OTR_SERVER_NO_ROUTE, /* this machine has no way there (IPv4 or IPv6 only): as good as asked if the same server has answered elsewhere */
} otr_server_state;

typedef struct otr_server_word {
    const char *server;      /* its name */
    const char *address;     /* "" if it has none */
    otr_server_state state;
    const char *reason;      /* "" if it answered */
    otr_tlsa_set set;        /* if it answered; so below */
    uint32_t serial;         /* of the zone there */
    uint32_t refresh;        /* s; of its SOA */
    uint32_t negative_ttl;   /* s; how long a denial may be kept */
    uint32_t signed_until;   /* seconds since 1970; 0: no signature came */
} otr_server_word;

typedef struct otr_authority {
    otr_arena *arena;        /* owned: of all of it */
    const char *host;
    uint16_t port;
    const char *base;        /* the TLSA base domain: `host`, or what it is an alias of */
    const char *owner;       /* "_25._tcp." and the base */
    const char *name;        /* where the records stand: `owner`, or the end of its aliases */
    const char *zone;        /* that has them; "" if it was not looked for */
    otr_address addresses[OTR_AUTHORITY_HOST_MAX]; /* of the host */
    size_t address_count;
    bool is_cut;             /* it has more addresses than that */
    const char *half;        /* one sentence: the addresses of one family could not be looked up; "" otherwise */
    otr_dns_status status;   /* of the validated answer. INSECURE: DANE does not apply, and nobody else was asked */
    otr_tlsa_set validated;  /* if SECURE: what a resolver has, maybe out of a cache */
    uint32_t alias_ttl;      /* s; the largest of the aliases on the way; 0: none */
    const otr_server_word *servers;
    size_t server_count;
    const char *trouble;     /* one sentence: something was not found out, and nothing may be concluded; "" otherwise */
} otr_authority;

/*
 * Looks. Runs the event base until the end, so nothing else should be on it that minds.
 *   resolver  validates
 * OUTRIDER_OK, also with trouble; or OUTRIDER_E_NOMEM.
 */
outrider_err otr_authority_look(struct event_base *base, otr_resolver *resolver, const char *host, uint16_t port,
                                otr_authority **authority, outrider_diag *diag);
void otr_authority_free(otr_authority *authority); /* NULL is fine */

/* Whether two sets have the same records, in whatever order. */
bool otr_tlsa_sets_are_equal(const otr_tlsa_set *a, const otr_tlsa_set *b);
bool otr_tlsa_set_has(const otr_tlsa_set *set, const otr_tlsa *record);

#endif
