"""Agents, knowledge bases and models."""

from __future__ import annotations

from collections.abc import Mapping

from .model import TerraformType, same_names

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_gradientai_agent": TerraformType(
        "agent",
        same_names("name", "region", "instruction", "temperature", "top_p",
                   "retrieval_method", model_uuid="model.uuid", project_id="project"),
        settings=same_names("description"),
        said_lists=same_names("tags"),
    ),
    "digitalocean_gradientai_knowledge_base": TerraformType(
        "knowledge_base",
        same_names("name", "region", "embedding_model_uuid", "database_id", "is_public",
                   project_id="project"),
        lists=same_names("tags"),
    ),
    "digitalocean_gradientai_knowledge_base_data_source": TerraformType(
        # Never changed, only made and deleted.
        "knowledge_base_source", same_names("knowledge_base_uuid")
    ),
    "digitalocean_gradientai_openai_api_key": TerraformType(
        "openai_key", same_names("name"), identity=("uuid", "id")
    ),
    "digitalocean_gradientai_custom_model": TerraformType(
        "custom_model", same_names("name"), settings=same_names("description")
    ),
    "digitalocean_dedicated_inference": TerraformType(
        # The listing shows no name.
        "dedicated_inference", same_names("region", "vpc_uuid")
    ),
}  # fmt: skip
