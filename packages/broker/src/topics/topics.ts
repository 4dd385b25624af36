import { join } from 'node:path'
import { systemRandom, toError, type Timer } from '@millrace/core'
import { errorCodes, zeroUuid } from '@millrace/protocol'
import type { BrokerRecord } from '../broker-records.ts'
import type { Journal } from '../journal.ts'
import { limits } from '../limits.ts'
import { PartitionLog, type LogContext } from '../log/partition-log.ts'
import { Compaction, type CompactionResult } from './compaction.ts'
import { faultOfConfigs } from './topic-configs.ts'
import { collisionKey, faultOfTopicName } from './topic-names.ts'
import type { LogStartRecord, TopicJournalRecord, TopicRecord } from './topic-records.ts'
import { Topic } from './topic.ts'

export interface TopicsOptions extends LogContext {
  readonly directory: string
  /** Called late, because opening the journal needs the topics for its replay. */
  readonly journal: () => Journal<BrokerRecord>
}

/** Kafka's code and a sentence for the person who asked. */
export interface TopicFault {
  readonly errorCode: number
  readonly text: string
}

/**
 * The topics of the broker. A topic's files lie in a directory named by its id, so a topic that is deleted and made again shares nothing
 * with the old one. Directories that no journal record knows are remains of a crash and are removed at the start.
 */
export class Topics {
  readonly #options: TopicsOptions
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  readonly #nameByCollisionKey = new Map<string, string>()
  /** What the journal said, until `open` has opened the logs. */
  #replayed = new Map<string, { record: TopicRecord; logStarts: Map<number, number> }>()
  /** Log starts set by DeleteRecords, for the journal's snapshot. */
  readonly #logStarts = new Map<PartitionLog, LogStartRecord>()
  readonly #compaction: Compaction
  #timers: Timer[] = []
  /** Settings of the broker that stand in where a topic has none. */
  #defaults: ReadonlyMap<string, string> = new Map()
  #partitionCount = 0
  #version = 0

  constructor(options: TopicsOptions) {
    this.#options = options
    this.#compaction = new Compaction(() => this.all, options)
  }

  get all(): Iterable<Topic> {
    return this.#byName.values()
  }

  /** Another one after every change of which topics there are, and of how many partitions. */
  get version(): number {
    return this.#version
  }

  get partitionCount(): number {
    return this.#partitionCount
  }

