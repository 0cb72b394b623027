/*
 * tlsa_text_fuzz.c - TLSA records in text. What parses is printed in the one form and must read back the same.
 */
#include "dane/tlsa.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_buf bytes = OTR_BUF_INIT, again_bytes = OTR_BUF_INIT, text = OTR_BUF_INIT;
    otr_tlsa record, again;
    outrider_diag diag = { 0 };
    outrider_err err = otr_tlsa_parse((const char *)data, size, &bytes, &record, &diag);

    if (err == OUTRIDER_E_SYNTAX && (diag.line == 0 || diag.column == 0 || diag.column > size + 1))
        abort();
    if (err == OUTRIDER_OK) {
        otr_tlsa_print(&record, &text);
        if (otr_tlsa_parse(otr_buf_text(&text), text.len, &again_bytes, &again, NULL) != OUTRIDER_OK)
            abort();
        if (again.usage != record.usage || again.selector != record.selector || again.mtype != record.mtype ||
            again.is_short != record.is_short || again.len != record.len ||
            (record.len > 0 && memcmp(again.data, record.data, record.len) != 0))
            abort();
        otr_tlsa_check(&record);
    }
    otr_buf_clear(&text);
    otr_buf_clear(&again_bytes);
    otr_buf_clear(&bytes);
    return 0;
}
