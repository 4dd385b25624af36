import type { ProduceSettings } from '../log/batch-checks.ts'
import type { LogSettings, PartitionLog } from '../log/partition-log.ts'
import { settingsOf } from './topic-configs.ts'
import type { TopicRecord } from './topic-records.ts'

/** A topic of the broker and the logs of its partitions. */
export class Topic {
  readonly name: string
  /** Kafka's text form of the UUID; another one when the topic is deleted and made again. */
  readonly id: string
  /** By partition number. Grows, never shrinks. */
  readonly partitions: PartitionLog[] = []
  #configs: ReadonlyMap<string, string> = new Map()
  #settings: LogSettings & ProduceSettings

  constructor(name: string, id: string, configs: ReadonlyMap<string, string>) {
    this.name = name
    this.id = id
    this.#configs = configs
    this.#settings = settingsOf(configs)
  }

  /** Only what was set; everything else has its default. */
  get configs(): ReadonlyMap<string, string> {
    return this.#configs
  }

  set configs(configs: ReadonlyMap<string, string>) {
    this.#configs = configs
    this.#settings = settingsOf(configs)
    for (const log of this.partitions) log.settings = this.#settings
  }

  get settings(): LogSettings & ProduceSettings {
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
}
