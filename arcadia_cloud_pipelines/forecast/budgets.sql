-- The statements of budgets.py, in the order in which it runs them.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.budgets', 0));

-- name: create_read
CREATE TEMP TABLE read_budgets ON COMMIT DROP AS
SELECT name, amount, account, scope, scope_value FROM cloud_budgets WITH NO DATA;

-- name: delete_gone
DELETE FROM cloud_budgets AS b
WHERE NOT EXISTS (SELECT FROM read_budgets AS r WHERE r.name = b.name);

-- name: upsert
INSERT INTO cloud_budgets AS b (name, amount, account, scope, scope_value)
SELECT name, amount, account, scope, scope_value FROM read_budgets
ON CONFLICT (name) DO UPDATE
SET amount = excluded.amount, account = excluded.account, scope = excluded.scope,
    scope_value = excluded.scope_value, since = now()
WHERE (b.amount, b.account, b.scope, b.scope_value)
    IS DISTINCT FROM (excluded.amount, excluded.account, excluded.scope, excluded.scope_value);
