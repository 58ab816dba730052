"""Finds resources by the ids that lines carry: rules 1 and 2 of `matching`."""

from __future__ import annotations

from ..frames import Bools, Ints, np, pd
from ..kinds import REGISTRY, UNKNOWN
from .names_and_times import fold

INTEGER_KINDS = frozenset(kind.name for kind in REGISTRY if kind.id_form == "integer")
"""Kinds whose ids are integers; those of all others are uuids, but for `NAMED_KINDS`."""
NAMED_KINDS = frozenset(kind.name for kind in REGISTRY if kind.id_form == "name")
"""Kinds identified by a name or an address: a key of theirs that looks like an id is not theirs."""
FREE_KINDS = frozenset(kind.name for kind in REGISTRY if kind.free) | {UNKNOWN}
"""Kinds that cost nothing. A backup policy has its droplet's number, an SSH key one of its own."""

_INTEGER = r"[0-9]+"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_URN = r"^do:[a-z0-9_-]+:"


class ResourceIds:
    """Resources by their ids."""

    def __init__(self, resources: pd.DataFrame) -> None:
        known = pd.DataFrame(
            {
                "kind": resources["kind"],
                "key": fold(resources["provider_id"]),
                "position": np.arange(len(resources)),
            }
        ).dropna()
        # A namespace of functions is `fn-` and a uuid, which its object also says alone.
        spaces = known[(known["kind"] == "function_namespace") & known["key"].str.startswith("fn-")]
        alias = spaces.assign(key=spaces["key"].str.slice(3)).drop_duplicates("key")
        alias = alias[~alias["key"].isin(known.loc[known["kind"] == "function_namespace", "key"])]
        self._known = pd.concat([known, alias], ignore_index=True)
        self._kinds = resources["kind"].to_numpy(dtype=object)
        free = self._known["kind"].isin(FREE_KINDS)
        self._billed, self._free = self._known[~free], self._known[free]

    def find(
        self, lines: pd.DataFrame, kind: pd.Series[str], facts: pd.DataFrame
    ) -> tuple[Ints, Ints, Ints, Bools]:
        """Look for both ids of each line.

        Returns:
            Position of the resource (-1: none); of another that the line's other id names (-1:
            none); how many resources share its uuid where that is several; whether an id of the
            kind's own form is nobody's.
        """
        first = _key(lines["resource_key"])
        position, shared, proven = self._find_one(first, kind, facts)
        conflict = np.full(len(lines), -1, dtype=np.int64)
        if "second_key" not in lines or lines["second_key"].isna().all():
            return position, conflict, shared, proven
        second = _key(lines["second_key"])
        other, also_shared, also_proven = self._find_one(second, kind, facts)
        kinds = np.array([*self._kinds, None], dtype=object)
        own = kind.to_numpy(dtype=object)
        both = (position >= 0) & (other >= 0) & (position != other)
        swap = (position < 0) | (both & (kinds[other] == own) & (kinds[position] != own))
        conflict[both] = np.where(swap, position, other)[both]
        position = np.where(swap, other, position)
        found = position >= 0
        shared = np.where(found, 0, np.maximum(shared, also_shared))
        return position, conflict, shared, (proven | also_proven) & ~found

    def _find_one(
        self, key: pd.Series[str], kind: pd.Series[str], facts: pd.DataFrame
    ) -> tuple[Ints, Ints, Bools]:
        position = np.full(len(key), -1, dtype=np.int64)
        shared = np.zeros(len(key), dtype=np.int64)
        has_key = key.notna().to_numpy()
        if not has_key.any():
            return position, shared, np.zeros(len(key), dtype=bool)
        asked = pd.DataFrame({"kind": kind, "key": key, "line": np.arange(len(key))})
        self._look(asked[has_key & kind.notna().to_numpy()], position)
        others = (facts["also"] + " " + facts["also_by_id"]).str.split().str.join(" ")
        for combo in others[has_key].unique():
            for other in combo.split():
                rows = has_key & (position < 0) & (others == combo).to_numpy()
                self._look(asked[rows].assign(kind=other), position)

        uuid = key.str.fullmatch(_UUID, na=False).to_numpy(dtype=bool)
        number = key.str.fullmatch(_INTEGER, na=False).to_numpy(dtype=bool)
        unlisted = ~facts["listed"].to_numpy()
        for known, rows in (
            (self._billed, has_key & (uuid | unlisted)), (self._free, has_key & uuid)
        ):  # fmt: skip
            self._look_anywhere(
                known, asked[rows & (position < 0) & (shared == 0)], position, shared
            )

        integers = kind.isin(INTEGER_KINDS).to_numpy()
        names = kind.isin(NAMED_KINDS).to_numpy()
        own_form = np.select([integers, names], [number, ~number & ~uuid], uuid)
        proven = has_key & own_form.astype(bool) & kind.notna().to_numpy() & (position < 0)
        return position, shared, proven

    def _look(self, asked: pd.DataFrame, position: Ints) -> None:
        found = asked.merge(self._known, on=["kind", "key"], validate="m:1")
        position[found["line"].to_numpy()] = found["position"].to_numpy()

    @staticmethod
    def _look_anywhere(
        known: pd.DataFrame, asked: pd.DataFrame, position: Ints, shared: Ints
    ) -> None:
        if asked.empty:
            return
        known = known[known["key"].isin(asked["key"])]
        each = known.groupby("key", sort=False)["position"].agg(["first", "size"])
        found = asked.merge(each, left_on="key", right_index=True)
        single = found["size"] == 1
        one, several = found[single], found[~single]
        position[one["line"].to_numpy()] = one["first"].to_numpy()
        shared[several["line"].to_numpy()] = several["size"].to_numpy()


def _key(keys: pd.Series[str]) -> pd.Series[str]:
    """Return ids as they are compared: `do:dbaas:9CC1…` is `9cc1…`."""
    return fold(keys).str.replace(_URN, "", regex=True)
