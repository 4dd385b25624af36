import { MillraceError, type ErrorTable } from '@millrace/core'

/**
 * Every code of this package.
 *
 * - `MR_KAFKA_BAD_OPTION`: an option or argument is out of its bounds; nothing was sent.
 * - `MR_KAFKA_UNREACHABLE`: no broker could be connected to within the time allowed.
 * - `MR_KAFKA_CONNECTION_LOST`: a connection ended with a request under way; whether the broker acted on it is unknown.
 * - `MR_KAFKA_REQUEST_TIMEOUT`: a broker did not answer in time; the connection was dropped, the outcome is unknown.
 * - `MR_KAFKA_UNSUPPORTED_BROKER`: the broker does not serve an API version this client needs (Apache Kafka 2.8 and later do).
 * - `MR_KAFKA_BROKER_BUSY`: the broker answered with an error that passes by itself (leader election, loading, …).
 * - `MR_KAFKA_REFUSED`: the broker refuses the request and will go on to do so.
 * - `MR_KAFKA_DELIVERY_FAILED`: records were not acknowledged within `deliveryTimeoutMs`; some may be on the topic.
 * - `MR_KAFKA_RECORD_REFUSED`: the broker will never take one of the records; `details.index` says which, where known.
 * - `MR_KAFKA_FENCED`: the group generation or the ownership of a partition is over; nothing was committed.
 * - `MR_KAFKA_INSTANCE_FENCED`: another member of the group has taken over the `instanceId`; this consumer has stopped.
 * - `MR_KAFKA_PRODUCER_FENCED`: another producer took the transactional id over, or the transaction lasted longer than
 *   `transactionTimeoutMs`; this producer can only be closed.
 * - `MR_KAFKA_TRANSACTION_FAILED`: the transaction cannot be committed any more: call `abort()`, then do its work again.
 * - `MR_KAFKA_COMMIT_UNKNOWN`: no broker said in time whether the transaction was committed: call `commit()` again.
 * - `MR_KAFKA_WRONG_STATE`: the call does not fit what the transactional producer is doing, such as `send` before `begin`;
 *   or a batch was read after it was released.
 * - `MR_KAFKA_AUTHENTICATION_FAILED`: a broker does not accept the credentials, its certificate is not trusted, or
 *   only one side speaks TLS; not tried again.
 * - `MR_KAFKA_TOPIC_MISMATCH`: a topic exists with another partition count than asked for.
 * - `MR_KAFKA_CORRUPT_DATA`: record batches that came from the broker do not match their checksum or format.
 * - `MR_KAFKA_CLOSED`: the client was closed before or during the call.
 */
export const kafkaErrors = {
  MR_KAFKA_BAD_OPTION: { retryable: false },
  MR_KAFKA_UNREACHABLE: { retryable: true },
  MR_KAFKA_CONNECTION_LOST: { retryable: true },
  MR_KAFKA_REQUEST_TIMEOUT: { retryable: true },
  MR_KAFKA_UNSUPPORTED_BROKER: { retryable: false },
  MR_KAFKA_BROKER_BUSY: { retryable: true },
  MR_KAFKA_REFUSED: { retryable: false },
  MR_KAFKA_DELIVERY_FAILED: { retryable: true },
  MR_KAFKA_RECORD_REFUSED: { retryable: false },
  MR_KAFKA_FENCED: { retryable: false },
  MR_KAFKA_INSTANCE_FENCED: { retryable: false },
  MR_KAFKA_PRODUCER_FENCED: { retryable: false },
  MR_KAFKA_TRANSACTION_FAILED: { retryable: false },
  MR_KAFKA_COMMIT_UNKNOWN: { retryable: true },
  MR_KAFKA_WRONG_STATE: { retryable: false },
  MR_KAFKA_AUTHENTICATION_FAILED: { retryable: false },
  MR_KAFKA_TOPIC_MISMATCH: { retryable: false },
  MR_KAFKA_CORRUPT_DATA: { retryable: false },
  MR_KAFKA_CLOSED: { retryable: false },
} as const satisfies ErrorTable

export type KafkaErrorCode = keyof typeof kafkaErrors

/** What a Kafka client throws. Decide by `code` and `retryable`; codes: {@link kafkaErrors}. */
export class KafkaError extends MillraceError<KafkaErrorCode> {
  constructor(
    code: KafkaErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: ErrorOptions = {},
  ) {
    super(code, kafkaErrors[code].retryable, message, details, options)
  }
}

/** True for a `KafkaError` that the same call may survive later. */
export function isRetryable(error: unknown): error is KafkaError {
  return error instanceof KafkaError && error.retryable
}

/** True for a fault between this client and a broker that stays until somebody changes the settings of either. */
export function isForGood(error: unknown): error is KafkaError {
  return (
    error instanceof KafkaError &&
    (error.code === 'MR_KAFKA_AUTHENTICATION_FAILED' ||
      error.code === 'MR_KAFKA_UNSUPPORTED_BROKER')
  )
}

/** True when the request certainly did not reach a broker. */
export function isNeverSent(error: unknown): boolean {
  return isForGood(error) || (error instanceof KafkaError && error.code === 'MR_KAFKA_UNREACHABLE')
}
