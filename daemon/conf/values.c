/*
 * values.c - conversion of each kind of setting, and where its value goes.
 */
#include "daemon/conf/draft.h"

#include "base/diag.h"
#include "dns/name.h"
#include "fleet/record.h"
#include "tlsrpt/record.h"
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
const char *otr_conf_shown(const char *text, char out[64])
{
    size_t n = 0;

    for (; text[n] != '\0' && n < 60; n++)
        out[n] = text[n] < ' ' || text[n] > '~' ? '?' : text[n];
    out[n] = '\0';
    if (text[n] != '\0')
        strcpy(out + n, "...");
    return out;
}

static void *place_of(otr_conf_draft *draft, const otr_setting *setting)
{
    const otr_titled *titled = otr_setting_titled(setting);

    if (titled != NULL)
        return (char *)draft->open[titled - otr_titled_sections] + (setting->offset - titled->at);
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
        MISTAKE(draft, line, "%s: \"%s\" is not %s", s->name, otr_conf_shown(text, part), what);
    else if (number < s->least || number > s->most)
        MISTAKE(draft, line, base == 8 ? "%s: %s is not between 0 and 0777" : "%s: %s is not between %u and %u",
                s->name, otr_conf_shown(text, part), s->least, s->most);
    else
        *(uint32_t *)place_of(draft, s) = number;
}

/* "2w": a whole number and s, m, h, d or w; without a letter seconds. */
static void set_duration(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    static const struct {
        char letter;
        uint32_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
    size_t len = strlen(text);
    char digits[16] = "", part[64];
    uint32_t number = 0;
    uint64_t seconds = 1;

    for (size_t i = 0; len > 0 && i < sizeof(units) / sizeof(units[0]); i++)
        if (text[len - 1] == units[i].letter) {
            seconds = units[i].seconds;
            len--;
            break;
        }
    if (len < sizeof(digits))
        memcpy(digits, text, len);
    if (!take_number(digits, 10, &number)) {
        MISTAKE(draft, line, "%s: \"%s\" is no time: a whole number and s, m, h, d or w, such as 2w", s->name,
                otr_conf_shown(text, part));
        return;
    }
    seconds *= number;
    if (seconds < s->least || seconds > s->most)
        MISTAKE(draft, line, "%s: \"%s\" is not between %u and %u seconds", s->name, otr_conf_shown(text, part), s->least, s->most);
    else
        *(uint32_t *)place_of(draft, s) = (uint32_t)seconds;
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
    MISTAKE(draft, line, "%s: \"%s\" is neither true nor false", s->name, otr_conf_shown(text, part));
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
    MISTAKE(draft, line, "%s: \"%s\" is none of %s", s->name, otr_conf_shown(text, part), all);
}

bool otr_conf_is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/* Words that stand for roots instead of a path. */
static bool stands_for_roots(const otr_setting *s, const char *text)
{
    bool is_roots = strcmp(s->name, "roots") == 0 || strcmp(s->name, "root_programs") == 0;
    bool is_own = strcmp(s->name, "exim_own") == 0 || strcmp(s->name, "postfix_own") == 0;
    bool is_ca = strcmp(s->name, "ca") == 0;

    return ((is_roots || is_own || is_ca) && strcmp(text, "system") == 0) || (strcmp(s->name, "roots") == 0 && strcmp(text, "none") == 0);
}

/* What a word must be, beyond having no control characters; NULL: it is. */
static const char *word_problem(const otr_setting *s, const char *text)
{
    if (strlen(text) > TEXT_MAX)
        return "is too long";
    if (!otr_conf_is_plain(text))
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
    case OTR_SET_MEMBER:
        return otr_fleet_is_member_name(text) ? NULL : "is not 1 to 64 letters, digits, \"-\", \".\" and \"_\"";
    case OTR_SET_STORE:
    case OTR_SET_NUMBER:
    case OTR_SET_DURATION:
    case OTR_SET_FLAG:
    case OTR_SET_CHOICE:
    case OTR_SET_MODE:
    case OTR_SET_LISTEN:
    case OTR_SET_SERVERS:
    case OTR_SET_NAMES:
    case OTR_SET_DOMAINS:
    case OTR_SET_PATTERNS:
    case OTR_SET_ADDRESSES:
    case OTR_SET_URIS:
        break;
    }
    return NULL;
}

