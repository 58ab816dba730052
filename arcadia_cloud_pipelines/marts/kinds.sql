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
        ('autoscale_member', 'autoscale_members', false, false, 'autoscale_pool', 'autoscale_pool_id', 'autoscale_member'),
        ('backup_policy', 'backup_policies', false, false, 'droplet', 'droplet_id', 'backup_policy'),
        ('image', 'images', true, false, NULL, NULL, 'image'),
        ('droplet_snapshot', 'droplet_snapshots', true, true, NULL, NULL, 'droplet_snapshot'),
        ('microvm', 'microvms', true, false, NULL, NULL, 'microvm'),
        ('microvm_checkpoint', 'microvm_checkpoints', false, false, NULL, NULL, 'microvm_checkpoint'),
        ('volume', 'volumes', true, true, NULL, NULL, 'volume'),
        ('volume_snapshot', 'volume_snapshots', true, true, NULL, NULL, 'volume_snapshot'),
        ('nfs_share', 'nfs_shares', false, true, NULL, NULL, 'nfs_share'),
        ('nfs_snapshot', 'nfs_snapshots', false, false, NULL, NULL, 'nfs_snapshot'),
        ('spaces_key', 'spaces_keys', false, false, NULL, NULL, 'spaces_key'),
        ('spaces_bucket', 'spaces_buckets', false, false, NULL, NULL, 'space'),
        ('nfs_access_point', 'nfs_access_points', false, false, 'nfs_share', 'share_id', 'nfs_access_point'),
        ('load_balancer', 'load_balancers', false, true, NULL, NULL, 'loadbalancer'),
        ('reserved_ip', 'reserved_ips', false, false, NULL, NULL, 'floatingip'),
        ('reserved_ipv6', 'reserved_ipv6s', false, false, NULL, NULL, 'reservedipv6'),
        ('byoip_prefix', 'byoip_prefixes', false, false, NULL, NULL, 'byoip_prefix'),
        ('vpc', 'vpcs', false, false, NULL, NULL, 'vpc'),
        ('vpc_peering', 'vpc_peerings', false, false, NULL, NULL, 'vpc_peering'),
        ('nat_gateway', 'nat_gateways', false, true, NULL, NULL, 'nat_gateway'),
        ('firewall', 'firewalls', false, false, NULL, NULL, 'firewall'),
        ('partner_attachment', 'partner_attachments', false, false, NULL, NULL, 'partner_attachment'),
        ('vpc_subnet', 'vpc_subnets', false, false, 'vpc', 'vpc_uuid', 'vpc_subnet'),
        ('vpc_route', 'vpc_routes', false, false, 'vpc', 'vpc_uuid', 'vpc_route'),
        ('byoip_ip', 'byoip_ips', false, false, 'byoip_prefix', 'byoip', 'byoip_ip'),
        ('domain', 'domains', false, false, NULL, NULL, 'domain'),
        ('domain_record', 'domain_records', false, false, 'domain', 'domain', 'domain_record'),
        ('certificate', 'certificates', false, false, NULL, NULL, 'certificate'),
        ('cdn_endpoint', 'cdn_endpoints', false, false, NULL, NULL, 'cdn_endpoint'),
        ('database', 'databases', true, true, NULL, NULL, 'dbaas'),
        ('database_replica', 'database_replicas', true, true, NULL, NULL, 'database_replica'),
        ('vector_database', 'vector_databases', true, false, NULL, NULL, 'vector_database'),
        ('database_pool', 'database_pools', false, false, 'database', 'database_id', 'database_pool'),
        ('database_user', 'database_users', false, false, 'database', 'database_id', 'database_user'),
        ('logical_database', 'logical_databases', false, false, 'database', 'database_id', 'logical_database'),
        ('database_firewall_rule', 'database_firewall_rules', false, false, 'database', 'cluster_uuid', 'database_firewall_rule'),
        ('database_topic', 'database_topics', false, false, 'database', 'database_id', 'database_topic'),
        ('database_log_sink', 'database_log_sinks', false, false, 'database', 'database_id', 'database_log_sink'),
        ('database_index', 'database_indexes', false, false, 'database', 'database_id', 'database_index'),
        ('kubernetes_cluster', 'kubernetes_clusters', true, false, NULL, NULL, 'kubernetes'),
        ('node_pool', 'node_pools', true, false, 'kubernetes_cluster', 'cluster_id', 'node_pool'),
        ('registry', 'registries', false, false, NULL, NULL, 'registry'),
        ('registry_repository', 'registry_repositories', false, false, 'registry', 'registry_name', 'registry_repository'),
        ('app', 'apps', false, false, NULL, NULL, 'app'),
        ('function_namespace', 'function_namespaces', false, false, NULL, NULL, 'function_namespace'),
        ('addon', 'addons', false, false, NULL, NULL, 'addon'),
        ('app_deployment', 'app_deployments', false, false, 'app', 'app_id', 'app_deployment'),
        ('app_alert', 'app_alerts', false, false, 'app', 'app_id', 'app_alert'),
        ('function_trigger', 'function_triggers', false, false, 'function_namespace', 'namespace', 'function_trigger'),
        ('function_key', 'function_keys', false, false, 'function_namespace', 'namespace', 'function_key'),
        ('agent', 'agents', true, false, NULL, NULL, 'agent'),
        ('knowledge_base', 'knowledge_bases', true, false, NULL, NULL, 'knowledge_base'),
        ('custom_model', 'custom_models', true, false, NULL, NULL, 'custom_model'),
        ('dedicated_inference', 'dedicated_inferences', false, false, NULL, NULL, 'dedicated_inference'),
        ('agent_workspace', 'agent_workspaces', false, false, NULL, NULL, 'agent_workspace'),
        ('model_router', 'model_routers', false, false, NULL, NULL, 'model_router'),
        ('inference_key', 'inference_keys', false, false, NULL, NULL, 'inference_key'),
        ('openai_key', 'openai_keys', false, false, NULL, NULL, 'openai_key'),
        ('anthropic_key', 'anthropic_keys', false, false, NULL, NULL, 'anthropic_key'),
        ('agent_key', 'agent_keys', false, false, 'agent', 'agent_uuid', 'agent_key'),
        ('knowledge_base_source', 'knowledge_base_sources', false, false, 'knowledge_base', 'knowledge_base_uuid', 'knowledge_base_source'),
        ('indexing_job', 'indexing_jobs', false, false, NULL, NULL, 'indexing_job'),
        ('inference_token', 'inference_tokens', false, false, 'dedicated_inference', 'dedicated_inference_id', 'inference_token'),
        ('agent_config', 'agent_configs', false, false, NULL, NULL, 'agent_config'),
        ('agent_template', 'agent_templates', false, false, NULL, NULL, 'agent_template'),
        ('agent_trigger', 'agent_triggers', false, false, NULL, NULL, 'agent_trigger'),
        ('agent_session', 'agent_sessions', false, false, NULL, NULL, 'agent_session'),
        ('gateway_connection', 'gateway_connections', false, false, NULL, NULL, 'gateway_connection'),
        ('gateway_toolbelt', 'gateway_toolbelts', false, false, NULL, NULL, 'gateway_toolbelt'),
        ('gateway_mcp_server', 'gateway_mcp_servers', false, false, NULL, NULL, 'gateway_mcp_server'),
        ('uptime_check', 'uptime_checks', false, false, NULL, NULL, 'uptime_check'),
        ('uptime_alert', 'uptime_alerts', false, false, 'uptime_check', 'check_id', 'uptime_alert'),
        ('alert_policy', 'alert_policies', false, false, NULL, NULL, 'alert_policy'),
        ('alert_rule', 'alert_rules', false, false, NULL, NULL, 'alert_rule'),
        ('notification_channel', 'notification_channels', false, false, NULL, NULL, 'notification_channel'),
        ('log_destination', 'log_destinations', false, false, NULL, NULL, 'log_destination'),
        ('ssh_key', 'ssh_keys', false, false, NULL, NULL, 'key'),
        ('tag', 'tags', false, false, NULL, NULL, 'tag'),
        ('team', 'teams', false, false, NULL, NULL, 'team'),
        ('security_scan', 'security_scans', false, false, NULL, NULL, 'security_scan'),
        ('project', 'projects', false, false, NULL, NULL, 'project')
) AS k (kind, asset, is_taggable, is_billed_alone, part_of, part_path, urn_type)
