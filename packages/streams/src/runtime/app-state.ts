import { assert } from '@millrace/core'

/** States of an application, with Java's names; `appMoves` says which follows which. */
export type StreamsState = keyof typeof appMoves

/** Kafka Streams' `KafkaStreams.State`. */
export const appMoves = {
  CREATED: ['REBALANCING', 'PENDING_SHUTDOWN'],
  /** Tasks come or go, or their state is being restored. */
  REBALANCING: ['RUNNING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  /** Stays so when the last thread is removed. */
  RUNNING: ['REBALANCING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  PENDING_SHUTDOWN: ['NOT_RUNNING'],
  NOT_RUNNING: [],
  PENDING_ERROR: ['ERROR'],
  ERROR: [],
} as const satisfies Record<string, readonly string[]>

export function assertMove(from: StreamsState, to: StreamsState): void {
  const legal: readonly string[] = appMoves[from]
  assert(legal.includes(to), `an application moves from ${from} to ${to}`)
}
