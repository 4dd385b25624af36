/** Error codes of broker answers, and what each asks of a client. */
import { errorCodes, kafkaErrorCode, type KafkaErrorName } from '@millrace/protocol'
import { KafkaError } from './errors.ts'

/** Their numbers by name, such as `code.NOT_COORDINATOR`. */
export const code = errorCodes

function setOf(...names: readonly KafkaErrorName[]): ReadonlySet<number> {
  return new Set(names.map((name) => errorCodes[name]))
}

/** The coordinator has to be looked up again. */
const coordinatorMoved = setOf('COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR')

/** Another broker may lead the partition by now, or the topic be another one. @see Java's `InvalidMetadataException` */
const leaderInDoubt = setOf(
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'LISTENER_NOT_FOUND',
  'KAFKA_STORAGE_ERROR',
  'NETWORK_EXCEPTION',
  'UNKNOWN_SERVER_ERROR',
)

/** The member is no longer what it believes to be; it has to join again. */
const membershipOver = setOf(
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'FENCED_MEMBER_EPOCH',
  'STALE_MEMBER_EPOCH',
)

/** Said before anything is appended: too few replicas are in sync, or the transaction cannot take the partition in yet (KIP-890). */
const beforeAppend = setOf(
  'NOT_ENOUGH_REPLICAS',
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
)

export const isBeforeAppend = (errorCode: number): boolean => beforeAppend.has(errorCode)
export const isPassing = (errorCode: number): boolean => kafkaErrorCode(errorCode).retriable
export const isCoordinatorMoved = (errorCode: number): boolean => coordinatorMoved.has(errorCode)
export const isLeaderInDoubt = (errorCode: number): boolean => leaderInDoubt.has(errorCode)
export const isMembershipOver = (errorCode: number): boolean => membershipOver.has(errorCode)
export const errorName = (errorCode: number): KafkaErrorName => kafkaErrorCode(errorCode).name

/** The error that says `what` was answered with `errorCode`: retryable when that passes by itself. */
export function brokerError(
  what: string,
  errorCode: number,
  details: Readonly<Record<string, unknown>> = {},
): KafkaError {
  const { name, text, retriable } = kafkaErrorCode(errorCode)
  const said = `${what}: the broker answered ${name} (${text})`
  const known = { ...details, errorCode, errorName: name }
  return retriable
    ? new KafkaError('MR_KAFKA_BROKER_BUSY', `${said} This passes by itself: try again.`, known)
    : new KafkaError('MR_KAFKA_REFUSED', `${said} Trying again will not help.`, known)
}

/** @throws KafkaError when `errorCode` is not NONE */
export function expectNone(
  what: string,
  errorCode: number,
  details?: Readonly<Record<string, unknown>>,
): void {
  if (errorCode !== code.NONE) throw brokerError(what, errorCode, details)
}
