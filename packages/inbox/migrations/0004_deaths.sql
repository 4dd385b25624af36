-- Why: one death of a process says nothing (a deployment, a machine); two without progress in between are suspicious.
-- Locks: ACCESS EXCLUSIVE on consumer_position for a moment. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

-- Where the partition stood when its reader began, and how many readers in a row died without getting on by a batch.
alter table consumer_position
  add column opened_at bigint,
  add column deaths smallint not null default 0;
