/*
 * trust_text.h - how the trust commands write roots, times and sentences.
 */
#ifndef OTR_CLI_TRUST_TEXT_H
#define OTR_CLI_TRUST_TEXT_H

#include "base/clock.h"

#include <stdio.h>

#include <openssl/x509.h>

#define OTR_TEXT_COLUMNS 100

struct json_t;

/* Text from outside, so that a terminal shows it and does nothing else (otr_escape()). */
void otr_put_escaped(FILE *to, const char *text);

/* Words on lines of at most OTR_TEXT_COLUMNS, each begun with `indent`. */
void otr_print_wrapped(const char *indent, const char *text);

/* "2026-12-31", "-" for 0. */
const char *otr_day_text(otr_time t, char text[OTR_TIME_TEXT]);

/* {"subject", "sha256", "anchor_id", "owner", "not_after"}. */
struct json_t *otr_root_json(const X509 *root);

/* RFC 3339, or null for 0. */
struct json_t *otr_time_json(otr_time t);

/* The text, escaped if it is no UTF-8; null for NULL. */
struct json_t *otr_text_json(const char *text);

#endif
