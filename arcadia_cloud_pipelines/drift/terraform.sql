-- The statements of terraform.py.

-- name: resolve
-- :wanted is a list of objects with kind and provider_id.
SELECT w.ordinal, r.id AS resource_id
FROM jsonb_array_elements(CAST(:wanted AS jsonb)) WITH ORDINALITY AS w (item, ordinal)
LEFT JOIN cloud_resources AS r
    ON r.provider = 'digitalocean' AND r.kind = w.item ->> 'kind'
    AND r.provider_id = w.item ->> 'provider_id'
ORDER BY w.ordinal;

-- name: withdraw
-- What :source said of resources that are not among :kept any more is not desired by it: its
-- fields go, unless another source names them too, and with the last field the spec.
WITH leaving AS (
    SELECT id, resource_id, spec AS was, spec_version, source_spec - CAST(:source AS text) AS rest,
        spec - ARRAY(
            SELECT key FROM jsonb_object_keys(source_spec -> CAST(:source AS text)) AS key
            WHERE NOT EXISTS (
                SELECT FROM jsonb_each(source_spec - CAST(:source AS text)) AS other
                WHERE other.value ? key
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
        (resource_id, spec_version, source, actor, reason, recorded_at, before, after)
    SELECT resource_id, spec_version + 1, :source, :actor, :reason, :at, was,
        nullif(becomes - 'deleted_at', '{}')
    FROM leaving
    WHERE was <> becomes
    RETURNING 1
)
SELECT count(*) FROM logged;
