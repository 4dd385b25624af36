-- Threads, comments and votes, and which lines of imports have been taken.
-- Locks: none, the tables are new. Time: a few ms. breaking: no
--
-- Every write of a thread, its comments and its votes first locks the row of the thread. Under that lock counts are right, versions
-- have no gaps, and events get their place in the order of the thread.

create table thread (
  id text primary key check (char_length(id) between 1 and 100),
  course_id text not null check (char_length(course_id) between 1 and 200),
  -- Null: an import does not know who it was.
  author_id text,
  title text not null check (char_length(title) between 1 and 300),
  content text not null check (char_length(content) between 1 and 20000),
  created_at timestamptz not null,
  edited_at timestamptz,
  -- A deleted thread stays, hidden with all that is in it, so that an import does not bring it back.
  deleted_at timestamptz,
  -- Version of the last event about this thread; the next one has one more.
  version bigint not null,
  view_count bigint not null default 0,
  comment_count integer not null default 0 check (comment_count >= 0),
  -- Votes on the thread itself, not on its comments.
  upvotes integer not null default 0 check (upvotes >= 0),
  downvotes integer not null default 0 check (downvotes >= 0),
  accept_count integer not null default 0 check (accept_count >= 0),
  favorite_count integer not null default 0 check (favorite_count >= 0)
) with (fillfactor = 80); -- counters change at every view: room for heap-only updates

create index thread_newest on thread (created_at desc, id desc) where deleted_at is null;
create index thread_newest_of_course on thread (course_id, created_at desc, id desc) where deleted_at is null;

create table comment (
  id text primary key check (char_length(id) between 1 and 100),
  thread_id text not null references thread,
  -- Null: a comment on the thread itself.
  parent_id text references comment,
  kind text not null check (kind in ('answer', 'comment')),
  author_id text,
  content text not null check (char_length(content) between 1 and 20000 or deleted_at is not null),
  created_at timestamptz not null,
  edited_at timestamptz,
  -- A deleted comment loses its text and votes and stays as the place of the answers to it.
  deleted_at timestamptz,
  upvotes integer not null default 0 check (upvotes >= 0),
  downvotes integer not null default 0 check (downvotes >= 0),
  accept_count integer not null default 0 check (accept_count >= 0),
  favorite_count integer not null default 0 check (favorite_count >= 0)
) with (fillfactor = 90);

create index comment_of_thread on comment (thread_id, created_at, id);
create index comment_parent on comment (parent_id) where parent_id is not null;

create table vote (
  id text primary key,
  thread_id text not null references thread,
  -- The thread or one of its comments.
  post_id text not null,
  -- Null: anonymous, from an import.
  voter_id text,
  kind text not null check (kind in ('up', 'down', 'accept', 'favorite')),
  cast_at timestamptz not null
);

create index vote_of_post on vote (post_id);
-- One vote up or down per person and post; accepting and marking as favorite stand beside it.
create unique index vote_once on vote (post_id, voter_id) where voter_id is not null and kind in ('up', 'down');
create unique index vote_once_per_kind on vote (post_id, voter_id, kind) where voter_id is not null and kind in ('accept', 'favorite');

-- Lines of imports that took effect, so that a line is never taken twice; also those that left no row of their own (views).
create table import_line (
  line_id text primary key,
  imported_at timestamptz not null default now()
);
