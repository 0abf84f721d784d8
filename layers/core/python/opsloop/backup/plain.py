"""Plain dumps: what they hold, and the text that is given to psql instead of theirs.

Left out is what only a superuser may run, what belongs to the whole server, and who owns what; such statements become
empty lines, so that line numbers stay those of the dump. The commands restrict, unrestrict and connect are read, never
passed on; any other command with a backslash is refused.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator

from opsloop.backup.needs import (
    LANGUAGES,
    Needs,
    collations_of,
    extension_of,
    is_language,
    roles_of,
    superusers_cast,
    unquoted,
    untrusted_language,
)
from opsloop.backup.sql_text import Part, Piece, pieces
from opsloop.dataclass import dataclass, field

MAX_REFUSED = 20
_HEAD_CHARS = 2_000
_LEFT_OUT = (
    ("databases", re.compile(r"(CREATE|ALTER|DROP) DATABASE\b", re.I)),
    ("roles", re.compile(r"(CREATE|ALTER|DROP) (ROLE|USER|GROUP)\b(?! MAPPING)", re.I)),
    ("owners", re.compile(r"ALTER\s.+\sOWNER TO\s+\S[^;]*;?\s*$", re.I | re.S)),
    ("privileges", re.compile(r"(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES)\b", re.I)),
    ("session users", re.compile(r"(SET|RESET) (SESSION AUTHORIZATION|(SESSION |LOCAL )?ROLE)\b", re.I)),
    ("tablespaces", re.compile(r"(CREATE|ALTER|DROP) TABLESPACE\b|SET default_tablespace = (?!''|\"\")", re.I)),
    ("extensions", re.compile(r"(CREATE|ALTER|DROP) EXTENSION\b", re.I)),
    ("comments", re.compile(r"COMMENT ON (EXTENSION|DATABASE|ROLE|TABLESPACE|EVENT TRIGGER)\b", re.I)),
    ("event triggers", re.compile(r"(CREATE|ALTER|DROP) EVENT TRIGGER\b", re.I)),
    ("operator classes", re.compile(r"(CREATE|ALTER) OPERATOR (CLASS|FAMILY)\b", re.I)),
    ("foreign data wrappers", re.compile(r"CREATE FOREIGN DATA WRAPPER\b", re.I)),
    ("text search parsers", re.compile(r"CREATE TEXT SEARCH (PARSER|TEMPLATE)\b", re.I)),
    ("access methods", re.compile(r"CREATE ACCESS METHOD\b", re.I)),
    ("security labels", re.compile(r"SECURITY LABEL\b", re.I)),
    ("subscriptions", re.compile(r"(CREATE|ALTER|DROP) SUBSCRIPTION\b", re.I)),
    ("publications", re.compile(r"CREATE PUBLICATION\s.+\sFOR (ALL|TABLES IN)\b", re.I | re.S)),
    ("publications", re.compile(r"ALTER PUBLICATION\s.+\sADD TABLES IN\b", re.I | re.S)),
)
_META = re.compile(rb"\\(\w+|.)[ \t]*([^\r\n]*)")
_CONNECT = re.compile(r"dbname='((?:[^'\\]|\\.)*)'")
_FROM = re.compile(rb"^-- Dumped from database version (.+?)\r?$", re.M)
_BY = re.compile(rb"^-- Dumped by pg_dump version (.+?)\r?$", re.M)
_BEGUN, _ENDED = b"-- PostgreSQL database dump", b"-- PostgreSQL database dump complete"
_CLUSTER = b"-- PostgreSQL database cluster dump"
_SCHEMA = re.compile(r'CREATE SCHEMA\s+("(?:[^"]|"")+"|[^\s;"]+)\s*;', re.I)
_OWNER = re.compile(r'OWNER TO\s+("(?:[^"]|"")+"|[^\s;"]+)\s*;?\s*$', re.I)
_ENCODING = re.compile(r"SET client_encoding = '([^']+)'", re.I)
_DROP = re.compile(
    r"DROP\s|ALTER TABLE\s.+\s(DROP (CONSTRAINT|DEFAULT|IDENTITY|EXPRESSION)|DETACH PARTITION)\b"
    r"|SELECT pg_catalog\.lo_unlink\(",
    re.I | re.S,
)
_DROP_PUBLIC = re.compile(r"DROP SCHEMA (IF EXISTS )?\"?public\"?\s*(CASCADE\s*)?;", re.I)
_SETTING = re.compile(r"(SET|SELECT pg_catalog\.set_config|BEGIN|COMMIT|START)\b", re.I)


@dataclass
class PlainFacts:
    """What a plain dump holds. ``refused`` are (line, text) of commands with a backslash; ``databases`` those that it
    connects to, in order; ``is_cut`` is whether it ends where it should not."""

    server_version: str = ""
    dump_version: str = ""
    encoding: str = "UTF8"
    databases: list[str] = field(default_factory=list)
    extensions: dict[str, str] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    collations: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, str]] = field(default_factory=list)
    is_cluster: bool = False
    is_cut: bool = False
    statements: int = 0
    tables: int = 0
    has_data: bool = False
    has_transactions: bool = False
    bytes: int = 0


class _Connections:
    """Follows ``\\restrict`` and ``\\connect`` through a dump."""

    def __init__(self) -> None:
        self.token = ""
        self.database = ""

    def follow(self, meta: bytes) -> bool:
        """Take a command in; return whether it is one of those that pg_dump writes."""
        found = _META.match(meta)
        if found is None:
            return False
        word, rest = found.group(1).decode("latin-1"), found.group(2).decode("utf-8", "replace").strip()
        if word == "restrict" and not self.token and rest.isalnum():
            self.token = rest
            return True
        if word == "unrestrict" and rest == self.token:
            self.token = ""
            return True
        if word == "encoding" and not self.token and rest.replace("_", "").isalnum():
            return True  # which pg_dump writes before it connects to an odd name
        if word in ("connect", "c") and not self.token and rest and "`" not in rest:
            self.database = _database(rest)
            return True
        return False


def _database(rest: str) -> str:
    if found := _CONNECT.search(rest):
        return re.sub(r"\\(.)", r"\1", found.group(1))
    return unquoted(rest) if rest.startswith('"') else rest.split()[0]


def read_plain(chunks: Iterator[bytes]) -> PlainFacts:
    """Return what the text holds; it is read once and not kept.

    Raises
    ------
    DamagedError
        If a statement is longer than any dump has.
    """
    facts, connections = PlainFacts(), _Connections()
    begun = ended = 0
    for piece in pieces(chunks):
        facts.bytes += len(piece.text)
        facts.is_cut = not piece.is_whole
        if piece.part is Part.META:
            if not connections.follow(piece.text) and len(facts.refused) < MAX_REFUSED:
                facts.refused.append((piece.line, piece.text.decode("utf-8", "replace").strip()[:200]))
            elif connections.database and connections.database not in facts.databases:
                facts.databases.append(connections.database)
        elif piece.part is Part.SQL:
            if _BEGUN in piece.text:
                before = piece.text[: len(piece.text) - len(piece.bare)]  # comments alone: a row can say anything
                ended += before.count(_ENDED)
                begun += before.count(_BEGUN) - before.count(_ENDED)
            _read_statement(facts, piece)
    facts.is_cut = facts.is_cut or ended < begun
    return facts


def _read_statement(facts: PlainFacts, piece: Piece) -> None:
    if not facts.server_version and (found := _FROM.search(piece.text)):
        facts.server_version = found.group(1).decode("utf-8", "replace")
    if not facts.dump_version and (found := _BY.search(piece.text)):
        facts.dump_version = found.group(1).decode("utf-8", "replace")
    facts.is_cluster = facts.is_cluster or _CLUSTER in piece.text[:_HEAD_CHARS]
    statement = _head(piece)
    if not statement:
        return
    if said := _ENCODING.match(statement):
        facts.encoding = said.group(1)
    if not _SETTING.match(statement):
        facts.statements += 1
    word = statement[:14].upper()
    facts.has_transactions = facts.has_transactions or word.startswith(("BEGIN", "START TRANSACTION"))
    if word.startswith(("COPY", "INSERT")) or b"; Type: TABLE DATA;" in piece.text:
        facts.has_data = True
    if word.startswith("CREATE"):
        _read_definition(facts, statement)
    if what := left_out(statement):
        facts.left_out[what] += 1
        if what == "owners" and (owner := _OWNER.search(statement)):
            facts.roles.add(unquoted(owner.group(1)))  # a value of a regrole can be any


def _read_definition(facts: PlainFacts, statement: str) -> None:
    facts.tables += statement.upper().startswith(("CREATE TABLE ", "CREATE UNLOGGED TABLE "))
    if extension := extension_of(statement):
        facts.extensions[extension[0]] = extension[1]
    facts.roles.update(roles_of(statement))
    facts.collations.update(collations_of(statement))


def _head(piece: Piece) -> str:
    """Return the statement as text; of long rows only the beginning."""
    bare = piece.bare
    is_long = len(bare) > 1 << 20 or bare[:6].upper() == b"INSERT"
    return (bare[:_HEAD_CHARS] if is_long else bare).decode("utf-8", "replace").rstrip()


def left_out(statement: str) -> str | None:
    """Return why a statement is not given to the server, None for one that is."""
    for what, pattern in _LEFT_OUT:
        if pattern.match(statement):
            return what
    if cast := superusers_cast(statement):
        return cast
    language = untrusted_language(statement)
    return f"functions in {language}" if language else None


def for_psql(chunks: Iterator[bytes], database: str | None, made: Collection[str] = ()) -> Iterator[bytes]:
    """Return the text for psql, line by line at the same places.

    With ``database`` only the part behind a connect to it, or before any, as in a dump of a whole server. ``made`` are
    schemas that are there already. What ``pg_dump --clean`` drops before it makes anything is not there to be dropped.
    """
    connections, there = _Connections(), set(made)
    is_wanted = was_wanted = is_empty = True
    for piece in pieces(chunks):
        if piece.part is Part.META:
            connections.follow(piece.text)
            is_wanted = database is None or connections.database in ("", database)
        elif piece.part is Part.SQL:
            statement = _head(piece)
            is_empty = is_empty and bool(not statement or _SETTING.match(statement) or _DROP.match(statement))
            is_drop = is_empty and _DROP.match(statement) is not None
            if is_drop and _DROP_PUBLIC.match(statement):
                there.add("public")
            is_there = _schema(statement) in there
            was_wanted = is_wanted and not is_drop and left_out(statement) is None and not is_there
        if piece.part is not Part.META and was_wanted:
            yield piece.text
        else:
            yield b"\n" * piece.text.count(b"\n")


def _schema(statement: str) -> str | None:
    found = _SCHEMA.match(statement)
    return unquoted(found.group(1)) if found else None


def of_plain(facts: PlainFacts) -> Needs:
    """Return what a plain dump needs."""
    languages = Counter({LANGUAGES: sum(is_language(one) for one in facts.extensions)})
    return Needs(
        dict(facts.extensions),
        frozenset(facts.roles),
        frozenset(facts.collations),
        facts.left_out + languages,
        encoding=facts.encoding,
    )
