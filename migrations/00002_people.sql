-- +goose Up

-- What signing in needs of a user. Passwords, second factors and sessions stand
-- in tables of their own: lists of users never read them.
ALTER TABLE users ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN vendor_metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN vendor_metadata_fixed BOOLEAN NOT NULL DEFAULT FALSE; -- set by a migration, which no later one may change
ALTER TABLE users ADD COLUMN metadata_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- Bits of backoffice.MFAMethods: the second factors that the user has enrolled.
ALTER TABLE users ADD COLUMN factors INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN deleted_at BIGINT;
ALTER TABLE users ADD COLUMN deletion_id TEXT {{.Raw}};
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER users_binned AFTER UPDATE OF deleted_at ON users
WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
{{else}}
CREATE TRIGGER users_binned AFTER UPDATE OF deleted_at ON users FOR EACH ROW
  WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL) EXECUTE FUNCTION identities_changed();
{{end}}
-- The last one is the password; those before it are its history, as far as a
-- policy can ask for it.
CREATE TABLE passwords (
  user_key BIGINT NOT NULL REFERENCES users (key),
  set_at   BIGINT NOT NULL,
  hash     TEXT NOT NULL,
  PRIMARY KEY (user_key, set_at)
) {{.ByKey}};

-- A session stands in one account. Whether it still runs is asked of the policy
-- in force with each request.
CREATE TABLE user_sessions (
  token_hash  {{.Bytes}} NOT NULL PRIMARY KEY,
  id          TEXT {{.Raw}} NOT NULL,
  user_key    BIGINT NOT NULL REFERENCES users (key),
  account_key BIGINT NOT NULL REFERENCES accounts (key),
  created_at  BIGINT NOT NULL,
  seen_at     BIGINT NOT NULL,
  proved_at   BIGINT NOT NULL,           -- when a credential was shown last
  mfa_at      BIGINT NOT NULL DEFAULT 0, -- when a second factor was shown; 0: never
  method      TEXT NOT NULL,             -- password, magic-link, passkey
  address     TEXT NOT NULL,
  user_agent  TEXT NOT NULL,
  CONSTRAINT user_sessions_id_key UNIQUE (id)
);
CREATE INDEX user_sessions_user ON user_sessions (user_key, created_at);
CREATE INDEX user_sessions_created ON user_sessions (created_at);
CREATE INDEX user_sessions_account ON user_sessions (account_key);

-- A sign-in under way: a first credential was right. Which step comes next is
-- not kept: it follows from the user and the policy in force.
CREATE TABLE pending_sign_ins (
  token_hash  {{.Bytes}} NOT NULL PRIMARY KEY,
  user_key    BIGINT NOT NULL REFERENCES users (key),
  method      TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  mfa_at      BIGINT NOT NULL DEFAULT 0,
  next        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX pending_sign_ins_user ON pending_sign_ins (user_key);
CREATE INDEX pending_sign_ins_expires ON pending_sign_ins (expires_at);

-- Browsers that a user has signed in from, and those that need no second factor
-- for a while.
CREATE TABLE user_devices (
  token_hash       {{.Bytes}} NOT NULL PRIMARY KEY,
  user_key         BIGINT NOT NULL REFERENCES users (key),
  created_at       BIGINT NOT NULL,
  remembered_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX user_devices_user ON user_devices (user_key, created_at);
CREATE INDEX user_devices_created ON user_devices (created_at);

-- Links and codes sent by mail: each for one purpose, one user, one address, once.
CREATE TABLE mailed_links (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  purpose    TEXT {{.Raw}} NOT NULL, -- magic-link, reset, verify, change, return
  user_key   BIGINT NOT NULL REFERENCES users (key),
  email      TEXT {{.Raw}} NOT NULL,
  next       TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT
);
CREATE INDEX mailed_links_user ON mailed_links (user_key, purpose);
CREATE INDEX mailed_links_expires ON mailed_links (expires_at);

-- Second factors. Secrets are sealed by the key file.
CREATE TABLE authenticators (
  user_key    {{.Key}} REFERENCES users (key),
  secret      {{.Bytes}} NOT NULL,
  created_at  BIGINT NOT NULL,
  enrolled_at BIGINT,                    -- NULL: shown, not yet proved
  last_step   BIGINT NOT NULL DEFAULT 0  -- the last time step whose code was taken
);
CREATE TABLE recovery_codes (
  user_key BIGINT NOT NULL REFERENCES users (key),
  hash     {{.Bytes}} NOT NULL,
  used_at  BIGINT,
  PRIMARY KEY (user_key, hash)
) {{.ByKey}};
CREATE TABLE passkeys (
  key          {{.Serial}},
  id           TEXT {{.Raw}} NOT NULL,
  user_key     BIGINT NOT NULL REFERENCES users (key),
  credential   {{.Bytes}} NOT NULL, -- the credential's own ID
  name         TEXT NOT NULL,
  data         TEXT NOT NULL,       -- JSON of public key, flags and counter
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT,
  CONSTRAINT passkeys_id_key UNIQUE (id),
  CONSTRAINT passkeys_credential_key UNIQUE (credential)
);
CREATE INDEX passkeys_user ON passkeys (user_key);
