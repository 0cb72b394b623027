/*
 * store_reading.h - a store that is open to read. Internal to lib/store.
 */
#ifndef OTR_STORE_READING_H
#define OTR_STORE_READING_H

#include "store/store_statements.h"

/* OUTRIDER_E_IO if what was read cannot be relied on, since somebody has begun to write. */
outrider_err otr_store_check_rest(const otr_store *store, outrider_diag *diag);

#endif
