"""Where `make run` searches: what is remembered, what is asked for, and what is said where tools are missing."""

import os
import socket
from pathlib import Path

import pytest

from local.console import StepFailedError, console
from local.opensearch import build
from local.processes import identity
from local.services import opensearch
from local.state import StateDir
from local.steps import deploy, search


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(search, "ensure_built", lambda: tmp_path / "built")


def test_the_default_is_a_file_of_the_state_directory(state):
    search.choose(state, "")
    assert search.endpoint(state) == search.told(state) == f"file://{state.root}/search/search.db"
    assert search.services(state) == ()


def test_a_choice_is_remembered_and_can_be_taken_back(state, built):
    search.choose(state, "opensearch")
    search.choose(state, "")
    assert search.services(state) == ("opensearch",)
    search.choose(state, "none")
    search.choose(state, "")
    assert (search.endpoint(state), search.told(state), search.services(state)) == ("none", "", ())


def test_another_store_means_another_deployment_and_says_how_to_fill_it(state, monkeypatch):
    digests = []
    monkeypatch.setattr(deploy, "source_hash", lambda: "sources")
    monkeypatch.setattr(deploy, "is_deployed", lambda _state, digest: bool(digests.append(digest)) or True)
    with console.capture() as said:
        for kind in ("embedded", "none"):
            search.choose(state, kind)
            deploy.ensure_deployed(state)
    assert len(set(digests)) == 2
    assert "opsloop search rebuild" in said.get()


def test_opensearch_keeps_its_port_unless_somebody_else_takes_it(state, built):
    search.choose(state, "opensearch")
    first = search.endpoint(state)
    assert search.told(state) == f"{first}/opsloop-local"
    search.choose(state, "")
    assert search.endpoint(state) == first
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))):
        ours = identity(os.getpid())
        assert ours is not None
        state.write("processes", {"opensearch": ours.to_json()})  # a node that was left running holds it
        search.choose(state, "")
        assert search.endpoint(state) == first
        state.remove("processes")
        search.choose(state, "")
        assert search.endpoint(state) != first


def test_the_node_runs_on_loopback_with_its_data_in_the_state_directory(state, built):
    search.choose(state, "opensearch")
    service = opensearch(state)
    assert service.command[-2:] == [str(state.root / "opensearch"), search.endpoint(state).rpartition(":")[2]]
    assert "JAVA_TOOL_OPTIONS" not in service.environment


def test_without_java_or_maven_the_message_says_what_to_install(state, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "BUILD", tmp_path / "nothing-built")
    monkeypatch.setattr(search, "ensure_built", lambda: build.ensure_built(tmp_path / "nothing-built"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StepFailedError, match=r"not found: java, javac, mvn.*embedded store"):
        search.choose(state, "opensearch")
    assert search.services(state) == ()


def test_an_old_java_is_named(monkeypatch, tmp_path):
    for name, text in (("java", ""), ("mvn", ""), ("javac", "echo 'javac 11.0.2'")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(build.MissingToolError, match=r"Java 17 or later; `javac -version` says 'javac 11\.0\.2'"):
        build.check_tools()
