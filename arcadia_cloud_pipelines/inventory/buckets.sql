-- The statements of buckets.py. Parameters: :provider, :account, :kind (the buckets').

-- name: known
-- Buckets that other listings of the account name. What an earlier listing said of one stays; and
-- one that listings showed to be deleted stays so, for a key's grants outlive the bucket.
WITH named AS (
    SELECT m.provider_id AS name, NULL AS region, 'project' AS source
    FROM cloud_project_memberships AS m
    WHERE m.provider = :provider AND m.account = :account AND m.kind = :kind AND m.valid_to IS NULL
    UNION ALL
    -- Names of buckets may hold dots.
    SELECT origin[1], origin[2], 'cdn_endpoint'
    FROM cloud_resources AS r
    CROSS JOIN LATERAL regexp_match(
        lower(r.name), '^(.+)\.([a-z]+[0-9]+)\.digitaloceanspaces\.com$'
    ) AS origin
    WHERE r.provider = :provider AND r.account = :account AND r.kind = 'cdn_endpoint'
      AND r.deleted_at IS NULL AND origin IS NOT NULL
    UNION ALL
    SELECT g.bucket #>> '{}', NULL, 'spaces_key'
    FROM cloud_resources AS r
    CROSS JOIN LATERAL jsonb_path_query(r.attrs, '$.grants[*].bucket') AS g (bucket)
    WHERE r.provider = :provider AND r.account = :account AND r.kind = 'spaces_key'
      AND r.deleted_at IS NULL AND jsonb_typeof(g.bucket) = 'string'
)
SELECT
    n.name,
    coalesce(max(n.region), max(b.region)) AS region,
    max(b.created_at) AS created_at,
    array_agg(DISTINCT n.source ORDER BY n.source) AS known_from
FROM named AS n
LEFT JOIN cloud_resources AS b
    ON b.provider = :provider AND b.account = :account AND b.kind = :kind
    AND b.provider_id = n.name
WHERE n.name <> ''
GROUP BY n.name
HAVING max(b.deleted_at) IS NULL
ORDER BY n.name;
