import type { AclRecord } from './acls.ts'
import type { QuotaRecord } from './quotas.ts'
import type { ScramUserDeletedRecord, ScramUserRecord } from './user-store.ts'

/** What the journal holds of security. */
export type SecurityJournalRecord =
  | ScramUserRecord
  | ScramUserDeletedRecord
  | AclRecord
  | QuotaRecord
