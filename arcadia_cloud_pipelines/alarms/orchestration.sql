-- The statements of orchestration.py, asked of Dagster's own database (dagster 1.13). Its columns
-- named create_timestamp are in the session's time zone, its other times in UTC.

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
