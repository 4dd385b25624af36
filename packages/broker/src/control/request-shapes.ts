import { errorCodes } from '@millrace/protocol'

/**
 * Where each API's request and answer speak of partitions, groups and transactional ids. Faults, leadership and the request journal work on
 * any request through this one table; an API that is not in it has none of these.
 */
export interface RequestShape {
  /** Partitions, and how each is answered. */
  readonly partitions?: PartitionShape
  /** Topics without partitions (creation, settings), by name. */
  readonly topics?: (request: Row) => readonly (string | null)[]
  readonly groups?: (request: Row) => readonly string[]
  readonly transactionalIds?: (request: Row) => readonly (string | null)[]
  /** Only the partition's leader may answer. */
  readonly needsLeader?: true
  /** Only the coordinator of its groups, or of its transactional ids, may answer. */
  readonly needsCoordinator?: 'group' | 'transaction'
  /** The whole request answered with an error; by default `{ errorCode }`. */
  readonly refusal?: (request: Row, version: number, errorCode: number) => Row
}

/** A message looked at by field name. */
export type Row = Readonly<Record<string, unknown>>

/** Names of the fields on the way to a partition, in the request and in the answer. */
export interface PartitionShape {
  readonly topics: string
  readonly name: string
  readonly partitions: string
  /** Field of the partition's number; undefined where the list holds bare numbers. */
  readonly index?: string
  readonly answer: {
    readonly topics: string
    readonly name: string
    readonly partitions: string
    readonly index: string
    /** What a refused partition's other fields hold, where not zero. */
    readonly refused?: Row
  }
}

const groupId = (request: Row): readonly string[] => [request['groupId'] as string]
const transactionalId = (request: Row): readonly (string | null)[] => [
  request['transactionalId'] as string | null,
]
const rows = (request: Row, field: string): readonly Row[] => (request[field] ?? []) as Row[]
const names = (request: Row): readonly string[] =>
  rows(request, 'topics').map(({ name }) => name as string)

/** Request and answer name everything alike. */
const sameNames = (index: string, refused?: Row): PartitionShape => ({
  topics: 'topics',
  name: 'name',
  partitions: 'partitions',
  index,
  answer: {
    topics: 'topics',
    name: 'name',
    partitions: 'partitions',
    index,
    ...(refused === undefined ? {} : { refused }),
  },
})

/** One row of the answer per element of the request's list. */
const perRow =
  (from: string, to: string, row: (element: never) => Row) =>
  (request: Row, _version: number, errorCode: number): Row => ({
    [to]: ((request[from] ?? []) as never[]).map((element) => ({ errorCode, ...row(element) })),
  })

const configTopics = (request: Row): readonly string[] =>
  rows(request, 'resources')
    .filter(({ resourceType }) => resourceType === 2)
    .map(({ resourceName }) => resourceName as string)
const perResource = (to: string) =>
  perRow('resources', to, ({ resourceType, resourceName }: Row) => ({
    resourceType,
    resourceName,
    errorMessage: null,
  }))

