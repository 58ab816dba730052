-- Relations are worked out from what the API says of each resource: nothing to keep in step. A
-- deleted resource keeps its row, so an edge to it stays for as long as somebody points there.

CREATE VIEW cloud_resource_edges AS
SELECT
    edge.from_resource_id, edge.relation, edge.to_kind, edge.to_provider_id,
    t.id AS to_resource_id, t.deleted_at IS NOT NULL AS to_deleted
FROM (
    -- Where the API names the other end: kind (null for any), relation, the other's kind, path.
    SELECT r.id AS from_resource_id, r.provider, rule.relation, rule.to_kind,
        named.value #>> '{}' AS to_provider_id
    FROM cloud_resources AS r
    JOIN (VALUES
        ('volume', 'attached_to', 'droplet', '$.droplet_ids[*]'),
        ('reserved_ip', 'assigned_to', 'droplet', '$.droplet.id'),
        ('reserved_ipv6', 'assigned_to', 'droplet', '$.droplet.id'),
        ('load_balancer', 'targets', 'droplet', '$.droplet_ids[*]'),
        ('load_balancer', 'targets', 'load_balancer', '$.target_load_balancer_ids[*]'),
        ('firewall', 'protects', 'droplet', '$.droplet_ids[*]'),
        ('droplet_snapshot', 'snapshot_of', 'droplet', '$.resource_id'),
        ('volume_snapshot', 'snapshot_of', 'volume', '$.resource_id'),
        ('vpc_peering', 'peers', 'vpc', '$.vpc_ids[*]'),
        ('nat_gateway', 'in_vpc', 'vpc', '$.vpcs[*].vpc_uuid'),
        (NULL, 'in_vpc', 'vpc', '$.vpc_uuid'),
        -- Databases call it so.
        (NULL, 'in_vpc', 'vpc', '$.private_network_uuid')
    ) AS rule (kind, relation, to_kind, path) ON rule.kind = r.kind OR rule.kind IS NULL
    CROSS JOIN LATERAL jsonb_path_query(r.attrs, CAST(rule.path AS jsonpath)) AS named (value)
    WHERE jsonb_typeof(named.value) IN ('string', 'number')

    UNION
    -- Tags name droplets that come and go: those that have the tag now.
    SELECT r.id, r.provider, rule.relation, 'droplet', d.provider_id
    FROM cloud_resources AS r
    JOIN (VALUES
        ('load_balancer', 'targets_by_tag', '$.tag'),
        ('firewall', 'protects_by_tag', '$.tags[*]')
    ) AS rule (kind, relation, path) ON rule.kind = r.kind
    CROSS JOIN LATERAL (
        SELECT named.value #>> '{}' FROM jsonb_path_query(
            -- Tags of a firewall are its targets; they may have been given a column.
            r.attrs || CASE WHEN r.kind = 'firewall' AND r.tags <> '{}'
                THEN jsonb_build_object('tags', r.tags) ELSE '{}' END,
            CAST(rule.path AS jsonpath)
        ) AS named (value)
    ) AS target (tag)
    JOIN cloud_resources AS d
        ON d.kind = 'droplet' AND d.account = r.account AND d.deleted_at IS NULL
        AND d.tags @> ARRAY[target.tag]

    UNION
    -- Each worker carries its cluster's uuid in a tag, beside k8s and k8s:worker.
    SELECT r.id, r.provider, 'worker_of', 'kubernetes_cluster', substr(tag, 5)
    FROM cloud_resources AS r CROSS JOIN LATERAL unnest(r.tags) AS tag
    WHERE r.kind = 'droplet' AND tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
) AS edge
LEFT JOIN cloud_resources AS t
    ON t.provider = edge.provider AND t.kind = edge.to_kind
    AND t.provider_id = edge.to_provider_id;
