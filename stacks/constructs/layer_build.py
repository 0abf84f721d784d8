"""Build our layers with pip alone, without Docker, into folders that are named by what went into them.

A layer is built once per content: the folder's name holds a hash of everything that it is made of, so the same
inputs give the same asset, and a change of anything else rebuilds nothing.
"""

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stacks.constructs.bytecode import compile_folder
from stacks.constructs.catalog_build import compile_catalog
from stacks.constructs.functions_build import list_functions
from stacks.constructs.numpy_trim import TrimError, trim_numpy
from stacks.constructs.old_glibc import NotPatchableError, run_on_older_glibc
from stacks.constructs.openapi_build import compile_openapi
from stacks.constructs.postgres_build import ServerBuildError, add_server, content_of, keep_client_programs

ROOT = Path(__file__).parents[2]
LAYERS = ROOT / "layers"
BUILD = ROOT / ".build" / "layers"
LOCK = ROOT / "requirements.txt"
RECIPE = 4  # raise it when the way of building changes what is built

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
# Lambda runs 3.11 on Amazon Linux 2 (glibc 2.26), later versions on Amazon Linux 2023 (glibc 2.34).
GLIBC_MINOR = {"3.11": 26, "3.12": 34, "3.13": 34, "3.14": 34}
# Wheels that say they need this glibc (2.x), while the programs in them that we keep need none later than 2.17.
NEEDS_NO_NEWER = {"postgres": 28}
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
THIRD_PARTY = ("runtime", "numeric", "codec", "search", "postgres")
SITE = LAYERS / "dashboard" / "site"  # built beforehand, see layers/dashboard/README.md
PACKAGES = {"core": "", "catalog": "opsloop_catalog", "dashboard": "opsloop_site"}  # layer -> where its files lie
OF_THE_RUNTIME = ("boto3", "botocore", "s3transfer")
NEVER_RUN = (
    "tests",
    "testing",
    "__pycache__",
    "_pyinstaller",
    "*.pyi",
    "*.pyx",
    "*.pxd",
    "*.h",
    "*.a",
    "include",
    "bin",
)


class LayerBuildError(Exception):
    """A layer that cannot be built; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Target:
    """The interpreter that runs the functions. ``is_this_machine``: the local cloud runs them with this very one."""

    python: str
    architecture: str
    is_this_machine: bool = False

    def __post_init__(self) -> None:
        if self.python not in PYTHONS:
            raise LayerBuildError(f"python={self.python} is not supported; pass one of {', '.join(PYTHONS)}")
        if self.architecture not in ARCHITECTURES:
            raise LayerBuildError(f"architecture={self.architecture} is not one of {', '.join(ARCHITECTURES)}")


def machine_architecture() -> str:
    """Return the name that Lambda has for the architecture of this machine."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


@cache
def build_layer(name: str, target: Target, build: Path = BUILD) -> Path:
    """Return the folder of the layer ``name`` for ``target``, built now unless its content was built before."""
    digest = content_hash(name, target)
    done = build / f"{name}-{digest}"
    if done.is_dir():
        return done
    build.mkdir(parents=True, exist_ok=True)
    with _alone(build / f".{done.name}.lock"):
        if not done.is_dir():
            _build(name, target, build, done)
    return done


