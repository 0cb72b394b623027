#include "cli/command.h"

int otr_cmd_lint_domain(int argc, char **argv)
{
    (void)argc;
    return otr_complain(EX_UNAVAILABLE, argv[0], "not built yet");
}
