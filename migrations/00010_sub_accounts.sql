-- +goose Up

-- Where an account lies: the keys of those above it, the highest first, each
-- followed by a slash; '' at the top. All below an account have a path from its
-- own path, its key and a slash on. The engine keeps it, whoever writes.
ALTER TABLE accounts ADD COLUMN path TEXT {{.Raw}} NOT NULL DEFAULT '';
-- Whether new memberships come with access to what lies below: '', on, always.
ALTER TABLE accounts ADD COLUMN sub_access TEXT NOT NULL DEFAULT '';
-- Whether it has laid down a policy: those below somebody's accounts are looked
-- for with each request.
ALTER TABLE accounts ADD COLUMN has_policy BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX accounts_path ON accounts (path, deleted_at) WHERE parent_key IS NOT NULL;
CREATE INDEX accounts_always ON accounts (key) WHERE sub_access = 'always';
CREATE INDEX accounts_path_policy ON accounts (path) WHERE parent_key IS NOT NULL AND has_policy;

-- Access to all that lies below the account of a membership. One that was
-- revoked is no more here; the trail knows it.
CREATE TABLE grants (
  membership_key BIGINT NOT NULL PRIMARY KEY REFERENCES memberships (key) ON DELETE CASCADE,
  granted_at     BIGINT NOT NULL,
  granted_by     TEXT NOT NULL,           -- name of who gave it
  reason         TEXT NOT NULL DEFAULT '',
  ends_at        BIGINT NOT NULL DEFAULT 0 -- 0: not by itself
);
CREATE INDEX grants_ends ON grants (ends_at) WHERE ends_at > 0;

-- The access that a membership had which was taken away: it comes back with it.
CREATE TABLE resting_grants (
  account_key BIGINT NOT NULL,
  user_key    BIGINT NOT NULL,
  granted_at  BIGINT NOT NULL,
  granted_by  TEXT NOT NULL,
  reason      TEXT NOT NULL,
  ends_at     BIGINT NOT NULL,
  rests_at    BIGINT NOT NULL, -- from when on
  PRIMARY KEY (account_key, user_key)
) {{.ByKey}};
CREATE INDEX resting_grants_user ON resting_grants (user_key);
CREATE INDEX resting_grants_at ON resting_grants (rests_at);

{{if .SQLite}}
-- +goose StatementBegin
CREATE TRIGGER tree_new AFTER INSERT ON accounts WHEN NEW.parent_key IS NOT NULL BEGIN
  UPDATE accounts SET path = (SELECT p.path || p.key || '/' FROM accounts p WHERE p.key = NEW.parent_key) WHERE key = NEW.key;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tree_moved AFTER UPDATE OF parent_key ON accounts WHEN NEW.parent_key IS NOT OLD.parent_key BEGIN
  SELECT RAISE(ABORT, 'an account cannot lie below itself') WHERE NEW.parent_key = NEW.key OR EXISTS (SELECT 1 FROM accounts p
    WHERE p.key = NEW.parent_key AND p.path >= OLD.path || OLD.key || '/' AND p.path < OLD.path || OLD.key || '0');
  UPDATE accounts SET path = COALESCE((SELECT p.path || p.key || '/' FROM accounts p WHERE p.key = NEW.parent_key), '') || NEW.key || '/'
    || substr(path, length(OLD.path || OLD.key || '/') + 1)
    WHERE parent_key IS NOT NULL AND path >= OLD.path || OLD.key || '/' AND path < OLD.path || OLD.key || '0';
  UPDATE accounts SET path = COALESCE((SELECT p.path || p.key || '/' FROM accounts p WHERE p.key = NEW.parent_key), '') WHERE key = NEW.key;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER policies_new AFTER INSERT ON policies WHEN NEW.account_key <> 0 BEGIN
  UPDATE accounts SET has_policy = TRUE WHERE key = NEW.account_key;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER policies_gone AFTER DELETE ON policies WHEN OLD.account_key <> 0 BEGIN
  UPDATE accounts SET has_policy = FALSE WHERE key = OLD.account_key;
END;
-- +goose StatementEnd
-- What makes access by grant narrower ends what a process knows of visits.
-- +goose StatementBegin
CREATE TRIGGER grants_changed AFTER UPDATE ON grants BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER grants_gone AFTER DELETE ON grants BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reach_changed AFTER UPDATE OF parent_key, is_reseller, sub_access ON accounts
WHEN NEW.parent_key IS NOT OLD.parent_key OR NEW.is_reseller IS NOT OLD.is_reseller OR NEW.sub_access <> OLD.sub_access
BEGIN
  UPDATE identities SET version = version + 1;
END;
-- +goose StatementEnd
{{else}}
-- +goose StatementBegin
CREATE FUNCTION tree_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE accounts SET path = (SELECT p.path || p.key || '/' FROM accounts p WHERE p.key = NEW.parent_key) WHERE key = NEW.key;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tree_new AFTER INSERT ON accounts FOR EACH ROW WHEN (NEW.parent_key IS NOT NULL) EXECUTE FUNCTION tree_new();
-- +goose StatementBegin
CREATE FUNCTION tree_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  above TEXT := COALESCE((SELECT p.path || p.key || '/' FROM accounts p WHERE p.key = NEW.parent_key), '');
  was TEXT := (SELECT path || key || '/' FROM accounts WHERE key = NEW.key);
  until TEXT := (SELECT path || key || '0' FROM accounts WHERE key = NEW.key);
BEGIN
  IF NEW.parent_key = NEW.key OR starts_with(above, was) THEN RAISE EXCEPTION 'an account cannot lie below itself'; END IF;
  UPDATE accounts SET path = above || NEW.key || '/' || substr(path, length(was) + 1) WHERE parent_key IS NOT NULL AND path >= was AND path < until;
  UPDATE accounts SET path = above WHERE key = NEW.key;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tree_moved AFTER UPDATE OF parent_key ON accounts FOR EACH ROW
  WHEN (NEW.parent_key IS DISTINCT FROM OLD.parent_key) EXECUTE FUNCTION tree_moved();
-- +goose StatementBegin
CREATE FUNCTION policies_laid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'INSERT' THEN UPDATE accounts SET has_policy = TRUE WHERE key = NEW.account_key;
  ELSE UPDATE accounts SET has_policy = FALSE WHERE key = OLD.account_key; END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER policies_laid AFTER INSERT OR DELETE ON policies FOR EACH ROW EXECUTE FUNCTION policies_laid();
CREATE TRIGGER grants_changed AFTER UPDATE OR DELETE ON grants FOR EACH STATEMENT EXECUTE FUNCTION identities_changed();
CREATE TRIGGER reach_changed AFTER UPDATE OF parent_key, is_reseller, sub_access ON accounts FOR EACH ROW
  WHEN (NEW.parent_key IS DISTINCT FROM OLD.parent_key OR NEW.is_reseller <> OLD.is_reseller OR NEW.sub_access <> OLD.sub_access) EXECUTE FUNCTION identities_changed();
{{end}}
