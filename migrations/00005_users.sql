-- +goose Up

-- Who is in the bin has given up the address: another user may have it.
CREATE UNIQUE INDEX users_email_key ON users (email) WHERE deleted_at IS NULL;
ALTER TABLE users ADD COLUMN name_sort TEXT {{.Raw}} NOT NULL DEFAULT ''; -- folded name, the address where there is none
ALTER TABLE users ADD COLUMN search TEXT {{.Raw}} NOT NULL DEFAULT '';    -- folded name and address
-- What is purged is the person: the row stays, empty, since the visits of
-- accounts name it.
ALTER TABLE users ADD COLUMN purged_at BIGINT;

-- The orders and filters of the list; users in the bin are in none of them.
CREATE INDEX users_created ON users (created_at, key) WHERE deleted_at IS NULL;
CREATE INDEX users_name ON users (name_sort, key{{if .SQLite}}, search{{end}}) WHERE deleted_at IS NULL;
CREATE INDEX users_verified ON users (verified, key) WHERE deleted_at IS NULL;
CREATE INDEX users_factors ON users (factors, key) WHERE deleted_at IS NULL;
CREATE INDEX users_locked ON users (key) WHERE locked AND deleted_at IS NULL;
CREATE INDEX users_bin ON users (deleted_at, key) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
-- Most are Activated, and a visit writes that again and again: they are left out.
CREATE INDEX memberships_waiting ON memberships (status, user_key) WHERE status <> 'activated';
CREATE INDEX memberships_disabled ON memberships (user_key) WHERE disabled;

-- What memberships and visits add up to for each user who is not in the bin,
-- over all accounts: narrow, since visits write it.
CREATE TABLE user_engagement (
  user_key      {{.Key}},
  accounts      BIGINT NOT NULL DEFAULT 0, -- that are not in the bin
  days          BIGINT NOT NULL DEFAULT 0, -- with a visit
  last_visit_at BIGINT NOT NULL DEFAULT 0,
  roles         TEXT {{.Raw}} NOT NULL DEFAULT '' -- keys of the roles held in those accounts, each once, parted by spaces
);
CREATE INDEX user_engagement_last ON user_engagement (last_visit_at, user_key);
CREATE INDEX user_engagement_days ON user_engagement (days, user_key);
CREATE INDEX user_engagement_accounts ON user_engagement (accounts, user_key);

-- The days on which a user was seen, and in how many accounts.
CREATE TABLE user_days (
  user_key BIGINT NOT NULL,
  day      INTEGER NOT NULL,
  n        INTEGER NOT NULL,
  PRIMARY KEY (user_key, day)
) {{.ByKey}};

-- Counters of the figures of users, as kpi_hours and kpi_days are of accounts.
CREATE TABLE kpi_user_hours (
  hour  INTEGER NOT NULL PRIMARY KEY, -- hours since 1970
  users BIGINT NOT NULL DEFAULT 0     -- created in this hour
);
CREATE TABLE kpi_user_days (
  day         INTEGER NOT NULL PRIMARY KEY,
  active_step BIGINT NOT NULL DEFAULT 0, -- change against the day before in how many users were seen in the 30 days that end with this one
  -- How often it changed which of the users created on this day were active on it.
  touched     BIGINT NOT NULL DEFAULT 0
);
-- How often the hours changed: who holds the figures in memory reads no more
-- while this is as it was.
CREATE TABLE kpi_user_mark (
  one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  version BIGINT NOT NULL
);
INSERT INTO kpi_user_mark VALUES (1, 0);

-- The memberships that a user in the bin had.
CREATE TABLE binned_memberships (
  user_key    BIGINT NOT NULL REFERENCES users (key),
  account_key BIGINT NOT NULL REFERENCES accounts (key),
  status      TEXT NOT NULL,
  disabled    BOOLEAN NOT NULL,
  created_at  BIGINT NOT NULL,
  roles       TEXT NOT NULL,       -- keys, parted by spaces
  is_primary  BOOLEAN NOT NULL,    -- the account had them as its primary user
  PRIMARY KEY (user_key, account_key)
) {{.ByKey}};
CREATE INDEX binned_memberships_account ON binned_memberships (account_key);

