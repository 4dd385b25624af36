import type { Queryable } from '@millrace/postgres'
import type { SqlNames } from '../sql-names.ts'
import type { ProductionStatus } from './find-events.ts'

/** How many events of a service and topic have a status. */
export interface ProductionCount {
  readonly service: string
  readonly topic: string
  readonly status: ProductionStatus
  readonly count: number
}

export interface CountWindow {
  readonly counts: readonly ProductionCount[]
  readonly scannedRows: number
  readonly scannedFloor: string | null
}

/**
 * Counts the newest `scanRows` events of a range of ids, floor inclusive, ceiling exclusive. The status is the view's, told from the row's own
 * lane instead of its receipt: a row that its lane has done and that has no issue is published. That spares two look-ups a row:
 * 100,000 rows take 0.65 s instead of 2.2 s (a busy 2-core machine).
 */
export function countWindow(names: SqlNames) {
  const statement = names.statement(
    'count_window',
    `with lane as materialized (
       select l.*, (select count(*) from ${names.prefix}relay_lane) as lane_count from ${names.prefix}relay_lane l
     ), newest as (
       select event_id, xid, id, slot, service_name, topic
       from ${names.prefix}event_production_data
       where event_id >= $1::uuid and event_id < $2::uuid
       order by event_id desc
       limit $3::int
     ), scanned as materialized (
       select d.event_id, d.service_name, d.topic,
         case
           when i.status = 'RETRY' and i.retry_count = 0 then 'PENDING'
           when i.status is not null then i.status
           when pg_visible_in_snapshot(d.xid, l.prev) then 'PUBLISHED'
           when l.target is null or not pg_visible_in_snapshot(d.xid, l.target) then 'PENDING'
           when d.id <= l.last_id then 'PUBLISHED'
           when l.state = 'PUBLISHING' and d.id <= l.upto_id then 'PUBLISHING'
           else 'PENDING'
         end as status
       from newest d
       left join lane l on l.lane = d.slot % l.lane_count
       left join ${names.prefix}event_production_issue i on i.event_id = d.event_id
     )
     select
       coalesce((
         select json_agg(json_build_object('service', service_name, 'topic', topic, 'status', status, 'count', count))
         from (select service_name, topic, status, count(*) from scanned group by service_name, topic, status) c
       ), '[]') as counts,
       (select count(*)::int from scanned) as "scannedRows",
       (select event_id from scanned order by event_id limit 1) as "scannedFloor"`,
  )
  return async (
    on: Queryable,
    idFloor: string,
    idCeiling: string,
    scanRows: number,
  ): Promise<CountWindow> => {
    const found = await on.query<CountWindow>(statement, [idFloor, idCeiling, scanRows])
    return found.rows[0] ?? { counts: [], scannedRows: 0, scannedFloor: null }
  }
}
