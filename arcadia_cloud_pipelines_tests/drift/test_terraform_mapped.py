"""Each attribute of each Terraform type that is mapped: one pair that agrees and one that differs.

`FULL` holds for each type what a state says and what the API shows of the same thing; attributes
are those of the provider's documentation. Each leaf is changed in turn, so no attribute can be
mapped without being compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.drift.canonical import About
from arcadia_cloud_pipelines.drift.compare import same
from arcadia_cloud_pipelines.drift.spec_fields import holds
from arcadia_cloud_pipelines.drift.terraform import parse_state, record_states
from arcadia_cloud_pipelines.drift.terraform_types import (
    CLAIMS,
    KEYS,
    MEMBERSHIPS,
    NODE_POOL,
    TYPES,
    UNMAPPED,
    TerraformType,
    spec_of,
)
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import at, change, inbox, listed, project, resource, swept
from .test_terraform import item, state, written

SHOP = "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"
OTHER = "5e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"
Json = dict[str, Any]

SOURCE = {"repo": "acme/web", "branch": "main", "deploy_on_push": True}
IMAGE = {
    "registry_type": "DOCR", "registry": "acme", "repository": "web", "tag": "1", "digest": "sha",
}  # fmt: skip
BUILT = {
    "name": "web", "dockerfile_path": "Dockerfile", "source_dir": "src", "environment_slug": "go",
}  # fmt: skip
SIZED = {"instance_size_slug": "apps-s-1vcpu-1gb", "instance_count": 2}
GIT = {"branch": "main"}


def component(tf: bool, *, image: bool = True, **more: Any) -> Json:
    """A component of an app with every source, which none has in earnest."""
    sources = {name: [SOURCE] if tf else SOURCE for name in ("github", "gitlab", "bitbucket")}
    sources |= {"git": [GIT | {"repo_clone_url": "x"}] if tf else GIT}
    if image:
        sources["image"] = [IMAGE] if tf else IMAGE
    secrets = {"env": [{"key": "A", "value": "x"}], "run_command": "x"} if tf else {}
    return sources | secrets | more


def app(tf: bool) -> Json:
    """The spec of an app, as a state and as the API has it."""
    static = {
        "output_dir": "out", "index_document": "i.html", "error_document": "e.html",
        "catchall_document": "c.html",
    }  # fmt: skip
    parts = {
        "service": [component(tf, **BUILT, **SIZED, http_port=8080, internal_ports=[9000])],
        "worker": [component(tf, **BUILT, **SIZED)],
        "job": [component(tf, **BUILT, **SIZED, kind="PRE_DEPLOY")],
        "static_site": [component(tf, image=False, **BUILT, **static)],
        "function": [component(tf, image=False, name="f", source_dir="fn")],
        "database": [{"name": "db", "engine": "PG", "version": "16", "production": True,
                      "cluster_name": "main", "db_name": "shop"}],
        "domain": [{"name" if tf else "domain": "a.example", "type": "PRIMARY",
                    "zone": "example"}],
    }  # fmt: skip
    whole = {"enabled": True, "archive": True, "offline_page_url": "https://a.example/off"}
    return {
        "name": "shop", "region": "fra", "features": ["buildpack-stack=ubuntu-22"],
        "disable_edge_cache": True, "disable_email_obfuscation": True,
        "enhanced_threat_control_enabled": True,
        "maintenance": [whole] if tf else whole, "vpc": [{"id": "v"}] if tf else {"id": "v"},
        **{name if tf else f"{name}s": value for name, value in parts.items()},
    }  # fmt: skip


def switches(tf: bool, *names: str) -> Json:
    """Blocks with a switch that is on."""
    return {name: [{"enabled": True}] if tf else {"enabled": True} for name in names}


PLUGINS = (
    "routing_agent", "p2p_oci_registry_plugin", "amd_gpu_device_plugin",
    "amd_gpu_device_metrics_exporter_plugin", "nvidia_gpu_device_plugin", "coredns_autoscaler",
)  # fmt: skip
CHECK = {
    "protocol": "http", "port": 8080, "path": "/up", "check_interval_seconds": 20,
    "response_timeout_seconds": 6, "unhealthy_threshold": 4, "healthy_threshold": 6,
}  # fmt: skip
STICKY = {"type": "cookies", "cookie_name": "DO-LB", "cookie_ttl_seconds": 300}
FORWARD = {
    "entry_port": 443, "entry_protocol": "https", "target_port": 80, "target_protocol": "http",
    "tls_passthrough": True,
}  # fmt: skip
POOL = {
    "name": "default", "size": "s-2vcpu-4gb", "tags": ["a"], "labels": {"k": "v"},
    "auto_scale": True, "min_nodes": 1, "max_nodes": 3,
}  # fmt: skip
FIXED = {"name": "fixed", "size": "s-1vcpu-2gb"}
TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}
SCALING = {
    "min_instances": 1, "max_instances": 5, "target_cpu_utilization": 0.5,
    "target_memory_utilization": 0.6, "cooldown_minutes": 10, "target_number_instances": 2,
}  # fmt: skip
TEMPLATE = {
    "image": "ubuntu-24-04-x64", "vpc_uuid": "v-1", "with_droplet_agent": True,
    "project_id": SHOP, "ipv6": True, "public_networking": True, "tags": ["a"],
    "ssh_keys": ["3b:16:e4"],
}  # fmt: skip
REGISTRY = (
    {"name": "acme", "region": "fra1", "subscription_tier_slug": "basic"},
    {"subscription": {"tier": {"slug": "basic", "monthly_price_in_cents": 500}}},
)
FIREWALL_TF = {
    "protocol": "tcp", "port_range": "22", "action": "deny", "{}_addresses": ["1.1.1.1"],
    "{}_droplet_ids": [1], "{}_load_balancer_uids": ["b"], "{}_kubernetes_ids": ["k"],
    "{}_tags": ["t"],
}  # fmt: skip
PEERS = {
    "addresses": ["1.1.1.1"], "droplet_ids": [1], "load_balancer_uids": ["b"],
    "kubernetes_ids": ["k"], "tags": ["t"],
}  # fmt: skip
SINK = ({"name": "logs", "logsink_id": "x", "cluster_id": "c"}, {"name": "logs"})

FULL: dict[str, tuple[Json, Json]] = {
    "digitalocean_droplet": (
        {"name": "web", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64",
         "vpc_uuid": "v-1", "backups": True, "ipv6": True, "tags": ["a"], "monitoring": True,
         "volume_ids": ["vol"], "backup_policy": [{"plan": "weekly", "weekday": "SUN", "hour": 8}],
         "user_data": "x"},
        {"name": "web", "image": {"id": 5, "slug": "ubuntu-24-04-x64"}, "vpc_uuid": "v-1",
         "features": ["backups", "ipv6", "monitoring"], "tags": ["a"], "volume_ids": ["vol"],
         "backup_policy": {"backup_enabled": True, "backup_policy": {
             "plan": "weekly", "weekday": "SUN", "hour": 8, "window_length_hours": 4,
             "retention_period_days": 28}}},
    ),
    "digitalocean_droplet_autoscale": (
        {"name": "pool", "config": [SCALING], "current_utilization": [{"cpu": 1}],
         "droplet_template": [TEMPLATE | {"region": "fra1", "size": "c-2", "user_data": "x"}]},
        {"name": "pool", "size_slug": "c-2", "config": SCALING,
         "droplet_template": TEMPLATE | {"name": "web"}},
    ),
    "digitalocean_custom_image": (
        {"name": "image", "distribution": "Ubuntu", "description": "d", "tags": ["a"],
         "regions": ["fra1"], "url": "https://x", "image_id": 7},
        {"name": "image", "distribution": "Ubuntu", "description": "d", "tags": ["a"],
         "regions": ["fra1"], "region": None},
    ),
    "digitalocean_droplet_snapshot": (
        {"name": "snap", "droplet_id": "7", "regions": ["fra1"], "size": 2.3},
        {"name": "snap", "resource_id": "7", "regions": ["fra1"]},
    ),
    "digitalocean_ssh_key": (
        {"name": "key", "fingerprint": "3b:16:e4", "public_key": "ssh-rsa x"},
        {"name": "key", "fingerprint": "3b:16:e4"},
    ),
    "digitalocean_tag": ({"name": "a", "total_resource_count": 1}, {"name": "a"}),
    "digitalocean_volume": (
        {"name": "data", "region": "fra1", "size": 100, "description": "d", "tags": ["a"]},
        {"name": "data", "size_gigabytes": 100, "description": "d", "tags": ["a"]},
    ),
    "digitalocean_volume_snapshot": (
        {"name": "snap", "volume_id": "vol", "tags": ["a"], "size": 1.5},
        {"name": "snap", "resource_id": "vol", "tags": ["a"]},
    ),
    "digitalocean_nfs": (
        {"name": "share", "region": "atl1", "size": 1024, "performance_tier": "high",
         "vpc_id": "v", "vpc_ids": ["v"], "host": "10.0.0.2"},
        {"name": "share", "region": "atl1", "size_gib": 1024,
         "performance_tier": "PERFORMANCE_TIER_HIGH", "vpc_ids": ["v", "w"]},
    ),
    "digitalocean_nfs_access_point": (
        {"name": "point", "share_id": "s", "path": "/a", "vpc_id": "v", "access_policy": [
            {"anonuid": 1, "anongid": 2, "protocols": ["NFS3"], "squash_config": "ROOT_SQUASH",
             "identity_enforcement_enabled": True}]},
        {"name": "point", "share_id": "s", "path": "/a", "vpc_id": "v", "access_policy": {
            "anonuid": 1, "anongid": 2, "squash_config": "ROOT_SQUASH",
            "identity_enforcement_enabled": True}},
    ),
    "digitalocean_nfs_snapshot": (
        {"name": "snap", "share_id": "s", "region": "atl1", "size": 1024},
        {"name": "snap", "share_id": "s", "region": "atl1"},
    ),
    "digitalocean_spaces_bucket": (
        {"region": "fra1", "acl": "private", "force_destroy": False}, {},
    ),
    "digitalocean_spaces_key": (
        {"name": "key", "secret_key": "x", "grant": [{"bucket": "b", "permission": "read"}]},
        {"name": "key", "grants": [{"bucket": "b", "permission": "read"}]},
    ),
    "digitalocean_loadbalancer": (
        {"name": "lb", "region": "fra1", "algorithm": "least_connections", "vpc_uuid": "v-1",
         "http_idle_timeout_seconds": 90, "size": "lb-small", "project_id": SHOP, "size_unit": 2,
         "redirect_http_to_https": True, "enable_proxy_protocol": True, "droplet_tag": "",
         "enable_backend_keepalive": True, "disable_lets_encrypt_dns_records": True,
         "target_load_balancer_ids": ["t"], "healthcheck": [CHECK], "sticky_sessions": [STICKY],
         "firewall": [{"allow": ["ip:1.1.1.1"], "deny": ["cidr:2.0.0.0/8"]}],
         "domains": [{"name": "a.example", "is_managed": True, "certificate_id": "x"}],
         "forwarding_rule": [FORWARD | {"certificate_id": "x"}], "type": "regional",
         "network": "EXTERNAL", "network_stack": "ipv4", "tls_cipher_policy": "STRONG",
         "glb_settings": [{"target_protocol": "http", "target_port": 80, "failover_threshold": 50,
                           "region_priorities": {"fra1": 1}, "cdn": [{"is_enabled": True}]}],
         "droplet_ids": [1]},
        {"name": "lb", "algorithm": "least_connections", "vpc_uuid": "v-1", "size_unit": 2,
         "http_idle_timeout_seconds": 90, "size_slug": "lb-small", "project_id": "shop",
         "redirect_http_to_https": True, "enable_proxy_protocol": True,
         "enable_backend_keepalive": True, "disable_lets_encrypt_dns_records": True,
         "target_load_balancer_ids": ["t"], "health_check": CHECK, "sticky_sessions": STICKY,
         "firewall": {"allow": ["ip:1.1.1.1"], "deny": ["cidr:2.0.0.0/8"]},
         "domains": [{"name": "a.example", "is_managed": True, "certificate_id": "y"}],
         "forwarding_rules": [FORWARD], "type": "REGIONAL", "network": "EXTERNAL",
         "network_stack": "IPV4", "tls_cipher_policy": "STRONG", "droplet_ids": [1],
         "glb_settings": {"target_protocol": "HTTP", "target_port": 80, "failover_threshold": 50,
                          "region_priorities": {"fra1": 1}, "cdn": {"is_enabled": True}}},
    ),
    "digitalocean_reserved_ip": (
        {"region": "fra1", "droplet_id": 7}, {"droplet": {"id": 7}},
    ),
    "digitalocean_floating_ip": (
        {"region": "fra1", "droplet_id": 7}, {"droplet": {"id": 7}},
    ),
    "digitalocean_reserved_ipv6": (
        {"region_slug": "fra1", "droplet_id": 7}, {"droplet": {"id": 7}},
    ),
    "digitalocean_byoip_prefix": (
        {"prefix": "203.0.113.0/24", "region": "fra1", "advertised": True, "signature": "x"},
        {"name": "203.0.113.0/24", "advertised": True},
    ),
    "digitalocean_vpc": (
        {"name": "net", "region": "fra1", "ip_range": "10.0.0.0/16", "description": "d"},
        {"name": "net", "ip_range": "10.0.0.0/16", "description": "d"},
    ),
    "digitalocean_vpc_peering": (
        {"name": "peer", "vpc_ids": ["v", "w"], "status": "ACTIVE"},
        {"name": "peer", "vpc_ids": ["v", "w"]},
    ),
    "digitalocean_vpc_nat_gateway": (
        {"name": "nat", "type": "PUBLIC", "region": "fra1", "size": 1, "udp_timeout_seconds": 30,
         "icmp_timeout_seconds": 31, "tcp_timeout_seconds": 32, "project_id": SHOP,
         "vpcs": [{"vpc_uuid": "v", "gateway_ip": "10.0.0.1", "default_gateway": True,
                   "subnet_uuid": ""}]},
        {"name": "nat", "type": "PUBLIC", "size_slug": "1", "udp_timeout_seconds": 30,
         "icmp_timeout_seconds": 31, "tcp_timeout_seconds": 32, "project_id": "shop",
         "vpcs": [{"vpc_uuid": "v", "gateway_ip": "10.0.0.9", "default_gateway": True}]},
    ),
    "digitalocean_partner_attachment": (
        {"name": "pa", "region": "nyc", "connection_bandwidth_in_mbps": 1000,
         "naas_provider": "MEGAPORT", "vpc_ids": ["v"], "bgp": [
             {"local_router_ip": "169.254.0.1/29", "peer_router_ip": "169.254.0.6/29",
              "peer_router_asn": 133937, "auth_key": "x"}]},
        {"name": "pa", "region": "nyc", "connection_bandwidth_in_mbps": 1000,
         "naas_provider": "MEGAPORT", "vpc_ids": ["v"], "bgp": {
             "local_router_ip": "169.254.0.1/29", "peer_router_ip": "169.254.0.6/29",
             "peer_asn": 133937}},
    ),
    "digitalocean_firewall": (
        {"name": "fw", "droplet_ids": [1], "tags": ["a"],
         "inbound_rule": [{k.format("source"): v for k, v in FIREWALL_TF.items()}],
         "outbound_rule": [{k.format("destination"): v for k, v in FIREWALL_TF.items()}]},
        {"name": "fw", "region": None, "droplet_ids": [1], "tags": ["a"],
         "inbound_rules": [{"protocol": "tcp", "ports": "22", "action": "deny",
                            "sources": PEERS}],
         "outbound_rules": [{"protocol": "tcp", "ports": "22", "action": "deny",
                             "destinations": PEERS}]},
    ),
    "digitalocean_domain": ({"name": "a.example", "ttl": 1800}, {"name": "a.example"}),
    "digitalocean_record": (
        {"type": "SRV", "name": "_sip", "domain": "a.example", "ttl": 300,
         "value": "sip.a.example.", "priority": 1, "port": 5060, "weight": 2, "flags": 3,
         "tag": "issue", "fqdn": "_sip.a.example"},
        {"type": "SRV", "name": "_sip", "domain": "a.example", "ttl": 300,
         "data": "sip.a.example", "priority": 1, "port": 5060, "weight": 2, "flags": 3,
         "tag": "issue", "region": None},
    ),
    "digitalocean_certificate": (
        {"id": "web", "name": "web", "type": "custom", "domains": ["a.example"],
         "private_key": "x", "state": "verified"},
        {"name": "web", "type": "custom", "dns_names": ["a.example"], "status": "verified"},
    ),
    "digitalocean_cdn": (
        {"origin": "b.fra1.digitaloceanspaces.com", "ttl": 3600, "custom_domain": "s.a.example",
         "certificate_id": "web", "certificate_name": "web"},
        {"name": "b.fra1.digitaloceanspaces.com", "ttl": 3600, "custom_domain": "s.a.example",
         "certificate_id": "892071a0"},
    ),
    "digitalocean_database_cluster": (
        {"name": "db", "region": "fra1", "engine": "pg", "version": "16",
         "private_network_uuid": "v", "storage_size_mib": "10240", "size": "db-s-1vcpu-1gb",
         "node_count": 1, "project_id": SHOP, "tags": ["a"], "password": "x",
         "maintenance_window": [{"day": "sunday", "hour": "02:00:00"}]},
        {"name": "db", "engine": "pg", "version": "16", "private_network_uuid": "v",
         "storage_size_mib": 10240, "size_slug": "db-s-1vcpu-1gb", "num_nodes": 1,
         "project_id": "shop", "tags": ["a"],
         "maintenance_window": {"day": "sunday", "hour": "02:00:00"}},
    ),
    "digitalocean_database_replica": (
        {"id": "c/replicas/read", "name": "read", "region": "fra1", "size": "db-s-1vcpu-1gb",
         "private_network_uuid": "v", "storage_size_mib": "10240", "tags": ["a"], "uri": "x"},
        {"name": "read", "size_slug": "db-s-1vcpu-1gb", "private_network_uuid": "v",
         "storage_size_mib": 10240, "tags": ["a"]},
    ),
    "digitalocean_database_connection_pool": (
        {"name": "pool", "mode": "transaction", "size": 10, "db_name": "shop", "user": "x"},
        {"name": "pool", "mode": "transaction", "size": 10, "db": "shop", "region": None,
         "size_slug": None},
    ),
    "digitalocean_database_db": ({"name": "shop"}, {"name": "shop"}),
    "digitalocean_database_user": (
        {"name": "app", "mysql_auth_plugin": "caching_sha2_password", "password": "x",
         "role": "normal", "settings": [{
             "acl": [{"id": "1", "topic": "orders", "permission": "consume"}],
             "opensearch_acl": [{"index": "logs", "permission": "read"}]}]},
        {"name": "app", "mysql_settings": {"auth_plugin": "caching_sha2_password"}, "settings": {
            "acl": [{"id": "2", "topic": "orders", "permission": "consume"}],
            "opensearch_acl": [{"index": "logs", "permission": "read"}]}},
    ),
    "digitalocean_database_kafka_topic": (
        {"name": "orders", "partition_count": 3, "replication_factor": 2,
         "config": [{"retention_ms": "1"}]},
        {"name": "orders", "partition_count": 3, "replication_factor": 2},
    ),
    "digitalocean_database_logsink_rsyslog": (SINK[0], SINK[1] | {"sink_type": "rsyslog"}),
    "digitalocean_database_logsink_opensearch": (SINK[0], SINK[1] | {"sink_type": "opensearch"}),
    "digitalocean_vector_database": (
        {"name": "vdb", "region": "fra1", "size": "s", "project_id": SHOP, "tags": ["a"],
         "config": [{"default_quantization": "pq", "enable_auto_schema": True,
                     "weaviate_version": "1.30"}]},
        {"name": "vdb", "size_slug": "s", "project_id": "shop", "tags": ["a"],
         "config": {"default_quantization": "pq", "enable_auto_schema": True,
                    "weaviate_version": "1.30"}},
    ),
    "digitalocean_kubernetes_cluster": (
        {"name": "k", "region": "fra1", "vpc_uuid": "v", "worker_subnet_uuid": "w",
         "surge_upgrade": True, "cluster_subnet": "10.244.0.0/16",
         "service_subnet": "10.245.0.0/16", "ha": True, "auto_upgrade": False,
         "isolated_workers": True, "registry_integration": True, "tags": ["a"],
         "version": "1.30.2-do.0", "kube_config": [{"token": "x"}],
         "maintenance_policy": [{"day": "sunday", "start_time": "02:00", "duration": "4h0m0s"}],
         "control_plane_firewall": [{"enabled": True, "allowed_addresses": ["1.2.3.4/32"]}],
         "cluster_autoscaler_configuration": [{
             "scale_down_utilization_threshold": 0.65, "scale_down_unneeded_time": "1m0s",
             "expanders": ["priority"]}],
         "sso": [{"enabled": True, "required": True, "issuer_url": "https://a.example",
                  "client_id": "c"}],
         **switches(True, *PLUGINS, "rdma_shared_device_plugin"),
         "node_pool": [POOL | {"taint": [TAINT]}, FIXED | {"node_count": 2}]},
        {"name": "k", "vpc_uuid": "v", "worker_subnet_uuid": "w", "surge_upgrade": True,
         "cluster_subnet": "10.244.0.0/16", "service_subnet": "10.245.0.0/16", "ha": True,
         "auto_upgrade": False, "isolated_workers": True, "registry_enabled": True, "tags": ["a"],
         "version": "1.30.2-do.0",
         "maintenance_policy": {"day": "sunday", "start_time": "02:00", "duration": "4h0m0s"},
         "control_plane_firewall": {"enabled": True, "allowed_addresses": ["1.2.3.4/32"]},
         "cluster_autoscaler_configuration": {
             "scale_down_utilization_threshold": 0.65, "scale_down_unneeded_time": "1m0s",
             "expanders": ["priority"]},
         "sso": {"enabled": True, "required": True, "issuer_url": "https://a.example",
                 "client_id": "c"},
         **switches(False, *PLUGINS, "rdma_shared_dev_plugin"),
         "node_pools": [POOL | {"taints": [TAINT], "count": 2, "id": "p"}, FIXED | {"count": 2}]},
    ),
    "digitalocean_container_registry": REGISTRY,
    "digitalocean_container_registries": REGISTRY,
    "digitalocean_app": (
        {"project_id": SHOP, "spec": [app(True)], "live_url": "x"},
        {"name": "shop", "region": "fra", "project_id": "shop",
         "spec": {key: value for key, value in app(False).items() if key != "name"}},
    ),
    "digitalocean_monitor_alert": (
        {"type": "v1/insights/droplet/cpu", "compare": "GreaterThan", "value": 80.0,
         "window": "5m", "description": "CPU", "enabled": True, "tags": ["a"],
         "entities": ["192018292"], "alerts": [{"email": ["a@example.com"]}]},
        {"type": "v1/insights/droplet/cpu", "compare": "GreaterThan", "value": 80,
         "window": "5m", "name": "CPU", "enabled": True, "tags": ["a"], "entities": [192018292],
         "region": None},
    ),
    "digitalocean_project": (
        {"name": "shop", "description": "sells", "purpose": "a shop", "environment": "Production",
         "is_default": True, "resources": [], "owner_id": 5, "owner_uuid": "o"},
        {"name": "shop", "description": "sells", "purpose": "Other: a shop",
         "environment": "Production", "is_default": True},
    ),
    "digitalocean_uptime_check": (
        {"name": "c", "type": "https", "target": "https://a.example", "enabled": True,
         "regions": ["us_east"]},
        {"name": "c", "type": "https", "target": "https://a.example", "enabled": True,
         "regions": ["us_east"]},
    ),
    "digitalocean_uptime_alert": (
        {"name": "a", "type": "latency", "comparison": "greater_than", "period": "2m",
         "threshold": 300, "check_id": "c", "notifications": [{"email": ["a@example.com"]}]},
        {"name": "a", "type": "latency", "comparison": "greater_than", "period": "2m",
         "threshold": 300},
    ),
    "digitalocean_gradientai_agent": (
        {"name": "bot", "region": "tor1", "instruction": "help", "temperature": 0.5, "top_p": 0.9,
         "retrieval_method": "NONE", "model_uuid": "m", "project_id": SHOP, "description": "d",
         "tags": ["a"], "api_keys": [{"api_key": "x"}]},
        {"name": "bot", "region": "tor1", "instruction": "help", "temperature": 0.5, "top_p": 0.9,
         "retrieval_method": "NONE", "model": {"uuid": "m"}, "project_id": "shop",
         "description": "d", "tags": ["a"]},
    ),
    "digitalocean_gradientai_knowledge_base": (
        {"name": "kb", "region": "tor1", "embedding_model_uuid": "m", "database_id": "d",
         "is_public": True, "project_id": SHOP, "tags": ["a"]},
        {"name": "kb", "region": "tor1", "embedding_model_uuid": "m", "database_id": "d",
         "is_public": True, "project_id": "shop", "tags": ["a"]},
    ),
    "digitalocean_gradientai_knowledge_base_data_source": (
        {"knowledge_base_uuid": "kb"}, {"knowledge_base_uuid": "kb"},
    ),
    "digitalocean_gradientai_openai_api_key": ({"name": "k", "api_key": "x"}, {"name": "k"}),
    "digitalocean_gradientai_custom_model": (
        {"name": "m", "description": "d", "source_ref": [{"hf_token": "x"}]},
        {"name": "m", "description": "d"},
    ),
    "digitalocean_dedicated_inference": (
        {"name": "di", "region": "atl1", "vpc_uuid": "v", "hugging_face_token": "x"},
        {"name": None, "region": "atl1", "vpc_uuid": "v"},
    ),
}  # fmt: skip

PROVIDER = frozenset(
    """
    app byoip_prefix certificate container_registry container_registries
    container_registry_docker_credentials cdn database_cluster database_connection_pool database_db
    database_firewall database_replica database_user vector_database database_redis_config
    database_valkey_config database_postgresql_config database_advanced_postgresql_config
    database_advanced_mysql_config database_mysql_config database_mongodb_config
    database_kafka_config database_opensearch_config database_kafka_topic
    database_kafka_schema_registry database_online_migration database_logsink_rsyslog
    database_logsink_opensearch domain droplet droplet_autoscale droplet_snapshot firewall
    floating_ip floating_ip_assignment kubernetes_cluster kubernetes_node_pool loadbalancer
    monitor_alert project project_resources record reserved_ip reserved_ip_assignment
    reserved_ipv6 reserved_ipv6_assignment spaces_bucket spaces_bucket_cors_configuration
    spaces_bucket_object spaces_bucket_policy spaces_key spaces_bucket_logging ssh_key tag
    uptime_check uptime_alert volume volume_attachment volume_snapshot vpc vpc_nat_gateway
    vpc_peering custom_image partner_attachment gradientai_agent gradientai_function
    gradientai_agent_route gradientai_indexing_job_cancel gradientai_knowledge_base
    gradientai_knowledge_base_data_source gradientai_agent_knowledge_base_attachment
    gradientai_openai_api_key gradientai_custom_model nfs nfs_access_point nfs_attachment
    nfs_snapshot dedicated_inference dedicated_inference_token
    """.split()  # noqa: SIM905
)
"""Every resource of terraform-provider-digitalocean, August 2026."""


def test_every_type_of_the_provider_is_judged() -> None:
    mapped = {*TYPES, *CLAIMS, *MEMBERSHIPS, NODE_POOL}
    assert mapped | {*UNMAPPED} == {f"digitalocean_{name}" for name in PROVIDER}
    assert not mapped & {*UNMAPPED}


def test_every_type_is_here_and_of_a_kind() -> None:
    assert set(FULL) == set(TYPES)
    assert {known.kind for known in (*TYPES.values(), *CLAIMS.values())} <= set(KIND_BY_NAME)


def identified(known: TerraformType, attributes: Json, number: int) -> tuple[Json, str, Json]:
    """Give an instance an identity of its own, and what follows from it on the live side."""
    [name, *_] = known.identity
    if "/" in name:
        cluster, own = name.split("/")
        return attributes | {cluster: f"c-{number}"}, f"c-{number}/{attributes[own]}", {}
    identity = {"ip_address": f"10.0.{number // 250}.{number % 250}",
                "ip": f"2001:db8::{number + 1:x}"}.get(name, f"id-{number}")  # fmt: skip
    follows = {"name": identity} if name == "name" else {}
    return {"id": identity} | attributes | {name: identity}, identity, follows


def said(terraform: str) -> Json:
    """The spec of a type's full attributes."""
    return spec_of(TYPES[terraform], FULL[terraform][0])


