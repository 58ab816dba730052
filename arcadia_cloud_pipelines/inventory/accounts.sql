-- The statements of accounts.py. Parameters: :account, :actor, :reason.

-- name: stale
-- Live rows of accounts that were not listed for three hours or more, while another one was.
WITH listed AS (
    SELECT account, max(started_at) AS at
    FROM cloud_sync_runs
    WHERE rows_seen IS NOT NULL AND account IS NOT NULL
    GROUP BY account
), live AS (
    SELECT account, sum(rows) AS rows
    FROM (
        SELECT account, count(*) AS rows FROM cloud_resources
        WHERE deleted_at IS NULL GROUP BY account
        UNION ALL
        SELECT account, count(*) FROM cloud_projects WHERE deleted_at IS NULL GROUP BY account
    ) AS counted
    GROUP BY account
)
SELECT live.account, CAST(live.rows AS bigint) AS rows, listed.at
FROM live
LEFT JOIN listed USING (account)
WHERE coalesce(listed.at, '-infinity') < (SELECT max(at) FROM listed) - INTERVAL '3 hours'
ORDER BY rows DESC, live.account;

-- name: foreign
SELECT newest.kind, newest.account, newest.foreign_rows
FROM (
    SELECT DISTINCT ON (account, kind) account, kind, foreign_rows
    FROM cloud_sync_runs
    WHERE rows_seen IS NOT NULL
    ORDER BY account, kind, started_at DESC, id DESC
) AS newest
WHERE newest.foreign_rows > 0
ORDER BY newest.kind, newest.account;

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
    INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)
    SELECT id, 'deleted', deleted_at, jsonb_build_object(
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
