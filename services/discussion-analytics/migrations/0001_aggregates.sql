-- Why: the figures of threads, in all and per day, and who takes part. Needs the inbox's tables (event_processed reads its log).
-- Locks: new objects only. Expected time: under one second. breaking: no. Lowest code version that may still run: 0.1.0.

-- Sums of a thread's events. Sums alone: what is added by one event is taken back by its undo, whatever comes between.
create table thread_aggregate (
  thread_id text primary key,
  course_id text not null,
  title text,
  view_count bigint not null default 0,
  comment_count bigint not null default 0,
  upvotes bigint not null default 0,
  downvotes bigint not null default 0,
  accepts bigint not null default 0,
  favorites bigint not null default 0,
  participants integer not null default 0,
  is_deleted boolean not null default false,
  last_activity_at timestamptz not null,
  updated_at timestamptz not null default clock_timestamp()
) with (fillfactor = 70);

create index thread_aggregate_course on thread_aggregate (course_id) where not is_deleted;

-- The same sums by the UTC day on which the thing happened; an undo counts on the day of what it undoes.
create table thread_day_aggregate (
  course_id text not null,
  day date not null,
  thread_id text not null,
  view_count bigint not null default 0,
  comment_count bigint not null default 0,
  upvotes bigint not null default 0,
  downvotes bigint not null default 0,
  accepts bigint not null default 0,
  favorites bigint not null default 0,
  primary key (course_id, day, thread_id)
) with (fillfactor = 70);

-- How many posts of an author stand in a thread (the thread itself is one); who has none left takes part no more.
create table thread_participant (
  thread_id text not null,
  author_id text not null,
  posts integer not null,
  primary key (thread_id, author_id)
) with (fillfactor = 70);

-- The requirement's name for what the consumption log knows.
create view event_processed as
select event_id, processed_at
from event_consumption_log
where consumer_group = 'discussion-analytics' and status = 'PROCESSED';
