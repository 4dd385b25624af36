import type { GroupJournalRecord } from './groups/group-records.ts'
import type { TopicJournalRecord } from './topics/topic-records.ts'

/** Written once, when the data directory is made. */
export interface ClusterRecord {
  readonly type: 'cluster'
  readonly clusterId: string
}

/** Producer ids below `next` may have been given out; after a restart the broker goes on there. */
export interface ProducerIdsRecord {
  readonly type: 'producerIds'
  readonly next: number
}

/** Every kind of change that the journal holds. */
export type BrokerRecord =
  | ClusterRecord
  | ProducerIdsRecord
  | TopicJournalRecord
  | GroupJournalRecord
