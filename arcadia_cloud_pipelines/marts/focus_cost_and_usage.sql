/*
comment = """
What was charged for which resource, project, tags and SKU, as they were when the usage ended? One row a
charge. What focus_1_4 and focus_1_2 show under the names of the standard.
"""
grain = ["account", "period", "invoice_uuid", "line_number", "charge_category"]
example = """
SELECT resource_urn, resource_name, sku, tags, amount FROM marts.focus_cost_and_usage
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY amount DESC LIMIT 20
"""
[columns]
invoice_uuid = "DigitalOcean's identity of the invoice. Null for what is provisional."
line_number = "Position on the invoice or the preview, from 1. 0 for what has no line."
entry = "line, summary, not_read or provisional: see focus_charges.entry."
service_category = "ServiceCategory of FOCUS."
service_subcategory = "ServiceSubcategory of FOCUS."
charge_category = "Usage, Purchase, Tax, Credit or Adjustment."
charge_class = "Correction, or null."
charge_frequency = "Usage-Based, Recurring or One-Time."
invoice_detail_id = "The invoice's item that the charge is part of. Null for what is provisional."
starts_at = "Begin of the usage."
ends_at = "End of the usage, exclusive."
description = "Text of the line; the product when it has none."
resource_urn = "DigitalOcean's URN of the resource, such as do:droplet:123: its id alone is unique in its kind only. Null for what is about none."
resource_name = "Name of the resource at the time. Null where it has none beside its id."
hours = "Quantity as billed, see cloud_cost_lines.hours."
hours_unit = "Hours, or Backups where the quantity is their number. Null without a quantity."
sku = "DigitalOcean's number of what was sold, from Billing Insights of the month by the same text. Null where they say none, or several."
region_name = "Name of the region, such as Frankfurt 1."
project_uuid = "DigitalOcean's identity of the project of the time. Null for none."
project_source = "membership, invoice or today: see focus_charges.project_source."
tags = "Tags at the time, as a JSON object: env:prod is {\"env\": \"prod\"}, a tag without a colon is true. Keys are in lower case; several values of one key stand in one text: blue, green. Null for what carries no tags."
match_method = "How the resource was found: resource_id, name or group."
unmatched_reason = "Why the line has no resource. Null when it has one, and for what has no line."
as_of = "Age of the list of invoices; of a provisional line, when DigitalOcean made the preview."
*/
SELECT
    c.account,
    c.period,
    c.invoice_uuid,
    c.line_number,
    c.entry,
    c.product,
    c.service_category,
    c.service_subcategory,
    c.charge_category,
    c.charge_class,
    c.charge_frequency,
    c.invoice_detail_id,
    c.starts_at,
    c.ends_at,
    c.description,
    c.kind,
    c.resource_id,
    'do:' || coalesce(k.urn_type, c.kind) || ':' || identity.id AS resource_urn,
    nullif(coalesce(was.name, c.name), identity.id) AS resource_name,
    c.hours,
    CASE
        WHEN c.hours IS NULL THEN NULL
        WHEN c.product ~* '\ybackups?\y' THEN 'Backups' ELSE 'Hours'
    END AS hours_unit,
    CASE WHEN c.charge_category IN ('Usage', 'Purchase') THEN sold.sku END AS sku,
    coalesce(c.region, sold.region) AS region,
    coalesce(city.name || ' ' || substr(coalesce(c.region, sold.region), 4),
        initcap(coalesce(c.region, sold.region))) AS region_name,
    c.project_id,
    p.provider_id AS project_uuid,
    c.project_name,
    c.project_source,
    c.tenant_id,
    tags.tags,
    c.match_method,
    c.unmatched_reason,
    c.amount,
    c.currency,
    c.as_of,
    c.complete
FROM marts.focus_charges AS c
LEFT JOIN public.cloud_resources AS r ON r.id = c.resource_id
LEFT JOIN public.cloud_projects AS p ON p.id = c.project_id
LEFT JOIN marts.kinds AS k ON k.kind = c.kind
CROSS JOIN LATERAL (SELECT c.ends_at - interval '1 second' AS at) AS used
LEFT JOIN marts.past_names AS was
    ON was.resource_id = c.resource_id
    AND (was.valid_from IS NULL OR was.valid_from <= used.at) AND used.at < was.valid_to
LEFT JOIN marts.tag_spans AS tagged
    ON tagged.resource_id = c.resource_id
    AND (tagged.valid_from IS NULL OR tagged.valid_from <= used.at)
    AND (tagged.valid_to IS NULL OR used.at < tagged.valid_to)
LEFT JOIN (
    -- The months first, so that a question about one reads the days of that one alone.
    SELECT m.account, m.period, day.description, day.group_description, day.sku, day.region
    FROM (
        SELECT b.account, b.period FROM marts.billing_months AS b
        UNION SELECT o.account, o.period FROM public.cloud_open_months AS o
    ) AS m
    CROSS JOIN LATERAL (
        SELECT
            d.description,
            coalesce(d.group_description, '') AS group_description,
            CASE WHEN min(d.sku) = max(d.sku) THEN min(d.sku) END AS sku,
            CASE WHEN min(d.region) = max(d.region) AND min(d.region) ~ '^[a-z]{3}[0-9]$'
                THEN min(d.region) END AS region
        FROM public.cloud_daily_costs AS d
        WHERE d.account = m.account AND d.day >= m.period
          AND d.day < CAST(m.period + interval '1 month' AS date)
        GROUP BY d.description, coalesce(d.group_description, '')
    ) AS day
) AS sold
    ON sold.account = c.account AND sold.period = c.period AND sold.description = c.description
    AND sold.group_description = coalesce(c.group_description, '')
CROSS JOIN LATERAL (
    -- A line may carry the id of what we never saw.
    SELECT CASE WHEN c.kind IS NOT NULL THEN coalesce(r.provider_id, c.resource_key) END AS id
) AS identity
LEFT JOIN (
    VALUES ('nyc', 'New York'), ('sfo', 'San Francisco'), ('ams', 'Amsterdam'),
        ('sgp', 'Singapore'), ('lon', 'London'), ('fra', 'Frankfurt'), ('tor', 'Toronto'),
        ('blr', 'Bangalore'), ('syd', 'Sydney'), ('atl', 'Atlanta'), ('ric', 'Richmond')
) AS city (slug, name)
    ON coalesce(c.region, sold.region) ~ '^[a-z]{3}[0-9]$'
    AND city.slug = substr(coalesce(c.region, sold.region), 1, 3)
LEFT JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(tag.key, tag.value), '{}') AS tags
    FROM (
        SELECT
            split_part(lower(t.tag), ':', 1) AS key,
            coalesce(
                to_jsonb(string_agg(
                    DISTINCT substr(t.tag, strpos(t.tag, ':') + 1), ', '
                ) FILTER (WHERE strpos(t.tag, ':') > 0)),
                'true'
            ) AS value
        FROM jsonb_array_elements_text(coalesce(tagged.tags, to_jsonb(r.tags))) AS t (tag)
        GROUP BY 1
    ) AS tag
) AS tags ON k.is_taggable AND r.id IS NOT NULL
    AND jsonb_typeof(coalesce(tagged.tags, to_jsonb(r.tags))) = 'array'
