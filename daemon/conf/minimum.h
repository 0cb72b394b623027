/*
 * minimum.h - the section "minimum" of a configuration: names of domains as keys, which no table can know beforehand.
 */
#ifndef OTR_DAEMON_CONF_MINIMUM_H
#define OTR_DAEMON_CONF_MINIMUM_H

#include "daemon/conf/values.h"

/*
 * Take the sections "minimum" out of a text that otr_conf_text_prepare() has passed (no comments, braces and quotes in
 * order): their rules go into the draft, their mistakes to the others, and blanks stay behind for the next reader.
 *
 *     section = "minimum" "{" *rule "}"
 *     rule    = name "=" level [","]       name: a domain, or "." and a domain, quoted or not
 *     level   = "encrypt" / "secure" / "dane-only"
 */
void otr_conf_read_minimum(otr_conf_draft *draft, char *text, otr_mistakes *mistakes);

#endif
