"""What fuzzing starts from: the corpus, the other samples of the tests, and requests in each layer that senders use."""

from pathlib import Path

from opsloop.telemetry.container import unwrap
from tests.fuzz.forms import delimited, kpl, snappy

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
SAMPLES = (ROOT / "tests" / "data" / "otlp", ROOT / "tests" / "data" / "clients")


def corpus() -> list[Path]:
    """Return the files of the corpus."""
    return sorted(path for path in CORPUS.iterdir() if path.is_file())


def samples() -> list[bytes]:
    """Return what real senders sent: bodies, as they came."""
    files = [path for folder in SAMPLES for path in sorted(folder.iterdir()) if path.suffix != ".md"]
    return [body for path in files for body, _ in unwrap(path.read_bytes(), max_bytes=1 << 26).records]


def seeds() -> list[bytes]:
    """Return the records to change; none is over 64 KB."""
    plain = [*(path.read_bytes() for path in corpus()), *samples()]
    requests = [data for data in plain if data[:1] == b"\n" and len(data) < 10_000]
    layered = [kpl(requests[:5]), delimited(requests[-3:]), *(snappy(request) for request in requests[-3:])]
    return [data for data in (*plain, *layered) if len(data) <= 64_000]
