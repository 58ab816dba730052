/*
comment = """
What does this release know of each kind of resource? One row a kind. Made from the registry by
`python -m arcadia_cloud_pipelines.docs`.
"""
grain = ["kind"]
example = "SELECT kind, asset, is_taggable FROM marts.kinds ORDER BY kind"
[columns]
asset = "The Dagster asset that mirrors it."
is_taggable = "True when people can put tags on it."
is_billed_alone = "True when each one of it has an invoice line of its own every month."
part_of = "The kind of the whole that it is a part of. Null for wholes."
part_path = "Where in attrs the identity of the whole stands."
urn_type = "Its type in DigitalOcean's URNs, such as do:dbaas:…; our own word where it has none."
account = "Always null: kinds belong to no account."
as_of = "Always null: this is no observation."
complete = "Always true."
*/
SELECT
    CAST(NULL AS text) AS account, k.kind, k.asset, k.is_taggable, k.is_billed_alone, k.part_of,
    k.part_path, k.urn_type, CAST(NULL AS timestamptz) AS as_of, true AS complete
FROM (
    VALUES
        ('droplet', 'droplets', true, true, 'kubernetes_cluster', 'kubernetes.cluster_id', 'droplet'),
        ('autoscale_pool', 'autoscale_pools', false, false, NULL, NULL, 'autoscale_pool'),
        ('backup_policy', 'backup_policies', false, false, 'droplet', 'droplet_id', 'backup_policy'),
        ('micro_droplet', 'micro_droplets', true, false, NULL, NULL, 'microdroplet'),
        ('image', 'images', true, false, NULL, NULL, 'image'),
        ('droplet_snapshot', 'droplet_snapshots', true, true, NULL, NULL, 'droplet_snapshot'),
        ('volume', 'volumes', true, true, NULL, NULL, 'volume'),
        ('volume_snapshot', 'volume_snapshots', true, true, NULL, NULL, 'volume_snapshot'),
        ('nfs_share', 'nfs_shares', false, true, NULL, NULL, 'nfs_share'),
        ('nfs_snapshot', 'nfs_snapshots', false, false, NULL, NULL, 'nfs_snapshot'),
        ('spaces_key', 'spaces_keys', false, false, NULL, NULL, 'spaces_key'),
        ('spaces_bucket', 'spaces_buckets', false, false, NULL, NULL, 'space'),
        ('load_balancer', 'load_balancers', false, true, NULL, NULL, 'loadbalancer'),
        ('reserved_ip', 'reserved_ips', false, false, NULL, NULL, 'floatingip'),
        ('reserved_ipv6', 'reserved_ipv6s', false, false, NULL, NULL, 'reservedipv6'),
        ('byoip_prefix', 'byoip_prefixes', false, false, NULL, NULL, 'byoip_prefix'),
        ('vpc', 'vpcs', false, false, NULL, NULL, 'vpc'),
        ('vpc_peering', 'vpc_peerings', false, false, NULL, NULL, 'vpc_peering'),
        ('nat_gateway', 'nat_gateways', false, true, NULL, NULL, 'nat_gateway'),
        ('firewall', 'firewalls', false, false, NULL, NULL, 'firewall'),
        ('partner_attachment', 'partner_attachments', false, false, NULL, NULL, 'partner_attachment'),
        ('domain', 'domains', false, false, NULL, NULL, 'domain'),
        ('domain_record', 'domain_records', false, false, 'domain', 'domain', 'domain_record'),
        ('certificate', 'certificates', false, false, NULL, NULL, 'certificate'),
        ('cdn_endpoint', 'cdn_endpoints', false, false, NULL, NULL, 'cdn_endpoint'),
        ('database', 'databases', true, true, NULL, NULL, 'dbaas'),
        ('database_replica', 'database_replicas', true, true, NULL, NULL, 'database_replica'),
        ('vector_database', 'vector_databases', true, false, NULL, NULL, 'vector_database'),
        ('kubernetes_cluster', 'kubernetes_clusters', true, false, NULL, NULL, 'kubernetes'),
        ('node_pool', 'node_pools', true, false, 'kubernetes_cluster', 'cluster_id', 'node_pool'),
        ('registry', 'registries', false, false, NULL, NULL, 'registry'),
        ('registry_repository', 'registry_repositories', false, false, 'registry', 'registry_name', 'registry_repository'),
        ('app', 'apps', false, false, NULL, NULL, 'app'),
        ('function_namespace', 'function_namespaces', false, false, NULL, NULL, 'function_namespace'),
        ('addon', 'addons', false, false, NULL, NULL, 'addon'),
        ('agent', 'agents', true, false, NULL, NULL, 'agent'),
        ('knowledge_base', 'knowledge_bases', true, false, NULL, NULL, 'knowledge_base'),
        ('custom_model', 'custom_models', true, false, NULL, NULL, 'custom_model'),
        ('dedicated_inference', 'dedicated_inferences', false, false, NULL, NULL, 'dedicated_inference'),
        ('uptime_check', 'uptime_checks', false, false, NULL, NULL, 'uptime_check'),
        ('uptime_alert', 'uptime_alerts', false, false, 'uptime_check', 'check_id', 'uptime_alert'),
        ('alert_policy', 'alert_policies', false, false, NULL, NULL, 'alert_policy'),
        ('ssh_key', 'ssh_keys', false, false, NULL, NULL, 'key'),
        ('tag', 'tags', false, false, NULL, NULL, 'tag')
) AS k (kind, asset, is_taggable, is_billed_alone, part_of, part_path, urn_type)
