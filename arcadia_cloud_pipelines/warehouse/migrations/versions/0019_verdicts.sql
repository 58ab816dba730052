-- Whether an invoice adds up, where SQL can read it: filled by the next look at the invoices.

ALTER TABLE cloud_invoices ADD COLUMN off_by NUMERIC, ADD COLUMN unlisted NUMERIC;
COMMENT ON COLUMN cloud_invoices.off_by IS 'US dollars that neither the lines nor the summary explain, as the check reconciled has it; 0 when the invoice adds up, null before its lines are read.';
COMMENT ON COLUMN cloud_invoices.unlisted IS 'US dollars of the summary''s parts that have no line, negative for credits; null before the lines are read.';
