"""Databases with about everything that a PostgreSQL database can have, as SQL, for tests of dumps and restores.

``corpus()`` is all of it, ``corpus("types", "views")`` some. ``ROLES`` is for the server, once, before it. The parts
``xml`` and ``icu`` need a server that was built with these; ``EXTENSIONS`` names what the others create.
"""

EXTENSIONS = ("btree_gist", "citext", "hstore", "pg_trgm")
WITHOUT_WHEEL = frozenset({"xml", "icu"})  # the server of the wheel was built without

CORPUS_ROLES = ("corpus_owner", "corpus_reader", 'Corpus "odd" role')
ROLES = """
DO $$ DECLARE one text; BEGIN
  FOREACH one IN ARRAY ARRAY['corpus_owner', 'corpus_reader', 'Corpus "odd" role'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN EXECUTE format('CREATE ROLE %I', one); END IF;
  END LOOP;
END $$;
"""

PARTS: dict[str, str] = {}

PARTS["types"] = r"""
CREATE TABLE every_type (
  id bigint PRIMARY KEY, small smallint, whole integer, big bigint, exact numeric, money_like numeric(20, 4),
  single real, twice double precision, cash money, text_ text, var_ varchar(20), fixed char(5), name_ name, flag
  boolean,
  bytes_ bytea, day date, at_ time, at_zone timetz, moment timestamp, moment_zone timestamptz(3), span interval,
  bits bit(5), varbits bit varying(9), ip inet, net cidr, mac macaddr, mac8 macaddr8, ident uuid, doc json, docb jsonb,
  path_ jsonpath, words tsvector, search tsquery, spot point, line_ line, seg lseg, box_ box, way path, poly polygon,
  round circle, ints int4range, multi int4multirange, nums numrange, times tstzrange, list integer[],
  matrix text[][], docs jsonb[], lsn pg_lsn, number oid, reg regclass, snapshot pg_snapshot, letter "char");
INSERT INTO every_type SELECT i, i, i * 7, i::bigint << 40, (i::numeric / 3) ^ 5, i * 1.1, 1.0 / (i + 1), sqrt(i), i *
  1.5,
  'line ' || i || E'\n\ttab \\ back ''quote'' é 漢 😀', 'v' || i, 'c' || i, 'n' || i, i % 2 = 0, decode(md5(i::text),
  'hex'),
  date '2024-02-29' + i, time '23:59:59.999999', timetz '12:00+05:30', timestamp '1999-12-31 23:59:59' + i * interval
  '1 h',
  timestamptz '2024-03-31 01:30+00' + i * interval '1 day 3 h', i * interval '1 mon 2 days 03:04:05.678',
  (i % 32)::bit(5), ('101' || i::bit(3)::text)::varbit, ('10.0.0.' || i)::inet, '192.168.0.0/16', '08:00:2b:01:02:03',
  '08:00:2b:01:02:03:04:05', md5(i::text)::uuid, '{"b":1, "a": [1,2 , null]}', '{"b": 1, "a": [1, 2, null]}',
  '$.a[*] ? (@ > 1)',
  to_tsvector('simple', 'the quick fox ' || i), 'quick & !slow'::tsquery, point(i, 0.1), '{1,2,3}', '[(0,0),(1,1)]',
  '(1,1),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(0,0),5>', int4range(i, i + 5), '{[1,3),[5,7)}',
  numrange(i, NULL, '(]'), tstzrange('2024-01-01', '2024-02-01'), ARRAY[i, NULL, 3], '{{a,"b c"},{NULL,"d\"e"}}',
  ARRAY['{"a": 1}'::jsonb], '16/B374D848', i, 'pg_class'::regclass, '10:20:10,14,15', 'x'
  FROM generate_series(1, 40) i;
INSERT INTO every_type (id) VALUES (0);
INSERT INTO every_type (id, exact, single, twice, moment, moment_zone, day, text_, ints, list, docb) VALUES
  (-1, 'NaN', 'NaN', 'Infinity', 'infinity', '-infinity', 'infinity', '', 'empty', '{}', 'null'),
  (-2, '-Infinity', '-Infinity', '-0', '4713-01-01 BC', '294276-12-31', '4713-01-01 BC', '\N', '(,)', '[0:1]={7,8}',
  '""'),
  (-3, 1e-100, 1e-40, 5e-324, NULL, NULL, NULL, E'\\.', NULL, NULL, '1e1000');
"""

