-- The statements of swept_kinds.py, in the order in which it runs them.

-- name: kinds
-- The newest sync of every kind that has specs or open records.
WITH concerned AS (
    SELECT r.account, r.kind, count(s.id) AS specs
    FROM cloud_resources AS r
    LEFT JOIN cloud_provisioned AS s ON s.resource_id = r.id
    WHERE s.id IS NOT NULL
        OR r.id IN (SELECT resource_id FROM cloud_drift WHERE status = 'open')
    GROUP BY r.account, r.kind
)
SELECT c.account, c.kind, c.specs, newest.started_at,
    coalesce(newest.complete, false) AS complete,
    coalesce(newest.implausible, false) AS implausible,
    coalesce(newest.withheld, '{}') AS withheld
FROM concerned AS c
CROSS JOIN (
    SELECT min(account) = max(account) AS is_alone FROM cloud_resources WHERE deleted_at IS NULL
) AS alone
LEFT JOIN LATERAL (
    SELECT s.started_at, s.complete, s.implausible, s.withheld
    FROM cloud_sync_runs AS s
    -- A sync that failed before it knew its account counts against the account, where there is one.
    WHERE s.kind = c.kind AND (s.account = c.account OR s.account IS NULL AND alone.is_alone)
    ORDER BY s.started_at DESC, s.id DESC
    LIMIT 1
) AS newest ON true
ORDER BY c.account, c.kind;

-- name: newest
-- The newest sync of one kind for each of :accounts.
SELECT a.account, newest.started_at, coalesce(newest.complete, false) AS complete,
    coalesce(newest.implausible, false) AS implausible
FROM unnest(CAST(:accounts AS text[])) AS a (account)
LEFT JOIN LATERAL (
    SELECT started_at, complete, implausible
    FROM cloud_sync_runs AS s
    WHERE s.kind = :kind AND (s.account = a.account OR s.account IS NULL)
    ORDER BY s.started_at DESC, s.id DESC
    LIMIT 1
) AS newest ON true;
