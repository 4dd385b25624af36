-- Why: which alerts are raised, so that a restart, or a second instance, neither raises them again nor forgets their end.
-- Locks: new objects only. Expected time: below 1 s. breaking: no. Lowest code version that may still run: 0.1.0.

create table alert (
  alert_id text primary key,
  rule text not null,
  service text not null,
  is_raised boolean not null,
  value double precision,
  threshold double precision not null,
  unit text not null,
  message text not null,
  raised_at timestamptz not null,
  recovered_at timestamptz,
  -- How often it was raised ever.
  raised_count integer not null default 1,
  event_id uuid not null,
  -- All events of one alert are one story: raised, recovered, raised again.
  correlation_id uuid not null
);
create index alert_raised on alert (raised_at desc);
