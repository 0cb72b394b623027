/*
 * reply.h - an SMTP reply as a client reads it (RFC 5321 §4.2), octet by octet as they come from the network. Pure.
 *
 * Strict where laxness has been an attack: a line ends with CR LF and with nothing else, CR and LF stand nowhere else, and
 * there is no NUL. A line may be longer than the 512 octets of RFC 5321 §4.5.3.1.5, as those of some servers are.
 */
#ifndef OTR_SMTP_REPLY_H
#define OTR_SMTP_REPLY_H

#include "base/slice.h"

#include <stdint.h>

#define OTR_SMTP_LINE_MAX 2048   /* octets of a line, with its CR LF */
#define OTR_SMTP_LINES_MAX 128   /* of one reply */
#define OTR_SMTP_REPLY_MAX 32768 /* octets of one reply */
#define OTR_SMTP_TEXT_MAX 120    /* octets of its first line that are kept for people */

typedef struct otr_smtp_reply {
    unsigned code;                    /* 200 to 599 */
    size_t lines;
    char text[OTR_SMTP_TEXT_MAX + 1]; /* what stands behind the code of the first line, as printable ASCII */
    bool offers_starttls;             /* a line behind the first is the keyword STARTTLS (RFC 3207 §2) */
} otr_smtp_reply;

typedef enum otr_smtp_progress {
    OTR_SMTP_MORE, /* the reply is not complete */
    OTR_SMTP_DONE, /* `reply` is */
    OTR_SMTP_BAD,  /* this is no reply: `error` says why. There is no way on */
} otr_smtp_progress;

typedef struct otr_smtp_reader {
    otr_smtp_reply reply;
    const char *error;       /* BAD: one sentence; static */
    size_t octets, line_len; /* of the reply, of the line that is being read */
    bool has_cr;             /* the line's last octet is a CR: its LF must follow */
    char line[OTR_SMTP_LINE_MAX];
} otr_smtp_reader;

void otr_smtp_reader_init(otr_smtp_reader *reader);

/*
 * Read on. *used receives how many octets were taken: all of them, or, with OTR_SMTP_DONE, those up to the end of the
 * reply. Begin the next reply with otr_smtp_reader_init().
 */
otr_smtp_progress otr_smtp_reader_take(otr_smtp_reader *reader, const char *octets, size_t len, size_t *used);

#endif
