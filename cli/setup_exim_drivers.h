/*
 * setup_exim_drivers.h - the routers or transports that `exim -bP` prints, each with the value of every option. Pure.
 */
#ifndef OTR_CLI_SETUP_EXIM_DRIVERS_H
#define OTR_CLI_SETUP_EXIM_DRIVERS_H

#include "base/slice.h"

#define OTR_DRIVERS_MAX 256 /* that are looked at; nobody has as many */

/* One router or transport: its name, and its options, one on a line. All of it borrowed from the text. */
typedef struct otr_driver {
    otr_slice name, body;
} otr_driver;

typedef struct otr_drivers {
    otr_driver list[OTR_DRIVERS_MAX];
    size_t count;
} otr_drivers;

/* kind: " router:" or " transport:", which ends the line with a name. */
void otr_drivers_split(const char *text, const char *kind, otr_drivers *drivers);

/* NULL if there is none of that name. */
const otr_driver *otr_driver_find(const otr_drivers *drivers, otr_slice name);

/* The value of "NAME = VALUE"; "true" for "NAME", "false" for "no_NAME"; empty if it is not there. */
otr_slice otr_driver_option(const otr_driver *driver, const char *name);

#endif
