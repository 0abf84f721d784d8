"""What a program writes to its standard error, read beside it so that it never waits for us."""

import subprocess
import threading

MAX_BYTES = 1 << 20
CHUNK = 1 << 16


class Errors:
    """Reads a started program's standard error to its end; what is beyond ``MAX_BYTES`` is read and dropped."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._stream = process.stderr
        self._held = bytearray()
        self._thread = threading.Thread(target=self._read, name="stderr", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._stream is None:
            return
        with self._stream as stream:
            while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined]
                if len(self._held) < MAX_BYTES:
                    self._held += chunk

    def is_over(self, timeout_s: float) -> bool:
        """Return whether the program has closed it, as it does when it ends; wait so long for that, and no longer."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def text(self) -> str:
        """Return what was written, once the program has ended."""
        self._thread.join()
        return self._held.decode(errors="replace")
