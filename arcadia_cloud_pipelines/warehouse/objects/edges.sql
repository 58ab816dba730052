-- What points to what, and what nothing uses.

CREATE OR REPLACE VIEW cloud_resource_edges AS
SELECT
    edge.from_resource_id, edge.relation, edge.to_kind, edge.to_provider_id,
    t.id AS to_resource_id, t.deleted_at IS NOT NULL AS to_deleted
FROM (
    -- Where the API names the other end.
    SELECT r.id AS from_resource_id, r.provider, rule.relation, rule.to_kind,
        named.value #>> '{}' AS to_provider_id
    FROM cloud_resources AS r
    JOIN cloud_edge_rules AS rule ON rule.kind = r.kind AND rule.by = 'id'
    CROSS JOIN LATERAL jsonb_path_query(r.attrs, rule.path) AS named (value)
    WHERE jsonb_typeof(named.value) IN ('string', 'number')

    UNION
    -- Where both ends have one identity.
    SELECT r.id, r.provider, rule.relation, rule.to_kind, r.provider_id
    FROM cloud_resources AS r
    JOIN cloud_edge_rules AS rule
        ON rule.kind = r.kind AND rule.by = 'id' AND rule.path IS NULL

    UNION
    -- Where the API names the other end by its URN.
    SELECT r.id, r.provider, rule.relation, urn.kind, split_part(named.value #>> '{}', ':', 3)
    FROM cloud_resources AS r
    JOIN cloud_edge_rules AS rule ON rule.kind = r.kind AND rule.by = 'urn'
    CROSS JOIN LATERAL jsonb_path_query(r.attrs, rule.path) AS named (value)
    JOIN (SELECT k.kind, unnest(k.urn_types) AS type FROM cloud_kinds AS k) AS urn
        ON urn.type = split_part(named.value #>> '{}', ':', 2)
    WHERE jsonb_typeof(named.value) = 'string' AND named.value #>> '{}' ~ '^do:[a-z0-9_]+:[^:]+$'

    UNION
    -- Whom a rule of a database admits: its name is the other's identity. Addresses and tags are not
    -- resources.
    SELECT r.id, r.provider, 'admits', admitted.kind, r.name
    FROM cloud_resources AS r
    JOIN (VALUES ('droplet', 'droplet'), ('k8s', 'kubernetes_cluster'), ('app', 'app'))
        AS admitted (type, kind) ON admitted.type = r.attrs ->> 'type'
    WHERE r.kind = 'database_firewall_rule' AND r.name IS NOT NULL

    UNION
    -- What Kubernetes made carries its cluster's uuid: volumes and firewalls in a tag, a firewall
    -- also in its name, a balancer as the tag that it targets.
    SELECT r.id, r.provider, 'made_by', 'kubernetes_cluster', made.cluster
    FROM cloud_resources AS r
    CROSS JOIN LATERAL (
        SELECT substring(word.value FROM '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}') AS cluster
        FROM (
            SELECT tag FROM unnest(r.tags) AS tag
            WHERE tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            UNION ALL
            SELECT r.attrs ->> 'tag'
            WHERE r.attrs ->> 'tag' ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            UNION ALL
            SELECT r.name
            WHERE r.kind = 'firewall' AND r.name
                ~ '^k8s-(public-access-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-worker)?$'
        ) AS word (value)
    ) AS made
    WHERE r.kind IN ('volume', 'load_balancer', 'firewall')

    UNION
    -- Addresses of DNS records: of what has the address now, for addresses are given on.
    SELECT r.id, r.provider, 'resolves_to', t.kind, t.provider_id
    FROM cloud_resources AS r
    JOIN LATERAL (
        SELECT d.account, d.kind, d.provider_id, ip.value #>> '{}' AS address
        FROM cloud_resources AS d
        CROSS JOIN LATERAL jsonb_path_query(
            d.attrs, '$.networks.*[*] ? (@.type == "public").ip_address'
        ) AS ip (value)
        WHERE d.kind = 'droplet' AND d.deleted_at IS NULL
        UNION ALL
        SELECT b.account, b.kind, b.provider_id, ip.address
        FROM cloud_resources AS b
        CROSS JOIN LATERAL (VALUES (b.attrs ->> 'ip'), (b.attrs ->> 'ipv6')) AS ip (address)
        WHERE b.kind = 'load_balancer' AND b.deleted_at IS NULL AND ip.address <> ''
        UNION ALL
        SELECT a.account, a.kind, a.provider_id, a.provider_id
        FROM cloud_resources AS a
        WHERE a.kind IN ('reserved_ip', 'reserved_ipv6') AND a.deleted_at IS NULL
    ) AS t ON t.account = r.account AND t.address = r.attrs ->> 'data'
    WHERE r.kind = 'domain_record' AND r.attrs ->> 'type' IN ('A', 'AAAA')

    UNION
    -- An app names its database clusters.
    SELECT r.id, r.provider, 'uses', 'database', d.provider_id
    FROM cloud_resources AS r
    CROSS JOIN LATERAL jsonb_path_query(r.attrs, '$.spec.databases[*].cluster_name') AS named (value)
    JOIN cloud_resources AS d
        ON d.kind = 'database' AND d.account = r.account AND d.deleted_at IS NULL
        AND d.name = named.value #>> '{}'
    WHERE r.kind = 'app'

    UNION
    -- Many kinds lie in a VPC; databases call it otherwise.
    SELECT r.id, r.provider, 'in_vpc', 'vpc', network.id #>> '{}'
    FROM cloud_resources AS r
    CROSS JOIN LATERAL (
        VALUES (r.attrs -> 'vpc_uuid'), (r.attrs -> 'private_network_uuid')
    ) AS network (id)
    WHERE jsonb_typeof(network.id) IN ('string', 'number')

    UNION
    -- Tags name resources that come and go: those that have the tag now.
    SELECT r.id, r.provider, rule.relation, d.kind, d.provider_id
    FROM cloud_resources AS r
    JOIN cloud_edge_rules AS rule ON rule.kind = r.kind AND rule.by = 'tag'
    CROSS JOIN LATERAL (
        SELECT named.value #>> '{}' FROM jsonb_path_query(
            -- Tags that name targets, as a firewall's do, are in a column of their own.
            r.attrs || CASE WHEN r.tags <> '{}'
                THEN jsonb_build_object('tags', r.tags) ELSE '{}' END,
            rule.path
        ) AS named (value)
    ) AS target (tag)
    JOIN cloud_resources AS d
        ON d.kind = rule.to_kind AND d.account = r.account AND d.deleted_at IS NULL
        AND d.tags @> ARRAY[target.tag]

    UNION
    -- A worker that no cluster listed carries its cluster's uuid in a tag, beside k8s and k8s:worker.
    SELECT r.id, r.provider, 'worker_of', 'kubernetes_cluster', substr(tag, 5)
    FROM cloud_resources AS r CROSS JOIN LATERAL unnest(r.tags) AS tag
    WHERE r.kind = 'droplet' AND NOT r.attrs ? 'kubernetes'
      AND tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

    UNION
    -- A droplet of an autoscale pool does not name it: the pool's members name the droplet.
    SELECT d.id, d.provider, 'member_of', 'autoscale_pool', m.attrs ->> 'autoscale_pool_id'
    FROM cloud_resources AS m
    JOIN cloud_resources AS d
        ON d.kind = 'droplet' AND d.account = m.account AND d.provider_id = m.provider_id
    WHERE m.kind = 'autoscale_member' AND m.deleted_at IS NULL
        AND m.attrs ? 'autoscale_pool_id'

    UNION
    -- The origin of a CDN endpoint, which is its name: <bucket>.<region>.digitaloceanspaces.com.
    -- In this order: the names of all other kinds are left alone.
    SELECT r.id, r.provider, 'serves', 'spaces_bucket', split_part(r.name, '.', 1)
    FROM cloud_resources AS r
    WHERE CASE WHEN r.kind = 'cdn_endpoint'
        THEN r.name ~ '^[^.]+\.[^.]+\.(cdn\.)?digitaloceanspaces\.com$' END
) AS edge
JOIN cloud_resources AS f ON f.id = edge.from_resource_id
LEFT JOIN cloud_resources AS t
    ON t.provider = edge.provider AND t.account = f.account AND t.kind = edge.to_kind
    AND t.provider_id = edge.to_provider_id;
COMMENT ON VIEW cloud_resource_edges IS 'What each resource, live or deleted, points to, as the API last said: volume, address, balancer and firewall to droplet; worker to pool and cluster; snapshot to source; part to whole; route, alert rule and DNS record to what they name; endpoint to bucket and certificate; anything to its VPC and subnet. Kept when the other end is deleted.';
COMMENT ON COLUMN cloud_resource_edges.from_resource_id IS 'The row in cloud_resources that points.';
COMMENT ON COLUMN cloud_resource_edges.relation IS 'attached_to, assigned_to, targets, targets_by_tag, protects, protects_by_tag, snapshot_of, checkpoint_of, in_vpc, in_subnet, peers, uses, serves, stored_in, reads, indexes, routes_to, watches, used_by, notifies, admits, made_by, resolves_to, started_from, member_of; of a part to its whole: node_of, worker_of, pool_of, replica_of, policy_of, alert_of, in_domain, in_registry, part_of.';
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
LEFT JOIN cloud_kinds AS k ON k.kind = r.kind
LEFT JOIN cloud_resources AS t ON t.id = e.to_resource_id
-- These go when their whole goes: until its own listing says so, such a row only waits for it.
WHERE e.relation NOT IN (
    'node_of', 'pool_of', 'replica_of', 'policy_of', 'alert_of', 'in_domain', 'in_registry',
    'part_of'
  )
  AND NOT (e.relation = 'in_vpc' AND k.part_of IS NOT DISTINCT FROM e.to_kind)
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
    k.unused_reason, NULL, NULL, NULL, NULL
FROM cloud_resources AS r
JOIN cloud_kinds AS k ON k.kind = r.kind AND k.used_by IS NOT NULL
WHERE r.deleted_at IS NULL AND jsonb_path_query_first(r.attrs, k.user_path) IS NULL
  -- Who may not see droplets sees every volume and address without one.
  AND EXISTS (
      SELECT FROM cloud_sync_runs AS s
      WHERE s.account = r.account AND s.kind = k.used_by AND s.complete
  );
COMMENT ON VIEW cloud_orphans IS 'Live resources that point to something deleted or unknown, and volumes and reserved addresses that no droplet uses: what may be paid for without need. Parts, which go with their whole, are not in it, but for workers. One row for each reason: a resource with several reasons, or several targets, has several rows. Count distinct resource_id, and sum no cost over the rows.';
COMMENT ON COLUMN cloud_orphans.resource_id IS 'Its row in cloud_resources.';
COMMENT ON COLUMN cloud_orphans.account IS 'The team that it belongs to: its uuid, 40 hex digits without dashes.';
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
