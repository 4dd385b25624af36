import { toError } from '@millrace/core'
import type { ReceivedEvent } from './types.ts'

const blamed = new WeakMap<Error, ReceivedEvent>()

/**
 * Says which event of a batch an error is about: `throw blame(event, error)`. The rest of the batch is then handled without it, where halving
 * would take a handful of transactions to find it, and the error counts as the event's attempt where there is a next one. What is handled by
 * `forEachEvent` does so by itself.
 * @returns the error, made one if it was none
 */
export function blame(event: ReceivedEvent, thrown: unknown): Error {
  const error = toError(thrown)
  if (!blamed.has(error)) blamed.set(error, event)
  return error
}

/** The event an error was blamed on; undefined for none. */
export function blamedEvent(thrown: unknown): ReceivedEvent | undefined {
  return thrown instanceof Error ? blamed.get(thrown) : undefined
}
