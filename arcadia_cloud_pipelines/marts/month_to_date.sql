/*
comment = """
What is spent so far this month, against the same moment of the last one? One row an account. The
balance counts usage up to the moment it was asked; the preview (provisional_amount) is a day old at
most and counts taxes. The two are never added.
"""
grain = ["account"]
example = "SELECT period, amount_so_far, last_month_so_far, last_month_total FROM marts.month_to_date"
[columns]
period = "The month of the newest balance, first day, UTC."
amount_so_far = "US dollars of usage since the first of the month, by the newest balance."
provisional_amount = "US dollars by the invoice preview. Null where it was never read for this month."
last_month_so_far = "US dollars of usage at the same moment of the month before: the newest balance until then."
last_month_is_estimate = "True when there was no balance of that time, so that it is the last invoice's share of the month by days."
last_month_total = "US dollars of the last month's invoices. Null before they are there."
*/
SELECT
    newest.account,
    newest.period,
    newest.month_to_date_usage AS amount_so_far,
    preview.amount AS provisional_amount,
    coalesce(
        then_.month_to_date_usage,
        round(last.amount * extract(epoch FROM newest.generated_at - newest.begun)::numeric
            / extract(epoch FROM newest.begun - newest.last_begun)::numeric, 2)
    ) AS last_month_so_far,
    then_.month_to_date_usage IS NULL AS last_month_is_estimate,
    last.amount AS last_month_total,
    'USD' AS currency,
    newest.generated_at AS as_of,
    false AS complete
FROM (
    SELECT DISTINCT ON (b.account)
        b.account, b.month_to_date_usage, b.generated_at,
        CAST(date_trunc('month', b.generated_at AT TIME ZONE 'UTC') AS date) AS period,
        date_trunc('month', b.generated_at, 'UTC') AS begun,
        date_trunc('month', date_trunc('month', b.generated_at, 'UTC') - interval '1 day', 'UTC')
            AS last_begun
    FROM public.cloud_balance_snapshots AS b
    ORDER BY b.account, b.captured_at DESC
) AS newest
LEFT JOIN LATERAL (
    SELECT sum(l.amount) AS amount FROM public.cloud_open_month_lines AS l
    WHERE l.account = newest.account AND l.period = newest.period
) AS preview ON true
LEFT JOIN LATERAL (
    SELECT b.month_to_date_usage FROM public.cloud_balance_snapshots AS b
    WHERE b.account = newest.account
      AND b.generated_at >= newest.last_begun
      -- The last month may be shorter than what has passed of this one.
      AND b.generated_at <= least(
        newest.last_begun + (newest.generated_at - newest.begun),
        newest.begun - interval '1 second'
      )
      AND b.generated_at
        > newest.last_begun + (newest.generated_at - newest.begun) - interval '6 hours'
    ORDER BY b.generated_at DESC LIMIT 1
) AS then_ ON true
LEFT JOIN marts.billing_months AS last
    ON last.account = newest.account
    AND last.period = CAST(newest.period - interval '1 month' AS date)
