/*
 * values.c - conversion of each kind of setting, and what must hold between settings.
 */
#include "daemon/conf/values.h"

#include "dns/name.h"
#include "verdict/destination.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 4096 /* octets of one value */
#define SETTINGS_MAX 96
#define RULE_NAME_MAX 60

struct otr_conf_draft {
    otr_conf *conf;                           /* owned */
    otr_mistakes *mistakes;                   /* borrowed */
    unsigned lines[SETTINGS_MAX];             /* where a setting was given; 0: not at all */
    bool is_double[SETTINGS_MAX];             /* a list that was given again: its values do not count */
    otr_anchor_conf *rule;                    /* borrowed: to which settings of a rule go */
    unsigned rule_lines[OTR_CONF_RULES_MAX];  /* where a section "anchors" was met; 0: not yet */
    otr_anchor_conf surplus;                  /* takes what belongs to no rule, after a complaint */
};

void otr_mistake_add(otr_mistakes *mistakes, unsigned line, const char *format, ...)
{
    va_list args;

    if (mistakes->count < OTR_MISTAKES_MAX) {
        otr_mistake *m = &mistakes->list[mistakes->count];

        m->line = line;
        va_start(args, format);
        vsnprintf(m->reason, sizeof(m->reason), format, args);
        va_end(args);
        if (mistakes->count > 0 && m[-1].line == line && strcmp(m[-1].reason, m->reason) == 0)
            return; /* a title is met with each of its values; one complaint is enough */
    }
    mistakes->count++;
}

/* A reason is printed to a terminal: control characters and bytes that are not ASCII become '?'. */
static const char *shown(const char *text, char out[64])
{
    size_t n = 0;

    for (; text[n] != '\0' && n < 60; n++)
        out[n] = text[n] < ' ' || text[n] > '~' ? '?' : text[n];
    out[n] = '\0';
    if (text[n] != '\0')
        strcpy(out + n, "...");
    return out;
}

#define MISTAKE(draft, line, ...) otr_mistake_add((draft)->mistakes, (line), __VA_ARGS__)

static void *place_of(otr_conf_draft *draft, const otr_setting *setting)
{
    if (otr_setting_is_of_rule(setting))
        return (char *)draft->rule + (setting->offset - offsetof(otr_conf, rules));
    return (char *)draft->conf + setting->offset;
}

static bool take_number(const char *text, int base, uint32_t *number)
{
    unsigned long long value;
    char *end;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 12)
        return false;
    value = strtoull(text, &end, base);
    if (*end != '\0')
        return false;
    *number = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

static void set_number(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    int base = s->kind == OTR_SET_MODE ? 8 : 10;
    const char *what = base == 8 ? "octal permissions such as 0660" : "a whole number";
    uint32_t number;
    char part[64];

    if (!take_number(text, base, &number))
        MISTAKE(draft, line, "%s: \"%s\" is not %s", s->name, shown(text, part), what);
    else if (number < s->least || number > s->most)
        MISTAKE(draft, line, base == 8 ? "%s: %s is not between 0 and 0777" : "%s: %s is not between %u and %u",
                s->name, shown(text, part), s->least, s->most);
    else
        *(uint32_t *)place_of(draft, s) = number;
}

static void set_flag(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
    char part[64];

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            *(bool *)place_of(draft, s) = i % 2 == 1;
            return;
        }
    }
    MISTAKE(draft, line, "%s: \"%s\" is neither true nor false", s->name, shown(text, part));
}

static void set_choice(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    char all[128] = "", part[64];

    for (uint32_t i = 0; s->words[i] != NULL; i++) {
        if (strcmp(text, s->words[i]) == 0) {
            *(uint32_t *)place_of(draft, s) = i;
            return;
        }
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? ", " : "", s->words[i]);
    }
    MISTAKE(draft, line, "%s: \"%s\" is none of %s", s->name, shown(text, part), all);
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/* Words that stand for roots instead of a path. */
static bool stands_for_roots(const otr_setting *s, const char *text)
{
    bool is_roots = strcmp(s->name, "roots") == 0;
    bool is_own = strcmp(s->name, "exim_own") == 0 || strcmp(s->name, "postfix_own") == 0;

    return ((is_roots || is_own) && strcmp(text, "system") == 0) || (is_roots && strcmp(text, "none") == 0);
}

