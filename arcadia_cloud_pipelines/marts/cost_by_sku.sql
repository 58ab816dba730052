/*
comment = """
Of what was the money spent? One row an account, month, product and plan. Per account and month the
amounts add up to its invoices.
"""
grain = ["account", "period", "product", "sku"]
example = """
SELECT product, sku, quantity, unit, amount FROM marts.cost_by_sku
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY amount DESC LIMIT 20
"""
[columns]
sku = "The plan: size slug of the matched resource. Null where no plan is known."
quantity = "Sum of the billed quantities. Null where the unit is not one."
unit = "hours, or null where the invoice gives no quantity."
is_estimate = "True when the plan is today's: an invoice does not name it, and the resource may have been resized since."
*/
SELECT
    e.account,
    e.period,
    e.product,
    e.size_slug AS sku,
    sum(e.hours) AS quantity,
    CASE WHEN count(e.hours) > 0 THEN 'hours' END AS unit,
    CAST(sum(e.lines) AS bigint) AS lines,
    sum(e.amount) AS amount,
    'USD' AS currency,
    e.size_slug IS NOT NULL AS is_estimate,
    e.as_of,
    e.complete
FROM marts.cost_months AS e
GROUP BY e.account, e.period, e.product, e.size_slug, e.as_of, e.complete
