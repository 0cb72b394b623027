/*
 * told.c - see told.h.
 */
#include "daemon/flow/told.h"

#include "daemon/flow/place.h"
#include "daemon/flow/record.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* On the way ----------------------------------------------------------------------------------------------------- */

otr_told *otr_told_new(const otr_event *event, _Atomic unsigned *on_their_way)
{
    otr_told *told = NULL;

    if (atomic_fetch_add(on_their_way, 1) < OTR_TOLD_MAX)
        told = malloc(sizeof(*told) + event->cert.len + 1);
    if (told == NULL) {
        atomic_fetch_sub(on_their_way, 1);
        return NULL;
    }
    *told = (otr_told){ .mail.kind = OTR_MAIL_TOLD, .on_their_way = on_their_way, .destination = event->destination,
                        .conn = event->conn, .depth = event->depth, .len = event->cert.len };
    memcpy(told->host, event->host, sizeof(told->host));
    memcpy(told->base64, event->cert.ptr, event->cert.len);
    told->base64[told->len] = '\0';
    return told;
}

void otr_told_free(otr_told *told)
{
    if (told == NULL)
        return;
    atomic_fetch_sub(told->on_their_way, 1);
    free(told);
}

/* NULL: it is none. EVP_DecodeBlock() counts the padding as octets; d2i_X509() tells where the certificate ends. */
static X509 *read_certificate(const otr_told *told)
{
    unsigned char *der = malloc(told->len);
    int len = der != NULL ? EVP_DecodeBlock(der, (const unsigned char *)told->base64, (int)told->len) : -1;
    const unsigned char *at = der;
    X509 *cert = len > 0 ? d2i_X509(NULL, &at, len) : NULL;

    if (cert != NULL && der + len - at > 2) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_clear_error();
    free(der);
    return cert;
}

/* Putting together ------------------------------------------------------------------------------------------------ */

static void free_chain(otr_told_chain *chain)
{
    sk_X509_pop_free(chain->certs, X509_free);
    chain->certs = NULL;
}

void otr_told_table_clear(otr_told_table *table)
{
    for (size_t i = 0; i < OTR_TOLD_CHAINS; i++)
        free_chain(&table->chains[i]);
}

static bool is_of(const otr_told_chain *chain, const otr_told *told)
{
    return chain->certs != NULL && chain->conn == told->conn && strcmp(chain->key, told->destination.key) == 0 &&
           strcmp(chain->host, told->host) == 0;
}

/* One that has begun, else a free slot, else the one that has waited longest. */
static otr_told_chain *find_chain(otr_told_table *table, const otr_told *told, otr_time now)
{
    otr_told_chain *room = &table->chains[0];

    for (size_t i = 0; i < OTR_TOLD_CHAINS; i++) {
        otr_told_chain *chain = &table->chains[i];

        if (chain->certs != NULL && now - chain->begun_at > OTR_TOLD_SPAN)
            free_chain(chain);
        if (is_of(chain, told))
            return chain;
        if (room->certs != NULL && (chain->certs == NULL || chain->begun_at < room->begun_at))
            room = chain;
    }
    return room;
}

/* False: it is no certificate, or memory is short. */
static bool append(otr_told_chain *chain, const otr_told *told)
{
    X509 *cert = read_certificate(told);

    if (cert != NULL && chain->certs == NULL)
        chain->certs = sk_X509_new_null();
    if (cert == NULL || chain->certs == NULL || sk_X509_push(chain->certs, cert) <= 0) {
        X509_free(cert);
        return false;
    }
    chain->depth = told->depth;
    return true;
}

static void begin(otr_told_chain *chain, const otr_told *told, otr_time now)
{
    free_chain(chain);
    memcpy(chain->key, told->destination.key, sizeof(chain->key));
    memcpy(chain->host, told->host, sizeof(chain->host));
    chain->conn = told->conn;
    chain->begun_at = now;
}

/* Recording ------------------------------------------------------------------------------------------------------- */

/* False: it cannot be told; then it is as good as new. */
static bool digest_chain(const otr_told_chain *chain, uint8_t digest[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(ctx, chain->key, strlen(chain->key) + 1) == 1 &&
                   EVP_DigestUpdate(ctx, chain->host, strlen(chain->host) + 1) == 1;

    for (int i = 0; is_good && i < sk_X509_num(chain->certs); i++) {
        uint8_t one[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        is_good = X509_digest(sk_X509_value(chain->certs, i), EVP_sha256(), one, &len) == 1 &&
                  EVP_DigestUpdate(ctx, one, len) == 1;
    }
    is_good = is_good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return is_good;
}

/* Notes it as well. */
static bool was_told_lately(otr_told_table *table, const otr_told_chain *chain, otr_time now)
{
    uint8_t digest[32];
    size_t slot;
    bool is_known;

    if (!digest_chain(chain, digest))
        return false;
    slot = digest[0] % OTR_TOLD_REMEMBERED;
    is_known = table->lately[slot].at > 0 && now < table->lately[slot].at + OTR_TOLD_AGAIN &&
               memcmp(table->lately[slot].digest, digest, sizeof(digest)) == 0;
    if (!is_known) {
        memcpy(table->lately[slot].digest, digest, sizeof(digest));
        table->lately[slot].at = now;
    }
    return is_known;
}

/* The name in the MX record of a host that DNS names now; Exim may know it by the end of its alias. NULL: none. */
static const char *name_of_host(const otr_place *place, const char *host)
{
    for (size_t i = 0; place != NULL && place->answer != NULL && i < place->answer->verdict->mx->host_count; i++) {
        const otr_host_finding *f = &place->answer->verdict->mx->hosts[i];

        if (!f->is_unusable_name && (strcmp(f->host, host) == 0 || strcmp(f->canonical, host) == 0))
            return f->host;
    }
    return NULL;
}

static void record(otr_worker *worker, otr_told_chain *chain, const otr_destination *destination, otr_time now)
{
    const char *host = name_of_host(otr_place_find(worker, destination), chain->host);
    const otr_anchor_set *set = otr_anchors_for(worker->net.anchors, destination->domain);
    STACK_OF(X509) *leaf_first = sk_X509_new_null();
    otr_verification v = { .depth = -1 };
    bool is_whole = leaf_first != NULL && host != NULL && !was_told_lately(&worker->told, chain, now);

    for (int i = sk_X509_num(chain->certs); is_whole && i-- > 0;)
        is_whole = sk_X509_push(leaf_first, sk_X509_value(chain->certs, i)) > 0;
    if (is_whole && otr_verify_chain(set, leaf_first, host, now, &v) == OUTRIDER_OK)
        otr_record_sighting(worker, destination->domain, OTR_ROLE_MX, host, OTR_SEEN_BY_MTA, leaf_first, &v, NULL);
    otr_verification_clear(&v);
    sk_X509_free(leaf_first);
}

/* What does not follow upon what came before begins a chain of its own. */
void otr_told_take(otr_worker *worker, otr_told *told)
{
    otr_time now = otr_clock_now(worker->flow->clock);
    otr_told_chain *chain = find_chain(&worker->told, told, now);

    if (!is_of(chain, told) || told->depth + 1 != chain->depth)
        begin(chain, told, now);
    if (!append(chain, told)) {
        free_chain(chain);
    } else if (told->depth == 0) {
        record(worker, chain, &told->destination, now);
        free_chain(chain);
    }
    otr_told_free(told);
}
