-- The statements of actions.py. Parameters: :account, :seen_at.

-- name: known_until
-- Where to go on: the newest that is known, or the oldest of the last days that was not finished.
SELECT least(
    max(started_at),
    min(started_at) FILTER (
        WHERE status = 'in-progress' AND started_at > CAST(:seen_at AS timestamptz) - interval '7 days'
    )
)
FROM cloud_actions WHERE account = :account;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.actions/' || :account, 0));

-- name: create_listed
CREATE TEMP TABLE listed_actions ON COMMIT DROP AS
SELECT action_id, type, status, kind, provider_id, region, started_at, completed_at
FROM cloud_actions WITH NO DATA;

-- name: store
INSERT INTO cloud_actions AS a (
    account, action_id, type, status, kind, provider_id, region, started_at, completed_at,
    first_seen_at
)
SELECT :account, action_id, type, status, kind, provider_id, region, started_at, completed_at, :seen_at
FROM listed_actions
ON CONFLICT (account, action_id) DO UPDATE
SET status = excluded.status, completed_at = excluded.completed_at
WHERE (a.status, a.completed_at) IS DISTINCT FROM (excluded.status, excluded.completed_at)
RETURNING CAST(first_seen_at = CAST(:seen_at AS timestamptz) AS integer);
