"""Locales of a source's database, and what there is for them here.

A server that restores has few locales of the operating system: where one is missing, ICU's rules of that language are
used, else order by code point.
"""

from psycopg import errors, sql

BY_CODE_POINT = ("builtin", "C.UTF-8")  # as initdb makes our clusters
NO_SUCH_LOCALE = (
    errors.WrongObjectType,
    errors.FeatureNotSupported,
    errors.InvalidParameterValue,
    errors.InvalidObjectDefinition,
)  # what CREATE DATABASE says of one that is not here


def candidates(encoding: str, collation: str) -> list[tuple[str, str]]:
    """Return what to try for a source's collation, best first, as (provider, locale)."""
    plain = [BY_CODE_POINT] if is_utf8(encoding) else [("libc", "C")]
    language = collation.partition(".")[0].partition("@")[0]
    if collation in ("C", "POSIX"):
        return [("libc", "C")]
    if language in ("", "C", "POSIX"):
        return plain
    return [("libc", collation), *([("icu", language.replace("_", "-"))] if is_utf8(encoding) else []), *plain]


def is_utf8(encoding: str) -> bool:
    """Return whether a database of that encoding holds any text."""
    return encoding.upper().replace("-", "") in ("UTF8", "UNICODE")


def locale_clause(provider: str, locale: str) -> sql.Composable:
    """Return the end of a ``CREATE DATABASE`` for one of the candidates."""
    if provider == "libc":
        return sql.SQL("locale_provider libc locale {}").format(sql.Literal(locale))
    kind = sql.SQL("builtin_locale" if provider == "builtin" else "icu_locale")
    clause = sql.SQL("locale_provider {} {} {} locale 'C'")
    return clause.format(sql.SQL(provider), kind, sql.Literal(locale))
