/*
comment = """
What was billed in a month, summed by all that cost views ask for? One row an account, month, kind of
entry, class of charge, project, kind, product, region and plan. The sums of cost_entries: a closed
month's are kept in cloud_month_costs, and made from its lines while it is not kept.
"""
grain = [
    "account", "period", "entry", "class", "project_id", "project_name", "project_source",
    "invoice_project_name", "kind", "product", "region", "size_slug",
]
example = """
SELECT class, sum(lines) AS lines, sum(amount) AS amount FROM marts.cost_months
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
GROUP BY class ORDER BY amount DESC
"""
[columns]
entry = "line, summary (credits, taxes and others that stand only in the summary), or not_read (lines are not read yet)."
class = "run, gpu, backup, fee, counted, credit or tax: how such a charge grows. Null for what no line explains."
project_id = "The project of the time: cloud_projects.id. Null for none, or for a name that no project has."
project_source = "membership: the project that the resource was in when the usage ended. invoice: the name on the invoice. Null: neither."
invoice_project_name = "The project's name on the invoice, where project_source is invoice."
size_slug = "The resource's plan of today. Null without a resource."
hours = "Sum of the quantities as billed, see cloud_cost_lines.hours. Null where no line has one."
*/
SELECT
    total.account,
    total.period,
    'line' AS entry,
    total.class,
    coalesce(total.project_id, named.project_id) AS project_id,
    coalesce(p.name, total.invoice_project_name) AS project_name,
    CASE
        WHEN total.project_id IS NOT NULL THEN 'membership'
        WHEN total.invoice_project_name IS NOT NULL THEN 'invoice'
    END AS project_source,
    total.invoice_project_name,
    total.kind,
    total.product,
    total.region,
    total.size_slug,
    total.lines,
    total.hours,
    total.amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM (
    SELECT
        kept.account, kept.period, kept.class, kept.project_id, kept.invoice_project_name,
        kept.kind, kept.product, kept.region, kept.size_slug, kept.lines, kept.hours, kept.amount
    FROM public.cloud_month_costs AS kept
    UNION ALL
    SELECT
        month.account, month.period, live.class, live.project_id, live.invoice_project_name,
        live.kind, live.product, live.region, live.size_slug, live.lines, live.hours, live.amount
    FROM (
        SELECT DISTINCT i.account, i.period FROM public.cloud_invoices AS i
        WHERE NOT EXISTS (
            SELECT FROM public.cloud_kept_months AS kept
            WHERE kept.account = i.account AND kept.period = i.period
        )
    ) AS month
    CROSS JOIN LATERAL (
        -- Month by month, so that no other month's lines are looked at.
        SELECT
            cloud_charge_class(e.product, e.description) AS class,
            CASE WHEN e.project_source = 'membership' THEN e.project_id END AS project_id,
            CASE WHEN e.project_source = 'invoice' THEN e.invoice_project_name END
                AS invoice_project_name,
            e.kind, e.product, e.region, e.size_slug,
            count(*) AS lines, sum(e.hours) AS hours, sum(e.amount) AS amount
        FROM marts.cost_entries AS e
        WHERE e.entry = 'line' AND e.account = month.account AND e.period = month.period
        GROUP BY 1, 2, 3, e.kind, e.product, e.region, e.size_slug
    ) AS live
) AS total
JOIN marts.billing_months AS m ON m.account = total.account AND m.period = total.period
LEFT JOIN marts.project_names AS named
    ON named.account = total.account AND named.name = lower(total.invoice_project_name)
LEFT JOIN public.cloud_projects AS p ON p.id = coalesce(total.project_id, named.project_id)
UNION ALL
SELECT
    e.account, e.period, e.entry, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL,
    sum(e.amount), 'USD', e.as_of, e.complete
FROM marts.cost_entries AS e
WHERE e.entry <> 'line'
GROUP BY e.account, e.period, e.entry, e.as_of, e.complete
