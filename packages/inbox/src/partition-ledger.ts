import { uuidv7, type Clock, type Logger } from '@millrace/core'
import type { TopicPartition } from '@millrace/kafka'
import type { Database } from '@millrace/postgres'
import type { BatchJob } from './batch-job.ts'
import { placeOf } from './batch-job.ts'
import { keyOf } from './offset-committer.ts'
import { leavePositions, openPosition, type PositionStatements } from './sql/position.ts'
import { waitAtMost } from './wait-at-most.ts'

/** One death says nothing: deployments kill, machines stop. */
const suspiciousDeaths = 2
/** Records handled one by one after that. A killer further on in a large batch costs more deaths, each of which comes so much nearer to it. */
const maxCarefulRecords = 100
/** Longest wait for Postgres when partitions are left, ms. */
const leaveLimitMs = 2_000

export interface PartitionLedgerOptions {
  readonly database: Database
  readonly position: PositionStatements
  readonly groupId: string
  /** So many records may have been under way when a process died. */
  readonly maxBatchRecords: number
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Notes in the database which partitions this consumer reads, once when it begins and once when it leaves in good order. A partition that
 * is found taken was read by a process that died; when that happens twice without a batch of progress in between, perhaps of a record: then the
 * records it may have had are handled one by one, their attempts counted before, so that the one that kills is given up like any other. Healthy
 * batches pay nothing for it.
 */
export class PartitionLedger {
  readonly #options: PartitionLedgerOptions
  readonly #member = uuidv7()
  /** Below which offset to be careful, of the partitions that are ours. */
  readonly #opened = new Map<
    string,
    { readonly at: TopicPartition; readonly carefulBelow: bigint }
  >()

  constructor(options: PartitionLedgerOptions) {
    this.#options = options
  }

  /** @returns the offset below which records are handled one by one; 0 for none */
  async open(job: BatchJob, offset: bigint): Promise<bigint> {
    const { database, position, maxBatchRecords, logger } = this.#options
    const { topic, partition } = job.at
    const key = keyOf(job.at)
    const known = this.#opened.get(key)
    if (known) return known.carefulBelow
    const { generation } = job
    const member = this.#member
    const reader = { member, offset, generation, batchRecords: maxBatchRecords }
    const opened = await openPosition(database, position, job.at, reader)
    const isSuspect = opened !== undefined && opened.deaths >= suspiciousDeaths
    const carefulCount = Math.min(maxBatchRecords, maxCarefulRecords)
    const carefulBelow = isSuspect ? opened.offset + BigInt(carefulCount) : 0n
    if (isSuspect)
      logger.warn('Processes that read this partition died; records are handled one by one', {
        ...placeOf(job),
        deaths: opened.deaths,
        fromOffset: opened.offset,
        toOffset: carefulBelow,
      })
    this.#opened.set(key, { at: { topic, partition }, carefulBelow })
    return carefulBelow
  }

  /** Nothing of these partitions is under way. Not waited for long: being taken for dead costs the next reader one slow batch. */
  async leave(partitions: readonly TopicPartition[]): Promise<void> {
    const { database, position, groupId, clock } = this.#options
    const left = partitions.filter((each) => this.#opened.delete(keyOf(each)))
    if (left.length === 0) return
    const leaving = leavePositions(database, position, groupId, this.#member, left)
    await waitAtMost(
      clock,
      leaveLimitMs,
      leaving.catch(() => {}),
    )
  }

  async leaveAll(): Promise<void> {
    await this.leave([...this.#opened.values()].map(({ at }) => at))
  }
}
