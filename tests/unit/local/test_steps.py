"""The steps of `make run`: what is skipped, what is compared, what is said."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import bootstrap
from local.console import StepFailedError, console, run_logged
from local.demo.compare import Line
from local.run import alone, snake_case
from local.state import StateDir
from local.steps import compare, deploy, report

MINUTE = 29_400_000


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


def sources(root: Path) -> Path:
    for name in ("stacks", "functions/kpi_query", "layers/core", "docs/api", "local/node"):
        (root / name).mkdir(parents=True)
    for name in ("app.py", "cdk.json", "requirements.txt", "functions/kpi_query/handler.py"):
        (root / name).write_text(name)
    return root


def test_a_changed_added_or_renamed_source_means_a_new_deployment(tmp_path):
    root = sources(tmp_path)
    handler = root / "functions/kpi_query/handler.py"
    seen = {deploy.source_hash(root)}
    handler.write_text("changed")
    seen.add(deploy.source_hash(root))
    (root / "docs/api/kpi.yaml").write_text("paths: {}")
    seen.add(deploy.source_hash(root))
    handler.rename(handler.with_name("other.py"))
    seen.add(deploy.source_hash(root))
    assert len(seen) == 4


def test_bytecode_and_other_folders_mean_no_new_deployment(tmp_path):
    root = sources(tmp_path)
    before = deploy.source_hash(root)
    (root / "functions/kpi_query/__pycache__").mkdir()
    (root / "functions/kpi_query/__pycache__/handler.pyc").write_text("x")
    (root / "README.md").write_text("x")
    assert deploy.source_hash(root) == before


def truth(*, started: int, last: int, requests: int = 500, unacknowledged: int = 0) -> dict[str, Any]:
    tally = {"web": {"GET /": {"requests": requests, "errors": 0}}}
    minutes = {str(minute): tally for minute in range(started, last + 1)}
    delivery = {"web": {"traces": {"made": 5, "acknowledged": 5 - unacknowledged, "refused": 0}}}
    return {"started_minute": started, "complete_from": started + 1, "minutes": minutes, "delivery": delivery}


def span(state: StateDir, running: dict[str, Any] | None, minute: int, *, first_demo: int = MINUTE - 60) -> Any:
    if not state.read("first-demo"):
        state.write("first-demo", {"started_minute": first_demo})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "running_truth", lambda _: running)
        return compare.comparable_span(state, minute * 60 + 5.0)


def test_the_minute_that_runs_is_not_compared(state):
    running = truth(started=MINUTE, last=MINUTE + 2)
    assert span(state, running, MINUTE + 2) == compare.Span(MINUTE + 1, MINUTE + 2, is_running=True)
    assert span(state, running, MINUTE + 1) is None


def test_the_last_minute_which_may_not_be_folded_yet_is_left_out_when_there_are_others(state):
    running = truth(started=MINUTE, last=MINUTE + 5)
    assert span(state, running, MINUTE + 5) == compare.Span(MINUTE + 1, MINUTE + 4, is_running=True)


def test_the_first_demo_is_compared_from_the_minute_it_started_in(state):
    running = truth(started=MINUTE, last=MINUTE + 1)
    assert span(state, running, MINUTE + 1, first_demo=MINUTE) == compare.Span(MINUTE, MINUTE + 1, is_running=True)


def test_the_first_demo_is_remembered_and_later_ones_are_not_taken_for_it(state):
    first, later = truth(started=MINUTE, last=MINUTE + 1), truth(started=MINUTE + 9, last=MINUTE + 11)
    assert compare.first_minute(state, first) == MINUTE
    assert compare.first_minute(state, later) == MINUTE + 10
    assert compare.first_minute(state, first) == MINUTE


def test_a_first_minute_with_hardly_a_request_in_it_proves_nothing(state):
    running = truth(started=MINUTE, last=MINUTE, requests=3)
    assert span(state, running, MINUTE + 1, first_demo=MINUTE) is None


def test_after_a_restart_what_the_former_demo_wrote_down_is_compared_but_for_its_last_minute(state):
    state.write("demo-truth", truth(started=MINUTE, last=MINUTE + 9))
    young = truth(started=MINUTE + 9, last=MINUTE + 9)
    assert span(state, young, MINUTE + 9) == compare.Span(MINUTE + 1, MINUTE + 8, is_running=False)


def test_a_former_demo_that_could_not_deliver_everything_is_not_compared(state):
    state.write("demo-truth", truth(started=MINUTE, last=MINUTE + 9, unacknowledged=1))
    assert span(state, truth(started=MINUTE + 9, last=MINUTE + 9), MINUTE + 9) is None


def line(subject: str, *, differing: tuple[int, ...] = ()) -> Line:
    return Line("web", subject, 10, 10 - len(differing), 1, 1, differing)


def test_the_table_sums_logs_and_metrics_and_shows_each_operation():
    rows = report.rows_of([line("GET /"), line("log info"), line("log warn"), line("metric a")])
    assert [(row.subject, row.sent) for row in rows] == [("GET /", 10), ("logs (2 series)", 20), ("metrics", 10)]
    assert all("equal" in row.cells()[-1] for row in rows)


def test_one_differing_series_marks_its_row():
    (row,) = report.rows_of([line("log info"), line("log warn", differing=(MINUTE,))])
    assert "DIFFERENT" in row.cells()[-1]
    assert not compare.Comparison([line("log warn", differing=(MINUTE,))], MINUTE, MINUTE + 1).is_equal


def test_nothing_to_compare_is_not_equal():
    assert not compare.Comparison([], MINUTE, MINUTE + 1).is_equal


def test_a_failed_step_names_its_log_and_what_to_do(tmp_path):
    log = tmp_path / "step.log"
    with pytest.raises(StepFailedError, match="the step \\(exit status 3\\)") as failure:
        run_logged(
            ["/bin/sh", "-c", "echo the reason; exit 3"],
            log=log,
            what="the step",
            advice="do that",
            env={},
            cwd=tmp_path,
        )
    with console.capture() as said:
        failure.value.show()
    assert "the reason" in said.get()
    assert "do that" in said.get()
    assert str(log) in said.get().replace("\n", "")


def test_a_second_run_in_the_same_folder_is_refused(state):
    with alone(state), pytest.raises(StepFailedError, match="another run"), alone(state):
        pass


def test_the_door_learns_the_api_of_the_deployment(state):
    state.write("outputs", {"opsloop-local-state": {"ApiId": "abc123"}, "opsloop-local-kpi": {"KpiQueryFunction": "f"}})
    state.cloud.mkdir()
    deploy.write_addresses(state)
    assert json.loads((state.cloud / "door.json").read_text()) == {"api_id": "abc123"}


def test_a_deployment_without_an_api_is_a_failed_step(state):
    state.write("outputs", {"opsloop-local-state": {}})
    with pytest.raises(StepFailedError, match="ApiId"):
        deploy.write_addresses(state)


def test_function_names_become_folder_names():
    assert snake_case("TelemetryIngest") == "telemetry_ingest"


@pytest.mark.parametrize("version", [(3, 10), (3, 15), (2, 7)])
def test_a_python_that_lambda_does_not_run_is_refused_with_advice(monkeypatch, version):
    monkeypatch.setattr(bootstrap.sys, "version_info", (*version, 0))
    with pytest.raises(SystemExit, match=r"3\.11 to 3\.14"):
        bootstrap.check_python()


@pytest.mark.parametrize("version", [(3, 11), (3, 14)])
def test_a_python_that_lambda_runs_is_taken(monkeypatch, version):
    monkeypatch.setattr(bootstrap.sys, "version_info", (*version, 0))
    bootstrap.check_python()


def test_an_environment_is_made_anew_when_its_list_changes(tmp_path):
    listed = tmp_path / "requirements.txt"
    listed.write_text("a==1\n")
    folder = tmp_path / "venv"
    folder.mkdir()
    environment = bootstrap.Environment("installing", folder, listed, tmp_path / "log")
    assert not environment.is_ready()
    (folder / bootstrap.STAMP).write_text(environment.mark())
    assert environment.is_ready()
    listed.write_text("a==2\n")
    assert not environment.is_ready()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass by sleeping alone; return the sleeps."""
    slept: list[float] = []
    clock = SimpleNamespace(time=lambda: 0.0, monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(compare, "time", clock)
    monkeypatch.setattr(compare, "comparable_span", lambda *_: None)
    return slept


def test_a_run_that_resumes_does_not_wait_for_a_young_demo(tmp_path, monkeypatch, impatient):
    monkeypatch.setattr(compare, "running_truth", lambda _: {"minutes": {}})
    assert compare.wait_for_span(StateDir(tmp_path), 300.0, resumes=True) is None
    assert sum(impatient) == compare.PATIENCE_ON_RESUME_S


@pytest.mark.parametrize(("resumes", "truth"), [(False, {"minutes": {}}), (True, None)])
def test_a_first_run_waits_and_a_demo_that_does_not_answer_is_a_failure(
    tmp_path, monkeypatch, impatient, resumes, truth
):
    monkeypatch.setattr(compare, "running_truth", lambda _: truth)
    with pytest.raises(StepFailedError):
        compare.wait_for_span(StateDir(tmp_path), 300.0, resumes=resumes)
    assert sum(impatient) == (compare.PATIENCE_ON_RESUME_S if resumes else 300.0)
