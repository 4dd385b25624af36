import { code, isPassing } from './broker-error.ts'

/**
 * What the broker's answer for one batch means:
 * - `appended`: the records are on the topic, now or by an earlier attempt.
 * - `retry`: send the same batch again; this attempt may have been appended. Also for codes that sound as if it had not: a leader that is
 *   deposed while it waits for its followers answers NOT_LEADER_OR_FOLLOWER for records that may survive (Kafka's `DelayedProduce`), and
 *   UNKNOWN_SERVER_ERROR is any fault of the broker at any point.
 * - `renew`: nothing was appended and the broker does not know this producer's sequence (any more): a new producer id is needed.
 * - `split`: nothing was appended now, and the fault lies with some of the records: try them in smaller batches, or refuse the only one.
 * - `refuse`: nothing was appended now and nothing of this batch ever will be.
 */
export type ProduceOutcome = 'appended' | 'retry' | 'renew' | 'split' | 'refuse'

const outcomes: ReadonlyMap<number, ProduceOutcome> = new Map<number, ProduceOutcome>([
  [code.NONE, 'appended'],
  [code.DUPLICATE_SEQUENCE_NUMBER, 'appended'],
  [code.UNKNOWN_SERVER_ERROR, 'retry'],
  [code.OUT_OF_ORDER_SEQUENCE_NUMBER, 'renew'],
  [code.UNKNOWN_PRODUCER_ID, 'renew'],
  [code.INVALID_PRODUCER_EPOCH, 'renew'],
  [code.INVALID_PRODUCER_ID_MAPPING, 'renew'],
  [code.PRODUCER_FENCED, 'renew'],
  [code.MESSAGE_TOO_LARGE, 'split'],
  [code.RECORD_LIST_TOO_LARGE, 'split'],
  [code.INVALID_RECORD, 'split'],
  [code.INVALID_TIMESTAMP, 'split'],
])

export function produceOutcome(errorCode: number): ProduceOutcome {
  return outcomes.get(errorCode) ?? (isPassing(errorCode) ? 'retry' : 'refuse')
}
