import { MillraceError } from '@millrace/core'

/** Codes of this service's own faults, and of its problem documents. */
export const sagaErrors = {
  /** A record's value is not an event that this service can read; its bytes are on `recovererDLQ`. */
  MR_ORDER_SAGA_UNDECODABLE: { retryable: false },
  /** A record's key is not the id of the order it is about; its bytes are on `recovererDLQ`. */
  MR_ORDER_SAGA_KEY_MISMATCH: { retryable: false },
  /** 503: the table is being restored or moved to another instance, or the stream app has not started. */
  MR_ORDER_SAGA_NOT_READY: { retryable: true },
  /** 503: who has what was asked of a store does not answer. */
  MR_ORDER_SAGA_OWNER_AWAY: { retryable: true },
  /** 400: a key, time or place that a store cannot be asked for. */
  MR_ORDER_SAGA_BAD_QUERY: { retryable: false },
  /** 404: no order of this id has been on the topic `orders`, as far as it was read. */
  MR_ORDER_SAGA_UNKNOWN_ORDER: { retryable: false },
  /** 404: the topology has no such store, or it is of another kind. */
  MR_ORDER_SAGA_UNKNOWN_STORE: { retryable: false },
} as const

export class OrderSagaError extends MillraceError<keyof typeof sagaErrors> {
  constructor(
    code: keyof typeof sagaErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, sagaErrors[code].retryable, message, details, options)
  }
}
