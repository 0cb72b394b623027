/*
 * check_txt.h - TXT records of an answer, for the checks of MTA-STS and TLSRPT. Internal to lib/publish.
 */
#ifndef OTR_PUBLISH_CHECK_TXT_H
#define OTR_PUBLISH_CHECK_TXT_H

#include "publish/check_judge.h"

/* The texts of an answer, in `texts`; returns how many. answer may be NULL. */
static inline size_t otr_txt_list(const otr_dns_answer *answer, otr_slice texts[OTR_RR_MAX])
{
    size_t count = 0;

    for (size_t i = 0; answer != NULL && answer->content == OTR_DNS_DATA && i < answer->rr_count && count < OTR_RR_MAX; i++)
        texts[count++] = (otr_slice){ .ptr = answer->rrs[i].txt.text, .len = answer->rrs[i].txt.len };
    return count;
}

/* The first text that begins so, "" if there is none. */
static inline otr_slice otr_txt_beginning(const otr_dns_answer *answer, const char *begin)
{
    otr_slice texts[OTR_RR_MAX];
    size_t count = otr_txt_list(answer, texts), len = strlen(begin);

    for (size_t i = 0; i < count; i++)
        if (texts[i].len >= len && memcmp(texts[i].ptr, begin, len) == 0)
            return texts[i];
    return (otr_slice){ .ptr = "", .len = 0 };
}

#endif
