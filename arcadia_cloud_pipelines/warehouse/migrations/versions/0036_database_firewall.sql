-- What a state says of a database cluster's firewall is all of its rules: one added by hand differs.
-- A function of its own, for one with a subquery in it could not be inlined.
CREATE FUNCTION cloud_database_firewall(team text, cluster text)
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

