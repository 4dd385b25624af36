-- Invoices of an import that take back what others sold. The orders themselves are in customer_order, with external_id.
-- Locks: share row exclusive on customer_order while the reference to it is made. Time: a few ms. breaking: no

create table invoice_cancellation (
  external_id text primary key check (char_length(external_id) between 1 and 50),
  customer_id text not null check (char_length(customer_id) between 1 and 100),
  country text,
  -- What was given back.
  total_mills bigint not null check (total_mills >= 0),
  -- The order that it takes back: as the file names it, and as it is here, where it is.
  cancels_external_id text,
  cancels_order_id bigint references customer_order,
  created_at timestamptz not null
);

create index invoice_cancellation_of_order on invoice_cancellation (cancels_order_id) where cancels_order_id is not null;

create table invoice_cancellation_line (
  external_id text not null references invoice_cancellation,
  line_no integer not null,
  sku text not null,
  quantity integer not null check (quantity > 0),
  unit_price_mills bigint not null check (unit_price_mills >= 0),
  primary key (external_id, line_no)
);
