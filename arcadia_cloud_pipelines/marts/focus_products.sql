/*
comment = """
Which products were billed in a month, and what are they in the words of FOCUS? One row an account,
month and product. Products that no rule knows are Other.
"""
grain = ["account", "period", "product"]
example = """
SELECT DISTINCT product FROM marts.focus_products WHERE charge IS NULL ORDER BY product
"""
[columns]
service_category = "ServiceCategory of FOCUS."
service_subcategory = "ServiceSubcategory of FOCUS."
charge = "usage, plan, tax, credit, refund or adjustment: see focus_services.charge. Null for a product that no rule knows."
as_of = "Always null: rules are no observation."
complete = "Always true."
*/
SELECT
    billed.account,
    billed.period,
    billed.product,
    coalesce(service.service_category, 'Other') AS service_category,
    coalesce(service.service_subcategory, 'Other (Other)') AS service_subcategory,
    service.charge,
    CAST(NULL AS timestamptz) AS as_of,
    true AS complete
FROM (
    -- The months first, so that a question about one reads the lines of that one alone.
    SELECT m.account, m.period, line.product
    FROM marts.billing_months AS m
    CROSS JOIN LATERAL (
        SELECT l.product FROM public.cloud_cost_lines AS l
        WHERE l.account = m.account AND l.period = m.period AND l.product IS NOT NULL
        -- Parts of an invoice without a line.
        UNION VALUES ('Taxes'), ('Credits'), ('Overages')
    ) AS line
    UNION
    SELECT o.account, o.period, o.product FROM public.cloud_open_month_lines AS o
    WHERE o.product IS NOT NULL
) AS billed
LEFT JOIN LATERAL (
    SELECT s.service_category, s.service_subcategory, s.charge
    FROM marts.focus_services AS s
    WHERE ' ' || regexp_replace(lower(billed.product), '[^a-z0-9]+', ' ', 'g') || ' '
        LIKE ANY (s.words)
    ORDER BY s.place LIMIT 1
) AS service ON true
