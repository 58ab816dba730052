"""Regions, sizes with list prices, and public images: the same for every account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from .lives import Price

PRICE_RISE = datetime(2022, 7, 1, tzinfo=UTC)
"""The one change of list prices there is here: invoices before it were made with other ones."""

HOURS_PER_MONTH = 672
"""A month is never billed with more hours than this, which is also what hourly prices say."""


REGIONS: dict[str, str] = {
    "nyc1": "New York 1",
    "nyc3": "New York 3",
    "sfo3": "San Francisco 3",
    "ams3": "Amsterdam 3",
    "fra1": "Frankfurt 1",
    "lon1": "London 1",
    "sgp1": "Singapore 1",
    "tor1": "Toronto 1",
    "blr1": "Bangalore 1",
    "syd1": "Sydney 1",
    "atl1": "Atlanta 1",
}
"""Those in which resources are made."""

CLOSED_REGIONS: dict[str, str] = {"nyc2": "New York 2", "sfo1": "San Francisco 1"}

REGION_FEATURES = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]


@dataclass(frozen=True)
class Size:
    """A droplet size. Prices are text because they are money."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    transfer: float
    monthly: str
    description: str = "Basic"
    monthly_before: str | None = None
    legacy: bool = False
    """Retired: no longer in /v2/sizes, but still inside old droplets."""
    gpus: int = 0
    scratch: int = 0

    def price(self, at: datetime) -> Price:
        """The list price at that time."""
        monthly = self.monthly
        if at < PRICE_RISE and self.monthly_before is not None:
            monthly = self.monthly_before
        return monthly_price(monthly)


def monthly_price(monthly: str | Decimal) -> Price:
    """The price whose hourly part is the month's divided by 672 hours."""
    amount = Decimal(monthly)
    hourly = (amount / HOURS_PER_MONTH).quantize(Decimal("0.00001"), ROUND_HALF_UP)
    return Price(amount, hourly)


SIZES: dict[str, Size] = {
    size.slug: size
    for size in (
        Size("512mb", 512, 1, 20, 1.0, "5", legacy=True),
        Size("1gb", 1024, 1, 30, 2.0, "10", legacy=True),
        Size("2gb", 2048, 2, 40, 3.0, "20", legacy=True),
        Size("4gb", 4096, 2, 60, 4.0, "40", legacy=True),
        Size("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, "4"),
        Size("s-1vcpu-1gb", 1024, 1, 25, 1.0, "6", monthly_before="5"),
        Size("s-1vcpu-1gb-amd", 1024, 1, 25, 1.0, "7", "Basic AMD", monthly_before="6"),
        Size("s-1vcpu-1gb-intel", 1024, 1, 25, 1.0, "7", "Basic Intel", monthly_before="6"),
        Size("s-1vcpu-2gb", 2048, 1, 50, 2.0, "12", monthly_before="10"),
        Size("s-2vcpu-2gb", 2048, 2, 60, 3.0, "18", monthly_before="15"),
        Size("s-2vcpu-4gb", 4096, 2, 80, 4.0, "24", monthly_before="20"),
        Size("s-2vcpu-4gb-amd", 4096, 2, 80, 4.0, "28", "Basic AMD", monthly_before="24"),
        Size("s-4vcpu-8gb", 8192, 4, 160, 5.0, "48", monthly_before="40"),
        Size("s-8vcpu-16gb", 16384, 8, 320, 6.0, "96", monthly_before="80"),
        Size("c-2", 4096, 2, 25, 4.0, "42", "CPU-Optimized", monthly_before="40"),
        Size("c-4", 8192, 4, 50, 5.0, "84", "CPU-Optimized", monthly_before="80"),
        Size("g-2vcpu-8gb", 8192, 2, 25, 4.0, "63", "General Purpose", monthly_before="60"),
        Size("m-2vcpu-16gb", 16384, 2, 50, 4.0, "84", "Memory-Optimized", monthly_before="80"),
        Size("gpu-4000adax1-20gb", 32768, 8, 500, 10.0, "510.72", "RTX 4000 Ada GPU - 1X", gpus=1),
        Size(
            "gpu-h100x1-80gb", 245760, 20, 720, 15.0, "2278.08", "H100 GPU - 1X",
            gpus=1, scratch=5120,
        ),
    )
}  # fmt: skip

ORDINARY_SIZES = [s.slug for s in SIZES.values() if not s.legacy and not s.gpus]
LEGACY_SIZES = [s.slug for s in SIZES.values() if s.legacy]
GPU_SIZES = [s.slug for s in SIZES.values() if s.gpus]


@dataclass(frozen=True)
class Image:
    """A public image, or one of the account's own (no slug)."""

    id: int
    name: str
    distribution: str
    slug: str | None
    created_at: str
    type: str = "snapshot"
    public: bool = True
    size_gigabytes: float = 2.36
    description: str = ""
    retired: bool = False


IMAGES: dict[str, Image] = {
    "ubuntu-14-04-x64": Image(
        9801954, "14.04 x64", "Ubuntu", None, "2014-11-12T00:00:00Z",
        size_gigabytes=0.44, retired=True,
    ),
    "ubuntu-16-04-x64": Image(
        13089493, "16.04.7 (LTS) x64", "Ubuntu", None, "2016-09-21T20:18:31Z",
        size_gigabytes=0.31, retired=True,
    ),
    "ubuntu-18-04-x64": Image(
        112929408, "18.04 (LTS) x64", "Ubuntu", "ubuntu-18-04-x64", "2018-04-27T21:19:31Z"
    ),
    "ubuntu-20-04-x64": Image(
        63663980, "20.04 (LTS) x64", "Ubuntu", "ubuntu-20-04-x64", "2020-05-15T05:47:50Z"
    ),
    "ubuntu-22-04-x64": Image(
        112929454, "22.04 (LTS) x64", "Ubuntu", "ubuntu-22-04-x64", "2022-04-22T17:40:16Z"
    ),
    "ubuntu-24-04-x64": Image(
        155133621, "24.04 (LTS) x64", "Ubuntu", "ubuntu-24-04-x64", "2024-05-07T19:45:51Z"
    ),
    "debian-12-x64": Image(
        142044021, "12 x64", "Debian", "debian-12-x64", "2023-07-20T15:01:20Z", "base"
    ),
    "gpu-h100x1-base": Image(
        166407044, "AI/ML Ready H100x1", "Ubuntu", "gpu-h100x1-base", "2024-09-27T15:35:19Z",
        "base", size_gigabytes=18.47, description="GPU H100 1x Base Image",
    ),
    "golden-image": Image(
        98100417, "golden image (2021, do not delete)", "Debian", None, "2021-03-04T09:10:11Z",
        "custom", public=False, size_gigabytes=4.71,
    ),
}  # fmt: skip
