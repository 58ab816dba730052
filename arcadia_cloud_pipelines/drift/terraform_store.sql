-- The statements of terraform_store.py.

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
