import type { Logger } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { recovererDlqTopic } from '@millrace/contracts'
import type { ErrorAnswer, ErrorHandling, StreamsError } from '@millrace/streams'
import type { SagaMetrics } from './saga-metrics.ts'

export interface FailurePolicyOptions {
  readonly metrics: SagaMetrics
  readonly logger: Logger
  /** How often a record whose handling fails is tried again before it is left out. */
  readonly maxRetries: number
}

/** Records of which is known how often they failed; more are not under way, as each partition waits for its own. */
const maxRemembered = 1_000

/**
 * What becomes of records that cannot be handled. Bytes that are no event, and events under a wrong key, go to `recovererDLQ` at once, with their
 * headers and where they came from. Whatever else fails is tried again from the last commit, by a thread that begins anew with growing pauses, and
 * goes there after `maxRetries`.
 */
export function recordsLeftOut({
  metrics,
  logger,
  maxRetries,
}: FailurePolicyOptions): ErrorHandling {
  const failures = new Map<string, number>()
  const leaveOut = (error: StreamsError): ErrorAnswer => {
    metrics.deadLetter()
    logger.warn('A record was left out; its bytes are on the dead letter topic', placeOf(error))
    return 'CONTINUE'
  }
  return {
    deadLetterTopic: recovererDlqTopic.name,
    onDeserializationError: leaveOut,
    onProcessingError(error, { topic, partition, offset }) {
      const { cause } = error
      if (cause instanceof MillraceError && !cause.retryable) return leaveOut(error)
      const record = `${topic ?? 'timer'}/${partition}/${offset}`
      const failed = (failures.get(record) ?? 0) + 1
      failures.delete(record)
      if (failed > maxRetries && topic !== undefined) return leaveOut(error)
      failures.set(record, failed)
      if (failures.size > maxRemembered) failures.delete(failures.keys().next().value as string)
      metrics.retried()
      logger.warn('A record could not be handled and is tried again', {
        ...placeOf(error),
        attempt: failed,
      })
      return { decision: 'FAIL', deadLetters: [] }
    },
  }
}

/** The message may quote the record. */
function placeOf({ code, details, cause }: StreamsError): Readonly<Record<string, unknown>> {
  return { ...details, code: cause instanceof MillraceError ? cause.code : code }
}
