import { endTxnApi } from '@millrace/protocol'
import { serve } from './served-api.ts'
import { fencedBelow } from './transaction-errors.ts'

/**
 * EndTxn (key 26), versions 0–5: commits or aborts over all partitions and offsets at once, or, if it fails or the broker dies, not at all. A
 * repeated request gets the first one's answer. v5 raises the epoch and tells the new one (KIP-890, transactions v2). Below v2 fenced is
 * INVALID_PRODUCER_EPOCH.
 *
 * Other than in Apache Kafka the markers stand when the answer goes out, so the next request does not meet CONCURRENT_TRANSACTIONS.
 */
export const endTxn = serve({
  api: endTxnApi,
  versions: [0, 5],
  handle: async (request, { broker, version }) => {
    const { transactionalId, producerEpoch, committed } = request
    const claim = { transactionalId, producerId: Number(request.producerId), producerEpoch }
    const answer =
      version >= 5
        ? await broker.transactions.endAndBump(claim, committed)
        : await broker.transactions.end(claim, committed)
    return {
      errorCode: fencedBelow(2, version, answer.errorCode),
      producerId: BigInt(answer.producerId),
      producerEpoch: answer.producerEpoch,
    }
  },
})
