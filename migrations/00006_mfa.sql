-- +goose Up

-- How often a sign-in under way was tried with a second factor.
ALTER TABLE pending_sign_ins ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
-- The account that was chosen, whose policy asked for a second factor first.
ALTER TABLE pending_sign_ins ADD COLUMN chosen TEXT {{.Raw}} NOT NULL DEFAULT '';
-- The policy that a browser was remembered under: one that has changed since
-- asks for the second factor again.
ALTER TABLE user_devices ADD COLUMN remembered_under TEXT {{.Raw}} NOT NULL DEFAULT '';

-- What a passkey has to sign: each once, within five minutes, by the browser
-- whose cookie has the hash.
CREATE TABLE passkey_challenges (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  purpose    TEXT {{.Raw}} NOT NULL, -- sign-in, factor, enrol, proof
  holder     TEXT {{.Raw}} NOT NULL, -- user, staff
  holder_key BIGINT NOT NULL,        -- 0: whoever holds the passkey
  data       TEXT NOT NULL,          -- JSON of the ceremony
  expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_expires ON passkey_challenges (expires_at);

-- Second factors of staff, as those of users.
ALTER TABLE staff ADD COLUMN factors INTEGER NOT NULL DEFAULT 0;
ALTER TABLE staff_sessions ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE staff_sessions ADD COLUMN mfa_at BIGINT NOT NULL DEFAULT 0;
CREATE TABLE pending_staff_sign_ins (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  staff_key  BIGINT NOT NULL REFERENCES staff (key),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  mfa_at     BIGINT NOT NULL DEFAULT 0,
  tries      INTEGER NOT NULL DEFAULT 0,
  next       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX pending_staff_sign_ins_staff ON pending_staff_sign_ins (staff_key);
CREATE INDEX pending_staff_sign_ins_expires ON pending_staff_sign_ins (expires_at);
CREATE TABLE staff_authenticators (
  staff_key   {{.Key}} REFERENCES staff (key),
  secret      {{.Bytes}} NOT NULL,
  created_at  BIGINT NOT NULL,
  enrolled_at BIGINT,
  last_step   BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE staff_recovery_codes (
  staff_key BIGINT NOT NULL REFERENCES staff (key),
  hash      {{.Bytes}} NOT NULL,
  used_at   BIGINT,
  PRIMARY KEY (staff_key, hash)
) {{.ByKey}};
CREATE TABLE staff_passkeys (
  key          {{.Serial}},
  id           TEXT {{.Raw}} NOT NULL,
  staff_key    BIGINT NOT NULL REFERENCES staff (key),
  credential   {{.Bytes}} NOT NULL,
  name         TEXT NOT NULL,
  data         TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT,
  CONSTRAINT staff_passkeys_id_key UNIQUE (id),
  CONSTRAINT staff_passkeys_credential_key UNIQUE (credential)
);
CREATE INDEX staff_passkeys_staff ON staff_passkeys (staff_key);
