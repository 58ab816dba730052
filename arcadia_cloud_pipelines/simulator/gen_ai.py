"""Agents, knowledge bases and models that only have to be there, as `others` says."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from starlette.responses import Response

from .call import Call, json_response
from .lives import iso
from .paging import page_of
from .plain import SHAPES, Noise, plain, updated


def _counting_pages(name: str, envelope: str) -> Callable[[Call], Response]:
    """gen-ai says in `meta` which page of how many this is."""

    def answer(call: Call) -> Response:
        rows = call.account.listing(name)
        page = page_of(call, envelope, rows, lambda life: call.account.render(life, call.view))
        made = orjson.loads(page.body)
        pages = max(1, -(-len(rows) // int(call.params.get("per_page", 20))))
        made["meta"] |= {"page": int(call.params.get("page", 1)), "pages": pages}
        return json_response(made)

    return answer


def _gen_ai(
    name: str, envelope: str, singular: str, noise: Noise, *, says_project: bool = False
) -> None:
    plain(
        name, f"/v2/gen-ai/{name}s" if name != "custom_model" else "/v2/gen-ai/custom_models",
        envelope, singular, "genai:read", identity="uuid", noise=noise,
        list=_counting_pages(name, envelope), says_project=says_project,
    )  # fmt: skip


_gen_ai("agent", "agents", "agent", updated, says_project=True)
_gen_ai(
    "knowledge_base", "knowledge_bases", "knowledge_base",
    lambda view, _life: {
        "updated_at": iso(view.at),
        "last_indexing_job": SHAPES["last_indexing_job"] | {"tokens": view.epoch},
    },
    says_project=True,
)  # fmt: skip
_gen_ai("custom_model", "models", "model", updated)
plain(
    "dedicated_inference", "/v2/dedicated-inferences", "dedicated_inferences",
    "dedicated_inference", "dedicated_inference:read", noise=updated, links="projects",
)  # fmt: skip
