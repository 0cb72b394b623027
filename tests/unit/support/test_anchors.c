/*
 * test_anchors.c - see the header.
 */
#include "support/test_anchors.h"

#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

otr_anchors *otr_test_anchors(void)
{
    otr_cert root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root", .constraints = "critical,CA:TRUE" });
    char path[] = "/tmp/outrider-anchors-XXXXXX";
    otr_anchors *anchors = NULL;
    otr_buf pem = OTR_BUF_INIT;
    outrider_diag diag = { .message = "cannot be written" };
    int fd = mkstemp(path);
    bool is_written;

    otr_cert_put_pem(&root, &pem);
    is_written = fd >= 0 && write(fd, pem.data, pem.len) == (ssize_t)pem.len;
    if (!is_written || otr_anchors_load(path, &anchors, &diag) != OUTRIDER_OK) {
        fprintf(stderr, "anchors for a test: %s: %s\n", path, diag.message);
        abort();
    }
    close(fd);
    unlink(path);
    otr_buf_clear(&pem);
    otr_cert_clear(&root);
    return anchors;
}