def _build(name: str, target: Target, build: Path, done: Path) -> None:
    """Make the layer beside its place, and put it there as a whole."""
    with tempfile.TemporaryDirectory(dir=build, prefix=f".{name}-") as scratch:
        layer = Path(scratch) / "layer"
        python = layer / "python"
        python.mkdir(parents=True)
        _fill(name, target, python)
        _compile(name, target, python)
        layer.rename(done)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let whoever else builds the same wait until it is there: two at once would only take twice as long."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def content_hash(name: str, target: Target) -> str:
    """Return the hash of everything that the layer ``name`` is made of."""
    digest = hashlib.sha256(f"{RECIPE} {name} {target} compiled={target.python == RUNNING}\n".encode())
    for label, content in _inputs(name, target):
        digest.update(f"{label} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:20]


def pinned(name: str, target: Target) -> Path:
    """Return the list of packages of the layer ``name``: one for that Python or an old glibc, where there is one."""
    of_python = LAYERS / name / f"requirements-python{target.python}.txt"
    if of_python.is_file():
        return of_python
    of_glibc = LAYERS / name / f"requirements-glibc-2.{GLIBC_MINOR[target.python]}.txt"
    return of_glibc if of_glibc.is_file() and not target.is_this_machine else LAYERS / name / "requirements.txt"


def requirements_with_hashes(listed: str, lock: str) -> str:
    """Return ``listed`` (name==version a line) with the hashes that ``lock`` has for each; its own hashes stay."""
    pattern = r"^(\S+==\S+)(?: ; [^\n]+)? \\\n((?:    --hash=\S+(?: \\)?\n)+)"  # a marker is for developers' machines
    blocks = {match[1]: f"{match[1]} \\\n{match[2]}" for match in re.finditer(pattern, lock, re.M)}
    lines: list[str] = []
    for line in listed.splitlines():
        wanted = line.strip()
        if not re.match(r"^[\w.-]+==\S+$", wanted):
            lines.append(line)
        elif wanted in blocks:
            lines.append(blocks[wanted].rstrip())
        else:
            raise LayerBuildError(f"{wanted} is in a layer's list but not in requirements.txt; pin the same version")
    return "\n".join(lines) + "\n"


def _inputs(name: str, target: Target) -> Iterable[tuple[str, bytes]]:
    if name == "core":
        package = LAYERS / "core" / "python"
        return [(path.relative_to(package).as_posix(), path.read_bytes()) for path in _sources(package)]
    if name == "catalog":
        documents = {"catalog.json": compile_catalog, "openapi.json": compile_openapi, "functions.json": list_functions}
        return [(label, compiled().encode()) for label, compiled in documents.items()]
    if name == "dashboard":
        files = sorted(path for path in SITE.rglob("*") if path.is_file())
        return [(path.relative_to(SITE).as_posix(), path.read_bytes()) for path in files]
    packages = [("requirements.txt", _requirements(name, target).encode())]
    if name == "postgres":
        packages.append(("server", content_of(ARCHITECTURES[target.architecture]).encode()))
    return packages


def _sources(package: Path) -> list[Path]:
    return sorted(path for path in package.rglob("*.py") if ".egg-info" not in path.as_posix())


def _requirements(name: str, target: Target) -> str:
    path = pinned(name, target)
    if "--hash=" in (text := path.read_text(encoding="utf-8")):
        return text
    return requirements_with_hashes(text, LOCK.read_text(encoding="utf-8"))


def _fill(name: str, target: Target, python: Path) -> None:
    if name in THIRD_PARTY:
        _install(name, target, python)
        return
    for label, content in _inputs(name, target):
        path = python / PACKAGES[name] / label
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if name != "core":
        package = python / PACKAGES[name] / "__init__.py"
        package.parent.mkdir(parents=True, exist_ok=True)
        package.write_text(f'"""The files of the layer {name}."""\n', encoding="utf-8")


def _install(name: str, target: Target, python: Path) -> None:
    """Install the pinned wheels of a layer for ``target``, without what never runs there."""
    listed = python.parent / "requirements.txt"
    listed.write_text(_requirements(name, target), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--target", str(python)]
    command += ["--requirement", str(listed), *_platform_options(name, target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    listed.unlink()
    if done.returncode:
        raise LayerBuildError(
            f"layer {name} for python{target.python} on {target.architecture}: pip failed.\n{done.stderr.strip()}\n"
            f"Check {pinned(name, target).relative_to(ROOT)}, requirements.txt, and that the package index answers."
        )
    if name == "postgres":
        _make_postgres(target, python)
    for pattern in NEVER_RUN:
        for path in list(python.rglob(pattern)):
            is_kept = ".dist-info" in path.as_posix() or (name == "postgres" and path.name == "bin")
            if not is_kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if name == "numeric":
        try:
            trim_numpy(python)
        except TrimError as error:
            raise LayerBuildError(f"layer {name}: {error}") from error
    for package in OF_THE_RUNTIME:
        if (python / package).exists():
            raise LayerBuildError(f"layer {name}: {package} comes with the Lambda runtime; take it off the list")


def _make_postgres(target: Target, python: Path) -> None:
    """Add the server, and leave of the wheel the client programs alone."""
    try:
        package = add_server(python, ARCHITECTURES[target.architecture])
        if not target.is_this_machine:
            run_on_older_glibc(package / "bin" / "postgres", GLIBC_MINOR[target.python])
        keep_client_programs(python)
    except (ServerBuildError, NotPatchableError) as error:
        raise LayerBuildError(f"layer postgres: {error}") from error


def _platform_options(name: str, target: Target) -> list[str]:
    if target.is_this_machine:
        return []
    machine = ARCHITECTURES[target.architecture]
    newest = max(GLIBC_MINOR[target.python], NEEDS_NO_NEWER.get(name, 0))
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)]
    options = [option for tag in [*tags, f"manylinux2014_{machine}"] for option in ("--platform", tag)]
    abi = f"cp{target.python.replace('.', '')}"
    return [*options, "--python-version", target.python, "--implementation", "cp", *("--abi", abi, "--abi", "abi3")]


def _compile(name: str, target: Target, python: Path) -> None:
    """Compile for the functions' Python where this is the same; CDK rewrites dates, so by content, unchecked."""
    if target.python != RUNNING:
        note = f"layer {name}: no bytecode, since this is Python {RUNNING} and the functions run {target.python}"
        sys.stderr.write(f"{note}; cold starts take some 300 ms longer\n")
        return
    try:
        compile_folder(python, as_path="/opt/python")
    except SyntaxError as error:
        raise LayerBuildError(f"layer {name}: does not compile: {error}") from error
