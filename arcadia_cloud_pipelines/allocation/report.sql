-- The statements of report.py.

-- name: months
-- What each month costs each who pays, the newest months first.
SELECT period, tenant_id, reason, sum(amount) AS amount
FROM cloud_tenant_costs
WHERE period >= (SELECT max(period) FROM cloud_tenant_costs) - CAST(:months AS interval)
GROUP BY period, tenant_id, reason
ORDER BY period, tenant_id NULLS LAST, reason;

-- name: wrong_lines
-- Lines whose shares are not 1 or whose parts are not the line, to the last digit.
SELECT i.invoice_uuid, a.line_number, a.shares, a.amount, e.amount AS of_line
FROM (
    SELECT invoice_id, line_number, sum(share) AS shares, sum(amount) AS amount
    FROM cloud_cost_allocations GROUP BY invoice_id, line_number
) AS a
JOIN cloud_invoices AS i ON i.id = a.invoice_id
JOIN marts.cost_entries AS e
    ON e.invoice_uuid = i.invoice_uuid AND e.line_number = a.line_number
WHERE a.shares <> 1 OR a.amount <> e.amount
ORDER BY i.invoice_uuid, a.line_number;

-- name: wrong_months
-- Months whose allocation is not the sum of their invoices.
SELECT account, period, amount FROM marts.allocation_gaps ORDER BY period;
