/*
comment = """
What would the forecasts have said of the last twelve closed months, with what was known then? One
row an account, month, method and day of the month.
"""
grain = ["account", "period", "method", "day"]
example = """
SELECT day, method, round(avg(abs(error)), 4) AS mean_error,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY abs(error)) AS nine_of_ten
FROM marts.forecast_back_test GROUP BY day, method ORDER BY day, method
"""
[columns]
method = "As in forecast."
day = "Days of the month that were over: 0, 1, 5, 10 or 20."
known_until = "It knows the use until then, and nothing later. The lines of the month are cut there; the month before counts as known."
low = "US dollars, from the errors of the other months. Null while there are fewer than five."
expected = "US dollars of the whole month, as it would have been said."
high = "US dollars, from the errors of the other months. Null as low is."
taxes = "US dollars of taxes in expected. Null where the method does not tell them apart."
actual = "US dollars of the month's invoices."
error = "By how much expected was above (below: negative) actual, as a share of it. Null for a month of nothing."
held = "True when actual is between low and high. Null as low is."
as_of = "When the lines that it was made from were read."
complete = "Always true: only months that are over and read whole are tested."
*/
WITH test AS (
    SELECT t.*, t.actual / nullif(t.expected, 0) AS ratio
    FROM (
        SELECT t.*, dense_rank() OVER (PARTITION BY t.account ORDER BY t.period DESC) AS nth
        FROM public.cloud_forecast_tests AS t
    ) AS t
    WHERE t.nth <= 12
)
SELECT
    t.account, t.period, t.method, t.day, t.known_until,
    ranged.low, t.expected, ranged.high, t.taxes, t.actual,
    t.expected / nullif(t.actual, 0) - 1 AS error,
    t.actual BETWEEN ranged.low AND ranged.high AS held,
    'USD' AS currency,
    t.lines_read_at AS as_of,
    true AS complete
FROM test AS t
LEFT JOIN LATERAL (
    SELECT
        least(t.expected, round(t.expected
            * percentile_disc(0.1) WITHIN GROUP (ORDER BY o.ratio), 2)) AS low,
        greatest(t.expected, round(t.expected
            * percentile_disc(0.9) WITHIN GROUP (ORDER BY o.ratio), 2)) AS high
    FROM test AS o
    WHERE o.account = t.account AND o.method = t.method AND o.day = t.day
      AND o.period <> t.period AND o.ratio > 0
    HAVING count(*) >= 5
) AS ranged ON true
