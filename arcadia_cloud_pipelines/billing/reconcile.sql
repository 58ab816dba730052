-- The statements of reconcile.py.

-- name: not_equal
-- Ingested invoices whose lines, amount and summary are not plainly equal, with what their lines
-- hold of each part of the summary.
SELECT
    i.period, i.invoice_uuid, i.amount, i.lines_total, i.product_charges, i.overages, i.taxes,
    i.credits_and_adjustments, i.other_parts,
    coalesce(l.taxes, 0) AS tax_lines, coalesce(l.overages, 0) AS overage_lines,
    coalesce(l.credits, 0) AS credit_lines
FROM cloud_invoices AS i
LEFT JOIN LATERAL (
    SELECT
        sum(amount) FILTER (WHERE is_tax) AS taxes,
        sum(amount) FILTER (WHERE NOT is_tax AND is_credit) AS credits,
        sum(amount) FILTER (WHERE NOT is_tax AND NOT is_credit AND is_overage) AS overages
    FROM (
        SELECT
            amount,
            coalesce(product, '') ~* '\m(tax|taxes|vat|gst|hst|pst)\M' AS is_tax,
            amount < 0 OR coalesce(product, '')
                ~* 'credit|adjustment|discount|refund|promo' AS is_credit,
            concat_ws(' ', product, description) ~* 'overage|bandwidth' AS is_overage
        FROM cloud_cost_lines
        WHERE invoice_id = i.id AND i.lines_total <> i.amount
    ) AS line
) AS l ON true
WHERE i.ingest_status = 'ingested'
  AND (
    i.lines_total <> i.amount
    OR i.product_charges + coalesce(i.overages, 0) + coalesce(i.taxes, 0)
        + coalesce(i.credits_and_adjustments, 0) <> i.amount
  )
ORDER BY i.period, i.invoice_uuid;

-- name: create_verdicts
CREATE TEMP TABLE verdicts (
    invoice_uuid text PRIMARY KEY,
    off_by numeric NOT NULL,
    unlisted numeric NOT NULL
) ON COMMIT DROP;

-- name: store_verdicts
-- An invoice without a verdict of its own is plainly equal.
UPDATE cloud_invoices AS i
SET off_by = n.off_by, unlisted = n.unlisted
FROM (
    SELECT i.id, coalesce(v.off_by, 0) AS off_by, coalesce(v.unlisted, 0) AS unlisted
    FROM cloud_invoices AS i LEFT JOIN verdicts AS v USING (invoice_uuid)
    WHERE i.ingest_status = 'ingested'
) AS n
WHERE i.id = n.id AND (i.off_by, i.unlisted) IS DISTINCT FROM (n.off_by, n.unlisted);

-- name: keep_summaries
-- The amounts of the summary beside the lines that they came with; each version, the newest last.
UPDATE cloud_invoice_files AS f
SET summaries = f.summaries || jsonb_build_object(
    'read_at', to_jsonb(statement_timestamp()), 'amount', CAST(i.amount AS text), 'parts', said.parts
)
FROM cloud_invoices AS i
CROSS JOIN LATERAL (
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'product_charges', CAST(i.product_charges AS text),
        'overages', CAST(i.overages AS text),
        'taxes', CAST(i.taxes AS text),
        'credits_and_adjustments', CAST(i.credits_and_adjustments AS text)
    )) || i.other_parts AS parts
) AS said
WHERE f.invoice_id = i.id AND f.digest = i.lines_digest
  AND said.parts <> '{}'
  AND (f.summaries -> -1 -> 'parts', f.summaries -> -1 ->> 'amount')
    IS DISTINCT FROM (said.parts, CAST(i.amount AS text));