@pytest.mark.parametrize("terraform", FULL)
def test_every_attribute_and_key_is_in_the_table_and_held(terraform: str) -> None:
    known, spec = TYPES[terraform], said(terraform)
    fields = known.fields()
    assert set(spec) <= fields
    identity = {"name"} if known.identity[0] == "name" else set()
    # A balancer has droplets or a tag.
    assert fields - identity - set(spec) == set()
    empty = {field for field, value in spec.items() if value in (None, [], {})}
    assert empty <= {"tag"}
    for field in spec:
        assert holds(known.kind, field), field
    for name, block in known.said_blocks.items():
        keys = block.keys()
        missing = {key: want - _keys_of(spec, key) for key, want in keys.items()}
        assert not any(missing.values()), (name, missing)


def _keys_of(value: Any, field: str, inside: str = "") -> set[str]:
    """The keys of all objects that are called so."""
    if isinstance(value, list):
        return {key for one in value for key in _keys_of(one, field, inside)}
    if not isinstance(value, dict):
        return set()
    own = set(value) if inside == field else set()
    return own | {k for key, one in value.items() for k in _keys_of(one, field, key)}


Path_ = tuple[Any, ...]


def leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The path of every single value."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from leaves(one, (*path, n))
    elif value is not None:
        yield path


