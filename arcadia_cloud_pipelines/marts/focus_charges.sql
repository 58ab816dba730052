/*
comment = """
What was charged, in the words of FOCUS, before resources, tags and SKUs are added? One row an invoice
line, one a part of an invoice that has no line, and one a provisional line of the open month. What
focus_1_4, focus_1_2 and focus_1_4_invoice_detail are made from.
"""
grain = ["account", "period", "invoice_uuid", "line_number", "charge_category"]
example = """
SELECT charge_category, charge_frequency, sum(amount) FROM marts.focus_charges
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
GROUP BY 1, 2 ORDER BY 3 DESC
"""
[columns]
invoice_uuid = "DigitalOcean's identity of the invoice. Null for what is provisional."
line_number = "Position on the invoice or the preview, from 1. 0 for what has no line."
entry = "line, summary (a part that stands only in the invoice's summary), not_read (the invoice's lines are not read yet), or provisional (a line of the preview of the open month)."
service_category = "ServiceCategory of FOCUS, by marts.focus_services. Other for an unknown product."
service_subcategory = "ServiceSubcategory of FOCUS."
charge_category = "Usage, Purchase, Tax, Credit or Adjustment."
charge_class = "Correction for refunds and for charges of a time before the month billed. Else null."
charge_frequency = "Usage-Based, Recurring (subscriptions) or One-Time."
invoice_detail_id = "The invoice's item that the charge is part of: invoice, category and product. Null for what is provisional."
starts_at = "Begin of the usage. The month's when the line says none."
ends_at = "End of the usage, exclusive. The month's when the line says none."
description = "Text of the line; the product when it has none."
name = "Name of the resource of today, else the name in the line's text."
hours = "Quantity as billed, see cloud_cost_lines.hours."
match_method = "How the resource was found: resource_id, name or group."
unmatched_reason = "Why the line has no resource. Null when it has one, and for what has no line."
resource_key = "The resource's id, where the invoice carries it."
group_description = "Name of the cluster that grouped usage belongs to."
project_id = "The project of the time: cloud_projects.id. Null for none."
project_source = "membership, invoice, or today (of a provisional line: the resource's project now)."
as_of = "Age of the list of invoices; of a provisional line, when DigitalOcean made the preview."
*/
SELECT
    charge.account,
    charge.period,
    charge.invoice_uuid,
    charge.line_number,
    charge.entry,
    known.product,
    coalesce(service.service_category, 'Other') AS service_category,
    coalesce(service.service_subcategory, 'Other (Other)') AS service_subcategory,
    known.charge_category,
    CASE
        -- A refund without a time of its own is about what was paid before.
        WHEN known.what = 'refund' AND charge.started_at IS NULL THEN 'Correction'
        WHEN span.ends_at <= month.starts_at THEN 'Correction'
    END AS charge_class,
    CASE known.charge_category
        WHEN 'Usage' THEN 'Usage-Based' WHEN 'Purchase' THEN 'Recurring' ELSE 'One-Time'
    END AS charge_frequency,
    charge.invoice_uuid || ':' || known.charge_category || ':' || known.product
        AS invoice_detail_id,
    span.starts_at,
    span.ends_at,
    coalesce(nullif(btrim(charge.description), ''), known.product) AS description,
    charge.kind,
    charge.resource_id,
    charge.name,
    nullif(charge.region, '') AS region,
    charge.hours,
    charge.match_method,
    charge.unmatched_reason,
    charge.resource_key,
    charge.group_description,
    charge.project_id,
    charge.project_name,
    charge.project_source,
    charge.tenant_id,
    charge.amount,
    'USD' AS currency,
    charge.as_of,
    charge.complete
