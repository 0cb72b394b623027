/*
 * check_rpt.c - the record that asks for reports (RFC 8460 §3).
 */
#include "publish/check_txt.h"

#include "tlsrpt/record.h"

static void check_addresses(otr_judge *j, const otr_tlsrpt_record *record)
{
    if (record->skipped > 0)
        otr_say(j, (otr_remark){ .id = "rpt.scheme", .status = OTR_CHECK_WARNING, .fix = "use mailto: and https: alone" },
                 "%zu address%s for reports cannot be used", record->skipped, record->skipped == 1 ? "" : "es");
    else
        otr_say(j, (otr_remark){ .id = "rpt.scheme", .status = OTR_CHECK_OK }, "all addresses for reports can be used");
    otr_say(j, (otr_remark){ .id = "rpt.count", .status = record->rua_count > 1 ? OTR_CHECK_INFO : OTR_CHECK_OK },
            record->rua_count > 1 ? "%zu addresses for reports; senders need not use more than one" : "%zu address for reports",
            record->rua_count);
}

static void check_place(otr_judge *j)
{
    otr_slice apex = otr_txt_beginning(j->facts->apex_txt, "v=TLSRPTv1");

    if (otr_say_failed_lookup(j, "rpt.txt-place", NULL, j->facts->apex_txt, OTR_TEXT(j, "the TXT records of %s", j->facts->domain)))
        return;
    if (apex.len == 0)
        otr_say(j, (otr_remark){ .id = "rpt.txt-place", .status = OTR_CHECK_OK }, "nothing is where it does not belong");
    else
        otr_say(j, (otr_remark){ .id = "rpt.txt-place", .status = OTR_CHECK_WARNING, .found = OTR_TEXT(j, "%.*s", (int)apex.len, apex.ptr),
                                   .fix = OTR_TEXT(j, "move it to _smtp._tls.%s", j->facts->domain) },
                 "a record for TLSRPT is at %s itself, where nobody looks for it", j->facts->domain);
}

void otr_check_rpt(otr_judge *j)
{
    const char *domain = j->facts->domain;
    otr_slice texts[OTR_RR_MAX];
    size_t count = otr_txt_list(j->facts->rpt_txt, texts);
    otr_tlsrpt_record record;
    outrider_diag diag = { 0 };
    bool is_wanted = j->facts->meant != NULL && j->facts->meant->wants_reports;

    check_place(j);
    if (otr_say_failed_lookup(j, "rpt.txt", NULL, j->facts->rpt_txt, OTR_TEXT(j, "the record at _smtp._tls.%s", domain)))
        return;
    switch (otr_tlsrpt_record_find(texts, count, &record, &diag)) {
    case OTR_TLSRPT_NONE:
        otr_say(j, (otr_remark){ .id = "rpt.txt", .status = is_wanted ? OTR_CHECK_WARNING : OTR_CHECK_INFO,
                                   .fix = OTR_TEXT(j, "\"outrider records %s\" prints the record", domain) },
                 "there is no record for TLSRPT at _smtp._tls.%s: nobody reports what fails", domain);
        break;
    case OTR_TLSRPT_ONE:
        otr_say(j, (otr_remark){ .id = "rpt.txt", .status = OTR_CHECK_OK }, "_smtp._tls.%s asks for reports", domain);
        check_addresses(j, &record);
        break;
    case OTR_TLSRPT_SEVERAL:
        otr_say(j, (otr_remark){ .id = "rpt.txt", .status = OTR_CHECK_WARNING, .fix = "take all but one of them away" },
                 "there are several records for TLSRPT at _smtp._tls.%s, and that is as good as none", domain);
        break;
    case OTR_TLSRPT_INVALID:
        otr_say(j, (otr_remark){ .id = "rpt.txt", .status = OTR_CHECK_WARNING, .found = diag.message },
                 "the record at _smtp._tls.%s is broken (column %u): %s", domain, diag.column, diag.message);
        break;
    }
}
