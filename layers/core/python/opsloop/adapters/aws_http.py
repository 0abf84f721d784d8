"""HTTP/1.1 over kept-alive connections: as much of it as AWS's APIs speak, and no more.

``http.client`` reads headers with the e-mail parser, whose import alone takes 10 ms of a cold start. Proxies are not
supported: functions in a VPC reach AWS by its endpoints there.
"""

import socket
from collections.abc import Mapping
from functools import cache
from typing import Any, BinaryIO, NamedTuple

MAX_LINE = 65_536
MAX_HEADERS = 200
STALE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


class Endpoint(NamedTuple):
    """Where a service answers."""

    is_tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The ``host`` header: with the port unless it is the usual one."""
        return self.host if self.port == (443 if self.is_tls else 80) else f"{self.host}:{self.port}"


class Answer(NamedTuple):
    """One answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class StaleConnectionError(ConnectionError):
    """The other side had closed a kept connection before our request reached it."""


class ProtocolError(OSError):
    """An answer that is not HTTP, or ended too early."""


class Connection:
    """One connection; ``request`` opens it. Not for several threads at once."""

    def __init__(self, endpoint: Endpoint, *, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._endpoint = endpoint
        self._connect_timeout_s, self._read_timeout_s = connect_timeout_s, read_timeout_s
        self._socket: Any = None
        self._file: BinaryIO | None = None
        self._answered = 0

    @property
    def is_open(self) -> bool:
        """Whether the next request may go over the same connection."""
        return self._socket is not None

    def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and return the answer.

        Raises ``StaleConnectionError`` if a connection that served before turns out to be closed before the first byte
        of an answer, other ``OSError`` if there is no answer.
        """
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if head.count("\n") != len(headers) or not head.isascii():
            raise ValueError("a header is not one line of ASCII")
        message = f"{method} {target} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode("ascii") + body
        try:
            file = self._open()
            try:
                self._socket.sendall(message)
                status, version = _status(file)
            except STALE as error:
                if self._answered:
                    raise StaleConnectionError("closed between two requests") from error
                raise
            answer_headers = _headers(file)
            answer = Answer(status, answer_headers, _body(file, method, status, answer_headers))
        except BaseException:  # whatever it is goes on: a connection in the middle of an answer is of no more use
            self.close()
            raise
        self._answered += 1
        if version == b"HTTP/1.0" or "close" in answer_headers.get("connection", "").lower() or _ends_open(answer):
            self.close()
        return answer

    def open(self) -> None:
        """Open the connection now, so that a failure here is one before anything was sent; raise ``OSError``."""
        self._open()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        file, sock = self._file, self._socket
        self._file = self._socket = None
        self._answered = 0
        for one in (file, sock):
            if one is not None:
                one.close()

    def _open(self) -> BinaryIO:
        if self._file is None:
            address = (self._endpoint.host, self._endpoint.port)
            sock: Any = socket.create_connection(address, self._connect_timeout_s)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._endpoint.is_tls:
                    sock = tls_context().wrap_socket(sock, server_hostname=self._endpoint.host)
                sock.settimeout(self._read_timeout_s)
                self._file = sock.makefile("rb")
            except BaseException:  # whatever it is goes on: only nobody else would close this
                sock.close()
                raise
            self._socket = sock
        return self._file


@cache
def tls_context() -> Any:
    """Return the one TLS context of this process: the system's authorities, or those of ``SSL_CERT_FILE``."""
    import ssl  # not needed where the endpoint is plain, as in the local cloud

    return ssl.create_default_context()


def _line(file: BinaryIO) -> bytes:
    line = file.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        raise ProtocolError("the answer ended within a line" if line else "the answer ended within its head")
    return line.rstrip(b"\r\n")


def _status(file: BinaryIO) -> tuple[int, bytes]:
    """Return the status of the answer; answers of 1xx (continue, early hints) are passed over."""
    while True:
        first = file.readline(MAX_LINE)
        if not first:
            raise ConnectionResetError("closed before an answer")
        version, _, rest = first.partition(b" ")
        code = rest[:3]
        if not version.startswith(b"HTTP/1.") or not code.isdigit():
            raise ProtocolError("this is not HTTP")
        if not code.startswith(b"1"):
            return int(code), version
        _headers(file)


def _headers(file: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = _line(file)
        if not line:
            return headers
        name, _, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    raise ProtocolError(f"more than {MAX_HEADERS} headers")


def _body(file: BinaryIO, method: str, status: int, headers: Mapping[str, str]) -> bytes:
    if method == "HEAD" or status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(file)
    length = headers.get("content-length")
    if length is None:
        return file.read()
    return _exactly(file, _number(length, 10))


def _chunks(file: BinaryIO) -> bytes:
    parts: list[bytes] = []
    while size := _number(_line(file).partition(b";")[0].decode("latin-1"), 16):
        parts.append(_exactly(file, size))
        _line(file)
    while _line(file):  # trailers
        pass
    return b"".join(parts)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ProtocolError(f"the answer ended after {len(data)} of {size} bytes")
    return data


def _number(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise ProtocolError(f"the answer has {text!r} for a length") from None


def _ends_open(answer: Answer) -> bool:
    """Return whether the end of the body was the end of the connection."""
    is_framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
    return not is_framed and answer.status not in (204, 304)
