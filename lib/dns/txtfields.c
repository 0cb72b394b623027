/*
 * txtfields.c - see txtfields.h. The ABNF of both RFCs allows white space before the first semicolon, their
 * prose discards every record that does not begin with version and semicolon. The prose decides which records
 * count (STS-DNS-04, STS-DNS-06, RPT-DNS-02), the ABNF the rest.
 */
#include "dns/txtfields.h"

#include "base/diag.h"

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name_char(char c)
{
    return otr_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool is_value_char(char c)
{
    return c > ' ' && c < 0x7f && c != ';' && c != '=';
}

bool otr_txt_take_version(otr_cursor *c, const char *version)
{
    otr_cursor ahead = *c;

    if (!otr_take_literal(&ahead, version) || otr_cursor_at_end(&ahead) || *ahead.at != ';')
        return false;
    *c = ahead;
    return true;
}

/* How many bytes of the text agree with the version, in either case or exactly. */
static size_t agreement(const otr_cursor *c, const char *version, bool exactly)
{
    size_t n = 0;

    while (version[n] != '\0' && c->at + n < c->end &&
           (c->at[n] == version[n] || (!exactly && otr_to_lower(c->at[n]) == otr_to_lower(version[n]))))
        n++;
    return n;
}

outrider_err otr_txt_explain_foreign(const otr_cursor *c, const char *version, outrider_diag *diag)
{
    size_t same = agreement(c, version, true);
    const char *at = c->at + same;
    bool at_wsp = at < c->end && is_wsp(*at);

    if (version[same] == '\0' && at_wsp)
        return otr_syntax(c, at, diag, "white space before the first semicolon: senders discard this record");
    if (version[same] == '\0')
        return otr_syntax(c, at, diag, "expected ';' after \"%s\"", version);
    if (version[agreement(c, version, false)] == '\0')
        return otr_syntax(c, at, diag, "the version is case sensitive: \"%s\"", version);
    if (same == 0 && at_wsp)
        return otr_syntax(c, at, diag, "white space before the version: senders discard this record");
    return otr_syntax(c, at, diag, "not such a record: it begins with \"%s;\"", version);
}

bool otr_txt_take_delim(otr_cursor *c, char delim)
{
    otr_cursor before = *c;

    otr_take_wsp(c);
    if (otr_take_char(c, delim)) {
        otr_take_wsp(c);
        return true;
    }
    *c = before;
    return false;
}

outrider_err otr_txt_take_name(otr_cursor *c, otr_slice *name, outrider_diag *diag)
{
    const char *begin = c->at;
    otr_slice run = otr_take_while(c, is_name_char);

    if (run.len == 0 && begin < c->end && *begin == ';')
        return otr_syntax(c, begin, diag, "empty field");
    if (run.len == 0 || !otr_is_alnum(*begin))
        return otr_syntax(c, begin, diag, "a field name begins with a letter or a digit");
    if (run.len > OTR_TXT_FIELD_NAME_MAX)
        return otr_syntax(c, begin + OTR_TXT_FIELD_NAME_MAX, diag, "field name longer than %d characters",
                          OTR_TXT_FIELD_NAME_MAX);
    if (!otr_take_char(c, '='))
        return otr_syntax(c, c->at, diag, "expected '=' after the field name");
    *name = run;
    return OUTRIDER_OK;
}

outrider_err otr_txt_take_value(otr_cursor *c, outrider_diag *diag)
{
    otr_slice value = otr_take_while(c, is_value_char);

    if (value.len == 0 && (otr_cursor_at_end(c) || *c->at == ';' || is_wsp(*c->at)))
        return otr_syntax(c, c->at, diag, "field has no value");
    return otr_txt_check_end(c, diag);
}

outrider_err otr_txt_check_end(const otr_cursor *c, outrider_diag *diag)
{
    otr_cursor probe = *c;

    if (otr_cursor_at_end(c) || otr_txt_take_delim(&probe, ';'))
        return OUTRIDER_OK;
    if (otr_take_wsp(&probe) > 0 && otr_cursor_at_end(&probe))
        return otr_syntax(c, c->at, diag, "white space at the end of the record");
    if (is_wsp(*c->at))
        return otr_syntax(c, c->at, diag, "white space inside a field");
    if (*c->at == '=')
        return otr_syntax(c, c->at, diag, "'=' cannot stand in a value");
    return otr_syntax(c, c->at, diag, "byte 0x%02X cannot stand in a value", (unsigned char)*c->at);
}

/* None begins as it must: say why of the one that came closest, which is what its owner wants to know. */
static void explain_none(const otr_slice *txts, size_t count, const char *version, outrider_diag *diag)
{
    otr_fail(diag, OUTRIDER_E_SYNTAX, "no TXT record");
    for (size_t i = 0; i < count && diag != NULL; i++) {
        outrider_diag why;
        otr_cursor c = otr_cursor_over(txts[i].ptr, txts[i].len);

        otr_txt_explain_foreign(&c, version, &why);
        why.line = (unsigned)i + 1;
        if (why.column > diag->column)
            *diag = why;
    }
}

size_t otr_txt_choose(const otr_slice *txts, size_t count, const char *version, size_t *chosen, outrider_diag *diag)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        otr_cursor c = otr_cursor_over(txts[i].ptr, txts[i].len);

        if (!otr_txt_take_version(&c, version))
            continue;
        if (++found == 1) {
            *chosen = i;
            continue;
        }
        otr_fail(diag, OUTRIDER_E_SYNTAX, "a second record that begins with \"%s;\": senders use neither", version);
        if (diag != NULL) {
            diag->line = (unsigned)i + 1;
            diag->column = 1;
        }
        return found;
    }
    if (found == 0)
        explain_none(txts, count, version, diag);
    return found;
}
