/**
 * The transactional producer: the engine of `produce-engine.ts` under an identity that one transactional id owns.
 *
 * Owner of all state here: the caller's thread; between a check of `#state` and what follows from it there is no await. Requests that the
 * sender causes (AddPartitionsToTxn) run beside the caller's and report by `fail` or by another round of the engine.
 */
import { assert } from '@millrace/core'
import { code } from './broker-error.ts'
import type { OffsetToCommit } from './consumer-types.ts'
import { KafkaError } from './errors.ts'
import { betweenGenerations } from './between-generations.ts'
import { badOption, integerOption } from './options.ts'
import { partitionKey } from './partition-key.ts'
import type { ProducerIdentity } from './outgoing-batch.ts'
import { closedError, ProduceEngine } from './produce-engine.ts'
import type { SendingIdentity, SendingTransaction } from './producer-ids.ts'
import {
  producerFenced,
  TransactionCoordinator,
  transactionFailed,
} from './transaction-coordinator.ts'
import { assertMove, TransactionState } from './transaction-state.ts'
import type {
  GroupMetadata,
  ProducerColumns,
  ProducerRecord,
  RecordMetadata,
  SentColumns,
  TopicPartition,
  TransactionalProducer,
  TransactionalProducerOptions,
} from './types.ts'

/** Makes a transactional producer. It connects at `init` or `begin`. */
export async function createTransactionalProducer(
  options: TransactionalProducerOptions,
): Promise<TransactionalProducer> {
  return new KafkaTransactionalProducer(options)
}

