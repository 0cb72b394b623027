/*
 * schema.h - the settings as a table: what the parser, the checks and the manual have in common.
 */
#ifndef OTR_DAEMON_SCHEMA_H
#define OTR_DAEMON_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

typedef enum otr_setting_kind {
    OTR_SET_NUMBER,  /* uint32_t between least and most */
    OTR_SET_DURATION, /* uint32_t seconds between least and most: "90", "30m", "2w" */
    OTR_SET_FLAG,    /* bool: true false yes no on off */
    OTR_SET_CHOICE,  /* uint32_t: the index of a word in `words` */
    OTR_SET_MODE,    /* uint32_t: octal permissions, least to most */
    OTR_SET_TEXT,    /* const char *; without control characters */
    OTR_SET_PATH,    /* const char *: an absolute path, or "" if least is 0 */
    OTR_SET_STORE,   /* otr_fleet_conf: "", an absolute path, or the URL of Redis; what stands there is never shown */
    OTR_SET_MEMBER,  /* const char *: letters, digits, "-", "." and "_"; or "" if least is 0 */
    OTR_SET_USER,    /* const char *: "" or the name of a user that exists */
    OTR_SET_GROUP,   /* const char *: "" or the name of a group that exists */
    OTR_SET_LISTEN,  /* otr_list of socket addresses */
    OTR_SET_SERVERS, /* otr_list of name servers, "ADDRESS" or "ADDRESS@PORT" */
    OTR_SET_FILES,   /* otr_list of absolute paths */
    OTR_SET_NAMES,   /* otr_list of host names, in normal form */
    OTR_SET_DOMAINS, /* otr_list of domains in normal form, or "." and a domain: all below it */
    OTR_SET_PATTERNS, /* otr_list of mx patterns in normal form */
    OTR_SET_ADDRESSES, /* otr_list of IP addresses */
    OTR_SET_URIS,    /* otr_list of addresses for reports, as they stand in a record */
} otr_setting_kind;

typedef struct otr_setting {
    const char *section; /* "": at top level */
    const char *name;
    otr_setting_kind kind;
    size_t offset; /* in otr_conf; of a setting that each section of its kind has, that in the first of them */
    uint32_t least, most;
    const char *const *words;  /* CHOICE: NULL-terminated */
    const char *preset;        /* the default as it would be written; NULL for lists */
    const char *const *presets; /* lists: NULL-terminated */
} otr_setting;

extern const otr_setting otr_settings[];
extern const size_t otr_setting_count;

/* Sections in the order in which they are documented; a title is written after the name. */
typedef struct otr_section {
    const char *parent; /* "": top level */
    const char *name;
    int has_title;
} otr_section;
extern const otr_section otr_sections[];
extern const size_t otr_section_count;

/* Sections of which there may be many: each has a value of its own for the settings that lie within it. */
typedef enum otr_titled_section { OTR_TITLED_ANCHORS, OTR_TITLED_PUBLISH, OTR_TITLED_TLSA, OTR_TITLED_COUNT } otr_titled_section;
typedef struct otr_titled {
    const char *section;
    size_t at, size; /* in otr_conf: where the first begins, and how large one is */
} otr_titled;
extern const otr_titled otr_titled_sections[OTR_TITLED_COUNT];

/* NULL: it has one value for all. */
const otr_titled *otr_setting_titled(const otr_setting *setting);

/* NULL if there is none. */
const otr_setting *otr_setting_find(const char *section, const char *name);

#endif
