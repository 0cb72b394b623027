"""Files of the machine that a test changes and puts back."""

import contextlib


@contextlib.contextmanager
def file_changed(path, old, new):
    """One place of a text is another for the length of a `with` block."""
    with open(path) as file:
        before = file.read()
    assert old in before, path
    with open(path, "w") as file:
        file.write(before.replace(old, new, 1))
    try:
        yield
    finally:
        with open(path, "w") as file:
            file.write(before)
