"""Errors that tell the caller what to do.

A ``PermanentError`` is set aside or answered: trying again cannot help. A ``TransientError`` is left to the
trigger, whose retry reads afresh. Messages carry the name and the value at fault, never a secret.
"""


class OpsloopError(Exception):
    """Base of all our errors. ``status`` is the HTTP status it becomes; ``title`` the RFC 9457 title."""

    status = 500
    title = "Internal error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PermanentError(OpsloopError):
    """The same request will fail again."""

    status = 400
    title = "Bad request"


class InvalidInputError(PermanentError):
    """Input that cannot be understood; the message names the field and what would be right."""


class UnauthenticatedError(PermanentError):
    """No key, or one that is not valid (any more)."""

    status = 401
    title = "Unauthenticated"


class ForbiddenError(PermanentError):
    """A valid key without the scope that the request needs."""

    status = 403
    title = "Forbidden"


class NotFoundError(PermanentError):
    """Nothing here by that name."""

    status = 404
    title = "Not found"


class TooLargeError(PermanentError):
    """A body above the limit, before or after inflation."""

    status = 413
    title = "Content too large"


class UnsupportedMediaError(PermanentError):
    """A content type or encoding that is not spoken here; the message lists those that are."""

    status = 415
    title = "Unsupported media type"


class TransientError(OpsloopError):
    """Trying again may help. ``retry_after_s`` is the least wait in seconds that we ask for."""

    status = 503
    title = "Unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConflictError(TransientError):
    """Somebody else changed it since it was read."""

    status = 409
    title = "Conflict"


class ThrottledError(TransientError):
    """A dependency asks us to slow down."""

    status = 429
    title = "Too many requests"


class DependencyUnavailableError(TransientError):
    """A dependency did not answer; the message names it."""
