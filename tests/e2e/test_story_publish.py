"""make demo STORY=publish: told to the end, and not where it is not so. A file of its own, as one outriderd at a time answers the mail servers."""

import io
import os

import pytest

from conftest import COMPLAINTS, folders
from lab import namespace
from lab.stories import publish
from lab.stories.telling import Teller, Wrong


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