def other(value: Any) -> Any:
    """A value that is another setting."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return f"other-{value}"


def planted(live: Json, path: Path_) -> Json:
    """The live object with another value at the path of a spec's leaf."""
    # Not by deepcopy: what two places share would change in both.
    changed = json.loads(json.dumps(live))
    field = path[0]
    if field in ("backups", "ipv6", "monitoring"):
        changed["features"].remove(field)
    elif field == "project":
        changed["project_id"] = "other"
    elif field == "droplet":
        changed["droplet"] = {"id": 8}
    elif field == "image":
        changed["image"] = {"id": 6, "slug": "debian-12-x64"}
    elif field == "region":
        changed["region"] = "ams3"
    else:
        steps = [*field.split("."), *path[1:]]
        node: Any = changed
        for step in steps[:-1]:
            node = node[step]
        node[steps[-1]] = other(node[steps[-1]] if field != "size_slug" else "")
    return changed


def cases() -> Iterator[tuple[str, Path_ | None]]:
    """Every type as it is, and with each of its leaves changed."""
    for terraform, (_, live) in FULL.items():
        yield terraform, None
        for path in leaves(said(terraform)):
            own = TYPES[terraform].identity[0] == "name" and path == ("name",)
            if not own and not (path == ("region",) and "region" in live and not live["region"]):
                yield terraform, path


