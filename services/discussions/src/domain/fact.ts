import type { DataOf, EventContract } from '@millrace/events'

/** Something that happened to a thread, told with the names of its contract, before it becomes an event. */
export interface Fact<Contract extends EventContract = EventContract> {
  readonly contract: Contract
  readonly threadId: string
  /** Version of the thread after it. */
  readonly version: bigint
  readonly occurredAt: Date
  readonly data: DataOf<Contract>
}

/** Keeps contract and data together in the type checker's eyes. */
export function fact<Contract extends EventContract>(it: Fact<Contract>): Fact<Contract> {
  return it
}

/** Why an act did not take effect. Nothing was changed. */
export type Refusal =
  | 'thread-not-found'
  | 'comment-not-found'
  | 'parent-not-found'
  | 'not-author'
  | 'thread-full'
  | 'id-taken'
  | 'voted-already'

/** What became of an act: refused, or done; done without a fact when there was nothing to change. */
export type Outcome = { readonly refusal: Refusal } | { readonly fact: Fact | null }

export function refused(refusal: Refusal): Outcome {
  return { refusal }
}

export const unchanged: Outcome = { fact: null }
