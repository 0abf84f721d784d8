"""The file of the embedded store: several processes, killed writers, locks, and files that went away or went bad."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from opsloop.adapters.search_embedded import EmbeddedSearchStore
from opsloop.errors import DependencyUnavailableError
from opsloop.search import Document, IndexSpec, Kind, Query

SPEC = IndexSpec("line", {"at": Kind.TIME, "body": Kind.TEXT, "who": Kind.KEYWORD}, "at")
PACKAGE = Path(__file__).parents[3] / "layers" / "core" / "python"
WRITER = """
import sys
from pathlib import Path
from opsloop.adapters.search_embedded import EmbeddedSearchStore
from opsloop.search import Document, IndexSpec, Kind
spec = IndexSpec("line", {"at": Kind.TIME, "body": Kind.TEXT, "who": Kind.KEYWORD}, "at")
path, who, rounds, each = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = EmbeddedSearchStore(path, prefix="test", busy_timeout_s=60.0)
for turn in range(rounds):
    store.put(spec, [Document(f"{who}-{turn}-{n}", {"at": n, "who": who, "body": f"of {who}"}) for n in range(each)])
    print("put", flush=True)
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "search.db"


def opened(path: Path, *, busy_timeout_s: float = 0.05) -> EmbeddedSearchStore:
    return EmbeddedSearchStore(path, prefix="test", busy_timeout_s=busy_timeout_s)


def writer(path: Path, who: str, rounds: int, each: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), who, str(rounds), str(each)]
    return subprocess.Popen(command, env={"PYTHONPATH": str(PACKAGE)}, stdout=subprocess.PIPE, text=True)


def lines(number: int) -> list[Document]:
    return [Document(f"{n}", {"at": n, "body": f"line {n}"}) for n in range(number)]


def test_several_processes_write_at_once_and_nothing_is_lost_or_twice(path: Path) -> None:
    writers = [writer(path, who, 4, 700) for who in "abcd"]
    for one in writers:
        assert one.communicate(timeout=120)[0].count("put") == 4
        assert one.returncode == 0
    store = opened(path)
    assert store.top(SPEC, Query(), field="who", size=9) == tuple((who, 2_800) for who in "abcd")
    assert store.count(SPEC, Query(text='"of c"')) == 2_800
    store.close()


def test_a_writer_that_is_killed_leaves_whole_transactions(path: Path) -> None:
    with writer(path, "x", 10_000, 500) as killed:
        assert killed.stdout is not None
        for _ in range(3):
            killed.stdout.readline()
        killed.kill()
    store = opened(path, busy_timeout_s=10.0)
    number = store.count(SPEC, Query())
    assert number >= 1_500
    assert number % 500 == 0
    assert store.count(SPEC, Query(text="of x")) == number
    store.close()


def test_a_file_that_somebody_else_writes_is_waited_for_and_then_given_up(path: Path) -> None:
    store = opened(path)
    store.put(SPEC, lines(2))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DependencyUnavailableError, match="locked"):
        store.put(SPEC, lines(3))
    assert not store.standing().is_ready
    assert store.count(SPEC, Query()) == 2  # readers do not wait
    other.close()
    store.put(SPEC, lines(3))
    assert store.count(SPEC, Query()) == 3
    assert store.standing().is_ready
    store.close()


def test_a_file_that_was_removed_is_made_again(path: Path) -> None:
    store = opened(path)
    store.put(SPEC, lines(2))
    for file in path.parent.iterdir():
        file.unlink()
    assert store.count(SPEC, Query()) == 0
    store.put(SPEC, lines(1))
    other = opened(path)
    assert other.count(SPEC, Query()) == 1
    store.close()
    other.close()


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be taken for one" * 100, b"SQLite format 3\0" * 99]
)
def test_a_file_that_is_no_store_is_said_to_be_unavailable(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = opened(path)
    with pytest.raises(DependencyUnavailableError, match=r"search\.db"):
        store.count(SPEC, Query())
    assert "search.db" in store.standing().detail
    assert path.read_bytes() == content


def test_a_store_of_another_format_is_not_touched(path: Path) -> None:
    store = opened(path)
    store.put(SPEC, lines(1))
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(DependencyUnavailableError, match="format 99 is not 1"):
        store.put(SPEC, lines(2))


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = opened(tmp_path / "file" / "search.db")
    with pytest.raises(DependencyUnavailableError):
        store.prepare(SPEC)


def test_a_replaced_document_leaves_no_word_behind(path: Path) -> None:
    store = opened(path)
    for text in ("first", "second", "third"):
        store.put(SPEC, [Document("x", {"at": 1, "body": text})])
    assert [store.count(SPEC, Query(text=text)) for text in ("first", "second", "third")] == [0, 0, 1]
    store.delete(SPEC, Query())
    with sqlite3.connect(path) as connection:
        [left] = connection.execute('SELECT count(*) FROM "test-line/words"').fetchone()
    connection.close()
    assert left == 0
    store.close()
