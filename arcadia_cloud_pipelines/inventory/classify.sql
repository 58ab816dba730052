-- The statements of classify.py.

-- name: lock
-- Takes turns with syncs of the projects, which rename them.
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.ledger/project', 0));

-- name: subjects
-- Deleted ones too: what was theirs still belongs to somebody.
SELECT id, name, provider_id, environment, account, tenant_id, tenant_id_by, purpose, purpose_by
FROM cloud_projects
ORDER BY name, id;

-- name: by_rules
-- Until the transaction ends, changes are those of the rules; see the trigger of migration 0008.
SELECT set_config('arcadia.classified_by', 'rule', true);

-- name: apply
-- The rules say :tenants and :purposes of the projects :ids. What was set by hand is told here and
-- not when they were read: somebody may have set it meanwhile.
WITH said AS (
    SELECT * FROM unnest(
        CAST(:ids AS bigint[]), CAST(:tenants AS text[]), CAST(:purposes AS text[])
    ) AS s (id, tenant_id, purpose)
)
UPDATE cloud_projects AS p
SET tenant_id = CASE WHEN p.tenant_id_by = 'hand' THEN p.tenant_id ELSE said.tenant_id END,
    tenant_id_by = CASE
        WHEN p.tenant_id_by = 'hand' THEN 'hand' WHEN said.tenant_id IS NOT NULL THEN 'rule' END,
    purpose = CASE WHEN p.purpose_by = 'hand' THEN p.purpose ELSE said.purpose END,
    purpose_by = CASE
        WHEN p.purpose_by = 'hand' THEN 'hand' WHEN said.purpose IS NOT NULL THEN 'rule' END
FROM said JOIN cloud_projects AS was ON was.id = said.id
WHERE p.id = said.id AND (
    (p.tenant_id_by IS DISTINCT FROM 'hand' AND p.tenant_id IS DISTINCT FROM said.tenant_id)
    OR (p.purpose_by IS DISTINCT FROM 'hand' AND p.purpose IS DISTINCT FROM said.purpose)
)
RETURNING p.name, p.provider_id, p.deleted_at IS NOT NULL AS deleted,
    was.tenant_id AS tenant_from, p.tenant_id AS tenant_to,
    was.purpose AS purpose_from, p.purpose AS purpose_to;
