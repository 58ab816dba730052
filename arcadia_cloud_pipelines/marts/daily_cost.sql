/*
comment = """
Which day cost what, by product, SKU and region? One row a day and what of it belongs together.
DigitalOcean's own estimate, made each night: daily_cost_months says by how much the days of a month
differ from its invoice. Taxes and credits have no day.
"""
grain = ["account", "day", "product", "sku", "region", "project_id", "kind", "resource_id"]
example = "SELECT day, product, region, amount FROM marts.daily_cost WHERE day >= current_date - 7 ORDER BY 1, 4 DESC"
[columns]
day = "The day, in UTC."
product = "Product by the SKU, in the invoices' word. Null for an unknown SKU."
sku = "DigitalOcean's number of what was sold."
region = "Region, as DigitalOcean says it."
project_id = "The project of the resource at the end of the day: cloud_projects.id. Null for none."
amount = "US dollars by which the nightly estimate grew. Negative where it shrank."
is_estimate = "Always true: the invoice alone says what is to be paid."
as_of = "When DigitalOcean last said something of the day."
complete = "True when the day was over for a day or more when it was last read."
*/
SELECT
    c.account, c.day, c.product, c.sku, c.region, stay.project_id, c.kind, c.resource_id,
    sum(c.amount) AS amount,
    'USD' AS currency,
    true AS is_estimate,
    d.last_read_at AS as_of,
    d.last_read_at >= (c.day + 2)::timestamp AT TIME ZONE 'UTC' AS complete
FROM public.cloud_daily_costs AS c
JOIN public.cloud_cost_days AS d ON d.account = c.account AND d.day = c.day
LEFT JOIN marts.project_spans AS stay
    ON stay.resource_id = c.resource_id
    AND (c.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second' >= stay.valid_from
    AND (c.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second'
        < coalesce(stay.valid_to, 'infinity')
GROUP BY
    c.account, c.day, c.product, c.sku, c.region, stay.project_id, c.kind, c.resource_id,
    d.last_read_at
