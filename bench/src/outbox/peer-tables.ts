import type { Pool } from 'pg'

/** S4's production log to the letter, with its six indexes; `id` and the unique event id included. */
export async function createProductionLog(pool: Pool): Promise<void> {
  await pool.query(`
    create table event_production_log (
      id bigserial primary key,
      event_id varchar(100) not null unique,
      service_name varchar(100) not null,
      topic varchar(100) not null,
      event_key varchar(255),
      event_type varchar(100) not null,
      payload text not null,
      status varchar(50) not null,
      retry_count int not null default 0,
      max_retries int not null default 3,
      error_message text,
      correlation_id varchar(100),
      partition_number int,
      "offset" bigint,
      published_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz,
      metadata text
    );
    create index idx_prod_status_created on event_production_log (status, created_at);
    create index idx_prod_topic on event_production_log (topic, created_at);
    create index idx_prod_correlation on event_production_log (correlation_id);
    create index idx_prod_service on event_production_log (service_name, status);
  `)
}

/** Debezium's outbox table with the columns its event router looks for. */
export async function createDebeziumTable(pool: Pool, slot: string): Promise<void> {
  await pool.query(`
    create table outboxevent (
      id uuid primary key,
      aggregatetype varchar(255) not null,
      aggregateid varchar(255) not null,
      type varchar(255) not null,
      payload text not null
    );
    create publication bench_debezium for table outboxevent with (publish = 'insert');
  `)
  await pool.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
}
