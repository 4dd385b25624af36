import { assert, type Timer } from '@millrace/core'
import type {
  ProducerIdAndEpoch,
  TopicPartitions,
  TransactionEnd,
  TransactionGrownRecord,
  TransactionRecord,
} from './transaction-records.ts'
import { TransactionState, transactionMoves } from './transaction-state.ts'

/** A transactional id: its producer, and the transaction that is under way or was the last. Changed by journal records, live and at start alike. */
export class Transaction {
  readonly id: string
  producer: ProducerIdAndEpoch = [-1, -1]
  last: ProducerIdAndEpoch = [-1, -1]
  timeoutMs = 0
  startedMs = -1
  updatedMs = 0
  /** Of the transaction under way, by topic id. */
  readonly partitions = new Map<string, Set<number>>()
  readonly groups = new Set<string>()
  /** What is decided and still owed; set in the states `PREPARE_*` alone. */
  end: TransactionEnd | undefined
  /** A change waits for the disk: nothing else may change the transaction until it is over. */
  isBusy = false
  timer: Timer | undefined
  #state: TransactionState = TransactionState.EMPTY

  constructor(id: string) {
    this.id = id
  }

  get state(): TransactionState {
    return this.#state
  }

  get isOngoing(): boolean {
    return this.#state === TransactionState.ONGOING
  }

  /** Decided, with markers still to come. */
  get isEnding(): boolean {
    return (
      this.#state === TransactionState.PREPARE_COMMIT ||
      this.#state === TransactionState.PREPARE_ABORT
    )
  }

  get producerId(): number {
    return this.producer[0]
  }

  get producerEpoch(): number {
    return this.producer[1]
  }

  has(topicId: string, partition: number): boolean {
    return this.partitions.get(topicId)?.has(partition) ?? false
  }

  /** Takes the record's state over. */
  restore(record: TransactionRecord): void {
    this.producer = record.producer
    this.last = record.last
    this.timeoutMs = record.timeoutMs
    this.startedMs = record.startedMs
    this.updatedMs = record.updatedMs
    this.end = record.end
    this.partitions.clear()
    this.groups.clear()
    this.#add(record.partitions, record.groups)
    this.#state = record.state
  }

  /** The same, where the move must be a legal one. */
  move(record: TransactionRecord): void {
    this.#assertMove(record.state)
    this.restore(record)
  }

  /** All markers stand, and the offsets are applied. */
  complete(): void {
    const state =
      this.#state === TransactionState.PREPARE_COMMIT
        ? TransactionState.COMPLETE_COMMIT
        : TransactionState.COMPLETE_ABORT
    this.#assertMove(state)
    this.#state = state
    this.end = undefined
    this.partitions.clear()
    this.groups.clear()
  }

  grow(record: TransactionGrownRecord): void {
    this.updatedMs = record.updatedMs
    this.#add(record.partitions, record.groups)
  }

  toRecord(): TransactionRecord {
    return {
      type: 'transaction',
      transactionalId: this.id,
      producer: this.producer,
      last: this.last,
      timeoutMs: this.timeoutMs,
      state: this.#state,
      startedMs: this.startedMs,
      updatedMs: this.updatedMs,
      partitions: [...this.partitions].map(([topicId, partitions]) => [topicId, [...partitions]]),
      groups: [...this.groups],
      ...(this.end === undefined ? {} : { end: this.end }),
    }
  }

  #add(added: TopicPartitions, groups: readonly string[]): void {
    for (const [topicId, partitions] of added) {
      const known = this.partitions.get(topicId) ?? new Set()
      this.partitions.set(topicId, known)
      for (const partition of partitions) known.add(partition)
    }
    for (const group of groups) this.groups.add(group)
  }

  #assertMove(to: TransactionState): void {
    const moves: readonly TransactionState[] = transactionMoves[this.#state]
    assert(moves.includes(to), `Transaction "${this.id}" cannot go from ${this.#state} to ${to}`)
  }
}
