import { RecordBatchBuilder, RecordColumns } from '@millrace/protocol'

/** Ends a transaction in one partition's log (KIP-98: control record). */
export interface TransactionMarker {
  readonly producerId: number
  /** At or above the epoch of the transaction's records: it fences what is below. */
  readonly producerEpoch: number
  readonly isCommit: boolean
}

const ABORT = 0
const COMMIT = 1
/** There is one coordinator and it never moves. */
const COORDINATOR_EPOCH = 0

const builder = new RecordBatchBuilder(256)
const columns = new RecordColumns()

/**
 * The marker as a batch of one control record: key `{version 0, type}`, value `{version 0, coordinator epoch}`, no sequence (Kafka:
 * EndTransactionMarker). The bytes are good until the next call.
 */
export function buildMarker(marker: TransactionMarker, timestampMs: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(marker.isCommit ? COMMIT : ABORT, 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(COORDINATOR_EPOCH, 2)
  builder.reset()
  builder.add(key, value, [], timestampMs)
  const { producerId, producerEpoch } = marker
  return builder.build({ producerId, producerEpoch, transactional: true, control: true })
}

/**
 * Whether the control batch at `at` commits (true) or aborts (false); undefined when it is no transaction marker, or an empty one, as
 * compaction may leave.
 */
export function isCommitMarker(buffer: Buffer, at: number): boolean | undefined {
  columns.read(buffer, at)
  const key = columns.count > 0 ? columns.key(0) : null
  if (key === null || key.length < 4) return undefined
  const type = key.readInt16BE(2)
  return type === COMMIT ? true : type === ABORT ? false : undefined
}
