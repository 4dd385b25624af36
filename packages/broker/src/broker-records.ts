import type { LeaderRecord } from './cluster/leader-records.ts'
import type { GroupJournalRecord } from './groups/group-records.ts'
import type { SecurityJournalRecord } from './security/security-records.ts'
import type { TopicJournalRecord } from './topics/topic-records.ts'
import type { TransactionJournalRecord } from './transactions/transaction-records.ts'

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

/** Broker settings changed while it ran: all of them for a node, or with an empty name for the cluster. */
export interface BrokerConfigsRecord {
  readonly type: 'brokerConfigs'
  readonly node: string
  readonly configs: readonly (readonly [name: string, value: string])[]
}

/** Every kind of change that the journal holds. */
export type BrokerRecord =
  | ClusterRecord
  | ProducerIdsRecord
  | BrokerConfigsRecord
  | TopicJournalRecord
  | GroupJournalRecord
  | TransactionJournalRecord
  | SecurityJournalRecord
  | LeaderRecord
