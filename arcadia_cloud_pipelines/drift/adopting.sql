-- The statements of adopting.py. Parameters are named where they are used.

-- name: live_specs
-- :fields is {"kind": [field, …]}, those under the empty kind for all; :kinds and :ids choose,
-- empty for all.
SELECT r.id AS resource_id, jsonb_object_agg(f.field, live.value) AS spec
FROM cloud_resources AS r
LEFT JOIN cloud_projects AS p ON p.id = r.project_id
JOIN (
    SELECT DISTINCT k.key AS kind, names.field
    FROM jsonb_each(CAST(:fields AS jsonb)) AS k
    CROSS JOIN LATERAL jsonb_array_elements_text(k.value) AS names (field)
) AS f ON f.kind IN ('', r.kind)
CROSS JOIN LATERAL (SELECT cloud_live_value(r, p, f.field) AS value) AS live
WHERE r.deleted_at IS NULL
  AND (cardinality(CAST(:kinds AS text[])) = 0 OR r.kind = ANY (CAST(:kinds AS text[])))
  AND CASE WHEN cardinality(CAST(:ids AS bigint[])) > 0 THEN r.id = ANY (CAST(:ids AS bigint[]))
      ELSE NOT EXISTS (SELECT FROM unnest(r.tags) AS tag WHERE tag = 'k8s' OR tag LIKE 'k8s:%')
      END
  AND live.value IS NOT NULL
GROUP BY r.id;
