/*
 * unbound_context.c - libunbound 1.17, told what it needs to know. Reasons stand beside each option.
 */
#include "dns/unbound_context.h"

#include "base/diag.h"

#include <pthread.h>
#include <string.h>
#include <unbound.h>
#include <unbound-event.h>

/*
 * Creating and deleting a context touches globals of libunbound (its log, a lock that it sets up anew): two
 * threads must not do it at once. Lookups in different contexts do not meet.
 */
static pthread_mutex_t globals = PTHREAD_MUTEX_INITIALIZER;

struct setting {
    const char *name, *value;
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct setting common_settings[] = {
    { "module-config:", "validator iterator" }, /* without the validator everything would look insecure */
    { "harden-dnssec-stripped:", "yes" },       /* a signed zone without signatures is bogus, not insecure */
    { "serve-expired:", "no" },                 /* DNS-33: nothing past its TTL */
    { "cache-max-ttl:", "3600" },               /* s; no mail is decided by older news than this (STS-APPLY-06) */
    { "val-clean-additional:", "yes" },
    { "val-bogus-ttl:", "30" },                 /* s; RFC 9520 §3.2: failures are kept shortly, but kept */
    { "edns-buffer-size:", "1232" },            /* no fragments; what is larger comes over TCP (DNS-34) */
    { "infra-keep-probing:", "yes" },           /* a forwarder that was away is noticed when it is back */
    { "infra-host-ttl:", "60" },                /* s; likewise */
    { "trust-anchor-signaling:", "no" },        /* RFC 8145 telemetry: not ours to send from a library */
    { "msg-cache-size:", "32m" },               /* the defaults of the library thrash at 3000 domains */
    { "rrset-cache-size:", "64m" },
    { "key-cache-size:", "16m" },
    { "neg-cache-size:", "4m" },
    { "outgoing-range:", "256" },               /* sockets; the default of 16 makes cold bursts wait in line */
    { "outgoing-num-tcp:", "16" },
};

static outrider_err fail(outrider_diag *diag, int err, const char *what)
{
    return otr_fail(diag, err == UB_NOMEM ? OUTRIDER_E_NOMEM : OUTRIDER_E_CONFIG, "%s: libunbound: %s", what,
                    ub_strerror(err));
}

/* Where TTLs are what is wanted (has_whole_ttls): a week is more than a sane record has. */
static const struct setting whole_settings[] = {
    { "cache-max-ttl:", "604800" },
    { "cache-max-negative-ttl:", "604800" },
};

/* Where one server is asked for its own word (is_plain): on top of the above. */
static const struct setting plain_settings[] = {
    { "module-config:", "iterator" },
    { "cache-max-ttl:", "604800" },             /* its TTLs are what is wanted; a week is more than a sane TLSA record has */
    { "cache-max-negative-ttl:", "604800" },
    { "qname-minimisation:", "no" },            /* it knows the whole name, being asked about its own zone */
    { "harden-below-nxdomain:", "no" },         /* one answer says nothing about another */
    { "target-fetch-policy:", "0 0 0 0 0" },    /* nobody else is asked */
    { "msg-cache-size:", "256k" },
    { "rrset-cache-size:", "256k" },
    { "key-cache-size:", "64k" },
    { "neg-cache-size:", "64k" },
    { "outgoing-range:", "8" },
    { "outgoing-num-tcp:", "4" },
};

static outrider_err set_options(struct ub_ctx *ctx, const struct setting *settings, size_t count, outrider_diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        int err = ub_ctx_set_option(ctx, settings[i].name, settings[i].value);

        if (err != 0)
            return fail(diag, err, settings[i].name);
    }
    return OUTRIDER_OK;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strncmp(address, "::1@", 4) == 0;
}

static bool has_loopback(const char *const *addresses)
{
    for (; addresses != NULL && *addresses != NULL; addresses++)
        if (is_loopback(*addresses))
            return true;
    return false;
}

/* libunbound asks nothing on loopback by itself, lest a delegation from outside point it there. */
static bool needs_localhost(const otr_unbound_options *options, const char *const *forwarders)
{
    if (options->allow_localhost || has_loopback(forwarders))
        return true;
    for (const otr_stub_zone *z = options->stubs; z != NULL && z->name != NULL; z++)
        if (has_loopback(z->addresses))
            return true;
    return false;
}

/* A stub for the root takes the place of the hints: its servers are asked for the root's own NS records. */
static bool has_root_stub(const otr_unbound_options *options)
{
    for (const otr_stub_zone *z = options->stubs; z != NULL && z->name != NULL; z++)
        if (strcmp(z->name, ".") == 0)
            return true;
    return false;
}

static outrider_err set_servers(struct ub_ctx *ctx, const otr_unbound_options *options,
                                const char *const *forwarders, outrider_diag *diag)
{
    int err = 0;

    if (needs_localhost(options, forwarders) &&
        (err = ub_ctx_set_option(ctx, "do-not-query-localhost:", "no")) != 0)
        return fail(diag, err, "do-not-query-localhost");
    for (size_t i = 0; forwarders != NULL && forwarders[i] != NULL; i++)
        if ((err = ub_ctx_set_fwd(ctx, forwarders[i])) != 0)
            return fail(diag, err, forwarders[i]);
    if (forwarders == NULL && !has_root_stub(options) &&
        (err = ub_ctx_set_option(ctx, "root-hints:", options->root_hints)) != 0)
        return fail(diag, err, options->root_hints);
    for (const otr_stub_zone *z = options->stubs; z != NULL && z->name != NULL; z++)
        for (const char *const *a = z->addresses; *a != NULL; a++)
            if ((err = ub_ctx_set_stub(ctx, z->name, *a, 0)) != 0)
                return fail(diag, err, z->name);
    return OUTRIDER_OK;
}

