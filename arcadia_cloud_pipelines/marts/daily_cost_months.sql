/*
comment = """
By how much do the days of a month differ from its invoice? One row an account and month with days.
DigitalOcean says that they need not agree.
"""
grain = ["account", "period"]
example = "SELECT period, days_amount, invoiced, difference FROM marts.daily_cost_months ORDER BY period"
[columns]
days = "Days of the month with costs."
days_missing = "Days of the month until yesterday without costs."
days_amount = "US dollars, the sum of the days."
revisions = "How often days of the month were said otherwise than before."
invoiced = "US dollars of the month's invoices before taxes and credits. Null where none is read whole."
difference = "US dollars: the days less what was invoiced. Null where that is not known."
as_of = "The day of the month that was read longest ago."
complete = "True when the month is billed and read whole, and none of its days is missing."
*/
SELECT
    d.account,
    d.period,
    d.days,
    d.days_missing,
    d.days_amount,
    d.revisions,
    billed.amount AS invoiced,
    d.days_amount - billed.amount AS difference,
    'USD' AS currency,
    d.as_of,
    billed.amount IS NOT NULL AND d.days_missing = 0 AS complete
FROM (
    SELECT
        c.account,
        CAST(date_trunc('month', CAST(c.day AS timestamp)) AS date) AS period,
        count(*) FILTER (WHERE c.row_count > 0) AS days,
        least(
            CAST(date_trunc('month', CAST(min(c.day) AS timestamp)) + interval '1 month' AS date),
            CAST(now() AT TIME ZONE 'UTC' AS date)
        ) - CAST(date_trunc('month', CAST(min(c.day) AS timestamp)) AS date)
            - count(*) FILTER (WHERE c.row_count > 0) AS days_missing,
        sum(c.amount) AS days_amount,
        sum(c.revisions) AS revisions,
        min(c.last_read_at) AS as_of
    FROM public.cloud_cost_days AS c
    GROUP BY c.account, CAST(date_trunc('month', CAST(c.day AS timestamp)) AS date)
) AS d
LEFT JOIN marts.billing_months AS m
    ON m.account = d.account AND m.period = d.period AND m.complete
LEFT JOIN LATERAL (
    -- Of the months that have days alone: there are many more lines.
    SELECT sum(l.amount) AS amount
    FROM public.cloud_cost_lines AS l
    WHERE l.account = m.account AND l.period = m.period AND l.amount >= 0
      AND coalesce(l.product, '') !~* '^(tax|taxes|vat|gst|sales tax)$'
) AS billed ON true