PARTS["own_types"] = r"""
CREATE TYPE mood AS ENUM ('happy', 'sad', 'ok', 'so so');
CREATE TYPE spot AS (x integer, "Y axis" numeric(8, 2), label text COLLATE "C");
CREATE DOMAIN positive AS integer CHECK (VALUE > 0) CONSTRAINT small_ CHECK (VALUE < 1000) DEFAULT 7;
CREATE DOMAIN code AS text COLLATE "C" NOT NULL CHECK (VALUE ~ '^[A-Z]{3}$');
CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TYPE "Mixed.Case" AS ENUM ('a''b', 'c"d');
CREATE TABLE own_types (id integer PRIMARY KEY, m mood DEFAULT 'ok', s spot, p positive, c code DEFAULT 'ABC', r
  float_range,
  moods mood[], spots spot[], mixed "Mixed.Case");
INSERT INTO own_types SELECT i, (ARRAY['sad', 'so so', 'ok', 'happy'])[i % 4 + 1]::mood, ROW(i, i / 3.0,
  'l, "' || i)::spot, i,
  'XYZ', float_range(i, i + 0.5), ARRAY['sad', 'ok']::mood[], ARRAY[ROW(1, 2, NULL)::spot], 'a''b'
  FROM generate_series(1, 20) i;
"""

PARTS["partitions"] = r"""
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, kind text, amount numeric,
  UNIQUE (id, day, kind)) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
CREATE TABLE events_2024_a PARTITION OF events_2024 FOR VALUES IN ('a', 'b');
CREATE TABLE events_2024_rest PARTITION OF events_2024 DEFAULT;
CREATE TABLE events_2025 (amount numeric, kind text, day date NOT NULL, id bigint NOT NULL);
ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
CREATE INDEX events_kind ON events (kind) INCLUDE (amount);
INSERT INTO events (day, kind, amount) SELECT date '2024-01-01' + i * 3, substr('abcd', i % 4 + 1, 1), i / 7.0
  FROM generate_series(0, 200) i;
CREATE TABLE hashed (id integer PRIMARY KEY, note text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT i, 'n' || i FROM generate_series(1, 100) i;
CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE TABLE by_colour (c colour, n integer) PARTITION BY HASH (c);
CREATE TABLE by_colour_0 PARTITION OF by_colour FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_colour_1 PARTITION OF by_colour FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_colour SELECT (ARRAY['red', 'green', 'blue'])[i % 3 + 1]::colour, i FROM generate_series(1, 30) i;
CREATE TABLE pays (id integer PRIMARY KEY, hash_id integer REFERENCES hashed (id) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO pays SELECT i, i FROM generate_series(1, 10) i;
"""

PARTS["generated"] = r"""
CREATE TABLE computed (id integer GENERATED BY DEFAULT AS IDENTITY (START 100 INCREMENT 5 CACHE 3) PRIMARY KEY,
  net numeric(10, 2) NOT NULL, gross numeric(12, 2) GENERATED ALWAYS AS (round(net * 1.19, 2)) STORED,
  label text GENERATED ALWAYS AS (lower(note)) STORED, note varchar(30) DEFAULT 'N/A'::varchar, serial_ serial,
  made_at timestamptz DEFAULT CURRENT_TIMESTAMP, expires date DEFAULT (now() + interval '1 day')::date);
INSERT INTO computed (net, note) SELECT i * 1.01, 'Note ' || i FROM generate_series(1, 50) i;
CREATE SEQUENCE going_down INCREMENT -3 START -1 MAXVALUE -1 MINVALUE -1000 CACHE 5 CYCLE;
SELECT nextval('going_down') FROM generate_series(1, 4);
CREATE SEQUENCE untouched START 42; CREATE SEQUENCE set_aside; SELECT setval('set_aside', 77, false);
CREATE UNLOGGED TABLE scratch (id integer, v text); INSERT INTO scratch SELECT i % 5, 'same' FROM generate_series(1,
  30) i;
CREATE TABLE nothing_in_it (); CREATE TABLE no_rows (id integer PRIMARY KEY);
CREATE TABLE dropped_column (a integer, b text, c integer); INSERT INTO dropped_column VALUES (1, 'gone', 3);
ALTER TABLE dropped_column DROP COLUMN b; ALTER TABLE dropped_column ADD COLUMN d text DEFAULT 'later';
"""