-- Memberships that were taken away singly, for as long as that can be undone.
CREATE TABLE removed_memberships (
  id          TEXT {{.Raw}} NOT NULL PRIMARY KEY,
  user_key    BIGINT NOT NULL REFERENCES users (key),
  account_key BIGINT NOT NULL REFERENCES accounts (key),
  status      TEXT NOT NULL,
  disabled    BOOLEAN NOT NULL,
  created_at  BIGINT NOT NULL,
  roles       TEXT NOT NULL,       -- keys, parted by spaces
  removed_at  BIGINT NOT NULL
);
CREATE INDEX removed_memberships_user ON removed_memberships (user_key, account_key);
CREATE INDEX removed_memberships_account ON removed_memberships (account_key);
CREATE INDEX removed_memberships_removed ON removed_memberships (removed_at);

-- Visits outlive the membership in which they were made: what they add up to
-- waits here for a membership of the same user in the same account.
CREATE TABLE former_members (
  account_key   BIGINT NOT NULL,
  user_key      BIGINT NOT NULL,
  visits        BIGINT NOT NULL,
  last_visit_at BIGINT NOT NULL,
  PRIMARY KEY (account_key, user_key)
) {{.ByKey}};

{{if .SQLite}}
-- Where the name lies in the order of names, as for accounts; trigrams of the
-- folded name and address by it, and what is not in that index as it should be.
ALTER TABLE users ADD COLUMN place INTEGER GENERATED ALWAYS AS ((('0x' || substr(hex(substr(CAST(name_sort AS BLOB), 1, 4)) || '00000000', 1, 8)) ->> '$')) VIRTUAL;
CREATE VIRTUAL TABLE users_fts USING fts5(search, content='', contentless_delete=1, tokenize="trigram case_sensitive 1", detail=none);
CREATE VIRTUAL TABLE users_fts_terms USING fts5vocab(users_fts, 'row');
CREATE TABLE users_fts_due (
  id  {{.Key}},
  was BOOLEAN NOT NULL
);
{{else}}
CREATE INDEX users_search ON users USING gin (search gin_trgm_ops) WHERE deleted_at IS NULL;
{{end}}

-- Users, memberships, roles and visits are written in many places. What they add
-- up to for a user is kept by the engine, whoever writes. Where a bulk insert
-- into an empty database leaves these out, it makes the same of all rows at once.
{{define "rolesOf"}}COALESCE((SELECT string_agg(x.r, ' ') FROM (SELECT DISTINCT CAST(mr.role_key AS TEXT) AS r FROM memberships m
    JOIN membership_roles mr ON mr.membership_key = m.key WHERE m.user_key = user_engagement.user_key AND m.counted_at IS NOT NULL ORDER BY 1) x), ''){{end}}
{{define "lastOf"}}{{.Greatest}}(COALESCE((SELECT MAX(m.last_visit_at) FROM memberships m WHERE m.user_key = user_engagement.user_key), 0),
    COALESCE((SELECT MAX(CAST(d.day AS BIGINT)) * 86400000000 FROM user_days d WHERE d.user_key = user_engagement.user_key), 0)){{end}}

