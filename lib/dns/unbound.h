/*
 * unbound.h - the validating resolver: libunbound on a libevent base.
 */
#ifndef OTR_DNS_UNBOUND_H
#define OTR_DNS_UNBOUND_H

#include "dns/resolver.h"

typedef struct otr_stub_zone {
    const char *name;                    /* normal form; "." for the root, in place of the hints (on port 53) */
    const char *const *addresses;        /* "192.0.2.1", "192.0.2.1@5353", "2001:db8::1"; NULL-terminated */
} otr_stub_zone;

/* What kind of failure a TEMPFAIL is. */
typedef enum otr_dns_trouble {
    OTR_DNS_NO_TROUBLE,
    OTR_DNS_TIMEOUT,   /* no answer within the deadline */
    OTR_DNS_SERVFAIL,  /* no server gave a usable answer, also: none could be reached */
    OTR_DNS_REFUSED,
    OTR_DNS_MALFORMED, /* an answer that does not parse, or an alias chain without an end */
    OTR_DNS_OTHER,     /* no memory, libunbound's own */
    OTR_DNS_TROUBLE_COUNT
} otr_dns_trouble;
extern const char *const otr_dns_trouble_names[]; /* "none", "timeout", ... */

/* Settings; all pointers are borrowed until otr_unbound_new() returns. */
typedef struct otr_unbound_options {
    bool is_recursive;               /* from the root hints instead of through forwarders */
    const char *const *forwarders;   /* "ADDR" or "ADDR@PORT"; NULL or empty: those of resolv_conf */
    /* Default "/etc/resolv.conf"; followed when it changes or is replaced. If it does not exist or names no server
     * at the start, 127.0.0.1 is asked, as the C library does. */
    const char *resolv_conf;
    const char *root_hints;          /* default "/usr/share/dns/root.hints" */
    const char *trust_anchor;        /* default "/usr/share/dns/root.key" */
    const char *const *extra_anchors; /* more files of DS or DNSKEY records; NULL-terminated or NULL */
    const otr_stub_zone *stubs;      /* ends with a NULL name; or NULL */
    /*
     * One server's own word, wanted for what it is: nothing is validated, every answer is INSECURE, TTLs are the server's
     * own, and no other server is asked. For stubs, "." among them; is_recursive is set with it. Never to decide about mail by.
     */
    bool is_plain;
    bool has_whole_ttls;             /* TTLs are not cut to the hour after which mail needs news: for those who plan with them */
    bool allow_localhost;            /* servers on loopback may be asked (always on for forwarders there) */
    unsigned timeout_ms;             /* for one query, all of its retries included */
    /*
     * Told, for the log, what became of resolv_conf while it is followed; may be NULL. Called from within
     * otr_dns_ask(), so it must not touch the resolver. Events:
     *   "dns.servers"       other servers are asked from now on; words names them
     *   "dns.servers.kept"  the file cannot be read or names no server: the former ones stay; words says why
     */
    void (*note)(void *arg, const char *event, const char *words);
    void *note_arg;
    /*
     * Told of each answer before its asker is, for statistics; may be NULL. It must not touch the resolver. Queries
     * that were cancelled are not seen.
     */
    void (*seen)(void *arg, const otr_dns_answer *answer, otr_dns_trouble trouble);
    void *seen_arg;
} otr_unbound_options;
#define OTR_UNBOUND_OPTIONS_INIT \
    { .resolv_conf = "/etc/resolv.conf", .root_hints = "/usr/share/dns/root.hints", \
      .trust_anchor = "/usr/share/dns/root.key", .timeout_ms = 12000 }

/*
 * Returns OUTRIDER_OK, OUTRIDER_E_IO (a file cannot be read or holds no anchor: diag names it),
 * OUTRIDER_E_CONFIG or OUTRIDER_E_NOMEM. The resolver borrows base, which outlives it.
 */
outrider_err otr_unbound_new(struct event_base *base, const otr_unbound_options *options, otr_resolver **resolver,
                             outrider_diag *diag);

/*
 * Start-up self-test (DNS-01): does the upstream pass on what validation needs? Asks for names below the
 * trust anchor and tells, in a postmaster's words, what is wrong and what it costs. done() is called once,
 * from the event loop; never if the resolver is freed before. Returns OUTRIDER_OK or OUTRIDER_E_NOMEM.
 */
typedef enum otr_selftest_result {
    OTR_SELFTEST_OK,
    /* The upstream strips signatures or denials, or the clock is wrong: domains look bogus, mail waits. */
    OTR_SELFTEST_STRIPPED,
    OTR_SELFTEST_UNREACHABLE, /* no answer at all */
    OTR_SELFTEST_NO_ANCHOR,   /* the root looks insecure: no trust anchor covers it, DANE is off */
} otr_selftest_result;
extern const char *const otr_selftest_names[];
typedef void otr_selftest_done(void *arg, otr_selftest_result result, const char *words);
outrider_err otr_selftest_start(otr_resolver *resolver, otr_selftest_done *done, void *arg);

#endif