PARTS["views"] = r"""
CREATE TABLE people (id integer PRIMARY KEY, name varchar(40) NOT NULL, boss integer REFERENCES people (id), born date,
  status varchar(10) DEFAULT 'new' CHECK (status IN ('new', 'old', 'gone')), tags text[]);
INSERT INTO people SELECT i, 'P' || i, nullif(i / 2, 0), date '1980-01-01' + i * 100, 'old', ARRAY['x', 'y' || i]
  FROM generate_series(1, 30) i;
CREATE VIEW everybody AS SELECT * FROM people;
CREATE VIEW adults WITH (security_barrier) AS SELECT p.id, upper(p.name) AS "Name", extract(year FROM p.born) AS year
  FROM people p WHERE p.status IN ('new', 'old') AND p.born < CURRENT_DATE - interval '18 years' WITH LOCAL CHECK
  OPTION;
CREATE VIEW teams AS SELECT b.name, count(*) AS size, array_agg(p.id ORDER BY p.name DESC) FILTER (WHERE p.id > 3) AS
  ids
  FROM people p JOIN people b ON b.id = p.boss GROUP BY b.name HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 5;
CREATE VIEW grouped AS SELECT status, count(*) AS n FROM people GROUP BY status;
CREATE VIEW cubed AS SELECT status, born, count(*) FROM people GROUP BY GROUPING SETS ((status, born), (status), ());
CREATE VIEW bosses AS SELECT id, name FROM people q WHERE EXISTS (SELECT 1 FROM people WHERE people.boss = q.id);
CREATE VIEW chain AS WITH RECURSIVE up AS (SELECT id, boss, 0 AS depth FROM people WHERE boss IS NULL
  UNION ALL SELECT p.id, p.boss, up.depth + 1 FROM people p JOIN up ON up.id = p.boss) SELECT id, depth FROM up;
CREATE VIEW two AS SELECT id FROM people WHERE id < 3 UNION SELECT boss FROM people EXCEPT SELECT 7 ORDER BY 1;
CREATE VIEW ranked AS SELECT name, rank() OVER w AS place, lag(name) OVER (ORDER BY born ROWS 2 PRECEDING) FROM people
  WINDOW w AS (PARTITION BY status ORDER BY born);
CREATE VIEW odd_sources AS SELECT g.n, v.a, s.x FROM generate_series(1, 3) g(n), (VALUES (1, 'a'), (2, 'b')) v(a, b),
  LATERAL (SELECT g.n + v.a AS x) s WHERE CASE WHEN g.n > 1 THEN true ELSE NULL END;
CREATE VIEW numbers AS SELECT g.n FROM generate_series(1, 3) g(n) WHERE g.n BETWEEN 1 AND 2;
CREATE VIEW constants AS SELECT 'x'::varchar(3) AS a, 1.50 AS b, -1 AS c, NULL::text AS d, interval '1 day' AS e,
  E'back\\slash ''q''' AS f, ROW(1, 'a') = ROW(1, 'a') AS g, ARRAY[1, 2] AS h, '2024-01-01'::date AS i, B'101' AS j;
CREATE VIEW outer_joined AS SELECT p.name, b.name AS boss_name, COALESCE(b.id, 0) AS n FROM people p
  LEFT JOIN people b ON p.boss = b.id AND b.status NOT IN ('gone', 'new') FULL JOIN people c ON c.id = p.id;
CREATE MATERIALIZED VIEW by_status AS SELECT status, count(*) FROM people GROUP BY status;
CREATE UNIQUE INDEX by_status_key ON by_status (status);
CREATE MATERIALIZED VIEW not_yet AS SELECT name FROM everybody WITH NO DATA;
CREATE MATERIALIZED VIEW on_it AS SELECT count FROM by_status;
UPDATE people SET status = 'gone' WHERE id = 1;
"""

