/*
 * record.c - the _smtp._tls TXT record: the fields that mean something in it. Its shape is in dns/txtfields.c.
 *
 *   tlsrpt-record = tlsrpt-version 1*(field-delim tlsrpt-field) [field-delim]         RFC 8460 §3
 *
 * A record none of whose URIs can be used is refused: no report will ever be sent on its strength.
 */
#include "tlsrpt/record.h"

#include "dns/txtfields.h"
#include "tlsrpt/uri.h"

#define VERSION "v=TLSRPTv1"

/* What was read so far, and the first skipped URI, to be shown if none is left. */
typedef struct reading {
    otr_cursor c;
    otr_tlsrpt_record found;
    bool has_rua;
    const char *skipped_at;
    const char *skipped_why;
} reading;

/* tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri). A repeated rua adds to the first: RFC 8460 has no rule against it. */
static outrider_err take_uris(reading *r, outrider_diag *diag)
{
    do {
        const char *at = r->c.at, *why;
        otr_slice uri;
        bool is_used;
        outrider_err err = otr_tlsrpt_take_uri(&r->c, &uri, &is_used, &why, diag);

        if (err != OUTRIDER_OK)
            return err;
        if (!is_used) {
            if (r->skipped_at == NULL) {
                r->skipped_at = at;
                r->skipped_why = why;
            }
            r->found.skipped++;
            continue;
        }
        if (r->found.rua_count == OTR_TLSRPT_RUA_MAX) {
            otr_syntax(&r->c, at, diag, "more than %d URIs", OTR_TLSRPT_RUA_MAX);
            return OUTRIDER_E_LIMIT;
        }
        r->found.rua[r->found.rua_count++] = uri;
    } while (otr_txt_take_delim(&r->c, ','));
    r->has_rua = true;
    return otr_txt_check_end(&r->c, diag);
}

/* tlsrpt-field = tlsrpt-rua / tlsrpt-extension */
static outrider_err take_field(reading *r, outrider_diag *diag)
{
    otr_slice name;
    outrider_err err = otr_txt_take_name(&r->c, &name, diag);

    if (err != OUTRIDER_OK)
        return err;
    return otr_slice_is(name, "rua") ? take_uris(r, diag) : otr_txt_take_value(&r->c, diag);
}

outrider_err otr_tlsrpt_record_parse(const char *txt, size_t len, otr_tlsrpt_record *record, outrider_diag *diag)
{
    reading r = { .c = otr_cursor_over(txt, len) };

    if (!otr_txt_take_version(&r.c, VERSION))
        return otr_txt_explain_foreign(&r.c, VERSION, diag);
    while (otr_txt_take_delim(&r.c, ';') && !otr_cursor_at_end(&r.c)) {
        outrider_err err = take_field(&r, diag);

        if (err != OUTRIDER_OK)
            return err;
    }
    if (!r.has_rua)
        return otr_syntax(&r.c, r.c.end, diag, "record has no rua (field names are case sensitive)");
    if (r.found.rua_count == 0)
        return otr_syntax(&r.c, r.skipped_at, diag, "no URI that can be used: %s", r.skipped_why);
    *record = r.found;
    return OUTRIDER_OK;
}

otr_tlsrpt_found otr_tlsrpt_record_find(const otr_slice *txts, size_t count, otr_tlsrpt_record *record,
                                        outrider_diag *diag)
{
    size_t chosen;
    size_t found = otr_txt_choose(txts, count, VERSION, &chosen, diag);

    if (found != 1)
        return found == 0 ? OTR_TLSRPT_NONE : OTR_TLSRPT_SEVERAL;
    if (otr_tlsrpt_record_parse(txts[chosen].ptr, txts[chosen].len, record, diag) == OUTRIDER_OK)
        return OTR_TLSRPT_ONE;
    if (diag != NULL)
        diag->line = (unsigned)chosen + 1;
    return OTR_TLSRPT_INVALID;
}
