/*
 * What is forbidden is refused, and what is needed is not. Each row runs in a process of its own, which enters the sandbox that a
 * daemon with this configuration would, and says how its attempt went.
 */
#include "daemon/sandbox/landlock.h"
#include "daemon/sandbox/reach.h"
#include "daemon/sandbox/sandbox.h"
#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/outrider-sandbox-XXXXXX";
static otr_conf *conf;
static bool has_calls, has_files, has_ports; /* on this machine */

static const char *in(const char *name)
{
    static char paths[8][200];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Attempts: 0, or errno ------------------------------------------------------------------------------------------- */

static int of(int rc)
{
    return rc >= 0 ? 0 : errno;
}

static int try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int execute(void)
{
    char *const argv[] = { (char[]){ "true" }, NULL };

    return of(execv("/bin/true", argv));
}

static int start_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return of(pid);
}

static int trace(void)
{
    return of((int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int signal_parent(void)
{
    return of(kill(getppid(), 0));
}

static int become_another(void)
{
    return of(setuid(getuid()));
}

static int make_executable(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? 0 : of(mprotect(memory, 4096, PROT_READ | PROT_EXEC)); /* 0 is what must not be */
}

static int map_executable(void)
{
    return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int listen_again(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? 0 : of(listen(fd, 1));
}

static int open_packet_socket(void)
{
    return of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int open_netlink(void)
{
    return of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int mount_over(void)
{
    return of(chroot("/tmp"));
}

static int write_shadow(void)
{
    return try_open("/etc/shadow", O_WRONLY);
}

static int write_elsewhere(void)
{
    return try_open("/tmp/outrider-sandbox-elsewhere", O_WRONLY | O_CREAT);
}

static int read_secret(void)
{
    return try_open(in("secret/key.pem"), O_RDONLY);
}

static int read_memory(void)
{
    return try_open("/proc/self/mem", O_RDWR);
}

static int write_bundle(void)
{
    return try_open(in("roots/bundle.pem"), O_WRONLY);
}

static int remove_bundle(void)
{
    return of(unlink(in("roots/bundle.pem")));
}

static int make_folder_in_store(void)
{
    return of(mkdir(in("store/more"), 0700));
}

static int link_out_of_store(void)
{
    return of(symlink("/etc/shadow", in("store/link")));
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? EPROTO : of(connect(fd, (const struct sockaddr *)&to, sizeof(to)));
}

static int connect_to_smtp(void)
{
    return connect_to(25);
}

static int take_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(18025), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    return of(bind(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&at, sizeof(at)));
}

/* Needed: */

static int write_store(void)
{
    int failed = try_open(in("store/outrider.db-journal"), O_RDWR | O_CREAT | O_TRUNC);

    if (failed == 0)
        failed = of(rename(in("store/outrider.db-journal"), in("store/outrider.db-other")));
    return failed == 0 ? of(unlink(in("store/outrider.db-other"))) : failed;
}

static int write_anchors(void)
{
    return try_open(in("ta/none.pem"), O_WRONLY | O_CREAT);
}

static int read_replaced_bundle(void)
{
    int failed = try_open(in("store/ready"), O_CREAT | O_WRONLY);

    while (failed == 0 && access(in("roots/later.pem"), F_OK) != 0)
        usleep(1000);
    return failed == 0 ? try_open(in("roots/later.pem"), O_RDONLY) : failed;
}

static int read_behind_link(void)
{
    return try_open(in("live/fullchain.pem"), O_RDONLY);
}

static int read_challenge(void)
{
    return try_open(in("acme/token"), O_RDONLY);
}

static int read_resolv_conf(void)
{
    return try_open(in("etc/resolv.conf"), O_RDONLY);
}

static int remove_socket(void)
{
    return of(unlink(in("run/exim.sock")));
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(void)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, nothing, NULL);

    return failed != 0 ? failed : pthread_join(thread, NULL);
}

static int connect_to_https(void)
{
    int failed = connect_to(443);

    return failed == ECONNREFUSED ? 0 : failed; /* nobody is there, which is an answer */
}

static int connect_to_dns_of_stub(void)
{
    int failed = connect_to(5399);

    return failed == ECONNREFUSED ? 0 : failed;
}

static int ask_by_udp(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(5353), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int failed = of(bind(fd, (const struct sockaddr *)&from, sizeof(from)));

    return failed == 0 ? of((int)sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to))) : failed;
}

/* As otr_take_short_turns() does, of this thread or of another process. */
static int change_turns_of(pid_t pid)
{
    uint32_t attributes[12] = { sizeof(attributes) }; /* all else zero: the usual policy, no priority */

    return of((int)syscall(SYS_sched_setattr, pid, attributes, 0));
}

static int change_own_turns(void)
{
    return change_turns_of(0);
}

static int change_turns_of_parent(void)
{
    return change_turns_of(getppid());
}

static int abort_itself(void)
{
    return of(raise(SIGURG)); /* whose effect is none; as abort(3) does it, by tgkill() */
}

/* --------------------------------------------------------------------------------------------------------------- */

enum wall { BY_CALLS, BY_FILES, BY_PORTS };

static const struct {
    const char *what;
    int (*attempt)(void);
    enum wall wall;
    int refused; /* with this errno */
} forbidden[] = {
    { "starting a program", execute, BY_CALLS, ENOSYS },
    { "making a process", start_process, BY_CALLS, ENOSYS },
    { "looking into another process", trace, BY_CALLS, ENOSYS },
    { "signalling another process", signal_parent, BY_CALLS, ENOSYS },
    { "the turns of another process", change_turns_of_parent, BY_CALLS, ENOSYS },
    { "another identity", become_another, BY_CALLS, ENOSYS },
    { "code out of data", make_executable, BY_CALLS, ENOSYS },
    { "memory that is writable and executable", map_executable, BY_CALLS, ENOSYS },
    { "a new listener", listen_again, BY_CALLS, ENOSYS },
    { "packets without a protocol", open_packet_socket, BY_CALLS, ENOSYS },
    { "the kernel's routing socket", open_netlink, BY_CALLS, ENOSYS },
    { "another root of the file system", mount_over, BY_CALLS, ENOSYS },
    { "writing /etc/shadow", write_shadow, BY_FILES, EACCES },
    { "writing where nothing of ours is", write_elsewhere, BY_FILES, EACCES },
    { "reading a file of somebody else", read_secret, BY_FILES, EACCES },
    { "our memory as a file", read_memory, BY_FILES, EACCES },
    { "writing a bundle that is only read", write_bundle, BY_FILES, EACCES },
    { "removing it", remove_bundle, BY_FILES, EACCES },
    { "folders in the store", make_folder_in_store, BY_CALLS, ENOSYS },
    { "links in the store", link_out_of_store, BY_CALLS, ENOSYS },
    { "speaking to a mail server", connect_to_smtp, BY_PORTS, EACCES },
    { "taking a TCP port", take_port, BY_PORTS, EACCES },
}, needed[] = {
    { "the store's files", write_store, BY_FILES, 0 },
    { "anchor files", write_anchors, BY_FILES, 0 },
    { "a bundle that came after the start", read_replaced_bundle, BY_FILES, 0 },
    { "a certificate behind a link", read_behind_link, BY_FILES, 0 },
    { "a token of an ACME challenge", read_challenge, BY_FILES, 0 },
    { "resolv.conf", read_resolv_conf, BY_FILES, 0 },
    { "removing our socket", remove_socket, BY_FILES, 0 },
    { "threads", start_thread, BY_CALLS, 0 },
    { "turns of its own", change_own_turns, BY_CALLS, 0 },
    { "policy hosts", connect_to_https, BY_PORTS, 0 },
    { "the port of a stub's server", connect_to_dns_of_stub, BY_PORTS, 0 },
    { "DNS over UDP", ask_by_udp, BY_PORTS, 0 },
    { "ending with abort()", abort_itself, BY_CALLS, 0 },
};

/* When the other one is in the sandbox: in time, if it has not ended. */
static void replace_bundle(pid_t pid)
{
    siginfo_t ended = { 0 };

    while (access(in("store/ready"), F_OK) != 0 && waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0)
        usleep(1000);
    if (try_open(in("roots/new"), O_CREAT | O_WRONLY) != 0 || rename(in("roots/new"), in("roots/later.pem")) != 0)
        fail_msg("%s: %s", in("roots/later.pem"), strerror(errno));
}

/* In a process of its own. Returns the attempt's errno, or -1. */
static int attempt(int (*function)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        otr_sandbox sandbox;

        otr_sandbox_enter(conf, &sandbox);
        _exit(function());
    }
    if (function == read_replaced_bundle)
        replace_bundle(pid);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has(enum wall wall)
{
    return wall == BY_CALLS ? has_calls : wall == BY_FILES ? has_files : has_ports;
}

static void what_is_forbidden_is_refused(void **state)
{
    size_t tried = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        int got;

        if (!has(forbidden[i].wall))
            continue;
        got = attempt(forbidden[i].attempt);
        tried++;
        if (got != forbidden[i].refused)
            fail_msg("%s: got %d (%s), want %s", forbidden[i].what, got, strerror(got), strerror(forbidden[i].refused));
    }
    if (tried == 0) {
        print_message("neither Landlock nor seccomp here, or a build with a sanitizer: skipped\n");
        skip();
    }
}

static void what_is_needed_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        int got = attempt(needed[i].attempt);

        if (got != 0)
            fail_msg("%s: got %d (%s)", needed[i].what, got, strerror(got));
    }
}

