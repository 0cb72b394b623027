/*
 * site_make.c - the site: everything that the server may show, as it is now.
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/metrics.h"
#include "daemon/publish/inside.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void free_site(otr_snapshot_value *value)
{
    otr_site *site = (otr_site *)value;

    for (size_t i = 0; i < site->policy_count; i++)
        SSL_CTX_free(site->policies[i].tls);
    otr_arena_free(site->owner);
}

static SSL_CTX *share_tls(const otr_own_domain *d)
{
    SSL_CTX *tls = d->certificate != NULL ? otr_certificate_tls(d->certificate) : NULL;

    return tls != NULL && SSL_CTX_up_ref(tls) == 1 ? tls : NULL;
}

/* The body and the times are those of an edition, which outlives every site. */
static void fill_policy(otr_site_policy *policy, const otr_own_domain *d, otr_arena *arena)
{
    otr_edition *e = d->serving;

    memcpy(policy->host, d->host, sizeof(policy->host));
    policy->domain = otr_arena_text(arena, d->domain);
    memcpy(policy->id, e->v.id, sizeof(policy->id));
    policy->body = otr_slice_of(e->v.body);
    policy->served = &e->served;
    policy->tls = share_tls(d);
}

static bool is_shown(const otr_own_domain *d)
{
    return d->conf != NULL && d->serving != NULL && *d->host != '\0';
}

/* Hosts are in the order of their domains: all begin alike. */
static void fill_policies(const otr_publisher *p, otr_arena *arena, otr_site *site)
{
    otr_site_policy *policies = otr_arena_alloc(arena, p->domain_count + 1, sizeof(*policies));

    for (size_t i = 0; policies != NULL && i < p->domain_count; i++)
        if (is_shown(&p->domains[i]))
            fill_policy(&policies[site->policy_count++], &p->domains[i], arena);
    site->policies = policies;
}

static void fill_tokens(const otr_publisher *p, otr_arena *arena, otr_site *site)
{
    otr_site_token *tokens = otr_arena_alloc(arena, p->tokens.count + 1, sizeof(*tokens));

    for (size_t i = 0; tokens != NULL && i < p->tokens.count; i++) {
        const otr_site_token *from = &p->tokens.list[i];

        tokens[i].name = otr_arena_text(arena, from->name);
        tokens[i].content = (otr_slice){ otr_arena_bytes(arena, from->content.ptr, from->content.len), from->content.len };
        site->token_count++;
    }
    site->tokens = tokens;
}

outrider_err otr_publisher_swap_site(otr_publisher *p, outrider_diag *diag)
{
    otr_arena *arena = otr_arena_new();
    otr_site *site = arena != NULL ? otr_arena_alloc(arena, 1, sizeof(*site)) : NULL;

    p->is_site_old = true;
    if (site == NULL) {
        if (arena != NULL)
            otr_arena_free(arena);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    site->value.free = free_site;
    site->owner = arena;
    fill_policies(p, arena, site);
    fill_tokens(p, arena, site);
    if (otr_arena_failed(arena)) {
        free_site(&site->value);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    otr_snapshot_lock(&p->site);
    otr_snapshot_replace(&p->site, &site->value);
    otr_snapshot_unlock(&p->site);
    p->is_site_old = false;
    return OUTRIDER_OK;
}

/* Challenges: all that lie in the directory now; one that cannot be read leaves none. */
void otr_publisher_read_tokens(otr_publisher *p)
{
    otr_arena *arena = otr_arena_new();
    otr_acme_tokens tokens = { 0 };
    outrider_diag diag = { .message = "out of memory" };
    outrider_err err = arena != NULL ? otr_acme_read(p->conf->policy_host.acme_directory, arena, &tokens, &diag) : OUTRIDER_E_NOMEM;

    if (err != OUTRIDER_OK) {
        otr_count(OTR_CELL_PUBLISH_FAILURES + OTR_PUBLISH_CHALLENGES);
        if (!p->is_acme_failing)
            OTR_LOG(OTR_LOG_ERROR, "publish.challenges.failed", { "directory", p->conf->policy_host.acme_directory },
                    { "error", diag.message }, { "effect", "no certificate can be had by HTTP-01; it is tried again" });
        tokens = (otr_acme_tokens){ 0 };
    }
    p->is_acme_failing = err != OUTRIDER_OK;
    if (p->tokens_arena != NULL)
        otr_arena_free(p->tokens_arena);
    p->tokens_arena = arena;
    p->tokens = tokens;
}
