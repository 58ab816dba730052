/*
comment = """
Which taxes, credits, refunds and payments were there in a month? One row an account, month, source
and type. Source summary is what the invoices say, history what the billing history says: the two
are views of the same money and are not to be added.
"""
grain = ["account", "period", "source", "type"]
example = """
SELECT period, source, type, amount FROM marts.taxes_and_credits ORDER BY period DESC, source, type
"""
[columns]
source = "summary: parts of the month's invoices. history: entries of the billing history dated in the month."
type = "Product charges, overages, taxes, credits; of the history the entry's own word, such as Payment."
entries = "Invoices or entries that were added."
period = "Month billed (summary), or month of the entry's date (history), first day, UTC."
*/
SELECT
    part.account,
    part.period,
    'summary' AS source,
    part.type,
    count(*) AS entries,
    sum(part.amount) AS amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM (
    SELECT i.account, i.period, named.type, named.amount
    FROM public.cloud_invoices AS i
    JOIN marts.invoice_reconciliation AS c USING (invoice_uuid)
    CROSS JOIN LATERAL (
        VALUES ('product_charges', i.product_charges), ('overages', i.overages),
            ('taxes', i.taxes), ('credits_and_adjustments', c.credits)
    ) AS named (type, amount)
    WHERE named.amount IS NOT NULL
) AS part
JOIN marts.billing_months AS m ON m.account = part.account AND m.period = part.period
GROUP BY part.account, part.period, part.type, m.as_of, m.complete
UNION ALL
SELECT
    b.account,
    CAST(date_trunc('month', b.occurred_at AT TIME ZONE 'UTC') AS date),
    'history',
    b.entry_type,
    count(*),
    sum(b.amount),
    'USD',
    coalesce(f.as_of, min(b.first_seen_at)),
    coalesce(f.complete, false)
FROM public.cloud_billing_entries AS b
LEFT JOIN marts.freshness AS f ON f.account = b.account AND f.source = 'invoice_list'
GROUP BY b.account, 2, b.entry_type, f.as_of, f.complete
