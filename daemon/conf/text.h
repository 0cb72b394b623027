/*
 * text.h - the configuration as text, before libconfuse sees it. Pure.
 *
 * libconfuse 3.3 counts a line twice that ends in a comment, takes an unclosed section for a finished one, and
 * stops at the first unknown option. So comments are blanked out first, quotes and braces are checked here,
 * and an unknown statement can be blanked out too, to go on behind it.
 */
#ifndef OTR_DAEMON_CONF_TEXT_H
#define OTR_DAEMON_CONF_TEXT_H

#include "daemon/conf/conf.h"

/* Overwrite comments ("#", "//", C style) with blanks; report unclosed comments, quotes and braces, and NUL.
 * `text` holds len octets and a NUL. */
void otr_conf_text_prepare(char *text, size_t len, otr_mistakes *mistakes);

/* Overwrite with blanks the first statement on `line` that begins with `name`: an assignment or a whole section.
 * False if there is none. */
bool otr_conf_text_blank(char *text, unsigned line, const char *name);

/*
 * The setting "store" at top level bears the name of a section, and libconfuse keeps one name for both: in place of it stands
 * OTR_CONF_STORE_WORD afterwards, which is as long. Braces and quotes are in order by now.
 */
#define OTR_CONF_STORE_WORD "STORE"
void otr_conf_text_rename_store(char *text);

#endif
