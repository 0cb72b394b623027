/*
 * setup_version.c - versions compared part by part, and the conditions that are written with them.
 */
#include "cli/setup_version.h"

#include "base/cursor.h"

#include <stdio.h>

#define PART_MAX 99999 /* a date as in Postfix' snapshots is behind a "-" and no part */

static bool is_digit(char c)
{
    return otr_is_digit(c);
}

static bool is_word_char(char c)
{
    return otr_is_alnum(c) || c == '-' || c == '_';
}

/* 1*DIGIT */
static bool take_part(otr_cursor *c, unsigned *part)
{
    otr_slice digits = otr_take_while(c, is_digit);

    *part = 0;
    for (size_t i = 0; i < digits.len && *part <= PART_MAX; i++)
        *part = *part * 10 + (unsigned)(digits.ptr[i] - '0');
    return digits.len > 0 && *part <= PART_MAX;
}

/* 1*DIGIT *3("." 1*DIGIT) */
static bool take_version(otr_cursor *c, otr_version *version)
{
    otr_version found = { .count = 1 };

    if (!take_part(c, &found.part[0]))
        return false;
    while (found.count < OTR_VERSION_PARTS && otr_take_char(c, '.'))
        if (!take_part(c, &found.part[found.count++]))
            return false;
    *version = found;
    return true;
}

bool otr_version_parse(otr_slice text, otr_version *version)
{
    otr_cursor c = otr_cursor_over(text.ptr, text.len);
    otr_version found;

    if (!take_version(&c, &found))
        return false;
    if (!otr_cursor_at_end(&c) && strchr("-_ \t\r\n", *c.at) == NULL)
        return false;
    *version = found;
    return true;
}

void otr_version_print(const otr_version *version, char text[OTR_VERSION_SIZE])
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < version->count && len < OTR_VERSION_SIZE; i++)
        len += (size_t)snprintf(text + len, OTR_VERSION_SIZE - len, "%s%u", i > 0 ? "." : "", version->part[i]);
}

int otr_version_compare(const otr_version *version, const otr_version *bound)
{
    for (unsigned i = 0; i < bound->count; i++)
        if (version->part[i] != bound->part[i])
            return version->part[i] < bound->part[i] ? -1 : 1;
    return 0;
}

/* range = version "+" / [version] "-" version */
static bool take_range(otr_cursor *c, const otr_version *version, bool *holds)
{
    otr_version least, most;

    if (otr_take_char(c, '-')) {
        *holds = take_version(c, &most) && otr_version_compare(version, &most) <= 0;
        return otr_cursor_at_end(c);
    }
    if (!take_version(c, &least))
        return false;
    *holds = otr_version_compare(version, &least) >= 0;
    if (otr_take_char(c, '+'))
        return otr_cursor_at_end(c);
    if (!otr_take_char(c, '-') || !take_version(c, &most))
        return false;
    *holds = *holds && otr_version_compare(version, &most) <= 0;
    return otr_cursor_at_end(c);
}

static bool has_feature(const otr_traits *traits, otr_slice word)
{
    for (const char *const *feature = traits->features; *feature != NULL; feature++)
        if (otr_slice_is(word, *feature))
            return true;
    return false;
}

/* feature = ["no-"] word */
static bool take_feature(otr_cursor *c, const otr_traits *traits, bool *holds)
{
    bool is_negated = otr_take_literal(c, "no-");
    otr_slice word = otr_take_while(c, is_word_char);

    *holds = has_feature(traits, word) != is_negated;
    return word.len > 0 && otr_is_alpha(word.ptr[0]) && otr_cursor_at_end(c);
}

static bool word_holds(otr_slice word, const otr_traits *traits, bool *is_valid)
{
    otr_cursor c = otr_cursor_over(word.ptr, word.len);
    bool is_range = word.len > 0 && (otr_is_digit(*word.ptr) || *word.ptr == '-');
    bool holds = false;

    *is_valid = is_range ? take_range(&c, &traits->version, &holds) : take_feature(&c, traits, &holds);
    return *is_valid && holds;
}

/* condition = word *("," word) */
bool otr_condition_holds(otr_slice condition, const otr_traits *traits, bool *is_valid)
{
    const char *at = condition.ptr, *end = condition.ptr + condition.len;
    bool holds = true, all_valid = true;

    for (bool more = true; more;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        otr_slice word = { at, (size_t)((comma != NULL ? comma : end) - at) };
        bool valid;

        holds = word_holds(word, traits, &valid) && holds;
        all_valid = all_valid && valid;
        more = comma != NULL;
        at = more ? comma + 1 : end;
    }
    if (is_valid != NULL)
        *is_valid = all_valid;
    return holds && all_valid;
}
