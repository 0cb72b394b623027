/*
 * resolver.c - the interface of resolver.h, handed to whichever implementation it is.
 */
#include "dns/resolver.h"

#include "dns/selftest.h"

otr_dns_query *otr_dns_ask(otr_resolver *resolver, const char *name, uint16_t type, otr_dns_done *done, void *arg)
{
    return resolver->ops->ask(resolver, name, type, done, arg);
}

void otr_dns_cancel(otr_dns_query *query)
{
    if (query != NULL)
        query->resolver->ops->cancel(query);
}

void otr_resolver_free(otr_resolver *resolver)
{
    if (resolver == NULL)
        return;
    otr_selftests_abandon(resolver);
    resolver->ops->free(resolver);
}
