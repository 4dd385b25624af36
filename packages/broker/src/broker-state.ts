import {
  noopMeter,
  silentLogger,
  systemClock,
  toError,
  unreachable,
  type Clock,
  type Logger,
  type Meter,
  type Timer,
  uuidv7,
} from '@millrace/core'
import { BrokerConfigs } from './broker-configs.ts'
import type { BrokerRecord } from './broker-records.ts'
import { Cluster } from './cluster/cluster.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { GroupCoordinator } from './groups/coordinator.ts'
import { Journal } from './journal.ts'
import { limits } from './limits.ts'
import { systemDisk, type Disk } from './log/disk.ts'
import { GroupSync } from './log/group-sync.ts'
import type { FsyncMode } from './log/partition-log.ts'
import { ProducerIds } from './producer-ids.ts'
import { CleanMark } from './clean-mark.ts'
import { SecurityState } from './security/security-state.ts'
import type { SecurityOptions } from './security/security-options.ts'
import { Topics } from './topics/topics.ts'
import { TransactionCoordinator } from './transactions/coordinator.ts'

export interface BrokerStateOptions {
  readonly directory: string
  readonly fsync?: FsyncMode
  readonly autoCreateTopics?: boolean
  readonly defaultPartitions?: number
  readonly initialRebalanceDelayMs?: number
  readonly consumerSessionTimeoutMs?: number
  readonly consumerHeartbeatIntervalMs?: number
  readonly transactionVersion?: 1 | 2
  readonly transactionMarkerDelayMs?: number
  readonly security?: SecurityOptions
  readonly clock?: Clock
  /** For what waits for the device; the same clock unless that one stands still. */
  readonly deviceClock?: Clock
  /** Virtual nodes, default 1. */
  readonly nodeCount?: number
  readonly disk?: Disk
  readonly logger?: Logger
  readonly meter?: Meter
}

/**
 * Everything the broker knows and keeps, without any network: API handlers work on it, and so do tests. Opened from its directory, where all
 * that matters is on disk at every moment; `close` only makes the next opening faster.
 */
export class BrokerState {
  /** Every coordinator and leader; stands in Metadata. */
  readonly nodeId = 1
  readonly directory: string
  readonly fsync: FsyncMode
  readonly autoCreateTopics: boolean
  readonly defaultPartitions: number
  readonly consumerSessionTimeoutMs: number
  readonly consumerHeartbeatIntervalMs: number
  readonly clock: Clock
  readonly disk: Disk
  readonly logger: Logger
  readonly meter: Meter
  readonly groupSync: GroupSync
  readonly journal: Journal<BrokerRecord>
  readonly topics: Topics
  readonly configs: BrokerConfigs
  readonly security: SecurityState
  readonly groups: GroupCoordinator
  readonly cluster: Cluster
  readonly fetchSessions: FetchSessions
  readonly producerIds: ProducerIds
  readonly transactions: TransactionCoordinator
  /** What clients are switched to [transaction.version]. */
  readonly transactionVersion: 1 | 2
  #clusterId = ''
  #isClosed = false
  #compactionTimer: Timer | undefined

  private constructor(options: BrokerStateOptions) {
    this.directory = options.directory
    this.fsync = options.fsync ?? 'os'
    this.autoCreateTopics = options.autoCreateTopics ?? true
    this.defaultPartitions = options.defaultPartitions ?? 1
    this.consumerSessionTimeoutMs = options.consumerSessionTimeoutMs ?? 45_000
    this.consumerHeartbeatIntervalMs = options.consumerHeartbeatIntervalMs ?? 1_000
    this.clock = options.clock ?? systemClock
    this.disk = options.disk ?? systemDisk
    this.logger = options.logger ?? silentLogger
    this.meter = options.meter ?? noopMeter
    this.groupSync = new GroupSync(options.deviceClock ?? this.clock)
    const journal = (): Journal<BrokerRecord> => this.journal
    this.topics = new Topics({
      directory: this.directory,
      disk: this.disk,
      clock: this.clock,
      logger: this.logger,
      fsync: this.fsync,
      journal,
    })
    this.configs = new BrokerConfigs({
      broker: this,
      journal,
      onTopicDefaults: (defaults) => this.topics.setDefaults(defaults),
    })
    this.security = new SecurityState(options.security ?? {}, journal)
    this.groups = new GroupCoordinator({
      clock: this.clock,
      logger: this.logger,
      initialRebalanceDelayMs: options.initialRebalanceDelayMs ?? 0,
      topics: this.topics,
      consumerSessionTimeoutMs: this.consumerSessionTimeoutMs,
      consumerHeartbeatIntervalMs: this.consumerHeartbeatIntervalMs,
      journal,
    })
    this.cluster = new Cluster({
      nodeCount: options.nodeCount ?? 1,
      topics: this.topics,
      journal,
    })
    this.fetchSessions = new FetchSessions(this.clock)
    this.producerIds = new ProducerIds((record) => this.journal.append([record]))
    this.transactionVersion = options.transactionVersion ?? 2
    this.transactions = new TransactionCoordinator({
      clock: this.clock,
      logger: this.logger,
      fsync: this.fsync,
      groupSync: this.groupSync,
      topics: this.topics,
      groups: this.groups,
      producerIds: this.producerIds,
      markerDelayMs: options.transactionMarkerDelayMs ?? 0,
      journal,
    })
    this.disk.makeDirectory(this.directory)
    this.journal = Journal.open<BrokerRecord>({
      disk: this.disk,
      directory: this.directory,
      logger: this.logger,
      fsync: this.fsync,
      groupSync: this.groupSync,
      replay: (record) => this.#replay(record),
      snapshot: () => this.#snapshot(),
    })
  }

