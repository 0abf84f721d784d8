"""``opsloop send``: post OTLP bodies from files."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import show_json, show_table

if TYPE_CHECKING:
    from opsloop_cli.client import Client

MAX_INFLATED_BYTES = 64 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
JSON_TYPE, PROTOBUF_TYPE = "application/json", "application/x-protobuf"


class SignalName(StrEnum):
    """The three OTLP signals."""

    traces = "traces"
    metrics = "metrics"
    logs = "logs"


@dataclass(frozen=True)
class Sent:
    """What became of one file. ``rejected`` counts the items that a 200 answer turned down."""

    file: str
    signal: str
    status: int
    accepted: bool
    rejected: int
    message: str


def send(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="OTLP bodies: protobuf or JSON, plain or gzip.", exists=True, dir_okay=False, readable=True
        ),
    ],
    signal: Annotated[
        SignalName | None, typer.Option(help="What the files hold; without it, told by content, then by name.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Post OTLP export requests, one file each.

    A gzip file travels as it is, with Content-Encoding: gzip.
    Sending the same bytes again within 15 minutes counts nothing twice.
    Exits with 1 when anything was rejected.

    Examples:

        opsloop send traces.pb metrics.json logs.pb.gz

        opsloop send --signal traces capture.bin --json
    """
    client = session_of(context).client()
    results: list[Sent] = []
    try:
        for file in files:
            results.append(_post(client, file, signal))
    finally:  # whatever ends this early, what was sent before it is told
        _show(results, as_json=as_json)
    if not all(result.accepted and not result.rejected for result in results):
        raise typer.Exit(ExitCode.NO)


def _show(results: list[Sent], *, as_json: bool) -> None:
    if as_json:
        show_json({"sent": [asdict(result) for result in results]})
    elif results:
        show_table(
            ["file", "signal", "status", "result"],
            [[result.file, result.signal, str(result.status), _verdict(result)] for result in results],
        )


def _post(client: "Client", file: Path, signal: SignalName | None) -> Sent:
    from opsloop_cli.client import failure
    from opsloop_cli.otlp_answer import read_rejection, read_status_message

    data = file.read_bytes()
    is_gzip = data.startswith(GZIP_MAGIC)
    plain = _peek(data) if is_gzip else data
    kind = signal.value if signal else _signal_of(plain, file)
    content_type = JSON_TYPE if plain.startswith(b"{") else PROTOBUF_TYPE
    headers = {"Content-Type": content_type, "Accept": content_type}
    if is_gzip:
        headers["Content-Encoding"] = "gzip"
    answer = client.send("POST", f"/v1/{kind}", scope="ingest", body=data, headers=headers)
    if answer.status == 200:
        rejected, message = read_rejection(answer)
        return Sent(str(file), kind, 200, True, rejected, message)
    error = failure(answer)
    message = read_status_message(answer) or error.message
    if error.code is not ExitCode.NO:  # the next files would fare no better
        raise CommandError(f"{file}: {message}", error.code)
    return Sent(str(file), kind, answer.status, False, 0, message)


def _signal_of(plain: bytes, file: Path) -> str:
    from opsloop.errors import InvalidInputError
    from opsloop.telemetry.payload import read_payload

    try:
        return read_payload(plain, "", max_bytes=MAX_INFLATED_BYTES).signal
    except InvalidInputError as error:
        named = [name.value for name in SignalName if name.value in file.name]
        if len(named) == 1:
            return named[0]
        raise CommandError(f"{file}: {error}; say which with --signal", ExitCode.USAGE) from None


def _peek(data: bytes) -> bytes:
    """Return the inflated body; nothing where it is broken, since judging it is the receiver's business."""
    from opsloop.errors import InvalidInputError
    from opsloop.telemetry.inflate import GZIP, inflate

    try:
        return inflate(data, GZIP, max_bytes=MAX_INFLATED_BYTES)
    except InvalidInputError:
        return b""


def _verdict(result: Sent) -> str:
    if not result.accepted:
        return f"refused: {result.message}"
    if result.rejected:
        return f"{result.rejected} items rejected: {result.message}"
    return f"accepted ({result.message})" if result.message else "accepted"
