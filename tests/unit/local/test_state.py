"""What a local cloud remembers: ports, and files that only their owner reads."""

import socket
import stat

import pytest

from local.state import Ports, StateDir, choose_ports, free_port, is_free, remembered_ports


@pytest.fixture
def state(tmp_path) -> StateDir:
    return StateDir(tmp_path)


def test_ports_are_kept_from_run_to_run(state):
    first = choose_ports(state, {})
    assert choose_ports(state, {}) == first == remembered_ports(state)
    assert first.aws != first.door


def test_two_checkouts_get_different_ports(tmp_path):
    one, other = (choose_ports(StateDir(tmp_path / name), {}) for name in ("one", "other"))
    assert not {one.aws, one.door} & {other.aws, other.door}


def test_configured_ports_win(state):
    choose_ports(state, {})
    chosen = choose_ports(state, {"OPSLOOP_PORT": "8901", "OPSLOOP_AWS_PORT": "8902", "OPSLOOP_SMTP_PORT": "8903"})
    assert chosen == Ports(aws=8902, door=8901, smtp=8903, slack=chosen.slack)
    assert chosen.slack


def test_a_remembered_port_that_somebody_took_is_replaced(state):
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken = somebody.getsockname()[1]
        state.write("ports", {"aws": taken, "door": free_port()})
        assert not is_free(taken)
        assert choose_ports(state, {}).aws != taken


def test_files_with_keys_are_readable_by_their_owner_alone(state):
    state.write("stack", {"ingest_key": "opsloop_id_secret"})
    assert stat.S_IMODE(state.stack_file.stat().st_mode) == 0o600
    state.write("stack", {"ingest_key": "opsloop_id_other"})
    assert stat.S_IMODE(state.stack_file.stat().st_mode) == 0o600
    assert state.read("stack") == {"ingest_key": "opsloop_id_other"}
