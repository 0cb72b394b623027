"""tools/run-in-lab: enter the lab's namespaces, then run one of its commands there."""

import os
import sys

from lab import namespace

USAGE = """usage: tools/run-in-lab BUILD COMMAND [ARGS...]
  demo [--json FILE] [--only NAME,...]   send mail to every destination with Exim and Postfix
  attack [--json FILE] [--only NAME,...] the same with somebody on the wire: the attack matrix
  story g1                               what a postmaster sees and does when a root leaves the bundle
  story publish                          the whole life of a domain that publishes a policy, with a mistake at each step
  soak [--minutes N] [--json FILE]       mixed load with faults: does anything grow?
  shell                                  a shell inside the lab, everything running
  pytest [ARGS...]                       the system tests, or those that ARGS choose
  run PROGRAM [ARGS...]                  any program, in the empty namespaces"""


def main(argv):
    """Parse, re-execute inside the namespaces, run. Returns an exit status (sysexits; 77 where there can be no lab)."""
    if len(argv) < 2 or argv[0] in ("-h", "--help"):
        print(USAGE, file=sys.stderr)
        return 64
    build, command, args = os.path.abspath(argv[0]), argv[1], argv[2:]
    if namespace.is_inside():
        return run(build, command, args)  # called from the lab's own shell
    return namespace.enter(build, lambda: run(build, command, args))


def run(build, command, args):
    """The command itself, in the finished namespaces."""
    if command == "pytest":
        os.environ["OUTRIDER_BUILD"] = build
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        os.chdir(root)
        chosen = args if any(os.path.exists(a.split("::")[0]) for a in args) else ["tests/e2e", *args]
        os.execv("/usr/bin/python3", ["python3", "-s", "-m", "pytest", "-p", "no:cacheprovider",
                                      f"--basetemp={namespace.HOME}/pytest", *chosen])
    if command == "run":
        os.execvp(args[0], args)
    if command == "demo":
        from lab import demo
        return demo.main(build, args)
    if command == "attack":
        from lab.attack import command as attack
        return attack.main(build, args)
    if command == "story":
        from lab.stories import command as story
        return story.main(build, args)
    if command == "soak":
        from lab import soak
        return soak.main(build, args)
    if command == "shell":
        from lab import shell
        return shell.main(build)
    print(USAGE, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
