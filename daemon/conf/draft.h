/*
 * draft.h - a configuration under construction: what values.c, titled.c and whole.c share.
 */
#ifndef OTR_DAEMON_CONF_DRAFT_H
#define OTR_DAEMON_CONF_DRAFT_H

#include "daemon/conf/values.h"

#define OTR_CONF_SETTINGS_MAX 128

struct otr_conf_draft {
    otr_conf *conf;                           /* owned */
    otr_mistakes *mistakes;                   /* borrowed */
    unsigned lines[OTR_CONF_SETTINGS_MAX];    /* where a setting was given; 0: not at all */
    bool is_double[OTR_CONF_SETTINGS_MAX];    /* a list that was given again: its values do not count */
    void *open[OTR_TITLED_COUNT];             /* borrowed: the section of each kind to which its settings go */
    unsigned rule_lines[OTR_CONF_RULES_MAX];  /* where a section "anchors" was met; 0: not yet */
    struct {                                  /* take what belongs to no section, after a complaint */
        otr_anchor_conf rule;
        otr_publish_conf publish;
        otr_tlsa_conf tlsa;
    } surplus;
};

#define MISTAKE(draft, line, ...) otr_mistake_add((draft)->mistakes, (line), __VA_ARGS__)

/* values.c */
const char *otr_conf_shown(const char *text, char out[64]); /* for a terminal */
bool otr_conf_is_plain(const char *text);                   /* without control characters */
bool otr_conf_is_server(const char *text);
const char *const *otr_conf_grown(otr_arena *arena, const char *const *values, size_t count, const char *text);
void otr_conf_set(otr_conf_draft *draft, const otr_setting *setting, const char *text, unsigned line); /* one value */

/* titled.c: sections of which there may be many. */
void otr_conf_begin_sections(otr_conf_draft *draft);
/* Let settings go to the section in which this value stands. False after a complaint: it cannot stand there. */
bool otr_conf_open_section(otr_conf_draft *draft, const otr_setting *setting, const otr_conf_value *value);
void otr_conf_empty_in_section(otr_conf_draft *draft, const otr_setting *setting, const char *title);
void otr_conf_take_stub(otr_conf_draft *draft, const otr_conf_value *value);

/* whole.c */
void otr_conf_check_whole(otr_conf_draft *draft);

#endif
