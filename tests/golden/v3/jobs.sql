BEGIN TRANSACTION;
CREATE TABLE nas_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT nas_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "nas_alembic_version" VALUES('v3');
CREATE TABLE nas_architectures (
	fingerprint VARCHAR(16) NOT NULL, 
	json TEXT NOT NULL, 
	PRIMARY KEY (fingerprint)
);
CREATE TABLE nas_audit (
	number INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	user VARCHAR(32) NOT NULL, 
	token VARCHAR(8) NOT NULL, 
	act VARCHAR(32) NOT NULL, 
	subject VARCHAR(512) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE nas_drivers (
	id VARCHAR(32) NOT NULL, 
	study_id INTEGER NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	process INTEGER NOT NULL, 
	machine VARCHAR(255) NOT NULL, 
	beats INTEGER NOT NULL, 
	began_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE nas_exports (
	id INTEGER NOT NULL, 
	fingerprint VARCHAR(16) NOT NULL, 
	study VARCHAR(512) NOT NULL, 
	trial INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	folder TEXT NOT NULL, 
	exported_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(fingerprint) REFERENCES nas_architectures (fingerprint)
);
CREATE TABLE nas_jobs (
	number INTEGER NOT NULL, 
	id VARCHAR(16) NOT NULL, 
	user VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	cancel VARCHAR(8), 
	priority INTEGER NOT NULL, 
	study VARCHAR(512) NOT NULL, 
	options TEXT NOT NULL, 
	submitted_at DATETIME NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	used_s DOUBLE NOT NULL, 
	error TEXT, 
	exit_status INTEGER, 
	holder VARCHAR(32), 
	host VARCHAR(255), 
	process INTEGER, 
	machine VARCHAR(255), 
	beats INTEGER NOT NULL, 
	epochs INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	PRIMARY KEY (number), 
	FOREIGN KEY(user) REFERENCES nas_users (name)
);
INSERT INTO "nas_jobs" VALUES(1,'13a5d5b8e32b060d','ann','done',NULL,0,'ann.first','{"budget": ["1M-MACs"], "trials": 2}','2026-11-27 02:12:28.682909','2026-11-27 02:12:28.691918','2026-11-27 02:12:28.694559',0.0,NULL,0,NULL,'here',NULL,NULL,0,0,0);
INSERT INTO "nas_jobs" VALUES(2,'9175335168536ae3','ann','queued',NULL,3,'ann.second','{"budget": ["300M-MACs"]}','2026-11-27 02:12:28.696054',NULL,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0);
CREATE TABLE nas_latencies (
	id INTEGER NOT NULL, 
	fingerprint VARCHAR(16) NOT NULL, 
	num_classes INTEGER NOT NULL, 
	in_channels INTEGER NOT NULL, 
	target VARCHAR(512) NOT NULL, 
	setting_key VARCHAR(16) NOT NULL, 
	median_ms DOUBLE NOT NULL, 
	low_ms DOUBLE NOT NULL, 
	high_ms DOUBLE NOT NULL, 
	p90_ms DOUBLE NOT NULL, 
	stable BOOLEAN NOT NULL, 
	conditions TEXT NOT NULL, 
	measured_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(fingerprint) REFERENCES nas_architectures (fingerprint)
);
CREATE TABLE nas_leases (
	study_id INTEGER NOT NULL, 
	trial INTEGER NOT NULL, 
	driver VARCHAR(32) NOT NULL, 
	PRIMARY KEY (study_id, trial), 
	FOREIGN KEY(driver) REFERENCES nas_drivers (id) ON DELETE CASCADE
);
CREATE TABLE nas_tokens (
	id VARCHAR(8) NOT NULL, 
	user VARCHAR(32) NOT NULL, 
	role VARCHAR(8) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user) REFERENCES nas_users (name)
);
INSERT INTO "nas_tokens" VALUES('02fa2cc4','ann','user','ecedbb33228c730744668666533bbb7779a4a771d5860234d5f9adc28ebbdc89','2026-11-27 02:12:28.674522','2027-02-25 02:12:28.674522',NULL);
CREATE TABLE nas_users (
	name VARCHAR(32) NOT NULL, 
	jobs_at_once INTEGER, 
	PRIMARY KEY (name)
);
INSERT INTO "nas_users" VALUES('ann',NULL);
CREATE INDEX nas_latencies_network ON nas_latencies (fingerprint, num_classes, in_channels);
CREATE INDEX nas_latencies_setting ON nas_latencies (setting_key);
CREATE INDEX nas_exports_study ON nas_exports (study);
CREATE INDEX nas_drivers_study ON nas_drivers (study_id);
CREATE INDEX nas_leases_driver ON nas_leases (driver);
CREATE UNIQUE INDEX nas_tokens_digest ON nas_tokens (digest);
CREATE INDEX nas_jobs_user ON nas_jobs (user);
CREATE INDEX nas_jobs_state ON nas_jobs (state);
CREATE UNIQUE INDEX nas_jobs_id ON nas_jobs (id);
CREATE UNIQUE INDEX nas_jobs_open_study ON nas_jobs (study) WHERE state IN ('queued', 'running');
COMMIT;