  byName(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  /** What would keep a topic from being created; undefined when nothing does. */
  faultOfNew(
    name: string,
    partitionCount: number,
    configs: ReadonlyMap<string, string>,
  ): TopicFault | undefined {
    const nameFault = faultOfTopicName(name)
    if (nameFault !== undefined)
      return { errorCode: errorCodes.INVALID_TOPIC_EXCEPTION, text: nameFault }
    if (this.#byName.has(name))
      return { errorCode: errorCodes.TOPIC_ALREADY_EXISTS, text: `Topic '${name}' already exists.` }
    const other = this.#nameByCollisionKey.get(collisionKey(name))
    if (other !== undefined) {
      const text = `Topic '${name}' collides with existing topic: ${other}`
      return { errorCode: errorCodes.INVALID_TOPIC_EXCEPTION, text }
    }
    const configFault = faultOfConfigs(configs)
    if (configFault !== undefined)
      return { errorCode: errorCodes.INVALID_CONFIG, text: configFault }
    return this.faultOfPartitionCount(partitionCount, partitionCount)
  }

  /** @param added how many partitions would be new */
  faultOfPartitionCount(count: number, added: number): TopicFault | undefined {
    if (count < 1) {
      const text = 'Number of partitions was set to an invalid non-positive value.'
      return { errorCode: errorCodes.INVALID_PARTITIONS, text }
    }
    if (count > limits.partitionsPerTopic || this.#partitionCount + added > limits.partitions) {
      const text = `A topic may have ${limits.partitionsPerTopic} partitions here and the broker ${limits.partitions}.`
      return { errorCode: errorCodes.INVALID_PARTITIONS, text }
    }
    return undefined
  }

  /** Creates a topic that `faultOfNew` finds nothing wrong with; resolves when it may be acknowledged. */
  async create(
    name: string,
    partitionCount: number,
    configs: ReadonlyMap<string, string>,
  ): Promise<Topic> {
    const topic = new Topic(name, newTopicId(), configs, this.#defaults)
    for (let partition = 0; partition < partitionCount; partition++)
      topic.partitions.push(this.#openLog(topic, partition, 0))
    this.#syncDirectories(topic, 0)
    this.#journal.append([topic.toRecord()])
    this.#register(topic)
    await this.#journal.durable()
    return topic
  }

  async addPartitions(topic: Topic, count: number): Promise<void> {
    const logs: PartitionLog[] = []
    for (let partition = topic.partitions.length; partition < count; partition++)
      logs.push(this.#openLog(topic, partition, 0))
    this.#syncDirectories(topic, topic.partitions.length, logs.length)
    this.#journal.append([topic.toRecord(count)])
    topic.partitions.push(...logs)
    this.#partitionCount += logs.length
    this.#version++
    await this.#journal.durable()
  }

  /** What topics get where they set nothing themselves; in force at once. */
  setDefaults(defaults: ReadonlyMap<string, string>): void {
    this.#defaults = defaults
    for (const topic of this.#byName.values()) topic.defaults = defaults
  }

  async alterConfigs(topic: Topic, configs: ReadonlyMap<string, string>): Promise<void> {
    this.#journal.append([{ ...topic.toRecord(), configs: [...configs] }])
    topic.configs = configs
    await this.#journal.durable()
  }

  async delete(topic: Topic): Promise<void> {
    this.#journal.append([{ type: 'topicDeleted', id: topic.id }])
    this.#byName.delete(topic.name)
    this.#byId.delete(topic.id)
    this.#nameByCollisionKey.delete(collisionKey(topic.name))
    this.#partitionCount -= topic.partitions.length
    this.#version++
    for (const log of topic.partitions) {
      log.abandon()
      this.#logStarts.delete(log)
    }
    this.#options.disk.remove(this.#directoryOf(topic.id))
    await this.#journal.durable()
  }

  /** DeleteRecords: the new start is in the journal before anything is removed. */
  async advanceLogStart(topic: Topic, partition: number, offset: number): Promise<void> {
    const log = topic.partitions[partition]!
    const record = { type: 'logStart', topicId: topic.id, partition, offset } as const
    this.#journal.append([record])
    this.#logStarts.set(log, record)
    await this.#journal.durable()
    log.advanceLogStart(offset)
  }

  replay(record: TopicJournalRecord): void {
    if (record.type === 'topicDeleted') this.#replayed.delete(record.id)
    else if (record.type === 'logStart')
      this.#replayed.get(record.topicId)?.logStarts.set(record.partition, record.offset)
    else {
      const logStarts = this.#replayed.get(record.id)?.logStarts ?? new Map<number, number>()
      this.#replayed.set(record.id, { record, logStarts })
    }
  }

  *snapshot(): Generator<TopicJournalRecord> {
    for (const topic of this.#byName.values()) yield topic.toRecord()
    yield* this.#logStarts.values()
  }

  /** Opens and recovers the logs of every topic that the journal named, and removes what no topic owns. */
  open(): void {
    const root = join(this.#options.directory, 'topics')
    this.#options.disk.makeDirectory(root)
    for (const { record, logStarts } of this.#replayed.values()) {
      const topic = new Topic(record.name, record.id, new Map(record.configs), this.#defaults)
      for (let partition = 0; partition < record.partitionCount; partition++) {
        const start = logStarts.get(partition)
        const log = this.#openLog(topic, partition, start ?? 0)
        topic.partitions.push(log)
        if (start !== undefined)
          this.#logStarts.set(log, {
            type: 'logStart',
            topicId: topic.id,
            partition,
            offset: start,
          })
      }
      this.#register(topic)
    }
    this.#replayed = new Map()
    for (const name of this.#options.disk.list(root))
      if (!this.#byId.has(name)) this.#options.disk.remove(join(root, name))
  }

  /** Begins checkpoints, retention and compaction. */
  start(): void {
    this.#every(limits.checkpointIntervalMs, () => this.#checkpoint(true))
    this.#every(limits.retentionIntervalMs, () => this.applyRetention())
    this.#compaction.start()
  }

  /** Removes what is older or larger than the topics' settings allow; returns how many segments went. */
  applyRetention(): number {
    let removed = 0
    for (const topic of this.#byName.values()) {
      for (const log of topic.partitions) {
        log.expireProducers()
        removed += log.applyRetention()
      }
    }
    return removed
  }

  /**
   * Compacts every topic with `cleanup.policy=compact` now, whatever its dirty ratio; active segments are closed for it. Records above
   * the last stable offset or younger than `min.compaction.lag.ms` stay.
   */
  compactNow(): Promise<CompactionResult> {
    return this.#compaction.compactNow()
  }

  /** Takes a checkpoint of a log that has grown by `limits.checkpointBytes` since its last one. */
  checkpointIfGrown(log: PartitionLog): void {
    if (log.needsCheckpoint(false))
      void log.checkpoint().catch(() => this.#noteCheckpointFailure(log))
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
    await this.#compaction.close()
    for (const topic of this.#byName.values()) for (const log of topic.partitions) await log.close()
  }

  #checkpoint(isDue: boolean): void {
    for (const topic of this.#byName.values())
      for (const log of topic.partitions)
        if (log.needsCheckpoint(isDue))
          void log.checkpoint().catch(() => this.#noteCheckpointFailure(log))
  }

  /** The log itself reports a failed sync and stops; a checkpoint file that cannot be written only costs time at the next start. */
  #noteCheckpointFailure(log: PartitionLog): void {
    this.#options.logger.warn('a checkpoint was not written', { directory: log.directory })
  }

  #every(ms: number, fn: () => void): void {
    const slot = this.#timers.length
    const arm = (): Timer =>
      this.#options.clock.setTimer(ms, () => {
        this.#timers[slot] = arm()
        try {
          fn()
        } catch (error) {
          this.#options.logger.error('upkeep of the logs failed', { error: toError(error) })
        }
      })
    this.#timers.push(arm())
  }

  #register(topic: Topic): void {
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
    this.#nameByCollisionKey.set(collisionKey(topic.name), topic.name)
    this.#partitionCount += topic.partitions.length
    this.#version++
  }

  #openLog(topic: Topic, partition: number, startOffset: number): PartitionLog {
    const directory = join(this.#directoryOf(topic.id), String(partition))
    return PartitionLog.open(directory, topic.settings, this.#options, startOffset)
  }

  /** Where a power cut counts, the names of new files must survive it before records rely on them. */
  #syncDirectories(topic: Topic, from: number, count = topic.partitions.length): void {
    const { disk, fsync, directory } = this.#options
    if (fsync === 'os') return
    for (let partition = from; partition < from + count; partition++)
      disk.syncDirectory(join(this.#directoryOf(topic.id), String(partition)))
    disk.syncDirectory(this.#directoryOf(topic.id))
    disk.syncDirectory(join(directory, 'topics'))
  }

  #directoryOf(id: string): string {
    return join(this.#options.directory, 'topics', id)
  }

  get #journal(): Journal<BrokerRecord> {
    return this.#options.journal()
  }
}

/** A random UUID in Kafka's text form; like Kafka's own never beginning with a dash, which command lines take for an option. */
function newTopicId(): string {
  for (;;) {
    const id = Buffer.from(systemRandom.fill(new Uint8Array(16))).toString('base64url')
    if (!id.startsWith('-') && id !== zeroUuid) return id
  }
}
