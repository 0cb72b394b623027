/*
 * check_judge.h - the inside of the checks: what all of them need to know, and how they say what they found.
 */
#ifndef OTR_PUBLISH_CHECK_JUDGE_H
#define OTR_PUBLISH_CHECK_JUDGE_H

#include "publish/check.h"
#include "trust/verify.h"

#define OTR_REMARK_MAX 600 /* octets of one text of a result */

/* How one chain was judged under one bundle of roots. */
typedef struct otr_chain_judgement {
    bool is_accepted;
    int error, depth;
    const char *reason;
    otr_time expires_at;
} otr_chain_judgement;

typedef struct otr_judge {
    const otr_domain_facts *facts;
    otr_check_report *report;
    size_t room;
    bool is_out_of_memory;

    /* The policy by which MX hosts are judged: the proposal, else the one that is served, else the one that is meant. */
    bool has_policy;
    otr_sts_mode mode;
    uint32_t max_age;
    const char *const *mx;
    size_t mx_count;
    otr_sts_policy *served;           /* owned; what the policy host serves, from the first address that serves one; NULL: none */
    const otr_fetch_facts *served_by; /* that address */
    /* How bad it is for senders if no CA vouches for an MX host: enforce critical, testing a warning, else for information. */
    otr_check_status need;
    otr_chain_judgement *chains;      /* by host, address and program: otr_chain_of() */
} otr_judge;

/* What a check has to say. Texts are copied, cut, and made printable. */
typedef struct otr_remark {
    const char *id;
    otr_check_status status;
    const char *host;           /* NULL: the domain */
    const otr_address *address; /* NULL: all of them */
    const char *found, *expected, *fix; /* NULL: nothing */
} otr_remark;
void otr_say(otr_judge *j, otr_remark finding, const char *format, ...) OUTRIDER_PRINTF(3, 4);
void otr_say_skipped(otr_judge *j, const char *id, const char *host, const otr_address *address, const char *parent);

/* A text that lives as long as the report. */
#define OTR_TEXT(j, ...) otr_arena_printf((j)->report->arena, __VA_ARGS__)

/*
 * What a lookup came to where it brought no records, with the right one of the three words. Returns true if it is about a
 * lookup that failed, or was not made: the finding is then told, unknown (or critical where the answer is bogus).
 */
bool otr_say_failed_lookup(otr_judge *j, const char *id, const char *host, const otr_dns_answer *answer, const char *what);

/* NULL: this address has shown no chain. */
const otr_chain_judgement *otr_chain_of(const otr_judge *j, size_t host, size_t address, size_t program);

/* The end of a certificate that an expiry check looks at, by its whole life. */
otr_check_status otr_expiry_status(const X509 *cert, otr_time at);

void otr_check_dns(otr_judge *j);
void otr_check_mx_hosts(otr_judge *j);
void otr_check_smtp(otr_judge *j);
void otr_check_cert(otr_judge *j);
void otr_check_dane(otr_judge *j);
void otr_check_sts(otr_judge *j);
void otr_check_sts_policy(otr_judge *j);
void otr_check_rpt(otr_judge *j);

#endif
