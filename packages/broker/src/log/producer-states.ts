import { limits } from '../limits.ts'

/** Sequence numbers wrap to 0 after this one. */
const MAX_SEQUENCE = 0x7fff_ffff

/** A batch of an idempotent producer, as the duplicate window remembers it. */
export interface ProducedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly timestampMs: number
}

interface ProducerState {
  epoch: number
  /** Oldest first; at most `limits.producerWindowBatches`. */
  batches: ProducedBatch[]
  lastSeenMs: number
}

/** A producer as DescribeProducers shows it. */
export interface ProducerView {
  readonly producerId: number
  readonly epoch: number
  /** -1 before its first batch of the epoch. */
  readonly lastSequence: number
  /** Of its last batch's last record; -1 before that. */
  readonly lastOffset: number
  readonly lastSeenMs: number
}

/** As `JSON.stringify` takes it: id, epoch, last seen, batches as rows. */
export type ProducerSnapshot = readonly (readonly [
  producerId: number,
  epoch: number,
  lastSeenMs: number,
  batches: readonly (readonly [number, number, number, number, number])[],
])[]

export type SequenceVerdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly batch: ProducedBatch }
  | { readonly kind: 'staleEpoch' }
  | { readonly kind: 'outOfOrder' }

/**
 * What one partition knows of its idempotent producers (KIP-98; Kafka: ProducerStateManager). Rebuilt from the log, so that
 * a retry is recognised after a restart too. The log owns it: `record` is called for every batch that was appended, in order.
 */
export class ProducerStates {
  readonly #states = new Map<number, ProducerState>()

  get count(): number {
    return this.#states.size
  }

  check(
    producerId: number,
    epoch: number,
    firstSequence: number,
    lastSequence: number,
  ): SequenceVerdict {
    const state = this.#states.get(producerId)
    // An unknown producer may begin anywhere: its state may have expired, or its records been deleted (KIP-360).
    if (state === undefined) return { kind: 'append' }
    if (epoch < state.epoch) return { kind: 'staleEpoch' }
    if (epoch > state.epoch) return { kind: firstSequence === 0 ? 'append' : 'outOfOrder' }
    for (const batch of state.batches) {
      if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence)
        return { kind: 'duplicate', batch }
    }
    const last = state.batches.at(-1)
    if (last === undefined || firstSequence === sequenceAfter(last.lastSequence))
      return { kind: 'append' }
    return { kind: 'outOfOrder' }
  }

  record(producerId: number, epoch: number, batch: ProducedBatch, nowMs: number): void {
    let state = this.#states.get(producerId)
    if (state === undefined) {
      this.#makeRoom()
      state = { epoch, batches: [], lastSeenMs: nowMs }
    } else {
      // Re-inserted below, so that the map is ordered by last use.
      this.#states.delete(producerId)
    }
    if (epoch !== state.epoch) {
      state.epoch = epoch
      state.batches = []
    }
    state.batches.push(batch)
    if (state.batches.length > limits.producerWindowBatches) state.batches.shift()
    state.lastSeenMs = nowMs
    this.#states.set(producerId, state)
  }

  has(producerId: number): boolean {
    return this.#states.has(producerId)
  }

  /**
   * A transaction marker was appended: whatever still comes with a lower epoch is refused, and a higher one starts its sequence anew.
   */
  recordMarker(producerId: number, epoch: number, nowMs: number): void {
    const state = this.#states.get(producerId) ?? { epoch, batches: [], lastSeenMs: nowMs }
    this.#states.delete(producerId)
    if (epoch > state.epoch) {
      state.epoch = epoch
      state.batches = []
    }
    state.lastSeenMs = nowMs
    this.#makeRoom()
    this.#states.set(producerId, state)
  }

  /** Forgets producers that were last seen before `beforeMs` and have no open transaction. */
  expire(beforeMs: number, hasOpenTransaction: (producerId: number) => boolean): void {
    for (const [producerId, state] of this.#states) {
      if (state.lastSeenMs >= beforeMs) return
      if (!hasOpenTransaction(producerId)) this.#states.delete(producerId)
    }
  }

  /** In the order of their last use. */
  *entries(): Generator<ProducerView> {
    for (const [producerId, { epoch, batches, lastSeenMs }] of this.#states) {
      const last = batches.at(-1)
      const lastSequence = last?.lastSequence ?? -1
      yield { producerId, epoch, lastSequence, lastOffset: last?.lastOffset ?? -1, lastSeenMs }
    }
  }

  snapshot(): ProducerSnapshot {
    return [...this.#states].map(([producerId, { epoch, lastSeenMs, batches }]) => [
      producerId,
      epoch,
      lastSeenMs,
      batches.map((b) => [
        b.firstSequence,
        b.lastSequence,
        b.firstOffset,
        b.lastOffset,
        b.timestampMs,
      ]),
    ])
  }

  static restore(snapshot: ProducerSnapshot): ProducerStates {
    const states = new ProducerStates()
    for (const [producerId, epoch, lastSeenMs, rows] of snapshot) {
      const batches = rows.map(
        ([firstSequence, lastSequence, firstOffset, lastOffset, timestampMs]) => ({
          firstSequence,
          lastSequence,
          firstOffset,
          lastOffset,
          timestampMs,
        }),
      )
      states.#states.set(producerId, { epoch, lastSeenMs, batches })
    }
    return states
  }

  #makeRoom(): void {
    if (this.#states.size < limits.producersPerPartition) return
    for (const oldest of this.#states.keys()) {
      this.#states.delete(oldest)
      return
    }
  }
}

/** The last sequence number of a batch of `lastOffsetDelta + 1` records. */
export function lastSequenceOf(firstSequence: number, lastOffsetDelta: number): number {
  const last = firstSequence + lastOffsetDelta
  return last > MAX_SEQUENCE ? last - MAX_SEQUENCE - 1 : last
}

function sequenceAfter(sequence: number): number {
  return sequence === MAX_SEQUENCE ? 0 : sequence + 1
}
