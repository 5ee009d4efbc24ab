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
