-- +goose Up

CREATE TABLE settings (
  name  TEXT {{.Raw}} NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE users (
  key        {{.Serial}},
  id         TEXT {{.Raw}} NOT NULL,
  email      TEXT {{.Raw}} NOT NULL,
  name       TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  verified   BOOLEAN NOT NULL DEFAULT FALSE,
  locked     BOOLEAN NOT NULL DEFAULT FALSE,
  CONSTRAINT users_id_key UNIQUE (id)
);

CREATE TABLE accounts (
  key              {{.Serial}},
  id               TEXT {{.Raw}} NOT NULL,
  name             TEXT NOT NULL,
  name_sort        TEXT {{.Raw}} NOT NULL,
  search           TEXT {{.Raw}} NOT NULL,
  created_at       BIGINT NOT NULL,
  deleted_at       BIGINT,
  deletion_id      TEXT {{.Raw}},
  parent_key       BIGINT REFERENCES accounts (key),
  is_reseller      BOOLEAN NOT NULL DEFAULT FALSE,
  primary_user_key BIGINT REFERENCES users (key),
  primary_email    TEXT {{.Raw}} NOT NULL DEFAULT '',
  company_domain   BOOLEAN NOT NULL DEFAULT FALSE,
  website          TEXT NOT NULL DEFAULT '',
  address          TEXT NOT NULL DEFAULT '',
  time_zone        TEXT NOT NULL DEFAULT '',
  currency         TEXT NOT NULL DEFAULT '',
  status_text      TEXT NOT NULL DEFAULT '',
  logo_tag         TEXT NOT NULL DEFAULT '',
  version          BIGINT NOT NULL DEFAULT 1,
  metadata_version BIGINT NOT NULL DEFAULT 1,
  metadata         TEXT NOT NULL DEFAULT '{}',
{{- if .SQLite}}
  -- Where the name lies in the order of names, as far as its first four bytes tell.
  place            INTEGER GENERATED ALWAYS AS ((('0x' || substr(hex(substr(CAST(name_sort AS BLOB), 1, 4)) || '00000000', 1, 8)) ->> '$')) VIRTUAL,
{{- end}}
  CONSTRAINT accounts_id_key UNIQUE (id)
);
-- The orders of the list that change seldom carry what a page needs; accounts in
-- the bin are in none of them. SQLite ends each index with the key by itself, and
-- finds a place among equals only where it is not named.
CREATE INDEX accounts_created ON accounts (created_at{{if .PostgreSQL}}, key{{end}}) WHERE deleted_at IS NULL;
CREATE INDEX accounts_name ON accounts (name_sort, key{{if .SQLite}}, search{{end}}) WHERE deleted_at IS NULL;
CREATE INDEX accounts_primary ON accounts (primary_email{{if .PostgreSQL}}, key{{end}}) WHERE deleted_at IS NULL;
CREATE INDEX accounts_parent ON accounts (parent_key, key) WHERE parent_key IS NOT NULL;
CREATE INDEX accounts_reseller ON accounts (key) WHERE is_reseller AND deleted_at IS NULL;
CREATE INDEX accounts_primary_user ON accounts (primary_user_key) WHERE primary_user_key IS NOT NULL;
CREATE INDEX accounts_bin ON accounts (deleted_at{{if .PostgreSQL}}, key{{end}}) WHERE deleted_at IS NOT NULL;

CREATE TABLE account_logos (
  account_key {{.Key}} REFERENCES accounts (key),
  png         {{.Bytes}} NOT NULL
);

-- What visits and memberships add up to, one narrow row for each account that is
-- not in the bin: it is written with every visit.
CREATE TABLE engagement (
  account_key   {{.Key}} REFERENCES accounts (key),
  users         BIGINT NOT NULL DEFAULT 0,
  visits        BIGINT NOT NULL DEFAULT 0,
  last_visit_at BIGINT NOT NULL DEFAULT 0,
  recent_day    INTEGER NOT NULL DEFAULT 0,
  recent        {{.Bytes}}
);
CREATE INDEX engagement_last ON engagement (last_visit_at{{if .PostgreSQL}}, account_key{{end}});
CREATE INDEX engagement_visits ON engagement (visits{{if .PostgreSQL}}, account_key{{end}});
CREATE INDEX engagement_users ON engagement (users{{if .PostgreSQL}}, account_key{{end}});

CREATE TABLE roles (
  key         {{.Serial}},
  handle      TEXT {{.Raw}} NOT NULL,
  name        TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  level       INTEGER NOT NULL,
  permissions TEXT NOT NULL,
  is_default  BOOLEAN NOT NULL DEFAULT FALSE,
  first_user  BOOLEAN NOT NULL DEFAULT FALSE,
  built_in    BOOLEAN NOT NULL DEFAULT FALSE
);
INSERT INTO roles (handle, name, description, level, permissions, is_default, first_user, built_in) VALUES
  ('admin', 'Admin', 'Every permission.', 0, '["*"]', FALSE, TRUE, TRUE),
  ('read-only', 'Read only', 'Every read permission.', 10, '["fe.account-hierarchy.read.*","fe.secure.read.*"]', TRUE, FALSE, TRUE);

CREATE TABLE memberships (
  key           {{.Serial}},
  account_key   BIGINT NOT NULL REFERENCES accounts (key),
  user_key      BIGINT NOT NULL REFERENCES users (key),
  status        TEXT NOT NULL,
  disabled      BOOLEAN NOT NULL DEFAULT FALSE,
  created_at    BIGINT NOT NULL,
  -- The instant from which the figures count it: the later of its own and its
  -- account's creation; NULL while the account is in the bin.
  counted_at    BIGINT,
  last_visit_at BIGINT NOT NULL DEFAULT 0,
  visits        BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT memberships_account_key_user_key_key UNIQUE (account_key, user_key)
);
CREATE INDEX memberships_user ON memberships (user_key);
CREATE INDEX memberships_counted ON memberships (counted_at) WHERE counted_at IS NOT NULL;

CREATE TABLE membership_roles (
  membership_key BIGINT NOT NULL REFERENCES memberships (key),
  role_key       BIGINT NOT NULL REFERENCES roles (key),
  PRIMARY KEY (membership_key, role_key)
) {{.ByKey}};
CREATE INDEX membership_roles_role ON membership_roles (role_key, membership_key);

-- One row for a user seen in an account on a UTC day. The order serves the
-- charts of an account and the question which days lie beside a new one.
CREATE TABLE visits (
  account_key BIGINT NOT NULL,
  day         INTEGER NOT NULL,
  user_key    BIGINT NOT NULL,
  PRIMARY KEY (account_key, day, user_key)
) {{.ByKey}};

-- Who may be seen where: it changes with whatever makes that narrower, or takes
-- visits away, by whichever process and statement. Until then a process may
-- answer from memory that a visit is recorded.
CREATE TABLE identities (
  one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  version BIGINT NOT NULL
);
INSERT INTO identities VALUES (1, 0);

-- Counters of the figures, changed in the transaction of what they count.
CREATE TABLE kpi_totals (
  one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  accounts    BIGINT NOT NULL,
  company     BIGINT NOT NULL,
  memberships BIGINT NOT NULL,
  users       BIGINT NOT NULL,
  resellers   BIGINT NOT NULL,
  children    BIGINT NOT NULL,
  binned      BIGINT NOT NULL
);
INSERT INTO kpi_totals VALUES (1, 0, 0, 0, 0, 0, 0, 0);
CREATE TABLE kpi_hours (
  hour        INTEGER NOT NULL PRIMARY KEY, -- hours since 1970
  accounts    BIGINT NOT NULL DEFAULT 0,    -- created in this hour
  company     BIGINT NOT NULL DEFAULT 0,    -- of them with a company domain
  memberships BIGINT NOT NULL DEFAULT 0,    -- that began to count in this hour
  active      BIGINT NOT NULL DEFAULT 0     -- of the accounts, active on the day of their creation
);
CREATE TABLE kpi_days (
  day         INTEGER NOT NULL PRIMARY KEY,
  -- Change against the day before in how many accounts have a visit on one of
  -- the 30 days that end with this day, and were created by the end of it.
  active_step BIGINT NOT NULL DEFAULT 0
);
-- The latest changes of these counters, numbered without gaps: who holds the
-- figures in memory learns from here what another process has changed.
CREATE TABLE kpi_changes (
  version {{.Key}},
  change  TEXT NOT NULL -- '': too long to be told
);

-- What a place has laid down itself, one column for each setting; NULL inherits.
CREATE TABLE policies (
  account_key      {{.Key}}, -- 0: the environment
  complexity       INTEGER, -- minimum length × 16 + the classes' bits
  mfa_enabled      BOOLEAN,
  mfa_force        INTEGER, -- 1 don't force, 2 except SSO, 3 force
  mfa_methods      INTEGER, -- bits: 1 authenticator app, 2 passkey
  remember_days    INTEGER,
  idle_minutes     INTEGER,
  absolute_minutes INTEGER,
  max_sessions     INTEGER,
  lockout_attempts INTEGER,
  lockout_minutes  INTEGER,
  history          INTEGER,
  version          BIGINT NOT NULL
);

CREATE TABLE staff (
  key           {{.Serial}},
  id            TEXT {{.Raw}} NOT NULL,
  email         TEXT {{.Raw}} NOT NULL,
  name          TEXT NOT NULL DEFAULT '',
  role          TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  removed_at    BIGINT,
  version       BIGINT NOT NULL DEFAULT 1,
  CONSTRAINT staff_id_key UNIQUE (id)
);
-- Who was removed and comes back begins anew, with a row of their own.
CREATE UNIQUE INDEX staff_email_key ON staff (email) WHERE removed_at IS NULL;
CREATE TABLE staff_sessions (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  id         TEXT {{.Raw}} NOT NULL,
  staff_key  BIGINT NOT NULL REFERENCES staff (key),
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  address    TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  CONSTRAINT staff_sessions_id_key UNIQUE (id)
);
CREATE INDEX staff_sessions_staff ON staff_sessions (staff_key);
CREATE TABLE staff_devices (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  staff_key  BIGINT NOT NULL REFERENCES staff (key),
  created_at BIGINT NOT NULL
);
CREATE INDEX staff_devices_staff ON staff_devices (staff_key);
CREATE TABLE setup_links (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT
);
-- By which a member of staff chooses their password.
CREATE TABLE staff_links (
  token_hash {{.Bytes}} NOT NULL PRIMARY KEY,
  staff_key  BIGINT NOT NULL REFERENCES staff (key),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT
);
CREATE INDEX staff_links_staff ON staff_links (staff_key);
CREATE TABLE sign_in_attempts (
  key     {{.Serial}},
  subject TEXT {{.Raw}} NOT NULL, -- hash of the canonical address, existing or not
  network TEXT {{.Raw}} NOT NULL, -- network address, IPv6 by /64
  at      BIGINT NOT NULL,
  device  BOOLEAN NOT NULL DEFAULT FALSE -- came from a known device of the subject
);
CREATE INDEX sign_in_attempts_subject ON sign_in_attempts (subject, at);
CREATE INDEX sign_in_attempts_network ON sign_in_attempts (network, at);
CREATE INDEX sign_in_attempts_at ON sign_in_attempts (at);

CREATE TABLE api_tokens (
  key          {{.Serial}},
  id           TEXT {{.Raw}} NOT NULL,
  name         TEXT NOT NULL,
  token_hash   {{.Bytes}} NOT NULL,
  scopes       TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  created_by   TEXT NOT NULL,
  last_used_at BIGINT,
  revoked_at   BIGINT,
  CONSTRAINT api_tokens_id_key UNIQUE (id),
  CONSTRAINT api_tokens_token_hash_key UNIQUE (token_hash)
);

CREATE TABLE saved_views (
  key        {{.Serial}},
  id         TEXT {{.Raw}} NOT NULL,
  staff_key  BIGINT NOT NULL REFERENCES staff (key),
  shared     BOOLEAN NOT NULL DEFAULT FALSE,
  page       TEXT NOT NULL,
  name       TEXT NOT NULL,
  query      TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT saved_views_id_key UNIQUE (id),
  CONSTRAINT saved_views_staff_key_page_name_key UNIQUE (staff_key, page, name)
);

CREATE TABLE imports (
  key         {{.Serial}},
  id          TEXT {{.Raw}} NOT NULL,
  created_at  BIGINT NOT NULL,
  actor_kind  TEXT NOT NULL,
  actor_id    TEXT NOT NULL,
  actor_name  TEXT NOT NULL,
  address     TEXT NOT NULL,
  files       TEXT NOT NULL DEFAULT '[]', -- JSON: kinds, base names, sizes, digests
  strict      BOOLEAN NOT NULL DEFAULT FALSE,
  state       TEXT NOT NULL,          -- planning, planned, applying, applied, undoing, undone, failed, discarded
  counts      TEXT NOT NULL DEFAULT '{}',
  rows_total  BIGINT NOT NULL DEFAULT 0, -- of the files, that change something
  rows_done   BIGINT NOT NULL DEFAULT 0,
  undo_done   BIGINT NOT NULL DEFAULT 0,
  kept        BIGINT NOT NULL DEFAULT 0, -- left by the undo, since others changed them
  undone_by   TEXT NOT NULL DEFAULT '',  -- JSON: the actor of the undo
  next_seq    BIGINT NOT NULL DEFAULT 0, -- the row to go on with, forward or back
  failure     TEXT NOT NULL DEFAULT '',
  touched_at  BIGINT NOT NULL,        -- tells a plan that is being made from one whose maker died
  finished_at BIGINT,
  CONSTRAINT imports_id_key UNIQUE (id)
);
CREATE TABLE import_rows (
  import_key BIGINT NOT NULL REFERENCES imports (key),
  seq        BIGINT NOT NULL,         -- order of application
  kind       TEXT NOT NULL,           -- accounts, users, memberships, visits
  action     TEXT NOT NULL,           -- create, update, unchanged, refused, kept
  file       TEXT NOT NULL,
  line       BIGINT NOT NULL,         -- 0: stands for several
  n          BIGINT NOT NULL,         -- rows of the file that it stands for
  subject    TEXT NOT NULL,           -- what the row is about, for reading and searching
  col        TEXT NOT NULL,
  value      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  data       {{.Bytes}},              -- what is to be written
  made       BIGINT,                  -- key of what was made of it
  undo       {{.Bytes}},              -- what was there before, once applied
  PRIMARY KEY (import_key, seq)
) {{.ByKey}};
CREATE INDEX import_rows_action ON import_rows (import_key, kind, action, seq);

-- The trail. An entry's digest covers the digest before it, so that nothing can
-- be changed or taken out unseen; the payload may be purged, its digest stays.
CREATE TABLE events (
  key            {{.Key}}, -- 1, 2, 3 … without gaps
  id             TEXT {{.Raw}} NOT NULL,
  at             BIGINT NOT NULL,
  actor_kind     TEXT NOT NULL,
  actor_id       TEXT NOT NULL,
  actor_name     TEXT NOT NULL,
  address        TEXT NOT NULL,
  action         TEXT {{.Raw}} NOT NULL,
  object_kind    TEXT NOT NULL,
  object_id      TEXT {{.Raw}} NOT NULL,
  object_name    TEXT NOT NULL,
  account_key    BIGINT,
  search         TEXT NOT NULL,
  before_data    TEXT,
  after_data     TEXT,
  undo           TEXT NOT NULL DEFAULT '',
  payload_digest {{.Bytes}} NOT NULL,
  digest         {{.Bytes}} NOT NULL,
  CONSTRAINT events_id_key UNIQUE (id)
);
CREATE INDEX events_account ON events (account_key, key) WHERE account_key IS NOT NULL;
CREATE INDEX events_action ON events (action, key);
CREATE INDEX events_actor ON events (actor_id, key);
CREATE INDEX events_object ON events (object_id, key);
CREATE INDEX events_at ON events (at);
CREATE TABLE event_head (
  one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  key    BIGINT NOT NULL,
  digest {{.Bytes}} NOT NULL
);
CREATE INDEX events_undo ON events (undo) WHERE undo <> '';
{{if .SQLite}}
INSERT INTO event_head VALUES (1, 0, x'');
-- +goose StatementBegin
CREATE TRIGGER events_kept BEFORE DELETE ON events BEGIN
  SELECT RAISE(ABORT, 'events are never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_fixed BEFORE UPDATE ON events
WHEN NOT (NEW.key IS OLD.key AND NEW.id IS OLD.id AND NEW.at IS OLD.at AND NEW.actor_kind IS OLD.actor_kind
  AND NEW.actor_id IS OLD.actor_id AND NEW.action IS OLD.action AND NEW.object_kind IS OLD.object_kind
  AND NEW.object_id IS OLD.object_id AND NEW.account_key IS OLD.account_key AND NEW.undo IS OLD.undo
  AND NEW.payload_digest IS OLD.payload_digest AND NEW.digest IS OLD.digest
  AND NEW.before_data IS NULL AND NEW.after_data IS NULL)
BEGIN
  SELECT RAISE(ABORT, 'events are never changed');
END;
-- +goose StatementEnd

-- Trigrams of the folded name and ID. The rowid is the account's place among the
-- names, and behind it, in 31 bits, the account's key: what a search hits comes
-- in the order of names, from any place on.
CREATE VIRTUAL TABLE accounts_fts USING fts5(search, content='', contentless_delete=1, tokenize="trigram case_sensitive 1", detail=none);
CREATE VIRTUAL TABLE accounts_fts_terms USING fts5vocab(accounts_fts, 'row');
-- What is not in the index as it should be. The index is fastest where rows come
-- to it in their order, so that it is written once for each commit, at its end.
CREATE TABLE accounts_fts_due (
  id  {{.Key}},        -- rowid in the index
  was BOOLEAN NOT NULL -- there may be such a row already
);
-- +goose StatementBegin
CREATE TRIGGER tally_account_new AFTER INSERT ON accounts WHEN NEW.deleted_at IS NULL BEGIN
  INSERT INTO accounts_fts_due VALUES (NEW.place << 31 | NEW.key, FALSE) ON CONFLICT (id) DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tally_account_gone BEFORE DELETE ON accounts WHEN OLD.deleted_at IS NULL BEGIN
  INSERT INTO accounts_fts_due VALUES (OLD.place << 31 | OLD.key, TRUE) ON CONFLICT (id) DO UPDATE SET was = TRUE;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tally_account_changed AFTER UPDATE OF name_sort, search, deleted_at ON accounts
WHEN NEW.search <> OLD.search OR NEW.name_sort <> OLD.name_sort OR (NEW.deleted_at IS NULL) <> (OLD.deleted_at IS NULL) BEGIN
  INSERT INTO accounts_fts_due SELECT OLD.place << 31 | OLD.key, TRUE WHERE OLD.deleted_at IS NULL ON CONFLICT (id) DO UPDATE SET was = TRUE;
  INSERT INTO accounts_fts_due SELECT NEW.place << 31 | NEW.key, FALSE WHERE NEW.deleted_at IS NULL ON CONFLICT (id) DO NOTHING;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER accounts_changed AFTER UPDATE OF id, deleted_at ON accounts
WHEN NEW.id <> OLD.id OR NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_changed AFTER UPDATE OF id, email, locked ON users
WHEN NEW.id <> OLD.id OR NEW.email <> OLD.email OR NEW.locked AND NOT OLD.locked
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER memberships_changed AFTER UPDATE OF account_key, user_key, disabled ON memberships
WHEN NEW.account_key <> OLD.account_key OR NEW.user_key <> OLD.user_key OR NEW.disabled AND NOT OLD.disabled
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accounts_gone AFTER DELETE ON accounts
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_gone AFTER DELETE ON users
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER memberships_gone AFTER DELETE ON memberships
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER visits_gone AFTER DELETE ON visits
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
{{else}}
INSERT INTO event_head VALUES (1, 0, ''::bytea);
-- +goose StatementBegin
CREATE FUNCTION events_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP IN ('DELETE', 'TRUNCATE') THEN RAISE EXCEPTION 'events are never deleted'; END IF;
  IF (NEW.key, NEW.id, NEW.at, NEW.actor_kind, NEW.actor_id, NEW.action, NEW.object_kind, NEW.object_id, NEW.undo, NEW.payload_digest, NEW.digest)
     IS DISTINCT FROM (OLD.key, OLD.id, OLD.at, OLD.actor_kind, OLD.actor_id, OLD.action, OLD.object_kind, OLD.object_id, OLD.undo, OLD.payload_digest, OLD.digest)
     OR NEW.account_key IS DISTINCT FROM OLD.account_key OR NEW.before_data IS NOT NULL OR NEW.after_data IS NOT NULL
  THEN RAISE EXCEPTION 'events are never changed'; END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_kept BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_kept();
CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION events_kept();
-- +goose StatementBegin
CREATE FUNCTION identities_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE identities SET version = txid_current() WHERE version <> txid_current();
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER accounts_changed AFTER UPDATE OF id, deleted_at ON accounts FOR EACH ROW
  WHEN (NEW.id <> OLD.id OR NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL) EXECUTE FUNCTION identities_changed();
CREATE TRIGGER users_changed AFTER UPDATE OF id, email, locked ON users FOR EACH ROW
  WHEN (NEW.id <> OLD.id OR NEW.email <> OLD.email OR NEW.locked AND NOT OLD.locked) EXECUTE FUNCTION identities_changed();
CREATE TRIGGER memberships_changed AFTER UPDATE OF account_key, user_key, disabled ON memberships FOR EACH ROW
  WHEN (NEW.account_key <> OLD.account_key OR NEW.user_key <> OLD.user_key OR NEW.disabled AND NOT OLD.disabled) EXECUTE FUNCTION identities_changed();
CREATE TRIGGER accounts_gone AFTER DELETE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION identities_changed();
CREATE TRIGGER users_gone AFTER DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION identities_changed();
CREATE TRIGGER memberships_gone AFTER DELETE ON memberships FOR EACH STATEMENT EXECUTE FUNCTION identities_changed();
CREATE TRIGGER visits_gone AFTER DELETE ON visits FOR EACH STATEMENT EXECUTE FUNCTION identities_changed();
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX accounts_search ON accounts USING gin (search gin_trgm_ops) WHERE deleted_at IS NULL;
{{end}}
