-- The database of payments, made once, in one transaction; settings as for orders, and shop.receipts.

CREATE TYPE payment_state AS ENUM ('pending', 'settled', 'declined', 'failed', 'refunded');
CREATE SEQUENCE receipt_numbers START 1000;

CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY,
    reference text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    currency char(3) NOT NULL DEFAULT 'EUR',
    fee_cents bigint GENERATED ALWAYS AS (amount_cents * 14 / 1000 + 25) STORED,
    state payment_state NOT NULL DEFAULT 'pending',
    bank jsonb NOT NULL DEFAULT '{}',
    taken_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE refunds (
    id bigint GENERATED ALWAYS AS IDENTITY,
    payment_id bigint NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    reason citext NOT NULL,
    refunded_at timestamptz NOT NULL DEFAULT now()
);

-- The receipt itself is a large object.
CREATE TABLE receipts (
    number bigint PRIMARY KEY DEFAULT nextval('receipt_numbers'),
    payment_id bigint NOT NULL UNIQUE,
    document oid NOT NULL
);
ALTER SEQUENCE receipt_numbers OWNED BY receipts.number;

INSERT INTO payments (reference, amount_cents, state, bank, taken_at)
SELECT
    'seed-' || n,
    499 + n::bigint * 7919 % 60000,
    (CASE WHEN n % 50 = 49 THEN 'refunded' ELSE 'settled' END)::payment_state,
    jsonb_build_object('approval', lpad((n::bigint * 48271 % 1000000)::text, 6, '0'), 'attempts', 1 + n % 2),
    current_setting('shop.until')::timestamptz
        - (current_setting('shop.orders')::int - n) * interval '140 seconds' - n % 97 * interval '1 second'
FROM generate_series(1, current_setting('shop.orders')::int) AS n
ORDER BY n;

INSERT INTO refunds (payment_id, amount_cents, reason, refunded_at)
SELECT
    id,
    amount_cents,
    (ARRAY['damaged', 'too late', 'wrong size', 'not as shown'])[1 + id % 4],
    taken_at + interval '6 days'
FROM payments WHERE state = 'refunded'
ORDER BY id;

INSERT INTO receipts (payment_id, document)
SELECT id, lo_from_bytea(0, convert_to(
    format(E'Receipt for %s\n%s\n', reference, repeat(format('%s cents, with thanks. ', amount_cents), 1 + id::int % 120)),
    'UTF8'
))
FROM payments
WHERE id <= current_setting('shop.receipts')::int
ORDER BY id;

ALTER TABLE payments ADD PRIMARY KEY (id), ADD UNIQUE (reference);
CREATE INDEX payments_taken ON payments USING brin (taken_at);
CREATE INDEX payments_pending ON payments (taken_at) WHERE state = 'pending';
CREATE INDEX payments_bank ON payments USING gin (bank);
ALTER TABLE refunds ADD PRIMARY KEY (id), ADD FOREIGN KEY (payment_id) REFERENCES payments ON DELETE CASCADE;
CREATE INDEX refunds_reason ON refunds USING gin ((reason::text) gin_trgm_ops);
ALTER TABLE receipts ADD FOREIGN KEY (payment_id) REFERENCES payments ON DELETE CASCADE;

-- A receipt that is deleted takes its document along.
CREATE FUNCTION forget_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lo_unlink(OLD.document);
    RETURN OLD;
END $$;
CREATE TRIGGER receipts_document AFTER DELETE ON receipts FOR EACH ROW EXECUTE FUNCTION forget_document();
