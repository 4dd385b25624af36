-- Why: an event that is delivered again takes no effect, and nothing said so but a counter; whoever looks at it wants to know how often it
-- came and when. Kept beside the log, so that a repeat does not write the log's row, with its payload and indexes, anew.
-- Locks: new objects only. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

-- One row per (event, group) that came more than once, however often. Not archived: it goes with the day of its event.
create table consumption_repeat (
  event_id uuid not null,
  consumer_group text not null,
  -- Deliveries after the first.
  repeat_count bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  -- Where the last of them lies.
  topic text not null,
  partition_number integer not null,
  "offset" bigint not null,
  primary key (event_id, consumer_group)
) with (fillfactor = 80);
