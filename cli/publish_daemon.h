/*
 * publish_daemon.h - what outriderd says of the domains that it publishes for (docs/protocols.md, "Control": publish.status).
 */
#ifndef OTR_CLI_PUBLISH_DAEMON_H
#define OTR_CLI_PUBLISH_DAEMON_H

#include "cli/publish_view.h"

#include <jansson.h>

/* The answer to publish.status, of one domain or (NULL) of all; owned by the caller. NULL after complaining, with *status set. */
json_t *otr_publish_ask(const char *what, const char *domain, const char *config, const char *socket, int *status);

/* One domain of that answer, borrowed; NULL: it is not there. */
const json_t *otr_publish_told(const json_t *answer, const char *domain);

/*
 * What is served now, as `meant`: mode, text and id by the daemon, the rest by the configuration. False: it serves nothing that could be
 * compared, and `meant` is what is configured.
 */
bool otr_publish_mean_served(otr_publish_look *look, const json_t *told);

/* Whether outriderd itself knows of something wrong: a text that it may not serve, a certificate that does not do or has expired. */
bool otr_has_trouble(const json_t *told, otr_time now);

/* The lines of `publish status`: phase, what is withheld, exit clock, certificate, who fetched. */
void otr_print_told(const json_t *told, otr_time now);

#endif
