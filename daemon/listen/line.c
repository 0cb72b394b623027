/*
 * line.c - choosing the answer to a request of the line protocol.
 */
#include "daemon/listen/line.h"

#include "base/cursor.h"

/* What Exim gets for a domain that no policy can exist for, such as a single label or an address literal: its
 * own DANE, opportunistic TLS. The same that Postfix does after NOTFOUND. */
static const char no_policy[] = "v=1 pol=none dane=* tls=\"\" verify=\"\" end=1\n";

static bool is_value_char(char c)
{
    unsigned char u = (unsigned char)c;

    return u > ' ' && u != 0x7f; /* U-labels arrive as UTF-8 (SMTPUTF8) */
}

static bool is_ascii(otr_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

static void refuse(otr_line_choice *choice, const char *problem)
{
    choice->act = OTR_LINE_CLOSE;
    choice->problem = problem;
}

static void choose_policy(otr_cursor *c, otr_line_choice *choice)
{
    otr_slice domain;

    if (!otr_take_literal(c, "domain=") || (domain = otr_take_while(c, is_value_char)).len == 0 ||
        !otr_cursor_at_end(c)) {
        refuse(choice, "expected \"v1 policy domain=DESTINATION\"");
        return;
    }
    choice->form = OTR_FORM_EXIM;
    if (otr_destination_parse(domain.ptr, domain.len, &choice->destination, NULL) == OUTRIDER_OK &&
        choice->destination.kind != OTR_TO_ADDRESS) {
        choice->act = OTR_LINE_ASK;
    } else if (otr_destination_has_odd_port(domain.ptr, domain.len)) {
        refuse(choice, "the port of the next hop is no number from 1 to 65535");
    } else if (is_ascii(domain)) {
        choice->act = OTR_LINE_REPLY;
        choice->reply = no_policy;
    } else {
        refuse(choice, "the domain cannot be converted to A-labels"); /* EDGE-07: no lookup, no opportunistic TLS */
    }
}

static void choose_query(otr_cursor *c, otr_line_choice *choice)
{
    otr_slice domain;

    if (!otr_take_literal(c, "domain=") || (domain = otr_take_while(c, is_value_char)).len == 0) {
        refuse(choice, "expected \"v1 query domain=DOMAIN\"");
        return;
    }
    if (otr_take_literal(c, " form=text"))
        choice->form = OTR_FORM_TEXT;
    else if (otr_take_literal(c, " form=explain"))
        choice->form = OTR_FORM_EXPLAIN;
    else if (otr_take_literal(c, " form=json") || otr_cursor_at_end(c))
        choice->form = OTR_FORM_JSON;
    if (!otr_cursor_at_end(c))
        refuse(choice, "expected form=json, form=text or form=explain after the domain");
    else if (otr_destination_parse(domain.ptr, domain.len, &choice->destination, NULL) != OUTRIDER_OK)
        refuse(choice, "no destination");
    else
        choice->act = OTR_LINE_ASK;
}

static void choose_event(otr_cursor *c, otr_line_choice *choice)
{
    const char *problem;

    otr_take_literal(c, "v1 event ");
    problem = otr_event_parse(c, &choice->event);
    if (problem != NULL)
        refuse(choice, problem);
    else
        choice->act = OTR_LINE_TELL;
}

void otr_line_choose(otr_slice line, otr_line_choice *choice)
{
    otr_cursor c;

    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    c = otr_cursor_over(line.ptr, line.len);
    choice->reply = NULL;
    choice->problem = NULL;
    if (otr_take_literal(&c, "v1 policy "))
        choose_policy(&c, choice);
    else if (otr_take_literal(&c, "v1 query "))
        choose_query(&c, choice);
    else if (otr_event_begins(line))
        choose_event(&c, choice);
    else if (otr_take_literal(&c, "v1 event ") || (otr_take_literal(&c, "v1 event") && otr_cursor_at_end(&c)))
        choice->act = OTR_LINE_CLOSE;
    else
        refuse(choice, "expected \"v1 policy\", \"v1 query\" or \"v1 event\"");
}
