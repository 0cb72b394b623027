/*
 * tlsa_make.h - making TLSA records that authenticate a chain or a key (RFC 7672 §3.1, PUB-10). Pure. The inverse of match.h: what is made
 * here matches there.
 *
 * "3 1 1" is the first choice: it holds as long as the key does. Usage 2 names the CA certificate that signed the server's, and needs
 * it in the chain as it is sent (PUB-17).
 */
#ifndef OTR_DANE_TLSA_MAKE_H
#define OTR_DANE_TLSA_MAKE_H

#include "base/arena.h"
#include "dane/tlsa.h"
#include "dane/tlsa_source.h"

#define OTR_TLSA_DIGEST_MAX 64 /* octets */
#define OTR_TLSA_FORMS_MAX 8   /* two usages, two selectors, two digests */

typedef struct otr_tlsa_form {
    uint8_t usage, selector, mtype;
} otr_tlsa_form;

#define OTR_TLSA_FORM_DEFAULT { 3, 1, 1 }

/* "3 1 1". Refused with a reason: what otr_tlsa_form_fault() refuses. OUTRIDER_OK or OUTRIDER_E_SYNTAX. */
outrider_err otr_tlsa_form_parse(const char *text, size_t len, otr_tlsa_form *form, outrider_diag *diag);

/*
 * Why no record of this form is made: usages 0 and 1 (RFC 7672 §3.1.3), matching type 0 (RFC 7671 §10.1.2: large answers), what is
 * unknown. NULL: it can be made.
 */
const char *otr_tlsa_form_fault(otr_tlsa_form form);

typedef struct otr_tlsa_forms {
    otr_tlsa_form list[OTR_TLSA_FORMS_MAX];
    size_t count;
} otr_tlsa_forms;

/*
 * Add a form, each once. SHA2-512 is never alone (RFC 7671 §10.1.2): with it comes the same with SHA2-256, before it; true if that was
 * added unasked. The form has no fault.
 */
bool otr_tlsa_forms_add(otr_tlsa_forms *forms, otr_tlsa_form form);

typedef struct otr_tlsa_digest {
    otr_tlsa_form form;
    uint8_t len;
    uint8_t bytes[OTR_TLSA_DIGEST_MAX];
} otr_tlsa_digest;

/*
 * The record of this form for this source. Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX (the form, or what it needs is not there: selector 0
 * a certificate, usage 2 the issuer's; diag says so) or OUTRIDER_E_NOMEM. *digest is written on success only.
 */
outrider_err otr_tlsa_make(const otr_tlsa_source *source, otr_tlsa_form form, otr_tlsa_digest *digest, outrider_diag *diag);

/* The same as text, "3 1 1 HEX", in the arena; "" where it cannot be made of this source. */
const char *otr_tlsa_made_text(otr_arena *arena, const otr_tlsa_source *source, otr_tlsa_form form);

/* Borrowed from the digest. */
otr_tlsa otr_tlsa_of_digest(const otr_tlsa_digest *digest);

bool otr_tlsa_same(const otr_tlsa *a, const otr_tlsa *b);

/* Whether the record, of whatever usage it may be, is one of a form that can be made, and is the very one for this source. */
bool otr_tlsa_is_of(const otr_tlsa *record, const otr_tlsa_source *source);

#endif
