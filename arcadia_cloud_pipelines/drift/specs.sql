-- The statements of specs.py. Parameters are named where they are used.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.drift', 0));

-- name: kind
SELECT kind FROM cloud_resources WHERE id = :resource_id;

-- name: fields
-- Every field that any spec names, by kind.
SELECT r.kind, f.field, count(*) AS specs
FROM cloud_provisioned AS s
JOIN cloud_resources AS r ON r.id = s.resource_id
CROSS JOIN LATERAL jsonb_object_keys(s.spec) AS f (field)
WHERE r.deleted_at IS NULL
GROUP BY r.kind, f.field;

-- name: read
SELECT spec, spec_version FROM cloud_provisioned WHERE resource_id = :resource_id;

-- name: write
-- :rows is a list of objects with resource_id, spec and unset; :mode is merge, replace or follow.
-- source_spec remembers, for each source that is followed, what it said last.
WITH wanted AS (
    SELECT r.account, w.resource_id, w.spec, coalesce(w.unset, '{}') AS unset,
        s.spec AS was, s.source_spec -> CAST(:source AS text) AS said
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w (resource_id bigint, spec jsonb, unset text[])
    JOIN cloud_resources AS r ON r.id = w.resource_id
    LEFT JOIN cloud_provisioned AS s ON s.resource_id = w.resource_id
), combined AS (
    SELECT account, resource_id, was, spec AS says, said,
        CASE CAST(:mode AS text)
            WHEN 'replace' THEN spec
            WHEN 'merge' THEN (coalesce(was, '{}') - unset) || spec
            -- Follow: fields that the source dropped go, those that it changed come.
            ELSE coalesce(was, '{}') - ARRAY(
                    SELECT key FROM jsonb_object_keys(said) AS key WHERE NOT spec ? key
                ) || coalesce((
                    SELECT jsonb_object_agg(key, value) FROM jsonb_each(spec)
                    WHERE said -> key IS DISTINCT FROM value
                ), '{}')
        END AS becomes
    FROM wanted
), written AS (
    INSERT INTO cloud_provisioned AS s (
        account, resource_id, spec, provisioned_by, reason, source, source_spec, created_at,
        updated_at
    )
    SELECT account, resource_id, becomes, :actor, :reason, :source,
        CASE WHEN :mode = 'follow' THEN jsonb_build_object(CAST(:source AS text), says) END, :at, :at
    FROM combined
    WHERE was IS DISTINCT FROM becomes OR (:mode = 'follow' AND said IS DISTINCT FROM says)
    ON CONFLICT (resource_id) DO UPDATE
    SET spec = excluded.spec,
        source_spec = coalesce(s.source_spec || excluded.source_spec, excluded.source_spec,
            s.source_spec),
        source = CASE WHEN s.spec = excluded.spec THEN s.source ELSE excluded.source END,
        spec_version = s.spec_version + CASE WHEN s.spec = excluded.spec THEN 0 ELSE 1 END,
        provisioned_by = CASE WHEN s.spec = excluded.spec THEN s.provisioned_by
            ELSE excluded.provisioned_by END,
        reason = CASE WHEN s.spec = excluded.spec THEN s.reason ELSE excluded.reason END,
        updated_at = CASE WHEN s.spec = excluded.spec THEN s.updated_at
            ELSE excluded.updated_at END
    RETURNING s.resource_id, s.spec_version
), logged AS (
    INSERT INTO cloud_provisioned_history
        (account, resource_id, spec_version, source, actor, reason, recorded_at, before, after)
    SELECT c.account, w.resource_id, w.spec_version, :source, :actor, :reason, :at, c.was, c.becomes
    FROM written AS w JOIN combined AS c USING (resource_id)
    WHERE c.was IS DISTINCT FROM c.becomes
    RETURNING 1
)
SELECT count(*) FROM logged;

-- name: show
SELECT s.resource_id, r.kind, r.provider_id, r.name, s.spec, s.spec_version, s.provisioned_by,
    s.reason, s.source, s.created_at, s.updated_at, (
        SELECT coalesce(jsonb_object_agg(f.key, cloud_live_value(r, p, f.key)), '{}')
        FROM jsonb_object_keys(s.spec) AS f (key)
    ) AS live, ARRAY(
        SELECT DISTINCT field
        FROM jsonb_each(s.source_spec) AS source
        CROSS JOIN LATERAL jsonb_object_keys(source.value) AS field
        WHERE source.key LIKE 'terraform/%'
    ) AS terraform_fields
FROM cloud_provisioned AS s
JOIN cloud_resources AS r ON r.id = s.resource_id
LEFT JOIN cloud_projects AS p ON p.id = r.project_id
WHERE s.resource_id = :resource_id;

-- name: history
SELECT spec_version, source, actor, reason, recorded_at, before, after
FROM cloud_provisioned_history WHERE resource_id = :resource_id ORDER BY id DESC;
