import { toError, type Logger } from '@millrace/core'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Topics } from '../topics/topics.ts'
import type { Transaction } from './transaction.ts'

/**
 * Every open transaction of a log must have an owner, or it would hold the last stable offset for ever. A power cut may have taken the
 * record that a partition joined, or that the transaction began at all, since nobody waits for these to be synced: the log proves it, and
 * the partition joins again. What no producer of today wrote is aborted. What is decided and could not be completed yet is left alone.
 * @param adopt adds the partition to its transaction, which begins where it has not
 */
export function settleOpenTransactions(
  transactions: Iterable<Transaction>,
  { topics, logger }: { readonly topics: Topics; readonly logger: Logger },
  adopt: (owner: Transaction, topicId: string, partition: number) => void,
): void {
  const owners = new Map<number, Transaction>()
  for (const transaction of transactions) {
    owners.set(transaction.producerId, transaction)
    if (transaction.end !== undefined) owners.set(transaction.end.producer[0], transaction)
  }
  for (const topic of topics.all) {
    for (const [partition, log] of topic.partitions.entries()) {
      for (const { producerId, producerEpoch, firstOffset } of log.openTransactions) {
        const owner = owners.get(producerId)
        if (owner !== undefined && isDecided(owner, topic.id, partition, firstOffset)) continue
        if (owner?.producerEpoch !== producerEpoch || owner.isEnding)
          abort(log, producerId, producerEpoch, logger)
        else if (!owner.has(topic.id, partition)) adopt(owner, topic.id, partition)
      }
    }
  }
}

/** True for the transaction that was decided; what the producer began after that is another one. */
function isDecided(
  { end }: Transaction,
  topicId: string,
  partition: number,
  firstOffset: number,
): boolean {
  return (
    end?.partitions.some(
      ([id, index, endOffset]) => id === topicId && index === partition && firstOffset < endOffset,
    ) ?? false
  )
}

function abort(log: PartitionLog, producerId: number, producerEpoch: number, logger: Logger): void {
  const { directory } = log
  logger.warn('a transaction that nobody knows is aborted', { directory, producerId })
  try {
    log.appendMarker({ producerId, producerEpoch, isCommit: false })
  } catch (error) {
    const fields = { directory, producerId, error: toError(error) }
    logger.error('it could not be aborted and holds up committed readers', fields)
  }
}
