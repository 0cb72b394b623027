"""make demo STORY=g1: the story that people are shown is told here to the end, and cannot be told where it is not so."""

import io
import os

import pytest

import domains
from conftest import COMPLAINTS
from lab import namespace
from lab.stories import g1
from lab.stories.telling import Teller, Wrong


@pytest.fixture(scope="module", name="stage")
def the_stage(build, lab, exim, postfix):
    domains.add(lab, *g1.ROWS)
    exim.forget()
    with g1.staged(build, lab, os.path.join(namespace.HOME, "story-test"), exim, postfix, Teller(io.StringIO())) as stage:
        yield stage
    for complaint in COMPLAINTS:
        assert complaint not in stage.outrider.log(), stage.outrider.log()


def test_a_bundle_that_keeps_the_root_is_no_story(stage, monkeypatch):
    """what-if sees nobody harmed by a bundle that still has g1: the story ends there, and says so."""
    write = stage.write
    monkeypatch.setattr(stage, "write", lambda name, *_: write(name, "lab", "g1"))
    with pytest.raises(Wrong, match="what-if.*exit status 0, not 1"):
        g1.tell_g1(stage)


def test_g1(stage, monkeypatch):
    """LOCALITY: a root leaves; who is harmed is told before; an exception keeps two going, and nobody else."""
    out = io.StringIO()
    monkeypatch.setattr(stage, "tell", Teller(out))
    g1.tell_g1(stage)
    text = out.getvalue()
    assert "9. The provider has moved" in text
    for words in ("D  mail would be deferred: 2", "E  policy lost when it expires: 1",
                  "event=trust.affected destination=g1-hotmail.example"):
        assert words in text, text
