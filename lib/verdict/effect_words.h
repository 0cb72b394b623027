/*
 * effect_words.h - the sentence of an effect, in a postmaster's words; inside lib/verdict.
 */
#ifndef OTR_VERDICT_EFFECT_WORDS_H
#define OTR_VERDICT_EFFECT_WORDS_H

#include "verdict/effect_host.h"

/* Fill effect->reason; its class and counts are there already. */
void otr_effect_explain(const otr_dependant *dependant, const otr_fates *fates, otr_effect *effect);

#endif
