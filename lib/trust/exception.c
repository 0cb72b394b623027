/*
 * exception.c - see exception.h.
 */
#include "trust/exception.h"

void otr_exception_clear(otr_exception *exception)
{
    X509_free(exception->cert);
    *exception = (otr_exception){ 0 };
}
