-- The statements of terraform.py.

-- name: remember
-- :rows is a list of objects, one for each source that was read; what is held has a problem.
INSERT INTO cloud_provisioned_sources AS s (
    source, lineage, path, serial, configured, contents, held, read_at, status, problem,
    problem_since
)
SELECT source, lineage, path, serial, configured, contents, nullif(held, 'null'), :at,
    CASE WHEN problem IS NULL THEN 'ok' ELSE 'held' END, problem,
    CASE WHEN problem IS NOT NULL THEN CAST(:at AS timestamptz) END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w (
    source text, lineage text, path text, serial bigint, configured boolean, contents jsonb,
    held jsonb, problem text
)
ON CONFLICT (source) DO UPDATE
SET path = excluded.path, serial = excluded.serial, contents = excluded.contents,
    held = excluded.held, read_at = excluded.read_at,
    configured = s.configured OR excluded.configured,
    status = excluded.status, problem = excluded.problem,
    problem_since = CASE WHEN s.status = excluded.status THEN s.problem_since
        ELSE excluded.problem_since END;

-- name: note
-- :rows is a list of objects with source, status and text.
UPDATE cloud_provisioned_sources AS s
SET status = w.status, problem = w.text,
    problem_since = CASE WHEN s.status = w.status THEN coalesce(s.problem_since, :at) ELSE :at END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w (source text, status text, text text)
WHERE s.source = w.source;

-- name: note_files
-- Of files whose source nobody knows, one row each; of those that are well again, none. A file that
-- was a source's until it could not be read is told there.
WITH wrong AS (
    SELECT DISTINCT ON (path) path, status, text, source
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS w (path text, status text, text text, source text)
    ORDER BY path, source NULLS LAST
), known AS (
    UPDATE cloud_provisioned_sources AS s
    SET status = w.status, problem = w.text,
        problem_since = CASE WHEN s.status = w.status THEN coalesce(s.problem_since, :at)
            ELSE :at END
    FROM wrong AS w
    WHERE w.source IS NULL AND w.status = 'unreadable' AND s.source IS NOT NULL
      AND s.path = w.path
    RETURNING w.path
), unknown AS (
    SELECT w.* FROM wrong AS w
    WHERE NOT EXISTS (SELECT FROM known AS k WHERE k.path = w.path)
      AND (w.source IS NULL
        OR NOT EXISTS (SELECT FROM cloud_provisioned_sources AS s WHERE s.source = w.source))
), cleared AS (
    DELETE FROM cloud_provisioned_sources AS s
    WHERE s.source IS NULL AND NOT EXISTS (SELECT FROM unknown AS u WHERE u.path = s.path)
)
INSERT INTO cloud_provisioned_sources AS s (path, status, problem, problem_since, configured)
SELECT path, status, text, :at, true FROM unknown
ON CONFLICT (path) WHERE source IS NULL DO UPDATE
SET status = excluded.status, problem = excluded.problem,
    problem_since = CASE WHEN s.status = excluded.status THEN s.problem_since ELSE :at END;
