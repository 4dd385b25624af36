-- Why: what became of the days of a log that were archived (src/day-partitions). Installed beside the log's own tables.
-- Locks: none on existing tables. Expected time: below 1 s. breaking: no. Lowest code version that may still run: 0.1.0.

create table archived_day (
  day date not null,
  -- The partitioned table that the day belongs to.
  table_name text not null,
  -- Rows that came to a day after it had been archived are a further part of it.
  part smallint not null check (part > 0),
  -- STARTED: under way; its rows are where the catalog says. ARCHIVED: in the file alone. RESTORED: in the file and attached again.
  -- SUPERSEDED: a later part, written after a restore, holds its rows as well.
  state text not null check (state in ('STARTED', 'ARCHIVED', 'RESTORED', 'SUPERSEDED')),
  directory text not null,
  file text not null,
  -- Of the file, in the order in which it holds them.
  columns text[],
  row_count bigint,
  size_bytes bigint,
  -- Of the file's bytes, hexadecimal.
  sha256 text,
  started_at timestamptz not null default clock_timestamp(),
  archived_at timestamptz,
  restored_at timestamptz,
  primary key (day, table_name, part),
  check (state = 'STARTED' or (columns is not null and row_count is not null and sha256 is not null and archived_at is not null))
);
