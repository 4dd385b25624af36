-- Why: searches by status and by failure are served by small indexes that hold no row of an event that went well, so that the
-- normal case writes nothing more than before. They replace event_consumption_open in nothing: that one serves the due rows.
-- Locks: SHARE on the log's partitions while the indexes are built (writers wait). Expected time: seconds per 10^6 rows, since only rows
-- that are not PROCESSED or have failed are put in. breaking: no. Lowest code version that may still run: 0.1.0.

create index event_consumption_unfinished on event_consumption_data (status, event_id, consumer_group)
  where status <> 'PROCESSED';

create index event_consumption_failure on event_consumption_data (error_fingerprint, event_id, consumer_group)
  where error_fingerprint is not null;
