-- +goose Up

-- The sign-in that a session came from: it stays when the account is switched, and
-- applications know the session by it.
ALTER TABLE user_sessions ADD COLUMN sign_in TEXT {{.Raw}} NOT NULL DEFAULT '';
CREATE INDEX user_sessions_sign_in ON user_sessions (sign_in);

-- Keys that tokens are signed with. One signs from its time on, the newest of
-- those whose time has come does; it is published from the beginning to its end.
CREATE TABLE signing_keys (
  key        {{.Serial}},
  id         TEXT {{.Raw}} NOT NULL,
  sealed     {{.Bytes}} NOT NULL,       -- PKCS #8
  public     {{.Bytes}} NOT NULL,       -- PKIX
  created_at BIGINT NOT NULL,
  signs_at   BIGINT NOT NULL,
  ends_at    BIGINT NOT NULL DEFAULT 0, -- published until then; 0: none took its place
  CONSTRAINT signing_keys_id_key UNIQUE (id)
);

-- What an application asked for when it sent a user here to sign in: bound to the
-- browser that brought it, completed once.
CREATE TABLE openid_requests (
  token_hash      {{.Bytes}} NOT NULL PRIMARY KEY,
  browser_hash    {{.Bytes}} NOT NULL,
  application_key BIGINT NOT NULL REFERENCES applications (key),
  redirect_uri    TEXT {{.Raw}} NOT NULL,
  state           TEXT NOT NULL DEFAULT '',
  nonce           TEXT NOT NULL DEFAULT '',
  scopes          TEXT NOT NULL,             -- separated by spaces
  challenge       TEXT {{.Raw}} NOT NULL DEFAULT '', -- S256; empty: none was sent
  prompt          TEXT NOT NULL DEFAULT '',  -- separated by spaces
  fresh_since     BIGINT NOT NULL DEFAULT 0, -- credentials must have been shown since
  login_hint      TEXT NOT NULL DEFAULT '',
  account_hint    TEXT NOT NULL DEFAULT '',  -- ID
  chosen_account  TEXT NOT NULL DEFAULT '',  -- ID of the one that a user chose here
  chosen_by       BIGINT NOT NULL DEFAULT 0, -- key of that user: nobody else is led by it
  subject         TEXT {{.Raw}} NOT NULL DEFAULT '', -- ID of the only user it is for; empty: whoever it is
  created_at      BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  completed_at    BIGINT
);
CREATE INDEX openid_requests_browser ON openid_requests (browser_hash);
CREATE INDEX openid_requests_application ON openid_requests (application_key);
CREATE INDEX openid_requests_expires ON openid_requests (expires_at);

-- A user signed in to an application: all tokens that come of one completed
-- request, which end together.
CREATE TABLE openid_families (
  key             {{.Serial}},
  id              TEXT {{.Raw}} NOT NULL,
  application_key BIGINT NOT NULL REFERENCES applications (key),
  user_key        BIGINT NOT NULL REFERENCES users (key),
  account_key     BIGINT NOT NULL REFERENCES accounts (key),
  sign_in         TEXT {{.Raw}} NOT NULL,    -- of the session that it came from
  scopes          TEXT NOT NULL,
  method          TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  signed_in_at    BIGINT NOT NULL,           -- when the session began
  proved_at       BIGINT NOT NULL,           -- when a credential was shown
  mfa_at          BIGINT NOT NULL DEFAULT 0,
  seen_at         BIGINT NOT NULL,           -- when tokens were given last
  handle_hash     {{.Bytes}},                -- of the refresh token's part that stays
  refresh_hash    {{.Bytes}},                -- of the part that changes with each use
  ended_at        BIGINT,
  CONSTRAINT openid_families_id_key UNIQUE (id),
  CONSTRAINT openid_families_handle_hash_key UNIQUE (handle_hash)
);
CREATE INDEX openid_families_user ON openid_families (user_key, account_key);
CREATE INDEX openid_families_account ON openid_families (account_key);
CREATE INDEX openid_families_application ON openid_families (application_key);
CREATE INDEX openid_families_sign_in ON openid_families (sign_in);
CREATE INDEX openid_families_seen ON openid_families (seen_at);
CREATE INDEX openid_families_ended ON openid_families (ended_at) WHERE ended_at IS NOT NULL;

-- Authorization codes, each good for one exchange within a minute. A used one is
-- kept as long as its family: who comes with it again ends that.
CREATE TABLE openid_codes (
  token_hash   {{.Bytes}} NOT NULL PRIMARY KEY,
  family_key   BIGINT NOT NULL REFERENCES openid_families (key) ON DELETE CASCADE,
  redirect_uri TEXT {{.Raw}} NOT NULL,
  challenge    TEXT {{.Raw}} NOT NULL,
  nonce        TEXT NOT NULL,
  expires_at   BIGINT NOT NULL,
  used_at      BIGINT
);
CREATE INDEX openid_codes_family ON openid_codes (family_key);

-- Access tokens that were revoked one by one, until they would have run out.
CREATE TABLE openid_revoked_tokens (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX openid_revoked_tokens_expires ON openid_revoked_tokens (expires_at);
