-- Why: a row of receipts for up to 128 events instead of one for each: some 165 B of WAL less an event, and a hundredth of the inserts.
-- Receipts by row stay where they are and are read as before; no more are written, and no more days are made for them.
-- Locks: event_delivery for an instant where the log is empty, else none on existing tables. Expected time: below 1 s, 10 ms per day of the
-- log. breaking: no. Lowest code version that may still run: 0.1.0, for a week: so far ahead its days of event_delivery have been made.

-- The smallest id of the UTC day of an id: what the receipts of a day have in common.
create function event_day(event_id uuid) returns uuid
language sql immutable parallel safe
as $$
  select rpad(lpad(to_hex(
    ('x' || substr(event_id::text, 1, 8) || substr(event_id::text, 10, 4))::bit(48)::bigint / 86400000 * 86400000
  ), 12, '0'), 32, '0')::uuid
$$;

-- Receipts of events of one chunk and one day whose ids lie within 1,024 of each other; never updated. An event's row is found from its id:
-- the rows of its day with last_id from there to 1,023 beyond are all that can hold it, and the first of them nearly always does.
-- Not larger than what Postgres keeps in line (2 kB), so that looking one event up reads one row.
create table event_delivery_chunk (
  day_id uuid not null,
  last_id bigint not null,
  first_id bigint not null,
  batch_no bigint not null,
  published_at timestamptz not null,
  -- Less first_id, ascending; the following two are in the same order.
  relative_ids smallint[] not null,
  -- -1 where it is not known.
  offsets bigint[] not null,
  partition_numbers integer[] not null,
  primary key (day_id, last_id),
  check (last_id - first_id between 0 and 1023),
  check (cardinality(relative_ids) between 1 and 128
    and cardinality(offsets) = cardinality(relative_ids) and cardinality(partition_numbers) = cardinality(relative_ids))
) partition by range (day_id);

-- Makes the partitions from yesterday to `days_ahead` days from now, and the receipts' of all other days of the log, and returns how many
-- were missing. Each is made standalone and then attached: `create table .. partition of` would lock out every writer, `attach` does not. A
-- lock that is not to be had within 2 s is an error (55P03): there are days to try again.
create or replace function ensure_event_partitions(days_ahead integer) returns integer
language plpgsql
set search_path from current
as $$
declare
  today constant date := (clock_timestamp() at time zone 'UTC')::date;
  parent text;
  id_column text;
  partition_name text;
  day date;
  lower_bound uuid;
  upper_bound uuid;
  is_locked boolean := false;
  created integer := 0;
begin
  for day, parent, id_column in
    select today + n, t.parent, t.id_column
    from generate_series(-1, days_ahead) as n,
      (values ('event_production_data', 'event_id'), ('event_delivery_chunk', 'day_id')) as t (parent, id_column)
    union all
    -- Days that a process of an earlier version made.
    select to_date(right(d.relname, 8), 'YYYYMMDD'), 'event_delivery_chunk', 'day_id'
    from pg_class d
    where d.relnamespace = quote_ident(current_schema())::regnamespace and d.relkind = 'r' and d.relname ~ '^event_production_data_\d{8}$'
      and not exists (
        select from pg_class c
        where c.relnamespace = d.relnamespace and c.relname = 'event_delivery_chunk_' || right(d.relname, 8))
  loop
    lower_bound := event_id_floor(day::timestamp at time zone 'UTC');
    upper_bound := event_id_floor((day + 1)::timestamp at time zone 'UTC');
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
      'alter table %I add constraint %I check (%I >= %L and %I < %L)',
      partition_name, partition_name || '_bounds', id_column, lower_bound, id_column, upper_bound);
    execute format(
      'alter table %I attach partition %I for values from (%L) to (%L)',
      parent, partition_name, lower_bound, upper_bound);
    -- It spared the scan while attaching; from here on it would only cost on every insert.
    execute format('alter table %I drop constraint %I', partition_name, partition_name || '_bounds');
    created := created + 1;
  end loop;
  return created;
end
$$;

-- As in 0001, with both kinds of receipts: one by one as in the view, or all of them where most rows are asked for.
create or replace function rebuild_relay_cursor() returns bigint
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
      or exists (
        select from (
          select array_position(c.relative_ids, (d.id - c.first_id)::smallint) as place
          from event_delivery_chunk c
          where c.day_id = event_day(d.event_id) and c.last_id >= d.id and c.last_id < d.id + 1024 and c.first_id <= d.id
          order by c.last_id
          offset 0
        ) c
        where c.place is not null)
      or exists (select from event_production_issue i where i.event_id = d.event_id));
  update event_production_data d
  set xid = own
  where not exists (select from event_delivery r where r.event_id = d.event_id)
    and not exists (
      select from event_delivery_chunk c, unnest(c.relative_ids) as u (relative_id)
      where c.first_id + u.relative_id = d.id)
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

