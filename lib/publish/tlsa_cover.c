/*
 * tlsa_cover.c - each combination by itself, judged as a sender judges (otr_dane_match).
 */
#include "publish/tlsa_cover.h"

#include "base/diag.h"
#include "dane/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_kind(const otr_tlsa *a, const otr_tlsa *b)
{
    return a->usage == b->usage && a->selector == b->selector && a->mtype == b->mtype;
}

/* The records of the combination that records[i] begins; 0 if one before it was of that combination. */
static size_t gather(const otr_tlsa *records, size_t count, size_t i, otr_tlsa *kind)
{
    size_t n = 0;

    for (size_t j = 0; j < i; j++)
        if (is_same_kind(&records[j], &records[i]))
            return 0;
    for (size_t j = i; j < count; j++)
        if (is_same_kind(&records[j], &records[i]))
            kind[n++] = records[j];
    return n;
}

static outrider_err judge_kind(const otr_tlsa *kind, size_t count, const otr_chain *chain, otr_time at, otr_cover_result *result,
                               outrider_diag *diag)
{
    const char *const names[] = { chain->base, NULL };
    const otr_dane_question question = { .records = kind, .record_count = count, .chain_pem = chain->pem, .chain_len = chain->len,
                                         .names = names, .at = at };
    otr_dane_result dane;
    otr_buf text = OTR_BUF_INIT;
    outrider_err err = otr_dane_match(&question, &dane, diag);

    if (err != OUTRIDER_OK)
        return err;
    if (!dane.is_authenticated) {
        result->cover = OTR_COVERS_NOT;
        result->usage = kind[0].usage;
        result->selector = kind[0].selector;
        result->mtype = kind[0].mtype;
        snprintf(result->reason, sizeof(result->reason), "none of the records %u %u %u matches: %s", kind[0].usage, kind[0].selector,
                 kind[0].mtype, dane.reason);
        return OUTRIDER_OK;
    }
    result->cover = OTR_COVERS;
    if (result->record[0] == '\0') {
        otr_tlsa_print(&kind[dane.matched], &text);
        snprintf(result->record, sizeof(result->record), "%s", otr_buf_text(&text));
    }
    otr_buf_clear(&text);
    return OUTRIDER_OK;
}

outrider_err otr_tlsa_cover(const otr_tlsa *records, size_t count, const otr_chain *chain, otr_time at, otr_cover_result *result,
                            outrider_diag *diag)
{
    otr_cover_result found = { .cover = OTR_COVERS_NOTHING_ASKED };
    otr_tlsa *usable = calloc(2 * count + 1, sizeof(*usable)), *kind = usable + count;
    size_t usable_count = 0;
    outrider_err err = OUTRIDER_OK;

    if (usable == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (otr_tlsa_check(&records[i]) == OTR_TLSA_USABLE)
            usable[usable_count++] = records[i];
    for (size_t i = 0; err == OUTRIDER_OK && found.cover != OTR_COVERS_NOT && i < usable_count; i++) {
        size_t n = gather(usable, usable_count, i, kind);

        if (n > 0)
            err = judge_kind(kind, n, chain, at, &found, diag);
    }
    free(usable);
    if (err == OUTRIDER_OK)
        *result = found;
    return err;
}

outrider_err otr_tlsa_cover_text(const char *text, const otr_chain *chain, otr_time at, otr_cover_result *result, outrider_diag *diag)
{
    otr_tlsa records[OTR_TLSA_SET_MAX];
    otr_buf data[OTR_TLSA_SET_MAX] = { 0 };
    size_t count = 0;
    outrider_err err = OUTRIDER_OK;

    for (const char *at_line = text; err == OUTRIDER_OK && *at_line != '\0' && count < OTR_TLSA_SET_MAX; count++) {
        size_t len = strcspn(at_line, "\n");

        err = otr_tlsa_parse(at_line, len, &data[count], &records[count], diag);
        at_line += len + (at_line[len] == '\n');
    }
    if (err == OUTRIDER_OK)
        err = otr_tlsa_cover(records, count, chain, at, result, diag);
    for (size_t i = 0; i < OTR_TLSA_SET_MAX; i++)
        otr_buf_clear(&data[i]);
    return err;
}
