/*
 * control_request.h - what an operator wants done: one JSON object, one line (docs/protocols.md, "Control"). Pure.
 *
 *     {"do":"override.add","domain":D,"until":DATE,"reason":TEXT[,"level":"may"|"encrypt"|"defer"]}
 *     {"do":"override.list"}
 *     {"do":"override.remove","domain":D}
 *     {"do":"trust.add","domains":[NAME...],"until":DATE,"reason":TEXT,"pem":TEXT}
 *     {"do":"trust.list"}
 *     {"do":"trust.remove","root":HEX[,"domains":[NAME...]]}
 *     {"do":"trust.accept","domain":D}
 *     {"do":"trust.record","domain":D,"role":"mx","host":H,"chain":PEM[,"source":"probe"|"mta"]}
 *     {"do":"publish.status"[,"domain":D][,"days":NUMBER]}
 *     {"do":"publish.set","domain":D,"mode":"testing"|"enforce"[,"forced":BOOL][,"reason":TEXT][,"checks":TEXT]}
 *     {"do":"publish.retire","domain":D[,"reason":TEXT]}
 *     {"do":"publish.reload"}
 *     {"do":"fleet.status"}
 *
 * NAME is a domain, or "." and one: all below it. HEX is a fingerprint, or its beginning.
 * A key that the verb does not know is refused: what was mistyped must not count as left out.
 */
#ifndef OTR_DAEMON_CONTROL_REQUEST_H
#define OTR_DAEMON_CONTROL_REQUEST_H

#include "sts/policy.h"
#include "sts/record.h"
#include "trust/sighting.h"
#include "verdict/override.h"

#define OTR_CONTROL_MAX 65536 /* octets of a request; certificates in PEM have room */
#define OTR_CONTROL_DATE_MAX 63
#define OTR_CONTROL_NAMES_MAX 64  /* in one request */
#define OTR_CONTROL_PEM_MAX 16384 /* octets of one root */
#define OTR_CONTROL_DAYS_MAX 90   /* of fetches */
#define OTR_CONTROL_ROOT_MIN 8    /* digits of a fingerprint; fewer might be another's by chance */

typedef enum otr_control_verb {
    OTR_CONTROL_OVERRIDE_ADD, OTR_CONTROL_OVERRIDE_LIST, OTR_CONTROL_OVERRIDE_REMOVE, OTR_CONTROL_TRUST_RECORD,
    OTR_CONTROL_TRUST_ADD, OTR_CONTROL_TRUST_LIST, OTR_CONTROL_TRUST_REMOVE, OTR_CONTROL_TRUST_ACCEPT,
    OTR_CONTROL_PUBLISH_STATUS, OTR_CONTROL_PUBLISH_SET, OTR_CONTROL_PUBLISH_RETIRE, OTR_CONTROL_PUBLISH_RELOAD,
    OTR_CONTROL_FLEET_STATUS,
    OTR_CONTROL_VERB_COUNT
} otr_control_verb;
extern const char *const otr_control_verbs[]; /* "override.add", ... */

/* For whom a root is: normal form, or "." and one. */
typedef struct otr_control_name {
    char text[OTR_DOMAIN_SIZE + 1];
} otr_control_name;

typedef struct otr_control_request {
    otr_control_verb verb;
    char domain[OTR_DOMAIN_SIZE]; /* normal form; "" where the verb has none */
    otr_level level;              /* override.add, with the two below */
    char until[OTR_CONTROL_DATE_MAX + 1]; /* as written: what it means depends on the time */
    char reason[OTR_OVERRIDE_REASON_MAX + 1];
    otr_control_name *names;      /* owned; each once. trust.add, trust.remove */
    size_t name_count;
    char root[OTR_SHA256_TEXT];   /* trust.remove: lower-case hex, perhaps only the beginning */
    char host[OTR_DOMAIN_SIZE];   /* trust.record, with the two below; normal form */
    otr_sighting_source source;
    otr_sts_mode mode;            /* publish.set, with the three below */
    bool is_forced;
    char id[OTR_STS_ID_MAX + 1];  /* of the policy that was looked at; "": whatever it is */
    char checks[OTR_OVERRIDE_REASON_MAX + 1]; /* what was found before */
    uint32_t days;                /* publish.status; 1 to OTR_CONTROL_DAYS_MAX */
    char *pem;                    /* owned: certificates, as they came; NULL where the verb has none */
} otr_control_request;

/*
 * One line without its LF. OUTRIDER_OK, OUTRIDER_E_SYNTAX, OUTRIDER_E_LIMIT or OUTRIDER_E_NOMEM. What a request owns is
 * released with otr_control_request_clear().
 */
outrider_err otr_control_parse(otr_slice line, otr_control_request *request, outrider_diag *diag);
void otr_control_request_clear(otr_control_request *request);

/* It is about the roots: the keeper's. About what we publish: the publisher's. About the fleet: the fleet's. */
bool otr_control_is_trust(otr_control_verb verb);
bool otr_control_is_publish(otr_control_verb verb);
bool otr_control_is_fleet(otr_control_verb verb);

#endif
