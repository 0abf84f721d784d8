"""As much of SMTP (RFC 5321) as the emulator's relay speaks: one mail per connection or more, no TLS, no log-in."""

import socketserver
from typing import Any

from local.sink.store import Store

MAX_LINE, MAX_MAIL_BYTES = 65_536, 40 * 1024 * 1024


class SmtpServer(socketserver.ThreadingTCPServer):
    """Takes every mail and keeps it in ``store``."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], store: Store) -> None:
        self.store = store
        super().__init__(address, _Session)


class _Session(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        """Talk to one client until it quits."""
        self._sender, self._to = "", list[str]()
        self._say(220, "sink ready")
        while line := self.rfile.readline(MAX_LINE):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            command: Any = getattr(self, f"_do_{verb.lower()}", None)
            if verb.upper() == "QUIT":
                self._say(221, "bye")
                return
            if command is None:
                self._say(502, "not known here")
            else:
                command(rest)

    def _do_ehlo(self, _rest: str) -> None:
        self._say(250, "sink")

    _do_helo = _do_noop = _do_ehlo

    def _do_rset(self, _rest: str) -> None:
        self._sender, self._to = "", []
        self._say(250, "forgotten")

    def _do_mail(self, rest: str) -> None:
        self._sender, self._to = _address(rest), []
        self._say(250, "sender noted")

    def _do_rcpt(self, rest: str) -> None:
        self._to.append(_address(rest))
        self._say(250, "receiver noted")

    def _do_data(self, _rest: str) -> None:
        if not self._to:
            self._say(503, "to whom?")
            return
        self._say(354, "end with a dot on a line of its own")
        lines, size = [], 0
        while (line := self.rfile.readline(MAX_LINE)) not in (b".\r\n", b".\n", b""):
            size += len(line)
            if size <= MAX_MAIL_BYTES:
                lines.append(line[1:] if line.startswith(b".") else line)
        if not line or size > MAX_MAIL_BYTES:
            self._say(552, "too large, or cut off")
            return
        self.server.store.keep_mail(self._sender, self._to, b"".join(lines))
        self._say(250, "kept")

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


def _address(rest: str) -> str:
    """Return the address of ``FROM:<a@b> SIZE=7``."""
    return rest.partition("<")[2].partition(">")[0]
