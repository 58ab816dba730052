/*
comment = """
Which sources does this release read, and when is each late? One row a source. Made from the
registry and `late.py` by `python -m arcadia_cloud_pipelines.documentation`.
"""
grain = ["source"]
example = "SELECT source, source_group, late_after FROM marts.sources ORDER BY source"
[columns]
source = "Kind of resource, or a source that is no kind."
source_group = "inventory, billing or drift: the group of its asset."
late_after = "Age from which it is late: three times its schedule's interval."
account = "Always null: sources belong to no account."
as_of = "Always null: this is no observation."
complete = "Always true."
*/
SELECT
    CAST(NULL AS text) AS account, s.source, s.source_group, CAST(s.late_after AS interval) AS
    late_after, CAST(NULL AS timestamptz) AS as_of, true AS complete
FROM (
    SELECT k.kind, 'inventory', '3 hours' FROM marts.kinds AS k
    UNION ALL
    VALUES
        ('unknown', 'inventory', '3 hours'),
        ('balance', 'billing', '3 hours'),
        ('invoice_list', 'billing', '72 hours'),
        ('invoice_lines', 'billing', '960 hours'),
        ('open_month', 'billing', '72 hours'),
        ('daily_costs', 'billing', '72 hours'),
        ('prepayment', 'billing', '72 hours'),
        ('forecast', 'billing', '72 hours'),
        ('terraform_specs', 'drift', '3 hours'),
        ('drift', 'drift', '3 hours')
) AS s (source, source_group, late_after)