export const requestShapes: ReadonlyMap<number, RequestShape> = new Map<number, RequestShape>([
  [
    0,
    {
      partitions: {
        topics: 'topicData',
        name: 'name',
        partitions: 'partitionData',
        index: 'index',
        answer: {
          topics: 'responses',
          name: 'name',
          partitions: 'partitionResponses',
          index: 'index',
          refused: { baseOffset: -1n, logStartOffset: -1n },
        },
      },
      transactionalIds: transactionalId,
      needsLeader: true,
    },
  ],
  // Fetch asks for every partition by itself, because a session knows more partitions than the request names.
  [1, { refusal: refuseFetch }],
  [
    2,
    { partitions: sameNames('partitionIndex', { offset: -1n, timestamp: -1n }), needsLeader: true },
  ],
  [
    3,
    {
      topics: names,
      refusal: perRow('topics', 'topics', ({ name, topicId }: Row) => ({ name, topicId })),
    },
  ],
  [
    75,
    {
      topics: names,
      refusal: perRow('topics', 'topics', ({ name }: Row) => ({ name, partitions: [] })),
    },
  ],
  [8, { partitions: sameNames('partitionIndex'), groups: groupId, needsCoordinator: 'group' }],
  [
    9,
    {
      groups: (request) => {
        const several = rows(request, 'groups').map((group) => group['groupId'] as string)
        return several.length > 0 ? several : groupId(request)
      },
      needsCoordinator: 'group',
      refusal: refuseOffsetFetch,
    },
  ],
  [
    10,
    {
      groups: (request) => (request['keyType'] === 1 ? [] : coordinatorKeys(request)),
      transactionalIds: (request) => (request['keyType'] === 1 ? coordinatorKeys(request) : []),
      refusal: (request, version, errorCode) => {
        const nowhere = { errorCode, errorMessage: null, nodeId: -1, host: '', port: -1 }
        return version < 4
          ? nowhere
          : { coordinators: coordinatorKeys(request).map((key) => ({ key, ...nowhere })) }
      },
    },
  ],
  [11, { groups: groupId, needsCoordinator: 'group', refusal: refuseJoin }],
  [12, { groups: groupId, needsCoordinator: 'group' }],
  [13, { groups: groupId, needsCoordinator: 'group' }],
  [14, { groups: groupId, needsCoordinator: 'group' }],
  [
    15,
    {
      groups: (request) => request['groups'] as string[],
      needsCoordinator: 'group',
      refusal: perRow('groups', 'groups', (id: string) => ({ groupId: id })),
    },
  ],
  [
    19,
    {
      topics: names,
      refusal: perRow('topics', 'topics', ({ name }: Row) => ({ name, errorMessage: null })),
    },
  ],
  [20, { topics: deletedTopics, refusal: refuseDeletion }],
  [21, { partitions: sameNames('partitionIndex', { lowWatermark: -1n }), needsLeader: true }],
  [22, { transactionalIds: transactionalId, needsCoordinator: 'transaction' }],
  [
    23,
    {
      partitions: {
        topics: 'topics',
        name: 'topic',
        partitions: 'partitions',
        index: 'partition',
        answer: { topics: 'topics', name: 'topic', partitions: 'partitions', index: 'partition' },
      },
      needsLeader: true,
    },
  ],
  [
    24,
    {
      transactionalIds: (request) => {
        const several = rows(request, 'transactions').map((row) => row['transactionalId'] as string)
        return several.length > 0 ? several : [request['v3AndBelowTransactionalId'] as string]
      },
      needsCoordinator: 'transaction',
      refusal: refuseAddPartitions,
    },
  ],
  [25, { groups: groupId, transactionalIds: transactionalId, needsCoordinator: 'transaction' }],
  [26, { transactionalIds: transactionalId, needsCoordinator: 'transaction' }],
  [
    28,
    {
      partitions: sameNames('partitionIndex'),
      groups: groupId,
      transactionalIds: transactionalId,
      needsCoordinator: 'group',
    },
  ],
  [30, { refusal: perRow('creations', 'results', () => ({ errorMessage: null })) }],
  [31, { refusal: perRow('filters', 'filterResults', () => ({ errorMessage: null })) }],
  [32, { topics: configTopics, refusal: perResource('results') }],
  [33, { topics: configTopics, refusal: perResource('responses') }],
  [
    35,
    {
      refusal: (_request, _version, errorCode) => ({
        errorCode,
        results: [{ errorCode, logDir: '' }],
      }),
    },
  ],
  [
    37,
    {
      topics: names,
      refusal: perRow('topics', 'results', ({ name }: Row) => ({ name })),
    },
  ],
  [
    42,
    {
      groups: (request) => request['groupsNames'] as string[],
      needsCoordinator: 'group',
      refusal: perRow('groupsNames', 'results', (id: string) => ({ groupId: id })),
    },
  ],
  [44, { topics: configTopics, refusal: perResource('responses') }],
  [47, { groups: groupId, needsCoordinator: 'group' }],
  [
    49,
    {
      refusal: perRow('entries', 'entries', ({ entity }: Row) => ({ entity, errorMessage: null })),
    },
  ],
  [51, { refusal: refuseScramUsers }],
  [
    61,
    {
      partitions: {
        topics: 'topics',
        name: 'name',
        partitions: 'partitionIndexes',
        answer: {
          topics: 'topics',
          name: 'name',
          partitions: 'partitions',
          index: 'partitionIndex',
        },
      },
      needsLeader: true,
    },
  ],
  [
    65,
    {
      transactionalIds: (request) => request['transactionalIds'] as string[],
      needsCoordinator: 'transaction',
      refusal: perRow('transactionalIds', 'transactionStates', (id: string) => ({
        transactionalId: id,
      })),
    },
  ],
  [68, { groups: groupId, needsCoordinator: 'group' }],
  [
    69,
    {
      groups: (request) => request['groupIds'] as string[],
      needsCoordinator: 'group',
      refusal: perRow('groupIds', 'groups', (id: string) => ({ groupId: id, errorMessage: null })),
    },
  ],
])

