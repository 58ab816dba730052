-- A list that was read in part proves nothing of months whose invoices it may lack.
ALTER TABLE cloud_invoice_lists ADD COLUMN whole_at timestamptz;
COMMENT ON COLUMN cloud_invoice_lists.whole_at IS 'When both were last read whole; null when they never were.';
UPDATE cloud_invoice_lists SET whole_at = read_at WHERE complete;