PARTS["rewritten"] = r"""
CREATE SCHEMA tricky; SET search_path = tricky, public;
CREATE TABLE a (id int PRIMARY KEY, s varchar(10), c char(3), n numeric(8, 2), t text, d date, ts timestamptz, v
  varchar(5)[],
  e float8, j jsonb, b boolean, CHECK (s IN ('a', 'b')), CHECK (s NOT IN ('x', 'y') OR n = ANY (ARRAY[1, 2, 3.5])),
  CHECK (c IN ('abc', 'def')), CHECK (v <@ ARRAY['a', 'b']::varchar[]), CHECK (s::text = ANY (ARRAY['q', 'r']::text[])),
  CHECK (coalesce(s, 'z') BETWEEN 'a' AND 'z'), CHECK ((s, t) <> ('a', 'b')), CHECK (lower(s) IN ('a', 'b')),
  CHECK (s IN ('only')), CHECK (d > '2000-01-01'), CHECK (ts > '2000-01-01 00:00:00+00'), CHECK (s ~ '^[a-z''"\\]+$'),
  CHECK (e IN (1, 2.5)), CHECK (s SIMILAR TO 'a%'), CHECK (t IS DISTINCT FROM s), CHECK (s LIKE ANY (ARRAY['a%',
  'b%'])),
  CHECK (b IS NOT TRUE), CHECK (j ? 'k' AND j ->> 'k' IN ('m', 'n')));
CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a, s varchar DEFAULT 'x', v varchar[] DEFAULT ARRAY['a', 'b'],
  w varchar(3)[] DEFAULT '{a,b}', iv interval DEFAULT '1 day', ts timestamp DEFAULT now() - interval '3 hours',
  n numeric DEFAULT 0, big bigint DEFAULT -1, c "char" DEFAULT 'x', u text DEFAULT current_user,
  g text GENERATED ALWAYS AS (CASE WHEN s IN ('x', 'y') THEN 'in' ELSE s END) STORED);
CREATE INDEX ON b (s) WHERE s IN ('x', 'y') AND a_id IS NOT NULL; CREATE INDEX ON a ((n * 2), (s || 'x'));
CREATE INDEX ON a (date_trunc('day', ts AT TIME ZONE 'UTC')); CREATE STATISTICS st ON (lower(s)), (n * 2) FROM a;
CREATE VIEW v1 AS SELECT a.*, b.s AS bs FROM a JOIN b ON b.a_id = a.id WHERE a.s IN ('a', 'b') AND b.s NOT IN ('q');
CREATE VIEW v2 AS SELECT id, a.s, b.v FROM a JOIN b USING (id) WHERE a.s = ANY ('{a,b}'::varchar[]);
CREATE VIEW v3 AS SELECT x.id, (SELECT max(b.id) FROM b WHERE b.a_id = x.id AND b.s IN ('m', 'n')) AS mx
  FROM (SELECT * FROM a WHERE s IN ('p', 'q')) x;
CREATE VIEW v4 AS SELECT a.id AS "ID", count(*) OVER (PARTITION BY a.s) FROM a WHERE EXISTS (SELECT FROM b WHERE
  b.a_id = a.id)
  ORDER BY a.s DESC NULLS LAST, 1 LIMIT 10 OFFSET 2;
CREATE VIEW v5 AS SELECT DISTINCT ON (s) s, id FROM a ORDER BY s, id DESC;
CREATE VIEW v6 AS SELECT s, sum(n) FILTER (WHERE b) AS t, grouping(s), string_agg(t, ',' ORDER BY t) FROM a GROUP BY
  ROLLUP (s)
  HAVING sum(n) > 5;
CREATE VIEW v7 AS WITH q AS MATERIALIZED (SELECT id, s FROM a), r AS (SELECT id FROM b) SELECT q.s, r.id FROM q, r
  WHERE q.id = r.id;
CREATE VIEW v8 AS SELECT id FROM a UNION ALL SELECT id FROM b UNION (SELECT 3 EXCEPT SELECT 4) ORDER BY 1;
CREATE VIEW v9 AS SELECT el.value ->> 'x' AS x FROM a, jsonb_array_elements(a.j) el WHERE a.id IN (SELECT id FROM b);
CREATE VIEW v10 AS SELECT row_number() OVER () AS rn, a FROM a; CREATE VIEW v11 AS TABLE a; CREATE VIEW v12(x, y) AS
  SELECT id, s FROM a aa; CREATE VIEW v13 AS SELECT id FROM a AS "A b" WHERE "A b".s = 'x' OR "A b".b;
CREATE VIEW v14 AS SELECT id, CASE s WHEN 'a' THEN 1 WHEN 'b' THEN 2 END AS k, nullif(s, 'x'), greatest(id, 2), s
  COLLATE "C"
  FROM a; CREATE VIEW v15 AS SELECT extract(epoch FROM ts) AS e, ts AT TIME ZONE 'UTC' AS z, substring(t FROM 1 FOR 2)
  AS u,
  trim(both 'x' FROM t) AS w, position('a' IN t) AS y, overlay(t PLACING 'x' FROM 1) AS q FROM a;
CREATE VIEW v16 AS SELECT a1.id FROM a a1 LEFT JOIN LATERAL (SELECT b.s FROM b WHERE b.a_id = a1.id LIMIT 1) l ON true
  CROSS JOIN generate_series(1, 2) WITH ORDINALITY AS gs(v, o);
CREATE VIEW v17 AS SELECT id FROM a WHERE s IN (SELECT s FROM b) AND (id, s) IN (SELECT id, s FROM b) AND NOT (s = 'x')
  AND id = ANY (ARRAY(SELECT id FROM b)) FOR UPDATE OF a;
CREATE VIEW v18 AS SELECT id FROM a TABLESAMPLE BERNOULLI (50) REPEATABLE (3);
CREATE VIEW v19 AS SELECT current_date d1, localtimestamp d2, current_setting('x', true) d3, 'infinity'::date d4,
  E'\n\t\\' d5, 1e10 d6, -5::smallint d7, 'x'::char(3) d8, null d9, - id d10, 1.0::real d11, x'ff' d12,
  ARRAY[['a', 'b']]::varchar[] d13, ARRAY[ARRAY['a'::varchar, 'b']] d14, (ARRAY['a', 'b', 'c']::varchar[])[1:2] d15
  FROM a;
CREATE VIEW v20 AS SELECT json_build_object('a', id) AS o, array_agg(s) OVER w AS g FROM a
  WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES);
CREATE VIEW v21 AS SELECT id, s FROM ONLY a WHERE s > ALL (ARRAY['a', 'b']); CREATE VIEW v22 AS SELECT a.s FROM a, b
  WHERE a.s = b.s; CREATE VIEW v23 AS SELECT t.id FROM b t WHERE t.v && ARRAY['a']::varchar[] AND 'x' = ANY (t.v)
  AND t.v[1:2] = ARRAY['a', 'b']::varchar[] AND t.s IN ('a', lower('B'), t.v[1]);
CREATE VIEW v24 AS SELECT a.id FROM a WHERE s IN ('a'::varchar(3), 'b'::varchar(3)) AND (s IN ('a', 'b') OR
  (s IN ('c', 'd') AND s IN ('e', 'f')));
CREATE VIEW v25 AS SELECT count(DISTINCT s), percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM a;
CREATE VIEW v26 AS SELECT t.* FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a', 'b'])) WITH ORDINALITY t(a, b,
  c);
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE UPDATE ON a FOR EACH ROW WHEN (NEW.s IN ('a', 'b') AND OLD.* IS DISTINCT FROM NEW.*)
  EXECUTE FUNCTION trg();
CREATE TRIGGER tr2 AFTER INSERT ON b REFERENCING NEW TABLE AS nt FOR EACH STATEMENT EXECUTE FUNCTION trg();
CREATE RULE ru AS ON UPDATE TO b WHERE NEW.s IN ('a', 'b') DO ALSO INSERT INTO a (id, s)
  SELECT NEW.id, x.s FROM a x WHERE x.s IN ('a', 'b');
CREATE RULE ru2 AS ON INSERT TO v22 DO INSTEAD (INSERT INTO a (id, s) VALUES (1, NEW.s);
  UPDATE b SET s = NEW.s WHERE b.s IN ('c', 'd') RETURNING b.s);
CREATE POLICY p ON a USING (s IN ('a', 'b') AND EXISTS (SELECT FROM b WHERE b.a_id = a.id AND b.s IN ('x', 'y')));
ALTER TABLE a FORCE ROW LEVEL SECURITY, ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION sq(x varchar) RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC SELECT id FROM a WHERE s = x AND s IN ('a',
  'b');
  SELECT a.id FROM a JOIN b ON a.id = b.a_id; END;
CREATE TABLE p (k varchar(5), d timestamptz, n numeric) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN ('a', 'b', NULL); CREATE TABLE p2 PARTITION OF p DEFAULT PARTITION BY
  RANGE (d, n);
CREATE TABLE p3 PARTITION OF p2 FOR VALUES FROM ('2024-01-01 00:00+02', MINVALUE) TO ('2025-01-01', 5.5);
CREATE TABLE pe (k text, n int) PARTITION BY RANGE (lower(k), (n + 1));
CREATE TABLE pe1 PARTITION OF pe FOR VALUES FROM ('a', 1) TO ('b', 2);
CREATE DOMAIN dm AS varchar(5) CHECK (VALUE IN ('a', 'b')) DEFAULT 'a'; CREATE TABLE uses (x dm[], y dm DEFAULT 'b');
ALTER TABLE uses ADD CHECK (y IN ('a', 'b')); CREATE TABLE like_t (LIKE a INCLUDING ALL);
CREATE TABLE inh () INHERITS (b); ALTER TABLE inh ADD COLUMN zz int;
ALTER TABLE b ADD COLUMN later varchar(3) DEFAULT 'q' CHECK (later IN ('q', 'r'));
RESET search_path;
"""

