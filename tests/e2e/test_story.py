"""make demo STORY=g1|publish: the stories that people are shown are told here to the end, and cannot be told where it is not so."""

import io
import os

import pytest

import domains
from conftest import COMPLAINTS, folders
from lab import namespace
from lab.stories import g1, publish
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


@pytest.fixture(name="publishing")
def the_other_stage(build, lab, exim, postfix):
    exim.forget()
    folder = os.path.join(namespace.HOME, f"story-publish-{next(folders)}")
    with publish.staged(build, lab, folder, exim, postfix, Teller(io.StringIO())) as stage:
        yield stage
    for daemon in (stage.own.daemon, stage.sender):
        for complaint in COMPLAINTS:
            assert complaint not in daemon.log(), daemon.log()


def test_publish(publishing, monkeypatch):
    """SAFE-TO-PUBLISH, PUB-01, PUB-05 to PUB-08, PUB-13: from none to testing, enforce, DANE and back to none. Each mistake of the story is
    refused, or does no harm: mail goes on at every step."""
    out = io.StringIO()
    monkeypatch.setattr(publishing, "tell", Teller(out))
    publish.tell_publish(publishing)
    text = out.getvalue()
    assert text.count("MISTAKE") == 7 and "13. It is over" in text


def test_a_hook_that_installs_too_early_is_no_story(publishing, monkeypatch):
    """The story stands and falls with what it shows: a deploy hook that does not ask the guard ends it."""
    own, lines = publishing.own, publishing.own.deploy_lines
    own.daemon.settings[f'tlsa "{own.mx}"'] = {"certificates": [own.path("files/mx.pem")], "ttl": "5m"}
    own.daemon.write_config()
    own.daemon.start()
    publishing.publish("records", own.name)
    publishing.command("tlsa", "plan", own.mx)
    own.pass_time(24 * publish.HOUR)
    monkeypatch.setattr(own, "deploy_lines", lambda line: lines(line.replace(f" {own.mx} ", " - ", 1)))
    with pytest.raises(Wrong, match="outrider-deploy: 0, expected 1"):
        publish.tell_key(publishing)
