/*
 * setup_postconf.h - what postconf(1) tells of a Postfix.
 */
#ifndef OTR_CLI_SETUP_POSTCONF_H
#define OTR_CLI_SETUP_POSTCONF_H

#include "cli/setup_run.h"

#define OTR_SERVICES_MAX 64
#define OTR_SERVICE_NAME 64

/* One value of `postconf -xh NAME`, without line end. False if there is none: an unknown name, or no answer. */
bool otr_postconf_value(const char *postconf, const char *name, otr_buf *value);

/* An entry of master.cf whose command is smtp(8): the ones that send. */
typedef struct otr_smtp_service {
    char name[OTR_SERVICE_NAME]; /* "smtp", "relay" */
    char type[8];                /* "unix" */
    bool is_chrooted;
} otr_smtp_service;

/* Of the text of `postconf -M`. default_chroot: what "-" means. Returns how many. Pure. */
size_t otr_smtp_services(const char *master, bool default_chroot, otr_smtp_service *services, size_t most);

/* "-" in master.cf means "y" up to compatibility level 0 and "n" later (Postfix 3.0). Pure. */
bool otr_default_chroot(const char *compatibility_level);

#endif
