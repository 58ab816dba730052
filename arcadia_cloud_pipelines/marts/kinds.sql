/*
comment = """
What does this release know of each kind of resource? One row a kind, from the registry of kinds.
"""
grain = ["kind"]
example = "SELECT kind, asset, is_taggable FROM marts.kinds ORDER BY kind"
[columns]
asset = "The Dagster asset that mirrors it."
is_taggable = "True when people can put tags on it."
is_billed_alone = "True when each one of it has an invoice line of its own every month."
part_of = "The kind of the whole that it is a part of. Null for wholes."
part_path = "Where in attrs the identity of the whole stands."
urn_type = "Its type in DigitalOcean's URNs, such as do:dbaas:…; our own word where it has none."
account = "Always null: kinds belong to no account."
as_of = "Always null: this is no observation."
complete = "Always true."
*/
SELECT
    CAST(NULL AS text) AS account, k.kind, k.asset, k.is_taggable, k.is_billed_alone, k.part_of,
    k.part_path, k.urn_type, CAST(NULL AS timestamptz) AS as_of, true AS complete
FROM public.cloud_kinds AS k
