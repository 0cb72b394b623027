/*
 * tlsa_generate.h - the inside of `outrider tlsa generate`: records in the making, from files (tlsa_generate.c) or from what a host shows
 * (tlsa_generate_live.c), and written (tlsa_generate_print.c).
 */
#ifndef OTR_CLI_TLSA_GENERATE_H
#define OTR_CLI_TLSA_GENERATE_H

#include "dane/tlsa_make.h"
#include "dns/name.h"
#include "publish/record.h"

#define OTR_GENERATED_MAX 64 /* records; senders have trouble with far fewer */

typedef struct otr_generated {
    otr_record record;
    const char *key;  /* "EC prime256v1" */
    const char *from; /* the file, or the addresses that show it */
} otr_generated;

typedef struct otr_generation {
    const char *what;   /* the command, for complaints */
    const char *config;
    otr_tlsa_forms forms;
    char host[OTR_DOMAIN_SIZE]; /* "": none is known */
    const char *owner;          /* "_25._tcp.BASE"; "" */
    const char *zone;           /* that has the records; "": not known */
    uint16_t port;
    uint32_t ttl;
    otr_arena *arena;           /* owned by the command */
    otr_generated list[OTR_GENERATED_MAX];
    size_t count;
    const char *warnings[8];
    size_t warning_count;
} otr_generation;

/* The records of one source, each once; `from` says where it comes from. EX_OK, or a status after complaining. */
int otr_generate_from(otr_generation *g, const otr_tlsa_source *source, const char *from);

/* From what the host shows at each address. EX_OK, also with warnings; or a status after complaining. */
int otr_generate_live(otr_generation *g);

/* How they are written. */
typedef enum otr_generate_form { OTR_GENERATE_DEFAULT, OTR_GENERATE_ZONE, OTR_GENERATE_NSUPDATE, OTR_GENERATE_JSON } otr_generate_form;

/* All of it; an exit status: 1 where there are warnings. */
int otr_generate_write(otr_generation *g, otr_generate_form form);

void otr_generate_warn(otr_generation *g, const char *words); /* kept: in the arena, or static */

#endif
