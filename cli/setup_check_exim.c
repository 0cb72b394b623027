/*
 * setup_check_exim.c - Exim's running configuration, as `exim -bP` prints it: routers in their order, and transports,
 * each with the value of every option. Every protection has a check of its own, because each of them can be lost alone.
 */
#include "cli/setup_check_asking.h"
#include "cli/setup_exim_drivers.h"
#include "cli/setup_run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PRINT_AGAIN "take over what outrider setup exim prints"
#define DEAD_SOCKET "/nonexistent/outrider.sock"

/* How routers.conf chooses: the only answer that requires nothing, and then the two names. */
#define CHOICE "${if eq{$address_data}{pol=none dane=* tls=\"\" verify=\"\"}{"

struct exim {
    const otr_check_question *question;
    otr_check_list *list;
    otr_ran routers_text, transports_text;
    otr_drivers routers, transports;
    const otr_driver *asking;    /* the router of ours that is looked at; NULL: none */
    const otr_driver *transport; /* that it uses for destinations under a policy; NULL: none */
    char socket[OTR_MTA_WORD];   /* that it asks */
};

static bool holds(otr_slice text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static bool is_asking(const otr_driver *router)
{
    otr_slice data = otr_driver_option(router, "address_data");

    return holds(data, "${readsocket{") && holds(data, "v1 policy domain=");
}

/* Whether a router hands mail to a transport that speaks SMTP. */
static bool sends(const struct exim *e, const otr_driver *router)
{
    const otr_driver *transport = otr_driver_find(&e->transports, otr_driver_option(router, "transport"));

    return transport != NULL && otr_slice_is(otr_driver_option(transport, "driver"), "smtp");
}

/* What must be true of an option, and why. */
static const struct option_rule {
    const char *id, *option;
    enum { IS, HOLDS } how;
    const char *value;
    otr_check_status status; /* if it is not */
    const char *why;
} any_transport_rules[] = {
    { "require-dane", "hosts_require_dane", IS, "", OTR_CHECK_CRITICAL,
      "hosts_require_dane bounces mail where it should wait" },
    { "avoid-tls", "hosts_avoid_tls", IS, "", OTR_CHECK_CRITICAL, "hosts would be spoken to without TLS" },
};

/* For destinations under a policy. */
static const struct option_rule transport_rules[] = {
    { "multi-domain", "multi_domain", IS, "false", OTR_CHECK_CRITICAL,
      "a message for several domains would go out under the policy of the first" },
    { "connection-reuse", "connection_max_messages", IS, "1", OTR_CHECK_CRITICAL,
      "a connection made under one policy would carry mail of another destination" },
    { "require-tls", "hosts_require_tls", HOLDS, "{tls}{$address_data}{$value}{*}", OTR_CHECK_CRITICAL,
      "where a certificate does not verify, mail would go in clear text" },
    { "verify", "tls_verify_hosts", HOLDS, "{verify}{$address_data}{$value}{*}", OTR_CHECK_CRITICAL,
      "any certificate would do" },
    { "verify-anchors", "tls_verify_certificates", HOLDS, "{ta}{$address_data}", OTR_CHECK_CRITICAL,
      "the same roots would vouch for every destination, and DANE without a working resolver would be PKIX" },
    { "verify-names", "tls_verify_cert_hostnames", IS, "*", OTR_CHECK_CRITICAL,
      "a certificate for another host would do" },
    { "sni", "tls_sni", HOLDS, "$host", OTR_CHECK_CRITICAL,
      "hosts that choose their certificate by SNI would show the wrong one (RFC 8461 section 4.1)" },
    { "try-dane", "hosts_try_dane", HOLDS, "{dane}{$address_data}{$value}{*}", OTR_CHECK_CRITICAL,
      "DANE would not be tried where the answer asks for it, or tried where it must not be" },
    { "fallback-hosts", "fallback_hosts", IS, "", OTR_CHECK_CRITICAL,
      "mail that must wait would go to other hosts instead" },
    { "tls-resumption", "tls_resumption_hosts", IS, "", OTR_CHECK_WARNING,
      "a session made under one policy could be resumed under another one" },
    { "retry-key", "retry_include_ip_address", HOLDS, "{verify}{$address_data}", OTR_CHECK_WARNING,
      "one destination that fails its policy would delay mail to others with the same MX host" },
};

/* For destinations that require nothing. */
static const struct option_rule opportunistic_rules[] = {
    { "opportunistic-dane", "hosts_try_dane", IS, "*", OTR_CHECK_WARNING,
      "TLSA records that have just appeared would not be looked at" },
};

static const struct option_rule router_rules[] = {
    { "complete-answer", "address_data", HOLDS, "end=1", OTR_CHECK_CRITICAL, "an answer that was cut off would count" },
    { "failing-answer", "address_data", HOLDS, "${eval:", OTR_CHECK_CRITICAL,
      "without an answer mail must wait: only an expansion that fails by mistake does that; \"fail\" bounces" },
    { "skip-hosts", "ignore_target_hosts", HOLDS, "{skip}{$address_data}", OTR_CHECK_CRITICAL,
      "MX hosts that the MTA-STS policy does not admit would be used" },
    { "router-dnssec", "dnssec_request_domains", IS, "*", OTR_CHECK_CRITICAL, "Exim would do no DANE" },
    { "pass-on-timeout", "pass_on_timeout", IS, "false", OTR_CHECK_CRITICAL,
      "when DNS does not answer, mail would go on to the next router" },
};

/* For a smart host, whose policy is asked for whatever the domain of the address is. */
static const struct option_rule smarthost_rules[] = {
    { "host-find-failed", "host_find_failed", IS, "defer", OTR_CHECK_CRITICAL,
      "when DNS does not answer, mail would be frozen or bounce" },
    { "host-all-ignored", "host_all_ignored", IS, "defer", OTR_CHECK_CRITICAL,
      "mail that no admitted host can take would bounce, or leave through another router" },
    { "by-dns", "route_list", HOLDS, " bydns", OTR_CHECK_CRITICAL, "without DNS there is no DANE" },
};
#define COUNT_OF(rules) (sizeof(rules) / sizeof((rules)[0]))

static void apply_rules(const struct exim *e, const otr_driver *driver, const struct option_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        otr_slice value = otr_driver_option(driver, rules[i].option);
        bool is_met = rules[i].how == IS ? otr_slice_is(value, rules[i].value) : holds(value, rules[i].value);
        int shown = value.len > 200 ? 200 : (int)value.len;

        otr_check_say(e->list, rules[i].id, is_met ? OTR_CHECK_OK : rules[i].status, PRINT_AGAIN, "%.*s: %s = %.*s%s%s",
                      (int)driver->name.len, driver->name.ptr, rules[i].option, shown, value.ptr, is_met ? "" : ": ",
                      is_met ? "" : rules[i].why);
    }
}

