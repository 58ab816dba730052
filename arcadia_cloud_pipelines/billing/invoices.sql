-- The statements of invoices.py, in the order in which it runs them. Parameters: :provider,
-- :account, :seen_at.

-- name: with_summary
-- Invoices whose summary is stored, with the amount it was read for.
SELECT invoice_uuid, amount FROM cloud_invoices WHERE product_charges IS NOT NULL;

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
    product_charges numeric,
    overages numeric,
    taxes numeric,
    credits_and_adjustments numeric
) ON COMMIT DROP;

-- name: changed
SELECT l.invoice_uuid
FROM listed_invoices AS l
JOIN cloud_invoices AS i USING (invoice_uuid)
WHERE i.amount <> l.amount AND i.ingest_status <> 'pending'
ORDER BY l.period, l.invoice_uuid;

-- name: store_headers
WITH stored AS (
    INSERT INTO cloud_invoices AS i (
        provider, account, invoice_uuid, invoice_id, amount, period, issued_at, product_charges,
        overages, taxes, credits_and_adjustments, first_seen_at
    )
    SELECT
        :provider, :account, invoice_uuid, invoice_id, amount, period, issued_at, product_charges,
        overages, taxes, credits_and_adjustments, :seen_at
    FROM listed_invoices
    ORDER BY period, invoice_uuid
    ON CONFLICT (invoice_uuid) DO UPDATE
    SET invoice_id = coalesce(excluded.invoice_id, i.invoice_id),
        amount = excluded.amount,
        period = excluded.period,
        issued_at = coalesce(excluded.issued_at, i.issued_at),
        product_charges = coalesce(excluded.product_charges, i.product_charges),
        overages = coalesce(excluded.overages, i.overages),
        taxes = coalesce(excluded.taxes, i.taxes),
        credits_and_adjustments = coalesce(
            excluded.credits_and_adjustments, i.credits_and_adjustments
        ),
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
    -- An unchanged header costs no write.
    WHERE (i.invoice_id, i.amount, i.period, i.issued_at, i.product_charges, i.overages, i.taxes,
           i.credits_and_adjustments)
        IS DISTINCT FROM (
           coalesce(excluded.invoice_id, i.invoice_id), excluded.amount, excluded.period,
           coalesce(excluded.issued_at, i.issued_at),
           coalesce(excluded.product_charges, i.product_charges),
           coalesce(excluded.overages, i.overages), coalesce(excluded.taxes, i.taxes),
           coalesce(excluded.credits_and_adjustments, i.credits_and_adjustments))
    RETURNING i.first_seen_at
)
SELECT count(*) FILTER (WHERE first_seen_at = :seen_at) FROM stored;

-- name: count_pending
SELECT count(*) FROM cloud_invoices WHERE account = :account AND ingest_status = 'pending';

-- name: keys
SELECT period, invoice_id, invoice_uuid FROM cloud_invoices WHERE account = :account;

-- name: close_open_month
-- The month is billed: its provisional lines are history.
DELETE FROM cloud_open_month_lines
WHERE account = :account
  AND period IN (SELECT period FROM cloud_invoices WHERE account = :account);
