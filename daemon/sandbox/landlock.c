/*
 * landlock.c - see landlock.h.
 *
 * Debian 12's <linux/landlock.h> is that of Linux 6.1, version 2; what later ones added is written down here, by the numbers of
 * the kernel's interface, which never change.
 */
#include "daemon/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_TRUNCATE (1ULL << 14)  /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#define NET_BIND_TCP (1ULL << 0)  /* version 4 */
#define NET_CONNECT_TCP (1ULL << 1)
#define RULE_NET_PORT 2
#define SCOPE_SIGNAL (1ULL << 1)  /* version 6: no signal to processes outside; abstract Unix sockets may be the service manager's */

/* struct landlock_ruleset_attr of version 6; earlier kernels are given as much of it as they know. */
struct ruleset {
    uint64_t files, ports, scopes;
};

struct port_rule {
    uint64_t rights, port;
};

/* All that each version can refuse: what no rule allows is. */
static uint64_t files_of(int version)
{
    uint64_t all = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* version 1: every bit up to this one */

    if (version >= 2)
        all |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        all |= FS_TRUNCATE;
    if (version >= 5)
        all |= FS_IOCTL_DEV;
    return all;
}

static uint64_t rights_of(unsigned rights)
{
    uint64_t wanted = 0;

    if (rights & OTR_REACH_READ)
        wanted |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (rights & OTR_REACH_WRITE)
        wanted |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE;
    if (rights & OTR_REACH_REMOVE)
        wanted |= LANDLOCK_ACCESS_FS_REMOVE_FILE;
    if (rights & OTR_REACH_FILE)
        wanted |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
    return wanted;
}

/* A rule for a file must not have the rights of folders: the kernel refuses it. */
static bool allow_path(int ruleset, const otr_reach *reach, uint64_t handled)
{
    const uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
    struct landlock_path_beneath_attr rule = { .allowed_access = rights_of(reach->rights) & handled,
                                               .parent_fd = open(reach->path, O_PATH | O_CLOEXEC) };
    int folder, rc, failed;

    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES; /* it cannot be reached anyhow */
    folder = open(reach->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        close(folder);
    else
        rule.allowed_access &= of_files;
    rc = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    failed = errno;
    close(rule.parent_fd);
    errno = failed;
    return rc == 0;
}

static bool allow_port(int ruleset, uint64_t rights, uint16_t port)
{
    struct port_rule rule = { .rights = rights, .port = port };

    return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) == 0;
}

int otr_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version > 0 ? (int)version : 0;
}

static bool allow_all(int ruleset, const otr_reaches *reaches, int version)
{
    uint64_t handled = files_of(version);

    for (size_t i = 0; i < reaches->path_count; i++)
        if (!allow_path(ruleset, &reaches->paths[i], handled))
            return false;
    if (version < 4)
        return true;
    for (size_t i = 0; i < reaches->port_count; i++)
        if (!allow_port(ruleset, NET_CONNECT_TCP, reaches->ports[i]))
            return false;
    return allow_port(ruleset, NET_BIND_TCP, 0); /* libunbound may bind before it connects */
}

bool otr_landlock_enter(const otr_reaches *reaches, int version)
{
    struct ruleset set = { .files = files_of(version), .ports = version >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
                           .scopes = version >= 6 ? SCOPE_SIGNAL : 0 };
    size_t size = version >= 6 ? sizeof(set) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
    bool is_in = ruleset >= 0 && allow_all(ruleset, reaches, version) &&
                 syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int failed = errno;

    if (ruleset >= 0)
        close(ruleset);
    errno = failed;
    return is_in;
}
