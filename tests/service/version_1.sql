BEGIN TRANSACTION;
CREATE TABLE api_keys (
	sha256 VARCHAR(64) NOT NULL, 
	made_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256)
);
INSERT INTO "api_keys" VALUES('0000000000000000000000000000000000000000000000000000000000000000','2026-11-24T10:00:00.000000+00:00');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	actor VARCHAR(64) NOT NULL, 
	session VARCHAR(64), 
	session_sha256 VARCHAR(64), 
	PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'2026-11-24T10:00:00.000000+00:00','session made','key','s_ofVersionOne',NULL);
CREATE TABLE capture_reports (
	id INTEGER NOT NULL, 
	session VARCHAR(64) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(session) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE TABLE events (
	session VARCHAR(64) NOT NULL, 
	audience VARCHAR(16) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	payload TEXT NOT NULL, 
	FOREIGN KEY(session) REFERENCES sessions (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES('s_ofVersionOne','viewer',3,'notice','{"text": "Kept"}');
CREATE TABLE reports (
	session VARCHAR(64) NOT NULL, 
	part INTEGER NOT NULL, 
	made_at VARCHAR(32) NOT NULL, 
	final BOOLEAN NOT NULL, 
	document TEXT NOT NULL, 
	FOREIGN KEY(session) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE sessions (
	id VARCHAR(64) NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32) NOT NULL, 
	reference TEXT, 
	off TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason VARCHAR(64), 
	consent_version VARCHAR(32), 
	consent_at VARCHAR(32), 
	consent_receipt TEXT, 
	ended_at VARCHAR(32), 
	PRIMARY KEY (id)
);
INSERT INTO "sessions" VALUES('s_ofVersionOne','2026-11-24T10:00:00.000000+00:00','2036-01-01T00:00:00.000000+00:00','Kept','["pulse"]','interrupted','bye','2026-11','2026-11-24T10:00:00.000000+00:00','receipt',NULL);
CREATE INDEX ix_sessions_created_at ON sessions (created_at);
CREATE INDEX ix_sessions_state ON sessions (state);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_audit_session ON audit (session);
CREATE UNIQUE INDEX events_in_order ON events (session, audience, number);
CREATE UNIQUE INDEX reports_in_order ON reports (session, part);
CREATE INDEX capture_reports_of ON capture_reports (session, id);
COMMIT;
