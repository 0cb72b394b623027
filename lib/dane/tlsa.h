/*
 * tlsa.h - TLSA records (RFC 6698, RFC 7671): reading them, whether SMTP can use them (RFC 7672 §3.1), and
 * which of a set count (digest agility, RFC 7671 §9). Pure.
 */
#ifndef OTR_DANE_TLSA_H
#define OTR_DANE_TLSA_H

#include "base/buf.h"

#include <outrider/base.h>

#include <stdint.h>

#define OTR_TLSA_DATA_MAX 65532 /* an RDATA has at most 65535 octets, three of them parameters */

typedef struct otr_tlsa {
    uint8_t usage;
    uint8_t selector;
    uint8_t mtype;
    const uint8_t *data; /* borrowed from the RDATA, or owned by whoever parsed the text */
    size_t len;
    bool is_short; /* RDATA had fewer than three octets: parameters are not meaningful */
} otr_tlsa;

/* Never fails: malformed RDATA yields a record that is not usable (TLSA-01). data is borrowed from rdata. */
otr_tlsa otr_tlsa_from_rdata(const uint8_t *rdata, size_t len);

/*
 * Presentation format (RFC 6698 §2.2, TLSA-15): "3 1 1 HEX", hex digits of either case, white space allowed
 * inside the data; also a zone-file line "[owner] [ttl] [IN] TLSA 3 1 1 HEX" and "[...] TYPE52 \# n HEX".
 * The bytes are written to `data`, to which record->data then points.
 * Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX (diag has the column) or OUTRIDER_E_NOMEM.
 */
outrider_err otr_tlsa_parse(const char *text, size_t len, otr_buf *data, otr_tlsa *record, outrider_diag *diag);

/* "3 1 1 HEX", upper case, no inner space. */
void otr_tlsa_print(const otr_tlsa *record, otr_buf *out);

/* Why a record can or cannot be used for SMTP. The words are in otr_tlsa_usability_names[]. */
typedef enum otr_tlsa_usability {
    OTR_TLSA_USABLE,
    OTR_TLSA_SHORT,            /* fewer than three octets of parameters, or no data */
    OTR_TLSA_USAGE_PKIX,       /* usages 0 and 1: RFC 7672 §3.1.3; never mapped to 2 or 3 (NO-PKIX-USAGES) */
    OTR_TLSA_UNKNOWN_USAGE,
    OTR_TLSA_UNKNOWN_SELECTOR,
    OTR_TLSA_UNKNOWN_MTYPE,
    OTR_TLSA_BAD_DIGEST_LENGTH,
    OTR_TLSA_BAD_CERTIFICATE,  /* matching type 0, selector 0: not one complete DER certificate */
    OTR_TLSA_BAD_KEY,          /* matching type 0, selector 1: not one complete SubjectPublicKeyInfo */
    OTR_TLSA_DISABLED,         /* by local policy (TLSA-09) */
} otr_tlsa_usability;
extern const char *const otr_tlsa_usability_names[]; /* a sentence for each, for people and JSON */

/* Uses OpenSSL to check DER for matching type 0. */
otr_tlsa_usability otr_tlsa_check(const otr_tlsa *record);

/*
 * Digest agility (TLSA-12, TLSA-13): of the usable records, for each (usage, selector) those of matching type 0
 * and of the strongest digest present (2 above 1). counts[i] receives whether records[i] takes part in
 * matching. Returns how many do: 0 means "none usable".
 */
size_t otr_tlsa_select(const otr_tlsa *records, size_t count, bool *counts);

#endif