const noShape: RequestShape = {}

export function shapeOf(apiKey: number): RequestShape {
  return requestShapes.get(apiKey) ?? noShape
}

/** The answer that refuses all of a request. */
export function refusalOf(
  apiKey: number,
  request: unknown,
  version: number,
  errorCode: number,
): Row {
  const { refusal, partitions } = shapeOf(apiKey)
  if (refusal !== undefined) return refusal(request as Row, version, errorCode)
  if (partitions === undefined) return { errorCode }
  return splitPartitions(partitions, request as Row, () => errorCode).refused
}

/**
 * What Kafka tells when the disk refuses a change: its coordinators, which keep their state in topics, say that they are not available, and
 * clients look for them again.
 */
export function storageErrorOf(apiKey: number, request: Row): number {
  if (apiKey === INIT_PRODUCER_ID && request['transactionalId'] === null)
    return errorCodes.COORDINATOR_LOAD_IN_PROGRESS
  return shapeOf(apiKey).needsCoordinator === undefined
    ? errorCodes.KAFKA_STORAGE_ERROR
    : errorCodes.COORDINATOR_NOT_AVAILABLE
}

const INIT_PRODUCER_ID = 22

const noDetails: Row = {}

interface Split {
  /** The request without what was refused. */
  readonly rest: Row
  /** Whether anything is left of it. */
  readonly isEmpty: boolean
  /** An answer that holds the refused partitions alone. */
  readonly refused: Row
}

/**
 * Parts a request into what may be handled and the answer to what may not.
 * @param detailsOf further fields of a refused partition
 */
export function splitPartitions(
  shape: PartitionShape,
  request: Row,
  errorOf: (topic: string, partition: number) => number,
  detailsOf: (topic: string, partition: number, errorCode: number) => Row = () => noDetails,
): Split {
  const restTopics: Row[] = []
  const refusedTopics: Row[] = []
  for (const topic of rows(request, shape.topics)) {
    const name = topic[shape.name] as string
    const kept: unknown[] = []
    const refused: Row[] = []
    for (const partition of topic[shape.partitions] as (Row | number)[]) {
      const index =
        typeof partition === 'number' ? partition : (partition[shape.index ?? ''] as number)
      const errorCode = errorOf(name, index)
      if (errorCode === 0) kept.push(partition)
      else
        refused.push({
          ...shape.answer.refused,
          ...detailsOf(name, index, errorCode),
          [shape.answer.index]: index,
          errorCode,
        })
    }
    if (kept.length > 0) restTopics.push({ ...topic, [shape.partitions]: kept })
    if (refused.length > 0)
      refusedTopics.push({ [shape.answer.name]: name, [shape.answer.partitions]: refused })
  }
  return {
    rest: { ...request, [shape.topics]: restTopics },
    isEmpty: restTopics.length === 0,
    refused: { [shape.answer.topics]: refusedTopics },
  }
}

/** Puts the refused partitions into the answer of the others. */
export function mergeAnswers({ answer: names }: PartitionShape, answer: Row, refused: Row): Row {
  const merged = new Map<unknown, Row>()
  for (const topic of [...rows(answer, names.topics), ...rows(refused, names.topics)]) {
    const before = merged.get(topic[names.name])
    const partitions = topic[names.partitions] as Row[]
    merged.set(topic[names.name], {
      ...topic,
      [names.partitions]:
        before === undefined ? partitions : [...(before[names.partitions] as Row[]), ...partitions],
    })
  }
  return { ...answer, [names.topics]: [...merged.values()] }
}

