/*
 * record.c - the _mta-sts TXT record: the fields that mean something in it. Its shape is in dns/txtfields.c.
 *
 *   sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]     RFC 8461 §3.1
 */
#include "sts/record.h"

#include "dns/txtfields.h"

#define VERSION "v=STSv1"

/* sts-id = %s"id=" 1*32(ALPHA / DIGIT); the cursor stands behind '='. */
static outrider_err take_id(otr_cursor *c, otr_slice *id, outrider_diag *diag)
{
    const char *begin = c->at;
    otr_slice run = otr_take_while(c, otr_is_alnum);

    if (run.len > OTR_STS_ID_MAX)
        return otr_syntax(c, begin + OTR_STS_ID_MAX, diag, "id longer than %d characters", OTR_STS_ID_MAX);
    if (!otr_cursor_at_end(c) && *c->at > ' ' && *c->at < 0x7f && *c->at != ';')
        return otr_syntax(c, c->at, diag, "an id consists of letters and digits");
    if (run.len == 0)
        return otr_syntax(c, c->at, diag, "id has no value");
    *id = run;
    return otr_txt_check_end(c, diag);
}

/* sts-field = sts-id / sts-extension */
static outrider_err take_field(otr_cursor *c, otr_sts_record *found, outrider_diag *diag)
{
    otr_slice name;
    outrider_err err = otr_txt_take_name(c, &name, diag);

    if (err != OUTRIDER_OK)
        return err;
    /* RFC 8461 §3.2, end: of a repeated field the first counts. A later id need only be well-formed. */
    if (otr_slice_is(name, "id") && found->id.len == 0)
        return take_id(c, &found->id, diag);
    return otr_txt_take_value(c, diag);
}

outrider_err otr_sts_record_parse(const char *txt, size_t len, otr_sts_record *record, outrider_diag *diag)
{
    otr_cursor c = otr_cursor_over(txt, len);
    otr_sts_record found = { 0 };

    if (!otr_txt_take_version(&c, VERSION))
        return otr_txt_explain_foreign(&c, VERSION, diag);
    while (otr_txt_take_delim(&c, ';') && !otr_cursor_at_end(&c)) {
        outrider_err err = take_field(&c, &found, diag);

        if (err != OUTRIDER_OK)
            return err;
    }
    if (found.id.len == 0)
        return otr_syntax(&c, c.end, diag, "record has no id (field names are case sensitive)");
    *record = found;
    return OUTRIDER_OK;
}

otr_sts_found otr_sts_record_find(const otr_slice *txts, size_t count, otr_sts_record *record, outrider_diag *diag)
{
    size_t chosen;
    size_t found = otr_txt_choose(txts, count, VERSION, &chosen, diag);

    if (found != 1)
        return found == 0 ? OTR_STS_RECORD_NONE : OTR_STS_RECORD_SEVERAL;
    if (otr_sts_record_parse(txts[chosen].ptr, txts[chosen].len, record, diag) == OUTRIDER_OK)
        return OTR_STS_RECORD_ONE;
    if (diag != NULL)
        diag->line = (unsigned)chosen + 1;
    return OTR_STS_RECORD_INVALID;
}
