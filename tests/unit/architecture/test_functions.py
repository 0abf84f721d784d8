"""Every function says what it does, has samples that tests use, and is given the settings that it reads."""

import ast
import re
from pathlib import Path

import pytest

from stacks.constructs.layers import NEEDS
from stacks.generate_docs import Function, read_functions

ROOT = Path(__file__).parents[3]
FUNCTIONS = read_functions()
BY_NAME = {one.name: one for one in FUNCTIONS}
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}


def name_of(one: Function) -> str:
    return one.name


@pytest.mark.parametrize("one", FUNCTIONS, ids=name_of)
def test_the_first_line_of_a_handler_says_trigger_and_effect(one: Function) -> None:
    assert " -> " in one.effect


@pytest.mark.parametrize("one", FUNCTIONS, ids=name_of)
def test_a_function_is_deployed_by_the_stack_of_its_capability(one: Function) -> None:
    assert one.stack == one.name.partition("_")[0].capitalize()


@pytest.mark.parametrize("one", FUNCTIONS, ids=name_of)
def test_a_function_has_a_sample_of_its_trigger(one: Function) -> None:
    assert one.samples


@pytest.mark.parametrize("one", FUNCTIONS, ids=name_of)
def test_every_setting_says_what_it_means(one: Function) -> None:
    assert [setting.variable for setting in one.settings if not setting.meaning] == []


def test_every_sample_belongs_to_a_function_or_an_event_type() -> None:
    folders = {path.parent.name for path in ROOT.glob("events/*/*.json")}
    assert {folder for folder in folders if "." not in folder} <= set(BY_NAME)


def test_every_sample_runs_in_a_test() -> None:
    named = [pattern for path in ROOT.glob("tests/**/*.py") for pattern in names_in(path.read_text(encoding="utf-8"))]
    samples = sorted(path.relative_to(ROOT / "events").with_suffix("") for path in ROOT.glob("events/*/*.json"))
    assert [str(sample) for sample in samples if not is_named(sample, named)] == []


def names_in(source: str) -> list[re.Pattern[str]]:
    """Return the texts of a test that may name a sample; what an f-string fills in may be anything."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(re.compile(re.escape(node.value)))
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
            if len("".join(part or "" for part in parts)) > len("/.json"):
                found.append(re.compile("".join("[a-z_]+" if part is None else re.escape(part) for part in parts)))
    return found


def is_named(sample: Path, named: list[re.Pattern[str]]) -> bool:
    """Return whether a text names ``function/case`` in full, or ``case.json`` of a folder that it opened."""
    forms = (str(sample), f"{sample}.json", f"{sample.name}.json")
    return any(pattern.fullmatch(form) for pattern in named for form in forms)


@pytest.mark.parametrize(
    ("test", "is_found"),
    [
        ('event("kpi_query/services")', True),
        ('event(f"kpi_query/{case}")', True),
        ('(EVENTS / "services.json").read_text()', True),
        ('event("kpi_query/kpis")', False),
        ('event(f"{function}/{case}")', False),
        ('"services"', False),
    ],
)
def test_a_sample_counts_as_run_only_where_a_test_names_it(test: str, is_found: bool) -> None:
    assert is_named(Path("kpi_query/services"), names_in(test)) is is_found


def test_the_layer_table_names_only_functions() -> None:
    assert set(NEEDS) <= set(BY_NAME)


@pytest.fixture(scope="module")
def environments() -> dict[str, set[str]]:
    """Return the variables that the stacks give each function, read from their sources."""
    found: dict[str, set[str]] = {}
    for path in ROOT.glob("stacks/*_stack.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "OpsFunction":
                words = {keyword.arg: keyword.value for keyword in node.keywords}
                given = words.get("environment", ast.Dict([], []))
                assert isinstance(given, ast.Dict)
                found[ast.literal_eval(words["name"])] = {ast.literal_eval(key) for key in given.keys if key}
    return found


@pytest.mark.parametrize("one", FUNCTIONS, ids=name_of)
def test_a_stack_sets_every_setting_without_a_default_and_no_other_variable(
    one: Function, environments: dict[str, set[str]]
) -> None:
    required = {setting.variable for setting in one.settings if setting.default is None}
    known = {setting.variable for setting in one.settings}
    given = environments[one.name]
    assert required <= given <= known
    assert not given & POWERTOOLS  # the construct sets these
