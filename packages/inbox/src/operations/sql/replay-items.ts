import type { Queryable } from '@millrace/postgres'
import type { RecordColumns } from '../../stored-record.ts'

/** An event whose turn it is to be replayed, as the log of its source has it. */
export interface ReplayItem extends RecordColumns {
  readonly position: number
  /** null: the row is no longer in the log. */
  readonly sourceStatus: string | null
  /** What the group it is replayed into has done with it; null when it never met it. */
  readonly targetStatus: string | null
  readonly receivedAt: Date
}

/** The next items of one partition, in its order. */
export async function nextReplayItems(
  on: Queryable,
  schema: string,
  operation: {
    readonly id: string
    readonly source: string
    readonly target: string
    readonly limit: number
  },
): Promise<readonly ReplayItem[]> {
  const found = await on.query<ReplayItem>(
    `select item.position, item.event_id::text as id, item.topic, item.partition_number as partition,
       item."offset", item.event_key as "eventKey", log.payload, log.metadata, log.record,
       log.status as "sourceStatus", target.status as "targetStatus",
       coalesce(log.received_at, clock_timestamp()) as "receivedAt"
     from ${schema}.operation_item item
     left join ${schema}.event_consumption_data log
       on log.event_id = item.event_id and log.consumer_group = $2
     left join ${schema}.event_consumption_data target
       on target.event_id = item.event_id and target.consumer_group = $3
     where item.operation_id = $1
       and item.state = 'WAITING'
       and (item.topic, item.partition_number) = (
         select topic, partition_number
         from ${schema}.operation_item
         where operation_id = $1 and state = 'WAITING'
         order by position
         limit 1
       )
     order by item.position
     limit $4`,
    [operation.id, operation.source, operation.target, operation.limit],
  )
  return found.rows
}

/** Items that were begun and never ended: whoever did so died. */
export async function endCutShort(
  tx: Queryable,
  schema: string,
  operationId: string,
  note: string,
): Promise<number> {
  const ended = await tx.query(
    `update ${schema}.operation_item
     set state = 'FAILED', ended_at = clock_timestamp(), note = $2
     where operation_id = $1 and state = 'RELEASED'`,
    [operationId, note],
  )
  return ended.rowCount
}
