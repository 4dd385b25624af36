-- Tables of the catalog. Locks: none, they are new. Time: at once. breaking: no

create table product (
  sku text primary key check (char_length(sku) between 1 and 50),
  name text not null check (char_length(name) between 1 and 300),
  -- Thousandths of a pound; as JSON holds it exactly.
  unit_price_mills bigint not null check (unit_price_mills between 0 and 9007199254740991),
  stock_unit text not null check (char_length(stock_unit) between 1 and 30),
  -- Version of the last event about this product; the next one has one more.
  version bigint not null default 1,
  created_at timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
  updated_at timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
  -- A removed product stays, hidden, so that its versions go on when it comes back.
  removed_at timestamptz
);
