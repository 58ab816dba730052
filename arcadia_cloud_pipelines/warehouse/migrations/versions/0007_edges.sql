-- The views of 0006 with more relations: same columns, replaced in place, so that grants and what
-- others built on them stay.

CREATE OR REPLACE VIEW cloud_resource_edges AS
SELECT
    edge.from_resource_id, edge.relation, edge.to_kind, edge.to_provider_id,
    t.id AS to_resource_id, t.deleted_at IS NOT NULL AS to_deleted
FROM (
    -- Where the API names the other end: kind, relation, the other's kind, path.
    SELECT r.id AS from_resource_id, r.provider, rule.relation, rule.to_kind,
        named.value #>> '{}' AS to_provider_id
    FROM cloud_resources AS r
    JOIN (VALUES
        ('volume', 'attached_to', 'droplet', jsonpath '$.droplet_ids[*]'),
        ('reserved_ip', 'assigned_to', 'droplet', '$.droplet.id'),
        ('reserved_ipv6', 'assigned_to', 'droplet', '$.droplet.id'),
        ('load_balancer', 'targets', 'droplet', '$.droplet_ids[*]'),
        ('load_balancer', 'targets', 'load_balancer', '$.target_load_balancer_ids[*]'),
        ('firewall', 'protects', 'droplet', '$.droplet_ids[*]'),
        ('droplet_snapshot', 'snapshot_of', 'droplet', '$.resource_id'),
        ('volume_snapshot', 'snapshot_of', 'volume', '$.resource_id'),
        ('nfs_snapshot', 'snapshot_of', 'nfs_share', '$.share_id'),
        ('vpc_peering', 'peers', 'vpc', '$.vpc_ids[*]'),
        ('nat_gateway', 'in_vpc', 'vpc', '$.vpcs[*].vpc_uuid'),
        ('partner_attachment', 'in_vpc', 'vpc', '$.vpc_ids[*]'),
        ('nfs_share', 'in_vpc', 'vpc', '$.vpc_ids[*]'),
        ('app', 'in_vpc', 'vpc', '$.vpc.id'),
        ('knowledge_base', 'stored_in', 'database', '$.database_id'),
        -- A CDN endpoint whose certificate Cloudflare makes names `needs-cloudflare-cert`.
        ('cdn_endpoint', 'uses', 'certificate', '$.certificate_id ? (@ like_regex "^[0-9a-f]{8}-")'),
        ('load_balancer', 'uses', 'certificate', '$.forwarding_rules[*].certificate_id'),
        ('load_balancer', 'uses', 'certificate', '$.domains[*].certificate_id'),
        -- Parts and their wholes.
        ('droplet', 'node_of', 'node_pool', '$.kubernetes.node_pool_id'),
        ('droplet', 'worker_of', 'kubernetes_cluster', '$.kubernetes.cluster_id'),
        ('node_pool', 'pool_of', 'kubernetes_cluster', '$.cluster_id'),
        ('database_replica', 'replica_of', 'database', '$.database_id'),
        ('domain_record', 'in_domain', 'domain', '$.domain'),
        ('uptime_alert', 'alert_of', 'uptime_check', '$.check_id'),
        ('registry_repository', 'in_registry', 'registry', '$.registry_name')
    ) AS rule (kind, relation, to_kind, path) ON rule.kind = r.kind
    CROSS JOIN LATERAL jsonb_path_query(r.attrs, rule.path) AS named (value)
    WHERE jsonb_typeof(named.value) IN ('string', 'number')

    UNION
    -- Many kinds lie in a VPC; databases call it otherwise.
    SELECT r.id, r.provider, 'in_vpc', 'vpc', network.id #>> '{}'
    FROM cloud_resources AS r
    CROSS JOIN LATERAL (
        VALUES (r.attrs -> 'vpc_uuid'), (r.attrs -> 'private_network_uuid')
    ) AS network (id)
    WHERE jsonb_typeof(network.id) IN ('string', 'number')

    UNION
    -- Tags name droplets that come and go: those that have the tag now.
    SELECT r.id, r.provider, rule.relation, 'droplet', d.provider_id
    FROM cloud_resources AS r
    JOIN (VALUES
        ('load_balancer', 'targets_by_tag', jsonpath '$.tag'),
        ('firewall', 'protects_by_tag', '$.tags[*]')
    ) AS rule (kind, relation, path) ON rule.kind = r.kind
    CROSS JOIN LATERAL (
        SELECT named.value #>> '{}' FROM jsonb_path_query(
            -- Tags of a firewall are its targets; they may have been given a column.
            r.attrs || CASE WHEN r.kind = 'firewall' AND r.tags <> '{}'
                THEN jsonb_build_object('tags', r.tags) ELSE '{}' END,
            rule.path
        ) AS named (value)
    ) AS target (tag)
    JOIN cloud_resources AS d
        ON d.kind = 'droplet' AND d.account = r.account AND d.deleted_at IS NULL
        AND d.tags @> ARRAY[target.tag]

    UNION
    -- A worker that no cluster listed carries its cluster's uuid in a tag, beside k8s and k8s:worker.
    SELECT r.id, r.provider, 'worker_of', 'kubernetes_cluster', substr(tag, 5)
    FROM cloud_resources AS r CROSS JOIN LATERAL unnest(r.tags) AS tag
    WHERE r.kind = 'droplet' AND NOT r.attrs ? 'kubernetes'
      AND tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

    UNION
    -- A backup policy has the identity of its droplet.
    SELECT r.id, r.provider, 'policy_of', 'droplet', r.provider_id
    FROM cloud_resources AS r
    WHERE r.kind = 'backup_policy'

    UNION
    -- The origin of a CDN endpoint, which is its name: <bucket>.<region>.digitaloceanspaces.com.
    -- In this order: the names of all other kinds are left alone.
    SELECT r.id, r.provider, 'serves', 'spaces_bucket', split_part(r.name, '.', 1)
    FROM cloud_resources AS r
    WHERE CASE WHEN r.kind = 'cdn_endpoint'
        THEN r.name ~ '^[^.]+\.[^.]+\.(cdn\.)?digitaloceanspaces\.com$' END
) AS edge
LEFT JOIN cloud_resources AS t
    ON t.provider = edge.provider AND t.kind = edge.to_kind
    AND t.provider_id = edge.to_provider_id;
