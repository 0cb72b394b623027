/*
 * setup_resolver.h - do the resolvers that the mail server asks validate, and will it believe them? Exim and Postfix do
 * DANE with the AD bit of the machine's resolver, as the C library passes it on: they need one that validates, near
 * enough to be believed, and glibc needs "options trust-ad" to let Exim see the bit.
 */
#ifndef OTR_CLI_SETUP_RESOLVER_H
#define OTR_CLI_SETUP_RESOLVER_H

#include "dns/resolvconf.h"

#include <stdbool.h>
#include <stdint.h>

#define OTR_RESOLVER_PATIENCE_MS 2000 /* for all servers of resolv.conf together */

typedef enum otr_ad_answer {
    OTR_AD_SET,     /* the root's NS records came with AD: this server validates */
    OTR_AD_MISSING, /* they came without */
    OTR_AD_FAILED,  /* an answer, but an error or no answer to this question */
    OTR_AD_SILENT,  /* no answer in time, or it cannot be reached */
} otr_ad_answer;

typedef struct otr_resolver_state {
    const char *path;        /* borrowed; the resolv.conf that was read */
    bool is_read;            /* false: there is none, and the C library asks 127.0.0.1 */
    otr_nameservers servers; /* at least one */
    otr_ad_answer ad[OTR_NAMESERVER_MAX];
    bool is_loopback[OTR_NAMESERVER_MAX];
    bool trusts_ad; /* "options trust-ad" */
} otr_resolver_state;

/* Read a resolv.conf and ask its servers. Takes OTR_RESOLVER_PATIENCE_MS at most. */
void otr_resolver_examine(const char *path, otr_resolver_state *state);

/* Pure parts. */
bool otr_resolv_trusts_ad(const char *text, size_t len);
bool otr_address_is_loopback(const char *address);

/* A question for the root's NS records that sets AD and DO, as Postfix asks it (dnssec_probe). Returns its length. */
#define OTR_AD_QUESTION_SIZE 28
size_t otr_ad_question(uint16_t id, uint8_t question[OTR_AD_QUESTION_SIZE]);
/* False: no answer to this question. */
bool otr_ad_judge(const uint8_t *packet, size_t len, uint16_t id, otr_ad_answer *answer);

#endif