def test_each_attribute_differs_alone_and_nothing_else_does(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    projects = {"shop": project(warehouse, SHOP, "shop"), "other": project(warehouse, OTHER, "o")}
    wanted, items = [], []
    for number, (terraform, path) in enumerate(cases()):
        known = TYPES[terraform]
        attributes, identity, follows = identified(known, FULL[terraform][0], number)
        live = FULL[terraform][1]
        live = (live if path is None else planted(live, path)) | follows
        if "project_id" in live:
            live = live | {"project_id": projects[live["project_id"]]}
        items.append(item(terraform, attributes))
        row = resource(warehouse, identity, kind=known.kind, **live)
        wanted.append((row, terraform, path))
    assert len(wanted) > 400
    for kind in {known.kind for known in TYPES.values()}:
        listed(warehouse, kind)
    result = record_states(warehouse, [written(tmp_path, "a.tfstate", state(*items))])
    assert (result.recorded, result.problems) == (len(wanted), ())
    swept(warehouse)
    found: dict[int, set[str]] = {row: set() for row, _, _ in wanted}
    for row, field, _, _ in inbox(warehouse):
        found[row].add(field)
    wrong = [
        (terraform, path, found[row]) for row, terraform, path in wanted
        if found[row] != ({path[0]} if path else set())
    ]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "field", "desired", "actual"),
    [
        ("domain_record", "data", "Mail.Example.com.", "mail.example.com"),
        ("domain_record", "data", "2001:db8:0:0::1", "2001:DB8::1"),
        ("domain_record", "name", "WWW", "www"),
        ("domain_record", "domain", "a.example", "A.example"),
        ("domain_record", "priority", 0, None),
        ("domain_record", "tag", "", None),
        ("cdn_endpoint", "custom_domain", "S.a.example.", "s.a.example"),
        ("cdn_endpoint", "name", "B.fra1.digitaloceanspaces.com", "b.fra1.digitaloceanspaces.com"),
        ("certificate", "dns_names", ["A.example", "b.example"], ["b.example", "a.example"]),
        ("spaces_bucket", "region", "FRA1", "fra1"),
        ("app", "spec", {"domains": [{"domain": "A.example."}]},
         {"domains": [{"domain": "a.example", "minimum_tls_version": "1.3"}]}),
        ("app", "spec", {"services": [{"name": "web"}]},
         {"services": [{"name": "web", "instance_count": 0, "cors": {"max_age": "1"}}]}),
        ("database", "maintenance_window", {"day": "Sunday", "hour": "02:00"},
         {"day": "sunday", "hour": "02:00:00", "pending": True}),
        ("kubernetes_cluster", "maintenance_policy", {"day": "any", "start_time": "02:00"},
         {"start_time": "02:00:00", "duration": "4h0m0s"}),
        ("kubernetes_cluster", "control_plane_firewall",
         {"enabled": True, "allowed_addresses": ["1.2.3.4", "2001:db8:0::/64"]},
         {"enabled": True, "allowed_addresses": ["2001:db8::/64", "1.2.3.4/32"]}),
        ("kubernetes_cluster", "control_plane_firewall", {"enabled": False}, None),
        ("kubernetes_cluster", "routing_agent", {"enabled": False}, None),
        ("load_balancer", "health_check", {"protocol": "http", "port": 80, "path": "/"},
         {"protocol": "http", "port": 80, "check_interval_seconds": 10}),
        ("load_balancer", "sticky_sessions", {"type": "none"}, None),
        ("load_balancer", "sticky_sessions", {"type": "none"}, {}),
        ("load_balancer", "firewall", {}, {"allow": [], "deny": []}),
        ("droplet", "backup_policy", {"backup_policy": {"plan": "daily", "hour": 0}},
         {"backup_enabled": True, "backup_policy": {"plan": "daily", "window_length_hours": 4}}),
        ("droplet", "backup_policy", {"backup_policy": {"plan": "weekly", "weekday": "sun"}},
         {"backup_policy": {"plan": "weekly", "weekday": "SUN", "hour": 0}}),
        ("alert_policy", "entities", ["7"], [7]),
        ("alert_policy", "value", 80.0, 80),
        ("nat_gateway", "size_slug", 1, "1"),
    ],
)  # fmt: skip
def test_another_spelling_is_no_drift(kind: str, field: str, desired: Any, actual: Any) -> None:
    assert same(field, desired, actual, About(kind, terraform=True))
    assert same(field, actual, desired, About(kind, terraform=True))


