/*
 * verify.c - what a verification costs with 1, 140 and 1000 roots: over the store that all who have the same rules share, and,
 * as the reference in the same run, over a bundle that is parsed again each time.
 *
 *   bench_verify [--json]
 *
 * CPU time of this process, the best of some batches, so that a busy machine disturbs little; the roots are made here,
 * half of them RSA of 2048 bits and half P-256, and the chain is that of a common server: a P-256 leaf, an RSA intermediate
 * with an RSA signature, the root not sent. bench/README.md says how to read the table.
 */
#include "support/make_cert.h"
#include "trust/pem.h"
#include "trust/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#define HOST "mx.example.org"
#define BATCHES 15
#define BATCH_NS 20000000 /* at least */
#define CA "critical,CA:TRUE"

static const size_t sizes[] = { 1, 140, 1000 };
#define SIZE_COUNT (sizeof(sizes) / sizeof(sizes[0]))

struct world {
    size_t count;
    STACK_OF(X509) *roots, *chain;
    otr_cert root, intermediate, leaf; /* the root is one of the roots */
    otr_buf bundle;                    /* the roots as PEM */
    otr_anchors *anchors;
    const otr_anchor_set *set;
    SSL_CTX *server;
    otr_time now;
};

static void need(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "bench_verify: %s\n", what);
    exit(70);
}

/* The world ------------------------------------------------------------------------------------------------------ */

static otr_cert make(otr_cert_plan plan)
{
    plan.from = time(NULL) - OTR_TEST_DAY;
    plan.until = plan.from + 30 * OTR_TEST_DAY;
    return otr_make_cert(&plan);
}

static void make_roots(struct world *w, EVP_PKEY *rsa, EVP_PKEY *ec)
{
    w->roots = sk_X509_new_null();
    for (size_t i = 0; i < w->count; i++) {
        char name[64];
        bool is_ours = i == w->count / 2;
        otr_cert cert;

        snprintf(name, sizeof(name), "Root CA number %zu of a bundle", i);
        cert = make((otr_cert_plan){ .common_name = name, .constraints = CA, .key = is_ours || i % 2 ? rsa : ec });
        otr_cert_put_pem(&cert, &w->bundle);
        need(sk_X509_push(w->roots, cert.cert) > 0 && X509_up_ref(cert.cert) == 1, "roots");
        if (is_ours)
            w->root = cert;
        else
            otr_cert_clear(&cert);
    }
}

static outrider_err make_anchors(const struct world *w, otr_anchors **anchors)
{
    otr_anchor_rule rule = { .name = "default", .roots = w->roots };

    return otr_anchors_make(&(otr_anchor_source){ .rules = &rule, .rule_count = 1 }, anchors, NULL);
}

static void make_world(struct world *w, size_t count)
{
    EVP_PKEY *rsa = otr_make_rsa_key(2048), *other_rsa = otr_make_rsa_key(2048), *ec = EVP_EC_gen("P-256");

    *w = (struct world){ .count = count, .now = time(NULL) };
    make_roots(w, rsa, ec);
    w->intermediate = make((otr_cert_plan){ .common_name = "Intermediate", .constraints = CA, .issuer = &w->root,
                                            .key = other_rsa });
    w->leaf = make((otr_cert_plan){ .san = "DNS:" HOST, .usage = "serverAuth", .issuer = &w->intermediate, .key = ec });
    w->chain = sk_X509_new_null();
    need(sk_X509_push(w->chain, w->leaf.cert) > 0 && sk_X509_push(w->chain, w->intermediate.cert) > 0, "chain");
    need(make_anchors(w, &w->anchors) == OUTRIDER_OK, "anchors");
    w->set = otr_anchors_for(w->anchors, "example.org");
    w->server = SSL_CTX_new(TLS_server_method());
    need(w->server != NULL && SSL_CTX_use_certificate(w->server, w->leaf.cert) == 1 &&
             SSL_CTX_use_PrivateKey(w->server, w->leaf.key) == 1 &&
             SSL_CTX_add1_chain_cert(w->server, w->intermediate.cert) == 1, "server");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    EVP_PKEY_free(ec);
}

static void clear_world(struct world *w)
{
    SSL_CTX_free(w->server);
    otr_anchors_free(w->anchors);
    sk_X509_free(w->chain);
    sk_X509_pop_free(w->roots, X509_free);
    otr_buf_clear(&w->bundle);
    otr_cert_clear(&w->leaf);
    otr_cert_clear(&w->intermediate);
    otr_cert_clear(&w->root);
}

/* What is measured ----------------------------------------------------------------------------------------------- */

typedef void operation(const struct world *w);

static void verify(const struct world *w)
{
    otr_verification v;

    need(otr_verify_chain(w->set, w->chain, HOST, w->now, &v) == OUTRIDER_OK && v.is_accepted, "refused");
    otr_verification_clear(&v);
}

static bool is_left_out(void *arg, const X509 *root)
{
    return root == arg;
}

/* As `what-if` asks: without a root that the chain does not need. */
static void verify_without(const struct world *w)
{
    otr_verification v;

    need(otr_verify_chain_without(w->set, w->chain, HOST, w->now, is_left_out, sk_X509_value(w->roots, 0), &v) == OUTRIDER_OK,
         "out of memory");
    otr_verification_clear(&v);
}

static X509_STORE *parse_bundle(const struct world *w)
{
    STACK_OF(X509) *roots = NULL;
    X509_STORE *store = X509_STORE_new();

    need(store != NULL && otr_pem_read_certs(w->bundle.data, w->bundle.len, 0, &roots, NULL) == OUTRIDER_OK, "bundle");
    for (int i = 0; i < sk_X509_num(roots); i++)
        need(X509_STORE_add_cert(store, sk_X509_value(roots, i)) == 1, "store");
    sk_X509_pop_free(roots, X509_free);
    return store;
}

