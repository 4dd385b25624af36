import { toError } from '@millrace/core'
import { addOffsetsToTxnApi, errorCodes } from '@millrace/protocol'
import { serve } from './served-api.ts'
import { fencedBelow } from './transaction-errors.ts'

/** AddOffsetsToTxn (key 25), versions 0–4: says that a group's offsets will be committed by the transaction. Below v2 fenced is INVALID_PRODUCER_EPOCH. */
export const addOffsetsToTxn = serve({
  api: addOffsetsToTxnApi,
  versions: [0, 4],
  handle: ({ transactionalId, producerId, producerEpoch, groupId }, { broker, version }) => {
    if (groupId === '') return { errorCode: errorCodes.INVALID_GROUP_ID }
    const claim = { transactionalId, producerId: Number(producerId), producerEpoch }
    try {
      const errorCode = broker.transactions.addOffsets(claim, groupId)
      return { errorCode: fencedBelow(2, version, errorCode) }
    } catch (error) {
      broker.logger.error('offsets were not added', { transactionalId, error: toError(error) })
      return { errorCode: errorCodes.COORDINATOR_NOT_AVAILABLE }
    }
  },
})
