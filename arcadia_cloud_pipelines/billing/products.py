"""Product → kind and description → name, from the rules in `products.toml`.

Each rule is data. A product is looked up by its exact name first (without case, punctuation and
plural), then by the patterns `products_like` in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..common.frames import Bools, np, pa, pc, pd
from ..settings.reviewed_files import ReviewedFileError, parse

NameIn = Literal["description", "group", "nothing"]
Charge = Literal["usage", "tax", "credit", "support"]


class ProductRulesError(ReviewedFileError):
    """A rule is not one; the text says which and why."""


def _kind_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError("must be spelled as in cloud_resources.kind")
    return text


def _re2(text: str) -> str:
    try:
        compiled = re.compile(text)
        pc.match_substring_regex(pa.scalar("", pa.large_string()), text)
    except (re.error, pa.ArrowException) as error:
        raise ValueError(f"is not an RE2 pattern: {error}") from None
    if compiled.groups != len(compiled.groupindex):
        raise ValueError("has a group without a name; write (?:…)")
    return text


def _naming(text: str) -> str:
    groups = set(re.compile(text).groupindex)
    if "name" not in groups or groups - {"name", "region"}:
        raise ValueError("must have a group (?P<name>…), and no other but (?P<region>…)")
    return text


ProductKind = Annotated[str, AfterValidator(_kind_name)]
Re2 = Annotated[str, AfterValidator(_re2)]


class Pattern(BaseModel):
    """The place of the name in a description; RE2, with a group `name` and perhaps `region`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pattern: Annotated[Re2, AfterValidator(_naming)]
    kind: ProductKind | None = None
    """None for the kind of the rule."""


def _as_table(value: Any) -> Any:
    return {"pattern": value} if isinstance(value, str) else value


class ProductRule(BaseModel):
    """One rule for one or several products; see the head of `products.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    products: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    kind: ProductKind | None = None
    """None for what is no resource."""
    name_in: NameIn = "description"
    patterns: tuple[Annotated[Pattern, BeforeValidator(_as_table)], ...] = ()
    nameless: tuple[Re2, ...] = ()
    products_like: tuple[Re2, ...] = ()
    also: tuple[ProductKind, ...] = ()
    also_by_id: tuple[ProductKind, ...] = ()
    team_wide: bool = False
    charge: Charge = "usage"

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse what fits each key and not the others."""
        named = self.patterns or self.nameless
        if not self.products and not self.products_like:
            raise ValueError("products must name at least one")
        if self.kind is None and (
            named or self.also or self.team_wide or "name_in" in self.model_fields_set
        ):
            raise ValueError("what has no kind is no resource and has no name")
        if self.kind is not None and self.charge != "usage":
            raise ValueError(f"charge is {self.charge!r}, and what has a kind is usage")
        if self.team_wide and (self.nameless or self.name_in == "nothing"):
            raise ValueError(
                "a team_wide line without a name is no resource, so nothing is nameless"
            )
        if self.name_in == "nothing" and named:
            raise ValueError("name_in is 'nothing', so there is no use for patterns")
        return self


class ProductRuleFile(BaseModel):
    """All rules of one file, in its order."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    product: tuple[ProductRule, ...]


class Rules(dict[str, ProductRule]):
    """Rules by exact product (`fold_product`); `find` looks up by pattern, too."""

    def __init__(self) -> None:
        super().__init__()
        self.like: list[tuple[re.Pattern[str], ProductRule]] = []

    def find(self, product: str) -> ProductRule | None:
        """Return the rule for a product as an invoice spells it; None for an unknown one.

        Example: `GPU Droplets (H100)` has no rule of that name; the one of `GPU Droplets` holds.
        """
        without_suffix = re.sub(r" *\([^()]*\) *$", "", product)
        for name in (fold_product(product), fold_product(without_suffix)):
            if name in self:
                return self[name]
            for pattern, rule in self.like:
                if pattern.search(name):
                    return rule
        return None


@cache
def product_rules() -> Rules:
    """Return the rules that come with the package."""
    path = Path(__file__).with_suffix(".toml")
    return read_product_rules(path.read_text(encoding="utf-8"), path.name)


def read_product_rules(text: str, source: str) -> Rules:
    """Read and check rules.

    Args:
        text: TOML, as the head of `products.toml` says.
        source: the name of the text in messages.

    Raises:
        ProductRulesError: it is not TOML, a key is unknown or of the wrong type, a pattern is not
            one or has no group `name`, or two rules are about one product.
    """
    try:
        file = parse(text, source, file=ProductRuleFile, entry=ProductRule, table="product")
    except ReviewedFileError as error:
        raise ProductRulesError(str(error)) from None
    rules = Rules()
    for rule in file.product:
        for product in rule.products:
            if rules.setdefault(fold_product(product), rule) is not rule:
                raise ProductRulesError(f"{source} has two rules for {product!r}.")
        rules.like += [(re.compile(pattern), rule) for pattern in rule.products_like]
    return rules


@cache
def fold_product(product: str) -> str:
    """Return a product as rules are looked up by.

    Example: `DigitalOcean Load-Balancers` and `load balancer` are both `load balancer`.
    """
    words = [_singular(word) for word in re.findall(r"\w+", product.casefold())]
    return " ".join(words[1:] if words[:1] == ["digitalocean"] and len(words) > 1 else words)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def charge_of(product: str | None, rules: Rules | None = None) -> Charge:
    """Return the sort of money that a product on an invoice is.

    Example: `VAT` is tax, `Sammy Promotional Credit` is credit, and an unknown product is usage.
    """
    rule = (product_rules() if rules is None else rules).find(product or "")
    return "usage" if rule is None else rule.charge


class RuleOfEach:
    """The rule of each line's product; each product is looked up once.

    Attributes:
        rules: of the products that there are; None for a product without one.
        codes: for each line, the position of its rule.
    """

    def __init__(self, products: pd.Series[str], rules: Rules | None = None) -> None:
        """Look them up in `rules`; in those of the package if None."""
        rules = product_rules() if rules is None else rules
        self.codes, texts = pd.factorize(products.fillna(""))
        self.rules = [rules.find(str(text)) for text in texts]

    def flag(self, of: Callable[[ProductRule], bool]) -> Bools:
        """Return for each line whether it has a rule of which that is true."""
        said = [rule is not None and of(rule) for rule in self.rules]
        return np.array(said, dtype=bool)[self.codes]

    def text(self, of: Callable[[ProductRule], str | None]) -> pd.Series[str]:
        """Return what each line's rule says; NA where it has none."""
        said = [None if rule is None else of(rule) for rule in self.rules]
        return pd.Series(pd.array(said, dtype="str").take(self.codes))


