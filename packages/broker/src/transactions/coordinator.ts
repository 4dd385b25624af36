import { toError, type Timer } from '@millrace/core'
import { errorCodes } from '@millrace/protocol'
import { limits } from '../limits.ts'
import { Transaction } from './transaction.ts'
import {
  accept,
  endedAlready,
  isSame,
  refuse,
  type ProducerAnswer,
  type ProducerClaim,
} from './transaction-answers.ts'
import type { TransactionContext } from './transaction-context.ts'
import { TransactionEnding } from './transaction-ending.ts'
import { settleOpenTransactions } from './transaction-recovery.ts'
import type {
  ProducerIdAndEpoch,
  TopicPartitions,
  TransactionJournalRecord,
  TransactionRecord,
} from './transaction-records.ts'
import { TransactionState } from './transaction-state.ts'

/** The highest epoch that is given to a client; one more fences it for good, and the next producer gets a new id (Kafka: isEpochExhausted). */
const LAST_EPOCH = 32_766
const NOBODY: ProducerIdAndEpoch = [-1, -1]

/**
 * All transactional ids of the broker (KIP-98, KIP-360, KIP-890). Each change is a journal record, written before it is applied; `replay`
 * rebuilds the rest from them. Answers are Kafka's error codes. A transaction that waits for the disk is busy, and whoever asks
 * meanwhile is told CONCURRENT_TRANSACTIONS; in the fsync modes `os` and `always` nobody ever is.
 */
export class TransactionCoordinator {
  readonly #context: TransactionContext
  readonly #ending: TransactionEnding
  readonly #byId = new Map<string, Transaction>()
  #expiryTimer: Timer | undefined

  constructor(context: TransactionContext) {
    this.#context = context
    this.#ending = new TransactionEnding(context)
  }

  get all(): Iterable<Transaction> {
    return this.#byId.values()
  }

  get count(): number {
    return this.#byId.size
  }

  find(transactionalId: string): Transaction | undefined {
    return this.#byId.get(transactionalId)
  }

