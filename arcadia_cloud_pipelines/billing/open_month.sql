-- The statements of open_month.py. Parameters: :account, :read_at, :period.

-- name: is_billed
SELECT EXISTS (SELECT FROM cloud_invoices WHERE account = :account AND period = :period);

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.open_month/' || :account, 0));

-- name: create_staged
CREATE TEMP TABLE staged_open_month (LIKE cloud_open_month_lines) ON COMMIT DROP;
ALTER TABLE staged_open_month
    ALTER id DROP NOT NULL, ALTER account DROP NOT NULL, ALTER read_at DROP NOT NULL,
    ALTER period DROP NOT NULL;

-- name: clear
DELETE FROM cloud_open_month_lines WHERE account = :account;

-- name: insert
WITH added AS (
    INSERT INTO cloud_open_month_lines (
        account, read_at, period, line_number, product, kind, group_description, description,
        resource_name, region, hours, started_at, ended_at, amount, project_name, category,
        resource_key, resource_id, match_method, unmatched_reason, match_candidates
    )
    SELECT
        :account, :read_at, :period, line_number, product, kind, group_description, description,
        resource_name, region, hours, started_at, ended_at, amount, project_name, category,
        resource_key, resource_id, match_method, unmatched_reason, match_candidates
    FROM staged_open_month
    RETURNING amount
)
SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total FROM added;