  /** Recovers the state from its directory and begins its timers. */
  static open(options: BrokerStateOptions): BrokerState {
    const state = new BrokerState(options)
    const startedMs = state.clock.monotonicMs()
    const isClean = CleanMark.take(state.disk, state.directory)
    if (state.#clusterId === '') state.#found()
    state.topics.setDefaults(state.configs.topicDefaults())
    state.topics.open()
    state.cluster.open()
    state.transactions.start()
    state.topics.start()
    state.groups.start()
    state.security.start()
    state.#scheduleCompaction()
    state.logger.info('the data directory is open', {
      directory: state.directory,
      wasStoppedCleanly: isClean,
      topics: [...state.topics.all].length,
      partitions: state.topics.partitionCount,
      groups: state.groups.groupCount,
      durationMs: Math.round(state.clock.monotonicMs() - startedMs),
    })
    return state
  }

  get clusterId(): string {
    return this.#clusterId
  }

  /** Checkpoints every log and marks the directory as cleanly stopped. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#compactionTimer?.cancel()
    this.transactions.close()
    this.groups.close()
    await this.topics.close()
    await this.journal.close()
    CleanMark.leave(this.disk, this.directory)
  }

  #scheduleCompaction(): void {
    this.#compactionTimer = this.clock.setTimer(limits.journalCheckIntervalMs, () => {
      this.#scheduleCompaction()
      try {
        this.journal.compactIfGrown()
      } catch (error) {
        this.logger.error('the journal was not compacted and goes on growing', {
          error: toError(error),
        })
      }
    })
  }

  #found(): void {
    this.#clusterId = Buffer.from(uuidv7().replaceAll('-', ''), 'hex').toString('base64url')
    this.journal.append([{ type: 'cluster', clusterId: this.#clusterId }])
  }

  #replay(record: BrokerRecord): void {
    switch (record.type) {
      case 'cluster':
        this.#clusterId = record.clusterId
        return
      case 'producerIds':
        return this.producerIds.replay(record)
      case 'brokerConfigs':
        return this.configs.replay(record)
      case 'leader':
        return this.cluster.replay(record)
      case 'topic':
      case 'topicDeleted':
      case 'logStart':
        return this.topics.replay(record)
      case 'scramUser':
      case 'scramUserDeleted':
      case 'acl':
      case 'aclDeleted':
      case 'quota':
        return this.security.replay(record)
      case 'group':
      case 'consumerGroup':
      case 'consumerMember':
      case 'consumerMemberDeleted':
      case 'groupDeleted':
      case 'offsets':
      case 'pendingOffsets':
      case 'offsetsDeleted':
        return this.groups.replay(record)
      case 'transaction':
      case 'transactionGrown':
      case 'transactionExpired':
        return this.transactions.replay(record)
      default:
        return unreachable(record)
    }
  }

  *#snapshot(): Generator<BrokerRecord> {
    yield { type: 'cluster', clusterId: this.#clusterId }
    yield this.producerIds.snapshot()
    yield* this.configs.snapshot()
    yield* this.topics.snapshot()
    yield* this.cluster.snapshot()
    yield* this.groups.snapshot()
    yield* this.transactions.snapshot()
    yield* this.security.snapshot()
  }
}
