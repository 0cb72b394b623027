/*
 * http_head.h - what the complete head of a request says. Internal to lib/publish; see http_request.h.
 */
#ifndef OTR_PUBLISH_HTTP_HEAD_H
#define OTR_PUBLISH_HTTP_HEAD_H

#include "publish/http_request.h"

/*
 * `head`: all lines, an empty one before perhaps and one at the end, each with CR LF; no other control characters but tabs, no CR or
 * LF elsewhere. 0, or the status of the refusal.
 */
unsigned otr_request_parse(const char *head, size_t len, otr_request *request);

#endif
