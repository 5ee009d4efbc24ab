-- +goose Up

-- What the vendor sells and users sign in to.
CREATE TABLE applications (
  key           {{.Serial}},
  id            TEXT {{.Raw}} NOT NULL,
  name          TEXT NOT NULL,
  name_sort     TEXT {{.Raw}} NOT NULL,      -- folded name: no two are alike
  kind          TEXT NOT NULL,               -- web, spa, native, agent
  url           TEXT NOT NULL DEFAULT '',
  description   TEXT NOT NULL DEFAULT '',
  redirect_uris TEXT NOT NULL DEFAULT '',    -- one in a line
  logout_uris   TEXT NOT NULL DEFAULT '',    -- one in a line
  active        BOOLEAN NOT NULL DEFAULT FALSE,
  is_default    BOOLEAN NOT NULL DEFAULT FALSE,
  auto_assigned BOOLEAN NOT NULL DEFAULT FALSE,
  logo_tag      TEXT {{.Raw}} NOT NULL DEFAULT '',
  created_at    BIGINT NOT NULL,
  deleted_at    BIGINT,
  deletion_id   TEXT {{.Raw}},
  version       BIGINT NOT NULL DEFAULT 1,
  CONSTRAINT applications_id_key UNIQUE (id)
);
CREATE UNIQUE INDEX applications_default ON applications (is_default) WHERE is_default AND deleted_at IS NULL;
CREATE UNIQUE INDEX applications_name ON applications (name_sort) WHERE deleted_at IS NULL;
CREATE INDEX applications_bin ON applications (deleted_at, key) WHERE deleted_at IS NOT NULL;

CREATE TABLE application_logos (
  application_key {{.Key}} REFERENCES applications (key),
  png             {{.Bytes}} NOT NULL
);

-- Client secrets: the SHA-256 of each, sealed. The newest is the one to use; one
-- that it took the place of works until its end.
CREATE TABLE application_secrets (
  key             {{.Serial}},
  application_key BIGINT NOT NULL REFERENCES applications (key),
  sealed          {{.Bytes}} NOT NULL,
  created_at      BIGINT NOT NULL,
  ends_at         BIGINT NOT NULL DEFAULT 0, -- 0: not by itself
  last_used_at    BIGINT
);
CREATE INDEX application_secrets_application ON application_secrets (application_key, key);

-- What an account has beside what every account starts with, and what of that it
-- has no more.
CREATE TABLE account_applications (
  account_key     BIGINT NOT NULL REFERENCES accounts (key),
  application_key BIGINT NOT NULL REFERENCES applications (key),
  without         BOOLEAN NOT NULL DEFAULT FALSE, -- taken from the account, whatever all accounts start with
  auto_assigned   BOOLEAN NOT NULL DEFAULT FALSE, -- to every user of the account
  created_at      BIGINT NOT NULL,
  PRIMARY KEY (account_key, application_key)
) {{.ByKey}};
CREATE INDEX account_applications_application ON account_applications (application_key, account_key);

-- Applications that were given to users one by one, each in an account.
CREATE TABLE user_applications (
  account_key     BIGINT NOT NULL REFERENCES accounts (key),
  application_key BIGINT NOT NULL REFERENCES applications (key),
  user_key        BIGINT NOT NULL REFERENCES users (key),
  created_at      BIGINT NOT NULL,
  rests_at        BIGINT, -- since the user does not stand in the account any more; it comes back with them by undo
  PRIMARY KEY (account_key, application_key, user_key)
) {{.ByKey}};
CREATE INDEX user_applications_user ON user_applications (user_key, account_key);
CREATE INDEX user_applications_application ON user_applications (application_key);
CREATE INDEX user_applications_resting ON user_applications (rests_at) WHERE rests_at IS NOT NULL;

-- Applications that were taken from an account, the last removal of each, for as long
-- as that can be undone; and to whom they were given there.
CREATE TABLE removed_assignments (
  id              TEXT {{.Raw}} NOT NULL PRIMARY KEY,
  account_key     BIGINT NOT NULL REFERENCES accounts (key),
  application_key BIGINT NOT NULL REFERENCES applications (key),
  own             BOOLEAN NOT NULL, -- the account had it beside what every account starts with
  auto_assigned   BOOLEAN NOT NULL,
  created_at      BIGINT NOT NULL,
  removed_at      BIGINT NOT NULL,
  CONSTRAINT removed_assignments_account_key_application_key_key UNIQUE (account_key, application_key)
);
CREATE INDEX removed_assignments_application ON removed_assignments (application_key);
CREATE INDEX removed_assignments_removed ON removed_assignments (removed_at);
CREATE TABLE removed_user_applications (
  account_key     BIGINT NOT NULL REFERENCES accounts (key),
  application_key BIGINT NOT NULL REFERENCES applications (key),
  user_key        BIGINT NOT NULL REFERENCES users (key),
  created_at      BIGINT NOT NULL,
  rests_at        BIGINT,
  PRIMARY KEY (account_key, application_key, user_key)
) {{.ByKey}};
CREATE INDEX removed_user_applications_user ON removed_user_applications (user_key);
CREATE INDEX removed_user_applications_application ON removed_user_applications (application_key);
