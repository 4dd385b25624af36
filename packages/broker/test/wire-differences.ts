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

const closed = 'closed'
const FAILED = 'SASL_AUTHENTICATION_FAILED'

/** The same of SASL: the outcome of every message of an exchange. */
export const saslDifferences = {
  /** Apache Kafka tells a stranger at the first message; here it takes the password to know that there is no such user. */
  unknownUser: { millrace: ['NONE', FAILED], apache: [FAILED] },
  /** RFC 5802: a client that could bind channels and sees that the server cannot. Apache Kafka takes `n` only. */
  yesToChannelBinding: { millrace: ['NONE', 'NONE'], apache: [FAILED] },
  /** RFC 5802: `m=` names what must be understood, and nobody does. */
  mandatoryExtension: { millrace: [FAILED], apache: ['NONE'] },
  /** RFC 5802: the header of the first message, repeated, must be that of the first. Apache Kafka does not compare them. */
  otherChannelBinding: { millrace: ['NONE', FAILED], apache: ['NONE', 'NONE'] },
  /** Apache Kafka throws what nobody catches when the proof is not as long as the hash. */
  proofOfOtherLength: { millrace: ['NONE', FAILED], apache: ['NONE', closed] },
  /** Bare tokens would follow; here they are not understood. */
  handshakeVersion0: { millrace: ['UNSUPPORTED_VERSION', closed], apache: ['NONE'] },
  /** Apache Kafka answers with the error; here the connection just closes, as before the handshake in both. */
  requestAfterHandshake: { millrace: [closed], apache: ['ILLEGAL_SASL_STATE', closed] },
  /** Here clients may ask for versions at any time. */
  versionsTwice: { millrace: ['NONE', 'NONE'], apache: ['NONE', closed] },
  versionsAfterHandshake: { millrace: ['NONE', 'NONE'], apache: ['ILLEGAL_SASL_STATE', closed] },
  /** Apache Kafka renews a session once a second at most. */
  renewedTwiceAtOnce: { millrace: 'NONE', apache: 'ILLEGAL_SASL_STATE' },
  /** Apache Kafka agrees and closes with the next message. */
  renewedByOtherMechanism: {
    millrace: ['UNSUPPORTED_SASL_MECHANISM', closed],
    apache: ['NONE', closed],
  },
  renewedByUnknownMechanism: { millrace: 'UNSUPPORTED_SASL_MECHANISM', apache: closed },
  /** Here requests are served while a session is renewed. */
  requestWhileRenewing: {
    millrace: ['UNKNOWN_TOPIC_OR_PARTITION', 'NONE'],
    apache: ['ILLEGAL_SASL_STATE', closed],
  },
} as const satisfies Readonly<Record<string, Difference<unknown>>>
