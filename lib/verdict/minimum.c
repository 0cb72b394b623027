/*
 * minimum.c - which rule decides.
 */
#include "verdict/minimum.h"

#include "dns/name.h"

#include <stdbool.h>
#include <string.h>

const char *const otr_minimum_names[] = { "may", "encrypt", "secure", "dane-only", NULL };

const otr_minimum_rule *otr_minimum_find(const otr_minimum_rules *rules, const char *domain)
{
    const otr_minimum_rule *found = NULL;

    for (size_t i = 0; i < rules->count; i++) {
        const otr_minimum_rule *rule = &rules->rules[i];

        if (strcmp(rule->name, domain) == 0)
            return rule;
        if (rule->name[0] == '.' && otr_is_below(domain, rule->name) &&
            (found == NULL || strlen(rule->name) > strlen(found->name)))
            found = rule;
    }
    return found;
}
