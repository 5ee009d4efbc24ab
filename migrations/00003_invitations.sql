-- +goose Up

-- The outbox: mail that a unit of work wrote beside its change. What a letter
-- says is sealed, since it holds one-time links, and is gone once it was sent.
CREATE TABLE mails (
  key         {{.Serial}},
  id          TEXT {{.Raw}} NOT NULL,
  kind        TEXT NOT NULL,              -- invitation, …
  email       TEXT {{.Raw}} NOT NULL,     -- the stored address, never one that was typed
  account_key BIGINT,                     -- in whose name; NULL: the environment's
  state       TEXT NOT NULL,              -- queued, sent, failed, dropped
  payload     {{.Bytes}},                 -- sealed; NULL once it is not queued any more
  created_at  BIGINT NOT NULL,
  next_at     BIGINT NOT NULL,            -- when it is tried next; while it is tried, when that is given up
  expires_at  BIGINT NOT NULL DEFAULT 0,  -- when its link dies; 0: never
  attempts    INTEGER NOT NULL DEFAULT 0,
  lease       TEXT {{.Raw}} NOT NULL DEFAULT '', -- who is trying
  reason      TEXT NOT NULL DEFAULT '',   -- why the last attempt failed
  done_at     BIGINT,
  CONSTRAINT mails_id_key UNIQUE (id)
);
CREATE INDEX mails_due ON mails (next_at, key) WHERE state = 'queued';
CREATE INDEX mails_state ON mails (state, key);
CREATE INDEX mails_account ON mails (account_key) WHERE account_key IS NOT NULL;
CREATE INDEX mails_done ON mails (done_at) WHERE done_at IS NOT NULL;

-- An invitation is open while it is neither accepted nor revoked; an expired one
-- can be sent again. The row stays for the funnel.
CREATE TABLE invitations (
  key         {{.Serial}},
  id          TEXT {{.Raw}} NOT NULL,
  account_key BIGINT NOT NULL REFERENCES accounts (key),
  user_key    BIGINT NOT NULL REFERENCES users (key),
  email       TEXT {{.Raw}} NOT NULL,     -- the address that it is bound to
  search      TEXT {{.Raw}} NOT NULL,     -- folded: address, name, account
  token_hash  {{.Bytes}} NOT NULL,
  message     TEXT NOT NULL DEFAULT '',
  invited_by_kind TEXT NOT NULL,
  invited_by_id   TEXT {{.Raw}} NOT NULL,
  invited_by      TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  sent_at     BIGINT NOT NULL,            -- when this link was made
  expires_at  BIGINT NOT NULL,
  mail_key    BIGINT,                     -- the mail that carries the link
  copied      BOOLEAN NOT NULL DEFAULT FALSE, -- the link was copied by staff, and no mail carries it
  -- A copied link proves no mailbox: who sets a password by it enters this code.
  code_hash       {{.Bytes}},
  code_expires_at BIGINT NOT NULL DEFAULT 0,
  code_tries      INTEGER NOT NULL DEFAULT 0,
  accepted_at BIGINT,
  revoked_at  BIGINT,
  CONSTRAINT invitations_id_key UNIQUE (id),
  CONSTRAINT invitations_token_hash_key UNIQUE (token_hash)
);
-- One open invitation for each user and account.
CREATE UNIQUE INDEX invitations_account_key_user_key_key ON invitations (account_key, user_key) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_open ON invitations (created_at, key) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_expires ON invitations (expires_at, key) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_user ON invitations (user_key);
CREATE INDEX invitations_created ON invitations (created_at);
CREATE INDEX invitations_mail ON invitations (mail_key) WHERE mail_key IS NOT NULL;
