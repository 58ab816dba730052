-- Views, too, say how an account is written, so that nobody joins by a uuid with dashes.
COMMENT ON COLUMN cloud_managed_coverage.account IS 'The team, as cloud_resources.account has it: its uuid, 40 hex digits without dashes.';
COMMENT ON COLUMN cloud_unmanaged_resources.account IS 'The team that it belongs to: its uuid, 40 hex digits without dashes.';
COMMENT ON COLUMN resource_history.account IS 'The team that it belonged to: its uuid, 40 hex digits without dashes.';
COMMENT ON COLUMN cloud_token_accounts.account IS 'The account, as cloud_resources.account has it: 40 hex digits without dashes.';
COMMENT ON COLUMN cloud_budgets.account IS 'The team that it is about: 40 hex digits; null for every team.';
