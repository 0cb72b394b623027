/*
 * render_anchors.c - which anchor file a mail server is handed.
 */
#include "verdict/render.h"

bool otr_render_anchor_file(const otr_anchor_set *set, otr_own server, const otr_anchor_views *views, otr_buf *out)
{
    const char *folder = server == OTR_OWN_EXIM ? views->exim_dir : views->postfix_dir;

    if (set->is_own[server] || folder == NULL)
        return false;
    otr_buf_printf(out, "%s/%s.pem", folder, set->name);
    return true;
}
