/*
 * setup_check_postfix.c - Postfix' running configuration, as postconf(1) prints it: main.cf, what master.cf overrides
 * in it, and the list of policy maps, which is asked in its order.
 */
#include "cli/setup_check_asking.h"
#include "cli/setup_postconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_AGAIN "take over what outrider setup postfix prints, then run postfix reload"
#define DEAD_SOCKET "unix:/nonexistent/outrider.sock"
#define MAPS_MAX 16
#define MAP_SIZE 512 /* octets of one map; a longer one is cut, and then not understood */

struct postfix {
    const otr_check_question *question;
    otr_check_list *list;
    const char *program; /* postconf */
    otr_smtp_service services[OTR_SERVICES_MAX];
    size_t service_count;
    char maps[MAPS_MAX][MAP_SIZE]; /* of smtp_tls_policy_maps */
    size_t map_count;
    size_t ours;                /* index; map_count: none */
    char address[OTR_MTA_WORD]; /* that our map names: "unix:outrider/policy.sock" */
    char name[64];              /* QUERY or QUERYwithTLSRPT */
};

static bool is_version(const struct postfix *p, const char *condition)
{
    return otr_condition_holds(otr_slice_of(condition), &p->question->mta->traits, NULL);
}

/* Parameters, and what they must be. Also what master.cf must not set otherwise. */
static const struct parameter_rule {
    const char *id, *name, *versions; /* that know it */
    const char *values;               /* " a b ": one of these words; "~a": holds this; NULL: must be empty */
    otr_check_status status;          /* if it is not */
    const char *why;
} rules[] = {
    { "dnssec", "smtp_dns_support_level", "2.11+", " dnssec ", OTR_CHECK_CRITICAL,
      "without DNSSEC lookups level dane is opportunistic TLS" },
    { "host-lookup", "smtp_host_lookup", "2.0+", " dns dns,native dns,_native ", OTR_CHECK_CRITICAL,
      "DANE needs the addresses from DNS" },
    { "insecure-mx", "smtp_tls_dane_insecure_mx_policy", "3.1+", " dane ", OTR_CHECK_CRITICAL,
      "hosts with TLSA records behind unsigned MX records would not be authenticated (the default of several "
      "versions)" },
    { "level", "smtp_tls_security_level", "2.3+", " dane ", OTR_CHECK_WARNING,
      "destinations of which outriderd says nothing special are best reached with level dane" },
    { "protocols", "smtp_tls_mandatory_protocols", "2.3+", "~!TLSv1.1", OTR_CHECK_WARNING,
      "TLS before 1.2 would do where TLS is mandatory (RFC 8461 section 7.2, RFC 8996)" },
    { "mx-patterns", "smtp_tls_enforce_sts_mx_patterns", "3.10.5+", " yes ", OTR_CHECK_CRITICAL,
      "MX hosts that the MTA-STS policy does not admit would be used" },
    { "wrapper-mode", "smtp_tls_wrappermode", "3.0+", " no ", OTR_CHECK_CRITICAL,
      "TLS before SMTP is no STARTTLS: no MX host speaks it at port 25" },
    { "connection-reuse", "smtp_tls_connection_reuse", "3.4+", " no ", OTR_CHECK_WARNING,
      "a connection made under one policy may serve another destination" },
    { "per-site", "smtp_tls_per_site", "2.3+", NULL, OTR_CHECK_WARNING,
      "the obsolete table is ignored where there is a policy map, and says the contrary" },
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static bool is_met(const struct parameter_rule *rule, const char *value)
{
    char word[MAP_SIZE];

    if (rule->values == NULL)
        return *value == '\0';
    if (*rule->values == '~')
        return strstr(value, rule->values + 1) != NULL || strstr(value, ">=TLSv1.2") != NULL ||
               strstr(value, ">=TLSv1.3") != NULL;
    snprintf(word, sizeof(word), " %.500s ", value);
    for (char *c = word + 1; *c != '\0' && c[1] != '\0'; c++)
        if (*c == ' ')
            *c = '_';
    return *value != '\0' && strstr(rule->values, word) != NULL;
}

static void check_parameters(const struct postfix *p)
{
    otr_buf value = OTR_BUF_INIT;

    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct parameter_rule *rule = &rules[i];

        if (!is_version(p, rule->versions))
            continue;
        otr_postconf_value(p->program, rule->name, &value);
        if (is_met(rule, otr_buf_text(&value)))
            otr_check_say(p->list, rule->id, OTR_CHECK_OK, NULL, "%s = %s", rule->name, otr_buf_text(&value));
        else
            otr_check_say(p->list, rule->id, rule->status, PRINT_AGAIN, "%s = %s: %s", rule->name, otr_buf_text(&value),
                          rule->why);
    }
    otr_buf_clear(&value);
}

