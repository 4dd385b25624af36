-- Why: journeys by key. Most events are keyed by their aggregate, which has its index; only the others get an entry here, so writing costs
-- what it did. Search asks both (sql/search-log.ts).
-- Locks: share on event_production_data while the index is built: writers wait. Expected time: 1 s per million rows whose key is not the
-- aggregate, else a scan of the table. breaking: no. Lowest code version that may still run: 0.1.0.

create index event_production_data_key on event_production_data (event_key, event_id)
  where event_key is distinct from aggregate_id;
