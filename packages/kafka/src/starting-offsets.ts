/** Finds out where to begin in partitions that do not know yet: where the group has committed, or where the policy says. */
import { toError } from '@millrace/core'
import type { AssignedPartition } from './assigned-partition.ts'
import type { Cluster } from './cluster.ts'
import { listOffsets, type Committed, type IsolationLevel, type OffsetAt } from './offsets.ts'
import { partitionKey } from './partition-key.ts'
import { retrying } from './retrying.ts'
import type { TopicPartition } from './types.ts'

export interface StartingOffsetsOptions {
  readonly isolationLevel: IsolationLevel
  /** Where nothing is committed. */
  readonly autoOffsetReset: OffsetAt
  /** `undefined` without a group. */
  readonly committed:
    | ((partitions: readonly TopicPartition[]) => Promise<ReadonlyMap<string, Committed | null>>)
    | undefined
  /** Partitions know where to begin. */
  readonly onKnown: () => void
  /** Something that no retry mends. */
  readonly onFailure: (error: Error) => void
}

export class StartingOffsets {
  readonly #cluster: Cluster
  readonly #options: StartingOffsetsOptions
  readonly #closing = new AbortController()

  constructor(cluster: Cluster, options: StartingOffsetsOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Begins where the group has committed. Goes on trying for as long as one of them is owned. */
  begin(partitions: readonly AssignedPartition[]): void {
    this.#work(partitions, this.#locate(partitions))
  }

  /** Begins at one of the ends, whatever is committed. */
  reset(partitions: readonly AssignedPartition[], at: OffsetAt): void {
    this.#work(partitions, this.#reset(partitions, at))
  }

  /** The log does not reach as far back, or forward, as where reading was to go on. */
  outOfRange(partition: AssignedPartition): void {
    const { topic, partition: index, fetchOffset: offset } = partition
    const message = 'offset is not in the log, going on by autoOffsetReset'
    this.#cluster.logger.error(message, { topic, partition: index, offset })
    partition.jump(undefined)
    this.reset([partition], this.#options.autoOffsetReset)
  }

  close(): void {
    this.#closing.abort()
  }

  #work(partitions: readonly AssignedPartition[], working: Promise<void>): void {
    working.catch((error: unknown) => {
      if (!this.#closing.signal.aborted && partitions.some(({ isOver }) => !isOver))
        this.#options.onFailure(toError(error))
    })
  }

  async #locate(partitions: readonly AssignedPartition[]): Promise<void> {
    const { committed, autoOffsetReset } = this.#options
    const ask = committed ?? nothingCommitted
    const offsets = await this.#asking('OffsetFetch', partitions, ask)
    const unknown: AssignedPartition[] = []
    for (const partition of partitions) {
      if (partition.isOver || partition.fetchOffset !== undefined || partition.isAsking) continue
      const known = offsets.get(partitionKey(partition))
      if (known) partition.fetchOffset = Number(known.offset)
      else unknown.push(partition)
    }
    this.#options.onKnown()
    await this.#reset(unknown, autoOffsetReset)
  }

  async #reset(partitions: readonly AssignedPartition[], at: OffsetAt): Promise<void> {
    if (partitions.length === 0) return
    const tickets = new Map(partitions.map((row) => [row, row.ticket]))
    for (const partition of partitions) partition.isAsking = true
    const offsets = await this.#asking('ListOffsets', partitions, async (wanted) => {
      await this.#cluster.refresh([...new Set(wanted.map(({ topic }) => topic))])
      const rows = await listOffsets(this.#cluster, wanted, at, this.#options.isolationLevel)
      return new Map(rows.map((row) => [partitionKey(row), row.offset]))
    })
    for (const partition of partitions) {
      const offset = offsets.get(partitionKey(partition))
      if (!partition.accepts(tickets.get(partition) as number)) continue
      partition.isAsking = false
      if (partition.fetchOffset === undefined && offset !== undefined)
        partition.fetchOffset = Number(offset)
    }
    this.#options.onKnown()
  }

  /** Asks for those that are still owned until there is an answer. */
  #asking<Answer>(
    what: string,
    partitions: readonly AssignedPartition[],
    ask: (partitions: readonly AssignedPartition[]) => Promise<ReadonlyMap<string, Answer>>,
  ): Promise<ReadonlyMap<string, Answer>> {
    const work = async (): Promise<ReadonlyMap<string, Answer>> => {
      const wanted = partitions.filter(({ isOver }) => !isOver)
      return wanted.length > 0 ? ask(wanted) : new Map()
    }
    const options = { timeoutMs: Infinity, signal: this.#closing.signal }
    return retrying(this.#cluster, what, work, options)
  }
}

const nothingCommitted = async (): Promise<ReadonlyMap<string, Committed | null>> => new Map()
