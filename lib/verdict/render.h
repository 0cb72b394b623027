/*
 * render.h - a verdict as each client wants it. None of these decides anything; nothing from the network goes out
 * unescaped, because names are letter-digit-hyphen by then and free text goes to JSON and people only.
 */
#ifndef OTR_VERDICT_RENDER_H
#define OTR_VERDICT_RENDER_H

#include "base/buf.h"
#include "verdict/verdict.h"

/* Where each MTA finds the anchor files (docs/protocols.md, A2). A NULL directory: no file is named. */
typedef struct otr_anchor_views {
    const char *exim_dir;    /* absolute: "/run/outrider/ta" */
    const char *postfix_dir; /* as smtp(8) sees it, relative to the queue directory: "outrider/ta" */
} otr_anchor_views;

/*
 * The anchor file of a set as the answers for this mail server name it. False, and nothing written: they name none, because
 * the mail server has exactly these roots by itself, or because it has no folder.
 */
bool otr_render_anchor_file(const otr_anchor_set *set, otr_own server, const otr_anchor_views *views, otr_buf *out);

/* The payload of a socketmap reply: "OK dane-only", "NOTFOUND ", "TEMP ...", without netstring framing. */
void otr_render_postfix(const otr_verdict *verdict, const otr_anchor_views *views, otr_buf *out);
/* The same with the attributes that Postfix 3.10 added. */
void otr_render_postfix_tlsrpt(const otr_verdict *verdict, const otr_anchor_views *views, otr_buf *out);
/* "OK secure match=... servername=hostname", "NOTFOUND " or "TEMP ...". */
void otr_render_sendmail(const otr_verdict *verdict, otr_buf *out);
/* "v=1 pol=... end=1\n"; empty for "defer", which Exim's side turns into a deferral (L1). */
void otr_render_exim(const otr_verdict *verdict, const otr_anchor_views *views, otr_buf *out);

/* What the verdict rests on, one line a lookup, printable ASCII, in the order of asking (EXPLAIN). */
void otr_render_evidence(const otr_verdict *verdict, otr_buf *out);

/* The object of docs/protocols.md, one line of JSON without a final newline. */
void otr_render_json(const otr_verdict *verdict, const otr_anchor_views *views, otr_buf *out);

/* For people: level and reason; with is_explain each lookup, each host, the policy and its age. */
void otr_render_text(const otr_verdict *verdict, const otr_anchor_views *views, bool is_explain, otr_buf *out);

#endif