@pytest.mark.parametrize(
    ("kind", "field", "desired", "actual"),
    [
        ("domain_record", "data", "verify=AbC", "verify=abc"),
        ("domain_record", "data", "AbCdEf", "abcdef"),
        ("domain_record", "data", "1.2.3.4", "1.2.3.5"),
        ("domain_record", "priority", 0, 10),
        ("database", "maintenance_window", {"day": "sunday", "hour": "02:00"},
         {"day": "monday", "hour": "02:00"}),
        ("kubernetes_cluster", "control_plane_firewall", {"enabled": True}, None),
        ("kubernetes_cluster", "control_plane_firewall",
         {"enabled": True, "allowed_addresses": ["1.2.3.4"]},
         {"enabled": True, "allowed_addresses": ["1.2.3.4", "0.0.0.0/0"]}),
        ("load_balancer", "firewall", {"allow": ["ip:1.1.1.1"]}, {"allow": []}),
        ("app", "spec", {"services": [{"name": "web"}]},
         {"services": [{"name": "web"}, {"name": "by-hand"}]}),
        ("app", "spec", {"services": [{"name": "web"}]}, {"services": [{"name": "web"}],
                                                          "workers": [{"name": "by-hand"}]}),
    ],
)  # fmt: skip
def test_another_setting_is_drift(kind: str, field: str, desired: Any, actual: Any) -> None:
    assert not same(field, desired, actual, About(kind, terraform=True))


