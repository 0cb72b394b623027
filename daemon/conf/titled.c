/*
 * titled.c - sections of which there may be many, each with a title: anchors, publish, tlsa, and the stub zones of dns.
 *
 * A section is made when its title is met for the first time, with its first value; its values come before its end, where what must
 * hold within it is checked.
 */
#include "daemon/conf/draft.h"

#include "dns/name.h"

#include <stdio.h>
#include <string.h>

#define RULE_NAME_MAX 60

/* Each section has its own lines: what was set in the one before is not set in this one. */
static void begin(otr_conf_draft *draft, otr_titled_section kind, void *section)
{
    draft->open[kind] = section;
    for (size_t i = 0; i < otr_setting_count; i++) {
        if (otr_setting_titled(&otr_settings[i]) != &otr_titled_sections[kind])
            continue;
        draft->lines[i] = 0;
        draft->is_double[i] = false;
        if (otr_settings[i].presets == NULL)
            otr_conf_set(draft, &otr_settings[i], otr_settings[i].preset, 0);
    }
}

/* Rules of anchors ------------------------------------------------------------------------------------------------ */

static otr_anchor_conf *begin_rule(otr_conf_draft *draft, otr_anchor_conf *rule, const char *name)
{
    *rule = (otr_anchor_conf){ .name = name };
    begin(draft, OTR_TITLED_ANCHORS, rule);
    return rule;
}

static otr_anchor_conf *open_rule(otr_conf_draft *draft, const char *title, unsigned line)
{
    otr_conf *c = draft->conf;
    char part[64];

    for (size_t i = 0; i < c->rule_count; i++)
        if (strcmp(c->rules[i].name, title) == 0)
            return draft->open[OTR_TITLED_ANCHORS] = &c->rules[i];
    if (!otr_conf_is_plain(title) || strlen(title) > RULE_NAME_MAX || title[0] == '\0')
        MISTAKE(draft, line, "anchors \"%s\": a name has 1 to %d octets, without control characters",
                otr_conf_shown(title, part), RULE_NAME_MAX);
    else if (c->rule_count == OTR_CONF_RULES_MAX)
        MISTAKE(draft, line, "more than %d rules of anchors", OTR_CONF_RULES_MAX);
    else {
        begin_rule(draft, &c->rules[c->rule_count], otr_arena_text(c->arena, title))->roots = "";
        return &c->rules[c->rule_count++];
    }
    return begin_rule(draft, &draft->surplus.rule, "");
}

