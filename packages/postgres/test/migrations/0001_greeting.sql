-- Greetings of the README's example. Locks: none, the table is new. breaking: no
create table greeting (
  id bigint generated always as identity primary key,
  word text not null
);
