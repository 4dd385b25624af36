import { randomInt, systemRandom, type Clock } from '@millrace/core'
import { errorCodes, type FetchRequest, type FetchResponseInput } from '@millrace/protocol'
import type { Row } from './control/request-shapes.ts'
import { limits } from './limits.ts'
import type { Topics } from './topics/topics.ts'

type TopicRequest = FetchRequest['topics'][number]
type PartitionRequest = TopicRequest['partitions'][number]
type TopicAnswer = FetchResponseInput['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const NO_SESSION = 0

interface CachedPartition {
  readonly topic: string
  readonly topicId: string
  request: PartitionRequest
  /** What the client was told last; -1 makes sure that it is told again. */
  highWatermark: bigint
  logStartOffset: bigint
}

interface Session {
  readonly id: number
  /** Topics are named by id (Fetch v13+) or by name; a session may not change that. */
  readonly usesTopicIds: boolean
  readonly createdMs: number
  usedMs: number
  /** The epoch that the next request must carry. */
  epoch: number
  /** In the order to be read; who got records goes to the end, so that nobody starves. */
  readonly partitions: Map<string, CachedPartition>
}

/** What one fetch asks for, and how its answer leaves. */
export interface FetchContext {
  /** Every partition to read, also those that the request did not repeat. */
  readonly topics: readonly TopicRequest[]
  /** Makes of all partitions' answers what the client must be told. Called once. */
  answer(responses: readonly TopicAnswer[]): FetchResponseInput
}

/**
 * Incremental fetch sessions (KIP-227; Kafka: FetchSession, FetchSessionCache): the broker remembers what a consumer fetches, so that its
 * requests say only what changed, and answers only hold partitions with news. (0, -1) is no session, (0, 0) a new one, (id, 0) a new one in
 * place of that, (id, -1) its end, (id, n) the n-th request in it. A broker may refuse to make one (id 0), which it does when the
 * cache is full of sessions that are in use. Sessions are not kept over a restart: clients get FETCH_SESSION_ID_NOT_FOUND and begin a new one.
 */
export class FetchSessions {
  readonly #clock: Clock
  /** Least recently used first. */
  readonly #sessions = new Map<number, Session>()
  #partitionCount = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Partitions remembered in all sessions. */
  get partitionCount(): number {
    return this.#partitionCount
  }

  /** @returns Kafka's error code when the request names a session that cannot be used */
  begin(request: FetchRequest, usesTopicIds: boolean): FetchContext | number {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch !== INITIAL_EPOCH && sessionEpoch !== FINAL_EPOCH)
      return this.#continue(request, usesTopicIds)
    const before = this.#sessions.get(sessionId)
    if (before !== undefined) this.#remove(before)
    return sessionEpoch === FINAL_EPOCH
      ? sessionless(request.topics)
      : this.#create(request, usesTopicIds)
  }

  /** The partitions that a request is about, by topic name: its own and those of its session. */
  partitionsOf(request: Row, topics: Topics): ReadonlyMap<string, readonly number[]> {
    const { sessionId, sessionEpoch, topics: named } = request as FetchRequest
    const found = new Map<string, number[]>()
    const add = (topic: string, id: string, partition: number): void => {
      const name = topic === '' ? topics.byId(id)?.name : topic
      if (name === undefined) return
      const numbers = found.get(name)
      if (numbers === undefined) found.set(name, [partition])
      else if (!numbers.includes(partition)) numbers.push(partition)
    }
    for (const { topic, topicId, partitions } of named)
      for (const { partition } of partitions) add(topic, topicId, partition)
    const session = sessionEpoch > 0 ? this.#sessions.get(sessionId) : undefined
    for (const { topic, topicId, request: asked } of session?.partitions.values() ?? [])
      add(topic, topicId, asked.partition)
    return found
  }

  #create(request: FetchRequest, usesTopicIds: boolean): FetchContext {
    const { topics } = request
    const answer = (responses: readonly TopicAnswer[]): FetchResponseInput => {
      const session = this.#open(request, usesTopicIds)
      if (session !== undefined) noteAnswers(session, responses)
      return { errorCode: errorCodes.NONE, sessionId: session?.id ?? NO_SESSION, responses }
    }
    return { topics, answer }
  }

  #continue(request: FetchRequest, usesTopicIds: boolean): FetchContext | number {
    const session = this.#sessions.get(request.sessionId)
    if (session === undefined) return errorCodes.FETCH_SESSION_ID_NOT_FOUND
    if (session.epoch !== request.sessionEpoch) return errorCodes.INVALID_FETCH_SESSION_EPOCH
    if (session.usesTopicIds !== usesTopicIds) return errorCodes.FETCH_SESSION_TOPIC_ID_ERROR
    session.epoch = session.epoch === 0x7fff_ffff ? 1 : session.epoch + 1
    this.#touch(session)
    this.#update(session, request)
    if (session.partitions.size === 0) {
      this.#remove(session)
      return sessionless([])
    }
    const answer = (responses: readonly TopicAnswer[]): FetchResponseInput => ({
      errorCode: errorCodes.NONE,
      sessionId: session.id,
      responses: noteAnswers(session, responses),
    })
    return { topics: topicsOf(session), answer }
  }

  #update(session: Session, { topics, forgottenTopicsData }: FetchRequest): void {
    const before = session.partitions.size
    for (const { topic, topicId, partitions } of topics)
      for (const request of partitions) {
        const key = keyOf(topic, topicId, request.partition)
        const known = session.partitions.get(key)
        if (known !== undefined) known.request = request
        else if (this.#hasRoomFor(1)) session.partitions.set(key, cached(topic, topicId, request))
      }
    for (const { topic, topicId, partitions } of forgottenTopicsData)
      for (const partition of partitions)
        session.partitions.delete(keyOf(topic, topicId, partition))
    this.#partitionCount += session.partitions.size - before
  }

  #open({ topics }: FetchRequest, usesTopicIds: boolean): Session | undefined {
    const nowMs = this.#clock.monotonicMs()
    const partitions = new Map<string, CachedPartition>()
    for (const { topic, topicId, partitions: asked } of topics)
      for (const request of asked)
        partitions.set(keyOf(topic, topicId, request.partition), cached(topic, topicId, request))
    if (partitions.size === 0 || !this.#makeRoom(partitions.size, nowMs)) return undefined
    const session = {
      id: this.#newId(),
      usesTopicIds,
      createdMs: nowMs,
      usedMs: nowMs,
      epoch: 1,
      partitions,
    }
    this.#sessions.set(session.id, session)
    this.#partitionCount += partitions.size
    return session
  }

  /** A session makes room that was idle for long; or, once it has lived so long, the smallest if the new one is larger. */
  #makeRoom(size: number, nowMs: number): boolean {
    if (!this.#hasRoomFor(size)) return false
    if (this.#sessions.size < limits.fetchSessions) return true
    const oldest = this.#sessions.values().next().value
    if (oldest !== undefined && nowMs - oldest.usedMs > limits.fetchSessionEvictionMs) {
      this.#remove(oldest)
      return true
    }
    let smallest: Session | undefined
    for (const session of this.#sessions.values())
      if (
        nowMs - session.createdMs > limits.fetchSessionEvictionMs &&
        session.partitions.size < (smallest?.partitions.size ?? size)
      )
        smallest = session
    if (smallest === undefined) return false
    this.#remove(smallest)
    return true
  }

  #hasRoomFor(partitions: number): boolean {
    return this.#partitionCount + partitions <= limits.fetchSessionPartitions
  }

  #touch(session: Session): void {
    session.usedMs = this.#clock.monotonicMs()
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, session)
  }

  #remove(session: Session): void {
    if (this.#sessions.delete(session.id)) this.#partitionCount -= session.partitions.size
  }

  /** Random, so that a client of another life of the broker does not meet somebody else's session. */
  #newId(): number {
    for (;;) {
      const id = randomInt(systemRandom, 0x7fff_ffff)
      if (id !== NO_SESSION && !this.#sessions.has(id)) return id
    }
  }
}

