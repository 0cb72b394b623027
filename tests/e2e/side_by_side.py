"""Several labs do the tests side by side (tools/run-tests): each takes the next file that nobody has taken yet.

All of them collect the same tests. A file is taken by making a file of its name in the folder that they share; so each runs in one
lab, as a whole, and no lab waits for another before the end.
"""

import os

FOLDER = "OUTRIDER_TAKEN"  # in the environment: the folder
# Those that take minutes come first, or one lab would be busy with them when the others are done.
LONGEST = ("test_attack.py",)


def files_of(items):
    """[tests of one file], in the order in which they are taken."""
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    return [files[path] for path in sorted(files, key=lambda path: path.name not in LONGEST)]


def take(folder, path):
    try:
        os.close(os.open(os.path.join(folder, f"{path.parent.name}-{path.name}"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def run(session, folder):
    """As pytest's own loop, for the files that are ours."""
    files = files_of(session.items)
    for number, tests in enumerate(files):
        if not take(folder, tests[0].path):
            continue
        # Only where it lies matters: what the whole session shares is kept while there is a file that may be next.
        anywhere = files[number + 1][0] if number + 1 < len(files) else None
        for test, following in zip(tests, [*tests[1:], anywhere]):
            test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
