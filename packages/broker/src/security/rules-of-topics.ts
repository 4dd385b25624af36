import {
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeProducersApi,
  describeTopicPartitionsApi,
  errorCodes,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  offsetForLeaderEpochApi,
  produceApi,
  zeroUuid,
  type ProduceResponseInput,
} from '@millrace/protocol'
import { ConnectionFault } from '../connection-fault.ts'
import type { Access } from './access.ts'
import { rule, split, type AccessRule } from './access-rule.ts'
import { aclOperations, resourceTypes } from './acls.ts'

const { READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS } = aclOperations
const { TOPIC, TRANSACTIONAL_ID } = resourceTypes
const { TOPIC_AUTHORIZATION_FAILED, TRANSACTIONAL_ID_AUTHORIZATION_FAILED } = errorCodes

/** Rights to topics, as Kafka's KafkaApis asks for them: WRITE, READ, and so on of each topic by itself. */
export const rulesOfTopics: readonly AccessRule[] = [
  rule(produceApi, (request, access) => {
    const { transactionalId, topicData, acks } = request
    const isTransactionOwn =
      transactionalId === null || access.may(WRITE, TRANSACTIONAL_ID, transactionalId)
    const { allowed, denied } = split(
      topicData,
      ({ name }) => isTransactionOwn && access.may(WRITE, TOPIC, name),
    )
    if (denied.length === 0) return { request }
    if (acks === 0) throw new ConnectionFault('an acks=0 produce is not allowed')
    const errorCode = isTransactionOwn
      ? TOPIC_AUTHORIZATION_FAILED
      : TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    const refused = denied.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1n })),
    }))
    return {
      request: { ...request, topicData: allowed },
      mend: (answer: ProduceResponseInput) => ({
        ...answer,
        responses: [...answer.responses, ...refused],
      }),
    }
  }),

  rule(fetchApi, (request, access, context) => {
    // A name that does not exist must not be told from one that may not be read.
    const { allowed, denied } = split(
      request.topics,
      ({ topic }) =>
        context.version >= 13 ||
        context.broker.topics.byName(topic) !== undefined ||
        access.may(READ, TOPIC, topic),
    )
    const refused = denied.map(({ topic, partitions }) => ({
      topic,
      topicId: zeroUuid,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
        highWatermark: -1n,
        abortedTransactions: null,
        records: Buffer.alloc(0),
      })),
    }))
    // A session remembers partitions of earlier requests, so the handler asks for each of them, each time.
    const refusalOf = (topic: string, partition: number): number =>
      access.may(READ, TOPIC, topic)
        ? context.refusalOf(topic, partition)
        : TOPIC_AUTHORIZATION_FAILED
    return {
      request: { ...request, topics: allowed },
      context: { ...context, refusalOf },
      mend: (answer) => ({ ...answer, responses: [...answer.responses, ...refused] }),
    }
  }),

  rule(listOffsetsApi, (request, access) => {
    const { allowed, denied } = split(request.topics, ({ name }) =>
      access.may(DESCRIBE, TOPIC, name),
    )
    const refused = denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
      })),
    }))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(describeTopicPartitionsApi, (request, access, { broker }) => {
    const isAll = request.topics.length === 0
    const wanted = isAll ? [...broker.topics.all].map(({ name }) => ({ name })) : request.topics
    const { allowed, denied } = split(wanted, ({ name }) => access.may(DESCRIBE, TOPIC, name))
    const refused = (isAll ? [] : denied).map(({ name }) => ({
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      name,
      topicId: zeroUuid,
      isInternal: false,
      partitions: [],
    }))
    // An empty list would mean all.
    if (allowed.length === 0) return { answer: { topics: refused, nextCursor: null } }
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(metadataApi, (request, access, { version, broker }) => {
    const mayDescribe = (name: string): boolean => access.may(DESCRIBE, TOPIC, name)
    const { topics } = request
    if (topics === null || (version === 0 && topics.length === 0))
      return {
        request,
        mend: (answer) => ({
          ...answer,
          topics: answer.topics.filter(({ name }) => name !== null && mayDescribe(name)),
        }),
      }
    const { allowed, denied } = split(topics, ({ name, topicId }) => {
      const wanted = name ?? broker.topics.byId(topicId)?.name
      // An id that nobody knows tells nothing.
      if (wanted === undefined) return true
      if (!mayDescribe(wanted)) return false
      return broker.topics.byName(wanted) !== undefined || mayCreate(access, wanted)
    })
    // A topic that would only have to be created stays unknown to who may not create it.
    const refused = denied.map(({ name, topicId }) => {
      const isHidden = name === null || !mayDescribe(name) || request.allowAutoTopicCreation
      const errorCode = isHidden
        ? TOPIC_AUTHORIZATION_FAILED
        : errorCodes.UNKNOWN_TOPIC_OR_PARTITION
      return { errorCode, name, topicId: name === null ? topicId : zeroUuid, partitions: [] }
    })
    const names = new Set(allowed.map(({ name }) => name))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({
        ...answer,
        // Version 0 takes a list from which everything was removed for "all".
        topics: [
          ...answer.topics.filter(({ name }) => version > 0 || names.has(name)),
          ...refused.map((row) => ({ ...row, isInternal: false })),
        ],
      }),
    }
  }),

  rule(createTopicsApi, (request, access) => {
    const { allowed, denied } = split(request.topics, ({ name }) => mayCreate(access, name))
    const refused = denied.map(({ name }) => ({
      name,
      topicId: zeroUuid,
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      errorMessage: 'Authorization failed.',
      configs: [],
    }))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({
        ...answer,
        topics: [
          ...answer.topics.map((row) =>
            row.errorCode !== errorCodes.NONE || access.may(DESCRIBE_CONFIGS, TOPIC, row.name)
              ? row
              : { ...row, ...hiddenConfigs },
          ),
          ...refused,
        ],
      }),
    }
  }),

  rule(deleteTopicsApi, (request, access, { version, broker }) => {
    const wanted =
      version >= 6
        ? request.topics
        : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
    const nameOf = ({ name, topicId }: (typeof wanted)[number]): string | undefined =>
      name ?? broker.topics.byId(topicId)?.name
    const { allowed, denied } = split(wanted, (one) => {
      const name = nameOf(one)
      return name === undefined || access.may(DELETE, TOPIC, name)
    })
    const refused = denied.map(({ name, topicId }) => ({
      name,
      topicId,
      errorCode: TOPIC_AUTHORIZATION_FAILED,
    }))
    return {
      request:
        version >= 6
          ? { ...request, topics: allowed }
          : { ...request, topicNames: allowed.map(({ name }) => name ?? '') },
      mend: (answer) => ({ ...answer, responses: [...answer.responses, ...refused] }),
    }
  }),

  rule(deleteRecordsApi, (request, access) => {
    const { allowed, denied } = split(request.topics, ({ name }) => access.may(DELETE, TOPIC, name))
    const refused = denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        lowWatermark: -1n,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
      })),
    }))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(offsetForLeaderEpochApi, (request, access) => {
    const { allowed, denied } = split(request.topics, ({ topic }) =>
      access.may(DESCRIBE, TOPIC, topic),
    )
    const refused = denied.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partition,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
      })),
    }))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(createPartitionsApi, (request, access) => {
    const { allowed, denied } = split(request.topics, ({ name }) => access.may(ALTER, TOPIC, name))
    const refused = denied.map(({ name }) => ({
      name,
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      errorMessage: 'The topic authorization is failed.',
    }))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, results: [...answer.results, ...refused] }),
    }
  }),

  rule(describeProducersApi, (request, access) => {
    const { allowed, denied } = split(request.topics, ({ name }) => access.may(READ, TOPIC, name))
    const refused = denied.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
        activeProducers: [],
      })),
    }))
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(describeTopicPartitionsApi, (request, access) => {
    const mayDescribe = (name: string): boolean => access.may(DESCRIBE, TOPIC, name)
    const { allowed, denied } = split(request.topics, ({ name }) => mayDescribe(name))
    const isAll = request.topics.length === 0
    // An empty list would mean all topics: one that cannot exist keeps it from being empty.
    const topics = isAll || allowed.length > 0 ? allowed : [{ name: '' }]
    const refused = denied.map(({ name }) => ({
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      name,
      topicId: zeroUuid,
      isInternal: false,
      partitions: [],
    }))
    return {
      request: { ...request, topics },
      mend: (answer) => ({
        ...answer,
        topics: [
          ...answer.topics.filter(({ name }) => name !== null && name !== '' && mayDescribe(name)),
          ...refused,
        ],
      }),
    }
  }),
]

const hiddenConfigs = {
  topicConfigErrorCode: TOPIC_AUTHORIZATION_FAILED,
  numPartitions: -1,
  replicationFactor: -1,
  configs: null,
}

function mayCreate(access: Access, topic: string): boolean {
  return access.mayOnCluster(CREATE) || access.may(CREATE, TOPIC, topic)
}