/* What a word must be, beyond having no control characters; NULL: it is. */
static const char *word_problem(const otr_setting *s, const char *text)
{
    if (strlen(text) > TEXT_MAX)
        return "is too long";
    if (!is_plain(text))
        return "holds a control character";
    if (text[0] == '\0')
        return s->least > 0 ? "must not be empty" : NULL;
    switch (s->kind) {
    case OTR_SET_PATH:
    case OTR_SET_FILES:
        if (stands_for_roots(s, text))
            return NULL;
        return text[0] == '/' ? NULL : "must be an absolute path";
    case OTR_SET_USER:
        return getpwnam(text) != NULL ? NULL : "is no user of this system";
    case OTR_SET_GROUP:
        return getgrnam(text) != NULL ? NULL : "is no group of this system";
    case OTR_SET_TEXT:
        return strchr(text, ' ') == NULL ? NULL : "must not hold a blank";
    case OTR_SET_NUMBER:
    case OTR_SET_FLAG:
    case OTR_SET_CHOICE:
    case OTR_SET_MODE:
    case OTR_SET_LISTEN:
    case OTR_SET_SERVERS:
    case OTR_SET_NAMES:
    case OTR_SET_DOMAINS:
        break;
    }
    return NULL;
}

static void set_word(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    const char *problem = word_problem(s, text);
    char part[64];

    if (problem != NULL)
        MISTAKE(draft, line, "%s: \"%s\" %s", s->name, shown(text, part), problem);
    else
        *(const char **)place_of(draft, s) = otr_arena_text(draft->conf->arena, text);
}

static void set_scalar(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    switch (s->kind) {
    case OTR_SET_NUMBER:
    case OTR_SET_MODE:
        set_number(draft, s, text, line);
        return;
    case OTR_SET_FLAG:
        set_flag(draft, s, text, line);
        return;
    case OTR_SET_CHOICE:
        set_choice(draft, s, text, line);
        return;
    case OTR_SET_TEXT:
    case OTR_SET_PATH:
    case OTR_SET_USER:
    case OTR_SET_GROUP:
        set_word(draft, s, text, line);
        return;
    case OTR_SET_LISTEN:
    case OTR_SET_SERVERS:
    case OTR_SET_FILES:
    case OTR_SET_NAMES:
    case OTR_SET_DOMAINS:
        return; /* lists: see add_value() */
    }
}

