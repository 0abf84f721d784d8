"""Building OpenSearch: Maven fetches its parts, javac compiles the one class that starts them. Once per content."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from local.state import ROOT

HERE = Path(__file__).parent
BUILD = ROOT / ".build" / "opensearch"
SOURCES = ("pom.xml", "LocalNode.java")
OLDEST_JAVA = 17
HEAP = "512m"


class MissingToolError(Exception):
    """Java or Maven is not there, or too old; the message says what to install."""


class BuildFailedError(Exception):
    """Maven or javac failed; the message holds what it said."""


def check_tools() -> None:
    """Raise ``MissingToolError`` unless Java 17 or later, its compiler, and Maven can be run."""
    missing = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    if missing:
        raise MissingToolError(
            f"OpenSearch needs Java {OLDEST_JAVA} (a JDK) and Maven; not found: {', '.join(missing)}. "
            "Install both (Debian: apt install openjdk-17-jdk-headless maven), or use the embedded store, the default."
        )
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=False)  # noqa: S607
    found = re.search(r"(\d+)", said.stdout + said.stderr)
    if not found or int(found[1]) < OLDEST_JAVA:
        version = (said.stdout + said.stderr).strip()
        raise MissingToolError(f"OpenSearch needs Java {OLDEST_JAVA} or later; `javac -version` says {version!r}")


def ensure_built(build: Path = BUILD) -> Path:
    """Return the folder with OpenSearch's jars, made now unless the same was made before (84 MB the first time).

    Two processes may build at once: the first to end wins. Raises ``MissingToolError`` and ``BuildFailedError``.
    """
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()[:16]
    done = build / digest
    if done.is_dir():
        return done
    check_tools()
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix=".building-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        pom = HERE / "pom.xml"
        _run("fetching OpenSearch", "mvn", "-q", "-B", "-f", str(pom), f"-Dbuild.folder={made}", "package")
        classes = ["-d", str(made / "classes"), "-cp", f"{made}/lib/*:{made}/knn/*"]
        _run("compiling its start", "javac", "-nowarn", *classes, str(HERE / "LocalNode.java"))
        try:
            made.rename(done)
        except OSError:
            if not done.is_dir():  # otherwise another process has just built the same
                raise
    return done


def command(built: Path, home: Path, port: int, *, heap: str = HEAP, java: str = "java") -> list[str]:
    """Return the command that runs one node in the foreground, its data in ``home``; SIGTERM ends it."""
    scratch = home / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return [
        java,
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        "-Djava.locale.providers=SPI,COMPAT",
        "-Dfile.encoding=UTF-8",
        f"-Djava.io.tmpdir={scratch}",
        f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
        "-Dlog4j2.disable.jmx=true",
        "-Dlog4j.shutdownHookEnabled=false",
        "-Djna.nosys=true",
        "-Dio.netty.noUnsafe=true",
        "-cp",
        f"{built}/classes:{built}/lib/*:{built}/knn/*",
        "LocalNode",
        str(home),
        str(port),
    ]


def _run(what: str, *arguments: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailedError(
            f"{what} failed:\n{(done.stdout + done.stderr).strip()[-4000:]}\n"
            "Check that Maven Central can be reached, then run the same command again."
        )
