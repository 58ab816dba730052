/*
comment = """
What was billed, line by line, with the resource and project of the time? One row an invoice line,
and one more for each invoice whose lines do not give its amount: what only the summary has, or
what is not read yet. All cost views are sums of these rows.
"""
grain = ["invoice_uuid", "line_number"]
example = """
SELECT period, entry, product, description, amount FROM marts.cost_entries
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY amount DESC LIMIT 20
"""
[columns]
line_number = "Position on the invoice, from 1. 0 for the part that no line explains."
entry = "line, summary (credits, taxes and others that stand only in the summary), or not_read (lines are not read yet)."
description = "Text of the line, as the invoice has it."
invoice_uuid = "DigitalOcean's identity of the invoice."
name = "Name of the resource, else the name in the line's text."
size_slug = "The resource's plan of today. Null without a resource."
category = "iaas, paas or what else the invoice says."
started_at = "Begin of the usage billed."
ended_at = "End of the usage billed, see cloud_cost_lines.ended_at."
match_method = "How the resource was found: resource_id, name or group. Null without a resource."
resource_key = "The resource's id, where the invoice carries it, whether or not we know the resource."
group_description = "Name of the cluster that grouped usage belongs to."
unmatched_reason = "Why the line has no resource. Null when it has one."
hours = "Quantity as billed: hours for most, see cloud_cost_lines.hours."
invoice_project_name = "The project's name, as the invoice has it."
project_source = "membership: the project that the resource was in when the usage ended. invoice: the name on the invoice. Null: neither."
tenant_id = "The tenant of the project at the time, see tenant_spans. Null for none."
used_at = "The last moment of the usage: at it project, tenant and tags are looked up. Null for what no line explains."
project_id = "The project of the time: cloud_projects.id. Null for none, or for a name that no project has."
*/
SELECT
    l.account,
    l.period,
    i.invoice_uuid,
    l.line_number,
    'line' AS entry,
    l.product,
    coalesce(r.kind, l.kind) AS kind,
    l.description,
    l.resource_id,
    coalesce(r.name, l.resource_name) AS name,
    r.size_slug,
    coalesce(r.region, l.region) AS region,
    l.category,
    l.hours,
    l.started_at,
    l.ended_at,
    l.unmatched_reason,
    coalesce(stay.project_id, named.project_id) AS project_id,
    coalesce(p.name, nullif(btrim(l.project_name), '')) AS project_name,
    CASE
        WHEN stay.project_id IS NOT NULL THEN 'membership'
        WHEN nullif(btrim(l.project_name), '') IS NOT NULL THEN 'invoice'
    END AS project_source,
    whose.tenant_id,
    used.at AS used_at,
    l.amount,
    'USD' AS currency,
    l.match_method,
    l.resource_key,
    l.group_description,
    nullif(btrim(l.project_name), '') AS invoice_project_name,
    m.as_of,
    m.complete
FROM public.cloud_cost_lines AS l
JOIN public.cloud_invoices AS i ON i.id = l.invoice_id
JOIN marts.billing_months AS m ON m.account = l.account AND m.period = l.period
LEFT JOIN public.cloud_resources AS r ON r.id = l.resource_id
CROSS JOIN LATERAL (
    -- An end may be exclusive, so one second earlier.
    SELECT coalesce(
        l.ended_at, l.started_at, (l.period + interval '1 month') AT TIME ZONE 'UTC'
    ) - interval '1 second' AS at
) AS used
LEFT JOIN LATERAL (
    -- The stay of project_spans at that moment, by one look into the index: to make all stays of all
    -- resources for a month's lines took four times as long. The last one that had begun counts, if
    -- it had not ended.
    SELECT began.project_id
    FROM (
        SELECT s.project_id, s.valid_to
        FROM public.cloud_project_memberships AS s
        WHERE s.provider = r.provider AND s.account = r.account AND s.kind = r.kind
          AND s.provider_id = r.provider_id
          AND (s.valid_to IS NULL OR s.valid_to > s.valid_from)
          AND (
            s.valid_from <= used.at
            -- Only the first stay reaches back to its date of assignment; of several that began at
            -- one instant, the newest row's.
            OR s.assigned_at <= used.at AND NOT EXISTS (
                SELECT FROM public.cloud_project_memberships AS other
                WHERE other.provider = s.provider AND other.account = s.account
                  AND other.kind = s.kind AND other.provider_id = s.provider_id
                  AND (
                    other.valid_from < s.valid_from
                    OR other.valid_from = s.valid_from AND other.id > s.id
                        AND (other.valid_to IS NULL OR other.valid_to > other.valid_from)
                  )
            )
          )
        ORDER BY s.valid_from DESC, s.id DESC LIMIT 1
    ) AS began
    WHERE began.valid_to IS NULL OR used.at < began.valid_to
) AS stay ON true
LEFT JOIN marts.project_names AS named
    ON named.account = l.account AND named.name = lower(btrim(l.project_name))
LEFT JOIN public.cloud_projects AS p ON p.id = coalesce(stay.project_id, named.project_id)
LEFT JOIN marts.tenant_spans AS whose
    ON whose.project_id = p.id
    AND (whose.valid_from IS NULL OR whose.valid_from <= used.at)
    AND (whose.valid_to IS NULL OR used.at < whose.valid_to)
UNION ALL
SELECT
    i.account,
    i.period,
    i.invoice_uuid,
    0,
    CASE i.ingest_status WHEN 'ingested' THEN 'summary' ELSE 'not_read' END,
    CASE i.ingest_status
        WHEN 'ingested' THEN 'In the summary only' ELSE 'Lines not read yet'
    END,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    i.amount - coalesce(i.lines_total, 0),
    'USD',
    NULL, NULL, NULL, NULL,
    m.as_of,
    m.complete
FROM public.cloud_invoices AS i
JOIN marts.billing_months AS m ON m.account = i.account AND m.period = i.period
WHERE i.amount <> coalesce(i.lines_total, 0)
