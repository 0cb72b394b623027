/*
 * form.h - the shapes an answer can take. The first ones are what MTAs read: they are rendered when a verdict is
 * stored, and sent as they are. The others are for people and scripts and are rendered when they are asked for.
 */
#ifndef OTR_DAEMON_FORM_H
#define OTR_DAEMON_FORM_H

typedef enum otr_form {
    OTR_FORM_POSTFIX,        /* socketmap QUERY */
    OTR_FORM_POSTFIX_TLSRPT, /* socketmap QUERYwithTLSRPT */
    OTR_FORM_SENDMAIL,       /* socketmap sts */
    OTR_FORM_EXIM,           /* line: v1 policy */
    OTR_FORM_READY_COUNT,    /* forms up to here are rendered in advance */
    OTR_FORM_JSON = OTR_FORM_READY_COUNT, /* line: v1 query, with form=json or without */
    OTR_FORM_TEXT,           /* line: v1 query ... form=text */
    OTR_FORM_EXPLAIN,        /* line: v1 query ... form=explain */
} otr_form;

#endif
