-- The statements of invoices.py, in the order in which it runs them. Parameters: :provider,
-- :account, :seen_at.

-- name: with_summary
-- Invoices whose summary is stored, with the amount it was read for.
SELECT invoice_uuid, amount FROM cloud_invoices
WHERE account = :account AND product_charges IS NOT NULL;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.invoices/' || :account, 0));

-- name: create_entries
CREATE TEMP TABLE listed_entries (
    entry_type text NOT NULL,
    description text NOT NULL,
    amount numeric NOT NULL,
    occurred_at timestamptz NOT NULL,
    invoice_uuid text,
    invoice_id text,
    occurrence integer NOT NULL
) ON COMMIT DROP;

-- name: store_entries
WITH added AS (
    INSERT INTO cloud_billing_entries (
        provider, account, entry_type, description, amount, occurred_at, invoice_uuid, invoice_id,
        occurrence, first_seen_at
    )
    SELECT
        :provider, :account, entry_type, description, amount, occurred_at, invoice_uuid, invoice_id,
        occurrence, :seen_at
    FROM listed_entries
    ORDER BY occurred_at, occurrence
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added;

-- name: create_headers
CREATE TEMP TABLE listed_invoices (
    invoice_uuid text NOT NULL,
    invoice_id text,
    amount numeric NOT NULL,
    period date NOT NULL,
    issued_at timestamptz,
    period_from text NOT NULL,
    product_charges numeric,
    overages numeric,
    taxes numeric,
    credits_and_adjustments numeric,
    other_parts jsonb
) ON COMMIT DROP;

-- name: changed
SELECT l.invoice_uuid
FROM listed_invoices AS l
JOIN cloud_invoices AS i USING (invoice_uuid)
WHERE i.amount <> l.amount AND i.ingest_status <> 'pending'
ORDER BY l.period, l.invoice_uuid;

-- name: create_moved
CREATE TEMP TABLE moved ON COMMIT DROP AS
SELECT i.id
FROM listed_invoices AS l
JOIN cloud_invoices AS i USING (invoice_uuid)
WHERE i.period <> l.period;

-- name: store_headers
-- A period that the list said once stays, whatever the history's text or date say later.
WITH best AS (
    SELECT
        l.*,
        i.period_from = 'list' AND l.period_from <> 'list'
            OR i.period_from = 'text' AND l.period_from = 'date' AS knows_less
    FROM listed_invoices AS l
    LEFT JOIN cloud_invoices AS i USING (invoice_uuid)
), stored AS (
    INSERT INTO cloud_invoices AS i (
        provider, account, invoice_uuid, invoice_id, amount, period, period_from, issued_at,
        product_charges, overages, taxes, credits_and_adjustments, other_parts, first_seen_at
    )
    SELECT
        :provider, :account, b.invoice_uuid, b.invoice_id, b.amount,
        CASE WHEN b.knows_less THEN i.period ELSE b.period END,
        CASE WHEN b.knows_less THEN i.period_from ELSE b.period_from END,
        b.issued_at,
        -- A summary is read whole or not at all.
        CASE WHEN b.other_parts IS NULL THEN i.product_charges ELSE b.product_charges END,
        CASE WHEN b.other_parts IS NULL THEN i.overages ELSE b.overages END,
        CASE WHEN b.other_parts IS NULL THEN i.taxes ELSE b.taxes END,
        CASE WHEN b.other_parts IS NULL THEN i.credits_and_adjustments
            ELSE b.credits_and_adjustments END,
        coalesce(b.other_parts, i.other_parts, '{}'),
        :seen_at
    FROM best AS b
    LEFT JOIN cloud_invoices AS i USING (invoice_uuid)
    ORDER BY b.period, b.invoice_uuid
    ON CONFLICT (invoice_uuid) DO UPDATE
    SET invoice_id = coalesce(excluded.invoice_id, i.invoice_id),
        amount = excluded.amount,
        period = excluded.period,
        period_from = excluded.period_from,
        issued_at = coalesce(excluded.issued_at, i.issued_at),
        product_charges = excluded.product_charges,
        overages = excluded.overages,
        taxes = excluded.taxes,
        credits_and_adjustments = excluded.credits_and_adjustments,
        other_parts = excluded.other_parts,
        ingest_status = CASE
            WHEN i.amount <> excluded.amount THEN 'pending' ELSE i.ingest_status
        END,
        failed_attempts = CASE
            WHEN i.amount <> excluded.amount THEN 0 ELSE i.failed_attempts
        END,
        status_note = CASE
            WHEN i.amount <> excluded.amount AND i.ingest_status <> 'pending'
            THEN format(
                'The amount changed from %s to %s: its lines are to be read again.',
                i.amount, excluded.amount
            )
            ELSE i.status_note
        END
    -- An unchanged header costs no write, and no account writes another's.
    WHERE i.account = excluded.account
      AND (i.invoice_id, i.amount, i.period, i.period_from, i.issued_at, i.product_charges,
           i.overages, i.taxes, i.credits_and_adjustments, i.other_parts)
        IS DISTINCT FROM (
           coalesce(excluded.invoice_id, i.invoice_id), excluded.amount, excluded.period,
           excluded.period_from, coalesce(excluded.issued_at, i.issued_at),
           excluded.product_charges, excluded.overages, excluded.taxes,
           excluded.credits_and_adjustments, excluded.other_parts)
    RETURNING i.first_seen_at
)
SELECT count(*) FILTER (WHERE first_seen_at = :seen_at) FROM stored;

-- name: move_lines
-- Lines are in their invoice's month, also when it turns out to be another one.
UPDATE cloud_cost_lines AS l
SET period = i.period
FROM moved AS m
JOIN cloud_invoices AS i ON i.id = m.id
WHERE l.invoice_id = i.id AND l.period <> i.period;

-- name: count_pending
SELECT count(*) FROM cloud_invoices WHERE account = :account AND ingest_status = 'pending';

-- name: keys
SELECT period, invoice_id, invoice_uuid FROM cloud_invoices WHERE account = :account;

-- name: close_open_month
-- The month is over and billed: its provisional lines are history.
WITH closed AS (
    DELETE FROM cloud_open_months
    WHERE account = :account AND cloud_month_is_billed(account, period, :seen_at)
)
DELETE FROM cloud_open_month_lines
WHERE account = :account AND cloud_month_is_billed(account, period, :seen_at);

-- name: note_list
INSERT INTO cloud_invoice_lists AS l (account, read_at, complete, problem, whole_at)
VALUES (
    :account, :seen_at, CAST(:list_problem AS text) IS NULL, :list_problem,
    CASE WHEN CAST(:list_problem AS text) IS NULL THEN CAST(:seen_at AS timestamptz) END
)
ON CONFLICT (account) DO UPDATE
SET read_at = excluded.read_at, complete = excluded.complete, problem = excluded.problem,
    whole_at = coalesce(excluded.whole_at, l.whole_at)
WHERE excluded.read_at >= l.read_at;

-- name: due
-- Of :account, the team's; where nobody said it, only of the account that the token belongs to now:
-- another's cannot be fetched.
SELECT invoice_uuid
FROM cloud_invoices
WHERE account = coalesce(
        CAST(:account AS text), (SELECT account FROM cloud_balance_snapshots ORDER BY id DESC LIMIT 1), account
    )
  AND (
    ingest_status = 'pending'
    OR ingest_status = 'failed' AND failed_attempts < :most
        -- Later than :at it was by a clock that was ahead.
        AND NOT (last_attempt_at > CAST(:at AS timestamptz) - make_interval(hours => :hours)
            AND last_attempt_at <= CAST(:at AS timestamptz) + interval '1 minute')
    OR ingest_status = 'ingested' AND ids_note IS NOT NULL AND ids_attempts < :most
        AND line_count <= :most_items
        -- Later than :at it was by a clock that was ahead.
        AND NOT (last_attempt_at > CAST(:at AS timestamptz) - make_interval(hours => :hours)
            AND last_attempt_at <= CAST(:at AS timestamptz) + interval '1 minute')
  )
ORDER BY period, invoice_uuid;
