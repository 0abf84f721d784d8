"""What a secret says is understood in three forms, and never repeated with its password."""

import json
import signal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop.adapters.postgres_connect import as_ours
from opsloop.backup.connect import Login, check_dsn, read_login, without_values
from opsloop.backup.dump_failure import failure
from opsloop.errors import InvalidInputError, PermanentError, TransientError

PASSWORD = "s3cr et'\\/@:?#%[]"  # all that must be quoted somewhere
ENCODED = "s3cr%20et%27%5C%2F%40%3A%3F%23%25%5B%5D"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    "content",
    [
        f"postgresql://shop:{ENCODED}@db.example.com:6432/orders?sslmode=verify-full",
        f"  postgres://shop:{ENCODED}@db.example.com:6432/orders?sslmode=verify-full\n",
        r"host=db.example.com port=6432 user=shop password='s3cr et\'\\/@:?#%[]' dbname=orders sslmode=verify-full",
        json.dumps(
            {"engine": "postgres", "host": "db.example.com", "port": 6432, "username": "shop", "password": PASSWORD}
            | {"dbname": "orders", "sslmode": "verify-full", "dbInstanceIdentifier": "orders-1"}
        ),
        json.dumps(
            {"host": "db.example.com", "port": "6432", "user": "shop", "password": PASSWORD, "database": "orders"}
            | {"sslmode": "verify-full", "sslrootcert": None}
        ),
    ],
    ids=["url", "short url", "words", "rds", "json"],
)
def test_each_form_of_a_secret_says_the_same(content: str) -> None:
    login = read_login(content)
    assert (login.host, login.port, login.user, login.database) == ("db.example.com", "6432", "shop", "orders")
    assert (login.password, login.options) == (PASSWORD, {"sslmode": "verify-full"})


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_words_are_read_and_written_as_libpq_does(password: str, user: str) -> None:
    login = read_login(make_conninfo("", host="h", user=user, password=password, dbname="d"))
    assert (login.user, login.password) == (user, password)
    assert conninfo_to_dict(login.conninfo()) == {"host": "h", "port": "5432", "user": user, "dbname": "d"}


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=12))
def test_urls_are_read_as_libpq_does(password: str) -> None:
    from urllib.parse import quote

    url = f"postgresql://me:{quote(password, safe='')}@[::1]:5433,other:6000/d%20b?connect_timeout=5"
    known = conninfo_to_dict(url)
    login = read_login(url)
    assert (login.password, login.database, login.host, login.port) == (
        known["password"],
        known["dbname"],
        known["host"],
        known["port"],
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "secret: empty"),
        ("mysql://u:hunter2@h/d", "secret: mysql:// is not PostgreSQL's"),
        ('{"host": "h", "user": "u", "password": "hunter2", "dbname": }', "secret: not JSON from character"),
        ('{"user": "u", "password": "hunter2", "dbname": "d"}', "secret.host: missing"),
        ('{"host": "h", "password": "hunter2", "dbname": "d"}', "secret.user: missing"),
        ('{"host": "h", "user": "u", "password": "hunter2"}', "secret.dbname: missing"),
        ('{"host": "h", "user": "u", "password": ["hunter2"], "dbname": "d"}', "secret.password: not text"),
        ('{"engine": "mysql", "host": "h", "user": "u", "dbname": "d"}', "secret.engine: 'mysql' is not PostgreSQL"),
        ("host=h user=u password=hunter2 dbname=d port=70000", "secret.port: '70000' is not a port"),
        ("host=h user=u dbname=d sslmod=require", "secret.sslmod: not a setting"),
        ("host=h user=u dbname=d password='hunter2", "secret: not key=value words after dbname"),
        ("postgresql://u:hunter2@h/d#x", "secret: has a # part"),
        ("postgresql://u:hunter2@h/d?sslmode", "secret: not a URL"),
        ('["hunter2"]', "secret: not key=value words"),
    ],
)
def test_what_is_wrong_is_named_and_never_the_password(content: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        read_login(content)
    assert error.value.message.startswith(said)
    assert "hunter2" not in error.value.message


def test_a_password_is_in_no_representation_and_no_argument() -> None:
    login = read_login(f"postgresql://shop:{ENCODED}@h/d")
    assert PASSWORD not in repr(login) + login.where + login.conninfo(application_name="x")


def test_the_text_of_an_authority_is_kept_apart_from_a_files_name() -> None:
    login = read_login(json.dumps({"host": "h", "user": "u", "dbname": "d", "sslrootcert": AUTHORITY}))
    assert (login.certificate, login.options) == (AUTHORITY + "\n", {})
    named = read_login("host=h user=u dbname=d sslrootcert=/etc/authority.pem")
    assert (named.certificate, named.options) == ("", {"sslrootcert": "/etc/authority.pem"})


def test_the_catalogs_database_stands_in_where_a_secret_names_none() -> None:
    assert read_login("postgresql://u@h", database="orders").database == "orders"
    assert read_login("postgresql://u@h/other", database="orders").database == "other"


LOGIN = Login("h", "5432", "u", "d", password="hunter2")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.InsufficientPrivilege("permission denied for table x"), PermanentError),
        (psycopg.errors.InvalidPassword("password authentication failed"), PermanentError),
        (psycopg.errors.InvalidCatalogName('database "d" does not exist'), PermanentError),
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), TransientError),
        (psycopg.errors.AdminShutdown("terminating connection"), TransientError),
        (psycopg.errors.SerializationFailure("conflict with recovery"), TransientError),
        (psycopg.errors.TooManyConnections("sorry, too many clients already"), TransientError),
        (psycopg.errors.UndefinedTable('relation "public.x" does not exist'), TransientError),
        (psycopg.errors.DataCorrupted("invalid page in block 0"), PermanentError),
        (psycopg.OperationalError('FATAL: password authentication failed for user "u"'), PermanentError),
        (psycopg.OperationalError('FATAL: database "d" does not exist'), PermanentError),
        (psycopg.OperationalError("connection refused"), TransientError),
        (psycopg.OperationalError("consuming input failed: server closed the connection"), TransientError),
        (psycopg.OperationalError("FATAL: the database system is starting up"), TransientError),
    ],
    ids=lambda one: one.__name__ if isinstance(one, type) else f"{type(one).__name__} {one}",
)
def test_an_error_says_whether_another_try_may_help(error: psycopg.Error, kind: type[Exception]) -> None:
    ours = as_ours(error, LOGIN)
    assert type(ours) is kind
    assert ours.message.startswith(f"u@h:5432/d: {error}")


