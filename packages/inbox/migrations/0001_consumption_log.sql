-- Why: the log of consumed events (deduplication, tracking, dead letters) and the position of each consumer group.
-- Locks: new objects only. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

create sequence event_consumption_seq;

-- One row per (event, consumer group). Partitioned by the time inside the event's id, never by arrival, so that a
-- redelivery after midnight meets its first row and the primary key holds.
create table event_consumption_data (
  event_id uuid not null,
  consumer_group text not null,
  id bigint not null default nextval('event_consumption_seq'),
  service_name text not null,
  topic text not null,
  partition_number integer not null,
  "offset" bigint not null,
  event_type text not null,
  event_key text,
  correlation_id uuid,
  status text not null check (
    status in ('RECEIVED', 'PROCESSING', 'PROCESSED', 'FAILED', 'PARKED', 'SKIPPED')
  ),
  attempts smallint not null,
  max_retries smallint not null,
  received_at timestamptz not null,
  processed_at timestamptz,
  processing_time_ms real,
  updated_at timestamptz,
  next_retry_at timestamptz,
  lease_until timestamptz,
  owner text,
  replay_job uuid,
  error_class text,
  error_fingerprint text,
  error_message text,
  error_stack_trace text,
  payload text,
  metadata text,
  primary key (event_id, consumer_group)
) partition by range (event_id);

create index event_consumption_position on event_consumption_data (topic, partition_number, "offset");
create index event_consumption_correlation on event_consumption_data (correlation_id);
create index event_consumption_open on event_consumption_data (consumer_group, status, next_retry_at)
  where status in ('RECEIVED', 'PROCESSING', 'FAILED', 'PARKED');
create index event_consumption_received on event_consumption_data using brin (received_at);

-- Ids that carry no credible time: the consumer derives one of time zero for them. Days are made when they are first seen.
create table event_consumption_data_undated partition of event_consumption_data
  for values from (minvalue) to ('016f5e66-e800-0000-0000-000000000000');

-- How far a group has got and how much it has done, moved in the same transaction as its effects, fenced by the group's generation.
create table consumer_position (
  consumer_group text not null,
  topic text not null,
  partition_number integer not null,
  "offset" bigint not null,
  generation integer not null,
  processed_count bigint not null default 0,
  duplicate_count bigint not null default 0,
  skipped_count bigint not null default 0,
  failed_count bigint not null default 0,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (consumer_group, topic, partition_number)
) with (fillfactor = 50);

create view event_consumption_log as
select
  id,
  event_id::text as event_id,
  service_name,
  topic,
  partition_number,
  "offset",
  consumer_group,
  event_type,
  payload,
  status,
  greatest(attempts - 1, 0)::integer as retry_count,
  max_retries::integer as max_retries,
  processing_time_ms,
  error_message,
  error_stack_trace,
  correlation_id::text as correlation_id,
  received_at,
  processed_at,
  received_at as created_at,
  coalesce(updated_at, processed_at, received_at) as updated_at,
  metadata,
  event_key,
  attempts::integer as attempts,
  error_class,
  error_fingerprint,
  next_retry_at
from event_consumption_data;
