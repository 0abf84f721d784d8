"""Clusters that are kept: whole or not at all, ours alone, and each server with a password of its own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from opsloop.adapters import postgres_cluster as cluster
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.adapters.postgres_settings import Limits

PARTS = ("", "1", "4")  # everything but the templates, and each of them


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what initdb might have made, with a temporary folder of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = tmp_path / "made"
    (data / "base" / "empty").mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    return data


def _home(folder: Path) -> Path:
    return next(folder.glob("opsloop-postgres-*-cluster-*"))


def test_a_kept_cluster_comes_back_whole_with_its_password(made: Path, tmp_path: Path) -> None:
    name = cluster.name_of("initdb", "18.4")
    assert cluster.fresh(tmp_path / "first", name) is None
    cluster.keep(made, "secret", name)
    data = tmp_path / "second"
    assert cluster.fresh(data, name) == "secret"
    assert (data / "PG_VERSION").read_text() == "18\n"
    assert (data / "base" / "empty").is_dir()
    assert data.stat().st_mode & 0o777 == 0o700
    assert cluster.fresh(tmp_path / "third", cluster.name_of("initdb", "18.5")) is None


def test_what_most_servers_never_need_is_left_out_until_it_is_asked_for(made: Path, tmp_path: Path) -> None:
    for path in (
        "base/1/2608",
        "base/1/2608_fsm",
        "base/1/2608_vm",
        "base/4/2608",
        "base/4/2608_vm",
        "base/5/2608",
        "global/4",
    ):
        (made / path).parent.mkdir(exist_ok=True)
        (made / path).write_text(path)
    cluster.keep(made, "secret", "x")
    data = tmp_path / "data"
    cluster.fresh(data, "x")
    assert sorted(str(one.relative_to(data)) for one in data.rglob("*") if one.is_file()) == [
        "PG_VERSION",
        "base/5/2608",
        "global/4",
    ]
    cluster.complete(data, "x")
    assert sorted(str(one.relative_to(data / "base")) for one in (data / "base").rglob("*") if one.is_file()) == [
        "1/2608",
        "4/2608",
        "5/2608",
    ]
    (data / "base" / "4" / "2608").write_text("in use")
    cluster.complete(data, "x")
    assert (data / "base" / "4" / "2608").read_text() == "in use"
    _home(tmp_path).rename(tmp_path / "gone")
    cluster.fresh(tmp_path / "other", "x")
    with pytest.raises(FileNotFoundError):
        cluster.complete(tmp_path / "other", "x")


def test_of_two_that_are_kept_at_once_one_stays_whole(made: Path, tmp_path: Path) -> None:
    cluster.keep(made, "first", "x")
    cluster.keep(made, "second", "x")
    assert cluster.fresh(tmp_path / "data", "x") == "first"
    assert list(tmp_path.glob(".opsloop-postgres-*")) == []


def test_a_folder_that_others_can_read_or_that_is_none_is_not_used(made: Path, tmp_path: Path) -> None:
    cluster.keep(made, "secret", "x")
    home = _home(tmp_path)
    assert home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o755)
    assert cluster.fresh(tmp_path / "data", "x") is None
    home.chmod(0o700)
    moved = home.rename(tmp_path / "elsewhere")
    home.symlink_to(moved)
    assert cluster.fresh(tmp_path / "data", "x") is None


def test_a_kept_cluster_that_is_broken_is_made_anew(made: Path, tmp_path: Path) -> None:
    cluster.keep(made, "secret", "x")
    (_home(tmp_path) / "password").unlink()
    assert cluster.fresh(tmp_path / "data", "x") is None
    assert not (tmp_path / "data").exists()
    cluster.keep(made, "another", "x")
    (_home(tmp_path) / "seal").unlink()
    assert cluster.fresh(tmp_path / "data", "x") is None
    cluster.keep(made, "another", "x")
    assert cluster.fresh(tmp_path / "data", "x") == "another"


def test_each_server_has_a_password_that_the_kept_cluster_has_not() -> None:
    with Server(limits=Limits()) as server:
        kept = {
            (home / "password").read_text()
            for home in Path(tempfile.gettempdir()).glob(f"opsloop-postgres-{os.geteuid()}-cluster-*")
        }
        assert kept
        assert not any(password in server.dsn(user=ADMIN) for password in kept)
        with server.admin() as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def _overwrite(file: Path) -> None:
    """Change what is in a file, at another moment of its file system's clock than the last change."""
    before = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == before:
        file.write_text("evil")


