import {
  errorCodes,
  initProducerIdApi,
  type InitProducerIdRequest,
  type InitProducerIdResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'
import { fencedBelow } from './transaction-errors.ts'

/**
 * InitProducerId (key 22), versions 0–5. Without transactional id: a fresh id with epoch 0 for an idempotent producer, whatever id it sends.
 * With one: its producer with the next epoch, which fences the one before and aborts what it left open; from v3 a producer may name
 * itself to go on after an error (KIP-360). Ids are never given out twice, also after a crash. Below v4 fenced is
 * INVALID_PRODUCER_EPOCH.
 *
 * Other than in Apache Kafka an open transaction is aborted within the call, so CONCURRENT_TRANSACTIONS is rare.
 */
export const initProducerId = serve({ api: initProducerIdApi, versions: [0, 5], handle })

async function handle(
  request: InitProducerIdRequest,
  { broker, version }: RequestContext,
): Promise<InitProducerIdResponseInput> {
  const { transactionalId, transactionTimeoutMs, producerEpoch } = request
  const producerId = Number(request.producerId)
  // An id with an epoch is legal, one without the other is not.
  if ((producerId === -1) !== (producerEpoch === -1)) return refused(errorCodes.INVALID_REQUEST)
  if (transactionalId === null) {
    const id = broker.producerIds.take()
    await broker.journal.durable()
    return { errorCode: errorCodes.NONE, producerId: BigInt(id), producerEpoch: 0 }
  }
  const claim = { transactionalId, producerId, producerEpoch }
  const answer = await broker.transactions.initProducer(claim, transactionTimeoutMs)
  if (answer.errorCode !== errorCodes.NONE)
    return refused(fencedBelow(4, version, answer.errorCode))
  return { ...answer, producerId: BigInt(answer.producerId) }
}

function refused(errorCode: number): InitProducerIdResponseInput {
  return { errorCode, producerId: -1n, producerEpoch: -1 }
}
