/*
comment = """
What is spent so far this month, against the same moment of the last one? One row an account. The
balance counts usage up to the moment it was asked that is on no invoice yet; what was invoiced within
the month stands beside it. The preview (provisional_amount) is a day old at most and counts taxes.
They are never added.
"""
grain = ["account"]
example = """
SELECT period, amount_so_far, invoiced_so_far, last_month_so_far, last_month_total
FROM marts.month_to_date
"""
[columns]
period = "The month of the newest balance, first day, UTC."
amount_so_far = "US dollars of usage that is on no invoice yet, by the newest balance."
invoiced_so_far = "US dollars of the invoices that came within the month until the balance, taxes and credits included. 0 for none."
provisional_amount = "US dollars by the invoice preview. Null where it was never read for this month."
last_month_so_far = "US dollars of usage at the same moment of the month before: the newest balance until then."
last_month_invoiced_so_far = "US dollars of the invoices that had come within the month before by that moment, or until the balance of last_month_so_far. 0 for none."
last_month_is_estimate = "True when there was no balance of that time, so that it is the share of that month by days in its invoices, less what was invoiced by then."
last_month_total = "US dollars of the last month's invoices. Null before the last of them is there."
*/
SELECT
    newest.account,
    newest.period,
    newest.month_to_date_usage AS amount_so_far,
    invoiced.now_ AS invoiced_so_far,
    preview.amount AS provisional_amount,
    coalesce(
        then_.month_to_date_usage,
        CASE WHEN last.amount IS NOT NULL THEN greatest(0, round(last.amount * least(
            1, extract(epoch FROM newest.generated_at - newest.begun)::numeric
                / extract(epoch FROM newest.begun - newest.last_begun)::numeric
        ), 2) - invoiced.then_) END
    ) AS last_month_so_far,
    invoiced.then_ AS last_month_invoiced_so_far,
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
CROSS JOIN LATERAL (
    -- The last month may be shorter than what has passed of this one.
    SELECT least(
        newest.last_begun + (newest.generated_at - newest.begun), newest.begun - interval '1 second'
    ) AS at
) AS same_moment
LEFT JOIN LATERAL (
    SELECT b.month_to_date_usage, b.generated_at FROM public.cloud_balance_snapshots AS b
    WHERE b.account = newest.account
      AND b.generated_at >= newest.last_begun
      AND b.generated_at <= same_moment.at
      AND b.generated_at
        > newest.last_begun + (newest.generated_at - newest.begun) - interval '6 hours'
    ORDER BY b.generated_at DESC LIMIT 1
) AS then_ ON true
CROSS JOIN LATERAL (
    SELECT
        -- A later one bills what the balance still counts.
        coalesce(sum(i.amount) FILTER (
            WHERE i.period = newest.period
              AND coalesce(i.issued_at <= newest.generated_at, true)
        ), 0) AS now_,
        coalesce(sum(i.amount) FILTER (
            WHERE i.period < newest.period
              AND coalesce(i.issued_at, i.first_seen_at) <= coalesce(then_.generated_at, same_moment.at)
        ), 0) AS then_
    FROM public.cloud_invoices AS i
    WHERE i.account = newest.account
      AND i.period BETWEEN CAST(newest.period - interval '1 month' AS date) AND newest.period
) AS invoiced
LEFT JOIN LATERAL (
    SELECT sum(l.amount) AS amount FROM public.cloud_open_month_lines AS l
    WHERE l.account = newest.account AND l.period = newest.period
) AS preview ON true
LEFT JOIN marts.billing_months AS last
    ON last.account = newest.account
    AND last.period = CAST(newest.period - interval '1 month' AS date)
    -- What was invoiced within it is a part of it.
    AND last.is_billed