/* The rows would prove nothing if they failed anyhow: as root, outside the sandbox, most of them do not. */
static void without_it_the_files_are_open(void **state)
{
    (void)state;
    conf->sandbox = false;
    assert_int_equal(attempt(read_secret), 0);
    assert_int_equal(attempt(write_bundle), 0);
    assert_int_equal(attempt(start_process), 0);
    assert_int_equal(attempt(map_executable), 0);
    assert_int_equal(attempt(listen_again), 0);
    assert_int_not_equal(attempt(connect_to_smtp), EACCES);
    conf->sandbox = true;
}

/* What each part of the configuration adds. */
static void the_configuration_says_what_is_reached(void **state)
{
    static const struct {
        const char *path; /* in the folder */
        unsigned rights;
    } rows[] = {
        { "store", OTR_REACH_READ | OTR_REACH_WRITE | OTR_REACH_REMOVE }, { "ta", OTR_REACH_READ | OTR_REACH_WRITE | OTR_REACH_REMOVE },
        { "roots", OTR_REACH_READ }, { "live", OTR_REACH_READ }, { "archive", OTR_REACH_READ }, { "acme", OTR_REACH_READ },
        { "run", OTR_REACH_REMOVE },
    };
    otr_reaches reaches;

    (void)state;
    assert_int_equal(otr_reaches_find(conf, &reaches), OUTRIDER_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t at = 0;

        while (at < reaches.path_count && strcmp(reaches.paths[at].path, in(rows[i].path)) != 0)
            at++;
        if (at == reaches.path_count || reaches.paths[at].rights != rows[i].rights)
            fail_msg("%s: %s", rows[i].path, at == reaches.path_count ? "is not reached" : "has other rights");
    }
    for (size_t i = 0; i < reaches.path_count; i++)
        assert_string_not_equal(reaches.paths[i].path, "");
    assert_int_equal(reaches.port_count, 3);
    otr_reaches_clear(&reaches);
}

