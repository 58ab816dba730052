-- The statements of run_reasons.py, asked of Dagster's own database (dagster 1.13). Its columns
-- named create_timestamp are in the session's time zone, its other times in UTC.

-- name: failures_of_run
SELECT event FROM event_logs
WHERE run_id = :run_id AND dagster_event_type IN ('STEP_FAILURE', 'PIPELINE_FAILURE')
ORDER BY dagster_event_type DESC, id
LIMIT 60;
