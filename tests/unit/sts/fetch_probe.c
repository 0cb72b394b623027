/*
 * fetch_probe.c - one policy fetch with the real fetcher, its result as JSON: what tests/e2e/test_fetch.py drives
 * against servers of every kind.
 *
 *   fetch_probe ROOTS DOMAIN PORT TIMEOUT_MS ADDRESS...
 */
#include "sts/fetch.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct event_base *base;
static bool is_started;
static int calls;

/* What the fetch hands over about the certificate; null: no host has shown one. */
static json_t *judgement_json(const otr_fetch_result *result)
{
    const otr_verification *v = result->verification;
    X509 *root = v != NULL ? otr_verification_root(v) : NULL;
    char name[OTR_CERT_NAME_SIZE];

    if (v == NULL)
        return json_null();
    return json_pack("{s:b, s:i, s:s, s:i, s:i, s:s?, s:I}", "accepted", v->is_accepted, "depth", v->depth, "reason",
                     v->reason, "sent", sk_X509_num(result->chain), "path", sk_X509_num(v->path), "root",
                     root != NULL ? otr_cert_name(root, name) : NULL, "expires_at", (json_int_t)v->expires_at);
}

static void on_done(void *arg, const otr_fetch_result *result)
{
    json_t *json = json_pack("{s:s, s:I, s:s, s:I, s:b}", "failure", otr_sts_failure_names[result->failure], "status",
                             (json_int_t)result->http_status, "reason", result->reason, "length",
                             (json_int_t)result->body_len, "inside", !is_started);
    json_t *body = result->body != NULL ? json_stringn(result->body, result->body_len) : NULL;

    (void)arg;
    calls++;
    json_object_set_new(json, "body", body != NULL ? body : json_null()); /* null as well for what is no UTF-8 */
    json_object_set_new(json, "judgement", judgement_json(result));
    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(json);
}

static size_t read_addresses(char **texts, int count, otr_address *addresses)
{
    size_t taken = 0;

    for (int i = 0; i < count && taken < OTR_FETCH_ADDRESS_MAX; i++) {
        otr_address *address = &addresses[taken++];

        address->family = strchr(texts[i], ':') != NULL ? 6 : 4;
        if (inet_pton(address->family == 4 ? AF_INET : AF_INET6, texts[i], address->bytes) != 1) {
            fprintf(stderr, "not an address: %s\n", texts[i]);
            exit(64);
        }
    }
    return taken;
}

int main(int argc, char **argv)
{
    otr_fetcher_options options = OTR_FETCHER_OPTIONS_INIT;
    otr_address addresses[OTR_FETCH_ADDRESS_MAX];
    otr_fetcher *fetcher = NULL;
    otr_anchors *anchors = NULL;
    outrider_diag diag = { 0 };
    size_t count;

    if (argc < 6) {
        fprintf(stderr, "usage: fetch_probe ROOTS DOMAIN PORT TIMEOUT_MS ADDRESS...\n");
        return 64;
    }
    options.port = (uint16_t)atoi(argv[3]);
    options.timeout_ms = (unsigned)atoi(argv[4]);
    count = read_addresses(argv + 5, argc - 5, addresses);
    base = event_base_new();
    if (base == NULL || otr_anchors_load(argv[1], &anchors, &diag) != OUTRIDER_OK ||
        otr_curl_fetcher_new(base, &options, &fetcher, &diag) != OUTRIDER_OK) {
        fprintf(stderr, "fetch_probe: %s\n", diag.message);
        return 65;
    }
    if (otr_fetch_start(fetcher, argv[2], addresses, count, otr_anchors_for(anchors, argv[2]), on_done, NULL) == NULL)
        return 71;
    is_started = true;
    while (calls == 0 && event_base_loop(base, EVLOOP_ONCE) == 0)
        ;
    otr_fetcher_free(fetcher);
    otr_anchors_free(anchors);
    event_base_free(base);
    return calls == 1 ? 0 : 70;
}
