-- The statements of teams.py, asked of Dagster's own database (dagster 1.13).

-- name: teams
-- The teams that runs were about, by their tag.
SELECT DISTINCT value FROM run_tags WHERE key = :tag;

-- name: newest_success
-- The oldest of the :teams' newest good runs, null while one has none; of any run without teams.
SELECT CASE WHEN count(*) = count(newest.ended) THEN to_timestamp(min(newest.ended)) END
FROM unnest(
    CASE cardinality(CAST(:teams AS text[])) WHEN 0 THEN ARRAY[NULL] ELSE CAST(:teams AS text[]) END
) AS team (name)
CROSS JOIN LATERAL (
    SELECT max(r.end_time) AS ended FROM runs AS r
    WHERE r.pipeline_name = :job AND r.status = 'SUCCESS' AND (team.name IS NULL OR EXISTS (
        SELECT FROM run_tags AS t
        WHERE t.run_id = r.run_id AND t.key = :tag AND t.value = team.name
    ))
) AS newest;
