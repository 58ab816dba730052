-- The statements of resource_refs.py. Parameters are named where they are used.

-- name: exists
SELECT id FROM cloud_resources WHERE id = :resource_id;

-- name: find
-- By the provider's id, deleted or not; else what lives under that name.
SELECT id, account, provider_id, provider_id = :id AS by_id
FROM cloud_resources
WHERE kind = :kind AND (CAST(:account AS text) IS NULL OR account = :account)
  AND (provider_id = :id OR (name = :id AND deleted_at IS NULL))
ORDER BY by_id DESC, id;
