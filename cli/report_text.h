/*
 * report_text.h - what the pictures of a report have in common: colours, numbers, and text from outside in XML and in DOT.
 */
#ifndef OTR_CLI_REPORT_TEXT_H
#define OTR_CLI_REPORT_TEXT_H

#include "base/buf.h"
#include "verdict/root_group.h"

/*
 * At most `most` characters (3 or more) of a text, the last three of them "..." if it is longer, as printable ASCII, so that XML takes it
 * as text or as the value of an attribute. DOT: between the quotes of a string, where it stands for itself.
 */
void otr_put_xml(otr_buf *out, const char *text, size_t most);
void otr_put_dot(otr_buf *out, const char *text, size_t most);

/*
 * The colours of Okabe and Ito, which people with any kind of colour blindness can tell apart; each stands beside the
 * letter of its class. "#D55E00"; of the text on it.
 */
const char *otr_class_colour(otr_effect_class class);
const char *otr_class_ink(otr_effect_class class);

/*
 * "example.org, example.net and 9 more": as many names as `most` characters (24 or more) take, one at least, cut if it must be. Names are
 * domains in normal form, and need no escaping.
 */
void otr_put_members(otr_buf *out, const otr_group *group, size_t most);

/* "1 destination", "12 destinations". */
void otr_put_destinations(otr_buf *out, size_t count);

/*
 * "2 roots carry 87 % of the destinations that rest on MTA-STS alone (13 of 15), and 91 % of the questions about them." Nothing
 * is put if there are no such destinations.
 */
void otr_put_concentration(otr_buf *out, const otr_concentration *concentration);

#endif
