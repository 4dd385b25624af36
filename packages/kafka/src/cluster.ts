/**
 * The brokers of one cluster as a client sees them: which there are, who leads which partition, and open connections to them.
 * Shared by nothing: every producer, consumer and admin owns one. Callers pace their own retries; a failed dial or request here
 * leaves no state behind but a dropped connection, so the next call starts afresh.
 */
import {
  noopMeter,
  silentLogger,
  systemClock,
  type Clock,
  type Counter,
  type Logger,
} from '@millrace/core'
import type { Fields, Message, MessageInput } from '@millrace/protocol'
import type { ClusterBroker } from './admin-types.ts'
import { AnswerMemory } from './answer-memory.ts'
import { BrokerConnection } from './broker-connection.ts'
import { code, expectNone } from './broker-error.ts'
import { KafkaError } from './errors.ts'
import { parseBrokers, requestTimeoutMsOf } from './options.ts'
import { securityOf, type Security } from './security.ts'
import type { BrokerAddress, KafkaOptions } from './types.ts'
import { optionalWire, wire, type Pinned } from './wire.ts'

/** Requests that wait at the broker hold up those behind them, so each kind has connections of its own. */
export type Purpose = 'data' | 'fetch' | 'group' | 'join'

export interface TopicMetadata {
  /** UNKNOWN_TOPIC_OR_PARTITION and the like; NONE for a topic that can be used. */
  readonly errorCode: number
  /** Node id of each partition's leader, -1 where there is none; the index is the partition. */
  readonly leaders: readonly number[]
}

/** Numbers of FindCoordinator. */
const coordinatorKinds = { group: 0, 'transactional id': 1 } as const

const maxConnectTimeoutMs = 5_000

export class Cluster {
  readonly clock: Clock
  /** Of all its connections. */
  readonly answerMemory: AnswerMemory
  readonly logger: Logger
  readonly requestTimeoutMs: number
  readonly #clientId: string
  readonly #security: Security
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #mapAddress: (advertised: BrokerAddress) => BrokerAddress
  readonly #reconnects: Counter
  readonly #nodes = new Map<number, BrokerAddress>()
  readonly #topics = new Map<string, TopicMetadata>()
  /** By address and purpose; a dial under way stands here as well, so that there is one at a time. */
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  readonly #connectedBefore = new Set<string>()
  #isClosed = false