static outrider_err set_anchors(struct ub_ctx *ctx, const otr_unbound_options *options, outrider_diag *diag)
{
    int err = ub_ctx_add_ta_file(ctx, options->trust_anchor);

    if (err != 0)
        return fail(diag, err, options->trust_anchor);
    for (size_t i = 0; options->extra_anchors != NULL && options->extra_anchors[i] != NULL; i++)
        if ((err = ub_ctx_add_ta_file(ctx, options->extra_anchors[i])) != 0)
            return fail(diag, err, options->extra_anchors[i]);
    return OUTRIDER_OK;
}

static void ignore_answer(void *arg, int rcode, void *packet, int len, int sec, char *why, int was_ratelimited)
{
    (void)arg, (void)rcode, (void)packet, (void)len, (void)sec, (void)why, (void)was_ratelimited;
}

/*
 * Finish the context: libunbound reads files and checks options only now. The zones that it would answer
 * by itself and that may be real ones here are taken out: "test" is no name for a public domain but a
 * common one in private trees, and a stub zone is what its setting says. "localhost" is answered without
 * asking anyone; that makes the worker, the last part that could fail.
 */
static int finish(struct ub_ctx *ctx, const otr_unbound_options *options)
{
    int err = ub_ctx_zone_remove(ctx, "test.");

    for (const otr_stub_zone *z = options->stubs; err == 0 && z != NULL && z->name != NULL; z++)
        err = ub_ctx_zone_remove(ctx, z->name);
    return err != 0 ? err : ub_resolve_event(ctx, "localhost.", 1, 1, NULL, ignore_answer, NULL);
}

static struct ub_ctx *create(struct event_base *base)
{
    struct ub_ctx *ctx;

    pthread_mutex_lock(&globals);
    ctx = ub_ctx_create_event(base);
    if (ctx != NULL)
        ub_ctx_debugout(ctx, NULL); /* nothing of its own on standard error: what matters, we report */
    pthread_mutex_unlock(&globals);
    return ctx;
}

void otr_ub_context_free(struct ub_ctx *ctx)
{
    if (ctx == NULL)
        return;
    pthread_mutex_lock(&globals);
    ub_ctx_delete(ctx);
    pthread_mutex_unlock(&globals);
}

/* Whether libunbound can read one file of trust anchors, tried in a context of its own. */
static bool is_good_anchor(struct event_base *base, const char *path)
{
    struct ub_ctx *ctx = create(base);
    bool is_good = ctx != NULL && ub_ctx_add_ta_file(ctx, path) == 0 && ub_ctx_zone_remove(ctx, "test.") == 0;

    otr_ub_context_free(ctx);
    return is_good;
}

/* finish() has failed, and libunbound does not say at what: find the file. */
static outrider_err blame(struct event_base *base, const otr_unbound_options *options, int err, outrider_diag *diag)
{
    if (err == UB_NOMEM)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (!is_good_anchor(base, options->trust_anchor))
        return otr_fail(diag, OUTRIDER_E_IO, "%s: not a list of DS or DNSKEY records", options->trust_anchor);
    for (size_t i = 0; options->extra_anchors != NULL && options->extra_anchors[i] != NULL; i++)
        if (!is_good_anchor(base, options->extra_anchors[i]))
            return otr_fail(diag, OUTRIDER_E_IO, "%s: not a list of DS or DNSKEY records", options->extra_anchors[i]);
    if (options->is_recursive)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: not a list of root servers, or %s", options->root_hints,
                        ub_strerror(err));
    return fail(diag, err, "the settings of the resolver");
}

outrider_err otr_ub_context_new(struct event_base *base, const otr_unbound_options *options,
                                const char *const *forwarders, struct ub_ctx **ctx, outrider_diag *diag)
{
    struct ub_ctx *made = create(base);
    outrider_err err;
    int ub_err;

    if (made == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "libunbound: no context");
    err = set_options(made, common_settings, COUNT(common_settings), diag);
    if (err == OUTRIDER_OK && options->has_whole_ttls)
        err = set_options(made, whole_settings, COUNT(whole_settings), diag);
    if (err == OUTRIDER_OK && options->is_plain)
        err = set_options(made, plain_settings, COUNT(plain_settings), diag);
    if (err == OUTRIDER_OK)
        err = set_servers(made, options, forwarders, diag);
    if (err == OUTRIDER_OK && !options->is_plain)
        err = set_anchors(made, options, diag);
    if (err == OUTRIDER_OK && (ub_err = finish(made, options)) != 0)
        err = blame(base, options, ub_err, diag);
    if (err == OUTRIDER_OK)
        *ctx = made;
    else
        otr_ub_context_free(made);
    return err;
}
