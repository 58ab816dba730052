"""Regions, sizes and images as the API shows them at a time."""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from typing import Any

from .catalog import CLOSED_REGIONS, IMAGES, REGION_FEATURES, REGIONS, SIZES, Size


def float32(value: Decimal) -> float:
    """The number as a service that stores 32-bit floats prints it: 0.00743999984115362."""
    wide: float = struct.unpack("f", struct.pack("f", float(value)))[0]
    return float(f"{wide:.15g}")


def disk_info(size: Size) -> list[dict[str, Any]]:
    """The disks of a size as the API lists them."""
    disks = [{"type": "local", "size": {"amount": size.disk, "unit": "gib"}}]
    if size.scratch:
        disks.append({"type": "scratch", "size": {"amount": size.scratch, "unit": "gib"}})
    return disks


def gpu_info(size: Size) -> dict[str, Any]:
    """The GPUs of a size as the API describes them."""
    memory, model = (80, "nvidia_h100") if "h100" in size.slug else (20, "nvidia_rtx4000_ada")
    return {"count": size.gpus, "vram": {"amount": memory, "unit": "gib"}, "model": model}


def region_object(slug: str, *, epoch: int, with_sizes: bool) -> dict[str, Any]:
    """A region as it looks in one epoch (an hour): which sizes it offers changes by itself."""
    name = REGIONS.get(slug) or CLOSED_REGIONS.get(slug) or slug
    offered = [s.slug for s in SIZES.values() if not s.legacy and (not s.gpus or slug == "tor1")]
    if with_sizes and slug not in CLOSED_REGIONS:
        # One size is sold out, another one each hour.
        sold_out = (epoch + sum(slug.encode())) % len(offered)
        sizes = offered[:sold_out] + offered[sold_out + 1 :]
    else:
        sizes = []
    return {
        "name": name,
        "slug": slug,
        "features": REGION_FEATURES,
        "available": slug not in CLOSED_REGIONS,
        "sizes": sizes,
    }


def size_object(slug: str, *, at: datetime, epoch: int) -> dict[str, Any]:
    """A size with the prices of that time; the noise in the hourly one comes and goes."""
    size = SIZES[slug]
    price = size.price(at)
    hourly = float32(price.hourly) if epoch % 2 == 0 else float(price.hourly)
    result: dict[str, Any] = {
        "slug": slug,
        "memory": size.memory,
        "vcpus": size.vcpus,
        "disk": size.disk,
        "transfer": size.transfer,
        "price_monthly": float(price.monthly),
        "price_hourly": hourly,
        "regions": ["tor1"] if size.gpus else list(REGIONS),
        "available": not size.legacy,
        "description": size.description,
        "disk_info": disk_info(size),
    }
    if size.gpus:
        result["gpu_info"] = gpu_info(size)
    return result


def image_object(key: str) -> dict[str, Any]:
    """A public image by slug (or by the slug it had before it was retired)."""
    image = IMAGES[key]
    return {
        "id": image.id,
        "name": image.name,
        "distribution": image.distribution,
        "slug": image.slug,
        "public": image.public,
        "regions": list(REGIONS),
        "created_at": image.created_at,
        "type": image.type,
        "min_disk_size": 20,
        "size_gigabytes": image.size_gigabytes,
        "description": image.description,
        "tags": [],
        "status": "retired" if image.retired else "available",
        "error_message": "",
    }
