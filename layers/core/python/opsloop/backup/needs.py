"""What a definition needs of the server: roles, collations, languages that only a superuser may use."""

import re
from collections.abc import Iterator

_NAME = r'(?:"(?:[^"]|"")+"|[^\s,;()"]+)'
_EXTENSION = re.compile(
    rf"^CREATE EXTENSION\s+(?:IF NOT EXISTS\s+)?({_NAME})(?:\s+WITH)?(?:\s+SCHEMA\s+({_NAME}))?", re.I
)
_POLICY = re.compile(rf"^CREATE POLICY\s.+?\sTO\s+({_NAME}(?:\s*,\s*{_NAME})*)", re.S | re.I)
_MAPPING = re.compile(rf"^CREATE USER MAPPING\s+(?:IF NOT EXISTS\s+)?FOR\s+({_NAME})", re.I)
_ROLE = re.compile(rf"^CREATE (?:ROLE|USER|GROUP)\s+({_NAME})", re.I)
_COLLATE = re.compile(r'\bCOLLATE\s+pg_catalog\.(?:"((?:[^"]|"")+)"|(\w+))')
_LANGUAGE = re.compile(rf"\sLANGUAGE\s+({_NAME})", re.I)
_NO_ROLES = {"public", "current_user", "current_role", "session_user"}
_USUAL_LANGUAGES = {"sql", "plpgsql", "plperl", "pltcl", "plv8", "plpython3"}
ONLY_SUPERUSERS = frozenset({"c", "internal", "plpython3u", "plpython2u", "plpythonu", "plperlu", "pltclu", "plsh"})
"""Languages in which a function may do whatever the server may."""
REACH_OUT = frozenset({"adminpack", "file_fdw", "dblink", "postgres_fdw", "pageinspect", "pg_surgery"})
"""Extensions that reach files, other servers or the bytes of tables."""


def unquoted(name: str) -> str:
    """Return the name that SQL means: quotes undone, or in lower case where there are none."""
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name.lower()


def quoted(name: str) -> str:
    """Return the name as SQL has it in quotes."""
    return '"' + name.replace('"', '""') + '"'


def extension_of(statement: str) -> tuple[str, str] | None:
    """Return name and schema (empty: none given) of the extension that the statement creates."""
    found = _EXTENSION.match(statement)
    return (unquoted(found.group(1)), unquoted(found.group(2) or "")) if found else None


def roles_of(statement: str) -> Iterator[str]:
    """Return the roles that a policy or a user mapping needs, or that the statement makes."""
    if found := _POLICY.match(statement):
        names = re.findall(_NAME, found.group(1))
    elif found := _MAPPING.match(statement) or _ROLE.match(statement):
        names = [found.group(1)]
    else:
        return
    for name in names:
        if unquoted(name) not in _NO_ROLES:
            yield unquoted(name)


def collations_of(statement: str) -> Iterator[str]:
    """Return the collations of the operating system that the statement uses."""
    for found in _COLLATE.finditer(statement):
        name = (found.group(1) or found.group(2)).replace('""', '"')
        if name not in ("default", "C", "POSIX"):
            yield name


def untrusted_language(statement: str) -> str | None:
    """Return the language of the function that the statement creates if only a superuser may use it."""
    if not re.match(r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b", statement, re.I):
        return None
    for found in _LANGUAGE.finditer(statement):
        if (name := unquoted(found.group(1).strip("'"))) in ONLY_SUPERUSERS:
            return name
        if name in _USUAL_LANGUAGES:
            return None
    return None


def is_language(extension: str) -> bool:
    """Return whether the extension is an untrusted language or a transform for one."""
    return extension in ONLY_SUPERUSERS or extension.endswith(("_plpython3u", "_plperlu"))
