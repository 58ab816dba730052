"""Images of the account's own, the snapshots of droplets among them."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from . import catalog
from .api_errors import not_found_error, unprocessable
from .call import Call, json_response
from .lives import Facts, Life, iso
from .paging import page_of
from .registry import SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View
from .snapshots import new_image_number, price_of_gigabytes, render_stored, size_in_gigabytes

_GOLDEN_BORN = datetime(2021, 3, 4, 9, 10, 11, tzinfo=UTC)


# ---- images


def _image_template(_account: SimulatedAccount, rng: Random) -> Facts:
    return {
        "name": f"custom-{rng.randrange(10_000):04d}",
        "distribution": "Arch Linux",
        "slug": None,
        "public": False,
        "regions": [rng.choice(list(catalog.REGIONS))],
        "type": "custom",
        "min_disk_size": 20,
        "size_gigabytes": round(1 + 8 * rng.random(), 2),
        "description": "",
        "tags": [],
        "status": "available",
        "error_message": "",
    }


def _image_populate(account: SimulatedAccount, rng: Random) -> None:
    if not account.droplets:
        return
    golden = catalog.IMAGES["golden-image"]
    born = min(max(account.history_start, _GOLDEN_BORN), account.now)
    facts = {
        **_image_template(account, rng),
        "name": golden.name,
        "distribution": golden.distribution,
        "regions": ["fra1"],
        "size_gigabytes": golden.size_gigabytes,
    }
    # A number is one image in all of DigitalOcean: another account's has another.
    account.add_life("image", golden.id + account.seed, facts, born)


def _image_of_snapshot(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    """Return how a droplet snapshot looks among the images."""
    return {
        "id": int(life.id),
        "name": facts["name"],
        "distribution": "Ubuntu",
        "slug": None,
        "public": False,
        "regions": view.order(facts["regions"]),
        "created_at": iso(life.created_at),
        "type": "snapshot",
        "min_disk_size": facts["min_disk_size"],
        "size_gigabytes": facts["size_gigabytes"],
        "description": "",
        "tags": view.order(facts["tags"]) if view.can("tag:read") else [],
        "status": "available",
        "error_message": "",
    }


def _image_row(call: Call, row: Life | str) -> Any:
    if isinstance(row, str):
        return call.view.image(row)
    if row.kind == "droplet_snapshot":
        return _image_of_snapshot(call.view, row, row.facts)
    return call.account.render(row, call.view)


def _images(call: Call) -> Response:
    private = call.params.get("private", "false")
    if private not in ("true", "false"):
        raise unprocessable("private must be true or false")
    account = call.account
    rows: list[Life | str] = [*account.listing("image"), *account.listing("droplet_snapshot")]
    if private == "false":
        rows += [key for key, image in catalog.IMAGES.items() if image.public]
    return page_of(call, "images", rows, lambda row: _image_row(call, row))


def _one_image(call: Call, text: str) -> Response:
    lives = call.account.lives
    life = lives["droplet_snapshot"].get(text)
    if life is None and text.isascii() and text.isdecimal():
        life = lives["image"].get(int(text))
    if life is None or not life.alive(call.account.now):
        raise not_found_error()
    return json_response({"image": _image_row(call, life)})


IMAGE = register(
    SimulatedKind(
        name="image",
        path="/v2/images",
        envelope="images",
        singular="image",
        scope="image:read",
        params=frozenset({"private"}),
        template=_image_template,
        new_id=new_image_number,
        render=render_stored,
        consumed=frozenset({"regions", "tags"}),
        blanks={"tags": ("tag:read", [])},
        list=_images,
        single=_one_image,
        populate=_image_populate,
        price=price_of_gigabytes,
        price_changes=(catalog.PRICE_RISE,),
        size=size_in_gigabytes,
    )
)
