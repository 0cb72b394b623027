/*
 * url.h - where the store of a fleet is (docs/fleet.md):
 *
 *     redis://[[user]:password@]host[:port][/db]      in clear text
 *     rediss://...                                    the same over TLS
 *     redis+unix://[[user]:password@]/path[?db=N]     a Unix socket
 *
 * host is a name in normal form or an IP address, IPv6 in brackets. User, password and path may have octets as %HH. Pure.
 *
 * A password may stand there, so no diagnostic repeats a part of the text.
 */
#ifndef OTR_FLEET_URL_H
#define OTR_FLEET_URL_H

#include "base/slice.h"
#include "dns/name.h"

#include <stdint.h>

#define OTR_FLEET_URL_MAX 1024 /* octets of the text */
#define OTR_FLEET_WORD_SIZE 257 /* of a user or password, with its NUL */
#define OTR_FLEET_PATH_SIZE 108 /* sun_path */
#define OTR_FLEET_PORT 6379
#define OTR_FLEET_DB_MAX 1023

typedef struct otr_fleet_url {
    bool is_tls;
    bool is_address;            /* host is an IP address, without brackets */
    char host[OTR_DOMAIN_SIZE]; /* "": a Unix socket */
    uint16_t port;
    char path[OTR_FLEET_PATH_SIZE];
    char user[OTR_FLEET_WORD_SIZE];     /* "": the default user */
    char password[OTR_FLEET_WORD_SIZE]; /* "": none here */
    unsigned db;
} otr_fleet_url;

/* OUTRIDER_OK or OUTRIDER_E_SYNTAX. */
outrider_err otr_fleet_url_parse(const char *text, size_t len, otr_fleet_url *url, outrider_diag *diag);

/* For people: scheme, place and database, never user or password. */
#define OTR_FLEET_PLACE_SIZE 320
const char *otr_fleet_url_place(const otr_fleet_url *url, char text[OTR_FLEET_PLACE_SIZE]);

#endif
