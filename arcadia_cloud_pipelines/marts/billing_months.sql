/*
comment = """
Is a month billed, and is all of it read? One row an account and month that has an invoice. What
as_of and complete of the cost views rest on.
"""
grain = ["account", "period"]
example = "SELECT period, invoices, amount, complete FROM marts.billing_months ORDER BY period DESC"
[columns]
invoices = "Invoices of the month. More than one where usage was charged within the month."
amount = "US dollars of all its invoices, taxes and credits included."
lines_total = "US dollars of the lines that are read."
lines = "Invoice lines that are read."
not_read = "Invoices whose lines are not read yet, or could not be."
is_last_closed = "True for the newest complete month of the account: what 'last closed month' means in all views."
is_billed = "True when the month has ended and its last invoice has arrived: one dated after its end, or at most 12 hours before it. An invoice within the month does not end it."
is_over = "True when the month has ended, by the database's clock in UTC."
*/
SELECT
    month.*,
    month.complete AND month.period = max(month.period) FILTER (WHERE month.complete) OVER (
        PARTITION BY month.account
    ) AS is_last_closed,
    'USD' AS currency
FROM (
    SELECT
        i.account,
        i.period,
        count(*) AS invoices,
        sum(i.amount) AS amount,
        sum(coalesce(i.lines_total, 0)) AS lines_total,
        sum(coalesce(i.line_count, 0)) AS lines,
        count(*) FILTER (WHERE i.ingest_status <> 'ingested') AS not_read,
        bool_and(over.is_over) AS is_over,
        bool_or(arrived.is_last) AS is_billed,
        coalesce(min(list.read_at), min(i.first_seen_at)) AS as_of,
        -- What was invoiced within a month is not all of it.
        bool_and(over.is_over AND i.ingest_status = 'ingested') AND bool_or(arrived.is_last)
            -- A list of which a page failed may lack one: it was read whole since the last came.
            AND coalesce(
                min(list.whole_at) >= max(i.first_seen_at), count(list.account) = 0
            ) AS complete
    FROM public.cloud_invoices AS i
    CROSS JOIN LATERAL (
        SELECT
            i.period + interval '1 month' <= now() AT TIME ZONE 'UTC' AS is_over,
            (i.period + interval '1 month') AT TIME ZONE 'UTC' AS ends_at
    ) AS over
    CROSS JOIN LATERAL (
        -- As cloud_month_is_billed has it. A view must not call it: who may read the view alone may
        -- not read what a function reads.
        SELECT coalesce(i.issued_at >= over.ends_at, false)
            OR over.is_over
                AND coalesce(i.issued_at, i.first_seen_at) >= over.ends_at - interval '12 hours'
            AS is_last
    ) AS arrived
    -- As marts.freshness has it. All cost views read this one, and planning that would be most of
    -- their time.
    LEFT JOIN public.cloud_invoice_lists AS list ON list.account = i.account
    GROUP BY i.account, i.period
) AS month
