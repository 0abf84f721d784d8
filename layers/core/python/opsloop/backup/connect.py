"""What a secret says about how to reach a database: a libpq URL, libpq's key=value words, or JSON as RDS keeps it.

Nothing here ever puts a password into a message, a representation, or a program's arguments.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from opsloop.dataclass import dataclass, field
from opsloop.errors import InvalidInputError

DEFAULT_PORT = "5432"
# libpq's settings that a secret may have, beside those that Login names; what is not here is a slip of the pen
OPTIONS = frozenset(
    (
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslnegotiation", "ssl_min_protocol_version"),
        *("channel_binding", "require_auth", "gssencmode", "connect_timeout", "target_session_attrs", "hostaddr"),
        *("load_balance_hosts", "options", "application_name", "client_encoding", "keepalives", "keepalives_idle"),
        *("keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    )
)
_SAME = {"username": "user", "database": "dbname", "db": "dbname", "hostname": "host", "name": "dbname"}
_ENGINES = ("postgres", "postgresql", "aurora-postgresql")
_WORD = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)")
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Login:
    """Where a database is and who we are there. ``host`` may list several, as libpq has it, or be a socket's folder.

    ``certificate`` is the text of the authorities to trust (PEM), where the secret has the text and not a file's name.
    """

    host: str
    port: str
    user: str
    database: str
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    certificate: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """Return ``user@host:port/database``, for people."""
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    def conninfo(self, **more: str) -> str:
        """Return libpq's key=value words for everything but the password; ``more`` goes before the secret's options."""
        words = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.database}
        return " ".join(f"{name}={_quoted(value)}" for name, value in {**words, **self.options, **more}.items())


def read_login(content: str, *, name: str = "secret", database: str = "") -> Login:
    """Return what the content of a secret says; ``database`` is taken where it names none.

    Raises ``InvalidInputError`` that begins with ``name`` and names the field that is missing or wrong.
    """
    text = content.strip()
    if not text:
        raise InvalidInputError(f"{name}: empty; need a postgresql:// URL, key=value words or a JSON object")
    if text.startswith("{"):
        found = _from_json(text, name)
    elif re.match(r"[A-Za-z][\w+.-]*://", text):
        found = _from_url(text, name)
    else:
        found = _from_words(text, name)
    known = {"host", "port", "user", "password", "dbname"}
    for one in found.keys() - known - OPTIONS:
        raise InvalidInputError(f"{name}.{one}: not a setting of PostgreSQL's client that may be given")
    for one in ("host", "user"):
        if not found.get(one):
            raise InvalidInputError(f"{name}.{one}: missing")
    if not (found.get("dbname") or database):
        raise InvalidInputError(f"{name}.dbname: missing")
    port = found.get("port") or DEFAULT_PORT
    if not all(one.isdigit() and 0 < int(one) < 65536 for one in port.split(",")):
        raise InvalidInputError(f"{name}.port: {port!r} is not a port")
    for one, value in found.items():
        if "\0" in value:
            raise InvalidInputError(f"{name}.{one}: holds a zero byte")
    options = {one: value for one, value in found.items() if one in OPTIONS and value}
    is_text = options.get("sslrootcert", "").lstrip().startswith(_CERTIFICATE)
    certificate = options.pop("sslrootcert") if is_text else ""
    return Login(
        host=found["host"],
        port=port,
        user=found["user"],
        database=found.get("dbname") or database,
        password=found.get("password", ""),
        options=options,
        certificate=certificate.strip() + "\n" if certificate else "",
    )


def check_dsn(dsn: str) -> None:
    """Raise ``InvalidInputError`` for a URL that libpq would misread, and whose password its message would then repeat.

    That is one of another system, and one whose password has an ``@``, a ``/``, a ``?`` or a ``%`` as they are.
    """
    scheme, separator, rest = dsn.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return
    if scheme not in ("postgres", "postgresql"):
        raise InvalidInputError(f"not a connection string: {scheme}:// is not PostgreSQL's; need postgresql://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    who, has_user, _ = authority.partition("@")
    port = authority.rpartition(":")[2]
    is_cut = not has_user and ":" in authority and not port.isdigit() and "@" in rest
    if authority.count("@") > 1 or is_cut or re.search(r"%(?![0-9A-Fa-f]{2})", who):
        raise InvalidInputError("not a connection string: in a URL's user and password, % / ? @ are %25 %2F %3F %40")


def without_values(text: str) -> str:
    """Return what libpq says of a connection string without the parts of it that it quotes, the names of words apart:
    what it cannot read may be a password."""
    text = re.sub(r'missing "=" after ".*" in', 'missing "=" in', text.strip(), flags=re.DOTALL)
    return re.sub(r':\s*".*"\Z', "", text, flags=re.DOTALL)


def _from_json(text: str, name: str) -> dict[str, str]:
    """Take the settings that we know; what else a store keeps beside them (an instance's name) is its own business."""
    try:
        value: Any = json.loads(text)
    except ValueError as error:
        position = getattr(error, "pos", 0)  # the message itself would repeat what stands there
        raise InvalidInputError(f"{name}: not JSON from character {position} on") from None
    engine = value.get("engine", "postgres")
    if engine not in _ENGINES:
        raise InvalidInputError(f"{name}.engine: {engine!r} is not PostgreSQL")
    found = {}
    for key, one in value.items():
        known = _SAME.get(key, key)
        if known not in {"host", "port", "user", "password", "dbname"} | OPTIONS or one is None:
            continue
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise InvalidInputError(f"{name}.{key}: not text")
        if known not in found or key == known:  # libpq's own name counts more than another's
            found[known] = str(one)
    return found


def _from_url(text: str, name: str) -> dict[str, str]:
    scheme, _, rest = text.partition("://")
    if scheme not in ("postgres", "postgresql"):
        raise InvalidInputError(f"{name}: {scheme}:// is not PostgreSQL's; need postgresql://")
    try:
        parts = urlsplit(f"//{rest}")
        queries = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise InvalidInputError(f"{name}: not a URL; percent-encode / ? # [ ] @ in the password") from None
    if parts.fragment:
        raise InvalidInputError(f"{name}: has a # part; percent-encode # as %23")
    who, _, where = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    hosts, ports = _hosts(where)
    found = {"user": unquote(user), "password": unquote(password), "host": hosts, "port": ports}
    found["dbname"] = unquote(parts.path.removeprefix("/"))
    found = {key: value for key, value in found.items() if value}
    found.update({_SAME.get(key, key): value for key, value in queries})
    return found


def _hosts(where: str) -> tuple[str, str]:
    """Return the hosts and ports of a URL, each separated by commas; IPv6 addresses stand in brackets."""
    hosts, ports = [], []
    for one in where.split(","):
        found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*))(?::(.*))?", one)
        hosts.append(unquote((found[1] or found[2] or "") if found else one))
        ports.append((found[3] or DEFAULT_PORT) if found else DEFAULT_PORT)
    return (",".join(hosts), ",".join(ports)) if any(hosts) else ("", ports[0])


def _from_words(text: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position, last = 0, ""
    while position < len(text.rstrip()):
        word = _WORD.match(text, position)
        if word is None:
            after = f" after {last}" if last else ""
            raise InvalidInputError(f"{name}: not key=value words{after}; quote values with blanks as '...'")
        last = word[1]
        value = word[2] if word[2] is not None else word[3]
        found[_SAME.get(last, last) if last != "name" else last] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        position = word.end()
    return found


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