static void close_rule(otr_conf_draft *draft, unsigned line)
{
    const otr_anchor_conf *rule = draft->open[OTR_TITLED_ANCHORS];
    size_t at = (size_t)(rule - draft->conf->rules);

    if (rule == &draft->surplus.rule)
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

/* What we publish ------------------------------------------------------------------------------------------------- */

/* A title that is a name, in normal form and in the arena; "" after a complaint. */
static const char *take_name(otr_conf_draft *draft, const char *section, const char *title, unsigned line)
{
    char name[OTR_DOMAIN_SIZE], part[64];
    outrider_diag diag;
    const char *kept;

    if (otr_domain_normalize(title, strlen(title), name, &diag) == OUTRIDER_OK && strchr(name, '.') != NULL) {
        kept = otr_arena_text(draft->conf->arena, name);
        return kept != NULL ? kept : "";
    }
    MISTAKE(draft, line, "%s \"%s\": the title is no domain name", section, otr_conf_shown(title, part));
    return "";
}

static otr_publish_conf *begin_publish(otr_conf_draft *draft, otr_publish_conf *publish, const char *title, const char *domain,
                                       unsigned line)
{
    *publish = (otr_publish_conf){ .title = title, .domain = domain, .line = line };
    begin(draft, OTR_TITLED_PUBLISH, publish);
    return publish;
}

static otr_publish_conf *open_publish(otr_conf_draft *draft, const char *title, unsigned line)
{
    otr_conf *c = draft->conf;
    otr_publish_conf *now = draft->open[OTR_TITLED_PUBLISH];
    const char *domain;

    if (now != NULL && strcmp(now->title, title) == 0)
        return now;
    title = otr_arena_text(c->arena, title);
    domain = take_name(draft, "publish", title != NULL ? title : "", line);
    for (size_t i = 0; i < c->publish_count && *domain != '\0'; i++)
        if (strcmp(c->publish[i].domain, domain) == 0) {
            MISTAKE(draft, line, "publish \"%s\" is there already, on line %u", domain, c->publish[i].line);
            domain = "";
        }
    if (*domain != '\0' && c->publish_count == OTR_CONF_PUBLISH_MAX) {
        MISTAKE(draft, line, "more than %d sections publish", OTR_CONF_PUBLISH_MAX);
        domain = "";
    }
    if (*domain == '\0')
        return begin_publish(draft, &draft->surplus.publish, title != NULL ? title : "", "", line);
    return begin_publish(draft, &c->publish[c->publish_count++], title, domain, line);
}

static bool is_given(const otr_conf_draft *draft, const char *section, const char *name)
{
    return draft->lines[otr_setting_find(section, name) - otr_settings] != 0;
}

static void close_publish(otr_conf_draft *draft, unsigned line)
{
    otr_publish_conf *p = draft->open[OTR_TITLED_PUBLISH];

    p->line = line;
    if (p == &draft->surplus.publish)
        return;
    if (p->mode != OTR_STS_NONE && !is_given(draft, "publish", "mx"))
        MISTAKE(draft, line, "publish \"%s\" needs mx: the hosts that receive its mail", p->domain);
    if ((*p->certificate == '\0') != (*p->key == '\0'))
        MISTAKE(draft, line, "publish \"%s\": certificate and key belong together", p->domain);
}

static otr_tlsa_conf *begin_tlsa(otr_conf_draft *draft, otr_tlsa_conf *tlsa, const char *title, const char *host, unsigned line)
{
    *tlsa = (otr_tlsa_conf){ .title = title, .host = host, .line = line };
    begin(draft, OTR_TITLED_TLSA, tlsa);
    return tlsa;
}

static otr_tlsa_conf *open_tlsa(otr_conf_draft *draft, const char *title, unsigned line)
{
    otr_conf *c = draft->conf;
    otr_tlsa_conf *now = draft->open[OTR_TITLED_TLSA];
    const char *host;

    if (now != NULL && strcmp(now->title, title) == 0)
        return now;
    title = otr_arena_text(c->arena, title);
    host = take_name(draft, "tlsa", title != NULL ? title : "", line);
    for (size_t i = 0; i < c->tlsa_count && *host != '\0'; i++)
        if (strcmp(c->tlsa[i].host, host) == 0) {
            MISTAKE(draft, line, "tlsa \"%s\" is there already, on line %u", host, c->tlsa[i].line);
            host = "";
        }
    if (*host != '\0' && c->tlsa_count == OTR_CONF_TLSA_MAX) {
        MISTAKE(draft, line, "more than %d sections tlsa", OTR_CONF_TLSA_MAX);
        host = "";
    }
    if (*host == '\0')
        return begin_tlsa(draft, &draft->surplus.tlsa, title != NULL ? title : "", "", line);
    return begin_tlsa(draft, &c->tlsa[c->tlsa_count++], title, host, line);
}

static void close_tlsa(otr_conf_draft *draft, unsigned line)
{
    otr_tlsa_conf *t = draft->open[OTR_TITLED_TLSA];

    t->line = line;
    if (t != &draft->surplus.tlsa && !is_given(draft, "tlsa", "certificates"))
        MISTAKE(draft, line, "tlsa \"%s\" needs certificates", t->host);
}

/* Stub zones ------------------------------------------------------------------------------------------------------ */

/* A stub zone is found by its title; NULL after a complaint. */
static otr_stub_zone *stub_of(otr_conf_draft *draft, const char *title, unsigned line)
{
    otr_conf *conf = draft->conf;
    char name[OTR_DOMAIN_SIZE] = ".", part[64];
    outrider_diag diag;

    if (strcmp(title, ".") != 0 && otr_domain_normalize(title, strlen(title), name, &diag) != OUTRIDER_OK) {
        MISTAKE(draft, line, "stub \"%s\": %s", otr_conf_shown(title, part), diag.message);
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

void otr_conf_take_stub(otr_conf_draft *draft, const otr_conf_value *value)
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
    if (count >= OTR_CONF_LIST_MAX || !otr_conf_is_server(value->text)) {
        MISTAKE(draft, value->line, "address: \"%s\" is no ADDRESS or ADDRESS@PORT", otr_conf_shown(value->text, part));
        if (stub->addresses == NULL) /* it has one, however bad */
            stub->addresses = otr_arena_alloc(draft->conf->arena, 1, sizeof(*stub->addresses));
        return;
    }
    stub->addresses = otr_conf_grown(draft->conf->arena, stub->addresses, count, value->text);
}

/* All of them ----------------------------------------------------------------------------------------------------- */

void otr_conf_begin_sections(otr_conf_draft *draft)
{
    begin_rule(draft, &draft->conf->rules[0], "default");
    draft->conf->rule_count = 1;
}

bool otr_conf_open_section(otr_conf_draft *draft, const otr_setting *s, const otr_conf_value *value)
{
    const otr_titled *titled = otr_setting_titled(s);

    if (strcmp(s->section, "anchors") == 0) { /* some of its settings count for all rules, and stand in the first */
        if (open_rule(draft, value->title, value->line) == &draft->conf->rules[0] || titled != NULL)
            return true;
        MISTAKE(draft, value->line, "%s: belongs to anchors \"default\", and counts for all", s->name);
        return false;
    }
    if (titled == &otr_titled_sections[OTR_TITLED_PUBLISH])
        open_publish(draft, value->title, value->line);
    else if (titled == &otr_titled_sections[OTR_TITLED_TLSA])
        open_tlsa(draft, value->title, value->line);
    return true;
}

void otr_conf_take_section(otr_conf_draft *draft, const char *name, const char *title, unsigned line)
{
    char part[64];
    otr_stub_zone *stub;

    if (strcmp(name, "anchors") == 0) {
        open_rule(draft, title, line);
        close_rule(draft, line);
    } else if (strcmp(name, "publish") == 0) {
        open_publish(draft, title, line);
        close_publish(draft, line);
    } else if (strcmp(name, "tlsa") == 0) {
        open_tlsa(draft, title, line);
        close_tlsa(draft, line);
    } else if (strcmp(name, "stub") == 0) {
        stub = stub_of(draft, title, line);
        if (stub != NULL && stub->addresses == NULL)
            MISTAKE(draft, line, "stub \"%s\" has no address", otr_conf_shown(title, part));
    }
}

/* In a rule of anchors: nobody, or everybody? Nothing that may be guessed. Elsewhere a list without members is one. */
void otr_conf_empty_in_section(otr_conf_draft *draft, const otr_setting *setting, const char *title)
{
    const otr_anchor_conf *rule;

    if (otr_setting_titled(setting) != &otr_titled_sections[OTR_TITLED_ANCHORS])
        return;
    rule = open_rule(draft, title, 0);
    /* A rule with neither names nor confine was complained of at its end. */
    if (rule->names.count + rule->confine.count > 0)
        MISTAKE(draft, 0, "anchors \"%s\": %s names nobody", rule->name, setting->name);
}
