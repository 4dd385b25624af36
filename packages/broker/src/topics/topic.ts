import type { PartitionLog } from '../log/partition-log.ts'
import { settingsOf, type TopicSettings } from './topic-configs.ts'
import type { TopicRecord } from './topic-records.ts'

/** A topic of the broker and the logs of its partitions. */
export class Topic {
  readonly name: string
  /** Kafka's text form of the UUID; another one when the topic is deleted and made again. */
  readonly id: string
  /** By partition number. Grows, never shrinks. */
  readonly partitions: PartitionLog[] = []
  #configs: ReadonlyMap<string, string>
  #defaults: ReadonlyMap<string, string>
  #settings: TopicSettings

  /** @param defaults of the broker, where they differ from Kafka's */
  constructor(
    name: string,
    id: string,
    configs: ReadonlyMap<string, string>,
    defaults: ReadonlyMap<string, string> = new Map(),
  ) {
    this.name = name
    this.id = id
    this.#configs = configs
    this.#defaults = defaults
    this.#settings = this.#settle()
  }

  /** Only what was set; everything else has its default. */
  get configs(): ReadonlyMap<string, string> {
    return this.#configs
  }

  set configs(configs: ReadonlyMap<string, string>) {
    this.#configs = configs
    this.#settings = this.#settle()
  }

  set defaults(defaults: ReadonlyMap<string, string>) {
    this.#defaults = defaults
    this.#settings = this.#settle()
  }

  get settings(): TopicSettings {
    return this.#settings
  }

  toRecord(partitionCount = this.partitions.length): TopicRecord {
    return {
      type: 'topic',
      id: this.id,
      name: this.name,
      partitionCount,
      configs: [...this.#configs],
    }
  }

  #settle(): TopicSettings {
    const settings = settingsOf(new Map([...this.#defaults, ...this.#configs]))
    for (const log of this.partitions) log.settings = settings
    return settings
  }
}