static void set_word(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    const char *problem = word_problem(s, text);
    char part[64];

    if (problem != NULL)
        MISTAKE(draft, line, "%s: \"%s\" %s", s->name, otr_conf_shown(text, part), problem);
    else
        *(const char **)place_of(draft, s) = otr_arena_text(draft->conf->arena, text);
}

/* A path, or the URL of what a fleet shares. No complaint shows what is there: a password may be. */
static void set_store(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    outrider_diag diag = { .message = "is too long" };
    bool is_path = text[0] == '/' && strlen(text) <= TEXT_MAX && otr_conf_is_plain(text);

    if (text[0] != '\0' && !is_path) {
        if (otr_fleet_url_parse(text, strlen(text), &draft->conf->fleet.url, &diag) != OUTRIDER_OK) {
            MISTAKE(draft, line, "%s: %s; or the absolute path of a file", s->name, diag.message);
            return;
        }
        draft->conf->fleet.is_on = true;
    }
    *(const char **)place_of(draft, s) = otr_arena_text(draft->conf->arena, text);
}

void otr_conf_set(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    switch (s->kind) {
    case OTR_SET_NUMBER:
    case OTR_SET_MODE:
        set_number(draft, s, text, line);
        return;
    case OTR_SET_DURATION:
        set_duration(draft, s, text, line);
        return;
    case OTR_SET_FLAG:
        set_flag(draft, s, text, line);
        return;
    case OTR_SET_CHOICE:
        set_choice(draft, s, text, line);
        return;
    case OTR_SET_STORE:
        set_store(draft, s, text, line);
        return;
    case OTR_SET_TEXT:
    case OTR_SET_MEMBER:
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
    case OTR_SET_PATTERNS:
    case OTR_SET_ADDRESSES:
    case OTR_SET_URIS:
        return; /* lists: see add_value() */
    }
}

/* server = address [ "@" port ] */
bool otr_conf_is_server(const char *text)
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

static bool is_address(const char *text)
{
    unsigned char binary[16];

    return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

static bool is_good_item(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    otr_listen_address address;
    outrider_diag diag;
    const char *problem;
    char part[64];

    if (!otr_conf_is_plain(text)) {
        MISTAKE(draft, line, "%s: \"%s\" holds a control character", s->name, otr_conf_shown(text, part));
        return false;
    }
    if (s->kind == OTR_SET_LISTEN && otr_listen_address_parse(text, &address, &diag) != OUTRIDER_OK) {
        MISTAKE(draft, line, "%s: %s", s->name, diag.message);
        return false;
    }
    if (s->kind == OTR_SET_SERVERS && !otr_conf_is_server(text)) {
        MISTAKE(draft, line, "%s: \"%s\" is no ADDRESS or ADDRESS@PORT", s->name, otr_conf_shown(text, part));
        return false;
    }
    if (s->kind == OTR_SET_ADDRESSES && !is_address(text)) {
        MISTAKE(draft, line, "%s: \"%s\" is no IP address", s->name, otr_conf_shown(text, part));
        return false;
    }
    problem = s->kind == OTR_SET_FILES ? word_problem(s, text) : NULL;
    if (problem != NULL)
        MISTAKE(draft, line, "%s: \"%s\" %s", s->name, otr_conf_shown(text, part), problem);
    return problem == NULL;
}

/* Lists are small and read once: each value makes a new array in the arena. */
const char *const *otr_conf_grown(otr_arena *arena, const char *const *values, size_t count, const char *text)
{
    const char **all = otr_arena_alloc(arena, count + 2, sizeof(*all));

    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        all[i] = values[i];
    all[count] = otr_arena_text(arena, text);
    return all;
}

/* mx patterns of a policy: a leading "*." stands for one label. */
static outrider_err normalize_pattern(const char *text, char normal[TEXT_MAX + 1], outrider_diag *diag)
{
    size_t stars = strncmp(text, "*.", 2) == 0 ? 2 : 0;

    memcpy(normal, text, stars);
    return otr_domain_normalize(text + stars, strlen(text) - stars, normal + stars, diag);
}

/* One URI of a TLSRPT record, as a record would hold it. */
static outrider_err check_uri(const char *text, outrider_diag *diag)
{
    char record[TEXT_MAX + 32];
    int len = snprintf(record, sizeof(record), "v=TLSRPTv1; rua=%s", text);
    otr_tlsrpt_record parsed;
    outrider_err err = otr_tlsrpt_record_parse(record, (size_t)len, &parsed, diag);

    if (err == OUTRIDER_OK && (parsed.rua_count != 1 || parsed.rua[0].len != strlen(text)))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "write one mailto: or https: address, with %%2C, %%3B and %%21 for , ; and !");
    return err;
}

