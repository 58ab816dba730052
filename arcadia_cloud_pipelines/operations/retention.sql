-- The statements of retention.py, for Dagster's own database (dagster 1.13). Its columns named
-- create_timestamp are in the session's time zone, event_logs.timestamp in UTC.

-- name: mark
SELECT CAST(value AS bigint) FROM kvs WHERE key = :key;

-- name: set_mark
INSERT INTO kvs (key, value) VALUES (:key, CAST(:value AS bigint))
ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: first_young_event
-- A time in the future is a wrong clock's and keeps nothing.
SELECT min(id) FROM event_logs
WHERE id > :after AND timestamp >= :before
    AND timestamp <= (now() AT TIME ZONE 'UTC') + interval '1 day';

-- name: forget_events
-- Of asset events the newest of each asset, type and partition stays; of checks, what belongs to
-- the newest result of each; of everything, what belongs to a run under way.
WITH batch AS MATERIALIZED (
    SELECT id, run_id, dagster_event_type AS type, asset_key, partition FROM event_logs
    WHERE id > :after AND id < :until ORDER BY id LIMIT :size
), doomed AS (
    SELECT id FROM batch AS b
    WHERE NOT EXISTS (
        SELECT FROM runs AS r
        WHERE r.run_id = b.run_id
            AND r.status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
    ) AND CASE
        WHEN type LIKE 'ASSET\_CHECK\_%' THEN b.run_id <> ALL (CAST(:checks AS text[]))
        WHEN asset_key IS NOT NULL AND (type LIKE 'ASSET\_%' OR type LIKE 'FRESHNESS%') THEN
            CASE WHEN partition IS NULL THEN EXISTS (
                SELECT FROM event_logs AS n
                WHERE n.asset_key = b.asset_key AND n.dagster_event_type = b.type
                    AND n.id > b.id AND n.partition IS NULL
            ) ELSE EXISTS (
                SELECT FROM event_logs AS n
                WHERE n.asset_key = b.asset_key AND n.dagster_event_type = b.type
                    AND n.id > b.id AND n.partition = b.partition
            ) END
        ELSE type IS NULL OR (type NOT LIKE 'ASSET\_%' AND type NOT LIKE 'FRESHNESS%')
    END
), tags AS (
    DELETE FROM asset_event_tags USING doomed WHERE asset_event_tags.event_id = doomed.id
), gone AS (
    DELETE FROM event_logs USING doomed WHERE event_logs.id = doomed.id RETURNING 1
)
SELECT max(batch.id), (SELECT count(*) FROM gone) FROM batch;

-- name: first_young_check
SELECT min(id) FROM asset_check_executions
WHERE id > :after AND create_timestamp >= CAST(:before AS timestamptz)
    AND create_timestamp <= now() + interval '1 day';

-- name: forget_checks
-- The newest result of each check stays, and what was planned after it.
WITH batch AS MATERIALIZED (
    SELECT id, asset_key, check_name, partition FROM asset_check_executions
    WHERE id > :after AND id < :until ORDER BY id LIMIT :size
), gone AS (
    DELETE FROM asset_check_executions AS c USING batch AS b
    WHERE c.id = b.id AND EXISTS (
        SELECT FROM asset_check_executions AS n
        WHERE n.asset_key = b.asset_key AND n.check_name = b.check_name AND n.id > b.id
            AND n.partition IS NOT DISTINCT FROM b.partition
            AND n.execution_status IN ('SUCCEEDED', 'FAILED')
    )
    RETURNING 1
)
SELECT max(batch.id), (SELECT count(*) FROM gone) FROM batch;

-- name: runs_of_old_checks
SELECT DISTINCT run_id FROM asset_check_executions
WHERE create_timestamp < CAST(:before AS timestamptz) AND run_id IS NOT NULL;

-- name: forget_runs
-- Old runs of which nothing is left, but the newest of each job, which says how it went. Their
-- tags go with them.
WITH doomed AS (
    SELECT r.run_id FROM runs AS r
    WHERE r.create_timestamp < CAST(:before AS timestamptz)
        AND r.status IN ('SUCCESS', 'FAILURE', 'CANCELED')
        AND r.run_id <> ALL (CAST(:checks AS text[]))
        AND EXISTS (
            SELECT FROM runs AS n
            WHERE n.pipeline_name = r.pipeline_name AND n.id > r.id
                AND n.status IN ('SUCCESS', 'FAILURE')
        )
        AND NOT EXISTS (SELECT FROM event_logs AS e WHERE e.run_id = r.run_id)
    ORDER BY r.id
    LIMIT :size
), tags AS (
    DELETE FROM run_tags USING doomed WHERE run_tags.run_id = doomed.run_id
)
DELETE FROM runs USING doomed WHERE runs.run_id = doomed.run_id;

-- name: forget_snapshots
-- What no run names any more, but the newest: a run that is being made may name them in a moment.
WITH named AS MATERIALIZED (
    SELECT snapshot_id AS id FROM runs WHERE snapshot_id IS NOT NULL
    UNION
    SELECT CAST(run_body AS json) ->> 'execution_plan_snapshot_id' FROM runs
    UNION
    SELECT CAST(run_body AS json) ->> 'job_snapshot_id' FROM runs
)
DELETE FROM snapshots AS s
WHERE s.id <= (SELECT max(id) FROM snapshots) - :newest
    AND NOT EXISTS (SELECT FROM named WHERE named.id = s.snapshot_id);
