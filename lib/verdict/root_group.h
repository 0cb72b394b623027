/*
 * root_group.h - the destinations of a report in groups, for a picture: those with the same class that hang on the same roots
 * by the same roles are one. What would be too much to look at is put together.
 */
#ifndef OTR_VERDICT_ROOT_GROUP_H
#define OTR_VERDICT_ROOT_GROUP_H

#include "verdict/root_report.h"

#define OTR_GROUP_NAMES 3

typedef struct otr_group_link {
    size_t root;  /* index; otr_groups.root_count - 1 may stand for many (otr_groups.is_folded) */
    otr_role role;
    size_t count; /* destinations of the group that have it */
} otr_group_link;

typedef struct otr_group {
    otr_effect_class class;
    size_t count;
    size_t sets;   /* 1; more: what was left over of a class, of so many groups */
    const char *names[OTR_GROUP_NAMES]; /* those with most traffic; borrowed from the report */
    size_t name_count;
    otr_group_link *links; /* owned; by root, then role */
    size_t link_count;
} otr_group;

typedef struct otr_groups {
    otr_group *list;   /* owned: worst class first, then the largest; what was left over last in its class */
    size_t count;
    size_t root_count; /* roots to be shown */
    bool is_folded;    /* the last of them stands for all the others */
} otr_groups;

/*
 * At most most_groups, of a report that is finished; at least OTR_EFFECT_COUNT. At most most_roots; at least 1. OUTRIDER_OK,
 * OUTRIDER_E_NOMEM. Deterministic: the order of additions does not matter.
 */
outrider_err otr_groups_make(const otr_report *report, size_t most_groups, size_t most_roots, otr_groups *groups);
void otr_groups_clear(otr_groups *groups);

#endif
