import { toError } from '@millrace/core'
import { limits } from '../limits.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Transaction } from './transaction.ts'
import type { TransactionContext } from './transaction-context.ts'
import type {
  ProducerIdAndEpoch,
  TransactionEnd,
  TransactionRecord,
} from './transaction-records.ts'
import { TransactionState } from './transaction-state.ts'

export interface EndPlan {
  readonly isCommit: boolean
  /** The epoch of the markers. */
  readonly markerEpoch: number
  /** The producer from then on, and what it had before. */
  readonly producer: ProducerIdAndEpoch
  readonly last: ProducerIdAndEpoch
}

/**
 * Ends transactions so that all of one takes effect or nothing, whatever happens in between:
 *
 * 1. where a power cut counts (`group`), a committed transaction's records are synced, so that nothing decided can lose its records;
 * 2. one journal record decides: who dies before it has an open transaction, who dies after it repeats the rest at the next start;
 * 3. the decision is synced before anything of it can be seen;
 * 4. every partition gets its marker, every group its offsets. In `os` and `always` 2 to 4 are one step that nothing interrupts.
 */
export class TransactionEnding {
  readonly #context: TransactionContext
  #isClosed = false

  constructor(context: TransactionContext) {
    this.#context = context
  }

  close(): void {
    this.#isClosed = true
  }

  /**
   * Resolves when the end may be acknowledged. Markers that the disk refuses are tried again until they stand; the decision is not undone.
   * @throws when nothing was decided: the transaction is as before
   */
  async end(transaction: Transaction, plan: EndPlan): Promise<void> {
    if (this.#context.fsync === 'group' && plan.isCommit) await this.#syncRecords(transaction)
    this.#decide(transaction, plan)
    if (this.#context.fsync === 'group') await this.#context.journal().durable()
    const { markerDelayMs } = this.#context
    if (markerDelayMs > 0) this.#completeLater(transaction, markerDelayMs, false)
    else await this.complete(transaction, false)
  }

  /**
   * Writes what a decided transaction owes. Never rejects: what cannot be written now is tried again.
   * @param isRepeat some markers may stand already: only logs where the transaction is still open get one. Otherwise every partition
   *   does, also without records, as in Kafka: it fences
   */
  async complete(transaction: Transaction, isRepeat: boolean): Promise<void> {
    const { end } = transaction
    if (end === undefined || this.#isClosed) return
    try {
      const isCommit = transaction.state === TransactionState.PREPARE_COMMIT
      this.#context.groups.endTransaction(end.groups, end.producer[0], isCommit)
      const logs = this.#writeMarkers(end, isCommit, isRepeat)
      // Without a wait where no marker was missing: at the start, what comes after this transaction may need it complete.
      if (this.#context.fsync === 'group' && logs.length > 0)
        await Promise.all(logs.map((log) => this.#context.groupSync.wait(log)))
      transaction.complete()
    } catch (error) {
      this.#context.logger.error('a decided transaction is not complete yet; it is tried again', {
        transactionalId: transaction.id,
        error: toError(error),
      })
      this.#completeLater(transaction, limits.transactionRetryMs, true)
    }
  }

  /** @throws the first disk error, when every log had its turn */
  #writeMarkers(end: TransactionEnd, isCommit: boolean, isRepeat: boolean): PartitionLog[] {
    const [producerId, producerEpoch] = end.producer
    const logs: PartitionLog[] = []
    const errors: unknown[] = []
    for (const [topicId, partition, endOffset] of end.partitions) {
      // A topic deleted meanwhile took its records along.
      const log = this.#context.topics.byId(topicId)?.partitions[partition]
      if (log === undefined || (isRepeat && !isOpen(log, producerId, endOffset))) continue
      try {
        log.appendMarker({ producerId, producerEpoch, isCommit })
        logs.push(log)
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
    return logs
  }

  #completeLater(transaction: Transaction, delayMs: number, isRepeat: boolean): void {
    transaction.timer?.cancel()
    transaction.timer = this.#context.clock.setTimer(delayMs, () => {
      void this.complete(transaction, isRepeat)
    })
  }

  #decide(transaction: Transaction, plan: EndPlan): void {
    const partitions: [string, number, number][] = []
    for (const [topicId, indexes] of transaction.partitions) {
      const topic = this.#context.topics.byId(topicId)
      for (const partition of indexes) {
        const log = topic?.partitions[partition]
        if (log !== undefined) partitions.push([topicId, partition, log.endOffset])
      }
    }
    const record: TransactionRecord = {
      ...transaction.toRecord(),
      producer: plan.producer,
      last: plan.last,
      state: plan.isCommit ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT,
      updatedMs: this.#context.clock.now(),
      end: {
        producer: [transaction.producerId, plan.markerEpoch],
        partitions,
        groups: [...transaction.groups],
      },
    }
    this.#context.journal().append([record])
    transaction.timer?.cancel()
    transaction.move(record)
  }

  async #syncRecords(transaction: Transaction): Promise<void> {
    const logs = [...transaction.partitions].flatMap(([topicId, partitions]) => {
      const topic = this.#context.topics.byId(topicId)
      return [...partitions].map((partition) => topic?.partitions[partition])
    })
    const waits = logs
      .filter((log) => log !== undefined && log.highWatermark < log.endOffset)
      .map((log) => this.#context.groupSync.wait(log!))
    await Promise.all(waits)
  }
}

/** True when the decided transaction is open in the log. One that began after the decision is another one, of the same producer. */
function isOpen(log: PartitionLog, producerId: number, endOffset: number): boolean {
  const open = log.openTransactionOf(producerId)
  return open !== undefined && open.firstOffset < endOffset
}