/* "relay/unix/smtp_tls_security_level = may" of `postconf -P`; only services that send matter. */
static bool is_override(const struct postfix *p, const char *line, size_t len, const char **parameter)
{
    for (size_t i = 0; i < p->service_count; i++) {
        char prefix[OTR_SERVICE_NAME + 16];
        int prefix_len = snprintf(prefix, sizeof(prefix), "%s/%s/", p->services[i].name, p->services[i].type);

        if (len > (size_t)prefix_len && memcmp(line, prefix, (size_t)prefix_len) == 0) {
            *parameter = line + prefix_len;
            return true;
        }
    }
    return false;
}

/* Empty where the override does no harm, else what it breaks. */
static const char *harm_of(const char *parameter, const char *value, size_t name_len, otr_check_status *status)
{
    static const char *const map = "smtp_tls_policy_maps";

    *status = OTR_CHECK_CRITICAL;
    if (name_len == strlen(map) && memcmp(parameter, map, name_len) == 0)
        return "this service does not ask outriderd as main.cf says";
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (name_len != strlen(rules[i].name) || memcmp(parameter, rules[i].name, name_len) != 0 ||
            is_met(&rules[i], value))
            continue;
        *status = rules[i].status;
        return rules[i].why;
    }
    return NULL;
}

static void check_overrides(const struct postfix *p)
{
    size_t found = 0;
    otr_ran ran;

    otr_run((const char *const[]){ p->program, "-P", NULL }, &ran);
    for (const char *line = otr_buf_text(&ran.out); *line != '\0';) {
        size_t len = strcspn(line, "\n"), name_len;
        const char *parameter, *equals = memmem(line, len, " =", 2), *harm;
        char value[MAP_SIZE];
        otr_check_status status;

        if (equals != NULL && is_override(p, line, len, &parameter) && parameter < equals) {
            const char *begin = equals + 2 + (equals + 2 < line + len && equals[2] == ' ');

            name_len = (size_t)(equals - parameter);
            snprintf(value, sizeof(value), "%.*s", (int)(line + len - begin), begin);
            harm = harm_of(parameter, value, name_len, &status);
            if (harm != NULL) {
                otr_check_say(p->list, "overrides", status,
                              "remove this -o from master.cf, if mail to MX hosts goes through it", "%.*s: %s",
                              (int)len, line, harm);
                found++;
            }
        }
        line += len + (line[len] == '\n');
    }
    if (found == 0)
        otr_check_say(p->list, "overrides", otr_ran_well(&ran) ? OTR_CHECK_OK : OTR_CHECK_UNKNOWN,
                      "see what postconf -P says",
                      otr_ran_well(&ran) ? "master.cf takes nothing back" : "postconf -P does not tell");
    otr_ran_clear(&ran);
}

/* Maps stand between blanks or commas; what is in braces belongs together. */
static void split_maps(struct postfix *p, const char *text)
{
    while (*text != '\0' && p->map_count < MAPS_MAX) {
        size_t len = 0;
        int depth = 0;

        text += strspn(text, ", \t\r\n");
        while (text[len] != '\0' && (depth > 0 || strchr(", \t\r\n", text[len]) == NULL)) {
            depth += text[len] == '{';
            depth -= text[len] == '}';
            len++;
        }
        if (len > 0)
            snprintf(p->maps[p->map_count++], MAP_SIZE, "%.*s", (int)len, text);
        text += len;
    }
}

