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
difference = "amount less lines and unlisted parts; where these agree and the summary does not, by how much it differs. 0 when the invoice adds up; null when its lines are not read."
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
    verdict.unlisted,
    verdict.difference,
    CASE
        WHEN i.lines_total IS NULL OR i.ingest_status <> 'ingested' THEN 'not_read'
        WHEN verdict.difference = 0 THEN 'reconciled'
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
    -- Which parts have no line is a rule of the ingest, which wrote down what it found.
    SELECT
        coalesce(i.unlisted, 0) AS unlisted,
        coalesce(
            nullif(i.amount - i.lines_total - coalesce(i.unlisted, 0), 0),
            -- The lines agree, the summary does not.
            CASE WHEN i.lines_total IS NOT NULL THEN coalesce(i.off_by, 0) END
        ) AS difference
) AS verdict
