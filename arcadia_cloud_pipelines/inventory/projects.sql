-- The statements of projects.py, in the order in which it runs them. Parameters: :provider,
-- :account, :seen_at (start of the listing); others are named where they are used.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.ledger/project', 0));

-- name: superseded
SELECT EXISTS (
    SELECT FROM cloud_sync_runs
    WHERE provider = :provider AND account = :account AND kind = 'project'
      -- One that is dated ahead of now is a clock's mistake, and supersedes nothing.
      AND started_at > :seen_at AND started_at <= clock_timestamp() AND rows_seen IS NOT NULL
);

-- name: create_listed
CREATE TEMP TABLE listed_projects (
    provider_id text NOT NULL,
    name text NOT NULL,
    description text,
    environment text,
    is_default boolean NOT NULL,
    attrs jsonb NOT NULL
) ON COMMIT DROP;

-- name: count_rows
SELECT
    count(*) AS live,
    count(*) FILTER (
        WHERE NOT EXISTS (SELECT FROM listed_projects AS l WHERE l.provider_id = p.provider_id)
    ) AS missing
FROM cloud_projects AS p
WHERE p.provider = :provider AND p.account = :account AND p.deleted_at IS NULL;

-- name: record
-- tenant_id and purpose, and who set them, are ours and never touched.
WITH known AS (
    SELECT provider_id, deleted_at FROM cloud_projects
    WHERE provider = :provider AND account = :account
), stored AS (
    INSERT INTO cloud_projects AS p (
        provider, account, provider_id, name, description, environment, is_default, attrs,
        first_seen_at, last_seen_at
    )
    SELECT
        :provider, :account, provider_id, name, description, environment, is_default, attrs,
        :seen_at, :seen_at
    FROM listed_projects
    ON CONFLICT ON CONSTRAINT cloud_projects_provider_id_key DO UPDATE
    SET name = excluded.name, description = excluded.description,
        environment = excluded.environment, is_default = excluded.is_default,
        attrs = excluded.attrs, last_seen_at = excluded.last_seen_at,
        stale_strike_count = 0, struck_at = NULL, deleted_at = NULL
    WHERE p.account = :account
    RETURNING p.provider_id
)
SELECT
    count(*) FILTER (WHERE known.provider_id IS NULL) AS discovered,
    count(*) FILTER (WHERE known.deleted_at IS NOT NULL) AS restored,
    count(*) AS stored
FROM stored LEFT JOIN known USING (provider_id);

-- name: strike
-- At most one in :between, by the database's clock: three listings within seconds are one outage. A
-- strike that is dated ahead of now is a clock's mistake, and holds up none.
WITH struck AS (
    UPDATE cloud_projects AS p
    SET stale_strike_count = p.stale_strike_count + 1, struck_at = clock_timestamp(),
        deleted_at = CASE WHEN p.stale_strike_count + 1 >= :strikes THEN :seen_at END
    WHERE p.provider = :provider AND p.account = :account AND p.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM listed_projects AS l WHERE l.provider_id = p.provider_id)
      AND coalesce(
        p.struck_at NOT BETWEEN clock_timestamp() - CAST(:between AS interval) AND clock_timestamp(),
        true
      )
    RETURNING p.deleted_at
)
SELECT count(*) AS struck, count(deleted_at) AS deleted FROM struck;
