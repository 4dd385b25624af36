-- What the file of an import says beside its orders: number and country of their invoices, and invoices that take others back.
-- Locks: access exclusive on order_view for a moment, no row is touched. Time: a few ms. breaking: no

alter table order_view
  -- Both of orders of an import alone.
  add column external_id text,
  add column country text;

create table cancellation_view (
  cancellation_id bigint primary key,
  external_id text not null,
  customer_id text not null,
  country text,
  total_mills bigint not null,
  items jsonb not null,
  -- The order it takes back: as the file names it, and where it is here.
  cancels_external_id text,
  cancels_order_id bigint,
  created_at timestamptz not null
);

create index cancellation_view_newest on cancellation_view (created_at desc, cancellation_id desc);
create index cancellation_view_of_customer on cancellation_view (customer_id, created_at desc, cancellation_id desc);
create index cancellation_view_of_order on cancellation_view (cancels_order_id) where cancels_order_id is not null;