PARTS["constraints"] = r"""
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE rooms (id integer PRIMARY KEY, room integer NOT NULL, during tstzrange NOT NULL, price numeric, kind
  varchar(9),
  CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (price > 0) DEFERRABLE,
  CONSTRAINT fair CHECK (price > 0 AND (price < 100 OR kind = 'suite')) NO INHERIT, UNIQUE (room, during) DEFERRABLE,
  CHECK (kind IN ('single', 'double', 'suite') AND kind <> ALL (ARRAY['x', 'y'])));
INSERT INTO rooms SELECT i, i % 3, tstzrange('2024-01-01'::timestamptz + i * interval '1 day', '2024-01-01'::timestamptz
  + (i + 1) * interval '1 day'), i + 1, 'single' FROM generate_series(1, 20) i;
ALTER TABLE rooms ADD CONSTRAINT not_checked CHECK (price < 5) NOT VALID;
CREATE TABLE bookings (room_id integer, CONSTRAINT to_room FOREIGN KEY (room_id) REFERENCES rooms ON DELETE SET NULL
  ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO bookings SELECT i % 7 + 1 FROM generate_series(1, 30) i;
CREATE TABLE strays (room_id integer); INSERT INTO strays VALUES (999);
ALTER TABLE strays ADD FOREIGN KEY (room_id) REFERENCES rooms NOT VALID;
CREATE INDEX rooms_expression ON rooms ((price * 2) DESC NULLS LAST, lower(kind) varchar_pattern_ops) WHERE kind IN
  ('a', 'b');
CREATE INDEX rooms_cover ON rooms USING btree (room) INCLUDE (price, kind) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rooms_partial ON rooms (id) WHERE price IS NOT NULL; CREATE INDEX rooms_brin ON rooms USING brin
  (id);
CREATE INDEX rooms_hash ON rooms USING hash (kind); ALTER TABLE rooms CLUSTER ON rooms_cover;
CREATE STATISTICS rooms_stats (dependencies, mcv) ON room, kind FROM rooms; ALTER TABLE rooms ALTER kind SET
  STATISTICS 500;
ALTER TABLE rooms ALTER kind SET STORAGE EXTERNAL; ALTER TABLE rooms SET (autovacuum_enabled = off, fillfactor = 90);
CREATE TABLE base (id integer PRIMARY KEY, a text CHECK (a <> '')); CREATE TABLE child (b integer) INHERITS (base);
ALTER TABLE base ADD COLUMN later integer DEFAULT 5; CREATE TABLE grandchild (c text) INHERITS (child);
INSERT INTO base VALUES (1, 'x'); INSERT INTO child (id, a, b) VALUES (1, 'y', 2), (2, 'z', 3);
INSERT INTO grandchild (id, a) VALUES (9, 'g'); CREATE TABLE replica (id integer NOT NULL, UNIQUE (id));
ALTER TABLE replica REPLICA IDENTITY USING INDEX replica_id_key;
"""

