import { backoffMs, toError, type BackoffOptions } from '@millrace/core'
import { classOf } from './failure.ts'
import type { FailureContext, FailurePolicy } from './types.ts'

/** What comes of a failed attempt at one event. */
export type FailureDecision =
  | { readonly kind: 'retry'; readonly inMs: number }
  | { readonly kind: 'dead-letter' }
  | { readonly kind: 'skip' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'stop' }

export interface FailurePoliciesOptions {
  readonly policies: readonly FailurePolicy[]
  readonly maxAttempts: number
  readonly retryBackoff: BackoffOptions
}

/** Decides by the first policy that fits the error; where none does, it is tried again and then a dead letter. */
export class FailurePolicies {
  readonly #options: FailurePoliciesOptions

  constructor(options: FailurePoliciesOptions) {
    this.#options = options
  }

  decide(thrown: unknown, context: FailureContext): FailureDecision {
    const policy = this.#options.policies.find((each) => fits(each.when, thrown, context))
    if (policy && policy.do !== 'retry') return { kind: policy.do }
    const attempts = policy?.attempts ?? this.#options.maxAttempts
    if (context.attempt >= attempts) return { kind: 'dead-letter' }
    const backoff = policy?.backoff ?? this.#options.retryBackoff
    return { kind: 'retry', inMs: backoffMs(context.attempt, backoff) }
  }

  /** The most attempts any event may get, for one whose attempts end with the process and leave no error to look at. */
  get maxAttempts(): number {
    return this.#options.maxAttempts
  }
}

/** An error class also fits where it is a cause of what was thrown: handlers wrap. */
function fits(when: FailurePolicy['when'], thrown: unknown, context: FailureContext): boolean {
  if (typeof when === 'string') {
    for (const error of chainOf(thrown))
      if (classOf(error) === when || error.name === when) return true
    return false
  }
  if (isErrorClass(when)) return chainOf(thrown).some((error) => error instanceof when)
  return when(toError(thrown), context)
}

function isErrorClass(when: unknown): when is abstract new (...args: never[]) => Error {
  return typeof when === 'function' && (when === Error || when.prototype instanceof Error)
}

function chainOf(thrown: unknown): readonly Error[] {
  const chain = [toError(thrown)]
  for (let cause = chain[0]?.cause; cause instanceof Error && chain.length < 5; cause = cause.cause)
    chain.push(cause)
  return chain
}
