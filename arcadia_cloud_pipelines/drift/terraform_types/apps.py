"""Apps of App Platform: components, their size and source; no commands, variables or secrets."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Block, TerraformType, same_names

_REPOSITORY = same_names("repo", "branch", "deploy_on_push")
_SOURCES = {
    "github": Block("github", _REPOSITORY),
    "gitlab": Block("gitlab", _REPOSITORY),
    "bitbucket": Block("bitbucket", _REPOSITORY),
    # Its address may hold a token, and is not mirrored.
    "git": Block("git", same_names("branch")),
}
_IMAGE = {
    "image": Block("image", same_names("registry_type", "registry", "repository", "tag", "digest"))
}
_BUILT = ("name", "dockerfile_path", "source_dir", "environment_slug")
_RUNNING = ("instance_size_slug", "instance_count")


def _components(key: str, *names: str, lists: tuple[str, ...] = (), images: bool = True) -> Block:
    return Block(
        key, same_names(*names), same_names(*lists), _SOURCES | (_IMAGE if images else {}),
        many=True,
    )  # fmt: skip


_SPEC = Block(
    "spec",
    # The name is the app's.
    same_names("region", "disable_edge_cache", "disable_email_obfuscation",
               "enhanced_threat_control_enabled"),
    same_names("features"),
    {
        "service": _components("services", *_BUILT, *_RUNNING, "http_port",
                               lists=("internal_ports",)),
        "worker": _components("workers", *_BUILT, *_RUNNING),
        "job": _components("jobs", *_BUILT, *_RUNNING, "kind"),
        "static_site": _components("static_sites", *_BUILT, "output_dir", "index_document",
                                   "error_document", "catchall_document", images=False),
        "function": _components("functions", "name", "source_dir", images=False),
        "database": Block(
            "databases",
            same_names("name", "engine", "version", "production", "cluster_name", "db_name"),
            many=True,
        ),
        "maintenance": Block(
            "maintenance", same_names("enabled", "archive", "offline_page_url")
        ),
        "vpc": Block("vpc", same_names("id")),
        "domain": Block("domains", same_names("type", "zone", name="domain"), many=True),
    },
)  # fmt: skip

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_app": TerraformType("app", same_names(project_id="project"),
                                      said_blocks={"spec": _SPEC}),
}  # fmt: skip
