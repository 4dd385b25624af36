import type { Results, SuiteRun } from '../result.ts'

export interface OrdersSizes {
  readonly rounds: number
  readonly warmUpOrders: number
  /** Paces at which orders come, one after the other. */
  readonly perSecond: readonly number[]
  readonly latencySeconds: number
  readonly burstOrders: number
  /** Orders whose answers lie on the topics for the join; twice as many answers. */
  readonly joinedOrders: number
}

/** What all cases of one run share. */
export interface OrdersRun {
  readonly asked: SuiteRun
  readonly sizes: OrdersSizes
  readonly results: Results
  readonly folder: string
  isAsked(caseName: string): boolean
}
