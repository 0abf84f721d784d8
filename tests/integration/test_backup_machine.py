"""The disk that a proof has: dumps come and go, and what a killed worker left is gone before the next."""

import os

import pytest

from opsloop.adapters.backup_machine import SPARE_DISK, Machine


def machine(folder, **options):
    usual = {"memory_bytes": 3 << 30, "left_s": lambda: 500.0, "lease_s": 960.0, "folder": folder}
    return Machine("lambda", **(usual | options))


def abandoned(folder, name, *, hours=1.0):
    left = folder / f"opsloop-dump-{name}"
    left.mkdir()
    (left / "x.dump").write_bytes(b"x")
    old = left.stat().st_mtime - hours * 3600
    os.utime(left, (old, old))
    return left


def test_a_dump_is_there_while_it_is_worked_on_and_gone_behind_it(tmp_path):
    with machine(tmp_path).file("orders.dump") as (path, file):
        file.write(b"PGDMP")
        file.close()
        assert path.read_bytes() == b"PGDMP"
        assert path.name == "orders.dump"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ü" * 300 + ".dump", "a\0b.dump", "-rf.dump", "x" * 1_000 + ".sql.gz"])
def test_a_name_that_no_file_system_takes_is_shortened_and_keeps_its_ending(tmp_path, name):
    with machine(tmp_path).file(name) as (path, file):
        file.write(b"abc")
        assert path.name.endswith(name[-5:].replace("\0", "_"))


def test_what_a_killed_worker_left_is_swept_and_what_others_work_on_stays(tmp_path):
    left, young = abandoned(tmp_path, "old"), abandoned(tmp_path, "young", hours=0)
    with machine(tmp_path).file("a.dump") as (mine, _):
        os.utime(mine.parent, (1, 1))
        with machine(tmp_path).file("b.dump"):
            assert not left.exists()
            assert young.exists()
            assert mine.exists()


def test_limits_leave_room_for_the_dump_and_time_to_write_the_verdict(tmp_path, monkeypatch):
    free = 10 << 30
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: type("Usage", (), {"free": free}))
    limits = machine(tmp_path).limits(4 << 30)
    assert limits.disk_bytes == free - (4 << 30) - SPARE_DISK
    assert limits.seconds == 455.0
    assert limits.memory_bytes < 3 << 30
    assert machine(tmp_path).limits(free) is None


def test_a_machine_without_a_larger_one_says_so(tmp_path):
    asked = []
    assert machine(tmp_path).ask_larger("job", 1) is False
    assert machine(tmp_path, ask=lambda *one: asked.append(one)).ask_larger("job", 1) is True
    assert asked == [("job", 1)]