/* socketmap:ADDRESS:NAME, NAME being one of those that outriderd answers to. */
static bool take_map(struct postfix *p, const char *map)
{
    const char *colon = strrchr(map, ':');
    const char *begin = map + strlen("socketmap:");

    if (strncmp(map, "socketmap:", 10) != 0 || colon <= begin ||
        (strcmp(colon, ":QUERY") != 0 && strcmp(colon, ":QUERYwithTLSRPT") != 0))
        return false;
    snprintf(p->address, sizeof(p->address), "%.*s", (int)(colon - begin), begin);
    snprintf(p->name, sizeof(p->name), "%.63s", colon + 1);
    return true;
}

static void find_map(struct postfix *p)
{
    otr_buf value = OTR_BUF_INIT;

    otr_postconf_value(p->program, "smtp_tls_policy_maps", &value);
    split_maps(p, otr_buf_text(&value));
    for (p->ours = 0; p->ours < p->map_count && !take_map(p, p->maps[p->ours]); p->ours++)
        ;
    if (p->ours == p->map_count)
        otr_check_say(p->list, "map", OTR_CHECK_CRITICAL, PRINT_AGAIN,
                      "smtp_tls_policy_maps = %s: no map asks outriderd, so nothing is protected but by DANE",
                      otr_buf_text(&value));
    else
        otr_check_say(p->list, "map", OTR_CHECK_OK, NULL, "%s", p->maps[p->ours]);
    otr_buf_clear(&value);
}

/* `postmap -q KEY MAP`, postmap being beside postconf. */
static void ask_map(const struct postfix *p, const char *map, otr_ran *ran)
{
    const char *domain = p->question->domain != NULL ? p->question->domain : "example.org";
    const char *slash = strrchr(p->program, '/');
    char postmap[OTR_MTA_WORD + 16];

    snprintf(postmap, sizeof(postmap), "%.*spostmap", slash != NULL ? (int)(slash - p->program + 1) : 0, p->program);
    otr_run((const char *const[]){ postmap, "-q", domain, map, NULL }, ran);
}

/* What stands before our map answers first. */
static void check_shadows(const struct postfix *p)
{
    for (size_t i = 0; i < p->ours; i++) {
        otr_ran ran;
        bool answers;

        ask_map(p, p->maps[i], &ran);
        answers = otr_ran_well(&ran);
        otr_check_say(p->list, "shadowing-map", answers ? OTR_CHECK_CRITICAL : OTR_CHECK_WARNING,
                      "put Outrider's map first; exceptions are made with outrider override",
                      answers ? "%s stands before it and answers: outriderd is not asked"
                              : "%s stands before it: what it answers, outriderd is not asked",
                      p->maps[i]);
        otr_ran_clear(&ran);
    }
    if (p->ours == 0)
        otr_check_say(p->list, "shadowing-map", OTR_CHECK_OK, NULL, "no map stands before it");
}

static void check_map_name(const struct postfix *p)
{
    bool is_long = strcmp(p->name, "QUERYwithTLSRPT") == 0;

    if (is_long && is_version(p, "-3.9"))
        otr_check_say(
            p->list, "map-name", OTR_CHECK_CRITICAL, PRINT_AGAIN,
            "%s: Postfix before 3.10 does not know the attributes of its answers, and defers all mail they are for",
            p->name);
    else if (!is_long && is_version(p, "3.10.5+"))
        otr_check_say(p->list, "map-name", OTR_CHECK_WARNING, PRINT_AGAIN,
                      "%s: this Postfix could enforce MX patterns by itself, with QUERYwithTLSRPT", p->name);
    else
        otr_check_say(p->list, "map-name", OTR_CHECK_OK, NULL, "%s%s", p->name,
                      is_version(p, "-3.10.4")
                          ? "; before Postfix 3.10.5 one MX host that the policy admits could stand in for "
                            "another one that it admits"
                          : "");
}

