-- Tables of payments. Locks: none, they are new. Time: at once. breaking: no

-- Thousandths of a pound. The three figures of a customer are the sums of their movements; only sql/book-movements.ts writes either, in
-- one statement.
create table account (
  customer_id text primary key check (char_length(customer_id) between 1 and 100),
  balance_mills bigint not null default 0 check (balance_mills between 0 and 9007199254740991),
  reserved_mills bigint not null default 0 check (reserved_mills between 0 and 9007199254740991),
  spent_mills bigint not null default 0 check (spent_mills between 0 and 9007199254740991),
  updated_at timestamptz not null default clock_timestamp()
) with (fillfactor = 70); -- figures change at every order: room for heap-only updates

create table account_movement (
  id bigint generated always as identity primary key,
  customer_id text not null references account,
  kind text not null check (kind in ('OPENING', 'DEPOSIT', 'RESERVE', 'CAPTURE', 'RELEASE')),
  balance_change bigint not null,
  reserved_change bigint not null,
  spent_change bigint not null,
  -- Of RESERVE, CAPTURE, RELEASE.
  order_id bigint,
  -- Of the others, in words.
  reason text check (char_length(reason) between 1 and 200),
  -- Who booked it; null for orders and imports.
  actor_id text,
  -- Of an import's line, so that it is never taken twice.
  external_id text unique check (char_length(external_id) between 1 and 100),
  -- When it happened; of an import: when the file says.
  at timestamptz not null default clock_timestamp(),
  constraint orders_move_but_do_not_change_the_sum check (
    case
      when kind in ('RESERVE', 'CAPTURE', 'RELEASE')
        then order_id is not null and balance_change + reserved_change + spent_change = 0
      else order_id is null and balance_change >= 0 and reserved_change = 0 and spent_change = 0
    end
  )
);

create index account_movement_of_customer on account_movement (customer_id, id);
-- An order reserves, captures and releases once, whatever is delivered twice.
create unique index account_movement_once on account_movement (order_id, kind) where order_id is not null;

create table payment_reservation (
  order_id bigint primary key,
  customer_id text not null,
  total_mills bigint not null check (total_mills between 0 and 9007199254740991),
  state text not null check (
    state in ('PENDING', 'RESERVED', 'REFUSED', 'CAPTURING', 'CAPTURED', 'RELEASING', 'RELEASED', 'CLOSED')
  ),
  answer text check (answer in ('ACCEPT', 'REJECT')),
  -- Of a REJECT, as the answer says it.
  reason text,
  -- Calls of the provider since the state changed, and when the next one is due: also the lease of whoever makes one.
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default clock_timestamp(),
  last_error text,
  -- The order and what its answer is caused by; until it is answered.
  pending json,
  reserved_at timestamptz not null default clock_timestamp(),
  decided_at timestamptz
);

-- What the provider has to be asked or told.
create index payment_reservation_due on payment_reservation (next_attempt_at)
where state in ('PENDING', 'CAPTURING', 'RELEASING');

-- How the fake provider answers; one row.
create table fake_provider (
  is_only boolean primary key default true check (is_only),
  mode text not null check (mode in ('normal', 'reject', 'late', 'silent', 'fail')),
  delay_ms integer not null check (delay_ms between 0 and 600000),
  -- Share of orders that the mode concerns; the others are answered as in normal mode.
  rate double precision not null check (rate between 0 and 1)
);
insert into fake_provider (mode, delay_ms, rate) values ('normal', 30000, 1);
