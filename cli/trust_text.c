/*
 * trust_text.c - see trust_text.h.
 */
#include "cli/trust_text.h"

#include "cli/command.h"
#include "trust/certificate.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void otr_put_escaped(FILE *to, const char *text)
{
    char *shown = otr_escape(text, strlen(text));

    fputs(shown != NULL ? shown : "?", to);
    free(shown);
}

void otr_print_wrapped(const char *indent, const char *text)
{
    size_t room = OTR_TEXT_COLUMNS - strlen(indent);

    while (*text != '\0') {
        size_t len = strlen(text);

        if (len > room) {
            len = room;
            while (len > 0 && text[len] != ' ')
                len--;
            if (len == 0) /* a word that is longer than the line stands for itself */
                len = strcspn(text, " ");
        }
        printf("%s%.*s\n", indent, (int)len, text);
        text += len;
        while (*text == ' ')
            text++;
    }
}

const char *otr_day_text(otr_time t, char text[OTR_TIME_TEXT])
{
    if (t == 0)
        return "-";
    otr_time_text(t, text);
    text[strcspn(text, "T")] = '\0';
    return text;
}

json_t *otr_time_json(otr_time t)
{
    char text[OTR_TIME_TEXT];

    return t != 0 ? json_string(otr_time_text(t, text)) : json_null();
}

json_t *otr_text_json(const char *text)
{
    json_t *made;
    char *shown;

    if (text == NULL)
        return json_null();
    if ((made = json_string(text)) != NULL)
        return made;
    shown = otr_escape(text, strlen(text));
    made = shown != NULL ? json_string(shown) : NULL;
    free(shown);
    return made;
}

json_t *otr_root_json(const X509 *root)
{
    char name[OTR_CERT_NAME_SIZE], owner[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT], id[OTR_SHA256_TEXT];

    otr_cert_fingerprint(root, sha256);
    otr_cert_anchor_id(root, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "subject", otr_cert_name(root, name), "sha256", sha256, "anchor_id", id,
                     "owner", otr_cert_owner(root, owner), "not_after", otr_time_json(otr_cert_not_after(root)));
}
