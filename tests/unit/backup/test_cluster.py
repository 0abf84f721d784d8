"""Clusters that are kept: whole or not at all, ours alone, and each server with a password of its own."""

import os
import tempfile
from pathlib import Path

import pytest

from opsloop.adapters import postgres_cluster as cluster
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.adapters.postgres_settings import Limits


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
