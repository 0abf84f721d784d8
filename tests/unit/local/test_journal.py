"""What survives a kill: the journal's whole lines, and one whole generation."""

from pathlib import Path

import pytest

from local.cloud.journal import Generations, JournalDamagedError, read_entries


class Killed(BaseException):
    """The process dies here."""


def entries_after_restart(root: Path) -> list[list[object]]:
    return list(Generations(root).entries())


def test_every_appended_entry_is_there_after_a_kill(tmp_path):
    cloud = Generations(tmp_path)
    for number in range(3):
        cloud.append(["kinesis", number])
    assert entries_after_restart(tmp_path) == [["kinesis", 0], ["kinesis", 1], ["kinesis", 2]]


def test_an_entry_cut_by_the_kill_is_dropped_and_the_next_one_starts_on_a_line_of_its_own(tmp_path):
    cloud = Generations(tmp_path)
    cloud.append(["whole"])
    with (tmp_path / "0" / "journal").open("ab") as journal:
        journal.write(b'["cut')
    restarted = Generations(tmp_path)
    assert list(restarted.entries()) == [["whole"]]
    restarted.append(["later"])
    assert entries_after_restart(tmp_path) == [["whole"], ["later"]]


def test_damage_inside_the_journal_stops_the_start_instead_of_losing_what_follows(tmp_path):
    journal = tmp_path / "journal"
    journal.write_bytes(b'["a"]\n["b\n["c"]\n')
    with pytest.raises(JournalDamagedError, match="byte 6"):
        list(read_entries(journal))


def test_a_checkpoint_begins_an_empty_journal_beside_its_snapshot(tmp_path):
    cloud = Generations(tmp_path)
    cloud.append(["before"])
    cloud.checkpoint(lambda folder: (folder / "dynamodb.json").write_text("{}"))
    cloud.append(["after"])
    restarted = Generations(tmp_path)
    assert (restarted.state / "dynamodb.json").exists()
    assert list(restarted.entries()) == [["after"]]


def test_a_kill_while_the_snapshot_is_written_leaves_the_former_generation_whole(tmp_path):
    cloud = Generations(tmp_path)
    cloud.checkpoint(lambda folder: (folder / "state.json").write_text("former"))
    cloud.append(["acknowledged"])

    def killed_half_way(folder: Path) -> None:
        (folder / "state.json").write_text("half")
        raise Killed

    with pytest.raises(Killed):
        cloud.checkpoint(killed_half_way)
    restarted = Generations(tmp_path)
    assert (restarted.state / "state.json").read_text() == "former"
    assert list(restarted.entries()) == [["acknowledged"]]


def test_a_kill_before_the_pointer_moves_leaves_the_former_generation_whole(tmp_path, monkeypatch):
    cloud = Generations(tmp_path)
    cloud.append(["acknowledged"])

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as death:
        death.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            cloud.checkpoint(lambda folder: (folder / "state.json").write_text("new"))
    assert entries_after_restart(tmp_path) == [["acknowledged"]]


def test_a_failed_checkpoint_lets_the_cloud_write_on(tmp_path):
    cloud = Generations(tmp_path)
    cloud.append(["before"])

    def disk_full(_: Path) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        cloud.checkpoint(disk_full)
    cloud.append(["after"])
    assert entries_after_restart(tmp_path) == [["before"], ["after"]]
