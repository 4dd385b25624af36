import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  describeTransactionsApi,
  endTxnApi,
  errorCodes,
  initProducerIdApi,
  listTransactionsApi,
  txnOffsetCommitApi,
} from '@millrace/protocol'
import { rule, split, type AccessRule } from './access-rule.ts'
import { aclOperations, resourceTypes } from './acls.ts'
import { refusedPartitions } from './rules-of-groups.ts'

const { READ, WRITE, DESCRIBE, CLUSTER_ACTION, IDEMPOTENT_WRITE } = aclOperations
const { GROUP, TOPIC, TRANSACTIONAL_ID } = resourceTypes
const {
  CLUSTER_AUTHORIZATION_FAILED,
  GROUP_AUTHORIZATION_FAILED,
  OPERATION_NOT_ATTEMPTED,
  TOPIC_AUTHORIZATION_FAILED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
} = errorCodes

/** Rights to transactional ids, and to what takes part in their transactions. */
export const rulesOfTransactions: readonly AccessRule[] = [
  rule(initProducerIdApi, (request, access) => {
    const { transactionalId } = request
    // KIP-679: who may write to any topic may do so idempotently.
    const isAllowed =
      transactionalId === null
        ? access.mayOnCluster(IDEMPOTENT_WRITE) || access.mayOnAny(WRITE, TOPIC)
        : access.may(WRITE, TRANSACTIONAL_ID, transactionalId)
    const errorCode =
      transactionalId === null
        ? CLUSTER_AUTHORIZATION_FAILED
        : TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return isAllowed ? { request } : { answer: { errorCode, producerId: -1n, producerEpoch: -1 } }
  }),

  rule(addPartitionsToTxnApi, (request, access, { version }) => {
    // The form for several transactions is the brokers' own; platformatic sends it, so it needs this right on Apache Kafka as well.
    if (version >= 4)
      return access.mayOnCluster(CLUSTER_ACTION)
        ? { request }
        : { answer: { errorCode: CLUSTER_AUTHORIZATION_FAILED } }
    const topics = request.v3AndBelowTopics
    const isOwn = access.may(WRITE, TRANSACTIONAL_ID, request.v3AndBelowTransactionalId)
    const mayWrite = (topic: string): boolean => access.may(WRITE, TOPIC, topic)
    if (isOwn && topics.every(({ name }) => mayWrite(name))) return { request }
    const codeOf = (topic: string): number => {
      if (!isOwn) return TRANSACTIONAL_ID_AUTHORIZATION_FAILED
      return mayWrite(topic) ? OPERATION_NOT_ATTEMPTED : TOPIC_AUTHORIZATION_FAILED
    }
    return {
      answer: {
        resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
          name,
          resultsByPartition: partitions.map((partitionIndex) => ({
            partitionIndex,
            partitionErrorCode: codeOf(name),
          })),
        })),
      },
    }
  }),

  rule(addOffsetsToTxnApi, (request, access) => {
    if (!access.may(WRITE, TRANSACTIONAL_ID, request.transactionalId))
      return { answer: { errorCode: TRANSACTIONAL_ID_AUTHORIZATION_FAILED } }
    return access.may(READ, GROUP, request.groupId)
      ? { request }
      : { answer: { errorCode: GROUP_AUTHORIZATION_FAILED } }
  }),

  rule(endTxnApi, (request, access) =>
    access.may(WRITE, TRANSACTIONAL_ID, request.transactionalId)
      ? { request }
      : { answer: { errorCode: TRANSACTIONAL_ID_AUTHORIZATION_FAILED } },
  ),

  rule(txnOffsetCommitApi, (request, access) => {
    const isOwn = access.may(WRITE, TRANSACTIONAL_ID, request.transactionalId)
    const isGroupOwn = access.may(READ, GROUP, request.groupId)
    const whole = isOwn ? GROUP_AUTHORIZATION_FAILED : TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    if (!isOwn || !isGroupOwn)
      return { answer: { topics: refusedPartitions(request.topics, whole) } }
    const { allowed, denied } = split(request.topics, ({ name }) => access.may(READ, TOPIC, name))
    const refused = refusedPartitions(denied, TOPIC_AUTHORIZATION_FAILED)
    if (allowed.length === 0 && denied.length > 0) return { answer: { topics: refused } }
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(describeTransactionsApi, (request, access) => {
    const { allowed, denied } = split(request.transactionalIds, (id) =>
      access.may(DESCRIBE, TRANSACTIONAL_ID, id),
    )
    const refused = denied.map((transactionalId) => ({
      errorCode: TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      transactionalId,
      transactionState: '',
      transactionTimeoutMs: 0,
      transactionStartTimeMs: 0n,
      producerId: 0n,
      producerEpoch: 0,
      topics: [],
    }))
    return {
      request: { ...request, transactionalIds: allowed },
      mend: (answer) => ({
        ...answer,
        transactionStates: [
          ...answer.transactionStates.map((row) => ({
            ...row,
            topics: row.topics.filter(({ topic }) => access.may(DESCRIBE, TOPIC, topic)),
          })),
          ...refused,
        ],
      }),
    }
  }),

  rule(listTransactionsApi, (request, access) => ({
    request,
    mend: (answer) => ({
      ...answer,
      transactionStates: answer.transactionStates.filter(({ transactionalId }) =>
        access.may(DESCRIBE, TRANSACTIONAL_ID, transactionalId),
      ),
    }),
  })),
]
