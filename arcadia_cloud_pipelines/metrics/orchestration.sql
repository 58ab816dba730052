-- The metrics of Dagster's own database (dagster 1.13), as those of the warehouse.

-- name: arcadia_runs
-- Runs that wait or work. Every state has a row, so that a rule may compare with 0.
SELECT lower(s.status) AS state, count(r.id) AS value
FROM (VALUES ('QUEUED'), ('STARTING'), ('STARTED'), ('CANCELING')) AS s (status)
LEFT JOIN runs AS r ON r.status = s.status
GROUP BY s.status;

-- name: arcadia_queue_age_seconds
-- The age of the oldest run that waits; 0 when none does.
SELECT coalesce(extract(epoch FROM now() - min(create_timestamp::timestamptz)), 0) AS value
FROM runs WHERE status = 'QUEUED';

-- name: arcadia_job_last_success_age_seconds
SELECT pipeline_name AS job, extract(epoch FROM now()) - max(end_time) AS value
FROM runs WHERE status = 'SUCCESS' AND NOT starts_with(pipeline_name, '__')
GROUP BY pipeline_name;

-- name: arcadia_job_failed
-- 1 where the newest run of the job that came to an end failed.
SELECT DISTINCT ON (pipeline_name)
    pipeline_name AS job, CAST(status = 'FAILURE' AS integer) AS value
FROM runs
WHERE status IN ('SUCCESS', 'FAILURE') AND NOT starts_with(pipeline_name, '__')
ORDER BY pipeline_name, id DESC;

-- name: arcadia_daemon_silent_seconds
-- Since the part of the daemon gave a sign that is silent the longest, of those of this week.
SELECT extract(epoch FROM now() AT TIME ZONE 'UTC') - extract(epoch FROM min(timestamp)) AS value
FROM daemon_heartbeats
WHERE timestamp > now() AT TIME ZONE 'UTC' - interval '7 days'
HAVING count(*) > 0;

-- name: arcadia_database_bytes
SELECT 'dagster' AS database, pg_database_size(current_database()) AS value;
