"""Pages that are made of the code say what the code says."""

from pathlib import Path

from stacks.generate_docs import (
    capabilities_page,
    configuration_page,
    contents_page,
    pages,
    read_capabilities,
    read_functions,
    stale,
)

HANDLER = '''"""Queue -> triaged feedback in the feedback table.

More words.
"""
from dataclasses import dataclass

@dataclass(frozen=True)
class Settings:
    """Settings."""
    feedback_table: str
    limit: int = 5 * 60  # seconds that a batch may take
    mode: str = "suggest"
    """``suggest`` or ``act``."""
'''
API = """
paths:
  /v1/feedback:
    get: {security: [{key: [read]}]}
  /v1/feedback/form:
    get: {security: []}
"""
STACK = 'feedback = OpsFunction(self, "Triage", name="feedback_triage", layers=layers)\n'


def repository(tmp_path: Path) -> Path:
    for path, text in {
        "functions/feedback_triage/handler.py": HANDLER,
        "stacks/feedback_stack.py": STACK,
        "events/feedback_triage/garbled.json": "{}",
        "layers/core/python/opsloop/feedback/__init__.py": '"""What do users tell us?"""',
        "layers/core/python/opsloop/runtime/__init__.py": '"""What every handler needs."""',
        "docs/api/feedback.yaml": API,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_generated_pages_are_fresh() -> None:
    assert stale() == [], "run python -m stacks.generate_docs"


def test_a_function_is_described_by_its_source_its_stack_and_its_samples(tmp_path: Path) -> None:
    (one,) = read_functions(repository(tmp_path))
    assert (one.name, one.stack, one.samples) == ("feedback_triage", "Feedback", ("garbled",))
    assert one.effect == "Queue -> triaged feedback in the feedback table."


def test_settings_are_told_with_default_and_meaning(tmp_path: Path) -> None:
    text = configuration_page(read_functions(repository(tmp_path)))
    assert "| `FEEDBACK_TABLE` | str | set by the stack | name of the feedback table |" in text
    assert "| `LIMIT` | int | `5 * 60` | seconds that a batch may take |" in text
    assert "| `MODE` | str | `'suggest'` | ``suggest`` or ``act``. |" in text


def test_the_contents_link_handler_and_samples(tmp_path: Path) -> None:
    text = contents_page(read_functions(repository(tmp_path)))
    assert "[feedback_triage](feedback_triage/handler.py)" in text
    assert "[garbled](../events/feedback_triage/garbled.json)" in text


def test_a_capability_is_described_by_its_package_its_functions_and_its_requests(tmp_path: Path) -> None:
    text = capabilities_page(read_capabilities(repository(tmp_path)))
    (line,) = [line for line in text.splitlines() if "feedback" in line]
    assert line == (
        "| [feedback](feedback.md) | What do users tell us? "
        "| [feedback_triage](../../functions/feedback_triage/handler.py) "
        "| `GET /v1/feedback` (read), `GET /v1/feedback/form` (open) |"
    )


def test_a_changed_handler_makes_the_pages_stale(tmp_path: Path) -> None:
    root = repository(tmp_path)
    (root / "docs" / "domains").mkdir()
    for path, text in pages(root).items():
        (root / path).write_text(text)
    assert stale(root) == []
    (root / "functions/feedback_triage/handler.py").write_text(HANDLER.replace("limit: int", "most: int"))
    assert stale(root) == ["docs/configuration.md"]
