-- Membership is dated also where no project's list has the resource and only its own project_id
-- says where it is.
ALTER TABLE cloud_project_memberships ALTER COLUMN urn DROP NOT NULL;
ALTER TABLE cloud_project_memberships ADD COLUMN listed_by TEXT DEFAULT 'project' NOT NULL;
ALTER TABLE cloud_project_memberships ADD CONSTRAINT cloud_project_memberships_listed_by_check
    CHECK (listed_by IN ('project', 'object'));
COMMENT ON COLUMN cloud_project_memberships.urn IS 'As the project''s list gave it: do:droplet:123; null where only the object says it.';
COMMENT ON COLUMN cloud_project_memberships.kind IS 'Kind of the resource.';
COMMENT ON COLUMN cloud_project_memberships.provider_id IS 'Identity of the resource, as cloud_resources has it.';
COMMENT ON COLUMN cloud_project_memberships.valid_to IS 'First complete listing without it, or that showed it elsewhere; where only the object says it, when the resource was deleted or named another project. Null while there.';
COMMENT ON COLUMN cloud_project_memberships.listed_by IS 'project: the project''s own list of resources, which is right where both answer. object: the project_id of the object itself, for kinds that no project''s list has.';

-- A resource without any membership has its projects from its object: one stay for each event that
-- told one, until the next such event or its end.
INSERT INTO cloud_project_memberships (
    provider, account, kind, provider_id, project_id, listed_by, valid_from, valid_to
)
SELECT
    provider, account, kind, provider_id, project_id, 'object', since,
    CASE WHEN until IS NOT NULL THEN greatest(since, until) END
FROM (
    SELECT
        r.provider, r.account, r.kind, r.provider_id,
        CAST(e.changes -> 'project_id' ->> 'to' AS bigint) AS project_id, e.occurred_at AS since,
        coalesce(lead(e.occurred_at) OVER (PARTITION BY r.id ORDER BY e.id), r.deleted_at) AS until
    FROM cloud_resources AS r
    JOIN cloud_resource_events AS e ON e.resource_id = r.id
    WHERE e.changes ? 'project_id' AND e.event <> 'drift_detected'
      AND NOT EXISTS (
        SELECT FROM cloud_project_memberships AS m
        WHERE m.provider = r.provider AND m.kind = r.kind AND m.provider_id = r.provider_id
      )
) AS stay
WHERE project_id IS NOT NULL;

-- Of the others in no project the next listing is looked at whole: their objects may name one.
UPDATE cloud_resources AS r
SET content_hash = NULL
WHERE r.deleted_at IS NULL
  AND NOT EXISTS (
    SELECT FROM cloud_project_memberships AS m
    WHERE m.provider = r.provider AND m.kind = r.kind AND m.provider_id = r.provider_id
      AND m.valid_to IS NULL
  );
