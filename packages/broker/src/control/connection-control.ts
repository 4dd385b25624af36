import type { FaultAction } from './fault-rule.ts'
import type { Faults } from './faults.ts'
import type { RequestJournal } from './request-journal.ts'

export type KillAction = Extract<FaultAction, { readonly type: 'kill' }>

/** What connections need of the broker's controls. */
export interface ConnectionControl {
  readonly faults: Faults
  readonly requests: RequestJournal
  /** A number for each connection, from 1. */
  nextConnection(): number
  readonly jumpClock: (ms: number) => void
  readonly kill: (action: KillAction) => void
  /** Ports of all nodes that are up, of the listener that a client has reached. */
  nodePorts(listener: string): readonly { readonly node: number; readonly port: number }[]
}