function sessionless(topics: readonly TopicRequest[]): FetchContext {
  const answer = (responses: readonly TopicAnswer[]): FetchResponseInput => ({
    errorCode: errorCodes.NONE,
    sessionId: NO_SESSION,
    responses,
  })
  return { topics, answer }
}

function keyOf(topic: string, topicId: string, partition: number): string {
  return `${partition}/${topic === '' ? topicId : topic}`
}

function cached(topic: string, topicId: string, request: PartitionRequest): CachedPartition {
  return { topic, topicId, request, highWatermark: -1n, logStartOffset: -1n }
}

/** The session's partitions as a request would name them; neighbours of one topic stand together. */
function topicsOf({ partitions }: Session): readonly TopicRequest[] {
  const topics: { topic: string; topicId: string; partitions: PartitionRequest[] }[] = []
  for (const { topic, topicId, request } of partitions.values()) {
    const last = topics.at(-1)
    if (last?.topic === topic && last.topicId === topicId) last.partitions.push(request)
    else topics.push({ topic, topicId, partitions: [request] })
  }
  return topics
}

/** Remembers what the client is told; returns what is news to it: records, an error, another high watermark or log start. */
function noteAnswers(session: Session, responses: readonly TopicAnswer[]): readonly TopicAnswer[] {
  const news: TopicAnswer[] = []
  for (const response of responses) {
    const partitions = response.partitions.filter((partition) =>
      noteAnswer(session, response, partition),
    )
    if (partitions.length > 0) news.push({ ...response, partitions })
  }
  return news
}

function noteAnswer(session: Session, { topic, topicId }: TopicAnswer, answer: PartitionAnswer) {
  const key = keyOf(topic ?? '', topicId ?? '', answer.partitionIndex)
  const known = session.partitions.get(key)
  // It was forgotten by a later request while this one waited.
  if (known === undefined) return true
  const { highWatermark, logStartOffset = -1n, errorCode, records } = answer
  const hasRecords = records instanceof Uint8Array && records.length > 0
  const hasNews =
    hasRecords ||
    errorCode !== errorCodes.NONE ||
    known.highWatermark !== highWatermark ||
    known.logStartOffset !== logStartOffset ||
    answer.divergingEpoch !== undefined
  known.highWatermark = errorCode === errorCodes.NONE ? highWatermark : -1n
  known.logStartOffset = logStartOffset
  if (hasRecords) {
    session.partitions.delete(key)
    session.partitions.set(key, known)
  }
  return hasNews
}
