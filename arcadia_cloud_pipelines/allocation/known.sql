-- The statements of known.py.

-- name: tenants
-- Whoever had a project once may have to pay for it.
SELECT tenant_id FROM cloud_project_tenancies
UNION
SELECT tenant_id FROM cloud_projects WHERE tenant_id IS NOT NULL;

-- name: tag_keys
SELECT DISTINCT lower(split_part(had.tag, ':', 1))
FROM (
    SELECT unnest(tags) FROM cloud_resources
    UNION
    SELECT jsonb_array_elements_text(
        CASE jsonb_typeof(changes -> 'tags' -> 'to') WHEN 'array' THEN changes -> 'tags' -> 'to'
        ELSE '[]' END
    )
    FROM cloud_resource_events WHERE changes ? 'tags'
) AS had (tag);
