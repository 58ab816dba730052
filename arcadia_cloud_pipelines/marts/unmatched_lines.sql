/*
comment = "Which invoice lines have no resource, and why? One row a line."
grain = ["invoice_uuid", "line_number"]
example = """
SELECT reason, count(*), sum(amount) FROM marts.unmatched_lines GROUP BY reason ORDER BY 3 DESC
"""
[columns]
invoice_uuid = "DigitalOcean's identity of the invoice."
line_number = "Position on the invoice, from 1."
description = "Text of the line, as the invoice has it."
reason = "not_a_resource, never_seen, ambiguous, kind_not_synced or unknown_product: see cloud_cost_lines.unmatched_reason."
*/
SELECT
    l.account,
    l.period,
    i.invoice_uuid,
    l.line_number,
    l.product,
    l.kind,
    l.description,
    l.unmatched_reason AS reason,
    l.amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM public.cloud_cost_lines AS l
JOIN public.cloud_invoices AS i ON i.id = l.invoice_id
JOIN marts.billing_months AS m ON m.account = l.account AND m.period = l.period
WHERE l.resource_id IS NULL
