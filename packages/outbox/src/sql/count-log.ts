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

/** Counts the newest `scanRows` events of a range of ids, floor inclusive, ceiling exclusive. */
export function countWindow(names: SqlNames) {
  const statement = names.statement(
    'count_window',
    `with scanned as materialized (
       select v.event_id, v.service_name, v.topic, v.status
       from ${names.prefix}event_production_log v
       where v.event_id >= $1::uuid and v.event_id < $2::uuid
       order by v.event_id desc
       limit $3::int
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
