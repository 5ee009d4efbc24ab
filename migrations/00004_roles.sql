-- +goose Up

-- A role belongs to the environment or to one account. Its handle, which pages
-- call its key, is unique among those of the environment, and among those of
-- each account; that the two never meet is held by who writes.
ALTER TABLE roles ADD COLUMN id TEXT {{.Raw}} NOT NULL DEFAULT '';
ALTER TABLE roles ADD COLUMN account_key BIGINT REFERENCES accounts (key);
ALTER TABLE roles ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE roles ADD COLUMN deleted_at BIGINT;
UPDATE roles SET id = handle;
CREATE UNIQUE INDEX roles_id_key ON roles (id);
CREATE UNIQUE INDEX roles_handle_key ON roles (handle) WHERE account_key IS NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX roles_account_key_handle_key ON roles (account_key, handle) WHERE account_key IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX roles_account ON roles (account_key, key) WHERE account_key IS NOT NULL;
-- What is in the bin is little beside the rest.
CREATE INDEX memberships_uncounted ON memberships (key) WHERE counted_at IS NULL;

-- What a deleted role was replaced by, and whom it was taken from: its deletion
-- can be undone for 30 days. left_with are the keys of the roles that the
-- membership had right after, by which a later change of them is told.
ALTER TABLE roles ADD COLUMN deletion_id TEXT {{.Raw}};
ALTER TABLE roles ADD COLUMN replaced_by BIGINT;
CREATE INDEX roles_bin ON roles (deleted_at, key) WHERE deleted_at IS NOT NULL;
CREATE TABLE replaced_roles (
  role_key       BIGINT NOT NULL REFERENCES roles (key),
  membership_key BIGINT NOT NULL,
  gained         BOOLEAN NOT NULL, -- it did not have the other role before
  left_with      TEXT {{.Raw}} NOT NULL,
  PRIMARY KEY (role_key, membership_key)
) {{.ByKey}};
