-- Why: answers to requests that carry an Idempotency-Key, so that a repeat gets the first one's answer and takes no effect.
-- Locks: new objects only. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

create table http_idempotency (
  -- Whose key it is: method, route and user.
  scope text not null,
  key text not null,
  -- Hash of the request: the same key with another request is a mistake of the client.
  fingerprint text not null,
  status smallint not null,
  -- JSON
  headers text not null,
  body text,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  primary key (scope, key)
);

create index http_idempotency_expiry on http_idempotency (expires_at);