/* A path that begins with "/" means another place inside the jail. */
static void check_chroot(const struct postfix *p)
{
    const char *path = strncmp(p->address, "unix:", 5) == 0 ? p->address + 5 : "";
    size_t bad = 0;

    for (size_t i = 0; i < p->service_count; i++) {
        if (!p->services[i].is_chrooted || *path != '/')
            continue;
        bad++;
        otr_check_say(p->list, "chroot", OTR_CHECK_CRITICAL, PRINT_AGAIN,
                      "%s runs in %s as its root, where %s is another place: name the socket relative to that folder",
                      p->services[i].name, p->question->mta->queue, path);
    }
    if (bad == 0)
        otr_check_say(p->list, "chroot", OTR_CHECK_OK, NULL, "%s means the same inside and outside of the jail",
                      p->address);
}

/* Answers name a file of roots, except for those of the system, which Postfix must be given by itself: it has none. */
static void check_roots(const struct postfix *p)
{
    const otr_conf *conf = p->question->settings->conf;
    otr_buf file = OTR_BUF_INIT, path = OTR_BUF_INIT, builtin = OTR_BUF_INIT;
    bool has_own;

    otr_postconf_value(p->program, "smtp_tls_CAfile", &file);
    otr_postconf_value(p->program, "smtp_tls_CApath", &path);
    otr_postconf_value(p->program, "tls_append_default_CA", &builtin);
    has_own = file.len > 0 || path.len > 0 || strcmp(otr_buf_text(&builtin), "yes") == 0;
    if (otr_has_system_roots(conf) && has_own)
        otr_check_say(p->list, "roots", OTR_CHECK_OK, NULL, "smtp_tls_CAfile = %s", otr_buf_text(&file));
    else if (otr_has_system_roots(conf))
        otr_check_say(
            p->list, "roots", OTR_CHECK_CRITICAL, PRINT_AGAIN,
            "smtp_tls_CAfile is not set, and answers leave the system's roots to Postfix: mail to destinations "
            "with an MTA-STS policy waits");
    else if (*conf->anchors.postfix_dir != '\0')
        otr_check_say(p->list, "roots", OTR_CHECK_OK, NULL, "answers name the roots that count, from %s",
                      conf->anchors.postfix_dir);
    else
        otr_check_say(p->list, "roots", OTR_CHECK_CRITICAL, "set anchors.postfix_dir in outrider.conf",
                      "anchors.postfix_dir is not set, so Postfix is not told of the roots in %s", conf->rules[0].roots);
    otr_buf_clear(&file);
    otr_buf_clear(&path);
    otr_buf_clear(&builtin);
}

/*
 * The list of maps is gone through with a dead socket in the place of ours, as Postfix does: it must end in an error,
 * on which Postfix defers, and not in an answer. A map behind ours is not asked after an error.
 */
static void check_fails_closed(const struct postfix *p)
{
    char dead[MAP_SIZE];
    bool is_closed = true;

    for (size_t i = 0; i <= p->ours && is_closed; i++) {
        otr_buf said = OTR_BUF_INIT;
        otr_ran ran;

        snprintf(dead, sizeof(dead), "socketmap:" DEAD_SOCKET ":%.63s", p->name);
        ask_map(p, i < p->ours ? p->maps[i] : dead, &ran);
        otr_ran_complaint(&ran, &said);
        is_closed = i < p->ours ? !otr_ran_well(&ran)
                                : !otr_ran_well(&ran) && strstr(otr_buf_text(&ran.errors), "query error") != NULL;
        if (!is_closed)
            otr_check_say(p->list, "fails-closed", OTR_CHECK_CRITICAL, "put Outrider's map first",
                          "without a daemon mail would go as %s says: %s", i < p->ours ? p->maps[i] : dead,
                          otr_buf_text(&said));
        otr_buf_clear(&said);
        otr_ran_clear(&ran);
    }
    if (is_closed)
        otr_check_say(p->list, "fails-closed", OTR_CHECK_OK, NULL,
                      "without a daemon the lookup ends in an error: mail waits");
}

