"""What browsers are told with every answer of the console: fetch from here alone, be framed by nobody."""

_POLICY = {  # https://www.w3.org/TR/CSP3/
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # pictures of charts are made in the page
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",  # nothing in the console turns text into markup or script
}
_ALWAYS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",  # addresses hold names of services and what was searched for
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_ENCRYPTED = {"strict-transport-security": "max-age=31536000"}


def security_headers(*, is_encrypted: bool) -> dict[str, str]:
    """Return the headers of every answer; over https also the wish that it stays so for a year."""
    return _ALWAYS | _ENCRYPTED if is_encrypted else dict(_ALWAYS)
