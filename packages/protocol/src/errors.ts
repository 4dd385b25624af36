import { MillraceError, type ErrorTable } from '@millrace/core'

/**
 * Every code of this package. None is retryable: the same bytes fail the same way again.
 *
 * - `MR_PROTOCOL_TRUNCATED`: the bytes end inside a field.
 * - `MR_PROTOCOL_BAD_LENGTH`: a length is negative where it may not be, or cannot fit in the bytes that are left.
 * - `MR_PROTOCOL_BAD_VARINT`: a variable-length integer is longer than its type allows.
 * - `MR_PROTOCOL_BAD_TAG`: tagged fields out of order, or one whose bytes are not used up by its type (KIP-482).
 * - `MR_PROTOCOL_UNEXPECTED_NULL`: null where the version does not allow it, on either side.
 * - `MR_PROTOCOL_TRAILING_BYTES`: bytes left over after a whole message.
 * - `MR_PROTOCOL_UNSUPPORTED_VERSION`: the API has no such version here.
 * - `MR_PROTOCOL_UNREPRESENTABLE`: a value that the version written cannot carry and may not drop.
 * - `MR_PROTOCOL_OUT_OF_RANGE`: a number that does not fit its field.
 * - `MR_PROTOCOL_BAD_MAGIC`: a record batch that is not of format v2.
 * - `MR_PROTOCOL_CORRUPT_BATCH`: a record batch whose checksum, length or counts do not agree.
 * - `MR_PROTOCOL_BAD_RECORD`: a record inside a batch that is malformed.
 * - `MR_PROTOCOL_UNSUPPORTED_COMPRESSION`: a codec number that Kafka does not define.
 * - `MR_PROTOCOL_DECOMPRESSION_FAILED`: compressed bytes that their codec refuses, or that unpack beyond the limit.
 */
export const protocolErrors = {
  MR_PROTOCOL_TRUNCATED: { retryable: false },
  MR_PROTOCOL_BAD_LENGTH: { retryable: false },
  MR_PROTOCOL_BAD_VARINT: { retryable: false },
  MR_PROTOCOL_BAD_TAG: { retryable: false },
  MR_PROTOCOL_UNEXPECTED_NULL: { retryable: false },
  MR_PROTOCOL_TRAILING_BYTES: { retryable: false },
  MR_PROTOCOL_UNSUPPORTED_VERSION: { retryable: false },
  MR_PROTOCOL_UNREPRESENTABLE: { retryable: false },
  MR_PROTOCOL_OUT_OF_RANGE: { retryable: false },
  MR_PROTOCOL_BAD_MAGIC: { retryable: false },
  MR_PROTOCOL_CORRUPT_BATCH: { retryable: false },
  MR_PROTOCOL_BAD_RECORD: { retryable: false },
  MR_PROTOCOL_UNSUPPORTED_COMPRESSION: { retryable: false },
  MR_PROTOCOL_DECOMPRESSION_FAILED: { retryable: false },
} as const satisfies ErrorTable

export type ProtocolErrorCode = keyof typeof protocolErrors

/** Bytes that are not the Kafka protocol, or values that it cannot carry. Codes: {@link protocolErrors}. */
export class ProtocolError extends MillraceError<ProtocolErrorCode> {
  constructor(
    code: ProtocolErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: ErrorOptions = {},
  ) {
    super(code, protocolErrors[code].retryable, message, details, options)
  }
}
