-- Why: a handler that adds to what it has built (a counter, a sum) counts a replayed event twice, and the plan of a replay could not say so.
-- Locks: ACCESS EXCLUSIVE on consumption_group for a moment. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

alter table consumption_group add column is_additive boolean not null default false;
