"""tools/run-in-lab BUILD story NAME."""

import argparse
import time

from lab.process import Failed
from lab.stories import g1, publish
from lab.stories.telling import Teller, Wrong

STORIES = {"g1": g1, "publish": publish}


def main(build, arguments):
    """Returns 0 if the story goes as told, else 1."""
    parser = argparse.ArgumentParser(prog="tools/run-in-lab BUILD story")
    parser.add_argument("story", choices=STORIES)
    story = STORIES[parser.parse_args(arguments).story]
    started = time.monotonic()
    try:
        story.play(build, Teller())
    except (Wrong, Failed) as wrong:
        print(f"\nNOT AS TOLD: {wrong}", flush=True)
        return 1
    print(f"\nAs told, in {time.monotonic() - started:.0f} s.")
    return 0
