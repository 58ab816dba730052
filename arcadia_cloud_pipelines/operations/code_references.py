"""Names the file and line of each asset, so that its page in the UI leads to the source."""

import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster_shared.record import copy

from .. import kinds, marts

KIND_TAG = "kind"
"""Tag of the assets that mirror one kind."""


def with_code_references(defs: dg.Definitions) -> dg.Definitions:
    """Return the definitions, of which each asset leads to its source.

    That is the entry of a kind, the SQL of a view, else the function.

    Not `dg.with_source_code_references`: it knows functions alone, so all kinds would lead to the
    one function that makes their assets.
    """
    return copy(defs, assets=[*_referred(defs.assets or ())])


def _referred(assets: Iterable[Any]) -> Iterator[Any]:
    entries = dict(_entries())
    views = {path.stem: path for path in Path(marts.__file__).parent.glob("*.sql")}
    for asset in assets:
        if isinstance(asset, dg.AssetSpec):
            view = str(asset.metadata.get("dagster/table_name", "")).removeprefix("marts.")
            yield _refer(asset, views[view], 1) if view in views else asset
        elif isinstance(asset, dg.AssetsDefinition):
            (tags,) = asset.tags_by_key.values()
            place = entries.get(tags.get(KIND_TAG, "")) or _place_of_function(asset)
            yield asset.map_asset_specs(partial(_refer, path=place[0], line=place[1]))
        else:
            yield asset


def _refer(spec: dg.AssetSpec, path: Path, line: int) -> dg.AssetSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        place = dg.LocalFileCodeReference(file_path=str(path), line_number=line)
        references = dg.CodeReferencesMetadataValue(code_references=[place])
    return spec.merge_attributes(metadata={"dagster/code_references": references})


def _entries() -> Iterator[tuple[str, tuple[Path, int]]]:
    """Find the line of each kind's entry: the one that says its name."""
    names = {f'    name="{kind.name}",': kind.name for kind in kinds.REGISTRY}
    for path in sorted(Path(kinds.__file__).parent.glob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line in names:
                yield names[line], (path, number)


def _place_of_function(asset: dg.AssetsDefinition) -> tuple[Path, int]:
    code = cast("DecoratedOpFunction", asset.op.compute_fn).decorated_fn.__code__
    return Path(code.co_filename), code.co_firstlineno
