-- Why: the production side of event tracking. Insert-only tables under the view event_production_log, and the relay's cursor.
-- Locks: none on existing tables. Expected time: below 1 s. breaking: no. Lowest code version that may still run: 0.1.0.

-- CACHE 1: a cached range would hand out ids out of time order, and ids order the events of one key.
create sequence event_sequence as bigint cache 1;

-- One row an event, never updated. Partitioned by the time inside event_id (UUIDv7), one partition a UTC day.
create table event_production_data (
  event_id uuid not null,
  -- Of the writing transaction; inside a savepoint too this is the top-level one. The relay finds rows by it.
  xid xid8 not null default pg_current_xact_id(),
  id bigint not null default nextval('event_sequence'),
  -- Hash of topic and key, 0 to 15. Lane l of n lanes owns the slots with slot % n = l.
  slot smallint not null check (slot between 0 and 15),
  schema_version smallint not null,
  max_retries smallint not null,
  aggregate_version bigint,
  occurred_at timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  not_before timestamptz,
  correlation_id uuid not null,
  causation_id uuid,
  service_name text not null,
  topic text not null,
  event_key text,
  event_type text not null,
  aggregate_type text not null,
  aggregate_id text not null,
  traceparent text,
  -- The record's value, byte for byte. Never jsonb: that reorders keys, drops duplicates and changes big numbers.
  payload text not null,
  metadata text,
  primary key (event_id)
) partition by range (event_id);

alter sequence event_sequence owned by event_production_data.id;

-- The relay's: rows of transactions that a snapshot does not show.
create index event_production_data_relay on event_production_data (xid, id);
create index event_production_data_correlation on event_production_data (correlation_id);
-- UUIDv7 sorts by time, so these two are "topic and time" and "aggregate and time".
create index event_production_data_topic on event_production_data (topic, event_id);
create index event_production_data_aggregate on event_production_data (aggregate_id, event_id);

do $$
begin
  alter table event_production_data alter column payload set compression lz4;
exception
  -- A server built without lz4 keeps its default.
  when feature_not_supported then null;
end
$$;

-- The receipt of a published event, never updated. Same bounds as event_production_data.
create table event_delivery (
  event_id uuid not null,
  published_at timestamptz not null,
  batch_no bigint not null,
  "offset" bigint not null,
  partition_number integer not null,
  primary key (event_id)
) partition by range (event_id);

-- The few events that are neither plainly pending nor published: delayed or to be tried again, refused, or waiting behind a refused one.
create table event_production_issue (
  event_id uuid primary key,
  slot smallint not null,
  status text not null check (status in ('RETRY', 'FAILED', 'PARKED')),
  retry_count smallint not null default 0,
  error_code text,
  error_message text,
  next_retry_at timestamptz,
  -- The refused event of the same key that holds this one up.
  blocked_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check (status <> 'RETRY' or next_retry_at is not null),
  check (status <> 'PARKED' or blocked_by is not null)
);
create index event_production_issue_due on event_production_issue (next_retry_at) where status = 'RETRY';
create index event_production_issue_status on event_production_issue (status, event_id);
create index event_production_issue_blocked on event_production_issue (blocked_by, event_id) where blocked_by is not null;

-- Keys whose later events park until the head is mended.
create table blocked_key (
  topic text not null,
  event_key text not null,
  slot smallint not null,
  head_event_id uuid not null,
  since timestamptz not null default clock_timestamp(),
  primary key (topic, event_key)
);

-- How far each lane is. The set under way is what `target` shows and `prev` does not, in id order; `last_id` of it is done, and the
-- rows up to `upto_id` are claimed: they may or may not be on the topic.
create table relay_lane (
  lane smallint primary key check (lane between 0 and 15),
  owner text,
  epoch bigint not null default 0,
  lease_until timestamptz not null default '-infinity',
  state text not null default 'IDLE' check (state in ('IDLE', 'PUBLISHING')),
  prev pg_snapshot not null,
  target pg_snapshot,
  last_id bigint not null default 0,
  upto_id bigint not null default 0,
  batch_no bigint not null default 0,
  published_total bigint not null default 0,
  failed_total bigint not null default 0,
  attempts integer not null default 0,
  last_error text,
  -- Transaction ids mean something in one cluster only; another identifier here means that the data was restored elsewhere.
  system_identifier bigint not null,
  updated_at timestamptz not null default clock_timestamp(),
  check (state = 'IDLE' or target is not null)
) with (fillfactor = 20);

