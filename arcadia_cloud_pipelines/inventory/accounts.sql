-- The statements of accounts.py. Parameters: :account, :actor, :reason.

-- name: stale
-- Live rows of accounts that were not listed for three hours or more, while another one was.
WITH live AS (
    SELECT account, sum(rows) AS rows
    FROM (
        SELECT account, count(*) AS rows FROM cloud_resources
        WHERE deleted_at IS NULL GROUP BY account
        UNION ALL
        SELECT account, count(*) FROM cloud_projects WHERE deleted_at IS NULL GROUP BY account
    ) AS counted
    GROUP BY account
), listed AS (
    SELECT live.account, CAST(live.rows AS bigint) AS rows, newest.started_at
    FROM live
    LEFT JOIN LATERAL (
        SELECT s.started_at FROM cloud_sync_runs AS s
        WHERE s.account = live.account AND s.rows_seen IS NOT NULL
          AND s.started_at <= clock_timestamp()
        ORDER BY s.started_at DESC LIMIT 1
    ) AS newest ON true
)
SELECT account, rows, started_at
FROM listed
WHERE coalesce(started_at, '-infinity') < (
    SELECT s.started_at FROM cloud_sync_runs AS s
    WHERE s.rows_seen IS NOT NULL AND s.account IS NOT NULL AND s.started_at <= clock_timestamp()
    ORDER BY s.started_at DESC LIMIT 1
) - INTERVAL '3 hours'
ORDER BY rows DESC, account;

-- name: foreign
-- Of the newest listing of each kind; walked along the index, as freshness.sql does.
WITH RECURSIVE known AS (
    (SELECT kind FROM cloud_sync_runs ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT r.kind FROM cloud_sync_runs AS r WHERE r.kind > k.kind ORDER BY r.kind LIMIT 1)
    FROM known AS k
    WHERE k.kind IS NOT NULL
)
SELECT k.kind, newest.account, newest.foreign_rows
FROM known AS k
CROSS JOIN LATERAL (
    SELECT account, foreign_rows FROM cloud_sync_runs AS r
    WHERE r.kind = k.kind AND r.rows_seen IS NOT NULL
    ORDER BY r.started_at DESC, r.id DESC LIMIT 1
) AS newest
WHERE newest.foreign_rows > 0
ORDER BY k.kind;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.ledger/' || :kind, 0));

-- name: newest
SELECT account FROM cloud_sync_runs
WHERE rows_seen IS NOT NULL AND started_at <= clock_timestamp()
ORDER BY started_at DESC, id DESC
LIMIT 1;

-- name: retire_resources
WITH retired AS (
    UPDATE cloud_resources
    SET deleted_at = now()
    WHERE account = :account AND deleted_at IS NULL
    RETURNING id, deleted_at
), logged AS (
    INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes)
    SELECT :account, id, 'deleted', deleted_at, jsonb_build_object(
        'deleted_at', jsonb_build_object('from', NULL, 'to', deleted_at)
    )
    FROM retired
    RETURNING 1
)
SELECT count(*) FROM logged;

-- name: retire_projects
WITH retired AS (
    UPDATE cloud_projects SET deleted_at = now()
    WHERE account = :account AND deleted_at IS NULL
    RETURNING 1
)
SELECT count(*) FROM retired;

-- name: close_memberships
UPDATE cloud_project_memberships SET valid_to = greatest(now(), valid_from)
WHERE account = :account AND valid_to IS NULL;

-- name: note
INSERT INTO cloud_account_retirements (account, retired_by, reason, resources, projects)
VALUES (:account, :actor, :reason, :resources, :projects);
