-- The statements of terraform.py.

-- name: resolve
-- :wanted is a list of objects with kind and provider_id. A name that several accounts use is of the
-- account that everything else in the state is of; where that is not one account, it is nobody's.
WITH found AS (
    SELECT w.ordinal, r.id, r.account, r.deleted_at IS NULL AS lives,
        count(r.id) OVER (PARTITION BY w.ordinal) AS accounts
    FROM jsonb_array_elements(CAST(:wanted AS jsonb)) WITH ORDINALITY AS w (item, ordinal)
    LEFT JOIN cloud_resources AS r
        ON r.provider = 'digitalocean' AND r.kind = w.item ->> 'kind'
        AND r.provider_id = w.item ->> 'provider_id'
), whose AS (
    SELECT min(account) AS account FROM found WHERE accounts = 1
    HAVING count(DISTINCT account) = 1
)
SELECT DISTINCT ON (f.ordinal)
    f.ordinal, f.lives,
    CASE WHEN f.accounts = 1 OR f.account = whose.account THEN f.id END AS resource_id
FROM found AS f
LEFT JOIN whose ON true
ORDER BY f.ordinal, f.account = whose.account DESC NULLS LAST;

-- name: withdraw
-- What :source said of resources that are not among :kept any more is not desired by it: its
-- fields go, unless another source names them too, and with the last field the spec.
WITH leaving AS (
    SELECT id, account, resource_id, spec AS was, spec_version,
        source_spec - CAST(:source AS text) AS rest,
        spec - ARRAY(
            SELECT mine.field
            FROM jsonb_object_keys(source_spec -> CAST(:source AS text)) AS mine (field)
            WHERE NOT EXISTS (
                SELECT FROM jsonb_each(source_spec - CAST(:source AS text)) AS other
                WHERE other.value ? mine.field
            )
        ) AS becomes
    FROM cloud_provisioned
    WHERE source_spec ? CAST(:source AS text)
      AND NOT resource_id = ANY (CAST(:kept AS bigint[]))
), emptied AS (
    DELETE FROM cloud_provisioned AS s USING leaving AS l
    WHERE s.id = l.id AND l.becomes - 'deleted_at' = '{}'
), reduced AS (
    UPDATE cloud_provisioned AS s
    SET spec = l.becomes, source_spec = nullif(l.rest, '{}'),
        spec_version = s.spec_version + CASE WHEN l.was = l.becomes THEN 0 ELSE 1 END,
        updated_at = CASE WHEN l.was = l.becomes THEN s.updated_at ELSE :at END
    FROM leaving AS l
    WHERE s.id = l.id AND l.becomes - 'deleted_at' <> '{}'
), logged AS (
    INSERT INTO cloud_provisioned_history
        (account, resource_id, spec_version, source, actor, reason, recorded_at, before, after)
    SELECT account, resource_id, spec_version + 1, :source, :actor, :reason, :at, was,
        nullif(becomes - 'deleted_at', '{}')
    FROM leaving
    WHERE was <> becomes
    RETURNING 1
)
SELECT count(*) FROM logged;

-- name: known
SELECT source, lineage, path, serial, contents, held, configured
FROM cloud_provisioned_sources WHERE source IS NOT NULL ORDER BY id;

-- name: remembered
SELECT r.kind, r.provider_id, s.source_spec -> CAST(:source AS text) AS said
FROM cloud_provisioned AS s JOIN cloud_resources AS r ON r.id = s.resource_id
WHERE s.source_spec ? CAST(:source AS text);

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

-- name: source
SELECT status FROM cloud_provisioned_sources WHERE source = :source;

-- name: release
UPDATE cloud_provisioned_sources
SET held = NULL, status = 'ok', problem = NULL, problem_since = NULL WHERE source = :source;

-- name: retire
DELETE FROM cloud_provisioned_sources WHERE source = :source;

-- name: reset_serial
UPDATE cloud_provisioned_sources SET serial = NULL WHERE source = :source;

-- name: sources
SELECT s.source, s.path, s.serial, s.status, s.problem, s.problem_since, s.read_at, (
    SELECT count(*) FROM cloud_provisioned AS p WHERE p.source_spec ? s.source
) AS specs
FROM cloud_provisioned_sources AS s
ORDER BY s.path, s.source NULLS FIRST;
