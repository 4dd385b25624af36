-- Why: operators' acts on events (re-drive, replay, edit) as rows that a consumer of their group carries out, item by item, whatever
-- is killed meanwhile; who asked for them and why; which groups there are and what their handlers do outside the database.
-- Locks: new objects only. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

-- Written by each consumer: whoever plans an operation is another process and must know what the handler may do.
create table consumption_group (
  consumer_group text primary key,
  service_name text not null,
  topics text[] not null,
  effects text not null check (effects in ('none', 'idempotent', 'external')),
  -- Its events come from replays alone.
  is_shadow boolean not null,
  seen_at timestamptz not null
);

create table operation (
  id uuid primary key,
  kind text not null check (kind in ('redrive', 'replay', 'edit')),
  consumer_group text not null,
  state text not null check (state in ('PLANNED', 'CONFIRMED', 'RUNNING', 'PAUSED', 'DONE', 'CANCELLED')),
  -- JSON: what was asked for, and what the plan found.
  request text not null,
  plan text not null,
  rate_per_second real not null check (rate_per_second > 0),
  total integer not null default 0,
  waiting_count integer not null default 0,
  -- Made due, or begun, and not ended.
  released_count integer not null default 0,
  done_count integer not null default 0,
  failed_count integer not null default 0,
  skipped_count integer not null default 0,
  cancelled_count integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamptz not null,
  confirmed_at timestamptz,
  confirmed_by text,
  reason text,
  started_at timestamptz,
  ended_at timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  -- The consumer that carries it out; every write of that one names its epoch.
  owner text,
  epoch integer not null default 0,
  lease_until timestamptz
);

-- What consumers of a group look for.
create index operation_open on operation (consumer_group, created_at)
  where state in ('CONFIRMED', 'RUNNING') or released_count > 0;

create table operation_item (
  operation_id uuid not null references operation (id) on delete cascade,
  -- The order they are carried out in: that of their partitions, so that no key's events are turned round.
  position integer not null,
  event_id uuid not null,
  topic text not null,
  partition_number integer not null,
  "offset" bigint not null,
  event_type text not null,
  event_key text,
  state text not null check (state in ('WAITING', 'RELEASED', 'DONE', 'FAILED', 'SKIPPED', 'CANCELLED')),
  -- What the row of the log was before.
  status_before text not null,
  attempts_before smallint not null,
  released_at timestamptz,
  ended_at timestamptz,
  run_ms real,
  error_class text,
  -- Why it failed or was left out.
  note text,
  primary key (operation_id, position)
);

create unique index operation_item_event on operation_item (operation_id, event_id);
create index operation_item_released on operation_item (operation_id) where state = 'RELEASED';
-- The way from an event to what was done with it.
create index operation_item_of_event on operation_item (event_id);

create table operation_audit (
  id bigint generated always as identity primary key,
  operation_id uuid not null references operation (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  action text not null check (action in ('plan', 'confirm', 'pause', 'resume', 'cancel', 'rate')),
  reason text,
  -- JSON
  details text
);

create index operation_audit_operation on operation_audit (operation_id, id);

-- Payloads that were changed before a new attempt, with what they were: revision 1 is the first change.
create table consumption_edit (
  event_id uuid not null,
  consumer_group text not null,
  revision integer not null,
  operation_id uuid not null references operation (id),
  original_payload text,
  original_metadata text,
  edited_payload text not null,
  edited_at timestamptz not null default clock_timestamp(),
  edited_by text not null,
  reason text not null,
  primary key (event_id, consumer_group, revision)
);