PARTS["code"] = r"""
CREATE FUNCTION add_one(n integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
  'SELECT n + 1';
CREATE FUNCTION add_one(n text, VARIADIC rest integer[]) RETURNS text LANGUAGE plpgsql SECURITY DEFINER COST 5
  SET search_path = pg_catalog AS $_$ BEGIN RETURN n || $$ 'x' $$; END $_$;
CREATE FUNCTION modern(a integer, OUT b integer, OUT c text) RETURNS SETOF record LANGUAGE sql ROWS 7
  BEGIN ATOMIC SELECT a + 1, 'x'::text; END;
CREATE PROCEDURE do_it(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE FUNCTION same(a integer, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT a::text = b';
CREATE OPERATOR === (FUNCTION = same, LEFTARG = integer, RIGHTARG = text);
CREATE TABLE audited (id integer PRIMARY KEY, v text, changed integer DEFAULT add_one(1));
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := add_one(NEW.changed); RETURN NEW;
  END $$;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF v ON audited FOR EACH ROW WHEN (NEW.v IS DISTINCT FROM 'skip')
  EXECUTE FUNCTION touch();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON audited DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION
  touch();
ALTER TABLE audited DISABLE TRIGGER late;
INSERT INTO audited SELECT i, 'v' || i FROM generate_series(1, 10) i;
CREATE RULE no_delete AS ON DELETE TO audited WHERE OLD.id < 3 DO INSTEAD NOTHING;
CREATE RULE copy AS ON INSERT TO audited DO ALSO UPDATE audited SET v = NEW.v WHERE audited.id = NEW.id AND NEW.id >
  100;
CREATE TABLE guarded (id integer PRIMARY KEY, owner_name text, n integer); ALTER TABLE guarded ENABLE ROW LEVEL
  SECURITY;
INSERT INTO guarded SELECT i, 'corpus_reader', i FROM generate_series(1, 12) i;
CREATE POLICY own ON guarded FOR SELECT TO corpus_reader, "Corpus ""odd"" role" USING (owner_name = CURRENT_USER);
CREATE POLICY strict ON guarded AS RESTRICTIVE FOR UPDATE USING (n > 1) WITH CHECK (n IN (SELECT id FROM audited));
CREATE TEXT SEARCH DICTIONARY plain_ (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH plain_, simple;
CREATE CAST (text AS integer[]) WITH INOUT; CREATE COLLATION plain_c (provider = libc, locale = 'C');
CREATE PUBLICATION all_of_it FOR TABLE audited WITH (publish = 'insert, delete');
CREATE TABLE narrowed (gone integer, kept integer, more text); ALTER TABLE narrowed DROP gone;
CREATE PUBLICATION some_of_it FOR TABLE narrowed (more, kept) WHERE (kept > 1), audited;
"""

