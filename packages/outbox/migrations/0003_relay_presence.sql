-- Why: several relays share the lanes evenly, so each has to know how many there are. And the number of lanes can change.
-- Locks: none on existing tables. Expected time: below 1 s. breaking: no. Lowest code version that may still run: 0.1.0.

create table relay_presence (
  owner text primary key,
  alive_until timestamptz not null
);

-- Cuts the slots into `new_count` lanes. Nobody may lead meanwhile, and nothing may be claimed: then what is pending is what has neither
-- receipt nor issue among the rows that some lane's `prev` does not show. Those are stamped with this transaction's id, and all lanes
-- begin at this transaction's snapshot. Returns how many were pending. Epochs and batch numbers go on above all earlier ones.
create function recut_relay_lanes(new_count integer) returns bigint
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