/* A value of a list as it is kept. False after a complaint. */
static bool to_normal_form(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line, char normal[TEXT_MAX + 1])
{
    const char *what = "";
    char part[64];
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;

    if (strlen(text) > TEXT_MAX) {
        MISTAKE(draft, line, "%s: \"%s\" is too long", s->name, otr_conf_shown(text, part));
        return false;
    }
    strcpy(normal, text);
    if (s->kind == OTR_SET_NAMES) {
        err = otr_domain_normalize(text, strlen(text), normal, &diag);
        what = "host name";
    } else if (s->kind == OTR_SET_DOMAINS) {
        err = otr_destination_scope(text, strlen(text), normal, &diag);
        what = "domain, nor \".\" and a domain";
    } else if (s->kind == OTR_SET_PATTERNS) {
        err = normalize_pattern(text, normal, &diag);
        what = "host name, nor \"*.\" and one";
    } else if (s->kind == OTR_SET_URIS) {
        err = check_uri(text, &diag);
        what = "report address";
    }
    if (err != OUTRIDER_OK)
        MISTAKE(draft, line, "%s: \"%s\" is no %s: %s", s->name, otr_conf_shown(text, part), what, diag.message);
    return err == OUTRIDER_OK;
}

static void add_value(otr_conf_draft *draft, const otr_setting *s, const char *text, unsigned line)
{
    otr_list *list = place_of(draft, s);
    const char *const *all;
    char normal[TEXT_MAX + 1];

    if (list->count >= OTR_CONF_LIST_MAX) {
        MISTAKE(draft, line, "%s: more than %d values", s->name, OTR_CONF_LIST_MAX);
        return;
    }
    if (!is_good_item(draft, s, text, line))
        return;
    if (!to_normal_form(draft, s, text, line, normal))
        return;
    all = otr_conf_grown(draft->conf->arena, list->values, list->count, normal);
    if (all != NULL) {
        list->values = all;
        list->count++;
    }
}

void otr_conf_take(otr_conf_draft *draft, const otr_conf_value *value)
{
    const otr_setting *s = otr_setting_find(value->section, value->name);
    size_t at = s != NULL ? (size_t)(s - otr_settings) : 0;
    bool is_first = draft->lines[at] == 0;

    if (strcmp(value->section, "stub") == 0) {
        otr_conf_take_stub(draft, value);
        return;
    }
    if (s == NULL)
        return; /* libconfuse knows no others than the schema's */
    if (!otr_conf_open_section(draft, s, value))
        return;
    is_first = draft->lines[at] == 0; /* in this section */
    if (s->presets == NULL) {
        if (!is_first)
            MISTAKE(draft, value->line, "%s: set before, on line %u", s->name, draft->lines[at]);
        else
            otr_conf_set(draft, s, value->text, value->line);
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
    if (otr_setting_titled(setting) != NULL) {
        otr_conf_empty_in_section(draft, setting, title);
        return;
    }
    *(otr_list *)place_of(draft, setting) = (otr_list){ 0 };
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
    otr_conf_begin_sections(draft);
    for (size_t i = 0; i < otr_setting_count; i++) {
        const otr_setting *s = &otr_settings[i];

        if (otr_setting_titled(s) != NULL)
            continue;
        if (s->presets == NULL)
            otr_conf_set(draft, s, s->preset, 0);
        else
            for (size_t v = 0; s->presets[v] != NULL; v++)
                add_value(draft, s, s->presets[v], 0);
    }
    return draft;
}

outrider_err otr_conf_draft_finish(otr_conf_draft *draft, otr_conf **conf)
{
    otr_conf_check_whole(draft);
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
