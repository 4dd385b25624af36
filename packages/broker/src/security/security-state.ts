import { unreachable } from '@millrace/core'
import { Access } from './access.ts'
import { AclStore, type Requester } from './acls.ts'
import { QuotaStore } from './quotas.ts'
import { aclOf, type SecurityOptions } from './security-options.ts'
import type { SecurityJournalRecord } from './security-records.ts'
import { UserStore } from './user-store.ts'

/** Where changes are written; of the broker's journal. */
export interface SecurityJournal {
  append(records: readonly SecurityJournalRecord[]): void
  durable(): Promise<void>
}

/**
 * Users, access rules and quotas, and what the options say of them. Opened with the broker's state: replayed from its journal, in its
 * snapshots.
 */
export class SecurityState {
  readonly options: SecurityOptions
  readonly users: UserStore
  readonly acls = new AclStore()
  readonly quotas = new QuotaStore()
  readonly #superUsers: ReadonlySet<string>
  readonly #journal: () => SecurityJournal

  constructor(options: SecurityOptions, journal: () => SecurityJournal) {
    this.options = options
    this.users = new UserStore(options.sasl?.users ?? [])
    this.#superUsers = new Set(options.authorization?.superUsers ?? [])
    this.#journal = journal
  }

  get hasAuthorization(): boolean {
    return this.options.authorization !== undefined
  }

  /** What a client may do; undefined where everybody may do everything. */
  accessOf(requester: Requester): Access | undefined {
    return this.hasAuthorization ? new Access(this.acls, requester, this.#superUsers) : undefined
  }

  /** Makes sure of the rules in the options. */
  start(): void {
    const wanted = (this.options.authorization?.acls ?? []).map(aclOf)
    const missing = wanted.filter((acl) => !this.acls.has(acl))
    this.#write(missing.map((acl) => ({ type: 'acl', acl })))
  }

  /** Writes changes down, then makes them. Resolves when they may be acknowledged. @throws BrokerError `MR_BROKER_STORAGE_FAILED` */
  async change(records: readonly SecurityJournalRecord[]): Promise<void> {
    this.#write(records)
    await this.#journal().durable()
  }

  #write(records: readonly SecurityJournalRecord[]): void {
    this.#journal().append(records)
    for (const record of records) this.replay(record)
  }

  replay(record: SecurityJournalRecord): void {
    switch (record.type) {
      case 'scramUser':
      case 'scramUserDeleted':
        return this.users.replay(record)
      case 'acl':
      case 'aclDeleted':
        return this.acls.replay(record)
      case 'quota':
        return this.quotas.replay(record)
      default:
        return unreachable(record)
    }
  }

  *snapshot(): Generator<SecurityJournalRecord> {
    yield* this.users.snapshot()
    yield* this.acls.snapshot()
    yield* this.quotas.snapshot()
  }
}
