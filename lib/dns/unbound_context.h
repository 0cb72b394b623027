/*
 * unbound_context.h - one configured libunbound context. Private to lib/dns.
 */
#ifndef OTR_DNS_UNBOUND_CONTEXT_H
#define OTR_DNS_UNBOUND_CONTEXT_H

#include "dns/unbound.h"

struct ub_ctx;

/* A copy of the options that lives in arena (the callback and its argument are taken as they are). */
otr_unbound_options *otr_unbound_options_copy(otr_arena *arena, const otr_unbound_options *options);

/* Whether the settings make sense and the files they name hold what they should. */
outrider_err otr_unbound_options_check(const otr_unbound_options *options, outrider_diag *diag);

/*
 * A context that asks `forwarders` (NULL-terminated; NULL: from the root hints), finished: nothing in its
 * configuration is left to fail at the first lookup.
 */
outrider_err otr_ub_context_new(struct event_base *base, const otr_unbound_options *options,
                                const char *const *forwarders, struct ub_ctx **ctx, outrider_diag *diag);

/* Must not be called from within a callback of libunbound. Lookups under way end without calling back. */
void otr_ub_context_free(struct ub_ctx *ctx);

#endif