FROM (
    SELECT
        e.account, e.period, e.invoice_uuid, e.line_number, e.entry, e.product,
        CAST(NULL AS text) AS charge, e.description, e.kind, e.resource_id, e.name, e.region,
        e.hours, e.started_at, e.ended_at, e.match_method, e.unmatched_reason, e.resource_key,
        e.group_description, e.project_id, e.project_name, e.project_source, e.tenant_id, e.amount,
        e.as_of, e.complete
    FROM marts.cost_entries AS e
    WHERE e.entry = 'line'
    UNION ALL
    -- What has no line, told apart by the parts of the summary that it is made of.
    SELECT
        e.account, e.period, e.invoice_uuid, 0, e.entry, part.product, part.charge, part.product,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        part.amount, e.as_of, e.complete
    FROM marts.cost_entries AS e
    JOIN public.cloud_invoices AS i ON i.invoice_uuid = e.invoice_uuid
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN e.entry <> 'summary' THEN e.entry
            WHEN i.taxes <> 0 AND e.amount = i.taxes THEN 'tax'
            -- Some summaries say credits as positive figures.
            WHEN e.amount < 0 AND e.amount = -abs(i.credits_and_adjustments) THEN 'credit'
            WHEN i.overages <> 0 AND e.amount = i.overages THEN 'overage'
            WHEN i.taxes <> 0 AND i.credits_and_adjustments <> 0
                AND e.amount - i.taxes = -abs(i.credits_and_adjustments) THEN 'tax and credit'
            ELSE 'unknown'
        END AS made_of
    ) AS rest
    JOIN LATERAL (
        VALUES
            ('not_read', e.product, 'usage', e.amount),
            ('unknown', e.product, 'adjustment', e.amount),
            ('tax', 'Taxes', 'tax', e.amount),
            ('credit', 'Credits', 'credit', e.amount),
            ('overage', 'Overages', 'usage', e.amount),
            ('tax and credit', 'Taxes', 'tax', i.taxes),
            ('tax and credit', 'Credits', 'credit', e.amount - i.taxes)
    ) AS part (made_of, product, charge, amount) ON part.made_of = rest.made_of
    WHERE e.entry <> 'line'
    UNION ALL
    -- Only while nothing of the month is billed: whether the preview goes on to hold what an invoice
    -- within the month has billed is not known, and no dollar may count twice.
    SELECT
        l.account, l.period, NULL, l.line_number, 'provisional', l.product, NULL, l.description,
        coalesce(r.kind, l.kind), l.resource_id, coalesce(r.name, l.resource_name),
        coalesce(r.region, l.region), l.hours, l.started_at, l.ended_at, l.match_method,
        l.unmatched_reason, l.resource_key, l.group_description, r.project_id,
        coalesce(p.name, nullif(btrim(l.project_name), '')),
        CASE
            WHEN r.project_id IS NOT NULL THEN 'today'
            WHEN nullif(btrim(l.project_name), '') IS NOT NULL THEN 'invoice'
        END,
        p.tenant_id, l.amount, coalesce(m.updated_at, m.read_at), false
    FROM public.cloud_open_month_lines AS l
    JOIN public.cloud_open_months AS m ON m.account = l.account AND m.period = l.period
    LEFT JOIN public.cloud_resources AS r ON r.id = l.resource_id
    LEFT JOIN public.cloud_projects AS p ON p.id = r.project_id
    WHERE NOT EXISTS (
        SELECT FROM public.cloud_invoices AS i
        WHERE i.account = l.account AND i.period = l.period
    )
) AS charge
CROSS JOIN LATERAL (
    SELECT
        CAST(charge.period AS timestamp) AT TIME ZONE 'UTC' AS starts_at,
        (charge.period + interval '1 month') AT TIME ZONE 'UTC' AS ends_at
) AS month
LEFT JOIN marts.focus_products AS service
    ON service.account = charge.account AND service.period = charge.period
    AND service.product = charge.product
CROSS JOIN LATERAL (
    SELECT
        coalesce(charge.started_at, month.starts_at) AS starts_at,
        -- Some products end with the last second in their usage, others with the first after it.
        coalesce(
            charge.ended_at + CASE
                WHEN charge.ended_at = date_trunc('day', charge.ended_at, 'UTC')
                    + interval '23:59:59' THEN interval '1 second' ELSE interval '0'
            END,
            month.ends_at
        ) AS ends_at
) AS said
CROSS JOIN LATERAL (
    SELECT said.starts_at, greatest(said.ends_at, said.starts_at + interval '1 second') AS ends_at
) AS span
CROSS JOIN LATERAL (
    -- A negative line of a product that nobody knows is a credit.
    SELECT coalesce(
        charge.charge, service.charge, CASE WHEN charge.amount < 0 THEN 'credit' ELSE 'usage' END
    ) AS what
) AS told
CROSS JOIN LATERAL (
    SELECT
        told.what,
        coalesce(nullif(btrim(charge.product), ''), 'Unknown') AS product,
        CASE told.what
            WHEN 'tax' THEN 'Tax'
            WHEN 'credit' THEN 'Credit'
            WHEN 'refund' THEN 'Adjustment'
            WHEN 'adjustment' THEN 'Adjustment'
            WHEN 'plan' THEN CASE
                WHEN charge.description ~* '/mo(nth)?\y' THEN 'Purchase'
                WHEN charge.description ~* '\y(overages?|additional|bandwidth|transfer|requests?)\y'
                    THEN 'Usage'
                WHEN charge.product ~* '\y(overages?|additional|bandwidth|transfer|storage)\y'
                    AND charge.product !~* '\ysubscription\y' THEN 'Usage'
                ELSE 'Purchase'
            END
            ELSE 'Usage'
        END AS charge_category
) AS known
