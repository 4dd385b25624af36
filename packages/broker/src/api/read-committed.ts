import { batchLastOffset, batchSizeBytes, type FetchResponseInput } from '@millrace/protocol'
import type { PartitionLog } from '../log/partition-log.ts'

/** The value of `isolationLevel` that asks for committed records alone. */
export const READ_COMMITTED = 1

type AbortedList =
  FetchResponseInput['responses'][number]['partitions'][number]['abortedTransactions']

/**
 * Every aborted transaction that the batches of a fetch answer belong to, in marker order: with it the client drops them (KIP-98). Null for
 * read_uncommitted.
 * @param records whole batches, as read from `fromOffset` on
 */
export function abortedList(
  log: PartitionLog,
  fromOffset: number,
  records: Buffer,
  isolationLevel: number,
): AbortedList {
  if (isolationLevel !== READ_COMMITTED) return null
  if (records.length === 0) return []
  return log.abortedIn(fromOffset, endOffsetOf(records)).map(({ producerId, firstOffset }) => ({
    producerId: BigInt(producerId),
    firstOffset: BigInt(firstOffset),
  }))
}

function endOffsetOf(batches: Buffer): number {
  let last = 0
  for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) last = at
  return batchLastOffset(batches, last) + 1
}
