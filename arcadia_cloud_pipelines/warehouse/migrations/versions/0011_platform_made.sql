-- The views of 0003 with another rule for what the platform made: same columns, replaced in place,
-- so that grants and what others built on them stay.

CREATE FUNCTION cloud_made_for_kubernetes(kind text, name text, tags text[], attrs jsonb)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE kind
        -- A tag of k8s alone is what people write on machines of their own, too.
        WHEN 'droplet' THEN attrs ? 'kubernetes' OR EXISTS (
            SELECT FROM unnest(tags) AS tag
            WHERE tag = 'k8s:worker' OR tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        )
        WHEN 'volume' THEN EXISTS (
            SELECT FROM unnest(tags) AS tag
            WHERE tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ) OR (
            name ~ '^pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            AND coalesce(attrs ->> 'description', '') ~* '^created by digitalocean csi driver'
        )
        -- A service of type LoadBalancer is called a and its uuid, unless it is given a name.
        WHEN 'load_balancer' THEN name ~ '^a[0-9a-f]{31}$' OR EXISTS (
            SELECT FROM unnest(tags) AS tag
            WHERE tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        )
        -- Tags of a firewall are its targets: people write firewalls for workers, too.
        WHEN 'firewall' THEN
            name ~ '^k8s-(public-access-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-worker)?$'
        WHEN 'volume_snapshot' THEN EXISTS (
            SELECT FROM unnest(tags) AS tag
            WHERE tag ~ '^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        )
        ELSE false
    END
$$;
COMMENT ON FUNCTION cloud_made_for_kubernetes(text, text, text[], jsonb) IS 'Tells whether a managed Kubernetes cluster made a resource, judging by the resource alone: a worker, a volume of a claim, a balancer of a service, a firewall of workers, a snapshot of a claim. Clusters and node pools are made by people.';

CREATE OR REPLACE VIEW cloud_unmanaged_resources AS
SELECT
    r.id AS resource_id, r.account, r.kind, r.provider_id, r.name, r.region, r.project_id,
    r.created_at, r.first_seen_at,
    coalesce(cloud_made_for_kubernetes(r.kind, r.name, r.tags, r.attrs), false)
    OR coalesce(CASE r.kind
        -- Members of an autoscale pool come and go by themselves. No listing names them: they have
        -- the name, the size, the region and the tags of the pool's template.
        WHEN 'droplet' THEN EXISTS (
            SELECT FROM cloud_resources AS pool
            WHERE pool.account = r.account AND pool.kind = 'autoscale_pool'
              AND pool.deleted_at IS NULL
              AND pool.region = r.region AND pool.size_slug = r.size_slug
              AND r.created_at >= pool.created_at
              AND starts_with(r.name, pool.attrs #>> '{droplet_template,name}')
              AND coalesce(pool.attrs #> '{droplet_template,tags}', '[]') <@ to_jsonb(r.tags)
        )
        -- A balancer with a name of its own: all that it sends to are workers.
        WHEN 'load_balancer' THEN jsonb_array_length(
            CASE jsonb_typeof(r.attrs -> 'droplet_ids') WHEN 'array' THEN r.attrs -> 'droplet_ids'
            ELSE '[]' END
        ) = (
            SELECT nullif(count(*), 0) FROM cloud_resources AS d
            WHERE d.provider = r.provider AND d.kind = 'droplet'
              AND d.provider_id IN (
                  SELECT id #>> '{}' FROM jsonb_path_query(r.attrs, '$.droplet_ids[*]') AS id
              )
              AND cloud_made_for_kubernetes(d.kind, d.name, d.tags, d.attrs)
        )
        WHEN 'volume_snapshot' THEN EXISTS (
            SELECT FROM cloud_resources AS v
            WHERE v.provider = r.provider AND v.kind = 'volume'
              AND v.provider_id = r.attrs ->> 'resource_id'
              AND cloud_made_for_kubernetes(v.kind, v.name, v.tags, v.attrs)
        )
        WHEN 'droplet_snapshot' THEN EXISTS (
            SELECT FROM cloud_resources AS d
            WHERE d.provider = r.provider AND d.kind = 'droplet'
              AND d.provider_id = r.attrs ->> 'resource_id'
              AND cloud_made_for_kubernetes(d.kind, d.name, d.tags, d.attrs)
        )
        -- Taken by the platform as the droplet's own settings say.
        WHEN 'image' THEN coalesce(r.attrs ->> 'type' = 'backup', false)
        -- Every region that is used has one.
        WHEN 'vpc' THEN coalesce(r.attrs -> 'default' = 'true', false)
    END, false) AS is_platform_owned
FROM cloud_resources AS r
WHERE r.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM cloud_provisioned AS s WHERE s.resource_id = r.id);
COMMENT ON COLUMN cloud_unmanaged_resources.is_platform_owned IS 'DigitalOcean made it by itself, so nobody is expected to record a spec: for a Kubernetes cluster its workers, their volumes, balancers, firewalls and snapshots; members of autoscale pools; backups; default VPCs. Clusters, node pools and autoscale pools are made by people.';
COMMENT ON COLUMN cloud_managed_coverage.platform_owned IS 'Those without one that DigitalOcean made by itself.';