/* ${readsocket{SOCKET}...: up to the brace that closes it. */
static void find_socket(struct exim *e)
{
    otr_slice data = otr_driver_option(e->asking, "address_data");
    const char *begin = (const char *)memmem(data.ptr, data.len, "${readsocket{", 13) + 13;
    const char *end = memchr(begin, '}', (size_t)(data.ptr + data.len - begin));

    if (end != NULL)
        snprintf(e->socket, sizeof(e->socket), "%.*s", (int)(end - begin), begin);
}

/* Routers for some domains only, such as Debian's for hubs, are what the administrator wants; so is ipliteral. */
static bool is_for_anybody(const otr_driver *router)
{
    otr_slice domains = otr_driver_option(router, "domains");

    return !otr_slice_is(otr_driver_option(router, "driver"), "ipliteral") && (domains.len == 0 || *domains.ptr == '!');
}

static const otr_driver *last_asking(const struct exim *e)
{
    const otr_driver *router = e->routers.list + e->routers.count - 1;

    while (!is_asking(router))
        router--;
    return router;
}

/* Before it, no router may take remote mail that does not ask as well. */
static void check_order(const struct exim *e)
{
    const otr_driver *last = last_asking(e);
    bool is_first = true;

    for (const otr_driver *router = e->routers.list; router < last; router++) {
        bool is_dns = otr_slice_is(otr_driver_option(router, "driver"), "dnslookup");

        if (is_asking(router) || !sends(e, router) || !is_for_anybody(router))
            continue;
        otr_check_say(e->list, "router-order", is_dns ? OTR_CHECK_CRITICAL : OTR_CHECK_WARNING,
                      is_dns ? "put Outrider's routers in front of it"
                             : "see that it takes only mail that need not be protected, such as mail within your net",
                      "%.*s stands in front of %.*s and sends mail without asking outriderd", (int)router->name.len,
                      router->name.ptr, (int)last->name.len, last->name.ptr);
        is_first = false;
    }
    if (is_first)
        otr_check_say(e->list, "router-order", OTR_CHECK_OK, NULL,
                      "no other router in front of %.*s sends mail to just any domain", (int)last->name.len,
                      last->name.ptr);
}

