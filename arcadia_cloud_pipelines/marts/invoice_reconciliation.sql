/*
comment = """
Does each invoice add up? One row an invoice. Its amount is its lines and those parts of its summary
that have no line.
"""
grain = ["invoice_uuid"]
example = """
SELECT period, invoice_uuid, amount, lines_total, difference, state
FROM marts.invoice_reconciliation WHERE state <> 'reconciled' ORDER BY period DESC
"""
[columns]
invoice_uuid = "DigitalOcean's identity of the invoice."
issued_at = "Date of its entry in the billing history. Null when the history has none."
amount = "US dollars of the invoice, taxes and credits included."
lines_total = "US dollars of its lines. Null when they are not read."
summary_total = "US dollars that the parts of its summary add up to. Null without a summary."
taxes = "US dollars of taxes, from the summary."
credits = "US dollars of credits and adjustments, from the summary, negative where they lower the amount."
unlisted = "US dollars of the summary's parts that have no line."
difference = "amount less lines and unlisted parts. 0 when the invoice adds up; null when its lines are not read."
state = "reconciled, off (difference is not 0), or not_read."
*/
SELECT
    i.account,
    i.period,
    i.invoice_uuid,
    i.issued_at,
    i.amount,
    i.lines_total,
    part.summary_total,
    i.taxes,
    part.credits,
    CASE WHEN explained.is_so THEN i.amount - i.lines_total ELSE 0 END AS unlisted,
    CASE WHEN explained.is_so THEN 0 ELSE i.amount - i.lines_total END AS difference,
    CASE
        WHEN i.lines_total IS NULL OR i.ingest_status <> 'ingested' THEN 'not_read'
        WHEN explained.is_so OR i.amount = i.lines_total THEN 'reconciled'
        ELSE 'off'
    END AS state,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM public.cloud_invoices AS i
JOIN marts.billing_months AS m ON m.account = i.account AND m.period = i.period
CROSS JOIN LATERAL (
    -- The official example adds credits; receipts subtract them. The sign that fits holds.
    SELECT
        i.product_charges + coalesce(i.overages, 0) + coalesce(i.taxes, 0) AS charged,
        coalesce(i.credits_and_adjustments, 0) AS said
) AS summary
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN summary.charged - summary.said = i.amount THEN -summary.said ELSE summary.said
        END AS credits,
        CASE
            WHEN summary.charged - summary.said = i.amount THEN i.amount
            ELSE summary.charged + summary.said
        END AS summary_total
) AS part
CROSS JOIN LATERAL (
    -- The summary adds up, and one or several of its parts have no line.
    SELECT coalesce(
        part.summary_total = i.amount AND i.amount - i.lines_total IN (
            part.credits, coalesce(i.taxes, 0), coalesce(i.overages, 0),
            part.credits + coalesce(i.taxes, 0), part.credits + coalesce(i.overages, 0),
            coalesce(i.taxes, 0) + coalesce(i.overages, 0),
            part.credits + coalesce(i.taxes, 0) + coalesce(i.overages, 0)
        ) AND i.amount <> i.lines_total, false
    ) AS is_so
) AS explained
