-- Why: event_consumption_due and event_consumption_unfinished serve what event_consumption_open was for, and each index costs every insert
-- the test of its condition.
-- Locks: ACCESS EXCLUSIVE on the log for a moment. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

drop index event_consumption_open;
