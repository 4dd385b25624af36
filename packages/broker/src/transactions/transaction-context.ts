import type { Clock, Logger } from '@millrace/core'
import type { BrokerRecord } from '../broker-records.ts'
import type { GroupCoordinator } from '../groups/coordinator.ts'
import type { Journal } from '../journal.ts'
import type { GroupSync } from '../log/group-sync.ts'
import type { FsyncMode } from '../log/partition-log.ts'
import type { ProducerIds } from '../producer-ids.ts'
import type { Topics } from '../topics/topics.ts'

/** What transactions touch: the journal that decides, the logs that get markers, the groups that get offsets. */
export interface TransactionContext {
  readonly clock: Clock
  readonly logger: Logger
  readonly fsync: FsyncMode
  readonly groupSync: GroupSync
  readonly topics: Topics
  readonly groups: GroupCoordinator
  readonly producerIds: ProducerIds
  /** How long after the decision, and the answer, the markers are written, ms. 0: before the answer. */
  readonly markerDelayMs: number
  /** Called late, because opening the journal needs the transactions for its replay. */
  readonly journal: () => Journal<BrokerRecord>
}
