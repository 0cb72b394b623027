/*
 * record.h - what the members of a fleet tell one another: policies, overrides, exceptions, accepted roots, and chains that were
 * seen. A value, its name, its form in octets, and which of two counts. Pure.
 *
 *     RANK LF "outrider 1 " kind LF *(key SP value LF) [octets]
 *
 * RANK is 33 octets, made of the rest: the time, whether it is a removal, and a digest (of all but who brings it). Of two records with one name that with the
 * higher rank counts, octet by octet: so whoever compares, in which order and how often, comes to the same (and a script in Redis
 * can). For policies the time is that of the HTTPS fetch, so that none is ever displaced by an older one (RFC 8461 §5.1); for
 * what an operator says it is the time of saying it, and at one time a removal is the stronger.
 *
 * A removal is a record of its own until the time at which what it removes would have ended by itself: a member that was away
 * brings nothing back to life.
 *
 * What is read comes from another machine and is believed no more than what a network peer sends: the policy is parsed, names
 * and times are checked, every length has a limit, and the rank must be that of the content.
 */
#ifndef OTR_FLEET_RECORD_H
#define OTR_FLEET_RECORD_H

#include "base/buf.h"
#include "sts/entry.h"
#include "trust/exception.h"
#include "trust/sighting.h"
#include "verdict/override.h"

#define OTR_FLEET_RECORD_MAX (132 * 1024) /* octets of one record */
#define OTR_FLEET_RANK 33                 /* octets, without a NUL */
#define OTR_FLEET_RECORD_NAME_SIZE 640    /* sighting/DOMAIN/mx/HOST */
#define OTR_FLEET_MEMBER_SIZE 65          /* the name of a member, with its NUL: letters, digits, "-", "." */
#define OTR_FLEET_KEEP (90 * (otr_time)86400) /* s for which a sighting or an acceptance is kept */
#define OTR_FLEET_SKEW 300 /* s by which the clock of another member may be ahead of ours */

typedef enum otr_fleet_kind {
    OTR_FLEET_POLICY, OTR_FLEET_OVERRIDE, OTR_FLEET_EXCEPTION, OTR_FLEET_ACCEPTED, OTR_FLEET_SIGHTING, OTR_FLEET_KINDS
} otr_fleet_kind;
extern const char *const otr_fleet_kind_names[]; /* "policy", "override", "exception", "accepted", "sighting" */

typedef struct otr_fleet_record {
    otr_fleet_kind kind;
    char by[OTR_FLEET_MEMBER_SIZE]; /* the member that made it */
    otr_time at;                    /* of two with one name the later counts */
    char domain[OTR_DOMAIN_SIZE + 1]; /* EXCEPTION: perhaps "." and a domain */
    char root[OTR_SHA256_TEXT];     /* EXCEPTION */
    bool is_removal;                /* OVERRIDE, EXCEPTION */
    otr_time until;                 /* of those: the end, also of what was removed */
    int64_t uid;                    /* of who said it, on that member */
    otr_level level;                /* OVERRIDE */
    char reason[OTR_OVERRIDE_REASON_MAX + 1];
    X509 *cert;                     /* owned; EXCEPTION */
    char id[OTR_STS_ID_MAX + 1];    /* POLICY: that of the TXT record; "": fetched without one */
    otr_sts_policy *policy;         /* owned; POLICY, max_age above 0 */
    otr_role role;                  /* SIGHTING, as the rest */
    char host[OTR_DOMAIN_SIZE];
    otr_sighting_source source;
    STACK_OF(X509) *chain;          /* owned; as the host sent it. Whoever takes it over judges it */
} otr_fleet_record;

void otr_fleet_record_clear(otr_fleet_record *record);

/* "policy/example.org", "exception/HEX/.example.org". */
const char *otr_fleet_record_name(const otr_fleet_record *record, char name[OTR_FLEET_RECORD_NAME_SIZE]);

/* From this time on it says nothing any more, and is not kept. */
otr_time otr_fleet_record_end(const otr_fleet_record *record);

/* Appended to `out`. OUTRIDER_OK, OUTRIDER_E_LIMIT or OUTRIDER_E_NOMEM. */
outrider_err otr_fleet_record_write(const otr_fleet_record *record, otr_buf *out);
outrider_err otr_fleet_record_rank(const otr_fleet_record *record, char rank[OTR_FLEET_RANK + 1]);

/*
 * OUTRIDER_OK, OUTRIDER_E_SYNTAX, OUTRIDER_E_LIMIT or OUTRIDER_E_NOMEM; OUTRIDER_E_CONFIG: it may be good for others, or later. That
 * is one of a newer outriderd, and one that lies in the future of `now` by more than OTR_FLEET_SKEW: it could not be displaced until
 * then, and a policy would live too long.
 */
outrider_err otr_fleet_record_read(const char *octets, size_t len, otr_time now, otr_fleet_record *record, outrider_diag *diag);

/* Whether `a` counts more than `b`, both of OTR_FLEET_RANK octets. */
static inline bool otr_fleet_outranks(const char *a, const char *b)
{
    return memcmp(a, b, OTR_FLEET_RANK) > 0;
}

/* Of what this machine knows. False: it is none that others could use, or out of memory. */
bool otr_fleet_record_of_entry(otr_fleet_record *record, const otr_sts_entry *entry, const char *by);
bool otr_fleet_record_of_sighting(otr_fleet_record *record, const otr_sighting *sighting, const char *by);
/* Of "override/D", "exception/HEX/D" or "accepted/D": what can be said with a name and a time. */
bool otr_fleet_record_of_name(otr_fleet_record *record, const char *name, otr_time at, const char *by);
void otr_fleet_record_of_override(otr_fleet_record *record, const otr_override *override, const char *by);
void otr_fleet_record_of_exception(otr_fleet_record *record, const otr_exception *exception, const char *by);

/* And back. The entry has one reference, or is NULL: out of memory; what else was known of the domain is taken over. */
otr_sts_entry *otr_fleet_record_to_entry(const otr_fleet_record *record, const otr_sts_entry *known);
void otr_fleet_record_to_override(const otr_fleet_record *record, otr_override *override);
void otr_fleet_record_to_exception(const otr_fleet_record *record, otr_exception *exception); /* refers to the certificate */

/* A time for what is said now, later than what it is to displace (0: nothing). */
otr_time otr_fleet_stamp(otr_time now, otr_time displaced);

bool otr_fleet_is_member_name(const char *text);

#endif
