-- The statements of open_month.py. Parameters: :account, :read_at, :period.

-- name: is_billed
SELECT cloud_month_is_billed(:account, :period, :read_at);

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.open_month/' || :account, 0));

-- name: clear
WITH cleared AS (DELETE FROM cloud_open_months WHERE account = :account)
DELETE FROM cloud_open_month_lines WHERE account = :account;

-- name: store
INSERT INTO cloud_open_months (
    account, period, read_at, updated_at, amount, product_charges, overages, taxes,
    credits_and_adjustments, other_parts, line_count, lines_total, note
)
SELECT
    :account, :period, :read_at, :updated_at, :amount, :product_charges, :overages, :taxes,
    :credits_and_adjustments, CAST(:other_parts AS jsonb), count(*), coalesce(sum(l.amount), 0),
    :note
FROM cloud_open_month_lines AS l
WHERE l.account = :account
RETURNING line_count, lines_total;