def _seal_anew(home: Path) -> None:
    (home / "seal").write_text("\n".join(cluster._seal(home, part) for part in PARTS))


def _spoil(home: Path, way: str) -> None:
    """Change a kept cluster as a stranger, or a cleaner of temporary folders, might."""
    file = home / "data" / "base" / "5" / "2608"
    about = file.stat()
    if way == "content":  # of the same length, with the time of change that can be set set back
        _overwrite(file)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    elif way == "replaced":
        other = file.with_name("other")
        other.write_text("evil")
        other.rename(file)
    elif way == "added":
        (home / "data" / "postgresql.auto.conf").write_text("shared_preload_libraries = 'evil'\n")
    elif way == "removed":
        file.unlink()
    elif way == "password":
        (home / "password").write_text("another")
    else:
        file.unlink()
        file.symlink_to("/etc/passwd")


WAYS = ("content", "replaced", "added", "removed", "password", "linked")


@pytest.mark.parametrize("way", WAYS)
def test_a_kept_cluster_that_anybody_changed_is_not_used_and_the_next_one_is_kept(
    made: Path, tmp_path: Path, way: str
) -> None:
    (made / "base" / "5").mkdir()
    (made / "base" / "5" / "2608").write_text("good")
    cluster.keep(made, "secret", "x")
    assert cluster.fresh(tmp_path / "before", "x") == "secret"
    _spoil(_home(tmp_path), way)
    assert cluster.fresh(tmp_path / "data", "x") is None
    assert not (tmp_path / "data").exists()
    cluster.keep(made, "another", "x")
    assert cluster.fresh(tmp_path / "data", "x") == "another"


def test_a_change_that_leaves_no_trace_is_found_by_what_is_in_the_files(made: Path, tmp_path: Path) -> None:
    cluster.keep(made, "secret", "x")
    assert not cluster.is_damaged("x")
    (_home(tmp_path) / "data" / "PG_VERSION").write_text("17\n")
    _seal_anew(_home(tmp_path))
    assert cluster.fresh(tmp_path / "used", "x") == "secret"
    assert cluster.is_damaged("x")
    assert cluster.fresh(tmp_path / "data", "x") is None


def test_what_is_added_later_is_checked_as_well(made: Path, tmp_path: Path) -> None:
    for template in ("1", "4"):
        (made / "base" / template).mkdir()
        (made / "base" / template / "2608").write_text("good")
    cluster.keep(made, "secret", "x")
    cluster.fresh(tmp_path / "data", "x")
    _overwrite(_home(tmp_path) / "data" / "base" / "4" / "2608")
    with pytest.raises(OSError, match="was changed"):
        cluster.complete(tmp_path / "data", "x")


@pytest.fixture
def as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the module believe that servers run as the very user that we are."""
    monkeypatch.setattr(cluster, "_made_here", {})


def test_a_process_that_trusts_its_own_alone_uses_no_other_processes_whatever_lies_beside_it(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.keep(made, "of another process", "x")
    monkeypatch.setattr(cluster, "_made_here", {})
    assert cluster.fresh(tmp_path / "data", "x") is None
    cluster.keep(made, "mine", "x")
    assert cluster.fresh(tmp_path / "data", "x") == "mine"


def test_a_forged_seal_does_not_help(made: Path, tmp_path: Path, as_a_user: None) -> None:
    cluster.keep(made, "mine", "x")
    home = _home(tmp_path)
    (home / "data" / "postgresql.auto.conf").write_text("shared_preload_libraries = 'evil'\n")
    _seal_anew(home)
    (home / "digest").write_text(cluster._digest(home))
    assert cluster.fresh(tmp_path / "data", "x") is None


def test_root_alone_can_change_what_root_keeps_and_goes_on_using_it(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_made_here", None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    cluster.trust_none_but_own()
    assert cluster._made_here is None
    monkeypatch.setattr(os, "geteuid", lambda: 993)
    cluster.trust_none_but_own()
    assert cluster._made_here == {}


def test_a_server_whose_copy_does_not_start_comes_up_with_a_cluster_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = Path(tempfile.mkdtemp())
    temporary.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    try:
        with Server(limits=Limits()):
            pass
        home = _home(temporary)
        (home / "data" / "global" / "pg_control").write_bytes(b"\0" * 8192)
        _seal_anew(home)  # as if the change had left no trace
        with Server(limits=Limits()) as server, server.admin() as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert cluster.fresh(temporary / "next", next(iter(_home(temporary).name.split("-")[-1:]))) is not None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
