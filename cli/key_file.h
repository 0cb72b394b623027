/*
 * key_file.h - chains and keys out of the files of a mail server.
 */
#ifndef OTR_CLI_KEY_FILE_H
#define OTR_CLI_KEY_FILE_H

#include "dane/tlsa_source.h"

/* EX_OK with at least one source, to be cleared; or a status after complaining about the file. `what`: the command. */
int otr_key_file_read(const char *what, const char *path, otr_tlsa_sources *sources);

#endif
