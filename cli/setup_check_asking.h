/*
 * setup_check_asking.h - the checks that are made as the mail server's user: does the socket admit it, does the daemon
 * answer in full, can it read the files that answers name.
 */
#ifndef OTR_CLI_SETUP_CHECK_ASKING_H
#define OTR_CLI_SETUP_CHECK_ASKING_H

#include "cli/setup_check.h"
#include "cli/setup_identity.h"

/*
 * Ask at `address`; says check "socket". True if there was an answer, which is then in *answer.
 *   request  as it goes over the wire
 */
bool otr_check_socket(otr_check_list *list, const otr_identity *who, const otr_asking *asking, otr_buf *answer);

/* Says check "anchors" for one file. */
void otr_check_anchors(otr_check_list *list, const otr_identity *who, const char *path);

/* The value of " NAME=VALUE" in an answer; false if there is none or it is empty. */
bool otr_answer_value(const char *answer, const char *name, otr_buf *value);

/* "unix:outrider/policy.sock" was asked as: "postfix in /var/spool/postfix". */
void otr_identity_print(const otr_identity *who, otr_buf *out);

#endif
