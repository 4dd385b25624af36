/** The tables as the requirement draws them. Both peers may share a server, never a database. */
export async function createNaiveTables(pool: {
  query(sql: string): Promise<unknown>
}): Promise<void> {
  await pool.query(`
    create table thread (id text primary key, course_id text not null, title text not null, content text not null, created_at timestamptz not null default now());
    create table outbox_events (
      id bigserial primary key,
      event_id text not null unique,
      aggregate_type text not null,
      aggregate_id text not null,
      event_type text not null,
      payload text not null,
      processed boolean not null default false,
      attempt_count int not null default 0,
      created_at timestamptz not null default now(),
      processed_at timestamptz
    );
    create index on outbox_events (processed, created_at);
    create table thread_aggregate (
      thread_id text primary key, course_id text, view_count bigint not null default 0, comment_count bigint not null default 0,
      upvotes bigint not null default 0, downvotes bigint not null default 0, updated_at timestamptz not null default now()
    );
    create table event_processed (event_id text primary key, processed_at timestamptz not null default now());
    create table event_failed (event_id text primary key, error text not null);
  `)
}
