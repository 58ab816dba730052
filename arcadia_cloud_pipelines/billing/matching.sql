-- The statements of matching.py.

-- name: resources
-- Snapshots and images have no column for their regions: the API lists several.
SELECT
    id, kind, provider_id, name,
    coalesce(
        region,
        CASE
            WHEN jsonb_typeof(attrs -> 'regions') = 'array'
            THEN (SELECT string_agg(r, ' ') FROM jsonb_array_elements_text(attrs -> 'regions') AS r)
        END
    ) AS region,
    created_at, deleted_at
FROM cloud_resources
WHERE account = :account;

-- name: synced_kinds
-- One look into the index a kind: the rows of cloud_sync_runs grow for ever.
SELECT k.kind FROM marts.kinds AS k
WHERE EXISTS (
    SELECT FROM cloud_sync_runs AS s WHERE s.account = :account AND s.kind = k.kind AND s.complete
);