COMMENT ON VIEW cloud_resource_edges IS 'What each resource, live or deleted, points to, as the API last said: volume, address, balancer and firewall to droplet; worker to pool and cluster; snapshot to source; part to whole; endpoint to bucket and certificate; anything to its VPC. Kept when the other end is deleted.';
COMMENT ON COLUMN cloud_resource_edges.from_resource_id IS 'The row in cloud_resources that points.';
COMMENT ON COLUMN cloud_resource_edges.relation IS 'attached_to, assigned_to, targets, targets_by_tag, protects, protects_by_tag, snapshot_of, in_vpc, peers, uses, serves, stored_in; of a part to its whole: node_of, worker_of, pool_of, replica_of, policy_of, alert_of, in_domain, in_registry.';
COMMENT ON COLUMN cloud_resource_edges.to_kind IS 'Kind of what it points to.';
COMMENT ON COLUMN cloud_resource_edges.to_provider_id IS 'The provider''s identity of what it points to.';
COMMENT ON COLUMN cloud_resource_edges.to_resource_id IS 'Its row in cloud_resources; null when no listing ever held it.';
COMMENT ON COLUMN cloud_resource_edges.to_deleted IS 'Whether that row is marked deleted.';

CREATE OR REPLACE VIEW cloud_orphans AS
SELECT
    r.id AS resource_id, r.account, r.kind, r.provider_id, r.name, r.region, r.project_id,
    CASE WHEN e.to_deleted THEN 'target_deleted' ELSE 'target_unknown' END AS reason,
    e.relation, e.to_kind, e.to_provider_id, t.deleted_at AS since
FROM cloud_resource_edges AS e
JOIN cloud_resources AS r ON r.id = e.from_resource_id AND r.deleted_at IS NULL
LEFT JOIN cloud_resources AS t ON t.id = e.to_resource_id
-- These go when their whole goes: until its own listing says so, such a row only waits for it.
WHERE e.relation NOT IN (
    'node_of', 'pool_of', 'replica_of', 'policy_of', 'alert_of', 'in_domain', 'in_registry'
  )
  AND (
    e.to_deleted
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
  )
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
COMMENT ON VIEW cloud_orphans IS 'Live resources that point to something deleted or unknown, and volumes and reserved addresses that no droplet uses: what may be paid for without need. Parts, which go with their whole, are not in it, but for workers. One row for each reason.';
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
