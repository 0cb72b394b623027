/*
 * discover_host.h - the inside of the errand, shared by its two files: discover.c (MX and the walk) and
 * discover_host.c (addresses and TLSA of one host).
 */
#ifndef OTR_VERDICT_DISCOVER_HOST_H
#define OTR_VERDICT_DISCOVER_HOST_H

#include "verdict/discover.h"

/* What matters of an A or AAAA answer once it is gone. */
typedef struct otr_address_answer {
    bool is_here;
    otr_dns_status status;
    otr_dns_content content;
    uint32_t ttl;
    unsigned cname_count;
    const char *canonical; /* in the arena */
    const char *reason;
} otr_address_answer;

typedef struct otr_host_errand {
    otr_discover *discover; /* borrowed */
    const char *host;       /* this and all texts below: in the arena */
    uint16_t preference;
    uint32_t lot;           /* order among equal preferences */
    bool is_unusable_name;

    otr_dns_query *a_query, *aaaa_query, *query; /* owned; `query` is the one CNAME or TLSA question under way */
    otr_address_answer a, aaaa;
    const char *candidates[2]; /* TLSA base domains in the order they are asked (RFC 7672 §2.2.3) */
    size_t candidate_count, candidate;

    /* the result so far */
    const char *canonical;
    const char *address_row;
    const char *tlsa_row;
    otr_host_addresses addresses;
    otr_dane_state dane;
    bool is_bogus;
    const char *base_domain;
    const otr_tlsa *tlsa;
    size_t tlsa_count;
    const char *reason;
} otr_host_errand;

struct otr_discover {
    otr_resolver *resolver; /* borrowed */
    otr_clock *clock;       /* borrowed */
    otr_discover_settings settings;
    otr_destination destination;
    otr_discover_hosts *has_hosts; /* or NULL */
    otr_discover_done *done;
    void *done_arg;

    otr_arena *arena;        /* owned; becomes the finding's */
    otr_dns_query *mx_query; /* owned; set while the MX question is under way */
    otr_host_errand *hosts;  /* owned */
    size_t host_count, next_host, hosts_running;
    const char **evidence;   /* owned; the lines lie in the arena */
    size_t evidence_count, evidence_cap;
    uint32_t least_ttl;
    size_t tlsa_octets;      /* of TLSA records that were kept */
    bool is_out_of_memory;

    const char *row;
    otr_mx_security security;
    bool is_implicit;
    bool is_at_home; /* M12: nothing is left of the hosts */
    const char *canonical;
    const char *error;
};

/* Evidence: a line, and the line for an answer. */
void otr_discover_note(otr_discover *d, const char *line);
void otr_discover_witness(otr_discover *d, const otr_dns_answer *answer);

/* The finding holds no longer than this. */
void otr_discover_bound(otr_discover *d, uint32_t ttl);

/* True if questions are under way: otr_discover_host_done() follows. False: the host is already decided. */
bool otr_host_errand_start(otr_host_errand *h);
void otr_host_errand_result(const otr_host_errand *h, otr_host_finding *finding);
void otr_host_errand_clear(otr_host_errand *h);

/* Called by a host errand as its last act: `d` and the errand may be gone afterwards. */
void otr_discover_host_done(otr_discover *d);

#endif
