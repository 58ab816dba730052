-- What specs are compared with, and what has none.

-- What a state says of a database cluster's firewall is all of its rules: one added by hand differs.
-- A function of its own, for one with a subquery in it could not be inlined.
CREATE OR REPLACE FUNCTION cloud_database_firewall(team text, cluster text)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_agg(
        jsonb_build_object('type', rule.attrs -> 'type', 'value', rule.name) ORDER BY rule.id
    )
    FROM cloud_resources AS rule
    WHERE rule.provider = 'digitalocean' AND rule.kind = 'database_firewall_rule'
      AND rule.account = team AND rule.deleted_at IS NULL
      AND rule.attrs ->> 'cluster_uuid' = cluster
$$;
COMMENT ON FUNCTION cloud_database_firewall(text, text) IS 'The live firewall rules of a database cluster, as type and value.';

CREATE OR REPLACE FUNCTION cloud_live_value(r cloud_resources, p cloud_projects, field text)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE field
        WHEN 'name' THEN to_jsonb(r.name)
        WHEN 'region' THEN to_jsonb(r.region)
        WHEN 'status' THEN to_jsonb(r.status)
        WHEN 'size_slug' THEN to_jsonb(r.size_slug)
        WHEN 'tags' THEN to_jsonb(r.tags)
        WHEN 'created_at' THEN to_jsonb(r.created_at)
        WHEN 'deleted_at' THEN to_jsonb(r.deleted_at)
        WHEN 'kind' THEN to_jsonb(r.kind)
        WHEN 'provider' THEN to_jsonb(r.provider)
        WHEN 'provider_id' THEN to_jsonb(r.provider_id)
        WHEN 'account' THEN to_jsonb(r.account)
        WHEN 'project_id' THEN CASE WHEN r.project_id IS NOT NULL THEN
            jsonb_build_object('id', p.provider_id, 'name', p.name, 'row', r.project_id)
        END
        ELSE coalesce(
            r.attrs -> field,
            -- What people and Terraform call by another name than the API's answer does.
            CASE
                WHEN field = 'project' AND r.project_id IS NOT NULL THEN
                    jsonb_build_object('id', p.provider_id, 'name', p.name, 'row', r.project_id)
                WHEN field = 'size' THEN to_jsonb(r.size_slug)
                WHEN field = 'vpc' THEN r.attrs -> 'vpc_uuid'
                WHEN r.kind = 'droplet'
                    AND field IN ('backups', 'ipv6', 'monitoring', 'private_networking')
                    THEN to_jsonb(coalesce(r.attrs -> 'features' ? field, false))
                WHEN r.kind = 'database' AND field = 'firewall_rules'
                    THEN cloud_database_firewall(r.account, r.provider_id)
                WHEN strpos(field, '.') > 0 THEN r.attrs #> string_to_array(field, '.')
            END
        )
    END
$$;
COMMENT ON FUNCTION cloud_live_value(cloud_resources, cloud_projects, text) IS 'What a resource has for a field of a spec: its column of that name, else attrs (image.slug goes inside), else the same thing under another name: project, size, vpc, the features of a droplet as booleans, and the firewall_rules of a database cluster, which are resources of their own. p is its project.';

-- Without a subquery: so PostgreSQL can put it in place of its calls, which are one for
-- each resource. Tags are compared as lines of one text.
CREATE OR REPLACE FUNCTION cloud_made_for_kubernetes(kind text, name text, tags text[], attrs jsonb)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE kind
        -- A tag of k8s alone is what people write on machines of their own, too.
        WHEN 'droplet' THEN attrs ? 'kubernetes' OR coalesce(
            array_to_string(tags, E'\n')
                ~ '(?n)^k8s:(worker|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$', false)
        WHEN 'volume' THEN coalesce(
            array_to_string(tags, E'\n') ~ '(?n)^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
            false
        ) OR (
            name ~ '^pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            AND coalesce(attrs ->> 'description', '') ~* '^created by digitalocean csi driver'
        )
        -- A service of type LoadBalancer is called a and its uuid, unless it is given a name.
        WHEN 'load_balancer' THEN name ~ '^a[0-9a-f]{31}$' OR coalesce(
            array_to_string(tags, E'\n') ~ '(?n)^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
            false
        )
        -- Tags of a firewall are its targets: people write firewalls for workers, too.
        WHEN 'firewall' THEN
            name ~ '^k8s-(public-access-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-worker)?$'
        WHEN 'volume_snapshot' THEN coalesce(
            array_to_string(tags, E'\n') ~ '(?n)^k8s:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
            false
        )
        ELSE false
    END
$$;
COMMENT ON FUNCTION cloud_made_for_kubernetes(text, text, text[], jsonb) IS 'Tells whether a managed Kubernetes cluster made a resource, judging by the resource alone: a worker, a volume of a claim, a balancer of a service, a firewall of workers, a snapshot of a claim. Clusters and node pools are made by people.';

-- Nothing of one team points to what is another's.
CREATE OR REPLACE VIEW cloud_unmanaged_resources AS
SELECT
    r.id AS resource_id, r.account, r.kind, r.provider_id, r.name, r.region, r.project_id,
    r.created_at, r.first_seen_at,
    coalesce(cloud_made_for_kubernetes(r.kind, r.name, r.tags, r.attrs), false)
    OR made.id IS NOT NULL
    OR CASE r.kind
        -- Taken by the platform as the droplet's own settings say.
        WHEN 'image' THEN coalesce(r.attrs ->> 'type' = 'backup', false)
        -- Every region that is used has one.
        WHEN 'vpc' THEN coalesce(r.attrs -> 'default' = 'true', false)
        -- Every account has one.
        WHEN 'project' THEN coalesce(r.attrs -> 'is_default' = 'true', false)
        ELSE false
    END AS is_platform_owned