COMMENT ON VIEW cloud_resource_edges IS 'What each resource, live or deleted, points to, as the API last said: volume, address, balancer and firewall to droplet; worker to cluster; snapshot to source; anything to its VPC. Kept when the other end is deleted.';
COMMENT ON COLUMN cloud_resource_edges.from_resource_id IS 'The row in cloud_resources that points.';
COMMENT ON COLUMN cloud_resource_edges.relation IS 'attached_to, assigned_to, targets, targets_by_tag, protects, protects_by_tag, worker_of, snapshot_of, in_vpc or peers.';
COMMENT ON COLUMN cloud_resource_edges.to_kind IS 'Kind of what it points to.';
COMMENT ON COLUMN cloud_resource_edges.to_provider_id IS 'The provider''s identity of what it points to.';
COMMENT ON COLUMN cloud_resource_edges.to_resource_id IS 'Its row in cloud_resources; null when no listing ever held it.';
COMMENT ON COLUMN cloud_resource_edges.to_deleted IS 'Whether that row is marked deleted.';

CREATE VIEW cloud_orphans AS
SELECT
    r.id AS resource_id, r.account, r.kind, r.provider_id, r.name, r.region, r.project_id,
    CASE WHEN e.to_deleted THEN 'target_deleted' ELSE 'target_unknown' END AS reason,
    e.relation, e.to_kind, e.to_provider_id, t.deleted_at AS since
FROM cloud_resource_edges AS e
JOIN cloud_resources AS r ON r.id = e.from_resource_id AND r.deleted_at IS NULL
LEFT JOIN cloud_resources AS t ON t.id = e.to_resource_id
WHERE e.to_deleted
   -- Gone before the first sync, or not listed yet: only a complete listing can tell, one that
   -- began after the pointer was seen.
   OR (e.to_resource_id IS NULL AND EXISTS (
        SELECT FROM cloud_sync_runs AS s
        WHERE s.account = r.account AND s.kind = e.to_kind AND s.complete
          AND s.started_at > coalesce((
            SELECT max(seen.occurred_at) FROM cloud_resource_events AS seen
            WHERE seen.resource_id = r.id AND seen.event <> 'drift_detected'
          ), r.first_seen_at)
   ))
UNION ALL
SELECT
    r.id, r.account, r.kind, r.provider_id, r.name, r.region, r.project_id,
    CASE r.kind WHEN 'volume' THEN 'unattached' ELSE 'unassigned' END,
    NULL, NULL, NULL, NULL
FROM cloud_resources AS r
WHERE r.deleted_at IS NULL AND r.kind IN ('volume', 'reserved_ip', 'reserved_ipv6')
  AND jsonb_path_query_first(r.attrs, CASE r.kind
      WHEN 'volume' THEN jsonpath '$.droplet_ids[0]' ELSE jsonpath '$.droplet.id' END) IS NULL
  -- Who may not see droplets sees every volume and address without one.
  AND EXISTS (
      SELECT FROM cloud_sync_runs AS s
      WHERE s.account = r.account AND s.kind = 'droplet' AND s.complete
  );
COMMENT ON VIEW cloud_orphans IS 'Live resources that point to something deleted or unknown, and volumes and reserved addresses that no droplet uses: what may be paid for without need. One row for each reason.';
COMMENT ON COLUMN cloud_orphans.resource_id IS 'Its row in cloud_resources.';
COMMENT ON COLUMN cloud_orphans.account IS 'Uuid of the team that it belongs to.';
COMMENT ON COLUMN cloud_orphans.kind IS 'volume, reserved_ip, volume_snapshot and so on.';
COMMENT ON COLUMN cloud_orphans.provider_id IS 'The provider''s identity of it.';
COMMENT ON COLUMN cloud_orphans.name IS 'The name people gave it.';
COMMENT ON COLUMN cloud_orphans.region IS 'Region slug.';
COMMENT ON COLUMN cloud_orphans.project_id IS 'The project it is in.';
COMMENT ON COLUMN cloud_orphans.reason IS 'target_deleted, target_unknown (complete listings do not hold it), unattached or unassigned.';
COMMENT ON COLUMN cloud_orphans.relation IS 'How it points to the target, as in cloud_resource_edges; null when it points to none.';
COMMENT ON COLUMN cloud_orphans.to_kind IS 'Kind of the target.';
COMMENT ON COLUMN cloud_orphans.to_provider_id IS 'The provider''s identity of the target.';
COMMENT ON COLUMN cloud_orphans.since IS 'When the target was marked deleted.';
