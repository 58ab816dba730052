ALTER TABLE cloud_resources ADD COLUMN struck_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN cloud_resources.struck_at IS 'When its newest strike fell, by the database''s clock; null while it is seen.';
ALTER TABLE cloud_projects ADD COLUMN struck_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN cloud_projects.struck_at IS 'When its newest strike fell, by the database''s clock; null while it is seen.';
CREATE INDEX cloud_sync_runs_started_idx ON cloud_sync_runs (started_at);

CREATE TABLE cloud_token_accounts (
	token TEXT NOT NULL, 
	account TEXT NOT NULL, 
	source TEXT NOT NULL, 
	person TEXT, 
	noted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (token), 
	CONSTRAINT cloud_token_accounts_source_check CHECK (source IN ('team', 'person', 'project'))
);
COMMENT ON TABLE cloud_token_accounts IS 'The account that each token was found to belong to: a token that says less than before proves nothing.';
COMMENT ON COLUMN cloud_token_accounts.token IS 'Digest of the token, never itself.';
COMMENT ON COLUMN cloud_token_accounts.account IS 'The account, as cloud_resources.account has it.';
COMMENT ON COLUMN cloud_token_accounts.source IS 'What said so: team and person are of GET /v2/account, project is the owner of the default project.';
COMMENT ON COLUMN cloud_token_accounts.person IS 'Digest of the person''s uuid behind a team''s token.';
COMMENT ON COLUMN cloud_token_accounts.noted_at IS 'When it was noted last.';