static void check_answer(const struct postfix *p, const char *answer)
{
    bool is_answer = strncmp(answer, "OK ", 3) == 0 || strcmp(answer, "NOTFOUND ") == 0;

    otr_check_say(p->list, "answer", is_answer ? OTR_CHECK_OK : OTR_CHECK_CRITICAL,
                  "outrider query --explain tells what stands in the way", "%s: %s",
                  p->question->domain != NULL ? p->question->domain : "a key for which nothing is looked up", answer);
}

/* As the user of smtp(8), once inside and once outside of the jail, as services are. */
static void check_as_user(const struct postfix *p, bool is_jailed)
{
    const otr_mta *mta = p->question->mta;
    const char *key = p->question->domain != NULL ? p->question->domain : ".example.org";
    otr_identity who = { .user = mta->user, .group = mta->group, .folder = mta->queue, .is_jailed = is_jailed };
    otr_buf request = OTR_BUF_INIT, answer = OTR_BUF_INIT, anchors = OTR_BUF_INIT;
    otr_asking asking = { .address = p->address, .is_netstring = true };
    char none[OTR_MTA_WORD + 16];

    otr_buf_printf(&request, "%zu:%s %s,", strlen(p->name) + 1 + strlen(key), p->name, key);
    asking.request = otr_buf_text(&request);
    if (otr_check_socket(p->list, &who, &asking, &answer)) {
        check_answer(p, otr_buf_text(&answer));
        if (otr_answer_value(otr_buf_text(&answer), "tafile", &anchors))
            otr_check_anchors(p->list, &who, otr_buf_text(&anchors));
    }
    if (*p->question->settings->conf->anchors.postfix_dir != '\0') {
        snprintf(none, sizeof(none), "%.250s/none.pem", p->question->settings->conf->anchors.postfix_name);
        otr_check_anchors(p->list, &who, none);
    }
    otr_buf_clear(&request);
    otr_buf_clear(&answer);
    otr_buf_clear(&anchors);
}

static void find_services(struct postfix *p)
{
    otr_buf level = OTR_BUF_INIT;
    otr_ran ran;

    if (!otr_postconf_value(p->program, "compatibility_level", &level))
        otr_buf_puts(&level, "0");
    otr_run((const char *const[]){ p->program, "-M", NULL }, &ran);
    p->service_count = otr_smtp_services(otr_buf_text(&ran.out), otr_default_chroot(otr_buf_text(&level)), p->services,
                                         OTR_SERVICES_MAX);
    if (p->service_count == 0)
        otr_check_say(p->list, "services", OTR_CHECK_CRITICAL, "see what postconf -M says",
                      "master.cf has no smtp(8) client");
    otr_ran_clear(&ran);
    otr_buf_clear(&level);
}

static void check_resolvers(const struct postfix *p, bool has_jail)
{
    char path[OTR_MTA_WORD + 32];

    if (!has_jail) {
        otr_check_resolver(p->question, "/etc/resolv.conf", p->list);
        return;
    }
    snprintf(path, sizeof(path), "%s/etc/resolv.conf", p->question->mta->queue);
    otr_check_resolver(p->question, path, p->list);
}

void otr_check_postfix(const otr_check_question *question, otr_check_list *list)
{
    struct postfix p = { .question = question, .list = list, .program = question->mta->program };
    bool kinds[2] = { false, false };

    otr_check_version(question, list);
    find_services(&p);
    check_parameters(&p);
    check_overrides(&p);
    find_map(&p);
    for (size_t i = 0; i < p.service_count; i++)
        kinds[p.services[i].is_chrooted] = true;
    if (p.ours < p.map_count) {
        check_shadows(&p);
        check_map_name(&p);
        check_chroot(&p);
        check_roots(&p);
        check_fails_closed(&p);
        for (int is_jailed = 0; is_jailed < 2; is_jailed++)
            if (kinds[is_jailed])
                check_as_user(&p, is_jailed);
    }
    check_resolvers(&p, kinds[1]);
}
