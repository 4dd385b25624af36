/** Where an update came from, noted when it is held back and told when it leaves. */
import { noHeaders, type Headers, type RecordContext, type RecordSource } from '../record.ts'
import type { StoreContext } from './store.ts'

export const noSource: RecordSource = {
  headers: noHeaders,
  topic: undefined,
  partition: -1,
  offset: -1,
  recordTimestamp: -1,
}

/** Notes which record is under way. @param headers in place of its own */
export function noteSource(
  update: RecordSource,
  headers: Headers | undefined,
  context: StoreContext,
): void {
  if (context.noteSource) {
    context.noteSource(update)
    if (headers) update.headers = headers
    return
  }
  const { topic, partition, offset, timestamp, headers: own } = context.record
  update.topic = topic
  update.partition = partition
  update.offset = offset
  update.recordTimestamp = timestamp
  update.headers = headers ?? own
}

/** The record that an update came of, without its bytes, which would be held in memory and counted nowhere. */
export function recordOf(update: Readonly<RecordSource>): RecordContext {
  const { topic, partition, offset, recordTimestamp, headers } = update
  return {
    topic,
    partition,
    offset,
    timestamp: recordTimestamp,
    headers,
    rawKey: null,
    rawValue: null,
  }
}