static bool is_deferring_stub(const otr_driver *router)
{
    return otr_slice_is(otr_driver_option(router, "driver"), "redirect") &&
           holds(otr_driver_option(router, "data"), ":defer:") &&
           otr_slice_is(otr_driver_option(router, "allow_defer"), "true");
}

static void check_stub(const struct exim *e)
{
    const otr_driver *end = e->routers.list + e->routers.count;
    otr_slice more = otr_driver_option(e->asking, "more"); /* whether the next router gets what this one declines */
    bool goes_on = otr_slice_is(more, "true") || holds(more, "{skip}{$address_data}");

    for (const otr_driver *router = e->asking + 1; goes_on && router < end; router++) {
        if (is_deferring_stub(router)) {
            otr_check_say(e->list, "defer-stub", OTR_CHECK_OK, NULL, "%.*s defers what no admitted host can take",
                          (int)router->name.len, router->name.ptr);
            return;
        }
        if (!is_asking(router) && (sends(e, router) || otr_slice_is(otr_driver_option(router, "driver"), "dnslookup")))
            break;
    }
    otr_check_say(
        e->list, "defer-stub", OTR_CHECK_CRITICAL, PRINT_AGAIN,
        "behind %.*s no router defers mail whose MX hosts the policy does not admit: it would bounce, or leave "
        "through another router",
        (int)e->asking->name.len, e->asking->name.ptr);
}

/* Exim before 4.98 discards mail whose "set" fails to expand. */
static void check_set(const struct exim *e)
{
    bool is_old = otr_condition_holds(otr_slice_of("-4.97"), &e->question->mta->traits, NULL);
    size_t bad = 0;

    for (size_t i = 0; i < e->routers.count; i++) {
        otr_slice value = otr_driver_option(&e->routers.list[i], "set");

        if (!is_old || value.len == 0 || !holds(value, "${"))
            continue;
        bad++;
        otr_check_say(e->list, "set", holds(value, "readsocket") ? OTR_CHECK_CRITICAL : OTR_CHECK_WARNING,
                      "use address_data instead of set, or Exim 4.98",
                      "%.*s: where its option set cannot be expanded, Exim before 4.98 silently discards the mail",
                      (int)e->routers.list[i].name.len, e->routers.list[i].name.ptr);
    }
    if (bad == 0)
        otr_check_say(e->list, "set", OTR_CHECK_OK, NULL, "no router can lose mail by a failing \"set\"");
}

/*
 * With OpenSSL the system's roots count beside those of the file, unless an event refuses them. GnuTLS only accepts a
 * few certificates more than it should.
 */
static void check_event(const struct exim *e)
{
    bool is_openssl = otr_mta_has(e->question->mta, "openssl");
    otr_slice action = otr_driver_option(e->transport, "event_action");
    bool is_there = holds(action, "tls:cert") && (!is_openssl || holds(action, ".fp"));

    otr_check_say(
        e->list, "tls-cert-event",
        is_there     ? OTR_CHECK_OK
        : is_openssl ? OTR_CHECK_CRITICAL
                     : OTR_CHECK_WARNING,
        PRINT_AGAIN, "%.*s: %s", (int)e->transport->name.len, e->transport->name.ptr,
        is_there     ? "the tls:cert event looks at certificates"
        : is_openssl ? "this Exim uses OpenSSL, which adds the system's roots to those of tls_verify_certificates, and "
                       "no tls:cert event refuses them"
                     : "without a tls:cert event GnuTLS takes certificates that name no host or are not for servers");
}

static void check_dnssec_ok(const struct exim *e)
{
    otr_ran ran;
    const char *text;

    otr_run((const char *const[]){ e->question->mta->program, "-bP", "dns_dnssec_ok", NULL }, &ran);
    text = otr_buf_text(&ran.out);
    if (!otr_ran_well(&ran))
        otr_check_say(e->list, "dns-dnssec-ok", OTR_CHECK_UNKNOWN, "run outrider setup --check as root",
                      "exim -bP dns_dnssec_ok does not tell");
    else
        otr_check_say(e->list, "dns-dnssec-ok", strstr(text, "= 0") == NULL ? OTR_CHECK_OK : OTR_CHECK_CRITICAL,
                      "remove dns_dnssec_ok from the configuration: its default is right", "%.*s",
                      (int)strcspn(text, "\n"), text);
    otr_ran_clear(&ran);
}

