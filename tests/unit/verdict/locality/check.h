/*
 * check.h - what must be true of every world.
 */
#ifndef OTR_TEST_CHECK_H
#define OTR_TEST_CHECK_H

#include "oracle.h"

struct checking {
    oracle_fault fault;    /* of the oracle that the library is held against */
    unsigned turn;         /* dearer properties take turns by this number */
    bool is_every;         /* all of them, as for a world that has failed */
    bool is_with_verifier; /* chains are judged besides */
};

struct failure {
    const char *property; /* one sentence: what should have been */
    dest_id dest;         /* about whom */
    char detail[600];
};

/* True if all is as it should be; else the first that is not. */
bool check_world(const world *w, const struct checking *how, struct failure *failure);

#endif
