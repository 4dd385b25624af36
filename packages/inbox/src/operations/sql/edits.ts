import { PostgresError, type Queryable } from '@millrace/postgres'
import { idsOf } from '../../log-filter.ts'
import type { EditRequest } from '../types.ts'

/** An event that is to be edited, and how often it was. */
export interface EditedEvent {
  readonly payload: string | null
  /** The payload's bytes stand there in base64: the record could not be read, or its data broke the contract. */
  readonly isBase64: boolean
  readonly revision: number
  readonly lastOperationId: string | null
  /** The last edit has not come to its end. */
  readonly isEditUnderWay: boolean
}

export async function readEditedEvent(
  on: Queryable,
  schema: string,
  eventId: string,
  group: string,
): Promise<EditedEvent | undefined> {
  const found = await on.query<EditedEvent>(
    `select
       log.payload,
       coalesce(log.metadata like '%"payloadEncoding":"base64"%', false) as "isBase64",
       coalesce(edit.revision, 0) as revision,
       edit.operation_id::text as "lastOperationId",
       coalesce(item.state in ('WAITING', 'RELEASED'), false) as "isEditUnderWay"
     from ${schema}.event_consumption_data log
     left join lateral (
       select revision, operation_id
       from ${schema}.consumption_edit
       where event_id = log.event_id and consumer_group = log.consumer_group
       order by revision desc
       limit 1
     ) edit on true
     left join ${schema}.operation_item item
       on item.operation_id = edit.operation_id and item.event_id = log.event_id
     where log.event_id = any($1::uuid[]) and log.consumer_group = $2`,
    [idsOf(eventId), group],
  )
  return found.rows[0]
}

/** Keeps the new payload beside the original. False when the event was edited since, or has not failed any more. */
export async function insertEdit(
  on: Queryable,
  schema: string,
  edit: {
    readonly request: EditRequest
    readonly operationId: string
    readonly revision: number
    readonly by: string
    readonly reason: string
  },
): Promise<boolean> {
  const { request, operationId, revision, by, reason } = edit
  try {
    const inserted = await on.query(
      `insert into ${schema}.consumption_edit (
         event_id, consumer_group, revision, operation_id, original_payload, original_metadata,
         edited_payload, edited_by, reason
       )
       select event_id, consumer_group, $3, $4, payload, metadata, $5, $6, $7
       from ${schema}.event_consumption_data log
       where event_id = any($1::uuid[]) and consumer_group = $2 and status = 'FAILED'
         and $3 = 1 + coalesce((
           select max(revision)
           from ${schema}.consumption_edit
           where event_id = log.event_id and consumer_group = log.consumer_group
         ), 0)`,
      [idsOf(request.eventId), request.group, revision, operationId, request.payload, by, reason],
    )
    return inserted.rowCount === 1
  } catch (error) {
    // Two at once: the primary key is the referee.
    if (error instanceof PostgresError && error.sqlState === '23505') return false
    throw error
  }
}
