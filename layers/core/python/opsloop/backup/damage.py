"""What can be wrong with a dump, made on purpose: each way, what the verifier must say of it, and how it is made.

Damage to the bytes is done to a sound dump. The rest is done to the database itself, of which another dump is made and
put beside the first one's manifest, with only size and checksum made to fit: as if the dump had lost it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from opsloop.backup.contents import read_contents
from opsloop.backup.model import Cause, Format, Manifest, Reason, Verdict
from opsloop.backup.wanted import Limits, Wanted
from opsloop.catalog import Assertion
from opsloop.dataclass import dataclass, replace

DATABASE, OTHER = "drill_shop", "drill_other"
FRESH = timedelta(minutes=1)  # how old a specimen is when it is verified, unless it is to be stale
MAX_AGE = timedelta(days=1)
TRUE = Assertion("every line is of an order", "SELECT NOT EXISTS (SELECT FROM shop.lines WHERE order_id IS NULL)")
FALSE = Assertion("there are a million orders", "SELECT count(*) >= 1000000 FROM shop.orders")
_FIRST, _DATA_BLOCK = b"PGDMP", 1


@dataclass(frozen=True)
class Control:
    """One specimen that is made each night, and what must come of it."""

    name: str
    about: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


def _bad(name: str, about: str, *reasons: Reason) -> Control:
    return Control(name, about, Verdict.FAILED, reasons)


CONTROLS = (
    Control("sound", "a sound dump with its manifest", Verdict.PROVEN),
    Control("sound_alone", "a sound dump, as if made elsewhere: without a manifest", Verdict.RESTORABLE),
    _bad("truncated", "the last third is missing", Reason.TRUNCATED),
    _bad("truncated_alone", "the last third is missing, and there is no manifest", Reason.TRUNCATED),
    _bad("truncated_plain", "plain text that ends between two lines, without a manifest", Reason.TRUNCATED),
    _bad("bit_flipped", "one bit of one table's rows is another", Reason.CHECKSUM_MISMATCH),
    _bad("bit_flipped_alone", "one bit of one table's rows is another, and there is no manifest", Reason.CORRUPT),
    _bad("stale", "the dump of three days ago, where one a day is due", Reason.STALE),
    _bad("empty", "a file with nothing in it", Reason.EMPTY),
    _bad("not_a_dump", "the page of a proxy that refused", Reason.NOT_A_DUMP),
    _bad("other_database", "a sound dump of another database, with its own manifest", Reason.WRONG_DATABASE),
    _bad("version_too_new", "an archive of a format that is yet to come", Reason.VERSION_TOO_NEW),
    _bad("meta_command", "plain text with a command for psql's shell in it", Reason.RESTORE_ERROR),
    _bad("missing_table", "a table is missing", Reason.MISSING_TABLE),
    _bad("fewer_rows", "three rows of a table are missing", Reason.ROW_COUNT_MISMATCH),
    _bad("no_rows", "every table is there, and empty", Reason.ROW_COUNT_MISMATCH),
    _bad("changed_row", "one value of one row is another", Reason.ROW_SAMPLE_MISMATCH),
    _bad("changed_schema", "a constraint is missing", Reason.SCHEMA_MISMATCH),
    _bad("changed_function", "a trigger's function does something else", Reason.SCHEMA_MISMATCH),
    _bad("sequence_set_back", "a sequence would give numbers again", Reason.SEQUENCE_MISMATCH),
    _bad("large_object_lost", "a large object is missing", Reason.ROW_COUNT_MISMATCH),
    _bad("missing_extension", "an extension that nobody here has", Reason.MISSING_EXTENSION),
    _bad("assertion_failed", "a sound dump of which the team's assertion is not true", Reason.ASSERTION_FAILED),
)

# control -> what is done to a copy of the database before it is dumped
DONE_TO_DATABASE: Mapping[str, str] = {
    "missing_table": "DROP TABLE shop.payments",
    "fewer_rows": "DELETE FROM shop.lines WHERE (order_id, place) IN (SELECT order_id, place FROM shop.lines"
    " ORDER BY order_id DESC, place DESC LIMIT 3)",
    "no_rows": "TRUNCATE shop.customers, shop.orders, shop.lines, shop.payments, shop.visits",
    "changed_row": "UPDATE shop.orders SET total_cents = total_cents + 1 WHERE id = (SELECT max(id) FROM shop.orders)",
    "changed_schema": "ALTER TABLE shop.orders DROP CONSTRAINT a_total_is_not_negative",
    "changed_function": "CREATE OR REPLACE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql"
    " AS $$BEGIN RETURN NULL; END$$",
    "sequence_set_back": "SELECT setval('shop.invoice_numbers', 7)",
    "large_object_lost": "SELECT lo_unlink(max(oid)) FROM pg_largeobject_metadata",
}

SAMPLE = """
CREATE SCHEMA shop;
CREATE EXTENSION pg_trgm SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('open', 'paid', 'sent');
CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN NEW.changed_at := now(); RETURN NEW; END$$;
CREATE TABLE shop.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mail text UNIQUE,
    about jsonb NOT NULL DEFAULT '{}');
CREATE TABLE shop.orders (
    id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES shop.customers,
    state shop.state NOT NULL, total_cents bigint CONSTRAINT a_total_is_not_negative CHECK (total_cents >= 0),
    changed_at timestamptz);
CREATE TABLE shop.lines (
    order_id bigint REFERENCES shop.orders, place int, what text NOT NULL, cents numeric(12, 2),
    PRIMARY KEY (order_id, place));
