"""Who imports whom, read from the sources, and the table of who may."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "layers" / "core" / "python"
SHARED = (
    "opsloop.errors",
    "opsloop.clock",
    "opsloop.histogram",
    "opsloop.events",
    "opsloop.catalog",
    "opsloop.dataclass",
    "opsloop.search",
)
POWERTOOLS = "aws_lambda_powertools"
NOT_CAPABILITIES = {"adapters", "runtime"}
CODECS = {
    "pybase64",
    "deflate",
    "backports",
    "compression",
    "xxhash",
}  # pure functions from bytes to bytes, of the codec layer
ALGEBRA = (".model", ".aggregate", ".exemplar", ".increase", ".replica")


@dataclass(frozen=True)
class Import:
    """One import: the file, the line, and the module that it names."""

    file: str
    line: int
    module: str

    @property
    def top(self) -> str:
        """Return the top-level package."""
        return self.module.partition(".")[0]


def imports_of(source: str, file: str) -> list[Import]:
    """Return every import of ``source``; ``from opsloop import clock`` names ``opsloop.clock``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(file, node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module in {"opsloop", "opsloop.adapters", "opsloop.runtime"}:
                found += [Import(file, node.lineno, f"{module}.{alias.name}") for alias in node.names]
            else:
                found.append(Import(file, node.lineno, module))
    return found


def capabilities() -> set[str]:
    """Return the capability words: the packages in ``opsloop`` that are no layer of their own."""
    return {path.parent.name for path in PACKAGE.glob("opsloop/*/__init__.py")} - NOT_CAPABILITIES


def breaches(source: str, file: str) -> Iterator[str]:
    """Yield what ``source`` imports although code in its place may not."""
    for one in imports_of(source, file):
        if one.module.startswith("."):
            yield _say(one, "name the module in full")
        elif one.top not in sys.stdlib_module_names and not _may(file, one.module):
            yield _say(one, "not allowed here; see the table in tests/unit/architecture/imports.py")


def _say(one: Import, why: str) -> str:
    return f"{one.file}:{one.line}: {one.module}: {why}"


def _may(file: str, module: str) -> bool:
    parts = Path(file).parts
    top = module.partition(".")[0]
    if parts[0] == "stacks" or file == "app.py":
        return top in {"aws_cdk", "constructs", "cdk_nag", "stacks", "yaml", "jsonschema"}
    if parts[0] == "functions":
        return top in {"opsloop", POWERTOOLS} or module == "pybase64"  # trigger payloads come in base64
    place = parts[parts.index("opsloop") + 1]
    if place == "adapters":
        return _adapter_may(file, module)
    if place == "runtime":
        return top == POWERTOOLS or (top == "opsloop" and not module.startswith("opsloop.adapters"))
    if place.endswith(".py"):  # shared by all capabilities
        return module in SHARED or top == "numpy"
    return _capability_may(place, module)


def _capability_may(word: str, module: str) -> bool:
    """A capability is pure: shared modules, itself, numpy, codecs, and another capability's nouns and their algebra."""
    if module in SHARED or module.partition(".")[0] in {"numpy", *CODECS}:
        return True
    owner = module.split(".")[1] if module.startswith("opsloop.") else ""
    if owner == word:
        return True
    return owner in capabilities() and module.endswith(ALGEBRA)


def _adapter_may(file: str, module: str) -> bool:
    """An adapter speaks to the outside, and knows the capabilities' types, but no other adapter."""
    top = module.partition(".")[0]
    if top in {"boto3", "botocore", "pynamodb", "pydantic", "numpy"}:
        return True
    if top in {"opsloop_catalog", "opsloop_site"}:  # what layers carry besides code: one adapter reads each
        return Path(file).name == f"{top.removeprefix('opsloop_')}_layer.py"
    if module.startswith("opsloop.adapters.aws_"):  # the client that several adapters share, as they share boto3
        return True
    if Path(file).name.startswith("postgres_"):  # one adapter in several modules: server, tools and driver
        return top == "psycopg" or module.startswith("opsloop.adapters.postgres_") or _is_shared(module)
    if Path(file).name.startswith("search_"):  # one adapter in several modules; its client in those that speak to it
        is_client = top in {"opensearchpy", "urllib3"} and Path(file).name.startswith("search_opensearch")
        return is_client or module.startswith("opsloop.adapters.search_") or _is_shared(module)
    return _is_shared(module)


def _is_shared(module: str) -> bool:
    """Return whether ``module`` is ours, and neither an adapter nor of the runtime."""
    return module.startswith("opsloop.") and not module.startswith(("opsloop.adapters", "opsloop.runtime"))