-- The smallest UUID whose time is `at`.
create function event_id_floor(at timestamptz) returns uuid
language sql immutable strict parallel safe
as $$
  select rpad(lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the partitions from yesterday to `days_ahead` days from now and returns how many were missing. Each is made standalone and then
-- attached: `create table .. partition of` would lock out every writer, `attach` does not. A lock that is not to be had within 2 s is an
-- error (55P03): there are days to try again.
create function ensure_event_partitions(days_ahead integer) returns integer
language plpgsql
set search_path from current
as $$
declare
  today constant date := (clock_timestamp() at time zone 'UTC')::date;
  parent text;
  partition_name text;
  day date;
  lower_bound uuid;
  upper_bound uuid;
  is_locked boolean := false;
  created integer := 0;
begin
  for day in select today + n from generate_series(-1, days_ahead) as n loop
    lower_bound := event_id_floor(day::timestamp at time zone 'UTC');
    upper_bound := event_id_floor((day + 1)::timestamp at time zone 'UTC');
    foreach parent in array array['event_production_data', 'event_delivery'] loop
      partition_name := parent || '_' || to_char(day, 'YYYYMMDD');
      continue when to_regclass(quote_ident(partition_name)) is not null;
      if not is_locked then
        perform pg_advisory_xact_lock(hashtextextended('millrace event partitions ' || current_schema(), 0));
        perform set_config('lock_timeout', '2s', true);
        is_locked := true;
        continue when to_regclass(quote_ident(partition_name)) is not null;
      end if;
      execute format('create table %I (like %I including all)', partition_name, parent);
      execute format(
        'alter table %I add constraint %I check (event_id >= %L and event_id < %L)',
        partition_name, partition_name || '_bounds', lower_bound, upper_bound);
      execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)',
        parent, partition_name, lower_bound, upper_bound);
      -- It spared the scan while attaching; from here on it would only cost on every insert.
      execute format('alter table %I drop constraint %I', partition_name, partition_name || '_bounds');
      created := created + 1;
    end loop;
  end loop;
  return created;
end
$$;

create function relay_system_identifier() returns bigint
language plpgsql stable
as $$
begin
  return (select system_identifier from pg_control_system());
exception
  -- Some hosted servers keep it from us; a restored database then has another oid at least, and ids from the future betray the rest.
  when insufficient_privilege then
    return (select oid::bigint from pg_database where datname = current_database());
end
$$;

-- After a restore into another cluster the stored transaction ids mean nothing. Everything without a receipt and without an issue is
-- stamped anew with this transaction's id; everything else that would look new gets an id that every snapshot shows. Then each lane
-- starts from this transaction's snapshot. Later epochs stop whoever still believes to lead.
create function rebuild_relay_cursor() returns bigint
language plpgsql
set search_path from current
as $$
declare
  own constant xid8 := pg_current_xact_id();
  now_shown constant pg_snapshot := pg_current_snapshot();
  start_from pg_snapshot;
  pending bigint;
begin
  perform lane from relay_lane order by lane for update;
  if not exists (
    select from relay_lane
    where system_identifier <> relay_system_identifier()
      or pg_snapshot_xmax(coalesce(target, prev)) > pg_snapshot_xmax(now_shown)
  ) then
    return 0;
  end if;
  update event_production_data d
  set xid = '1'
  where not pg_visible_in_snapshot(d.xid, now_shown)
    and (exists (select from event_delivery r where r.event_id = d.event_id)
      or exists (select from event_production_issue i where i.event_id = d.event_id));
  update event_production_data d
  set xid = own
  where not exists (select from event_delivery r where r.event_id = d.event_id)
    and not exists (select from event_production_issue i where i.event_id = d.event_id);
  get diagnostics pending = row_count;
  -- A snapshot does not list its own transaction among the running ones, so it is added where it lies below xmax.
  select format('%s:%s:%s', least(pg_snapshot_xmin(now_shown), own), pg_snapshot_xmax(now_shown), string_agg(x::text, ',' order by x))
  into start_from
  from (
    select pg_snapshot_xip(now_shown) as x
    union
    select own where own < pg_snapshot_xmax(now_shown)
  ) running;
  update relay_lane
  set epoch = epoch + 1, state = 'IDLE', prev = start_from, target = null, last_id = 0, upto_id = 0,
    system_identifier = relay_system_identifier(), updated_at = clock_timestamp();
  return pending;
end
$$;

-- The columns of the requirement under its names, then ours. `limit 1` keeps each side an index lookup in one partition, whatever the
-- planner believes about empty or fresh tables.
create view event_production_log as
select
  d.id,
  d.event_id,
  d.service_name,
  d.topic,
  d.event_key,
  d.event_type,
  d.payload,
  case
    when i.status = 'RETRY' and i.retry_count = 0 then 'PENDING'
    when i.status is not null then i.status
    when r.event_id is not null then 'PUBLISHED'
    when l.lane is not null then 'PUBLISHING'
    else 'PENDING'
  end as status,
  coalesce(i.retry_count, 0) as retry_count,
  d.max_retries,
  i.error_message,
  d.correlation_id,
  r.partition_number,
  r."offset",
  r.published_at,
  d.created_at,
  coalesce(i.updated_at, r.published_at, d.created_at) as updated_at,
  d.metadata,
  d.schema_version,
  d.aggregate_type,
  d.aggregate_id,
  d.aggregate_version,
  d.causation_id,
  d.traceparent,
  d.occurred_at,
  coalesce(i.next_retry_at, d.not_before) as next_retry_at,
  i.error_code,
  i.blocked_by,
  r.batch_no
from event_production_data d
left join lateral (
  select r.event_id, r.partition_number, r."offset", r.published_at, r.batch_no
  from event_delivery r
  where r.event_id = d.event_id
  limit 1
) r on true
left join lateral (
  select i.status, i.retry_count, i.error_code, i.error_message, i.next_retry_at, i.blocked_by, i.updated_at
  from event_production_issue i
  where i.event_id = d.event_id
  limit 1
) i on true
left join lateral (
  select l.lane
  from relay_lane l
  where l.state = 'PUBLISHING'
    and l.lane = d.slot % (select count(*) from relay_lane)
    and d.id > l.last_id
    and d.id <= l.upto_id
    and pg_visible_in_snapshot(d.xid, l.target)
    and not pg_visible_in_snapshot(d.xid, l.prev)
  limit 1
) l on true;

select ensure_event_partitions(7);
