-- The statements of proposals.py.

-- name: allocated
-- What proposals say of months.
SELECT
    account, period,
    coalesce(sum(amount) FILTER (WHERE tenant_id IS NULL), 0) AS unallocated,
    count(DISTINCT tenant_id) AS tenants
FROM marts.cost_by_tenant
WHERE complete AND NOT is_closed
GROUP BY account, period;

-- name: delete_proposals
DELETE FROM cloud_statement_proposals AS p
WHERE NOT EXISTS (
    SELECT FROM unnest(CAST(:accounts AS text[]), CAST(:periods AS date[])) AS w (account, period)
    WHERE w.account = p.account AND w.period = p.period
);

-- name: store_proposal
INSERT INTO cloud_statement_proposals (account, period, amount, unallocated, tenants)
VALUES (:account, :period, :amount, :unallocated, :tenants)
ON CONFLICT (account, period) DO UPDATE SET
    amount = excluded.amount, unallocated = excluded.unallocated, tenants = excluded.tenants;
