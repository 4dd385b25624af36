-- The read model of orders, built from events alone: it can be dropped and built again from the topics.
-- Locks: none, the tables are new. Time: a few ms. breaking: no

create table order_view (
  order_id bigint primary key,
  customer_id text not null,
  status text not null check (status in ('NEW', 'CONFIRMED', 'REJECTED', 'ROLLBACK')),
  source text,
  total_mills bigint not null,
  user_check text,
  items jsonb not null,
  -- Of ORDER_CREATED; of an order whose end came first, that of the end.
  created_at timestamptz not null,
  decided_at timestamptz
) with (fillfactor = 85);

create index order_view_newest on order_view (created_at desc, order_id desc);
create index order_view_of_customer on order_view (customer_id, created_at desc, order_id desc);
create index order_view_of_status on order_view (status, created_at desc, order_id desc);

-- Answers of payments and stock. They travel on topics of their own, so they may be here before the order is.
create table order_answer (
  order_id bigint not null,
  side text not null check (side in ('PAYMENT', 'INVENTORY')),
  answer text not null check (answer in ('ACCEPT', 'REJECT')),
  reason text,
  answered_at timestamptz not null,
  primary key (order_id, side)
);

create table customer (
  customer_id text primary key,
  -- Null: the account was removed.
  name text,
  country text
);

-- How far the model is: the newest event of `order-events` by its own time.
create table read_progress (
  id boolean primary key default true check (id),
  as_of timestamptz not null
);
