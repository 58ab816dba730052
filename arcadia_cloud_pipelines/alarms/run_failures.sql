-- The statements of run_failures.py, asked of Dagster's own database (dagster 1.13). Its columns
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

-- name: ad_hoc_runs
-- What people materialised by hand, which has no job of its own: a day of it.
SELECT pipeline_name AS job, run_id, status, end_time, run_body, false AS newer_under_way
FROM runs
WHERE pipeline_name IN ('__ASSET_JOB', '__ephemeral_asset_job__')
    AND status IN ('SUCCESS', 'FAILURE') AND end_time > :since
ORDER BY id DESC
LIMIT 200;
