"""What a definition needs of the server: roles, collations, languages that only a superuser may use."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from opsloop.backup.contents import Contents, Entry
from opsloop.dataclass import dataclass, field

_NAME = r'(?:"(?:[^"]|"")+"|[^\s,;()"]+)'
_EXTENSION = re.compile(
    rf"^CREATE EXTENSION\s+(?:IF NOT EXISTS\s+)?({_NAME})(?:\s+WITH)?(?:\s+SCHEMA\s+({_NAME}))?", re.I
)
_POLICY = re.compile(rf"^CREATE POLICY\s.+?\sTO\s+({_NAME}(?:\s*,\s*{_NAME})*)", re.S | re.I)
_MAPPING = re.compile(rf"^CREATE USER MAPPING\s+(?:IF NOT EXISTS\s+)?FOR\s+({_NAME})", re.I)
_ROLE = re.compile(rf"^CREATE (?:ROLE|USER|GROUP)\s+({_NAME})", re.I)
_COLLATE = re.compile(r'\bCOLLATE\s+pg_catalog\.(?:"((?:[^"]|"")+)"|(\w+))')
_LANGUAGE = re.compile(rf"\sLANGUAGE\s+({_NAME})", re.I)
_ALL_TABLES = re.compile(r"^CREATE PUBLICATION\s.+\sFOR (ALL|TABLES IN)\b", re.S | re.I)
_CAST = re.compile(r"^(CREATE|COMMENT ON) CAST \((.+?) AS (.+?)\)(\s+WITHOUT FUNCTION)?", re.S | re.I)
_NO_ROLES = {"public", "current_user", "current_role", "session_user"}
_USUAL_LANGUAGES = {"sql", "plpgsql", "plperl", "pltcl", "plv8", "plpython3"}
ONLY_SUPERUSERS = frozenset({"c", "internal", "plpython3u", "plpython2u", "plpythonu", "plperlu", "pltclu", "plsh"})
"""Languages in which a function may do whatever the server may."""
REACH_OUT = frozenset({"adminpack", "file_fdw", "dblink", "postgres_fdw", "pageinspect", "pg_surgery"})
"""Extensions that reach files, other servers or the bytes of tables."""

LANGUAGES = "untrusted languages"
_ROUTINE = {"owners", "privileges", "databases", "session users", "extensions", "tablespaces", "roles", "comments"}


@dataclass(frozen=True)
class Needs:
    """What must be there before a dump is restored. ``extensions`` have the schema that they lie in, empty where the
    dump does not say. ``left_out`` counts what is not restored, by kind; ``keep`` are the entries of an archive that
    are."""

    extensions: dict[str, str] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    collations: frozenset[str] = frozenset()
    left_out: Counter[str] = field(default_factory=Counter)
    keep: tuple[Entry, ...] = ()
    encoding: str = "UTF8"

    def notes(self) -> list[str]:
        """Return in words what is not restored; what says only who owns or may do what is not told."""
        return [
            f"left out: {number} of {kind}, which only a superuser may restore"
            for kind, number in sorted(self.left_out.items())
            if kind not in _ROUTINE
        ]


def of_archive(contents: Contents) -> Needs:
    """Return what an archive needs and which of its entries are restored."""
    extensions: dict[str, str] = {}
    roles: set[str] = set()
    collations: set[str] = set()
    left_out: Counter[str] = Counter()
    keep = []
    for entry in contents.entries:
        statement = entry.definition.lstrip()
        if entry.kind == "EXTENSION":
            name, schema = extension_of(statement) or (entry.name, "")
            extensions[name] = schema
            left_out[LANGUAGES] += is_language(name)
        roles.update(roles_of(statement), [entry.owner] if entry.owner else ())  # a value of a regrole can be any
        collations.update(collations_of(statement))
        if what := _only_superusers(entry, statement):
            left_out[what] += 1
        else:
            keep.append(entry)
    made = {schema for name, schema in extensions.items() if not is_language(name)}
    kept = tuple(one for one in keep if one.kind != "SCHEMA" or one.name not in made)
    return Needs(extensions, frozenset(roles), frozenset(collations), +left_out, kept, contents.encoding)


_SUPERUSERS_KINDS = {
    "ACCESS METHOD": "access methods",
    "FOREIGN DATA WRAPPER": "foreign data wrappers",
    "OPERATOR CLASS": "operator classes",
    "OPERATOR FAMILY": "operator classes",
    "TEXT SEARCH PARSER": "text search parsers",
    "TEXT SEARCH TEMPLATE": "text search parsers",
    "SECURITY LABEL": "security labels",
    "EXTENSION": "extensions",
    "ACL": "privileges",
    "DEFAULT ACL": "privileges",
    "DATABASE": "databases",
    "DATABASE PROPERTIES": "databases",
    "EVENT TRIGGER": "event triggers",
    "SUBSCRIPTION": "subscriptions",
    "SUBSCRIPTION TABLE": "subscriptions",
    "PUBLICATION TABLES IN SCHEMA": "publications",
}
_NOT_COMPARED = {
    "access methods": ("casts",),
    "casts": ("casts", "comments"),
    "event triggers": ("publications",),
    "foreign data wrappers": ("foreign",),
    "operator classes": ("operators", "comments"),
    "publications": ("publications",),
    "text search parsers": ("text_search",),
    LANGUAGES: ("extensions", "casts"),
}


def not_compared(left_out: Iterable[str]) -> set[str]:
    """Return the kinds of a manifest's hashes that cannot be equal, since something of them was left out."""
    kinds: set[str] = set()
    for what in left_out:
        kinds.update(("functions", "comments") if what.startswith("functions in ") else _NOT_COMPARED.get(what, ()))
    return kinds