PARTS["odd_names"] = r'''
CREATE SCHEMA "Odd Schema"; CREATE SCHEMA "dot.ted"; CREATE SCHEMA "select";
CREATE TABLE "Odd Schema"."Table with ""quotes"" and 'ticks'" ("Key.Column" integer PRIMARY KEY, "select" text, " "
  text);
INSERT INTO "Odd Schema"."Table with ""quotes"" and 'ticks'" SELECT i, 'r' || i, NULL FROM generate_series(1, 5) i;
CREATE TABLE "dot.ted"."a.b.c" ("$1" serial PRIMARY KEY, "%s" text, "{}" text);
INSERT INTO "dot.ted"."a.b.c" ("%s", "{}") VALUES ('100%', '{"a"}');
CREATE TABLE "select"."table" ("from" text PRIMARY KEY, "json_array" integer, "system_user" text, "merge" text);
INSERT INTO "select"."table" VALUES ('x', 1, 'y', 'z');
CREATE VIEW "select"."where" AS SELECT "table"."from", "json_array" + 1 AS "and" FROM "select"."table" WHERE "merge"
  <> 'or';
CREATE TABLE "新しい表_é_😀" ("列" text PRIMARY KEY); INSERT INTO "新しい表_é_😀" VALUES ('値'), ('é'), ('');
CREATE TABLE "a_name_that_is_exactly_as_long_as_names_can_be_63_bytes_no_more_" (id integer);
CREATE TABLE "new
line	tab" ("back\slash" integer); INSERT INTO "new
line	tab" VALUES (1), (1), (2);
CREATE TABLE "--comment; DROP TABLE x" ("""" integer,
  "'; --" text); CREATE TABLE "UPPER" (id integer); CREATE TABLE upper (id integer);
'''

PARTS["large_objects"] = r"""
SELECT lo_from_bytea(900001, 'first'::bytea), lo_from_bytea(900002, decode(repeat('00ff', 50000), 'hex')),
  lo_create(900003);
SELECT lo_put(900004, 10000, 'sparse'::bytea) FROM (SELECT lo_create(900004)) made;
COMMENT ON LARGE OBJECT 900001 IS 'the first'; GRANT SELECT ON LARGE OBJECT 900002 TO corpus_reader;
"""

PARTS["extensions"] = r"""
CREATE SCHEMA tools; CREATE EXTENSION IF NOT EXISTS hstore SCHEMA tools; CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA tools;
CREATE TABLE extended (mail citext PRIMARY KEY, props tools.hstore DEFAULT '"a"=>"1"', CHECK (mail ~ '@'));
INSERT INTO extended SELECT 'User' || i || '@Example.com', tools.hstore('k' || i, NULL) FROM generate_series(1, 15) i;
CREATE INDEX extended_trgm ON extended USING gin ((mail::text) tools.gin_trgm_ops);
CREATE INDEX extended_props ON extended USING gist (props tools.gist_hstore_ops (siglen = 32));
"""