def test_a_password_in_an_engines_message_is_struck_out() -> None:
    assert "hunter2" not in as_ours(psycopg.OperationalError("bad conninfo hunter2"), LOGIN).message


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (1, "pg_dump: error: query failed: ERROR:  permission denied for table x", PermanentError),
        (1, "pg_dump: error: aborting because of server version mismatch", PermanentError),
        (1, "pg_dump: error: Dumping the contents of table x failed: ERROR: invalid page in block 3", PermanentError),
        (1, "pg_dump: error: server closed the connection unexpectedly", TransientError),
        (1, "pg_dump: error: canceling statement due to lock timeout", TransientError),
        (1, "", TransientError),
        (-signal.SIGKILL, "", TransientError),
    ],
)
def test_a_failed_pg_dump_says_whether_another_try_may_help(status: int, said: str, kind: type[Exception]) -> None:
    error = failure(status, said, "u@h:5432/d")
    assert type(error) is kind
    assert said in error.message
    assert ("killed by signal 9 (SIGKILL)" in error.message) is (status < 0)


@pytest.mark.parametrize("password", ["s3@cr3t", "s3/cr3t", "s3?cr3t", "s3%cr3t", "100%", "%zz"])
def test_a_password_that_is_not_encoded_is_said_without_it(password: str) -> None:
    with pytest.raises(InvalidInputError, match="%40") as error:
        check_dsn(f"postgresql://shop:{password}@db.example:6432/orders")
    assert not any(part in error.value.message for part in (password, "s3", "cr3t", "100", "zz"))


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://shop:{ENCODED}@db.example.com:6432/orders?application_name=a@b",
        "postgresql://db.example:6432/orders?application_name=a@b:c",
        "postgresql://shop:p#w:x@db.example/orders",
        "postgres://[::1]:6432/orders",
        "postgresql:///orders?host=/run",
        "host=x password=a://b@c dbname=y",
        "",
    ],
)
def test_what_libpq_reads_as_it_is_meant_passes(dsn: str) -> None:
    conninfo_to_dict(dsn)
    check_dsn(dsn)


def test_another_systems_url_is_called_one() -> None:
    with pytest.raises(InvalidInputError, match=r"mysql:// is not PostgreSQL's") as error:
        check_dsn("mysql://shop:s3cr3t@db.example/orders")
    assert "s3cr3t" not in error.value.message


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("host=x password=s3 cr3t dbname=y", 'missing "=" in connection info string'),
        ("cr3t", 'missing "=" in connection info string'),
        ("host=x cr=1", 'invalid connection option "cr"'),
        ("postgresql://[::1]x:6/cr3t", "unexpected character"),
    ],
)
def test_what_libpq_cannot_read_is_not_repeated(dsn: str, said: str) -> None:
    with pytest.raises(psycopg.ProgrammingError) as error:
        conninfo_to_dict(dsn)
    assert said in without_values(str(error.value))
    assert "cr3t" not in without_values(str(error.value))
