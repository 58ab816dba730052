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
-- By team, which is the tag of its runs, of those that had a run in the two days before the newest
-- one; empty where one team is mirrored, and for jobs that are of all teams.
WITH ended AS (
    SELECT r.pipeline_name AS job, t.value AS team, max(r.id) AS id,
        max(r.end_time) FILTER (WHERE r.status = 'SUCCESS') AS well_at
    FROM runs AS r
    LEFT JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'arcadia/account'
    WHERE r.status IN ('SUCCESS', 'FAILURE') AND NOT starts_with(r.pipeline_name, '__')
    GROUP BY r.pipeline_name, t.value
), active AS (
    SELECT DISTINCT t.value AS team
    FROM runs AS r JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'arcadia/account'
    WHERE r.create_timestamp > (SELECT max(create_timestamp) FROM runs) - interval '2 days'
)
SELECT job, coalesce(team, '') AS team, extract(epoch FROM now()) - well_at AS value
FROM ended AS e
WHERE CASE WHEN team IS NULL
    THEN NOT EXISTS (SELECT FROM ended AS n WHERE n.job = e.job AND n.id > e.id AND n.team IS NOT NULL)
    ELSE team IN (SELECT team FROM active) END;

-- name: arcadia_job_failed
-- 1 where the newest run of the job that came to an end failed; by team, as above.
WITH ended AS (
    SELECT DISTINCT ON (r.pipeline_name, t.value)
        r.id, r.pipeline_name AS job, t.value AS team, r.status
    FROM runs AS r
    LEFT JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'arcadia/account'
    WHERE r.status IN ('SUCCESS', 'FAILURE') AND NOT starts_with(r.pipeline_name, '__')
    ORDER BY r.pipeline_name, t.value, r.id DESC
), active AS (
    SELECT DISTINCT t.value AS team
    FROM runs AS r JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'arcadia/account'
    WHERE r.create_timestamp > (SELECT max(create_timestamp) FROM runs) - interval '2 days'
)
SELECT job, coalesce(team, '') AS team, CAST(status = 'FAILURE' AS integer) AS value
FROM ended AS e
WHERE CASE WHEN team IS NULL
    THEN NOT EXISTS (SELECT FROM ended AS n WHERE n.job = e.job AND n.id > e.id AND n.team IS NOT NULL)
    ELSE team IN (SELECT team FROM active) END;

-- name: arcadia_daemon_silent_seconds
-- Since the part of the daemon gave a sign that is silent the longest, of those of this week.
SELECT extract(epoch FROM now() AT TIME ZONE 'UTC') - extract(epoch FROM min(timestamp)) AS value
FROM daemon_heartbeats
WHERE timestamp > now() AT TIME ZONE 'UTC' - interval '7 days'
HAVING count(*) > 0;

-- name: arcadia_database_bytes
SELECT 'dagster' AS database, pg_database_size(current_database()) AS value;