_MAKERS = (
    "must be superuser to create a base type",
    "only superuser can define a leakproof function",
    "aggregate transition data type cannot be internal",
)
_FOLLOWS = (  # what is said where something needs what was left out
    ("access methods", r'access method ".*" does not exist|invalid value for parameter "default_table_access_method"'),
    ("casts", r"cannot be cast|cannot cast|operator does not exist|is of type .* but expression is of type"),
    ("foreign data wrappers", r'foreign-data wrapper ".*" does not exist'),
    ("functions in ", r"^could not execute query: ERROR:  (function|procedure|aggregate) .*does not exist"),
    ("operator classes", r"operator (class|family) .* does not exist"),
    ("text search parsers", r"text search (parser|template) .* does not exist"),
    (LANGUAGES, r'language ".*" does not exist'),
)


def is_superusers(said: str, left_out: Iterable[str]) -> bool:
    """Return whether an error of the engine is that only a superuser may make something, or what was left out, since
    only a superuser may make that, is missing: then the error says nothing of the dump. What a plain dump calls is
    another matter: any statement can be in there.
    """
    if said.removeprefix("could not execute query: ERROR:").strip() in _MAKERS:
        return True
    kinds = tuple(left_out)
    return any(re.search(words, said) and any(kind.startswith(what) for kind in kinds) for what, words in _FOLLOWS)


def _only_superusers(entry: Entry, statement: str) -> str | None:
    """Return why an entry is not restored, None for one that is."""
    kind = entry.kind
    if kind in _SUPERUSERS_KINDS:
        return _SUPERUSERS_KINDS[kind]
    if kind == "COMMENT" and entry.name.startswith(("EXTENSION ", "EVENT TRIGGER ", "SUBSCRIPTION ", "DATABASE ")):
        return "comments"
    if kind == "PUBLICATION" and _ALL_TABLES.search(statement):
        return "publications"
    if cast := superusers_cast(statement):
        return cast
    language = untrusted_language(statement)
    return f"functions in {language}" if language else None


def superusers_cast(statement: str) -> str | None:
    """Return ``casts``, or ``comments`` for one on it, of a cast that nobody but a superuser may make, else None.

    That is one between types of which the dump brings none, and one that takes the bytes of one type for another's.
    """
    found = _CAST.match(statement)
    if found is None or (not found[4] and any(_is_of_the_dump(found[side]) for side in (2, 3))):
        return None
    return "casts" if found[1].upper() == "CREATE" else "comments"


def _is_of_the_dump(type_name: str) -> bool:
    """Return whether a type's name has a schema that is not the server's own: pg_dump writes it so."""
    return "." in type_name and not type_name.startswith("pg_catalog.")


def schemas_of(extensions: Iterable[str]) -> list[str]:
    """Return the schemas that must be made before extensions are."""
    return sorted({one for one in extensions if one and one not in ("public", "pg_catalog")})


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
