-- A kind that was never listed whole for an account had all its syncs read to say so.
CREATE INDEX cloud_sync_runs_account_complete_idx ON cloud_sync_runs (account, kind, started_at) WHERE complete;
CREATE INDEX cloud_sync_runs_account_answer_idx ON cloud_sync_runs (account, kind, started_at) WHERE complete OR NOT available;

-- The rates of months are made another way from this release on: kept months are made again.
DELETE FROM cloud_kept_months;
