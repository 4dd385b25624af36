-- Tables of stock. Locks: none, they are new. Time: at once. breaking: no

-- The three figures of a sku are the sums of its movements; only sql/book-movements.ts writes either, in one statement.
create table stock_item (
  sku text primary key check (char_length(sku) between 1 and 50),
  on_hand bigint not null default 0 check (on_hand between 0 and 9007199254740991),
  reserved bigint not null default 0 check (reserved between 0 and 9007199254740991),
  sold bigint not null default 0 check (sold between 0 and 9007199254740991),
  updated_at timestamptz not null default clock_timestamp()
) with (fillfactor = 70); -- figures change at every order: room for heap-only updates

create table stock_movement (
  id bigint generated always as identity primary key,
  sku text not null references stock_item,
  kind text not null check (kind in ('OPENING', 'RECEIVE', 'ADJUST', 'RESERVE', 'TAKE', 'RELEASE')),
  on_hand_change bigint not null,
  reserved_change bigint not null,
  sold_change bigint not null,
  -- Of RESERVE, TAKE, RELEASE.
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
      when kind in ('RESERVE', 'TAKE', 'RELEASE')
        then order_id is not null and on_hand_change + reserved_change + sold_change = 0
      else order_id is null and reserved_change = 0 and sold_change = 0
    end
  )
);

create index stock_movement_of_sku on stock_movement (sku, id);
-- An order reserves, takes and releases each sku once, whatever is delivered twice.
create unique index stock_movement_once on stock_movement (order_id, kind, sku) where order_id is not null;

create table stock_reservation (
  order_id bigint primary key,
  state text not null check (state in ('RESERVED', 'REFUSED', 'TAKEN', 'RELEASED', 'CLOSED')),
  -- Of REFUSED, as the answer says it.
  reason text,
  reserved_at timestamptz not null default clock_timestamp(),
  decided_at timestamptz
);

-- What the Lab makes this service do wrong; one row.
create table stock_fault (
  is_only boolean primary key default true check (is_only),
  mode text not null check (mode in ('normal', 'reject', 'silent'))
);
insert into stock_fault (mode) values ('normal');