  /**
   * Brings logs and transactions together after the start, before anybody reads: completes what was decided, takes up what only the logs know of
   * (its record was lost in a power cut), and lets time-outs run on.
   */
  start(): void {
    for (const transaction of this.#byId.values())
      if (transaction.isEnding) void this.#ending.complete(transaction, true)
    settleOpenTransactions(this.#byId.values(), this.#context, (owner, topicId, partition) =>
      this.#grow(owner, [[topicId, [partition]]], []),
    )
    for (const transaction of this.#byId.values()) this.#watch(transaction)
    this.#scheduleExpiry()
  }

  close(): void {
    this.#ending.close()
    this.#expiryTimer?.cancel()
    for (const transaction of this.#byId.values()) transaction.timer?.cancel()
  }

  /**
   * Gives the transactional id's producer a new epoch, which fences whoever had the one before; a transaction it left open is aborted first.
   * @param claim the producer that goes on after an error (KIP-360), or ids of -1 for a new start
   */
  async initProducer(claim: ProducerClaim, timeoutMs: number): Promise<ProducerAnswer> {
    const { transactionalId: id } = claim
    if (id === '') return refuse(errorCodes.INVALID_REQUEST)
    if (timeoutMs <= 0 || timeoutMs > limits.maxTransactionTimeoutMs)
      return refuse(errorCodes.INVALID_TRANSACTION_TIMEOUT)
    const transaction = this.#byId.get(id)
    if (transaction === undefined) return this.#found(id, timeoutMs)
    if (transaction.isBusy || transaction.isEnding)
      return refuse(errorCodes.CONCURRENT_TRANSACTIONS)
    const isClaimed = claim.producerId >= 0
    if (isClaimed && !isSame(claim, transaction.producer)) {
      // The answer of the call before was lost: the same again, without another bump.
      if (isSame(claim, transaction.last) && !transaction.isOngoing)
        return accept(transaction.producer)
      return refuse(errorCodes.PRODUCER_FENCED)
    }
    return this.#whileBusy(transaction, async () => {
      const before = transaction.producer
      if (transaction.isOngoing) await this.#fence(transaction)
      if (transaction.isEnding) return refuse(errorCodes.CONCURRENT_TRANSACTIONS)
      const producer = this.#producerAfter(transaction.producer)
      this.#change(transaction, {
        ...transaction.toRecord(),
        producer,
        last: isClaimed ? before : NOBODY,
        timeoutMs,
        state: TransactionState.EMPTY,
        startedMs: -1,
        updatedMs: this.#context.clock.now(),
      })
      await this.#context.journal().durable()
      return accept(producer)
    })
  }

  /**
   * Adds partitions, which begins a transaction where none is under way. May be acknowledged at once: if a power cut takes it, the log says
   * which partitions have records of the producer, and one without has lost nothing.
   */
  addPartitions(claim: ProducerClaim, partitions: TopicPartitions): number {
    const transaction = this.#claimed(claim)
    if (typeof transaction === 'number') return transaction
    const isKnown = partitions.every(([topicId, indexes]) =>
      indexes.every((partition) => transaction.has(topicId, partition)),
    )
    if (!transaction.isOngoing || !isKnown) this.#grow(transaction, partitions, [])
    return errorCodes.NONE
  }

  /** Adds the offsets of a group. May be acknowledged at once: the offsets themselves are synced, and with them what stands before. */
  addOffsets(claim: ProducerClaim, groupId: string): number {
    const transaction = this.#claimed(claim)
    if (typeof transaction === 'number') return transaction
    if (!transaction.isOngoing || !transaction.groups.has(groupId))
      this.#grow(transaction, [], [groupId])
    return errorCodes.NONE
  }

  /**
   * Whether the producer's transaction holds the partition, so that a transactional batch may be appended.
   * @param adds transactions v2: it is added when it does not
   */
  checkPartition(claim: ProducerClaim, topicId: string, partition: number, adds: boolean): number {
    const transaction = this.#claimed(claim)
    if (typeof transaction === 'number') return transaction
    if (transaction.isOngoing && transaction.has(topicId, partition)) return errorCodes.NONE
    if (!adds) return errorCodes.TRANSACTION_ABORTABLE
    this.#grow(transaction, [[topicId, [partition]]], [])
    return errorCodes.NONE
  }

  /** The same for the offsets of a group. */
  checkOffsets(claim: ProducerClaim, groupId: string, adds: boolean): number {
    const transaction = this.#claimed(claim)
    if (typeof transaction === 'number') return transaction
    if (transaction.isOngoing && transaction.groups.has(groupId)) return errorCodes.NONE
    if (!adds) return errorCodes.TRANSACTION_ABORTABLE
    this.#grow(transaction, [], [groupId])
    return errorCodes.NONE
  }

  /**
   * Commits or aborts (transactions v1). A repeated call gets the first one's answer.
   * Resolves when all markers stand and the offsets are applied, so the next transaction may begin at once.
   */
  async end(claim: ProducerClaim, isCommit: boolean): Promise<ProducerAnswer> {
    if (claim.transactionalId === '') return refuse(errorCodes.INVALID_REQUEST)
    const transaction = this.#byId.get(claim.transactionalId)
    if (transaction === undefined || transaction.producerId !== claim.producerId)
      return refuse(errorCodes.INVALID_PRODUCER_ID_MAPPING)
    if (transaction.producerEpoch !== claim.producerEpoch) return refuse(errorCodes.PRODUCER_FENCED)
    if (transaction.isBusy) return refuse(errorCodes.CONCURRENT_TRANSACTIONS)
    const { producer, last, producerEpoch: markerEpoch } = transaction
    if (transaction.isOngoing) {
      return this.#whileBusy(transaction, async () => {
        await this.#ending.end(transaction, { isCommit, markerEpoch, producer, last })
        return accept(producer)
      })
    }
    return endedAlready(transaction, isCommit)
  }

  /**
   * Commits or aborts (transactions v2, KIP-890): every end raises the epoch, so a request that was delayed on its way can only meet the
   * transaction it was meant for. An abort may come without a transaction, and raises the epoch as well.
   */
  async endAndBump(claim: ProducerClaim, isCommit: boolean): Promise<ProducerAnswer> {
    if (claim.transactionalId === '') return refuse(errorCodes.INVALID_REQUEST)
    const transaction = this.#byId.get(claim.transactionalId)
    if (transaction === undefined) return refuse(errorCodes.INVALID_PRODUCER_ID_MAPPING)
    if (transaction.isBusy) return refuse(errorCodes.CONCURRENT_TRANSACTIONS)
    // What InitProducerId left behind in EMPTY is no end that could be repeated.
    const hasEnded = !transaction.isOngoing && transaction.state !== TransactionState.EMPTY
    const isRepeat = hasEnded && isSame(claim, transaction.last)
    if (transaction.producerId !== claim.producerId && !isRepeat)
      return refuse(errorCodes.INVALID_PRODUCER_ID_MAPPING)
    if (isRepeat) return endedAlready(transaction, isCommit)
    if (transaction.producerEpoch !== claim.producerEpoch || transaction.isEnding)
      return refuse(errorCodes.PRODUCER_FENCED)
    if (isCommit && !transaction.isOngoing) return refuse(errorCodes.INVALID_TXN_STATE)
    return this.#whileBusy(transaction, async () => {
      const last = transaction.producer
      const producer = this.#producerAfter(last)
      const markerEpoch = Math.min(last[1] + 1, LAST_EPOCH + 1)
      await this.#ending.end(transaction, { isCommit, markerEpoch, producer, last })
      return accept(producer)
    })
  }

  /** Forgets transactional ids that nobody used for `limits.transactionalIdExpirationMs`. */
  expire(): void {
    const beforeMs = this.#context.clock.now() - limits.transactionalIdExpirationMs
    for (const transaction of this.#byId.values()) {
      const isIdle = !transaction.isBusy && !transaction.isOngoing && !transaction.isEnding
      if (!isIdle || transaction.updatedMs >= beforeMs) continue
      const record = { type: 'transactionExpired', transactionalId: transaction.id } as const
      this.#context.journal().append([record])
      this.#byId.delete(transaction.id)
    }
  }

  replay(record: TransactionJournalRecord): void {
    const { transactionalId } = record
    if (record.type === 'transactionExpired') return void this.#byId.delete(transactionalId)
    const transaction = this.#byId.get(transactionalId) ?? new Transaction(transactionalId)
    this.#byId.set(transactionalId, transaction)
    if (record.type === 'transactionGrown') return transaction.grow(record)
    transaction.restore(record)
    // Offsets follow from the decision; the markers need the logs, which are not open yet.
    if (record.end !== undefined) {
      const isCommit = record.state === TransactionState.PREPARE_COMMIT
      this.#context.groups.endTransaction(record.end.groups, record.end.producer[0], isCommit)
    }
  }

  /** After the groups' own records, which hold the offsets of open transactions. */
  *snapshot(): Generator<TransactionJournalRecord> {
    for (const transaction of this.#byId.values()) yield transaction.toRecord()
  }

  async #found(id: string, timeoutMs: number): Promise<ProducerAnswer> {
    if (this.#byId.size >= limits.transactionalIds)
      return refuse(errorCodes.COORDINATOR_NOT_AVAILABLE)
    const transaction = new Transaction(id)
    const producer = [this.#context.producerIds.take(), 0] as const
    const updatedMs = this.#context.clock.now()
    this.#change(transaction, { ...transaction.toRecord(), producer, timeoutMs, updatedMs })
    this.#byId.set(id, transaction)
    await this.#context.journal().durable()
    return accept(producer)
  }

  /** The transaction that the claim is about, where it may be added to. */
  #claimed(claim: ProducerClaim): Transaction | number {
    if (claim.transactionalId === '') return errorCodes.INVALID_REQUEST
    const transaction = this.#byId.get(claim.transactionalId)
    if (transaction === undefined || transaction.producerId !== claim.producerId)
      return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (transaction.producerEpoch !== claim.producerEpoch) return errorCodes.PRODUCER_FENCED
    if (transaction.isBusy || transaction.isEnding) return errorCodes.CONCURRENT_TRANSACTIONS
    return transaction
  }

  #grow(transaction: Transaction, partitions: TopicPartitions, groups: readonly string[]): void {
    const updatedMs = this.#context.clock.now()
    if (transaction.isOngoing) {
      const { id: transactionalId } = transaction
      const type = 'transactionGrown'
      const record = { type, transactionalId, updatedMs, partitions, groups } as const
      this.#context.journal().append([record])
      return transaction.grow(record)
    }
    this.#change(transaction, {
      ...transaction.toRecord(),
      state: TransactionState.ONGOING,
      startedMs: updatedMs,
      updatedMs,
      partitions,
      groups,
    })
    this.#watch(transaction)
  }

  /** @throws the disk's error; nothing has changed then */
  #change(transaction: Transaction, record: TransactionRecord): void {
    this.#context.journal().append([record])
    transaction.move(record)
  }

  /** An id is used up before its epochs are. */
  #producerAfter([producerId, epoch]: ProducerIdAndEpoch): ProducerIdAndEpoch {
    return epoch >= LAST_EPOCH ? [this.#context.producerIds.take(), 0] : [producerId, epoch + 1]
  }

  /** Aborts in the place of a producer that is gone; its epoch is taken from it. */
  async #fence(transaction: Transaction): Promise<void> {
    const [producerId, epoch] = transaction.producer
    const markerEpoch = Math.min(epoch + 1, LAST_EPOCH + 1)
    const producer = [producerId, markerEpoch] as const
    await this.#ending.end(transaction, { isCommit: false, markerEpoch, producer, last: NOBODY })
  }

  async #whileBusy(
    transaction: Transaction,
    change: () => Promise<ProducerAnswer>,
  ): Promise<ProducerAnswer> {
    transaction.isBusy = true
    try {
      return await change()
    } catch (error) {
      this.#context.logger.error('a transaction could not be changed', {
        transactionalId: transaction.id,
        error: toError(error),
      })
      return refuse(errorCodes.COORDINATOR_NOT_AVAILABLE)
    } finally {
      transaction.isBusy = false
    }
  }

  /** Aborts the transaction when its time is over. */
  #watch(transaction: Transaction, minimumMs = 0): void {
    if (!transaction.isOngoing) return
    const { clock } = this.#context
    const { startedMs, timeoutMs } = transaction
    const leftMs = Math.max(startedMs + timeoutMs - clock.now(), minimumMs)
    transaction.timer?.cancel()
    transaction.timer = clock.setTimer(leftMs, () => void this.#timeOut(transaction, startedMs))
  }

  async #timeOut(transaction: Transaction, startedMs: number): Promise<void> {
    if (!transaction.isOngoing || transaction.startedMs !== startedMs) return
    if (!transaction.isBusy) {
      const { id: transactionalId, timeoutMs } = transaction
      this.#context.logger.info('a transaction is aborted: its time-out is over', {
        transactionalId,
        timeoutMs,
      })
      await this.#whileBusy(transaction, async () => {
        await this.#fence(transaction)
        return accept(transaction.producer)
      })
    }
    // The disk refused; the transaction is open as before.
    this.#watch(transaction, limits.transactionRetryMs)
  }

  #scheduleExpiry(): void {
    const { clock, logger } = this.#context
    this.#expiryTimer = clock.setTimer(limits.transactionalIdExpiryIntervalMs, () => {
      try {
        this.expire()
      } catch (error) {
        logger.error('transactional ids did not expire', { error: toError(error) })
      }
      this.#scheduleExpiry()
    })
  }
}
