-- The statements of dagster_events.py, for Dagster's own database (dagster 1.13).

-- name: insert
INSERT INTO event_logs
    (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
VALUES (:run_id, :event, :dagster_event_type, :timestamp, :step_key, :asset_key, :partition)
RETURNING id;

-- name: not_over
SELECT run_id FROM runs
WHERE run_id = ANY(:run_ids) AND status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED');

-- name: failed_for
SELECT 1 FROM event_logs
WHERE run_id = :run_id AND dagster_event_type = 'STEP_FAILURE' AND event LIKE '%' || :mark || '%'
LIMIT 1;

-- name: leave_assets
-- "Failed in run X" is what the UI says of an asset that a run planned to fill and did not. Of
-- failed steps that stays; the others are as they were before they were planned.
WITH unplanned AS (
    DELETE FROM event_logs AS p
    WHERE p.run_id = :run_id AND p.dagster_event_type = 'ASSET_MATERIALIZATION_PLANNED'
        AND NOT EXISTS (
            SELECT FROM event_logs AS o
            WHERE o.run_id = :run_id
                AND (
                    o.dagster_event_type = 'ASSET_MATERIALIZATION' AND o.asset_key = p.asset_key
                    OR o.dagster_event_type = 'STEP_FAILURE' AND o.step_key = p.step_key
                )
        )
    RETURNING p.asset_key
)
UPDATE asset_keys AS a SET last_run_id = (
    SELECT e.run_id FROM event_logs AS e
    WHERE e.asset_key = a.asset_key AND e.dagster_event_type = 'ASSET_MATERIALIZATION'
    ORDER BY e.id DESC LIMIT 1
)
FROM unplanned
WHERE a.asset_key = unplanned.asset_key AND a.last_run_id = :run_id;

-- name: leave_checks
DELETE FROM asset_check_executions
WHERE run_id = :run_id AND execution_status = 'PLANNED';

-- name: plan_assets
-- As dagster-postgres stores each by itself. Of an asset with several partitions the last one counts.
WITH plan AS (
    SELECT * FROM unnest(
        CAST(:run_id AS text[]), CAST(:event AS text[]), CAST(:dagster_event_type AS text[]),
        CAST(:timestamp AS timestamp[]), CAST(:step_key AS text[]), CAST(:asset_key AS text[]),
        CAST(:partition AS text[])
    ) WITH ORDINALITY AS p (
        run_id, event, dagster_event_type, at, step_key, asset_key, partition, n
    )
), logged AS (
    INSERT INTO event_logs (
        run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition
    )
    SELECT run_id, event, dagster_event_type, at, step_key, asset_key, partition
    FROM plan ORDER BY n
)
INSERT INTO asset_keys (asset_key, last_run_id, last_materialization_timestamp)
SELECT DISTINCT ON (asset_key) asset_key, run_id, at AT TIME ZONE 'UTC'
FROM plan ORDER BY asset_key, n DESC
ON CONFLICT (asset_key) DO UPDATE SET
    last_run_id = excluded.last_run_id,
    last_materialization_timestamp = excluded.last_materialization_timestamp;

-- name: plan_checks
-- Dagster stores plans once more where the connection broke before the answer, and an evaluation of
-- what is planned twice fails its step.
INSERT INTO asset_check_executions (
    asset_key, check_name, partition, run_id, execution_status, evaluation_event,
    evaluation_event_timestamp
)
SELECT asset_key, check_name, partition, run_id, 'PLANNED', event, at
FROM unnest(
    CAST(:asset_key AS text[]), CAST(:check_name AS text[]), CAST(:partition AS text[]),
    CAST(:run_id AS text[]), CAST(:event AS text[]), CAST(:timestamp AS timestamp[])
) AS p (asset_key, check_name, partition, run_id, event, at)
WHERE NOT EXISTS (
    SELECT FROM asset_check_executions AS e
    WHERE e.asset_key = p.asset_key AND e.check_name = p.check_name AND e.run_id = p.run_id
        AND e.partition IS NOT DISTINCT FROM p.partition
);
