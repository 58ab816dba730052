-- The statements of run_interruptions.py, asked of Dagster's own database (dagster 1.13). Its columns
-- named create_timestamp are in the session's time zone, its other times in UTC.

-- name: failures_since
SELECT pipeline_name AS job, run_id, end_time, run_body
FROM runs
WHERE status = 'FAILURE' AND end_time > :since
ORDER BY id DESC
LIMIT 200;

-- name: stuck_runs
SELECT run_id, pipeline_name AS job, status,
    coalesce(to_timestamp(start_time), create_timestamp::timestamptz) AS since
FROM runs
WHERE status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
ORDER BY id
LIMIT 500;
