-- The statements of orchestration.py, asked of Dagster's own database (dagster 1.13). Its columns
-- named create_timestamp are in the session's time zone, its other times in UTC.

-- name: newest_runs
-- Of each job the newest run that came to an end, and whether a newer one is under way: of each of
-- the :teams, by the tag of its runs, and of all runs without one, which are the empty name. Where
-- there are no :teams the empty name is of all runs. One without a tag is superseded by a newer one
-- of any team: somebody started it by hand and forgot the tag, or it was before there were teams.
WITH RECURSIVE job AS (
    (SELECT pipeline_name AS name FROM runs ORDER BY pipeline_name LIMIT 1)
    UNION ALL
    SELECT (
        SELECT r.pipeline_name FROM runs AS r
        WHERE r.pipeline_name > j.name ORDER BY r.pipeline_name LIMIT 1
    )
    FROM job AS j
    WHERE j.name IS NOT NULL
)
SELECT j.name AS job, team.name AS team, r.run_id, r.status, r.end_time, r.run_body,
    EXISTS (
        SELECT FROM runs AS n
        WHERE n.pipeline_name = j.name AND n.id > r.id
            AND n.status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
            AND (cardinality(CAST(:teams AS text[])) = 0 OR team.name = coalesce((
                SELECT t.value FROM run_tags AS t WHERE t.run_id = n.run_id AND t.key = :tag
            ), ''))
    ) AS newer_under_way,
    team.name = '' AND cardinality(CAST(:teams AS text[])) > 0 AND EXISTS (
        SELECT FROM runs AS n JOIN run_tags AS t ON t.run_id = n.run_id AND t.key = :tag
        WHERE n.pipeline_name = j.name AND n.id > r.id AND n.status IN ('SUCCESS', 'FAILURE')
    ) AS superseded
FROM job AS j
CROSS JOIN unnest(CAST(:teams AS text[]) || ARRAY['']) AS team (name)
CROSS JOIN LATERAL (
    SELECT * FROM runs AS r
    WHERE r.pipeline_name = j.name AND r.status IN ('SUCCESS', 'FAILURE')
      AND (team.name = '' AND cardinality(CAST(:teams AS text[])) = 0 OR team.name = coalesce((
        SELECT t.value FROM run_tags AS t WHERE t.run_id = r.run_id AND t.key = :tag
      ), ''))
    ORDER BY r.id DESC LIMIT 1
) AS r
WHERE j.name IS NOT NULL AND NOT starts_with(j.name, '__');

-- name: failures_since
SELECT pipeline_name AS job, run_id, end_time, run_body
FROM runs
WHERE status = 'FAILURE' AND end_time > :since
ORDER BY id DESC
LIMIT 200;

-- name: ad_hoc_runs
-- What people materialised by hand, which has no job of its own: a day of it.
SELECT pipeline_name AS job, run_id, status, end_time, run_body, false AS newer_under_way
FROM runs
WHERE pipeline_name IN ('__ASSET_JOB', '__ephemeral_asset_job__')
    AND status IN ('SUCCESS', 'FAILURE') AND end_time > :since
ORDER BY id DESC
LIMIT 200;

-- name: failures_of_run
SELECT event FROM event_logs
WHERE run_id = :run_id AND dagster_event_type IN ('STEP_FAILURE', 'PIPELINE_FAILURE')
ORDER BY dagster_event_type DESC, id
LIMIT 60;

-- name: stuck_runs
SELECT run_id, pipeline_name AS job, status,
    coalesce(to_timestamp(start_time), create_timestamp::timestamptz) AS since
FROM runs
WHERE status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
ORDER BY id
LIMIT 500;

-- name: newest_checks
WITH RECURSIVE known AS (
    (
        SELECT asset_key, check_name FROM asset_check_executions
        ORDER BY asset_key, check_name LIMIT 1
    )
    UNION ALL
    SELECT n.asset_key, n.check_name
    FROM known AS k
    CROSS JOIN LATERAL (
        SELECT c.asset_key, c.check_name FROM asset_check_executions AS c
        WHERE (c.asset_key, c.check_name) > (k.asset_key, k.check_name)
        ORDER BY c.asset_key, c.check_name LIMIT 1
    ) AS n
)
SELECT k.asset_key, k.check_name, team.name AS team, c.execution_status, c.run_id,
    CASE WHEN c.execution_status = 'FAILED' THEN c.evaluation_event END AS event,
    r.status AS run_status,
    c.execution_status = 'PLANNED' AND r.status = 'FAILURE' AND (
        EXISTS (
            SELECT FROM event_logs AS e
            WHERE e.run_id = c.run_id AND e.asset_key = c.asset_key
                AND e.dagster_event_type = 'ASSET_MATERIALIZATION'
        )
        OR NOT EXISTS (
            SELECT FROM event_logs AS e
            WHERE e.run_id = c.run_id AND e.asset_key = c.asset_key
                AND e.dagster_event_type = 'ASSET_MATERIALIZATION_PLANNED'
        )
    ) AS broke,
    team.name = '' AND cardinality(CAST(:teams AS text[])) > 0 AND EXISTS (
        SELECT FROM asset_check_executions AS n
        JOIN run_tags AS t ON t.run_id = n.run_id AND t.key = :tag
        WHERE n.asset_key = k.asset_key AND n.check_name = k.check_name AND n.id > c.id
    ) AS superseded
FROM known AS k
CROSS JOIN unnest(CAST(:teams AS text[]) || ARRAY['']) AS team (name)
CROSS JOIN LATERAL (
    SELECT * FROM asset_check_executions AS c
    WHERE c.asset_key = k.asset_key AND c.check_name = k.check_name
      AND (team.name = '' AND cardinality(CAST(:teams AS text[])) = 0 OR team.name = coalesce((
        SELECT t.value FROM run_tags AS t WHERE t.run_id = c.run_id AND t.key = :tag
      ), ''))
    ORDER BY c.id DESC LIMIT 1
) AS c
LEFT JOIN runs AS r ON r.run_id = c.run_id;

-- name: old_materializations
-- When each asset was filled last; of each of the :teams where there are any, else by any run.
SELECT k.asset_key, '' AS team, k.last_materialization_timestamp AT TIME ZONE 'UTC' AS at
FROM asset_keys AS k
WHERE k.asset_key = ANY (CAST(:keys AS text[])) AND k.last_materialization_timestamp IS NOT NULL
  AND cardinality(CAST(:teams AS text[])) = 0
UNION ALL
SELECT k.asset_key, team.name, e.timestamp AT TIME ZONE 'UTC'
FROM unnest(CAST(:keys AS text[])) AS k (asset_key)
CROSS JOIN unnest(CAST(:teams AS text[])) AS team (name)
CROSS JOIN LATERAL (
    SELECT e.timestamp FROM event_logs AS e
    JOIN run_tags AS t ON t.run_id = e.run_id AND t.key = :tag AND t.value = team.name
    WHERE e.asset_key = k.asset_key AND e.dagster_event_type = 'ASSET_MATERIALIZATION'
    ORDER BY e.id DESC LIMIT 1
) AS e;
