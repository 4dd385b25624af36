-- Why: publishing refused events again, many at once, as an operation that is planned, confirmed, paced and written down. The events stand in the
-- databases of their services; what was asked for, and what became of each, stands here.
-- Locks: new objects only. Expected time: below 1 s. breaking: no. Lowest code version that may still run: 0.1.0.

create table republish (
  id uuid primary key,
  service text not null,
  state text not null check (state in ('PLANNED', 'CONFIRMED', 'RUNNING', 'PAUSED', 'DONE', 'CANCELLED')),
  request text not null,
  plan text not null,
  rate_per_second double precision not null,
  total integer not null default 0,
  waiting integer not null default 0,
  released integer not null default 0,
  done integer not null default 0,
  failed integer not null default 0,
  skipped integer not null default 0,
  cancelled integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamptz not null,
  confirmed_at timestamptz,
  confirmed_by text,
  reason text,
  started_at timestamptz,
  ended_at timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  -- The instance that carries it out, and until when it may be silent.
  owner text,
  lease_until timestamptz
);
create index republish_open on republish (id) where state in ('CONFIRMED', 'RUNNING', 'PAUSED');
create index republish_planned on republish (created_by, expires_at) where state = 'PLANNED';

create table republish_item (
  operation_id uuid not null references republish on delete cascade,
  -- From 1, the order of the turns.
  position integer not null,
  event_id uuid not null,
  -- Of the log that holds it.
  schema_name text not null,
  topic text not null,
  event_type text not null,
  event_key text,
  state text not null check (state in ('WAITING', 'RELEASED', 'DONE', 'FAILED', 'SKIPPED', 'CANCELLED')),
  status_before text not null,
  -- Attempts that had been refused: one more tells that it was refused again.
  attempts_before integer not null,
  partition_number integer,
  "offset" text,
  released_at timestamptz,
  ended_at timestamptz,
  error_class text,
  note text,
  primary key (operation_id, position)
);
create index republish_item_open on republish_item (operation_id, position) where state in ('WAITING', 'RELEASED');

create table republish_audit (
  operation_id uuid not null references republish on delete cascade,
  position integer generated always as identity,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  action text not null,
  reason text,
  details text not null,
  primary key (operation_id, position)
);