def test_keys_of_one_kind_say_nothing_of_another() -> None:
    """An app's `image` is not a droplet's."""
    droplet, changed = {"id": 5, "slug": "a"}, {"id": 6, "slug": "b"}
    assert not same("image", droplet, changed, About("droplet", terraform=True))
    assert "image" not in KEYS["droplet"]


# -- instances that say nothing, and identities ---------------------------------------------------


def parsed(*resources: Json) -> Any:
    """A state's contents."""
    return parse_state(json.dumps(state(*resources)).encode(), "x")


def test_a_certificate_that_renews_itself_and_a_replica_of_an_old_provider_are_left_out() -> None:
    found = parsed(
        item("digitalocean_certificate", {"id": "le", "uuid": "1", "name": "le",
                                          "type": "lets_encrypt"}),
        item("digitalocean_certificate", {"id": "892071a0", "name": "old", "type": "custom"}),
        item("digitalocean_database_replica", {"id": "c/replicas/read", "name": "read"}),
    )  # fmt: skip
    assert found.specs == {}
    assert found.unknown_types == {
        "digitalocean_certificate": 2, "digitalocean_database_replica": 1,
    }  # fmt: skip


def test_an_ipv6_address_has_one_spelling() -> None:
    found = parsed(
        item("digitalocean_reserved_ipv6", {"ip": "2001:DB8:0::1", "region_slug": "fra1"}),
        item("digitalocean_reserved_ipv6_assignment", {"ip": "2001:db8::0:1", "droplet_id": 7}),
    )
    identity = ("reserved_ipv6", "2001:db8::1")
    assert found.specs == {identity: {"region": "fra1"}}
    assert found.contents.claims == {identity: {"droplet": 7}}