static void parse_and_verify(const struct world *w)
{
    otr_anchor_set own = *w->set;
    otr_verification v;

    own.store = parse_bundle(w);
    need(otr_verify_chain(&own, w->chain, HOST, w->now, &v) == OUTRIDER_OK && v.is_accepted, "refused");
    otr_verification_clear(&v);
    X509_STORE_free(own.store);
}

static void make_set(const struct world *w)
{
    otr_anchors *anchors = NULL;

    need(make_anchors(w, &anchors) == OUTRIDER_OK, "anchors");
    otr_anchors_free(anchors);
}

/* Both sides, over memory: the client has a new SSL_CTX each time, as a policy fetch has. */
static void shake_hands(const struct world *w, const otr_anchor_set *set)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *client, *server = SSL_new(w->server);
    BIO *ours = NULL, *theirs = NULL;

    need(ctx != NULL && server != NULL && (set == NULL || otr_verify_set_up_ctx(ctx, set, HOST) == OUTRIDER_OK), "set-up");
    client = SSL_new(ctx);
    need(client != NULL && BIO_new_bio_pair(&ours, 0, &theirs, 0) == 1, "connection");
    SSL_set_bio(client, ours, ours);
    SSL_set_bio(server, theirs, theirs);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    need(SSL_is_init_finished(client) && SSL_get_verify_result(client) == (set != NULL ? X509_V_OK : SSL_get_verify_result(client)),
         "no handshake");
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    ERR_clear_error();
}

static void shake_hands_shared(const struct world *w)
{
    shake_hands(w, w->set);
}

static void shake_hands_unverified(const struct world *w)
{
    shake_hands(w, NULL);
}

static void parse_and_shake_hands(const struct world *w)
{
    otr_anchor_set own = *w->set;

    own.store = parse_bundle(w);
    shake_hands(w, &own);
    X509_STORE_free(own.store);
}

static const struct {
    const char *key, *words;
    operation *run;
} operations[] = {
    { "verify", "verify a chain, shared store", verify },
    { "parse_and_verify", "  the same, bundle parsed each time", parse_and_verify },
    { "verify_without", "verify without one root (what-if)", verify_without },
    { "handshake", "TLS handshake, both sides, shared store", shake_hands_shared },
    { "parse_and_handshake", "  the same, bundle parsed each time", parse_and_shake_hands },
    { "handshake_unverified", "  the same, nothing verified", shake_hands_unverified },
    { "make_set", "make the set (once per change of rules)", make_set },
};
#define OPERATION_COUNT (sizeof(operations) / sizeof(operations[0]))
enum { VERIFY, PARSE_AND_VERIFY, VERIFY_WITHOUT, HANDSHAKE, PARSE_AND_HANDSHAKE };

/* Measuring ------------------------------------------------------------------------------------------------------ */

static int64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Microseconds of one, in the best batch: whatever else the machine does only adds. */
static double measure(operation *run, const struct world *w)
{
    double best = 0;

    run(w); /* what OpenSSL keeps after the first time is not counted */
    for (size_t i = 0; i < BATCHES; i++) {
        int64_t begin = cpu_ns(), spent;
        size_t runs = 0;
        double each;

        do {
            run(w);
            runs++;
            spent = cpu_ns() - begin;
        } while (spent < BATCH_NS);
        each = (double)spent / (double)runs / 1000;
        if (i == 0 || each < best)
            best = each;
    }
    return best;
}

/* Showing -------------------------------------------------------------------------------------------------------- */

typedef double results[SIZE_COUNT][OPERATION_COUNT];

static void print_json(results us)
{
    printf("{\"unit\":\"us of CPU time\",\"rows\":[");
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        printf("%s{\"roots\":%zu", i > 0 ? "," : "", sizes[i]);
        for (size_t o = 0; o < OPERATION_COUNT; o++)
            printf(",\"%s\":%.1f", operations[o].key, us[i][o]);
        printf(",\"verify_ratio\":%.2f,\"handshake_ratio\":%.2f}", us[i][PARSE_AND_VERIFY] / us[i][VERIFY],
               us[i][PARSE_AND_HANDSHAKE] / us[i][HANDSHAKE]);
    }
    puts("]}");
}

static void print_table(results us)
{
    printf("%-42s", "microseconds of CPU time; roots:");
    for (size_t i = 0; i < SIZE_COUNT; i++)
        printf("%10zu", sizes[i]);
    putchar('\n');
    for (size_t o = 0; o < OPERATION_COUNT; o++) {
        printf("%-42s", operations[o].words);
        for (size_t i = 0; i < SIZE_COUNT; i++)
            printf("%10.0f", us[i][o]);
        putchar('\n');
    }
    printf("%-42s", "parsing each time costs, verification");
    for (size_t i = 0; i < SIZE_COUNT; i++)
        printf("%9.1fx", us[i][PARSE_AND_VERIFY] / us[i][VERIFY]);
    printf("\n%-42s", "parsing each time costs, handshake");
    for (size_t i = 0; i < SIZE_COUNT; i++)
        printf("%9.1fx", us[i][PARSE_AND_HANDSHAKE] / us[i][HANDSHAKE]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    results us;

    if (argc > 1 && !json) {
        fputs("usage: bench_verify [--json]\n", stderr);
        return 64;
    }
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        struct world w;

        make_world(&w, sizes[i]);
        for (size_t o = 0; o < OPERATION_COUNT; o++)
            us[i][o] = measure(operations[o].run, &w);
        clear_world(&w);
    }
    if (json)
        print_json(us);
    else
        print_table(us);
    return 0;
}
