-- People, their sessions, the keys that sign access tokens, and how often somebody tried to sign in.
-- Locks: none, the tables are new. Time: a few ms. breaking: no
--
-- Times of sessions, tokens, keys and tries come from the service's clock, which also stamps the tokens: one clock decides what has expired.

create table person (
  id text primary key check (char_length(id) between 1 and 100),
  name text not null check (char_length(name) between 1 and 200),
  -- As it was written. Null: of an import, a demo, or removed.
  email text check (char_length(email) <= 254),
  -- The same in the spelling by which equal addresses are found.
  email_key text,
  roles text[] not null check (roles <@ array['customer', 'staff', 'admin']),
  country text check (char_length(country) <= 100),
  -- Scheme, parameters, salt and hash in one text. Null: cannot sign in.
  password_hash text,
  source text not null check (source in ('registered', 'imported', 'demo', 'configured')),
  created_at timestamptz not null,
  -- Who was removed stays, without name, address and password, so that an import does not bring them back.
  deleted_at timestamptz,
  -- Version of the last event about this person; the next one has one more.
  version bigint not null,
  check (deleted_at is null or (email is null and email_key is null and password_hash is null))
);
create unique index person_of_email on person (email_key) where email_key is not null;
create index person_newest on person (created_at desc, id desc) where deleted_at is null;

-- One sign-in and all tokens that follow from it.
create table session (
  id uuid primary key,
  person_id text not null references person,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_because text check (ended_because in ('signed-out', 'token-reused', 'password-changed', 'removed')),
  check ((ended_at is null) = (ended_because is null))
);
create index session_of_person on session (person_id) where ended_at is null;
create index session_by_end on session (expires_at);

-- Only hashes: who reads this table can refresh nothing.
create table refresh_token (
  hash bytea primary key,
  session_id uuid not null references session on delete cascade,
  expires_at timestamptz not null,
  -- A token is good once; a used one stays so that its second use is noticed.
  used_at timestamptz
);
create index refresh_token_of_session on refresh_token (session_id);

create table signing_key (
  kid text primary key,
  -- PKCS #8, DER.
  private_key bytea not null,
  created_at timestamptz not null
);

-- Leaky buckets of tries: `level` runs out with time. Subjects are hashes of an address of mail or of the network.
create table try_bucket (
  subject bytea primary key,
  level double precision not null,
  is_taken boolean not null,
  updated_at timestamptz not null
);
create index try_bucket_by_age on try_bucket (updated_at);
