"""A server that answers as it is told: bytes for each request in turn, or a closed connection."""

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

CLOSE = b""  # instead of an answer: read the request, then close the connection


@dataclass
class Seen:
    """One request that came."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Answers requests one after the other from ``script``; ``then_close`` of an answer ends its connection quietly."""

    script: list[bytes]
    then_close: bool = False
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> "ScriptedServer":
        self._current = self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.script.clear()
        for one in (self._listener, self._current):
            with suppress(OSError):  # it ended by itself
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        number = 0
        while self.script:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._current = connection
            with connection:
                self._converse(connection, number)
            number += 1

    def _converse(self, connection: socket.socket, number: int) -> None:
        with connection.makefile("rb") as file:
            while self.script:
                line = file.readline().decode().strip()
                if not line:
                    return
                headers = {}
                while header := file.readline().decode().strip():
                    name, _, value = header.partition(": ")
                    headers[name] = value
                body = file.read(int(headers.get("content-length", "0")))
                self.seen.append(Seen(number, line, headers, body))
                answer = self.script.pop(0)
                if answer == CLOSE:
                    return
                connection.sendall(answer)
                if self.then_close:
                    return


def answer(body: bytes = b"{}", *, status: str = "200 OK", headers: Iterable[str] = ()) -> bytes:
    """Return an answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