class KafkaTransactionalProducer
  implements TransactionalProducer, SendingIdentity, SendingTransaction
{
  readonly transaction = this
  readonly transactionalId: string
  readonly #engine: ProduceEngine
  readonly #coordinator: TransactionCoordinator
  #state: TransactionState = TransactionState.NEW
  #version: 1 | 2 = 1
  #identity: ProducerIdentity | undefined
  /** Some sequence is in doubt, or the coordinator has forgotten the identity: the next transaction needs another epoch. */
  #needsNewEpoch = false
  /** Why the transaction cannot be committed, or the producer not go on. */
  #failure: KafkaError | undefined
  /** What the open transaction holds, as far as the brokers have been told. */
  readonly #partitions = new Set<string>()
  readonly #groups = new Set<string>()
  /** An AddPartitionsToTxn has left: from then on the transaction has to be ended, whatever was answered. */
  #hasAsked = false
  /** Partitions that records wait for, to be added in the next request (version 1). */
  #wanted = new Map<string, TopicPartition>()
  #adding: Promise<void> | undefined
  /** Sends of the open transaction that have not settled. */
  readonly #work = new Set<Promise<unknown>>()
  #initialising: Promise<void> | undefined

  constructor(options: TransactionalProducerOptions) {
    const { transactionalId } = options
    if (transactionalId === '')
      throw badOption('transactionalId', transactionalId, 'must not be empty')
    if ((options.acks ?? 'all') !== 'all')
      throw badOption('acks', options.acks, "must be 'all' for transactions")
    this.transactionalId = transactionalId
    const timeoutMs = integerOption('transactionTimeoutMs', options.transactionTimeoutMs, {
      min: 1,
      max: 0x7fff_ffff,
      default: 60_000,
    })
    this.#engine = new ProduceEngine(options, () => this)
    this.#coordinator = new TransactionCoordinator(this.#engine.cluster, transactionalId, timeoutMs)
  }

  get version(): 1 | 2 {
    return this.#version
  }

  async init(): Promise<void> {
    if (this.#state !== TransactionState.NEW) return this.#refuseUnless(this.#isUsable())
    this.#initialising ??= this.#takeOver().finally(() => (this.#initialising = undefined))
    await this.#initialising
  }

  async begin(): Promise<void> {
    if (this.#state === TransactionState.NEW) await this.init()
    this.#refuseUnless(this.#state === TransactionState.READY, 'begin')
    this.#failure = undefined
    this.#move(TransactionState.OPEN)
  }

  send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    return this.#within('send', () => this.#engine.send(records))
  }

  sendColumns(columns: ProducerColumns): Promise<SentColumns> {
    return this.#within('sendColumns', () => this.#engine.sendColumns(columns))
  }

  sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata | (() => GroupMetadata),
  ): Promise<void> {
    return this.#within('sendOffsets', () => this.#sendOffsets(offsets, group))
  }

  async commit(): Promise<void> {
    if (this.#state !== TransactionState.IN_DOUBT) {
      this.#refuseUnless(this.#state === TransactionState.OPEN, 'commit')
      this.#engine.setFlushing(true)
      await this.#settleWork().finally(() => this.#engine.setFlushing(false))
      this.#refuseUnless(this.#state === TransactionState.OPEN, 'commit')
    }
    const wasInDoubt = this.#state === TransactionState.IN_DOUBT
    this.#move(TransactionState.COMMITTING)
    if (this.#isEmpty()) return this.#move(TransactionState.READY)
    let isInDoubt = wasInDoubt
    try {
      await this.#end(true, () => (isInDoubt = true))
    } catch (error) {
      throw this.#commitFailed(error as KafkaError, isInDoubt)
    }
    this.#move(TransactionState.READY)
  }

  async abort(): Promise<void> {
    const state = this.#state
    if (state === TransactionState.READY || state === TransactionState.NEW) return
    this.#refuseUnless(
      state === TransactionState.OPEN || state === TransactionState.FAILED,
      'abort',
    )
    this.#move(TransactionState.ABORTING)
    this.#engine.failAll(
      new KafkaError(
        'MR_KAFKA_TRANSACTION_FAILED',
        'The transaction is being aborted; none of its records will be seen by readers of committed records.',
        { transactionalId: this.transactionalId },
      ),
    )
    try {
      await this.#settleWork()
      await this.#adding
      await this.#engine.idle()
      if (!this.#isEmpty()) await this.#end(false, () => {})
      if (this.#needsNewEpoch) this.#adopt(await this.#coordinator.initProducerId(this.#identity))
    } catch (error) {
      throw this.#abortFailed(error as KafkaError)
    }
    this.#move(TransactionState.READY)
  }

  async close(): Promise<void> {
    if (this.#state === TransactionState.CLOSED) return
    if (this.#state === TransactionState.OPEN || this.#state === TransactionState.FAILED)
      await this.abort().catch((error: unknown) => {
        this.#engine.cluster.logger.info('an open transaction is left to its time-out', {
          transactionalId: this.transactionalId,
          error,
        })
      })
    this.#state = TransactionState.CLOSED // Legal from everywhere; another close may have been faster.
    this.#engine.failAll(closedError())
    await this.#engine.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal for the sender */
  async current(): Promise<ProducerIdentity> {
    assert(this.#identity, 'records are sent only within a transaction')
    return this.#identity
  }

  /** @internal for the sender */
  discard(): void {
    this.#needsNewEpoch = true
    const inDoubt = new KafkaError(
      'MR_KAFKA_DELIVERY_FAILED',
      'Records of the transaction were given up while it was unknown whether the broker had appended them.',
    )
    this.fail(inDoubt)
  }

  /** @internal for the sender */
  admits(target: TopicPartition): boolean {
    if (this.#state !== TransactionState.OPEN) return false
    const key = partitionKey(target)
    if (this.#partitions.has(key)) return true
    if (this.#version === 2) {
      this.#partitions.add(key)
      return true
    }
    this.#wanted.set(key, { topic: target.topic, partition: target.partition })
    this.#adding ??= this.#addPartitions().finally(() => (this.#adding = undefined))
    return false
  }

  /** @internal for the sender */
  fail(cause: KafkaError): void {
    const isFenced = cause.details['errorCode'] === code.PRODUCER_FENCED
    const isTyped =
      cause.code === 'MR_KAFKA_PRODUCER_FENCED' || cause.code === 'MR_KAFKA_TRANSACTION_FAILED'
    const failure = isTyped ? cause : isFenced ? producerFenced(cause) : transactionFailed(cause)
    // The sequences of what is given up now are not all known to be free.
    this.#needsNewEpoch = true
    if (this.#state !== TransactionState.OPEN) return
    this.#failure = failure
    this.#move(
      failure.code === 'MR_KAFKA_PRODUCER_FENCED'
        ? TransactionState.FENCED
        : TransactionState.FAILED,
    )
    this.#engine.failAll(failure)
  }

  async #takeOver(): Promise<void> {
    try {
      const identity = await this.#coordinator.initProducerId()
      this.#version = await this.#coordinator.version()
      if (this.#state === TransactionState.CLOSED) throw closedError()
      this.#adopt(identity)
    } catch (error) {
      if (this.#isForGood(error as KafkaError)) this.#fence(error as KafkaError)
      throw error
    }
    this.#move(TransactionState.READY)
  }

  /** Runs one piece of the transaction's work and keeps its failure, so that `commit` cannot succeed without it. */
  #within<T>(what: string, work: () => Promise<T>): Promise<T> {
    // No frame that waits holds `work`, and with it the records: they stand in batches by then.
    const running = this.#begun(what, work).catch((error: unknown) => {
      const isOpen = this.#state === TransactionState.OPEN
      if (isOpen && !isMistake(error)) this.fail(asKafkaError(error))
      throw error
    })
    this.#work.add(running)
    const forget = (): void => void this.#work.delete(running)
    running.then(forget, forget) // Also keeps a failure that nobody awaits from ending the process: commit tells it.
    return running
  }

  async #begun<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#refuseUnless(this.#state === TransactionState.OPEN, what)
    return work()
  }

  async #sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata | (() => GroupMetadata),
  ): Promise<void> {
    if (offsets.length === 0) return
    const identity = this.#identity as ProducerIdentity
    const { groupId } = typeof group === 'function' ? group() : group
    if (!this.#groups.has(groupId)) {
      // Told before the answer: whether it was lost or not, the transaction has to be ended.
      this.#groups.add(groupId)
      if (this.#version === 1) await this.#coordinator.addOffsets(identity, groupId)
    }
    const send = (member: GroupMetadata): Promise<void> =>
      this.#coordinator.commitOffsets(identity, this.#version, offsets, member)
    if (typeof group !== 'function') return send(group)
    await betweenGenerations(this.#engine.cluster, group, send)
  }

  /** One AddPartitionsToTxn after the other, each with all that records wait for. Never throws. */
  async #addPartitions(): Promise<void> {
    await Promise.resolve() // The round of the engine that asks may ask for more partitions.
    while (this.#wanted.size > 0) {
      const wanted = this.#wanted
      this.#wanted = new Map()
      this.#hasAsked = true
      try {
        await this.#coordinator.addPartitions(this.#identity as ProducerIdentity, [
          ...wanted.values(),
        ])
      } catch (error) {
        this.fail(error as KafkaError)
        return
      }
      for (const key of wanted.keys()) this.#partitions.add(key)
    }
    this.#engine.schedule()
  }

  #isEmpty(): boolean {
    return this.#partitions.size === 0 && this.#groups.size === 0 && !this.#hasAsked
  }

  async #settleWork(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
  }

  async #end(committed: boolean, lost: () => void): Promise<void> {
    const identity = this.#identity as ProducerIdentity
    const next = await this.#coordinator.end(identity, this.#version, committed, lost)
    this.#partitions.clear()
    this.#groups.clear()
    this.#wanted.clear()
    this.#hasAsked = false
    if (next === 'forgotten') this.#needsNewEpoch = true
    else if (next !== identity) this.#adopt(next)
  }

  #adopt(identity: ProducerIdentity): void {
    this.#identity = identity
    this.#needsNewEpoch = false
    this.#engine.beginAnew()
  }

  #commitFailed(cause: KafkaError, isInDoubt: boolean): KafkaError {
    if (cause.retryable && !isInDoubt) {
      this.#move(TransactionState.OPEN)
      return cause
    }
    if (cause.retryable) {
      this.#move(TransactionState.IN_DOUBT)
      return new KafkaError(
        'MR_KAFKA_COMMIT_UNKNOWN',
        `No broker said whether the transaction of "${this.transactionalId}" was committed; it was, will be, or was aborted by its time-out. Call commit() again to learn it.`,
        { ...cause.details, transactionalId: this.transactionalId },
        { cause },
      )
    }
    if (cause.code === 'MR_KAFKA_TRANSACTION_FAILED' && !isInDoubt) {
      this.#failure = cause
      this.#needsNewEpoch = true
      this.#move(TransactionState.FAILED)
      return cause
    }
    const outcome = isInDoubt ? 'unknown' : 'not committed'
    this.#fence(cause)
    return new KafkaError(
      cause.code,
      `${cause.message} Whether the transaction was committed is ${isInDoubt ? 'unknown: an earlier attempt was not answered' : 'known: it was not'}.`,
      { ...cause.details, outcome },
      { cause },
    )
  }

  #abortFailed(cause: KafkaError): KafkaError {
    if (this.#state !== TransactionState.ABORTING) return cause
    if (cause.retryable || cause.code === 'MR_KAFKA_TRANSACTION_FAILED') {
      this.#failure ??= transactionFailed(cause)
      this.#needsNewEpoch = true
      this.#move(TransactionState.FAILED)
    } else this.#fence(cause)
    return cause
  }

  /** Neither passes by itself, nor is it mended by an abort. */
  #isForGood(error: KafkaError): boolean {
    return !error.retryable && error.code !== 'MR_KAFKA_TRANSACTION_FAILED'
  }

  #fence(cause: KafkaError): void {
    this.#failure = cause
    if (this.#state !== TransactionState.CLOSED) this.#move(TransactionState.FENCED)
  }

  #isUsable(): boolean {
    return this.#state !== TransactionState.FENCED && this.#state !== TransactionState.CLOSED
  }

  #refuseUnless(isLegal: boolean, what = 'the call'): void {
    if (isLegal) return
    if (this.#state === TransactionState.CLOSED) throw closedError()
    const isBroken =
      this.#state === TransactionState.FAILED || this.#state === TransactionState.FENCED
    if (isBroken && this.#failure) throw this.#failure
    throw new KafkaError(
      'MR_KAFKA_WRONG_STATE',
      `${what} is not possible while the transactional producer "${this.transactionalId}" is ${this.#state}. The order is begin, send and sendOffsets, then commit or abort; await each of begin, commit and abort.`,
      { transactionalId: this.transactionalId, state: this.#state },
    )
  }

  #move(to: TransactionState): void {
    assertMove(this.#state, to)
    this.#state = to
  }
}

/** What a caller's function threw ends the transaction too. */
function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  const message = `The transaction cannot be committed: ${String(error)} Call abort(), then do its work again.`
  return new KafkaError('MR_KAFKA_TRANSACTION_FAILED', message, {}, { cause: error })
}

/** A call that sent nothing, because it could not be made as it was; the transaction goes on without it. */
function isMistake(error: unknown): boolean {
  return (
    error instanceof KafkaError &&
    (error.code === 'MR_KAFKA_BAD_OPTION' || error.code === 'MR_KAFKA_WRONG_STATE')
  )
}
