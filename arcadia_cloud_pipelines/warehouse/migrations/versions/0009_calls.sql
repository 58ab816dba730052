CREATE UNLOGGED TABLE cloud_api_calls (
	token TEXT NOT NULL, 
	path TEXT NOT NULL, 
	second TIMESTAMP WITH TIME ZONE NOT NULL, 
	calls INTEGER NOT NULL, 
	PRIMARY KEY (token, path, second)
);
COMMENT ON TABLE cloud_api_calls IS 'Calls of the API in the last two hours, by which all processes keep to its rate limits together. Not logged: it is empty after a crash of the server.';
COMMENT ON COLUMN cloud_api_calls.token IS 'Digest of the token, never itself.';
COMMENT ON COLUMN cloud_api_calls.path IS 'The path that has a limit of its own; empty for all calls of the token.';
COMMENT ON COLUMN cloud_api_calls.second IS 'The second they were made in.';
COMMENT ON COLUMN cloud_api_calls.calls IS 'How many.';
CREATE UNLOGGED TABLE cloud_api_grants (
	token TEXT NOT NULL, 
	factor DOUBLE PRECISION NOT NULL, 
	noted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (token)
);
COMMENT ON TABLE cloud_api_grants IS 'Accounts that were granted more calls than is usual. Not logged, as the calls.';
COMMENT ON COLUMN cloud_api_grants.token IS 'Digest of the token, never itself.';
COMMENT ON COLUMN cloud_api_grants.factor IS 'By how much the account''s limits are above DigitalOcean''s usual ones.';
COMMENT ON COLUMN cloud_api_grants.noted_at IS 'When an answer of the API said so.';
