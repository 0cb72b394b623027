/*
 * text.c - comments away, quotes and braces checked, unknown statements blanked.
 */
#include "daemon/conf/text.h"

#include <string.h>

/* A position that knows its line. */
struct reader {
    char *at;
    unsigned line;
};

static void step(struct reader *r)
{
    if (*r->at == '\n')
        r->line++;
    r->at++;
}

static void blank(struct reader *r)
{
    if (*r->at != '\n')
        *r->at = ' ';
    else
        r->line++;
    r->at++;
}

/* Behind a quoted string that begins here; false if it never ends. */
static bool pass_quoted(struct reader *r)
{
    char quote = *r->at;

    for (step(r); *r->at != '\0'; step(r)) {
        if (*r->at == '\\' && r->at[1] != '\0')
            step(r);
        else if (*r->at == quote) {
            step(r);
            return true;
        }
    }
    return false;
}

/* A comment that begins here becomes blanks. False if there is none. */
static bool blank_comment(struct reader *r, otr_mistakes *mistakes)
{
    unsigned line = r->line;

    if (*r->at == '#' || (r->at[0] == '/' && r->at[1] == '/')) {
        while (*r->at != '\0' && *r->at != '\n')
            blank(r);
        return true;
    }
    if (r->at[0] == '/' && r->at[1] == '*') {
        blank(r);
        blank(r);
        while (*r->at != '\0' && !(r->at[0] == '*' && r->at[1] == '/'))
            blank(r);
        if (*r->at == '\0') {
            otr_mistake_add(mistakes, line, "comment is never closed with \"*/\"");
            return true;
        }
        blank(r);
        blank(r);
        return true;
    }
    return false;
}

void otr_conf_text_prepare(char *text, size_t len, otr_mistakes *mistakes)
{
    enum { DEPTH_MAX = 8 }; /* no section lies deeper than two */
    struct reader r = { text, 1 };
    unsigned opened[DEPTH_MAX], depth = 0, line;

    if (strlen(text) != len) {
        for (r.at = text; *r.at != '\0';)
            step(&r);
        otr_mistake_add(mistakes, r.line, "the file holds a NUL byte");
        return;
    }
    while (*r.at != '\0') {
        if (blank_comment(&r, mistakes))
            continue;
        line = r.line;
        if (*r.at == '"' || *r.at == '\'') {
            if (!pass_quoted(&r))
                otr_mistake_add(mistakes, line, "quote is never closed");
            continue;
        }
        if (*r.at == '{' && depth++ < DEPTH_MAX)
            opened[depth - 1] = r.line;
        else if (*r.at == '}' && depth > 0)
            depth--;
        step(&r);
    }
    if (depth > 0)
        otr_mistake_add(mistakes, opened[depth <= DEPTH_MAX ? depth - 1 : DEPTH_MAX - 1], "brace is never closed");
}

static bool is_word_char(char c)
{
    return otr_is_alnum(c) || c == '_' || c == '-' || c == '.' || c == ':' || c == '/' || c == '@';
}

static void pass_blanks(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n')
        step(r);
}

/* Behind a pair of braces with all that lies between. */
static void pass_braces(struct reader *r)
{
    unsigned depth = 0;

    while (*r->at != '\0') {
        if (*r->at == '"' || *r->at == '\'') {
            if (!pass_quoted(r))
                return;
            continue;
        }
        if (*r->at == '{')
            depth++;
        else if (*r->at == '}' && --depth == 0) {
            step(r);
            return;
        }
        step(r);
    }
}

static void pass_word(struct reader *r)
{
    if (*r->at == '"' || *r->at == '\'')
        pass_quoted(r);
    else
        while (*r->at != '\0' && is_word_char(*r->at))
            step(r);
}

/* statement = name ["+"] "=" ( word / "{" ... "}" )  /  name [title] "{" ... "}"  /  name */
static void pass_statement(struct reader *r)
{
    struct reader before;

    pass_word(r);
    before = *r;
    pass_blanks(r);
    if (*r->at == '+')
        step(r);
    if (*r->at == '=') {
        step(r);
        pass_blanks(r);
        if (*r->at == '{')
            pass_braces(r);
        else
            pass_word(r);
        return;
    }
    if (*r->at != '{') {
        pass_word(r);
        pass_blanks(r);
    }
    if (*r->at == '{')
        pass_braces(r);
    else
        *r = before;
}

bool otr_conf_text_blank(char *text, unsigned line, const char *name)
{
    struct reader r = { text, 1 }, end;
    size_t len = strlen(name);

    while (*r.at != '\0' && r.line <= line) {
        if (*r.at == '"' || *r.at == '\'') {
            if (!pass_quoted(&r))
                return false;
            continue;
        }
        if (!is_word_char(*r.at)) {
            step(&r);
            continue;
        }
        if (r.line == line && strncmp(r.at, name, len) == 0 && !is_word_char(r.at[len])) {
            end = r;
            pass_statement(&end);
            while (r.at < end.at)
                blank(&r);
            return true;
        }
        pass_word(&r);
    }
    return false;
}

static bool is_assigned(struct reader r)
{
    pass_word(&r);
    pass_blanks(&r);
    return *r.at == '=';
}

void otr_conf_text_rename_store(char *text)
{
    static const char name[] = "store";
    size_t len = sizeof(name) - 1;
    struct reader r = { text, 1 };

    while (*r.at != '\0') {
        if (*r.at == '{') {
            pass_braces(&r);
        } else if (is_word_char(*r.at)) {
            if (strncmp(r.at, name, len) == 0 && !is_word_char(r.at[len]) && is_assigned(r))
                memcpy(r.at, OTR_CONF_STORE_WORD, len);
            pass_word(&r);
        } else if (*r.at == '"' || *r.at == '\'') {
            if (!pass_quoted(&r))
                return;
        } else {
            step(&r);
        }
    }
}