{{define "tally_user_new"}}INSERT INTO user_engagement (user_key) VALUES (NEW.key);
  INSERT INTO kpi_user_hours (hour, users) VALUES (NEW.created_at / 3600000000, 1) ON CONFLICT (hour) DO UPDATE SET users = kpi_user_hours.users + 1;
  UPDATE kpi_user_mark SET version = version + 1;
  {{if .SQLite}}INSERT INTO users_fts_due VALUES (NEW.place << 31 | NEW.key, FALSE) ON CONFLICT (id) DO NOTHING;{{end}}{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_user_new AFTER INSERT ON users BEGIN
  {{template "tally_user_new" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_user_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_user_new" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_user_new AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION tally_user_new();
{{end}}

{{define "tally_user_gone"}}DELETE FROM user_engagement WHERE user_key = OLD.key;
  UPDATE kpi_user_hours SET users = users - 1 WHERE hour = OLD.created_at / 3600000000;
  UPDATE kpi_user_mark SET version = version + 1;
  INSERT INTO kpi_user_days (day, touched) VALUES (OLD.created_at / 86400000000, 1) ON CONFLICT (day) DO UPDATE SET touched = kpi_user_days.touched + 1;
  {{if .SQLite}}INSERT INTO users_fts_due VALUES (OLD.place << 31 | OLD.key, TRUE) ON CONFLICT (id) DO UPDATE SET was = TRUE;{{end}}{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_user_gone BEFORE DELETE ON users
WHEN (OLD.deleted_at IS NULL) BEGIN
  {{template "tally_user_gone" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_user_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_user_gone" .}}
  RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_user_gone BEFORE DELETE ON users FOR EACH ROW
WHEN (OLD.deleted_at IS NULL) EXECUTE FUNCTION tally_user_gone();
{{end}}

{{define "tally_user_binned"}}DELETE FROM user_engagement WHERE user_key = OLD.key;
  UPDATE kpi_user_hours SET users = users - 1 WHERE hour = OLD.created_at / 3600000000;
  UPDATE kpi_user_mark SET version = version + 1;
  INSERT INTO kpi_user_days (day, touched) VALUES (OLD.created_at / 86400000000, 1) ON CONFLICT (day) DO UPDATE SET touched = kpi_user_days.touched + 1;
  {{if .SQLite}}INSERT INTO users_fts_due VALUES (OLD.place << 31 | OLD.key, TRUE) ON CONFLICT (id) DO UPDATE SET was = TRUE;{{end}}{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_user_binned AFTER UPDATE OF deleted_at ON users
WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) BEGIN
  {{template "tally_user_binned" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_user_binned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_user_binned" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_user_binned AFTER UPDATE OF deleted_at ON users FOR EACH ROW
WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION tally_user_binned();
{{end}}

{{define "tally_user_restored"}}INSERT INTO user_engagement (user_key, days) VALUES (NEW.key, (SELECT COUNT(*) FROM user_days d WHERE d.user_key = NEW.key));
  UPDATE user_engagement SET last_visit_at = {{template "lastOf" .}} WHERE user_key = NEW.key;
  INSERT INTO kpi_user_hours (hour, users) VALUES (NEW.created_at / 3600000000, 1) ON CONFLICT (hour) DO UPDATE SET users = kpi_user_hours.users + 1;
  UPDATE kpi_user_mark SET version = version + 1;
  INSERT INTO kpi_user_days (day, touched) VALUES (NEW.created_at / 86400000000, 1) ON CONFLICT (day) DO UPDATE SET touched = kpi_user_days.touched + 1;
  {{if .SQLite}}INSERT INTO users_fts_due VALUES (NEW.place << 31 | NEW.key, FALSE) ON CONFLICT (id) DO NOTHING;{{end}}{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_user_restored AFTER UPDATE OF deleted_at ON users
WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL) BEGIN
  {{template "tally_user_restored" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_user_restored() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_user_restored" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_user_restored AFTER UPDATE OF deleted_at ON users FOR EACH ROW
WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL) EXECUTE FUNCTION tally_user_restored();
{{end}}

{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_user_renamed AFTER UPDATE OF search, name_sort ON users
WHEN (NEW.deleted_at IS NULL AND OLD.deleted_at IS NULL AND (NEW.search <> OLD.search OR NEW.name_sort <> OLD.name_sort)) BEGIN
  INSERT INTO users_fts_due VALUES (OLD.place << 31 | OLD.key, TRUE) ON CONFLICT (id) DO UPDATE SET was = TRUE;
  INSERT INTO users_fts_due VALUES (NEW.place << 31 | NEW.key, FALSE) ON CONFLICT (id) DO NOTHING;
END;
-- +goose StatementEnd
{{end}}

{{define "tally_membership_new"}}UPDATE user_engagement SET accounts = accounts + 1 WHERE user_key = NEW.user_key AND NEW.counted_at IS NOT NULL;
  UPDATE user_engagement SET last_visit_at = NEW.last_visit_at WHERE user_key = NEW.user_key AND last_visit_at < NEW.last_visit_at;
  UPDATE memberships SET visits = f.visits, last_visit_at = f.last_visit_at FROM former_members f
    WHERE memberships.key = NEW.key AND f.account_key = NEW.account_key AND f.user_key = NEW.user_key;
  DELETE FROM former_members WHERE account_key = NEW.account_key AND user_key = NEW.user_key;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_membership_new AFTER INSERT ON memberships BEGIN
  {{template "tally_membership_new" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_membership_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_membership_new" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_membership_new AFTER INSERT ON memberships FOR EACH ROW EXECUTE FUNCTION tally_membership_new();
{{end}}

{{define "tally_membership_gone"}}UPDATE user_engagement SET accounts = accounts - 1, roles = {{template "rolesOf" .}} WHERE user_key = OLD.user_key AND OLD.counted_at IS NOT NULL;
  INSERT INTO former_members (account_key, user_key, visits, last_visit_at) SELECT OLD.account_key, OLD.user_key, OLD.visits, OLD.last_visit_at WHERE OLD.visits > 0;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_membership_gone AFTER DELETE ON memberships BEGIN
  {{template "tally_membership_gone" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_membership_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_membership_gone" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_membership_gone AFTER DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION tally_membership_gone();
{{end}}

{{define "tally_membership_counted"}}UPDATE user_engagement SET accounts = accounts + CASE WHEN NEW.counted_at IS NULL THEN -1 ELSE 1 END, roles = {{template "rolesOf" .}} WHERE user_key = NEW.user_key;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_membership_counted AFTER UPDATE OF counted_at ON memberships
WHEN ((OLD.counted_at IS NULL) <> (NEW.counted_at IS NULL)) BEGIN
  {{template "tally_membership_counted" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_membership_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_membership_counted" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_membership_counted AFTER UPDATE OF counted_at ON memberships FOR EACH ROW
WHEN ((OLD.counted_at IS NULL) <> (NEW.counted_at IS NULL)) EXECUTE FUNCTION tally_membership_counted();
{{end}}

{{define "tally_membership_seen"}}UPDATE user_engagement SET last_visit_at = NEW.last_visit_at WHERE user_key = NEW.user_key AND last_visit_at < NEW.last_visit_at;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_membership_seen AFTER UPDATE OF last_visit_at ON memberships
WHEN (NEW.last_visit_at > OLD.last_visit_at) BEGIN
  {{template "tally_membership_seen" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_membership_seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_membership_seen" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_membership_seen AFTER UPDATE OF last_visit_at ON memberships FOR EACH ROW
WHEN (NEW.last_visit_at > OLD.last_visit_at) EXECUTE FUNCTION tally_membership_seen();
{{end}}

{{define "tally_membership_unseen"}}UPDATE user_engagement SET last_visit_at = {{template "lastOf" .}} WHERE user_key = NEW.user_key;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_membership_unseen AFTER UPDATE OF last_visit_at ON memberships
WHEN (NEW.last_visit_at < OLD.last_visit_at) BEGIN
  {{template "tally_membership_unseen" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_membership_unseen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_membership_unseen" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_membership_unseen AFTER UPDATE OF last_visit_at ON memberships FOR EACH ROW
WHEN (NEW.last_visit_at < OLD.last_visit_at) EXECUTE FUNCTION tally_membership_unseen();
{{end}}

{{define "tally_role_given"}}UPDATE user_engagement SET roles = CASE WHEN roles = '' THEN CAST(NEW.role_key AS TEXT) ELSE roles || ' ' || CAST(NEW.role_key AS TEXT) END
    WHERE user_key = (SELECT m.user_key FROM memberships m WHERE m.key = NEW.membership_key AND m.counted_at IS NOT NULL)
    AND ' ' || roles || ' ' NOT LIKE '% ' || CAST(NEW.role_key AS TEXT) || ' %';{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_role_given AFTER INSERT ON membership_roles BEGIN
  {{template "tally_role_given" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_role_given() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_role_given" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_role_given AFTER INSERT ON membership_roles FOR EACH ROW EXECUTE FUNCTION tally_role_given();
{{end}}

{{define "tally_role_taken"}}UPDATE user_engagement SET roles = {{template "rolesOf" .}}
    WHERE user_key = (SELECT m.user_key FROM memberships m WHERE m.key = OLD.membership_key AND m.counted_at IS NOT NULL);{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_role_taken AFTER DELETE ON membership_roles BEGIN
  {{template "tally_role_taken" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_role_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_role_taken" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_role_taken AFTER DELETE ON membership_roles FOR EACH ROW EXECUTE FUNCTION tally_role_taken();
{{end}}

{{define "tally_visit_new"}}INSERT INTO user_days (user_key, day, n) VALUES (NEW.user_key, NEW.day, 1) ON CONFLICT (user_key, day) DO UPDATE SET n = user_days.n + 1;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_visit_new AFTER INSERT ON visits BEGIN
  {{template "tally_visit_new" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_visit_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_visit_new" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_visit_new AFTER INSERT ON visits FOR EACH ROW EXECUTE FUNCTION tally_visit_new();
{{end}}

{{define "tally_visit_gone"}}UPDATE user_days SET n = n - 1 WHERE user_key = OLD.user_key AND day = OLD.day;
  DELETE FROM user_days WHERE user_key = OLD.user_key AND day = OLD.day AND n <= 0;
  UPDATE former_members SET visits = visits - 1 WHERE account_key = OLD.account_key AND user_key = OLD.user_key;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_visit_gone AFTER DELETE ON visits BEGIN
  {{template "tally_visit_gone" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_visit_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_visit_gone" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_visit_gone AFTER DELETE ON visits FOR EACH ROW EXECUTE FUNCTION tally_visit_gone();
{{end}}

{{define "tally_day_new"}}UPDATE user_engagement SET days = days + 1 WHERE user_key = NEW.user_key;
  INSERT INTO kpi_user_days (day, active_step)
    SELECT CASE WHEN s.n = 1 THEN w.lo ELSE w.hi + 1 END, s.n FROM (
      SELECT {{.Greatest}}(NEW.day, COALESCE((SELECT MAX(o.day) + 30 FROM user_days o WHERE o.user_key = NEW.user_key AND o.day < NEW.day), 0), u.created_at / 86400000000) AS lo,
        {{.Least}}(NEW.day + 29, COALESCE((SELECT MIN(o.day) - 1 FROM user_days o WHERE o.user_key = NEW.user_key AND o.day > NEW.day), NEW.day + 29)) AS hi
      FROM users u WHERE u.key = NEW.user_key AND u.deleted_at IS NULL) w CROSS JOIN (SELECT 1 AS n UNION ALL SELECT -1) s WHERE w.lo <= w.hi
    ON CONFLICT (day) DO UPDATE SET active_step = kpi_user_days.active_step + excluded.active_step;
  INSERT INTO kpi_user_days (day, touched) SELECT u.created_at / 86400000000, 1 FROM users u
    WHERE u.key = NEW.user_key AND u.deleted_at IS NULL AND NEW.day <= u.created_at / 86400000000
    ON CONFLICT (day) DO UPDATE SET touched = kpi_user_days.touched + 1;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_day_new AFTER INSERT ON user_days BEGIN
  {{template "tally_day_new" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_day_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_day_new" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_day_new AFTER INSERT ON user_days FOR EACH ROW EXECUTE FUNCTION tally_day_new();
{{end}}

{{define "tally_day_gone"}}UPDATE user_engagement SET days = days - 1,
    last_visit_at = CASE WHEN last_visit_at / 86400000000 = OLD.day THEN {{template "lastOf" .}} ELSE last_visit_at END WHERE user_key = OLD.user_key;
  INSERT INTO kpi_user_days (day, active_step)
    SELECT CASE WHEN s.n = 1 THEN w.lo ELSE w.hi + 1 END, -s.n FROM (
      SELECT {{.Greatest}}(OLD.day, COALESCE((SELECT MAX(o.day) + 30 FROM user_days o WHERE o.user_key = OLD.user_key AND o.day < OLD.day), 0), u.created_at / 86400000000) AS lo,
        {{.Least}}(OLD.day + 29, COALESCE((SELECT MIN(o.day) - 1 FROM user_days o WHERE o.user_key = OLD.user_key AND o.day > OLD.day), OLD.day + 29)) AS hi
      FROM users u WHERE u.key = OLD.user_key AND u.deleted_at IS NULL) w CROSS JOIN (SELECT 1 AS n UNION ALL SELECT -1) s WHERE w.lo <= w.hi
    ON CONFLICT (day) DO UPDATE SET active_step = kpi_user_days.active_step + excluded.active_step;
  INSERT INTO kpi_user_days (day, touched) SELECT u.created_at / 86400000000, 1 FROM users u
    WHERE u.key = OLD.user_key AND u.deleted_at IS NULL AND OLD.day <= u.created_at / 86400000000
    ON CONFLICT (day) DO UPDATE SET touched = kpi_user_days.touched + 1;{{end}}
{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tally_day_gone AFTER DELETE ON user_days BEGIN
  {{template "tally_day_gone" .}}
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tally_day_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {{template "tally_day_gone" .}}
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tally_day_gone AFTER DELETE ON user_days FOR EACH ROW EXECUTE FUNCTION tally_day_gone();
{{end}}

