/*
 * values.h - from the words of a configuration to its values: conversion, bounds, and the checks that need
 * the whole. A draft collects them; nothing here knows libconfuse.
 */
#ifndef OTR_DAEMON_CONF_VALUES_H
#define OTR_DAEMON_CONF_VALUES_H

#include "daemon/conf/conf.h"
#include "daemon/conf/schema.h"

typedef struct otr_conf_draft otr_conf_draft;

/* One value as it stands in the file. */
typedef struct otr_conf_value {
    const char *section;
    const char *title; /* of the section; NULL if it has none */
    const char *name;
    unsigned line;
    unsigned index; /* in a list */
    const char *text;
} otr_conf_value;

/* Starts with all defaults. mistakes: borrowed. NULL: out of memory. */
otr_conf_draft *otr_conf_draft_new(otr_mistakes *mistakes);
void otr_conf_draft_free(otr_conf_draft *draft);

void otr_conf_take(otr_conf_draft *draft, const otr_conf_value *value);
void otr_conf_take_section(otr_conf_draft *draft, const char *name, const char *title, unsigned line);
void otr_conf_take_empty(otr_conf_draft *draft, const otr_setting *setting, const char *title);

/* The rules of the section "minimum"; their names lie in the draft's arena already. */
void otr_conf_take_minimum(otr_conf_draft *draft, const otr_minimum_rules *rules);
otr_arena *otr_conf_draft_arena(otr_conf_draft *draft);

/* The checks over all. OUTRIDER_OK with *conf, OUTRIDER_E_CONFIG if there is any mistake, OUTRIDER_E_NOMEM. */
outrider_err otr_conf_draft_finish(otr_conf_draft *draft, otr_conf **conf);

#endif
