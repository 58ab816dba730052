-- The statements of dagster_storage.py, for Dagster's own database (dagster 1.13).

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