/* The daemon need not be stopped: Exim is told of a socket that does not exist, and routes one address. */
static void check_fails_closed(const struct exim *e)
{
    char address[320];
    otr_ran ran;
    otr_buf said = OTR_BUF_INIT;

    snprintf(address, sizeof(address), "postmaster@%s",
             e->question->domain != NULL ? e->question->domain : "example.org");
    otr_run((const char *const[]){ e->question->mta->program, "-DOUTRIDER_SOCKET=" DEAD_SOCKET, "-bt", address, NULL },
            &ran);
    otr_ran_complaint(&ran, &said);
    if (ran.how == OTR_RAN && strstr(otr_buf_text(&ran.out), "cannot be resolved at this time") != NULL &&
        strstr(otr_buf_text(&ran.out), DEAD_SOCKET) != NULL)
        otr_check_say(e->list, "fails-closed", OTR_CHECK_OK, NULL, "without a daemon mail to %s would wait", address);
    else if (geteuid() != 0)
        otr_check_say(e->list, "fails-closed", OTR_CHECK_UNKNOWN, "run outrider setup --check as root",
                      "only root may give Exim another socket: %s", otr_buf_text(&said));
    else
        otr_check_say(e->list, "fails-closed", OTR_CHECK_CRITICAL, PRINT_AGAIN,
                      "exim -DOUTRIDER_SOCKET=" DEAD_SOCKET " -bt %s is no temporary failure: %s", address,
                      otr_buf_text(&said));
    otr_buf_clear(&said);
    otr_ran_clear(&ran);
}

static void check_answer(const struct exim *e, const char *answer)
{
    const char *end = " end=1\n";
    size_t len = strlen(answer), end_len = strlen(end);
    bool is_whole = strncmp(answer, "v=1 ", 4) == 0 && len > end_len && strcmp(answer + len - end_len, end) == 0;

    otr_check_say(e->list, "answer", is_whole ? OTR_CHECK_OK : OTR_CHECK_CRITICAL,
                  len == 0 ? "outrider query --explain tells what stands in the way" : "see what listens at the socket",
                  "%s: %s", e->question->domain != NULL ? e->question->domain : "an address literal",
                  len == 0 ? "outriderd could not find out, and mail waits" : answer);
}

/* As Exim's own user; as root, which it is when it delivers, it could ask as well. */
static void check_as_user(const struct exim *e)
{
    const otr_mta *mta = e->question->mta;
    otr_identity who = { .user = mta->user, .group = mta->group };
    char request[400], none[OTR_MTA_WORD + 16];
    otr_asking asking = { .address = e->socket, .request = request };
    otr_buf answer = OTR_BUF_INIT, anchors = OTR_BUF_INIT;

    snprintf(request, sizeof(request), "v1 policy domain=%s\n",
             e->question->domain != NULL ? e->question->domain : "[192.0.2.1]");
    snprintf(none, sizeof(none), "%.250s/none.pem", e->question->settings->conf->anchors.exim_dir);
    if (otr_check_socket(e->list, &who, &asking, &answer)) {
        check_answer(e, otr_buf_text(&answer));
        if (otr_answer_value(otr_buf_text(&answer), "ta", &anchors) && strcmp(otr_buf_text(&anchors), none) != 0 &&
            strcmp(otr_buf_text(&anchors), "system") != 0)
            otr_check_anchors(e->list, &who, otr_buf_text(&anchors));
    }
    otr_check_anchors(e->list, &who, none);
    otr_buf_clear(&answer);
    otr_buf_clear(&anchors);
}

static bool read_drivers(struct exim *e)
{
    const char *program = e->question->mta->program;
    otr_buf why = OTR_BUF_INIT;
    bool is_read;

    otr_run((const char *const[]){ program, "-bP", "routers", NULL }, &e->routers_text);
    otr_run((const char *const[]){ program, "-bP", "transports", NULL }, &e->transports_text);
    is_read = otr_ran_well(&e->routers_text) && otr_ran_well(&e->transports_text);
    if (is_read) {
        otr_drivers_split(otr_buf_text(&e->routers_text.out), " router:", &e->routers);
        otr_drivers_split(otr_buf_text(&e->transports_text.out), " transport:", &e->transports);
    } else {
        otr_ran_complaint(otr_ran_well(&e->routers_text) ? &e->transports_text : &e->routers_text, &why);
        otr_check_say(e->list, "configuration", geteuid() == 0 ? OTR_CHECK_CRITICAL : OTR_CHECK_UNKNOWN,
                      geteuid() == 0 ? "mend Exim's configuration: exim -bV complains of it, too"
                                     : "run outrider setup --check as root",
                      "exim -bP: %s", otr_buf_text(&why));
        otr_buf_clear(&why);
    }
    return is_read;
}

