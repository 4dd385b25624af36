import { errorCodes } from '@millrace/protocol'
import type { Difference } from './wire-target.ts'

const {
  INVALID_RECORD,
  INVALID_REQUEST,
  INVALID_TIMESTAMP,
  NONE,
  UNKNOWN_SERVER_ERROR,
  UNKNOWN_TOPIC_ID,
  UNKNOWN_TOPIC_OR_PARTITION,
} = errorCodes

/**
 * Where the wire suites know that Apache Kafka 4.1 answers otherwise than the broker of this package. Each is asserted on either broker, so one
 * that goes away is found. `GAPS.md` tells them to users.
 */
export const wireDifferences = {
  /** Apache Kafka remembers the name in the session and speaks of that; here the id is all there is. */
  topicGoneFromSession: { millrace: UNKNOWN_TOPIC_ID, apache: UNKNOWN_TOPIC_OR_PARTITION },
  /** Apache Kafka's parser throws what nobody catches. */
  unknownCodec: { millrace: INVALID_RECORD, apache: UNKNOWN_SERVER_ERROR },
  packedGarbage: { millrace: INVALID_RECORD, apache: UNKNOWN_SERVER_ERROR },
  /** The same, of a varint. */
  endlessNumber: { millrace: INVALID_RECORD, apache: UNKNOWN_SERVER_ERROR },
  /** Apache Kafka stores them as they are when they are not packed, and readers get offsets that belong to other records. */
  wrongOffsets: { millrace: INVALID_RECORD, apache: NONE },
  /** Before 1970. Apache Kafka takes it, and Java's consumer gives it to the application. */
  negativeTime: { millrace: INVALID_TIMESTAMP, apache: NONE },
  /** A rule must name one thing. Apache Kafka throws what nobody catches. */
  aclOfAny: { millrace: INVALID_REQUEST, apache: UNKNOWN_SERVER_ERROR },
  /** It would fit no client. */
  aclWithoutHost: { millrace: INVALID_REQUEST, apache: NONE },
} as const satisfies Readonly<Record<string, Difference<unknown>>>
