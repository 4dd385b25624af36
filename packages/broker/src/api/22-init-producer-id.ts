import { errorCodes, initProducerIdApi } from '@millrace/protocol'
import { serve } from './served-api.ts'

/**
 * InitProducerId (key 22), versions 0–5: a fresh id with epoch 0 for an idempotent producer, whatever id it sends. Ids are never given out
 * twice, also after a crash.
 *
 * Not served yet: transactional ids. INVALID_REQUEST is what clients give up on at once; a coordinator error would be tried again for ever.
 */
export const initProducerId = serve({
  api: initProducerIdApi,
  versions: [0, 5],
  handle: async ({ transactionalId, producerId, producerEpoch }, { broker }) => {
    const isHalfKnown = (producerId === -1n) !== (producerEpoch === -1)
    if (transactionalId !== null) {
      broker.logger.warn('transactions are not served yet', { transactionalId })
      return { errorCode: errorCodes.INVALID_REQUEST, producerId: -1n, producerEpoch: -1 }
    }
    // platformatic sends id 0 and epoch 0 for "none"; an id with an epoch is legal, one without the other is not.
    if (isHalfKnown)
      return { errorCode: errorCodes.INVALID_REQUEST, producerId: -1n, producerEpoch: -1 }
    const id = broker.producerIds.take()
    await broker.journal.durable()
    return { errorCode: errorCodes.NONE, producerId: BigInt(id), producerEpoch: 0 }
  },
})
