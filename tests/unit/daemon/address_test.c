#include "daemon/listen/address.h"
#include "daemon/system.h"
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void an_address_is_unix_or_inet(void **state)
{
    static const struct {
        const char *text;
        int family; /* 0: refused */
    } rows[] = {
        { "unix:/run/outrider/exim.sock", AF_UNIX }, { "inet:127.0.0.1:8461", AF_INET }, { "inet:[127.0.0.1]:8461", AF_INET },
        { "inet:[::1]:8461", AF_INET6 }, { "inet:[::]:1", AF_INET6 }, { "inet:0.0.0.0:65535", AF_INET },
        { "", 0 }, { "unix:", 0 }, { "unix:relative.sock", 0 }, { "/run/x.sock", 0 }, { "inet:8461", 0 },
        { "inet:localhost:8461", 0 }, { "inet:::1:8461", 0 }, { "inet:127.0.0.1:", 0 }, { "inet:127.0.0.1:0", 0 },
        { "inet:127.0.0.1:65536", 0 }, { "inet:127.0.0.1:8461x", 0 }, { "inet:127.0.0.1:-1", 0 }, { "inet:[127.0.0.1:8461", 0 },
        { "inet::8461", 0 }, { "inet:[]:8461", 0 }, { "tcp:127.0.0.1:8461", 0 },
    };
    otr_listen_address address;
    outrider_diag diag;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outrider_err err = otr_listen_address_parse(rows[i].text, &address, &diag);

        if ((err == OUTRIDER_OK) != (rows[i].family != 0))
            fail_msg("%s: got %d, want family %d", rows[i].text, (int)err, rows[i].family);
        if (err == OUTRIDER_OK)
            assert_int_equal(address.sockaddr.ss_family, rows[i].family);
    }
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
    char text[200] = "unix:/";
    otr_listen_address address;

    (void)state;
    memset(text + 6, 'x', 107);
    assert_int_equal(otr_listen_address_parse(text, &address, NULL), OUTRIDER_E_SYNTAX);
    text[6 + 106] = '\0';
    assert_int_equal(otr_listen_address_parse(text, &address, NULL), OUTRIDER_OK);
}

static char folder[] = "/tmp/outrider-address-XXXXXX";

static void parse_in_folder(const char *name, char text[200], otr_listen_address *address)
{
    snprintf(text, 200, "unix:%s/%s", folder, name);
    assert_int_equal(otr_listen_address_parse(text, address, NULL), OUTRIDER_OK);
}

static void a_socket_gets_its_mode_and_is_recognised(void **state)
{
    static const mode_t modes[] = { 0600, 0666, 0640 };
    char text[200], other_text[200];
    otr_listen_address address, other;
    outrider_diag diag;
    struct stat st;
    int fd = -1;

    (void)state;
    parse_in_folder("new/a.sock", text, &address); /* the folder is made */
    parse_in_folder("b.sock", other_text, &other);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) { /* the umask has no say */
        if (fd >= 0)
            close(fd);
        assert_int_equal(otr_listen_open(&address, modes[i], (gid_t)-1, &fd, &diag), OUTRIDER_OK);
        assert_int_equal(stat(text + 5, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 0777, modes[i]);
    }
    assert_true(otr_listen_is(fd, &address));
    assert_false(otr_listen_is(fd, &other));
    assert_false(otr_listen_is(STDERR_FILENO, &address));
    close(fd);
    otr_listen_unlink(&address);
    assert_int_not_equal(stat(text + 5, &st), 0);
}

/* In a folder of another user anything may stand where the socket was a moment ago. */
static void root_gives_away_what_stands_there_and_not_what_it_leads_to(void **state)
{
    char text[200], target[sizeof(text) + sizeof(".target")];
    otr_listen_address address;
    struct stat st;
    uid_t before;
    int fd;

    (void)state;
    if (geteuid() != 0)
        skip();
    parse_in_folder("link.sock", text, &address);
    snprintf(target, sizeof(target), "%s.target", text + 5);
    fd = open(target, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0 && fstat(fd, &st) == 0 && symlink(target, text + 5) == 0);
    before = st.st_uid;
    assert_int_equal(otr_give_file(text + 5, "nobody", NULL), OUTRIDER_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_uid, before);
    assert_int_equal(lstat(text + 5, &st), 0);
    assert_int_not_equal(st.st_uid, before);
    close(fd);
    unlink(target);
    unlink(text + 5);
}

static void only_a_dead_socket_is_replaced(void **state)
{
    char text[200];
    otr_listen_address address;
    outrider_diag diag;
    int fd = -1, second = -1;

    (void)state;
    parse_in_folder("c.sock", text, &address);
    assert_int_equal(otr_listen_open(&address, 0600, (gid_t)-1, &fd, &diag), OUTRIDER_OK);
    assert_int_equal(otr_listen_open(&address, 0600, (gid_t)-1, &second, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "another process answers"));
    close(fd); /* it is dead now, its file remains */
    assert_int_equal(otr_listen_open(&address, 0600, (gid_t)-1, &fd, &diag), OUTRIDER_OK);
    close(fd);
    otr_listen_unlink(&address);

    fd = open(text + 5, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(otr_listen_open(&address, 0600, (gid_t)-1, &fd, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "is not a socket"));
    assert_int_equal(access(text + 5, F_OK), 0); /* and it is still there */
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_unix_or_inet),
        cmocka_unit_test(a_path_that_does_not_fit_is_refused),
        cmocka_unit_test(a_socket_gets_its_mode_and_is_recognised),
        cmocka_unit_test(root_gives_away_what_stands_there_and_not_what_it_leads_to),
        cmocka_unit_test(only_a_dead_socket_is_replaced),
    };

    return cmocka_run_group_tests_name("daemon/address", tests, make_folder, remove_folder);
}
