/*
 * publish_staged.c - which TLSA records of our MX hosts are meant though nothing shows them: those of a change of keys that `outrider tlsa plan` has
 * under way, and of the keys that the configuration says come next.
 */
#include "cli/publish_view.h"

#include "cli/command.h"
#include "cli/key_file.h"
#include "dane/tlsa_make.h"
#include "publish/plan_file.h"
#include "publish/staged.h"

#include <string.h>
#include <unistd.h>

#define SMTP_PORT 25

/* A file that is odd is said, and nothing is known by it. */
static bool take_plan(const char *what, const char *directory, otr_domain_facts *facts, otr_host_facts *host)
{
    outrider_diag diag = { 0 };
    otr_plan_file file;
    bool is_good;

    switch (otr_plan_open(directory, host->host, SMTP_PORT, -1, NULL, &file, &diag)) {
    case OUTRIDER_OK: break;
    case OUTRIDER_E_NOMEM: return false;
    default:
        otr_complain(EX_OK, what, "%s (which TLSA records are staged is not known)", diag.message);
        return true;
    }
    is_good = otr_staged_take(facts, host, &file.rollover);
    otr_plan_close(&file);
    return is_good;
}

/* Keys are for root alone, as a rule; who may not read them knows less. */
static bool take_keys(const char *what, const char *path, otr_domain_facts *facts, otr_host_facts *host)
{
    otr_tlsa_sources sources = { 0 };
    bool is_good = true;

    if (access(path, R_OK) != 0 || otr_key_file_read(what, path, &sources) != EX_OK)
        return true;
    for (size_t i = 0; is_good && i < sources.count; i++) {
        const char *record = otr_tlsa_made_text(facts->arena, &sources.list[i], (otr_tlsa_form)OTR_TLSA_FORM_DEFAULT);

        is_good = *record == '\0' || otr_staged_add(facts, host, record);
    }
    otr_tlsa_sources_clear(&sources);
    return is_good;
}

bool otr_publish_stage(const char *what, const otr_publish_view *view, otr_domain_facts *facts)
{
    const char *directory = view->directory != NULL ? view->directory : OTR_PLAN_DIRECTORY;
    bool is_good = true;

    for (size_t h = 0; h < facts->host_count && is_good; h++) {
        otr_host_facts *host = &facts->hosts[h];

        if (!host->is_host_name)
            continue;
        is_good = take_plan(what, directory, facts, host);
        for (size_t i = 0; i < view->conf->tlsa_count && is_good; i++)
            for (size_t n = 0; strcmp(view->conf->tlsa[i].host, host->host) == 0 && n < view->conf->tlsa[i].next_keys.count && is_good; n++)
                is_good = take_keys(what, view->conf->tlsa[i].next_keys.values[n], facts, host);
    }
    return is_good;
}
