-- The statements of corrections.py.

-- name: recent
-- The newest first. One without a digest was read by an older release, and is read again once.
SELECT invoice_uuid, lines_digest
FROM cloud_invoices
WHERE account = :account AND ingest_status = 'ingested'
  AND coalesce(issued_at, first_seen_at) > CAST(:at AS timestamptz) - make_interval(days => :days)
  -- Somewhat less than a day, so that a daily run never misses one.
  AND coalesce(checked_at, ingested_at)
    <= CAST(:at AS timestamptz) - make_interval(hours => 20)
ORDER BY period DESC, invoice_uuid
LIMIT :most;

-- name: store
UPDATE cloud_invoices
SET checked_at = :at, product_charges = :product_charges, overages = :overages, taxes = :taxes,
    credits_and_adjustments = :credits_and_adjustments,
    other_parts = CAST(:other_parts AS jsonb),
    ingest_status = CASE WHEN lines_digest = :digest THEN ingest_status ELSE 'pending' END,
    failed_attempts = CASE WHEN lines_digest = :digest THEN failed_attempts ELSE 0 END,
    status_note = CASE
        WHEN lines_digest <> :digest
        THEN 'Its file has other lines than were read: they are to be read again.'
        ELSE status_note
    END
WHERE invoice_uuid = :uuid AND ingest_status = 'ingested';