/** The same answer with this error in place of every success. */
export function withError(answer: unknown, errorCode: number): unknown {
  if (Array.isArray(answer)) return answer.map((element) => withError(element, errorCode))
  if (typeof answer !== 'object' || answer === null || answer instanceof Uint8Array) return answer
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) =>
      isErrorField(name) && value === 0 ? [name, errorCode] : [name, withError(value, errorCode)],
    ),
  )
}

/** Every error code in an answer, without repetition. */
export function errorCodesIn(answer: unknown, found: number[] = []): readonly number[] {
  if (Array.isArray(answer)) {
    for (const element of answer) {
      if (typeof element !== 'object') break
      errorCodesIn(element, found)
    }
  } else if (typeof answer === 'object' && answer !== null && !(answer instanceof Uint8Array)) {
    for (const name in answer) {
      const value = (answer as Row)[name]
      if (isErrorField(name)) {
        if (value !== 0 && value !== undefined && !found.includes(value as number))
          found.push(value as number)
      } else if (typeof value === 'object') errorCodesIn(value, found)
    }
  }
  return found
}

function isErrorField(name: string): boolean {
  return name === 'errorCode' || name === 'partitionErrorCode'
}

function coordinatorKeys(request: Row): readonly string[] {
  const several = (request['coordinatorKeys'] ?? []) as string[]
  return several.length > 0 ? several : [request['key'] as string]
}

/** Before version 7 a fetch has no error of its own. */
function refuseFetch(request: Row, version: number, errorCode: number): Row {
  if (version >= 7) return { errorCode, responses: [] }
  const nothing = { highWatermark: -1n, abortedTransactions: null, records: Buffer.alloc(0) }
  return {
    responses: rows(request, 'topics').map(({ topic, partitions }) => ({
      topic,
      partitions: (partitions as Row[]).map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        ...nothing,
      })),
    })),
  }
}

function refuseScramUsers(request: Row, _version: number, errorCode: number): Row {
  const users = [...rows(request, 'deletions'), ...rows(request, 'upsertions')]
  return { results: users.map(({ name }) => ({ user: name, errorCode, errorMessage: null })) }
}

/** Refusing JoinGroup and the like, clients look at the error alone. */
function refuseJoin(request: Row, version: number, errorCode: number): Row {
  return {
    errorCode,
    memberId: request['memberId'],
    ...(version >= 7 ? { protocolName: null } : {}),
  }
}

function refuseOffsetFetch(request: Row, version: number, errorCode: number): Row {
  if (version >= 8)
    return {
      groups: rows(request, 'groups').map(({ groupId: id }) => ({ groupId: id, errorCode })),
    }
  const partition = { committedOffset: -1n, metadata: '', errorCode }
  const topics = rows(request, 'topics').map(({ name, partitionIndexes }) => ({
    name,
    partitions: (partitionIndexes as number[]).map((partitionIndex) => ({
      partitionIndex,
      ...partition,
    })),
  }))
  return { topics, errorCode }
}

function refuseAddPartitions(request: Row, version: number, errorCode: number): Row {
  const results = (topics: readonly Row[]): readonly Row[] =>
    topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: (partitions as number[]).map((partitionIndex) => ({
        partitionIndex,
        partitionErrorCode: errorCode,
      })),
    }))
  if (version < 4) return { resultsByTopicV3AndBelow: results(rows(request, 'v3AndBelowTopics')) }
  return {
    resultsByTransaction: rows(request, 'transactions').map((transaction) => ({
      transactionalId: transaction['transactionalId'],
      topicResults: results(rows(transaction, 'topics')),
    })),
  }
}

function deletedTopics(request: Row): readonly (string | null)[] {
  const byName = (request['topicNames'] ?? []) as string[]
  return byName.length > 0 ? byName : names(request)
}

function refuseDeletion(request: Row, version: number, errorCode: number): Row {
  const topics: readonly Row[] =
    version >= 6
      ? rows(request, 'topics').map(({ name, topicId }) => ({ name, topicId }))
      : ((request['topicNames'] ?? []) as string[]).map((name) => ({ name }))
  return { responses: topics.map((topic) => ({ ...topic, errorCode })) }
}