/* server = address [ "@" port ] */
static bool is_server(const char *text)
{
    char host[INET6_ADDRSTRLEN] = "";
    unsigned char binary[16];
    size_t len = strcspn(text, "@");
    uint32_t port = 53;

    if (len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    if (text[len] == '@' && (!take_number(text + len + 1, 10, &port) || port < 1 || port > 65535))
        return false;
    return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

static bool is_good_item(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    otr_listen_address address;
    outrider_diag diag;
    const char *problem;
    char part[64];

    if (!is_plain(text)) {
        MISTAKE(draft, line, "%s: \"%s\" holds a control character", s->name, shown(text, part));
        return false;
    }
    if (s->kind == OTR_SET_LISTEN && otr_listen_address_parse(text, &address, &diag) != OUTRIDER_OK) {
        MISTAKE(draft, line, "%s: %s", s->name, diag.message);
        return false;
    }
    if (s->kind == OTR_SET_SERVERS && !is_server(text)) {
        MISTAKE(draft, line, "%s: \"%s\" is no ADDRESS or ADDRESS@PORT", s->name, shown(text, part));
        return false;
    }
    problem = s->kind == OTR_SET_FILES ? word_problem(s, text) : NULL;
    if (problem != NULL)
        MISTAKE(draft, line, "%s: \"%s\" %s", s->name, shown(text, part), problem);
    return problem == NULL;
}

/* Lists are small and read once: each value makes a new array in the arena. */
static const char *const *grown(otr_arena *arena, const char *const *values, size_t count, const char *text)
{
    const char **all = otr_arena_alloc(arena, count + 2, sizeof(*all));

    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        all[i] = values[i];
    all[count] = otr_arena_text(arena, text);
    return all;
}

static void add_value(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    otr_list *list = place_of(draft, s);
    const char *const *all;
    char name[OTR_DOMAIN_SIZE + 1], part[64];
    outrider_diag diag;

    if (list->count >= OTR_CONF_LIST_MAX) {
        MISTAKE(draft, line, "%s: more than %d values", s->name, OTR_CONF_LIST_MAX);
        return;
    }
    if (!is_good_item(draft, s, text, line))
        return;
    if (s->kind == OTR_SET_NAMES) {
        if (otr_domain_normalize(text, strlen(text), name, &diag) != OUTRIDER_OK) {
            MISTAKE(draft, line, "%s: \"%s\" is no host name: %s", s->name, shown(text, part), diag.message);
            return;
        }
        text = name;
    }
    if (s->kind == OTR_SET_DOMAINS) {
        if (otr_destination_scope(text, strlen(text), name, &diag) != OUTRIDER_OK) {
            MISTAKE(draft, line, "%s: \"%s\" is no domain, nor \".\" and a domain: %s", s->name, shown(text, part),
                    diag.message);
            return;
        }
        text = name;
    }
    all = grown(draft->conf->arena, list->values, list->count, text);
    if (all != NULL) {
        list->values = all;
        list->count++;
    }
}

/* A stub zone is found by its title; NULL after a complaint. */
static otr_stub_zone *stub_of(otr_conf_draft *draft, const char *title, unsigned line)
{
    otr_conf *conf = draft->conf;
    char name[OTR_DOMAIN_SIZE] = ".", part[64];
    outrider_diag diag;

    if (strcmp(title, ".") != 0 && otr_domain_normalize(title, strlen(title), name, &diag) != OUTRIDER_OK) {
        MISTAKE(draft, line, "stub \"%s\": %s", shown(title, part), diag.message);
        return NULL;
    }
    for (size_t i = 0; i < conf->dns.stub_count; i++)
        if (strcmp(conf->dns.stubs[i].name, name) == 0)
            return &conf->dns.stubs[i];
    if (conf->dns.stub_count == OTR_CONF_STUBS_MAX) {
        MISTAKE(draft, line, "more than %d stub zones", OTR_CONF_STUBS_MAX);
        return NULL;
    }
    conf->dns.stubs[conf->dns.stub_count] = (otr_stub_zone){ .name = otr_arena_text(conf->arena, name) };
    return &conf->dns.stubs[conf->dns.stub_count++];
}

static void take_stub(otr_conf_draft *draft, const otr_conf_value *value)
{
    otr_stub_zone *stub = stub_of(draft, value->title, value->line);
    size_t count = 0;
    char part[64];

    if (stub == NULL)
        return;
    while (stub->addresses != NULL && stub->addresses[count] != NULL)
        count++;
    if (value->index < count) {
        MISTAKE(draft, value->line, "stub \"%s\": its addresses are given twice", stub->name);
        return;
    }
    if (count >= OTR_CONF_LIST_MAX || !is_server(value->text)) {
        MISTAKE(draft, value->line, "address: \"%s\" is no ADDRESS or ADDRESS@PORT", shown(value->text, part));
        if (stub->addresses == NULL) /* it has one, however bad */
            stub->addresses = otr_arena_alloc(draft->conf->arena, 1, sizeof(*stub->addresses));
        return;
    }
    stub->addresses = grown(draft->conf->arena, stub->addresses, count, value->text);
}

/* Rules of anchors ------------------------------------------------------------------------------------------------ */

/* Each rule has its own lines: what was set in the one before is not set in this one. */
static void begin_rule(otr_conf_draft *draft, otr_anchor_conf *rule, const char *name)
{
    draft->rule = rule;
    *rule = (otr_anchor_conf){ .name = name };
    for (size_t i = 0; i < otr_setting_count; i++) {
        if (!otr_setting_is_of_rule(&otr_settings[i]))
            continue;
        draft->lines[i] = 0;
        draft->is_double[i] = false;
        if (otr_settings[i].presets == NULL)
            set_scalar(draft, &otr_settings[i], otr_settings[i].preset, 0);
    }
}

/* The rule of this title, made when it is met for the first time. A section's values come before its end. */
static otr_anchor_conf *open_rule(otr_conf_draft *draft, const char *title, unsigned line)
{
    otr_conf *c = draft->conf;
    char part[64];

    for (size_t i = 0; i < c->rule_count; i++)
        if (strcmp(c->rules[i].name, title) == 0)
            return draft->rule = &c->rules[i];
    if (!is_plain(title) || strlen(title) > RULE_NAME_MAX || title[0] == '\0')
        MISTAKE(draft, line, "anchors \"%s\": a name has 1 to %d octets, without control characters", shown(title, part),
                RULE_NAME_MAX);
    else if (c->rule_count == OTR_CONF_RULES_MAX)
        MISTAKE(draft, line, "more than %d rules of anchors", OTR_CONF_RULES_MAX);
    else {
        begin_rule(draft, &c->rules[c->rule_count], otr_arena_text(c->arena, title));
        c->rules[c->rule_count].roots = "";
        return &c->rules[c->rule_count++];
    }
    begin_rule(draft, &draft->surplus, "");
    return &draft->surplus;
}

/* The end of a section: what must hold within it. */
static void close_rule(otr_conf_draft *draft, unsigned line)
{
    const otr_anchor_conf *rule = draft->rule;
    size_t at = (size_t)(rule - draft->conf->rules);

    if (rule == &draft->surplus)
        return;
    draft->rule_lines[at] = line;
    if (at == 0) {
        if (rule->names.count > 0 || rule->is_only || rule->confine.count > 0)
            MISTAKE(draft, line, "anchors \"default\" is for everybody: for, only and confine belong to other rules");
        return;
    }
    if (*rule->roots == '\0')
        MISTAKE(draft, line, "anchors \"%s\" needs roots", rule->name);
    if (rule->names.count == 0 && rule->confine.count == 0)
        MISTAKE(draft, line, "anchors \"%s\" needs for (whose roots these are) or confine", rule->name);
    if (rule->names.count == 0 && rule->is_only)
        MISTAKE(draft, line, "anchors \"%s\": only needs for; what counts for everybody is anchors \"default\"", rule->name);
    if (strcmp(rule->roots, "none") == 0 && rule->confine.count > 0)
        MISTAKE(draft, line, "anchors \"%s\": there is no root to confine", rule->name);
}

void otr_conf_take(otr_conf_draft *draft, const otr_conf_value *value)
{
    const otr_setting *s = otr_setting_find(value->section, value->name);
    size_t at = s != NULL ? (size_t)(s - otr_settings) : 0;
    bool is_first = draft->lines[at] == 0;

    if (strcmp(value->section, "stub") == 0) {
        take_stub(draft, value);
        return;
    }
    if (s == NULL)
        return; /* libconfuse knows no others than the schema's */
    if (strcmp(s->section, "anchors") == 0 && open_rule(draft, value->title, value->line) != &draft->conf->rules[0] &&
        !otr_setting_is_of_rule(s)) {
        MISTAKE(draft, value->line, "%s: belongs to anchors \"default\", and counts for all", s->name);
        return;
    }
    is_first = draft->lines[at] == 0; /* in this rule */
    if (s->presets == NULL) {
        if (!is_first)
            MISTAKE(draft, value->line, "%s: set before, on line %u", s->name, draft->lines[at]);
        else
            set_scalar(draft, s, value->text, value->line);
    } else {
        if (is_first)
            *(otr_list *)place_of(draft, s) = (otr_list){ 0 };
        if (!is_first && value->index == 0) {
            MISTAKE(draft, value->line, "%s: set before, on line %u", s->name, draft->lines[at]);
            draft->is_double[at] = true;
        }
        if (!draft->is_double[at])
            add_value(draft, s, value->text, value->line);
    }
    if (is_first)
        draft->lines[at] = value->line > 0 ? value->line : 1;
}

void otr_conf_take_section(otr_conf_draft *draft, const char *name, const char *title, unsigned line)
{
    char part[64];
    otr_stub_zone *stub;

    if (strcmp(name, "anchors") == 0) {
        open_rule(draft, title, line);
        close_rule(draft, line);
    } else if (strcmp(name, "stub") == 0) {
        stub = stub_of(draft, title, line);
        if (stub != NULL && stub->addresses == NULL)
            MISTAKE(draft, line, "stub \"%s\" has no address", shown(title, part));
    }
}

void otr_conf_take_minimum(otr_conf_draft *draft, const otr_minimum_rules *rules)
{
    size_t size = rules->count * sizeof(*rules->rules);

    draft->conf->minimum = (otr_minimum_rules){ .rules = otr_arena_bytes(draft->conf->arena, rules->rules, size),
                                                .count = rules->count };
}

otr_arena *otr_conf_draft_arena(otr_conf_draft *draft)
{
    return draft->conf->arena;
}

void otr_conf_take_empty(otr_conf_draft *draft, const otr_setting *setting, const char *title)
{
    if (otr_setting_is_of_rule(setting)) { /* nobody, or everybody? Nothing that may be guessed. */
        const otr_anchor_conf *rule = open_rule(draft, title, 0);

        /* A rule with neither names nor confine was complained of at its end. */
        if (rule->names.count + rule->confine.count > 0)
            MISTAKE(draft, 0, "anchors \"%s\": %s names nobody", rule->name, setting->name);
        return;
    }
    *(otr_list *)place_of(draft, setting) = (otr_list){ 0 };
}

/* The line of a setting by the place of its value; 0 if it is a default. */
static unsigned line_of(const otr_conf_draft *draft, size_t offset)
{
    for (size_t i = 0; i < otr_setting_count; i++)
        if (otr_settings[i].offset == offset)
            return draft->lines[i];
    return 0;
}

#define LINE_OF(draft, member) line_of((draft), offsetof(otr_conf, member))

static void check_readable(otr_conf_draft *draft, const char *what, const char *path, unsigned line)
{
    if (access(path, R_OK) != 0)
        MISTAKE(draft, line, "%s: %s: %s", what, path, strerror(errno));
}

static void check_files(otr_conf_draft *draft)
{
    const otr_conf *c = draft->conf;

    check_readable(draft, "trust_anchor", c->dns.trust_anchor, LINE_OF(draft, dns.trust_anchor));
    for (size_t i = 0; i < c->dns.extra_anchors.count; i++)
        check_readable(draft, "extra_anchors", c->dns.extra_anchors.values[i], LINE_OF(draft, dns.extra_anchors));
    if (c->dns.mode == OTR_DNS_RECURSIVE)
        check_readable(draft, "root_hints", c->dns.root_hints, LINE_OF(draft, dns.root_hints));
    else if (c->dns.forwarders.count == 0)
        check_readable(draft, "resolv_conf", c->dns.resolv_conf, LINE_OF(draft, dns.resolv_conf));
    for (size_t i = 0; i < c->rule_count; i++)
        if (c->rules[i].roots[0] == '/')
            check_readable(draft, "roots", c->rules[i].roots, draft->rule_lines[i]);
    if (c->anchors.exim_own[0] == '/')
        check_readable(draft, "exim_own", c->anchors.exim_own, LINE_OF(draft, anchors.exim_own));
    if (c->anchors.postfix_own[0] == '/')
        check_readable(draft, "postfix_own", c->anchors.postfix_own, LINE_OF(draft, anchors.postfix_own));
    if (*c->anchors.crls != '\0')
        check_readable(draft, "crls", c->anchors.crls, LINE_OF(draft, anchors.crls));
}

static void fill_group(otr_listen_conf *listen)
{
    struct group *group = *listen->group != '\0' ? getgrnam(listen->group) : NULL;

    listen->gid = group != NULL ? group->gr_gid : (gid_t)-1;
}

static void fill_addresses(otr_conf_draft *draft, otr_listen_conf *listen)
{
    listen->addresses = otr_arena_alloc(draft->conf->arena, listen->listen.count + 1, sizeof(*listen->addresses));
    for (size_t i = 0; listen->addresses != NULL && i < listen->listen.count; i++)
        (void)otr_listen_address_parse(listen->listen.values[i], &listen->addresses[i], NULL); /* as when it was taken */
    fill_group(listen);
}

/* No address of `listen` in another place of its list, nor among those of a section before it. */
static void check_apart(otr_conf_draft *draft, const otr_listen_conf *listen, const otr_listen_conf *before, unsigned line)
{
    if (listen->addresses == NULL || before->addresses == NULL)
        return; /* out of memory, which is told of at the end */
    for (size_t i = 0; i < listen->listen.count; i++)
        for (size_t j = 0; j < (before == listen ? i : before->listen.count); j++)
            if (otr_listen_address_same(&listen->addresses[i], &before->addresses[j]))
                MISTAKE(draft, line, "listen: %s is given twice", listen->addresses[i].text);
}

static void check_listeners(otr_conf_draft *draft)
{
    otr_conf *c = draft->conf;
    otr_listen_conf *const sections[] = { &c->socketmap, &c->line, &c->http, &c->control };
    const unsigned lines[] = { LINE_OF(draft, socketmap.listen), LINE_OF(draft, line.listen), LINE_OF(draft, http.listen),
                               LINE_OF(draft, control.listen) };

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        fill_addresses(draft, sections[i]);
        for (size_t j = 0; j <= i; j++)
            check_apart(draft, sections[i], sections[j], lines[i]);
    }
    if (c->socketmap.listen.count + c->line.listen.count == 0)
        MISTAKE(draft, lines[1], "no section has an address to listen on");
}

/* What can be said there changes what is demanded of destinations: nobody but the administrator is to reach it. */
static void check_control(otr_conf_draft *draft)
{
    const otr_conf *c = draft->conf;
    unsigned line = LINE_OF(draft, control.listen);

    for (size_t i = 0; i < c->control.listen.count; i++)
        if (c->control.addresses != NULL && c->control.addresses[i].len > 0 &&
            c->control.addresses[i].sockaddr.ss_family != AF_UNIX)
            MISTAKE(draft, line, "control: %s: only Unix sockets, which know who is there",
                    c->control.listen.values[i]);
    if ((c->control.mode & 07) != 0)
        MISTAKE(draft, LINE_OF(draft, control.mode), "control: mode %04o lets everybody in", c->control.mode);
    if (*c->control.group != '\0' && (c->control.mode & 070) != 0 &&
        (strcmp(c->control.group, c->line.group) == 0 || strcmp(c->control.group, c->socketmap.group) == 0))
        MISTAKE(draft, LINE_OF(draft, control.group), "control: group \"%s\" is that of a mail server's socket",
                c->control.group);
}

static void check_whole(otr_conf_draft *draft)
{
    otr_conf *c = draft->conf;

    check_listeners(draft);
    check_control(draft);
    if (c->dns.mode == OTR_DNS_RECURSIVE && c->dns.forwarders.count > 0)
        MISTAKE(draft, LINE_OF(draft, dns.forwarders), "forwarders: of no use with mode = recursive");
    if (c->sts.fetch_timeout >= c->limits.answer && LINE_OF(draft, sts.fetch_timeout) > 0)
        MISTAKE(
            draft, LINE_OF(draft, sts.fetch_timeout),
            "fetch_timeout: %u s is not less than limits.answer (%u s): a first question could never end in a verdict",
            c->sts.fetch_timeout, c->limits.answer);
    if (*c->group != '\0' && *c->user == '\0')
        MISTAKE(draft, LINE_OF(draft, group), "group: has no effect without user");
    check_files(draft);
}

otr_conf_draft *otr_conf_draft_new(otr_mistakes *mistakes)
{
    otr_conf_draft *draft = calloc(1, sizeof(*draft));

    if (draft == NULL)
        return NULL;
    draft->mistakes = mistakes;
    draft->conf = calloc(1, sizeof(*draft->conf));
    if (draft->conf != NULL)
        draft->conf->arena = otr_arena_new();
    if (draft->conf == NULL || draft->conf->arena == NULL) {
        otr_conf_draft_free(draft);
        return NULL;
    }
    mistakes->count = 0;
    begin_rule(draft, &draft->conf->rules[0], "default");
    draft->conf->rule_count = 1;
    for (size_t i = 0; i < otr_setting_count; i++) {
        const otr_setting *s = &otr_settings[i];

        if (s->presets == NULL)
            set_scalar(draft, s, s->preset, 0);
        else
            for (size_t v = 0; s->presets[v] != NULL; v++)
                add_value(draft, s, s->presets[v], 0);
    }
    return draft;
}

outrider_err otr_conf_draft_finish(otr_conf_draft *draft, otr_conf **conf)
{
    check_whole(draft);
    if (otr_arena_failed(draft->conf->arena))
        return OUTRIDER_E_NOMEM;
    if (draft->mistakes->count > 0)
        return OUTRIDER_E_CONFIG;
    *conf = draft->conf;
    draft->conf = NULL;
    return OUTRIDER_OK;
}

void otr_conf_free(otr_conf *conf)
{
    if (conf == NULL)
        return;
    otr_arena_free(conf->arena);
    free(conf);
}

void otr_conf_draft_free(otr_conf_draft *draft)
{
    if (draft == NULL)
        return;
    otr_conf_free(draft->conf);
    free(draft);
}