CREATE TABLE shop.payments (id uuid PRIMARY KEY, order_id bigint REFERENCES shop.orders, receipt bytea);
CREATE TABLE shop.visits (at timestamptz NOT NULL, path text) PARTITION BY RANGE (at);
CREATE TABLE shop.visits_2026 PARTITION OF shop.visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.visits_other PARTITION OF shop.visits DEFAULT;
CREATE SEQUENCE shop.invoice_numbers START 1000;
CREATE TABLE shop."What's left?" ("the key" int PRIMARY KEY, "a ""quoted"" word" text);
INSERT INTO shop.customers (name, mail, about) SELECT 'Customer ' || n, 'c' || n || '@example.com',
    jsonb_build_object('visits', n % 17) FROM generate_series(1, 400) n;
INSERT INTO shop.orders (customer_id, state, total_cents, changed_at) SELECT 1 + n % 400,
    (ARRAY['open', 'paid', 'sent'])[1 + n % 3]::shop.state, n * 37 % 9973,
    timestamptz '2026-01-01 00:00Z' + n * interval '1 minute' FROM generate_series(1, 2000) n;
INSERT INTO shop.lines SELECT 1 + n % 2000, n / 2000, md5(n::text), n / 7.0 FROM generate_series(0, 5999) n;
INSERT INTO shop.payments SELECT md5(n::text)::uuid, n, decode(md5(n::text), 'hex') FROM generate_series(1, 600) n;
INSERT INTO shop.visits SELECT timestamptz '2025-12-01 00:00Z' + n * interval '1 hour', '/' || n % 40
    FROM generate_series(1, 1500) n;
INSERT INTO shop."What's left?" VALUES (1, 'nothing'), (2, NULL);
CREATE INDEX customers_by_name ON shop.customers USING gin (name shop.gin_trgm_ops);
CREATE INDEX orders_by_customer ON shop.orders (customer_id) WHERE state <> 'sent';
CREATE MATERIALIZED VIEW shop.sales AS SELECT customer_id, sum(total_cents) AS cents FROM shop.orders GROUP BY 1;
CREATE TRIGGER stamped BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.stamp();
SELECT nextval('shop.invoice_numbers') FROM generate_series(1, 50);
SELECT lo_from_bytea(0, decode(md5(n::text), 'hex')) FROM generate_series(1, 3) n;
"""
"""A small shop with what a dump must not lose: keys of every kind, an enum, a trigger, partitions, large objects."""


@dataclass(frozen=True)
class Specimen:
    """One dump that a control is tried with. ``trouble`` says why it could not be made; the rest is empty then."""

    name: str
    path: Path
    manifest: Manifest | None = None
    now: datetime | None = None
    assertions: tuple[Assertion, ...] = (TRUE,)
    trouble: str = ""


def wanted(specimen: Specimen, drill_id: str, now: datetime, limits: Limits) -> Wanted:
    """Return what a specimen should be: a dump of ``DATABASE``, not older than a day."""
    return Wanted(
        database="drill",
        now=specimen.now or now,
        source_name=DATABASE,
        assertions=specimen.assertions,
        max_age_s=MAX_AGE.total_seconds(),
        cause=Cause.DRILL,
        limits=limits,
        where="drill",
        verification_id=f"{drill_id}.{specimen.name}",
        dump_id=f"drill/{specimen.name}",
    )


def paired(lost: Manifest, sound: Manifest) -> Manifest:
    """Return the manifest of the sound dump with size and checksum of the one that lost something."""
    return replace(sound, dump_bytes=lost.dump_bytes, sha256=lost.sha256, dump_format=lost.dump_format)


def damaged(name: str, sound: bytes, plain: bytes) -> bytes:
    """Return the bytes of a control whose damage is done to them; ``plain`` is the sound dump as text."""
    if name.startswith("truncated_plain"):
        return plain[: plain.rindex(b"\n", 0, len(plain) * 2 // 3) + 1]
    if name.startswith("truncated"):
        return sound[: len(sound) * 2 // 3]
    if name.startswith("bit_flipped"):
        return flipped(sound)
    if name == "empty":
        return b""
    if name == "not_a_dump":
        return b"<html><head><title>403 Forbidden</title></head><body>The proxy says no.</body></html>\n" * 40
    if name == "version_too_new":
        return _FIRST + bytes([sound[5], sound[6] + 50]) + sound[7:]
    if name == "meta_command":
        return plain.replace(b"\nCREATE SCHEMA", b"\n\\! touch drill\nCREATE SCHEMA", 1)
    raise ValueError(name)


def flipped(archive: bytes) -> bytes:
    """Return a custom archive with one bit changed, in the middle of the largest chunk of rows.

    Neither a length nor padding is hit, whatever pg_dump writes that night: the change is in what is compressed.
    """
    contents = read_contents(BytesIO(archive))
    width = 1 + contents.header.integer_bytes
    at, largest = contents.end, (0, 0)
    while at < len(archive) and archive[at] == _DATA_BLOCK:
        at += 1 + width
        while size := int.from_bytes(archive[at + 1 : at + width], "little"):
            largest = max(largest, (size, at + width))
            at += width + size
        at += width
    size, start = largest
    place = start + size // 2
    return archive[:place] + bytes([archive[place] ^ 0x10]) + archive[place + 1 :]


def format_of(name: str) -> Format:
    """Return how the specimen of a control is written."""
    return Format.SQL if name in ("truncated_plain", "meta_command") else Format.CUSTOM
