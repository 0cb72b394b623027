/*
 * minimum.c - reading the section "minimum".
 *
 * libconfuse has sections with keys of any name, but tells neither the line of such a key nor that it came twice, and
 * for a rule that was mistyped mail would go unprotected: so these are read here, and every mistake has its line.
 */
#include "daemon/conf/minimum.h"

#include "verdict/destination.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX 300 /* octets of a name or level; no domain is longer */

struct reader {
    char *at;
    unsigned line;
};

struct rules {
    otr_conf_draft *draft;  /* borrowed */
    otr_mistakes *mistakes; /* borrowed */
    otr_minimum_rule list[OTR_MINIMUM_RULES_MAX];
    unsigned lines[OTR_MINIMUM_RULES_MAX];
    size_t count;
};

static void step(struct reader *r)
{
    if (*r->at == '\n')
        r->line++;
    r->at++;
}

static void pass_blanks(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n')
        step(r);
}

static bool is_word_char(char c)
{
    return c != '\0' && strchr(" \t\r\n\"'{}=,", c) == NULL;
}

/* Whatever stands in the text for its reader; a terminal shows it and does nothing else. */
static void show(char *word)
{
    for (; *word != '\0'; word++)
        *word = *word < ' ' || *word > '~' ? '?' : *word;
}

/* A word, bare or quoted (its end was checked before). False if none begins here. What is too long is cut. */
static bool take_word(struct reader *r, char word[WORD_MAX])
{
    bool is_quoted = *r->at == '"' || *r->at == '\'';
    char quote = *r->at;
    size_t len = 0;

    if (!is_quoted && !is_word_char(*r->at))
        return false;
    if (is_quoted)
        step(r);
    while (*r->at != '\0' && (is_quoted ? *r->at != quote : is_word_char(*r->at))) {
        if (is_quoted && *r->at == '\\' && r->at[1] != '\0')
            step(r);
        if (len + 1 < WORD_MAX)
            word[len++] = *r->at;
        step(r);
    }
    if (is_quoted)
        step(r);
    word[len] = '\0';
    return true;
}

/* One rule --------------------------------------------------------------------------------------------------- */

static bool read_level(struct rules *rules, char *word, unsigned line, otr_minimum *minimum)
{
    for (int i = OTR_MINIMUM_ENCRYPT; otr_minimum_names[i] != NULL; i++) {
        if (strcmp(word, otr_minimum_names[i]) == 0) {
            *minimum = (otr_minimum)i;
            return true;
        }
    }
    show(word);
    otr_mistake_add(rules->mistakes, line, "minimum: \"%.60s\" is none of encrypt, secure, dane-only", word);
    return false;
}

static bool read_name(struct rules *rules, char *word, unsigned line, char name[OTR_DOMAIN_SIZE + 1])
{
    outrider_diag diag;

    if (otr_destination_scope(word, strlen(word), name, &diag) == OUTRIDER_OK)
        return true;
    show(word);
    otr_mistake_add(rules->mistakes, line, "minimum: \"%.60s\" is no domain, nor \".\" and a domain: %s", word, diag.message);
    return false;
}

static void add_rule(struct rules *rules, const char *name, otr_minimum minimum, unsigned line)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (strcmp(rules->list[i].name, name) == 0) {
            otr_mistake_add(rules->mistakes, line, "minimum: \"%s\" has a rule before, on line %u", name,
                            rules->lines[i]);
            return;
        }
    }
    if (rules->count == OTR_MINIMUM_RULES_MAX) {
        otr_mistake_add(rules->mistakes, line, "minimum: more than %d rules", OTR_MINIMUM_RULES_MAX);
        return;
    }
    rules->lines[rules->count] = line;
    rules->list[rules->count++] =
        (otr_minimum_rule){ .name = otr_arena_text(otr_conf_draft_arena(rules->draft), name), .minimum = minimum };
}

/* To the next line, or the end of the section: after a mistake the next rule is looked at all the same. */
static void pass_rest(struct reader *r)
{
    char word[WORD_MAX];
    unsigned line = r->line, depth = 0;

    while (*r->at != '\0' && (depth > 0 || (*r->at != '}' && r->line == line))) {
        if (take_word(r, word))
            continue;
        if (*r->at == '{')
            depth++;
        else if (*r->at == '}')
            depth--;
        step(r);
    }
}

static void read_rule(struct rules *rules, struct reader *r)
{
    char word[WORD_MAX], level[WORD_MAX], name[OTR_DOMAIN_SIZE + 1];
    unsigned line = r->line;
    otr_minimum minimum;
    bool has_name;

    if (!take_word(r, word)) {
        otr_mistake_add(rules->mistakes, line, "minimum: expected a domain, as in \"bank.example\" = secure");
        if (*r->at != '}')
            step(r);
        pass_rest(r);
        return;
    }
    pass_blanks(r);
    if (*r->at != '=') {
        show(word);
        otr_mistake_add(rules->mistakes, line, "minimum: expected \"=\" and a level behind \"%.60s\"", word);
        pass_rest(r);
        return;
    }
    step(r);
    pass_blanks(r);
    line = r->line;
    if (!take_word(r, level)) {
        show(word);
        otr_mistake_add(rules->mistakes, line, "minimum: \"%.60s\" needs one of encrypt, secure, dane-only", word);
        pass_rest(r);
        return;
    }
    has_name = read_name(rules, word, line, name);
    if (read_level(rules, level, line, &minimum) && has_name)
        add_rule(rules, name, minimum, line);
    pass_blanks(r);
    if (*r->at == ',')
        step(r);
}

/* The sections ----------------------------------------------------------------------------------------------- */

/* From its name to its closing brace, which are blanks afterwards. */
static void read_section(struct rules *rules, struct reader *r, char *name_at)
{
    pass_blanks(r);
    if (*r->at != '{') {
        otr_mistake_add(rules->mistakes, r->line, "minimum: expected \"{\"");
        pass_rest(r);
    } else {
        step(r);
        for (pass_blanks(r); *r->at != '\0' && *r->at != '}'; pass_blanks(r))
            read_rule(rules, r);
        if (*r->at == '}')
            step(r);
    }
    for (; name_at < r->at; name_at++)
        *name_at = *name_at == '\n' ? '\n' : ' ';
}

static void read_all(struct rules *rules, char *text)
{
    struct reader r = { text, 1 };
    unsigned depth = 0;
    bool is_value = false; /* the next word belongs to an assignment */

    for (pass_blanks(&r); *r.at != '\0'; pass_blanks(&r)) {
        char word[WORD_MAX], *begin = r.at;

        if (take_word(&r, word)) {
            if (depth == 0 && !is_value && (size_t)(r.at - begin) == 7 && strcmp(word, "minimum") == 0)
                read_section(rules, &r, begin);
            is_value = false;
            continue;
        }
        is_value = *r.at == '=';
        if (*r.at == '{')
            depth++;
        else if (*r.at == '}' && depth > 0)
            depth--;
        step(&r);
    }
}

void otr_conf_read_minimum(otr_conf_draft *draft, char *text, otr_mistakes *mistakes)
{
    struct rules *rules = calloc(1, sizeof(*rules));

    if (rules == NULL) {
        otr_mistake_add(mistakes, 0, "minimum: out of memory");
        return;
    }
    rules->draft = draft;
    rules->mistakes = mistakes;
    read_all(rules, text);
    otr_conf_take_minimum(draft, &(otr_minimum_rules){ rules->list, rules->count });
    free(rules);
}
