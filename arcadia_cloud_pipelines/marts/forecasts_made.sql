/*
comment = """
How right were the forecasts that were made? One row a forecast as it was stored, beside what the
month came to.
"""
grain = ["forecast_id"]
example = """
SELECT period, made_at, expected, actual, error FROM marts.forecasts_made
WHERE method = 'structure' AND complete ORDER BY made_at DESC LIMIT 30
"""
[columns]
forecast_id = "Number of the forecast: cloud_forecasts.id."
method = "As in forecast."
made_at = "When it was made."
known_until = "It knew the use until then."
low = "US dollars, as it was said. Null where there was no range."
expected = "US dollars, as it was said."
high = "US dollars, as it was said. Null where there was no range."
actual = "US dollars of the month's invoices. Null while the month is not over and billed."
error = "By how much expected was above (below: negative) actual, as a share of it. Null as actual is."
held = "True when actual is between low and high. Null where one of them is."
as_of = "When the list of invoices was read."
complete = "True when the month is over and its invoices are read whole."
*/
SELECT
    f.account, f.id AS forecast_id, f.period, f.method, f.made_at, f.known_until, f.low,
    f.expected, f.high, m.amount AS actual,
    f.expected / nullif(m.amount, 0) - 1 AS error,
    m.amount BETWEEN f.low AND f.high AS held,
    'USD' AS currency,
    coalesce(m.as_of, f.known_until) AS as_of,
    m.amount IS NOT NULL AS complete
FROM public.cloud_forecasts AS f
LEFT JOIN marts.billing_months AS m
    ON m.account = f.account AND m.period = f.period AND m.complete