/* --------------------------------------------------------------------------------------------------------------- */

static void put_file(const char *name)
{
    if (try_open(in(name), O_CREAT | O_WRONLY) != 0)
        fail_msg("%s: %s", in(name), strerror(errno));
}

static void probe_machine(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        otr_sandbox s;

        otr_sandbox_enter(conf, &s);
        _exit(s.has_calls | s.has_files << 1 | s.has_ports << 2);
    }
    waitpid(pid, &status, 0);
    has_calls = WEXITSTATUS(status) & 1;
    has_files = (WEXITSTATUS(status) & 2) != 0;
    has_ports = (WEXITSTATUS(status) & 4) != 0;
}

static int prepare(void **state)
{
    static const char *const folders[] = { "store", "ta", "roots", "live", "archive", "acme", "run", "secret", "etc" };
    static const char *const files[] = { "roots/bundle.pem", "archive/fullchain1.pem", "archive/key1.pem", "acme/token", "run/exim.sock",
                                         "secret/key.pem", "etc/resolv.conf" };
    static otr_mistakes mistakes;
    char text[2000];

    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        assert_int_equal(mkdir(in(folders[i]), 0700), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put_file(files[i]);
    assert_int_equal(symlink("../archive/fullchain1.pem", in("live/fullchain.pem")), 0);
    assert_int_equal(symlink("../archive/key1.pem", in("live/key.pem")), 0);
    snprintf(text, sizeof(text),
             "line { listen = { \"unix:%1$s/run/exim.sock\" } }\nsocketmap { listen = { } }\ncontrol { listen = { } }\n"
             "store { path = \"%1$s/store/outrider.db\" }\n"
             "anchors \"default\" { roots = \"%1$s/roots/bundle.pem\" exim_dir = \"%1$s/ta\" }\n"
             "dns { trust_anchor = \"/dev/null\" resolv_conf = \"%1$s/etc/resolv.conf\" "
             "stub \"corp.example\" { address = { \"192.0.2.53@5399\" } } }\n"
             "policy_host { listen = { \"inet:127.0.0.1:8443\" } acme_directory = \"%1$s/acme\" }\n"
             "publish \"example.org\" { mx = { \"mx.example.org\" } certificate = \"%1$s/live/fullchain.pem\" "
             "key = \"%1$s/live/key.pem\" }\n", folder);
    if (otr_conf_parse(text, strlen(text), &conf, &mistakes) != OUTRIDER_OK)
        fail_msg("%u: %s", mistakes.list[0].line, mistakes.list[0].reason);
    probe_machine();
    return 0;
}

static int clean(void **state)
{
    char command[100];

    (void)state;
    otr_conf_free(conf);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_configuration_says_what_is_reached),
        cmocka_unit_test(without_it_the_files_are_open),
        cmocka_unit_test(what_is_forbidden_is_refused),
        cmocka_unit_test(what_is_needed_is_not),
    };

    return cmocka_run_group_tests_name("daemon/sandbox", tests, prepare, clean);
}
