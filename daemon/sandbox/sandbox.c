/*
 * sandbox.c - see sandbox.h.
 */
#include "daemon/sandbox/sandbox.h"

#include "base/log.h"
#include "daemon/sandbox/calls.h"
#include "daemon/sandbox/landlock.h"
#include "daemon/sandbox/reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* Sanitizers start processes and look at the memory of others when they report. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

static void enter_files(const otr_conf *conf, otr_sandbox *s)
{
    int version = otr_landlock_version();
    otr_reaches reaches = { 0 };

    if (version == 0) {
        snprintf(s->files_words, sizeof(s->files_words), "this kernel has no Landlock (%s)", strerror(errno));
        return;
    }
    if (otr_reaches_find(conf, &reaches) != OUTRIDER_OK) {
        snprintf(s->files_words, sizeof(s->files_words), "out of memory");
        return;
    }
    s->has_files = otr_landlock_enter(&reaches, version);
    s->has_ports = s->has_files && version >= 4;
    if (s->has_files)
        snprintf(s->files_words, sizeof(s->files_words), "landlock %d", version);
    else
        snprintf(s->files_words, sizeof(s->files_words), "Landlock refused: %s", strerror(errno));
    otr_reaches_clear(&reaches);
}

/* Landlock first: its calls are none that the filter lets pass. */
void otr_sandbox_enter(const otr_conf *conf, otr_sandbox *sandbox)
{
    int failed;

    *sandbox = (otr_sandbox){ 0 };
    if (!conf->sandbox)
        return;
    if (IS_SANITIZED) {
        snprintf(sandbox->files_words, sizeof(sandbox->files_words), "built with a sanitizer");
        snprintf(sandbox->calls_words, sizeof(sandbox->calls_words), "built with a sanitizer");
        return;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        snprintf(sandbox->files_words, sizeof(sandbox->files_words), "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
        memcpy(sandbox->calls_words, sandbox->files_words, sizeof(sandbox->calls_words));
        return;
    }
    enter_files(conf, sandbox);
    failed = otr_calls_enter();
    sandbox->has_calls = failed == 0;
    snprintf(sandbox->calls_words, sizeof(sandbox->calls_words), "%s%s", failed == 0 ? "seccomp" : "seccomp refused: ",
             failed == 0 ? "" : strerror(failed));
}

void otr_sandbox_report(const otr_conf *conf, const otr_sandbox *sandbox)
{
    if (!conf->sandbox)
        OTR_LOG(OTR_LOG_NOTICE, "sandbox", { "state", "off" }, { "reason", "sandbox = false" });
    else if (sandbox->has_files && sandbox->has_calls)
        OTR_LOG(OTR_LOG_NOTICE, "sandbox", { "state", "on" }, { "files", sandbox->files_words },
                { "ports", sandbox->has_ports ? sandbox->files_words : "needs Linux 6.7" }, { "calls", sandbox->calls_words });
    else
        OTR_LOG(OTR_LOG_WARNING, "sandbox", { "state", sandbox->has_files || sandbox->has_calls ? "partly" : "none" },
                { "files", sandbox->files_words }, { "calls", sandbox->calls_words });
}