FROM cloud_resources AS r
LEFT JOIN (
    -- Members of an autoscale pool come and go by themselves. No listing names them: they have
    -- the name, the size, the region and the tags of the pool's template.
    SELECT d.id
    FROM cloud_resources AS pool
    JOIN cloud_resources AS d
        ON d.account = pool.account AND d.kind = 'droplet' AND d.deleted_at IS NULL
        AND d.region = pool.region AND d.size_slug = pool.size_slug
        AND d.created_at >= pool.created_at
        AND starts_with(d.name, pool.attrs #>> '{droplet_template,name}')
        AND coalesce(pool.attrs #> '{droplet_template,tags}', '[]') <@ to_jsonb(d.tags)
    WHERE pool.kind = 'autoscale_pool' AND pool.deleted_at IS NULL
    UNION
    -- A balancer with a name of its own: all that it sends to are workers.
    SELECT b.id
    FROM cloud_resources AS b
    WHERE b.kind = 'load_balancer' AND b.deleted_at IS NULL AND jsonb_array_length(
        CASE jsonb_typeof(b.attrs -> 'droplet_ids') WHEN 'array' THEN b.attrs -> 'droplet_ids'
        ELSE '[]' END
    ) = (
        SELECT nullif(count(*), 0) FROM cloud_resources AS d
        WHERE d.provider = b.provider AND d.account = b.account AND d.kind = 'droplet'
          AND d.provider_id IN (
              SELECT id #>> '{}' FROM jsonb_path_query(b.attrs, '$.droplet_ids[*]') AS id
          )
          AND cloud_made_for_kubernetes(d.kind, d.name, d.tags, d.attrs)
    )
    UNION
    -- Snapshots of what was made for a cluster.
    SELECT s.id
    FROM cloud_resources AS s
    JOIN cloud_resources AS whole
        ON whole.provider = s.provider AND whole.account = s.account
        AND whole.provider_id = s.attrs ->> 'resource_id'
        AND (s.kind, whole.kind) IN (('volume_snapshot', 'volume'), ('droplet_snapshot', 'droplet'))
        AND cloud_made_for_kubernetes(whole.kind, whole.name, whole.tags, whole.attrs)
    WHERE s.kind IN ('volume_snapshot', 'droplet_snapshot') AND s.deleted_at IS NULL
) AS made ON made.id = r.id
WHERE r.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM cloud_provisioned AS s WHERE s.resource_id = r.id);
COMMENT ON VIEW cloud_unmanaged_resources IS 'Live resources without a desired spec: nothing of them can drift.';
COMMENT ON COLUMN cloud_unmanaged_resources.resource_id IS 'Its row in cloud_resources.';
COMMENT ON COLUMN cloud_unmanaged_resources.account IS 'The team that it belongs to: its uuid, 40 hex digits without dashes.';
COMMENT ON COLUMN cloud_unmanaged_resources.kind IS 'droplet, volume, database and so on.';
COMMENT ON COLUMN cloud_unmanaged_resources.provider_id IS 'The provider''s identity of it.';
COMMENT ON COLUMN cloud_unmanaged_resources.name IS 'The name people gave it.';
COMMENT ON COLUMN cloud_unmanaged_resources.region IS 'Region slug.';
COMMENT ON COLUMN cloud_unmanaged_resources.project_id IS 'The project it is in.';
COMMENT ON COLUMN cloud_unmanaged_resources.created_at IS 'When the provider made it.';
COMMENT ON COLUMN cloud_unmanaged_resources.first_seen_at IS 'First listing that held it.';
COMMENT ON COLUMN cloud_unmanaged_resources.is_platform_owned IS 'DigitalOcean made it by itself, so nobody is expected to record a spec: for a Kubernetes cluster its workers, their volumes, balancers, firewalls and snapshots; members of autoscale pools; backups; default VPCs. Clusters, node pools and autoscale pools are made by people.';

CREATE OR REPLACE VIEW cloud_managed_coverage AS
SELECT
    r.account, r.kind,
    count(*) AS resources,
    count(s.id) AS managed,
    count(*) FILTER (WHERE s.id IS NULL AND u.is_platform_owned) AS platform_owned,
    round(count(s.id)::numeric / nullif(
        count(*) - count(*) FILTER (WHERE s.id IS NULL AND u.is_platform_owned), 0
    ), 4) AS share
FROM cloud_resources AS r
LEFT JOIN cloud_provisioned AS s ON s.resource_id = r.id
LEFT JOIN cloud_unmanaged_resources AS u ON u.resource_id = r.id
WHERE r.deleted_at IS NULL
GROUP BY r.account, r.kind;
COMMENT ON VIEW cloud_managed_coverage IS 'For each account and kind, how much of what lives has a desired spec.';
COMMENT ON COLUMN cloud_managed_coverage.account IS 'The team, as cloud_resources.account has it: its uuid, 40 hex digits without dashes.';
COMMENT ON COLUMN cloud_managed_coverage.kind IS 'droplet, volume, database and so on.';
COMMENT ON COLUMN cloud_managed_coverage.resources IS 'Live resources.';
COMMENT ON COLUMN cloud_managed_coverage.managed IS 'Those of them with a spec.';
COMMENT ON COLUMN cloud_managed_coverage.platform_owned IS 'Those without one that DigitalOcean made by itself.';
COMMENT ON COLUMN cloud_managed_coverage.share IS 'managed as a share of all that are not platform_owned, 0 to 1.';
