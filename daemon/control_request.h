/*
 * control_request.h - what an operator wants done: one JSON object, one line (docs/protocols.md, "Control"). Pure.
 *
 *     {"do":"override.add","domain":D,"until":DATE,"reason":TEXT[,"level":"may"|"encrypt"|"defer"]}
 *     {"do":"override.list"}
 *     {"do":"override.remove","domain":D}
 *     {"do":"trust.record","domain":D,"role":"mx","host":H,"chain":PEM[,"source":"probe"|"mta"]}
 *
 * A key that the verb does not know is refused: what was mistyped must not count as left out.
 */
#ifndef OTR_DAEMON_CONTROL_REQUEST_H
#define OTR_DAEMON_CONTROL_REQUEST_H

#include "trust/sighting.h"
#include "verdict/override.h"

#define OTR_CONTROL_MAX 65536 /* octets of a request; certificates in PEM have room */
#define OTR_CONTROL_DATE_MAX 63

typedef enum otr_control_verb {
    OTR_CONTROL_OVERRIDE_ADD, OTR_CONTROL_OVERRIDE_LIST, OTR_CONTROL_OVERRIDE_REMOVE, OTR_CONTROL_TRUST_RECORD,
    OTR_CONTROL_VERB_COUNT
} otr_control_verb;
extern const char *const otr_control_verbs[]; /* "override.add", ... */

typedef struct otr_control_request {
    otr_control_verb verb;
    char domain[OTR_DOMAIN_SIZE]; /* normal form; "" where the verb has none */
    otr_level level;              /* override.add, with the two below */
    char until[OTR_CONTROL_DATE_MAX + 1]; /* as written: what it means depends on the time */
    char reason[OTR_OVERRIDE_REASON_MAX + 1];
    char host[OTR_DOMAIN_SIZE];   /* trust.record, with the two below; normal form */
    otr_sighting_source source;
    char *pem;                    /* owned: certificates, as they came; NULL where the verb has none */
} otr_control_request;

/*
 * One line without its LF. OUTRIDER_OK, OUTRIDER_E_SYNTAX, OUTRIDER_E_LIMIT or OUTRIDER_E_NOMEM. What a request owns is
 * released with otr_control_request_clear().
 */
outrider_err otr_control_parse(otr_slice line, otr_control_request *request, outrider_diag *diag);
void otr_control_request_clear(otr_control_request *request);

#endif