def classify_lines(lines: pd.DataFrame, rules: Rules | None = None) -> pd.DataFrame:
    """Read each line's kind, name and region out of its product and texts.

    Args:
        lines: with `product`, `group_description`, `description` (text); any index.
        rules: those of the package if None.

    Returns:
        `lines` with `kind` (NA for unknown products and for what is no resource), `resource_name`
        (as the text has it; NA where it has none) and `line_region` (slug, where it has one).
    """
    size = len(lines)
    kinds, names, regions = (np.full(size, None, dtype=object) for _ in range(3))
    found = RuleOfEach(lines["product"], rules)
    for number, rule in enumerate(found.rules):
        if rule is None or rule.kind is None:
            continue
        rows = np.flatnonzero(found.codes == number)
        kinds[rows] = None if rule.team_wide else rule.kind
        if rule.name_in == "nothing":
            continue
        part = lines.iloc[rows]
        descriptions = part["description"]
        if rule.name_in == "group":
            group = part["group_description"]
            has_group = group.notna().to_numpy()
            names[rows[has_group]] = group[has_group].to_numpy(dtype=object)
            kinds[rows[has_group]] = rule.kind
            rows, descriptions = rows[~has_group], descriptions[~has_group]
        # Texts repeat: each is taken apart once.
        codes, texts = pd.factorize(descriptions)
        rows, codes = rows[codes >= 0], codes[codes >= 0]
        if len(rows):
            kinds[rows], names[rows], regions[rows] = (
                column[codes] for column in _take_apart(pd.Series(texts), rule)
            )
    return lines.assign(
        kind=pd.array(kinds, dtype="str"),
        resource_name=pd.array(names, dtype="str"),
        line_region=pd.array(regions, dtype="str"),
    )


def _take_apart(texts: pd.Series[str], rule: ProductRule) -> tuple[Any, Any, Any]:
    """Kind, name and region of each text, as arrays of objects, None for none."""
    values = pa.array(texts, type=pa.large_string())
    kinds = np.full(len(texts), None if rule.team_wide else rule.kind, dtype=object)
    names = texts.to_numpy(dtype=object).copy()
    if rule.team_wide:
        names[:] = None
    regions = np.full(len(texts), None, dtype=object)
    pending = np.ones(len(texts), dtype=bool)
    for nameless in rule.nameless:
        hit = pc.match_substring_regex(values, nameless).to_numpy(zero_copy_only=False) & pending
        names[hit] = None
        pending &= ~hit
    for pattern in rule.patterns:
        found = pc.extract_regex(values, pattern.pattern)
        hit = pc.is_valid(found).to_numpy(zero_copy_only=False) & pending
        kinds[hit] = pattern.kind or rule.kind
        names[hit] = pc.struct_field(found, "name").to_numpy(zero_copy_only=False)[hit]
        if "(?P<region>" in pattern.pattern:
            found_regions = pc.utf8_lower(pc.struct_field(found, "region"))
            regions[hit] = found_regions.to_numpy(zero_copy_only=False)[hit]
        pending &= ~hit
    return kinds, names, regions