-- As in 0003, with both kinds of receipts.
create or replace function recut_relay_lanes(new_count integer) returns bigint
language plpgsql
set search_path from current
as $$
declare
  own constant xid8 := pg_current_xact_id();
  now_shown pg_snapshot;
  oldest pg_snapshot;
  start_from pg_snapshot;
  pending bigint;
  top_epoch bigint;
  top_batch bigint;
begin
  perform lane from relay_lane order by lane for update;
  if exists (select from relay_lane where lease_until > clock_timestamp()) then
    raise exception 'a relay leads a lane' using errcode = 'object_in_use';
  end if;
  if exists (select from relay_lane where target is not null and upto_id > last_id)
    or exists (select from event_production_issue where batch_no is not null)
    or exists (select from relay_lane where halted_by is not null)
    or exists (select from relay_lane where system_identifier <> relay_system_identifier())
  then
    raise exception 'a lane is not at rest' using errcode = 'object_in_use';
  end if;
  select max(epoch) + 1, max(batch_no) into top_epoch, top_batch from relay_lane;
  now_shown := pg_current_snapshot();
  -- Shows what every lane's `prev` shows.
  select format('%s:%s:%s', min(pg_snapshot_xmin(prev)::text::bigint), min(pg_snapshot_xmax(prev)::text::bigint),
    (select string_agg(distinct x::text, ',' order by x::text)
     from relay_lane l, lateral pg_snapshot_xip(l.prev) as x
     where x::text::bigint < (select min(pg_snapshot_xmax(prev)::text::bigint) from relay_lane)))
  into oldest
  from relay_lane;
  update event_production_data d
  set xid = own
  where (d.xid >= pg_snapshot_xmax(oldest) or d.xid = any(array(select pg_snapshot_xip(oldest))))
    and not exists (select from event_delivery r where r.event_id = d.event_id)
    and not exists (
      select from (
        select array_position(c.relative_ids, (d.id - c.first_id)::smallint) as place
        from event_delivery_chunk c
        where c.day_id = event_day(d.event_id) and c.last_id >= d.id and c.last_id < d.id + 1024 and c.first_id <= d.id
        order by c.last_id
        offset 0
      ) c
      where c.place is not null)
    and not exists (select from event_production_issue i where i.event_id = d.event_id);
  get diagnostics pending = row_count;
  select format('%s:%s:%s', least(pg_snapshot_xmin(now_shown), own), pg_snapshot_xmax(now_shown), string_agg(x::text, ',' order by x))
  into start_from
  from (
    select pg_snapshot_xip(now_shown) as x
    union
    select own where own < pg_snapshot_xmax(now_shown)
  ) running;
  update relay_lane
  set epoch = top_epoch, batch_no = top_batch, prev = start_from, target = null, state = 'IDLE', last_id = 0, mid_id = 0, upto_id = 0,
    owner = null, updated_at = clock_timestamp();
  -- Their totals live on in the first lane.
  update relay_lane l
  set published_total = l.published_total + gone.published, failed_total = l.failed_total + gone.failed
  from (
    select coalesce(sum(published_total), 0) as published, coalesce(sum(failed_total), 0) as failed
    from relay_lane where lane >= new_count
  ) gone
  where l.lane = 0;
  delete from relay_lane where lane >= new_count;
  insert into relay_lane (lane, epoch, batch_no, prev, system_identifier)
  select lane, top_epoch, top_batch, start_from, relay_system_identifier()
  from generate_series(0, new_count - 1) as lane
  on conflict do nothing;
  return pending;
end
$$;

-- As in 0001, with both kinds of receipts. `offset 0` fences: the place is worked out once, of rows that passed the conditions.
create or replace view event_production_log as
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
    when r.published_at is not null then 'PUBLISHED'
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
  (select c.partition_numbers[c.place] as partition_number, c.offsets[c.place] as "offset", c.published_at, c.batch_no
  from (
    select c.*, array_position(c.relative_ids, (d.id - c.first_id)::smallint) as place
    from event_delivery_chunk c
    where c.day_id = event_day(d.event_id) and c.last_id >= d.id and c.last_id < d.id + 1024 and c.first_id <= d.id
    order by c.last_id
    offset 0
  ) c
  where c.place is not null
  limit 1)
  union all
  (select r.partition_number, r."offset", r.published_at, r.batch_no
  from event_delivery r
  where r.event_id = d.event_id
  limit 1)
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

do $$
declare
  partition_name text;
begin
  if exists (select from event_production_data) or exists (select from event_delivery) then
    return;
  end if;
  for partition_name in select inhrelid::regclass::text from pg_inherits where inhparent = 'event_delivery'::regclass loop
    execute 'drop table ' || partition_name;
  end loop;
end
$$;

select ensure_event_partitions(7);