  /** @param answerMaxBytes of the large answers that it asks for */
  constructor(options: KafkaOptions, answerMaxBytes = 0) {
    this.answerMemory = new AnswerMemory(answerMaxBytes)
    this.clock = options.clock ?? systemClock
    this.logger = (options.logger ?? silentLogger).child({ clientId: options.clientId })
    this.requestTimeoutMs = requestTimeoutMsOf(options)
    this.#clientId = options.clientId
    this.#security = securityOf(options)
    this.#bootstrap = parseBrokers(options.brokers)
    const mapAddress = options.mapAddress ?? ((address) => address)
    this.#mapAddress = (advertised) => {
      const { host, port } = mapAddress(advertised)
      return { host, port } // A copy: what the caller hands over may change or end before this client does.
    }
    this.#reconnects = (options.meter ?? noopMeter).counter({
      name: 'mr_kafka_reconnects_total',
      help: 'Connections to brokers opened anew after an earlier one had ended',
    })
  }

  /** Sends to the broker with this node id. @throws KafkaError */
  async request<Request extends Fields, Response extends Fields>(
    nodeId: number,
    purpose: Purpose,
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
    timeoutMs: number = this.requestTimeoutMs,
  ): Promise<Message<Response>> {
    const connection = await this.#connect(this.#addressOf(nodeId), purpose)
    return connection.request(pinned, input, timeoutMs)
  }

  /** Sends a request that the broker with this node id does not answer; resolves once it is handed to the socket. @throws KafkaError */
  async tell<Request extends Fields, Response extends Fields>(
    nodeId: number,
    purpose: Purpose,
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
  ): Promise<void> {
    const connection = await this.#connect(this.#addressOf(nodeId), purpose)
    await connection.tell(pinned, input)
  }

  /** Sends to whichever broker can be reached. @throws KafkaError */
  async requestAny<Request extends Fields, Response extends Fields>(
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
    timeoutMs: number = this.requestTimeoutMs,
  ): Promise<Message<Response>> {
    const connection = await this.#connectAny()
    return connection.request(pinned, input, timeoutMs)
  }

  /** What was last known of a topic; `undefined` until `refresh` has asked for it. */
  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  /** The leader as last known, `undefined` where there is none. */
  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.#topics.get(topic)?.leaders[partition]
    return leader === undefined || leader < 0 || !this.#nodes.has(leader) ? undefined : leader
  }

  /** Asks for brokers and these topics anew. Topics are never created by asking. @throws KafkaError */
  async refresh(topics: readonly string[]): Promise<void> {
    await this.#metadata(topics.map((name) => ({ name })))
  }

  /** Names of all topics that are not internal. @throws KafkaError */
  async allTopics(): Promise<readonly string[]> {
    const answer = await this.#metadata(null)
    return answer.topics.flatMap(({ name, isInternal }) =>
      name === null || isInternal ? [] : [name],
    )
  }

  /** Names of topics by their ids (KIP-516); those that do not exist, or not yet for this broker, are left out. @throws KafkaError */
  async topicNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { topics } = await this.requestAny(optionalWire.metadataById, {
      topics: ids.map((topicId) => ({ topicId, name: null })),
      allowAutoTopicCreation: false,
    })
    const names = new Map<string, string>()
    for (const { topicId, name, errorCode } of topics)
      if (name !== null && errorCode === code.NONE) names.set(topicId, name)
    return names
  }

  /** The brokers as they advertise themselves. @throws KafkaError */
  async brokers(): Promise<readonly ClusterBroker[]> {
    const { brokers } = await this.#metadata([])
    return brokers.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack }))
  }

  /** Node id of the controller. @throws KafkaError */
  async controller(): Promise<number> {
    const { controllerId } = await this.#metadata([])
    return controllerId
  }

  /** Node id of the coordinator of a group, or of a transactional id. @throws KafkaError */
  async coordinatorOf(key: string, kind: keyof typeof coordinatorKinds = 'group'): Promise<number> {
    const keyType = coordinatorKinds[kind]
    const answer = await this.requestAny(wire.findCoordinator, { key, keyType })
    expectNone(`Looking for the coordinator of ${kind} "${key}"`, answer.errorCode, { key, kind })
    this.#nodes.set(answer.nodeId, this.#mapAddress({ host: answer.host, port: answer.port }))
    return answer.nodeId
  }

  /** 2 where the whole cluster has transactions of the second version (KIP-890), else 1. @throws KafkaError */
  async transactionVersion(nodeId: number): Promise<1 | 2> {
    const connection = await this.#connect(this.#addressOf(nodeId), 'data')
    const isSecond =
      connection.featureLevel('transaction.version') >= 2 &&
      connection.serves(optionalWire.endTxnWithBump) &&
      connection.serves(optionalWire.txnOffsetCommitInTransaction) &&
      connection.serves(optionalWire.produceInTransaction)
    return isSecond ? 2 : 1
  }

  /** Whether the broker serves an API in a version that not all do. @throws KafkaError */
  async serves(nodeId: number, purpose: Purpose, pinned: Pinned<Fields, Fields>): Promise<boolean> {
    const connection = await this.#connect(this.#addressOf(nodeId), purpose)
    return connection.serves(pinned)
  }

  /** Drops one connection, so that a request that waits at the broker ends at once. */
  interrupt(nodeId: number, purpose: Purpose): void {
    const address = this.#nodes.get(nodeId)
    if (!address) return
    const key = connectionKey(address, purpose)
    const connection = this.#connections.get(key)
    this.#connections.delete(key)
    this.#connectedBefore.delete(key)
    connection?.then(
      (open) => open.close(),
      () => {}, // A dial that failed has nothing to close; its caller is told.
    )
  }

  /** Drops every connection. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const connection of this.#connections.values())
      connection.then(
        (open) => open.close(),
        () => {}, // A dial that failed has nothing to close; its caller is told.
      )
    this.#connections.clear()
  }

  #addressOf(nodeId: number): BrokerAddress {
    const address = this.#nodes.get(nodeId)
    if (address) return address
    throw new KafkaError(
      'MR_KAFKA_UNREACHABLE',
      `Broker ${nodeId} is not in the cluster's metadata. It is asked for again on retry.`,
      { nodeId },
    )
  }

  async #metadata(topics: readonly { readonly name: string }[] | null) {
    const answer = await this.requestAny(wire.metadata, { topics, allowAutoTopicCreation: false })
    for (const { nodeId, host, port } of answer.brokers)
      this.#nodes.set(nodeId, this.#mapAddress({ host, port }))
    for (const { name, errorCode, partitions } of answer.topics) {
      if (name === null) continue
      const leaders: number[] = Array.from({ length: partitions.length }, () => -1)
      for (const row of partitions)
        leaders[row.partitionIndex] =
          row.errorCode === code.LEADER_NOT_AVAILABLE ? -1 : row.leaderId
      this.#topics.set(name, { errorCode, leaders })
    }
    return answer
  }

  async #connectAny(): Promise<BrokerConnection> {
    const candidates = [...new Set([...this.#nodes.values(), ...this.#bootstrap].map(addressText))]
    const open = candidates.find((text) => this.#connections.has(`${text} data`))
    if (open) candidates.unshift(open)
    const causes: unknown[] = []
    for (const text of candidates) {
      const [address] = parseBrokers([text])
      try {
        return await this.#connect(address as BrokerAddress, 'data')
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retryable) throw error
        causes.push(error)
      }
    }
    throw new KafkaError(
      'MR_KAFKA_UNREACHABLE',
      `None of the brokers ${candidates.join(', ')} can be reached. Check the addresses and that a broker runs.`,
      { brokers: candidates },
      { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) },
    )
  }

  async #connect(address: BrokerAddress, purpose: Purpose): Promise<BrokerConnection> {
    const key = connectionKey(address, purpose)
    const present = this.#connections.get(key)
    if (present) {
      const connection = await present
      if (connection.isOpen) return connection
      if (this.#connections.get(key) === present) this.#connections.delete(key)
    }
    if (this.#isClosed)
      throw new KafkaError('MR_KAFKA_CLOSED', 'The client is closed; make a new one to go on.')
    return this.#connections.get(key) ?? this.#dial(key, address)
  }

  #dial(key: string, address: BrokerAddress): Promise<BrokerConnection> {
    const dialled = BrokerConnection.open(address, {
      clientId: this.#clientId,
      connectTimeoutMs: Math.min(maxConnectTimeoutMs, this.requestTimeoutMs),
      requestTimeoutMs: this.requestTimeoutMs,
      clock: this.clock,
      security: this.#security,
      memory: this.answerMemory,
    })
    this.#connections.set(key, dialled)
    dialled.then(
      (connection) => {
        if (this.#isClosed) connection.close()
        if (this.#connectedBefore.has(key)) this.#reconnects.add(1)
        this.#connectedBefore.add(key)
      },
      () => {
        if (this.#connections.get(key) === dialled) this.#connections.delete(key)
      },
    )
    return dialled
  }
}

function addressText({ host, port }: BrokerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function connectionKey(address: BrokerAddress, purpose: Purpose): string {
  return `${addressText(address)} ${purpose}`
}
