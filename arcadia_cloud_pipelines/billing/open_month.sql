-- The statements of open_month.py. Parameters: :account, :read_at, :period.

-- name: is_billed
SELECT EXISTS (SELECT FROM cloud_invoices WHERE account = :account AND period = :period);

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.open_month/' || :account, 0));

-- name: clear
DELETE FROM cloud_open_month_lines WHERE account = :account;

-- name: count
SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total
FROM cloud_open_month_lines
WHERE account = :account;