def test_a_volume_that_another_state_attaches_is_the_droplets_too(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    for kind in ("droplet", "volume"):
        listed(warehouse, kind)
    droplet = resource(warehouse, "7", name="web", volume_ids=["v-1"])
    resource(warehouse, "v-1", kind="volume", name="data", droplet_ids=[7])
    one = written(tmp_path, "1.tfstate", state(
        item("digitalocean_droplet", {"id": "7", "name": "web", "volume_ids": []})))  # fmt: skip
    two = written(tmp_path, "2.tfstate", state(
        item("digitalocean_volume_attachment", {"volume_id": "v-1", "droplet_id": 7}),
        lineage="l-2"))  # fmt: skip
    for n, paths in enumerate(([one, two], [two, one], [two], [one])):
        record_states(warehouse, paths)
        assert swept(warehouse, 0.1 + n / 100).open_after == 0, inbox(warehouse)
    change(warehouse, droplet, volume_ids=["v-1", "v-2"])
    swept(warehouse, 0.3)
    assert [row[1:] for row in inbox(warehouse)] == [("volume_ids", ["v-1"], ["v-1", "v-2"])]


def test_what_is_not_known_yet_is_not_desired() -> None:
    for terraform, known in TYPES.items():
        empty = dict.fromkeys([*known.said, *known.said_lists, *known.said_blocks])
        sinks = {"sink_type"} if "logsink" in terraform else set()
        assert set(spec_of(known, empty)) <= sinks | {"forwarding_rules", "droplet"}, terraform


# -- the firewall of a database -------------------------------------------------------------------


def ruled(warehouse: Warehouse, number: int, kind: str, value: str, cluster: str = "d-1") -> int:
    """A firewall rule of a database cluster in the inventory."""
    return resource(
        warehouse, f"rule-{number}", kind="database_firewall_rule", name=value, region=None,
        type=kind, cluster_uuid=cluster,
    )  # fmt: skip


def test_a_rule_that_somebody_added_to_a_database_is_drift_of_the_database(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    for kind in ("database", "database_firewall_rule"):
        listed(warehouse, kind)
    resource(warehouse, "d-1", kind="database", name="db")
    resource(warehouse, "d-2", kind="database", name="other")
    rules = [{"type": "ip_addr", "value": "1.2.3.4", "uuid": "x"}, {"type": "tag", "value": "web"}]
    # The cluster itself may be in any state, or in none.
    path = written(tmp_path, "a.tfstate", state(
        item("digitalocean_database_firewall", {"id": "x", "cluster_id": "d-1", "rule": rules})
    ))  # fmt: skip
    ruled(warehouse, 1, "ip_addr", "1.2.3.4/32")
    ruled(warehouse, 2, "tag", "web")
    ruled(warehouse, 3, "ip_addr", "0.0.0.0/0", cluster="d-2")
    record_states(warehouse, [path])
    assert swept(warehouse, 0.1).open_after == 0, inbox(warehouse)
    opened = ruled(warehouse, 4, "ip_addr", "0.0.0.0/0")
    swept(warehouse, 0.2)
    [(_, field, _, actual)] = inbox(warehouse)
    assert field == "firewall_rules"
    assert {"type": "ip_addr", "value": "0.0.0.0/0"} in actual
    change(warehouse, opened, deleted_at=at(0.3))
    assert swept(warehouse, 0.4).open_after == 0


@pytest.mark.parametrize("listing", [None, {"complete": False}, {"implausible": True}])
def test_rules_that_nobody_could_list_are_not_no_rules(
    warehouse: Warehouse, tmp_path: Path, listing: Json | None
) -> None:
    listed(warehouse, "database")
    if listing is not None:
        listed(warehouse, "database_firewall_rule", **listing)
    resource(warehouse, "d-1", kind="database", name="by hand")
    path = written(tmp_path, "a.tfstate", state(
        item("digitalocean_database_cluster", {"id": "d-1", "name": "db"}),
        item("digitalocean_database_firewall", {"id": "x", "cluster_id": "d-1", "rule": [
            {"type": "tag", "value": "web"}]}),
    ))  # fmt: skip
    record_states(warehouse, [path])
    result = swept(warehouse)
    assert [row[1] for row in inbox(warehouse)] == ["name"]
    [said_why] = result.kinds_skipped.values()
    assert said_why.startswith("firewall_rules: database_firewall_rule: ")
