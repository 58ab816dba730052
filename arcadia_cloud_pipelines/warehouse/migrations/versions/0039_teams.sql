-- Several teams in one store: every row says whose it is, and what one team calls something is not what
-- another calls so.

-- A tag, a domain, a bucket are known by name, and two teams may use one name: their rows stand beside
-- each other. What DigitalOcean numbers, and an address, has one row, as before; the ledger sees to it.
ALTER TABLE cloud_resources DROP CONSTRAINT cloud_resources_identity_key;
ALTER TABLE cloud_resources ADD CONSTRAINT cloud_resources_identity_key UNIQUE (provider, kind, provider_id, account);
DROP INDEX cloud_project_memberships_open_key;
CREATE UNIQUE INDEX cloud_project_memberships_open_key
    ON cloud_project_memberships (provider, kind, provider_id, account) WHERE valid_to IS NULL;

CREATE FUNCTION cloud_fill_account() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Without the resource the row is refused by its foreign key, which says why.
    NEW.account := coalesce(
        (SELECT account FROM public.cloud_resources WHERE id = NEW.resource_id), ''
    );
    RETURN NEW;
END $$;
COMMENT ON FUNCTION cloud_fill_account() IS 'Gives a row that does not say its account that of its resource. What this release writes says it.';

-- Filled from the resource. The account that most resources are of comes as the column's first default,
-- which PostgreSQL keeps beside the table: where there is one account, no row is written, however many
-- there are. Append-only tables let the others happen once, here.
DO $$
DECLARE
    usual text := coalesce((
        SELECT account FROM cloud_resources GROUP BY account ORDER BY count(*) DESC, account LIMIT 1
    ), '');
    of_resource text;
    guard text;
BEGIN
    FOREACH of_resource IN ARRAY ARRAY[
        'cloud_resource_events', 'cloud_provisioned', 'cloud_provisioned_history', 'cloud_drift',
        'cloud_drift_decisions'
    ] LOOP
        SELECT tgname INTO guard FROM pg_trigger
        WHERE tgrelid = of_resource::regclass AND tgname = of_resource || '_append_only';
        EXECUTE format('ALTER TABLE %I ADD COLUMN account TEXT NOT NULL DEFAULT %L', of_resource, usual);
        EXECUTE format('ALTER TABLE %I ALTER COLUMN account DROP DEFAULT', of_resource);
        IF guard IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %I DISABLE TRIGGER %I', of_resource, guard);
        END IF;
        EXECUTE format('UPDATE %I AS o SET account = r.account FROM cloud_resources AS r WHERE r.id = o.resource_id AND r.account <> %L', of_resource, usual);
        IF of_resource = 'cloud_resource_events' THEN
            -- Before a resource moved to another account its events were the first one's.
            UPDATE cloud_resource_events AS e
            SET account = moved.was
            FROM (
                SELECT earlier.id, (
                    SELECT m.changes -> 'account' ->> 'from' FROM cloud_resource_events AS m
                    WHERE m.resource_id = earlier.resource_id AND m.id > earlier.id
                      AND m.event = 'restored' AND m.changes ? 'account'
                    ORDER BY m.id LIMIT 1
                ) AS was
                FROM cloud_resource_events AS earlier
                WHERE earlier.resource_id IN (
                    SELECT m.resource_id FROM cloud_resource_events AS m
                    WHERE m.event = 'restored' AND m.changes ? 'account'
                )
            ) AS moved
            WHERE e.id = moved.id AND moved.was IS NOT NULL;
        END IF;
        IF guard IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', of_resource, guard);
        END IF;
        EXECUTE format('COMMENT ON COLUMN %I.account IS %L', of_resource, 'The team that the token belongs to: its uuid, 40 hex digits without dashes.');
        EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %I FOR EACH ROW WHEN (NEW.account IS NULL) EXECUTE FUNCTION cloud_fill_account()', of_resource || '_account', of_resource);
    END LOOP;
END $$;
CREATE INDEX cloud_drift_account_idx ON cloud_drift (account) WHERE status = 'open';
CREATE INDEX cloud_sync_runs_account_kind_idx ON cloud_sync_runs (account, kind, started_at);
CREATE INDEX cloud_provisioned_account_idx ON cloud_provisioned (account);

-- What is desired of a resource, and what differs now, goes with it.
CREATE FUNCTION cloud_follow_account() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE public.cloud_provisioned SET account = NEW.account WHERE resource_id = NEW.id;
    UPDATE public.cloud_drift SET account = NEW.account WHERE resource_id = NEW.id AND status = 'open';
    RETURN NULL;
END $$;
COMMENT ON FUNCTION cloud_follow_account() IS 'Has the spec and the open drift of a resource that moved to another account move with it.';
CREATE TRIGGER cloud_resources_moved AFTER UPDATE OF account ON cloud_resources
    FOR EACH ROW WHEN (OLD.account IS DISTINCT FROM NEW.account)
    EXECUTE FUNCTION cloud_follow_account();

-- The team that used a token last: its failures are its account's also where its token cannot be read.
ALTER TABLE cloud_token_accounts ADD COLUMN team TEXT;
COMMENT ON COLUMN cloud_token_accounts.team IS 'The team that used the token last, by its name in the file of teams; null where one team is mirrored.';

-- A rule that was made while one team was mirrored is about that team.
ALTER TABLE cloud_drift_ignore_rules ADD COLUMN account TEXT;
UPDATE cloud_drift_ignore_rules
SET account = (SELECT min(r.account) FROM cloud_resources AS r HAVING count(DISTINCT r.account) = 1);
COMMENT ON COLUMN cloud_drift_ignore_rules.account IS 'The team whose differences it keeps out: 40 hex digits without dashes; null for every team.';

-- The views of 0035 and 0037, in which nothing of one team points to what is another's.
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
    JOIN (VALUES
        ('app', 'app'), ('database', 'database'), ('dbaas', 'database'), ('domain', 'domain'),
        ('droplet', 'droplet'), ('firewall', 'firewall'), ('floatingip', 'reserved_ip'),
        ('image', 'image'), ('key', 'ssh_key'), ('kubernetes', 'kubernetes_cluster'),
        ('loadbalancer', 'load_balancer'), ('microvm', 'microvm'),
        ('nat_gateway', 'nat_gateway'), ('partner_attachment', 'partner_attachment'),
        ('reservedip', 'reserved_ip'), ('reservedipv6', 'reserved_ipv6'),
        ('space', 'spaces_bucket'), ('volume', 'volume'), ('vpc', 'vpc')
    ) AS urn (type, kind) ON urn.type = split_part(named.value #>> '{}', ':', 2)
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
            -- Tags of a firewall are its targets; they may have been given a column.
            r.attrs || CASE WHEN r.kind = 'firewall' AND r.tags <> '{}'
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
