-- The statements of whole_months.py.

-- name: months
-- Each month that is billed, and what speaks against closing it.
SELECT
    m.account, m.period, m.amount, m.is_over, m.not_read,
    cloud_month_is_billed(m.account, m.period, now()) AS is_billed,
    coalesce(r.off, 0) AS off, coalesce(r.off_by, 0) AS off_by,
    c.closed_at
FROM marts.billing_months AS m
LEFT JOIN (
    SELECT account, period, count(*) AS off, sum(abs(difference)) AS off_by
    FROM marts.invoice_reconciliation WHERE state = 'off' GROUP BY account, period
) AS r ON r.account = m.account AND r.period = m.period
LEFT JOIN cloud_statement_closings AS c ON c.account = m.account AND c.period = m.period
WHERE CAST(:period AS date) IS NULL OR m.period = CAST(:period AS date)
ORDER BY m.period, m.account;
