/*
 * resolve.c - one look at one destination, and out.
 */
#include "cli/resolve.h"
#include "cli/command.h"
#include "cli/lookout.h"
#include "cli/settings.h"
#include "daemon/conf/options.h"

#include <event2/event.h>

struct one_look {
    struct event_base *base;
    otr_verdict *verdict; /* owned reference */
};

static void keep_verdict(void *arg, otr_verdict *verdict)
{
    struct one_look *one = arg;

    one->verdict = verdict;
    event_base_loopbreak(one->base);
}

static int print_verdict(const otr_verdict *v, const otr_conf *conf, otr_query_form form)
{
    otr_anchor_views views = otr_conf_views(conf);
    otr_buf out = OTR_BUF_INIT;
    int status;

    if (form == OTR_QUERY_JSON) {
        otr_render_json(v, &views, &out);
        otr_buf_putc(&out, '\n');
    } else {
        otr_render_text(v, &views, form == OTR_QUERY_EXPLAIN, &out);
    }
    if (out.err != OUTRIDER_OK)
        status = otr_complain(EX_OSERR, "query", "out of memory");
    else
        status = v->level == OTR_LEVEL_DEFER ? EX_TEMPFAIL : EX_OK;
    fwrite(otr_buf_text(&out), 1, out.len, stdout);
    otr_buf_clear(&out);
    return otr_flush_output(status);
}

static int look_and_print(otr_lookout *l, const otr_destination *destination, otr_query_form form)
{
    struct one_look one = { .base = l->base };
    int status;

    if (otr_look_start(l, destination, keep_verdict, &one) != NULL)
        event_base_dispatch(l->base);
    status = one.verdict != NULL ? print_verdict(one.verdict, l->conf, form)
                                 : otr_complain(EX_OSERR, "query", "out of memory");
    otr_verdict_unref(one.verdict);
    return status;
}

int otr_resolve_directly(const otr_destination *destination, otr_query_form form, const char *config)
{
    otr_lookout lookout = { 0 };
    outrider_diag diag = { 0 };
    outrider_err err;
    otr_conf *conf;
    int status = EX_OK;

    conf = otr_read_settings(config, &status);
    if (conf == NULL)
        return status;
    err = otr_lookout_open(&lookout, conf, NULL, 0, &diag);
    if (err != OUTRIDER_OK)
        status = otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_CONFIG, "query", "%s",
                              err == OUTRIDER_E_NOMEM ? "out of memory" : diag.message);
    else
        status = look_and_print(&lookout, destination, form);
    otr_lookout_close(&lookout);
    otr_conf_free(conf);
    return status;
}
