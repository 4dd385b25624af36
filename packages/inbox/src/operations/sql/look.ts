import type { Queryable } from '@millrace/postgres'
import { maxItems } from '../check-request.ts'
import type { OperationSample, Refusal } from '../types.ts'
import type { CandidateQuery } from './candidates.ts'

/** What a request is about: events it would touch, and those left out by why. */
export interface Looked {
  readonly count: number
  readonly sample: readonly OperationSample[]
  readonly refused: readonly {
    readonly code: Refusal['code']
    readonly count: number
    readonly eventIds: readonly string[]
  }[]
  /** Ids that were found, for requests that name them. */
  readonly foundIds: readonly string[]
}

/**
 * The order of the turns: that of each partition, so that no key's events are turned round, and one partition after the other in rounds, so
 * that none waits for another.
 */
export const turnOrder = `row_number() over (partition by topic, partition_number order by "offset"), topic, partition_number`

/** Counts no further than `maxItems` + 1. */
export async function look(
  on: Queryable,
  candidates: CandidateQuery,
  needsIds: boolean,
): Promise<Looked> {
  const found = await on.query<{
    readonly code: Refusal['code'] | null
    readonly count: number
    readonly eventIds: readonly string[]
  }>(
    `with candidate as (${candidates.text} limit ${maxItems + 1})
     select refusal as code, count(*)::integer as count,
       (array_agg(event_id::text order by event_id desc))[1:5] as "eventIds"
     from candidate
     group by refusal`,
    candidates.values,
  )
  const sample = await on.query<OperationSample>(
    `with candidate as (${candidates.text} limit ${maxItems + 1})
     select event_id::text as "eventId", topic, partition_number as "partitionNumber",
       "offset"::text as "offset", event_type as "eventType", event_key as "eventKey", status,
       error_class as "errorClass", error_message as "errorMessage", received_at as "receivedAt"
     from candidate
     where refusal is null
     order by ${turnOrder}
     limit 5`,
    candidates.values,
  )
  const ids = needsIds
    ? await on.query<{ readonly id: string }>(
        `select event_id::text as id from (${candidates.text}) candidate`,
        candidates.values,
      )
    : { rows: [] }
  return {
    count: found.rows.find((row) => row.code === null)?.count ?? 0,
    sample: sample.rows,
    refused: found.rows.flatMap(({ code, ...row }) => (code === null ? [] : [{ code, ...row }])),
    foundIds: ids.rows.map((row) => row.id),
  }
}

/** Writes the items of an operation; returns how many. */
export async function insertItems(
  on: Queryable,
  schema: string,
  operationId: string,
  candidates: CandidateQuery,
): Promise<number> {
  const id = `$${candidates.values.length + 1}`
  const inserted = await on.query(
    `with candidate as (${candidates.text} limit ${maxItems + 1})
     insert into ${schema}.operation_item (
       operation_id, position, event_id, topic, partition_number, "offset", event_type, event_key, state,
       status_before, attempts_before
     )
     select ${id}::uuid, row_number() over (order by turn, topic, partition_number), event_id, topic,
       partition_number, "offset", event_type, event_key, 'WAITING', status, attempts
     from (
       select candidate.*,
         row_number() over (partition by topic, partition_number order by "offset") as turn
       from candidate
       where refusal is null
     ) chosen`,
    [...candidates.values, operationId],
  )
  return inserted.rowCount
}
