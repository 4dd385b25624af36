-- Why: events that wait (for their next attempt, for a re-drive, or behind an earlier event of their key) are taken from the log by the
-- consumers of their group; keys whose events wait are listed; a partition's row says whether its owner left it in good order.
-- Locks: building the two partial indexes stops writes to the log while it is read once (about 1 s per 3 million rows).
-- breaking: no. Lowest code version that may still run: 0.1.0.

-- What the payload does not hold of a record that waits or failed: JSON {"key": base64 or null, "timestampMs": n,
-- "headers": [[name, base64], ...]}. Null for rows that were handled at the first go.
alter table event_consumption_data add column record text;

-- A row is due when it is RECEIVED or PROCESSING and this time is over: of RECEIVED rows it is the time of their next attempt, of PROCESSING
-- ones the end of the lease of whoever took them from here. No row of another status has one, and none that a partition's owner handles.
create index event_consumption_due on event_consumption_data (consumer_group, next_retry_at)
  where next_retry_at is not null;

-- Keys may be longer than an index entry, hence the hash.
create index event_consumption_waiting on event_consumption_data
  (consumer_group, topic, hashtextextended(event_key, 0), "offset")
  where status in ('RECEIVED', 'PROCESSING', 'PARKED');

-- Keys with an event that waits: later events of them are PARKED until none is left. held_by is the event that was given up where a group
-- keeps keys shut until that one is mended.
create table consumption_blocked_key (
  consumer_group text not null,
  topic text not null,
  key_hash bigint not null,
  event_key text not null,
  partition_number integer not null,
  held_by uuid,
  parked_count bigint not null default 0,
  since timestamptz not null default clock_timestamp(),
  primary key (consumer_group, topic, key_hash)
) with (fillfactor = 50);

-- The member that reads the partition, null once it left it in good order. Found set by the next one: that process died.
alter table consumer_position add column open_by text;