PARTS["rights"] = r"""
CREATE SCHEMA private AUTHORIZATION corpus_owner; CREATE TABLE private.held (id integer PRIMARY KEY, secret text);
ALTER TABLE private.held OWNER TO corpus_owner; INSERT INTO private.held VALUES (1, 's');
GRANT USAGE ON SCHEMA private TO corpus_reader; GRANT SELECT (id), UPDATE (secret) ON private.held TO corpus_reader;
GRANT ALL ON private.held TO "Corpus ""odd"" role" WITH GRANT OPTION; REVOKE DELETE ON private.held FROM corpus_owner;
CREATE FUNCTION private.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION private.f() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE corpus_owner IN SCHEMA private GRANT SELECT ON TABLES TO corpus_reader;
COMMENT ON SCHEMA private IS 'not for everyone'; COMMENT ON TABLE private.held IS 'it''s held';
COMMENT ON COLUMN private.held.secret IS E'two\nlines'; COMMENT ON FUNCTION private.f() IS 'one';
COMMENT ON CONSTRAINT held_pkey ON private.held IS 'the key';
"""

PARTS["foreign"] = r"""
CREATE FOREIGN DATA WRAPPER nowhere OPTIONS (debug 'true', also 'x');
CREATE SERVER far TYPE 'x' FOREIGN DATA WRAPPER nowhere OPTIONS (host 'h', dbname 'd');
CREATE FOREIGN TABLE away (id integer OPTIONS (column_name 'x', a 'y') NOT NULL, v text) SERVER far OPTIONS (t 'y',
  a 'x');
"""

PARTS["xml"] = r"""
CREATE TABLE marked_up (id integer PRIMARY KEY, x xml);
INSERT INTO marked_up SELECT i, xmlelement(name a, xmlattributes(i AS "n&m"), 'é <' || i) FROM generate_series(1, 9) i;
INSERT INTO marked_up VALUES (0, '<?xml version="1.0" encoding="UTF-8"?><a/>');
CREATE VIEW marked AS SELECT xmlforest(id, x) AS f FROM marked_up WHERE xpath_exists('/a', x);
"""

PARTS["icu"] = r"""
CREATE COLLATION german_phone (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE sorted (name text COLLATE german_phone PRIMARY KEY, other text COLLATE insensitive);
INSERT INTO sorted VALUES ('Ärger', 'A'), ('Ofen', 'a'), ('Zug', 'B'); CREATE INDEX sorted_other ON sorted (other);
"""


def corpus(*names: str, without: frozenset[str] = frozenset()) -> str:
    """Return the SQL of the parts ``names``, of all that are not ``without`` where none is named."""
    return "\n".join(PARTS[name] for name in (names or tuple(PARTS)) if name not in without)


def many_tables(number: int, rows: int = 3) -> str:
    """Return SQL for so many small tables with a key and an index each, in a schema ``many``."""
    return f"""
CREATE SCHEMA many;
DO $$ BEGIN FOR i IN 1..{number} LOOP
  EXECUTE format('CREATE TABLE many.t%s (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)', i);
  EXECUTE format('INSERT INTO many.t%s (v) SELECT %L || n FROM generate_series(1, {rows}) n', i, 'row ' || i || ' ');
  EXECUTE format('CREATE INDEX ON many.t%s (v)', i);
END LOOP; END $$;
"""  # noqa: S608 -- numbers


def shop(rows: int = 1000) -> str:
    """Return SQL for a small shop: customers and their orders, with a key between them and a total to assert."""
    return f"""
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mail text UNIQUE);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint NOT NULL REFERENCES
  customers,
  amount_cents integer NOT NULL CHECK (amount_cents > 0), ordered_at timestamptz NOT NULL, note text);
INSERT INTO customers (name, mail) SELECT 'Customer ' || i, 'c' || i || '@example.com' FROM generate_series(1, {
        max(1, rows // 10)
    }) i;
INSERT INTO orders (customer_id, amount_cents, ordered_at, note) SELECT i % {max(1, rows // 10)} + 1, i * 37 % 10000 +
  1,
  timestamptz '2024-01-01+00' + i * interval '7 minutes', repeat(md5(i::text), 3) FROM generate_series(1, {rows}) i;
CREATE INDEX orders_by_customer ON orders (customer_id, ordered_at DESC);
CREATE VIEW revenue AS SELECT customer_id, sum(amount_cents) AS cents FROM orders GROUP BY customer_id;
"""  # noqa: S608 -- numbers
