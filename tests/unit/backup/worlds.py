"""One manifest, as of a small shop."""

from datetime import UTC, datetime

from opsloop.backup.model import Manifest, TableFacts

MANIFEST = Manifest(
    database="shop",
    taken_at=datetime(2026, 11, 21, 8, tzinfo=UTC),
    server_version="15.18",
    server_version_num=150018,
    encoding="UTF8",
    collation="C.UTF-8",
    extensions={"plpgsql": "1.0", "hstore": "1.8"},
    roles=("shop_owner",),
    schema_hashes={"tables": "3:a", "columns": "3:b", "constraints": "2:c", "indexes": "1:d", "grants": "1:e"},
    tables={
        "public.orders": TableFacts("table", 7, 7, "aa"),
        "public.big": TableFacts("table", 5000, 1000, "bb"),
        "public.view": TableFacts("materialized_view", None),
    },
    sequences={"public.orders_id_seq": (7, True), "public.new_seq": (1, False)},
    large_objects={"count": 2, "bytes": 10, "hash": "cc"},
    invalid=("public.orders.old_check",),
    size_bytes=100,
    wal_lsn="0/1",
    timeline=1,
    objects={
        "tables": {"public.orders": "table", "public.big": "table", "public.x": "table"},
        "columns": {"public.orders.id": "bigint", "public.big.id": "bigint", "public.big.v": "text"},
        "constraints": {"public.orders.orders_pkey": "PRIMARY KEY (id)", "public.big.big_pkey": "PRIMARY KEY (id)"},
        "indexes": {"public.orders.orders_pkey": "CREATE INDEX"},
        "grants": {"public.orders": "reader=SELECT"},
    },
)