/* The transports of a router: for destinations under a policy, and, where it chooses, for those that require nothing. */
static otr_slice transport_names(const otr_driver *router, otr_slice *opportunistic)
{
    otr_slice value = otr_driver_option(router, "transport");
    size_t begin = strlen(CHOICE), end;
    const char *between;

    *opportunistic = (otr_slice){ "", 0 };
    if (value.len < begin + 2 || memcmp(value.ptr, CHOICE, begin) != 0)
        return value;
    end = value.len - 2;
    if (memcmp(value.ptr + end, "}}", 2) != 0 ||
        (between = memmem(value.ptr + begin, end - begin, "}{", 2)) == NULL)
        return value;
    *opportunistic = (otr_slice){ value.ptr + begin, (size_t)(between - value.ptr) - begin };
    return (otr_slice){ between + 2, (size_t)(value.ptr + end - between) - 2 };
}

/* A transport that several routers use is looked at once. */
static bool is_seen(const struct exim *e, const otr_driver *transport)
{
    otr_slice opportunistic;

    for (const otr_driver *router = e->routers.list; router < e->asking; router++)
        if (is_asking(router) && otr_slice_eq(transport_names(router, &opportunistic), transport->name))
            return true;
    return false;
}

/* NULL, and said so, if there is none of that name. */
static const otr_driver *find_smtp(const struct exim *e, otr_slice name)
{
    const otr_driver *found = otr_driver_find(&e->transports, name);

    if (found != NULL && otr_slice_is(otr_driver_option(found, "driver"), "smtp"))
        return found;
    otr_check_say(e->list, "transport", OTR_CHECK_CRITICAL, PRINT_AGAIN,
                  "router %.*s: transport = %.*s is no transport with driver = smtp, nor a choice that is known here",
                  (int)e->asking->name.len, e->asking->name.ptr, (int)name.len, name.ptr);
    return NULL;
}

static void check_transports(struct exim *e)
{
    otr_slice opportunistic, strict = transport_names(e->asking, &opportunistic);
    const otr_driver *other = opportunistic.len > 0 ? find_smtp(e, opportunistic) : NULL;

    if (other != NULL) {
        apply_rules(e, other, any_transport_rules, COUNT_OF(any_transport_rules));
        apply_rules(e, other, opportunistic_rules, COUNT_OF(opportunistic_rules));
    }
    e->transport = find_smtp(e, strict);
    if (e->transport == NULL || is_seen(e, e->transport))
        return;
    apply_rules(e, e->transport, any_transport_rules, COUNT_OF(any_transport_rules));
    apply_rules(e, e->transport, transport_rules, COUNT_OF(transport_rules));
    check_event(e);
}

/* One that asks: for the domain of the address (dnslookup), or for a smart host (manualroute). */
static void check_router(struct exim *e)
{
    otr_slice driver = otr_driver_option(e->asking, "driver");
    bool is_smarthost = otr_slice_is(driver, "manualroute");

    find_socket(e);
    otr_check_say(e->list, "router", OTR_CHECK_OK, NULL, "%.*s asks %s", (int)e->asking->name.len, e->asking->name.ptr,
                  e->socket);
    if (!is_smarthost && !otr_slice_is(driver, "dnslookup"))
        otr_check_say(e->list, "router-driver", OTR_CHECK_CRITICAL, PRINT_AGAIN,
                      "%.*s: driver = %.*s finds no MX hosts in DNS", (int)e->asking->name.len, e->asking->name.ptr,
                      (int)driver.len, driver.ptr);
    apply_rules(e, e->asking, router_rules, COUNT_OF(router_rules));
    if (is_smarthost)
        apply_rules(e, e->asking, smarthost_rules, COUNT_OF(smarthost_rules));
    else
        check_stub(e);
    check_transports(e);
}

static void check_configuration(struct exim *e)
{
    if (!read_drivers(e))
        return;
    check_set(e);
    for (size_t i = 0; i < e->routers.count; i++) {
        if (is_asking(&e->routers.list[i])) {
            e->asking = &e->routers.list[i];
            check_router(e);
        }
    }
    if (e->asking == NULL) {
        otr_check_say(e->list, "router", OTR_CHECK_CRITICAL, PRINT_AGAIN,
                      "no router asks outriderd in its address_data: nothing is protected");
        return;
    }
    check_order(e);
    check_fails_closed(e);
    check_as_user(e);
}

void otr_check_exim(const otr_check_question *question, otr_check_list *list)
{
    struct exim e = { .question = question, .list = list };

    otr_check_version(question, list);
    check_configuration(&e);
    check_dnssec_ok(&e);
    otr_check_resolver(question, "/etc/resolv.conf", list);
    otr_ran_clear(&e.routers_text);
    otr_ran_clear(&e.transports_text);
}
