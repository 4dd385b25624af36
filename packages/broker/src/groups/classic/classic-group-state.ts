/** States of a classic consumer group (Kafka: ClassicGroupState). */
export const GroupState = {
  /** No members; perhaps offsets. */
  EMPTY: 'EMPTY',
  /** The join barrier is open: every member has to come through it again. */
  PREPARING_REBALANCE: 'PREPARING_REBALANCE',
  /** The generation has begun; the leader owes the assignment. */
  COMPLETING_REBALANCE: 'COMPLETING_REBALANCE',
  /** Every member has, or may fetch, its assignment. */
  STABLE: 'STABLE',
  /** Removed; whoever still holds it must look the group up again. */
  DEAD: 'DEAD',
} as const
export type GroupState = (typeof GroupState)[keyof typeof GroupState]

/** The legal moves. `ClassicGroup` asserts each against this table. */
export const groupMoves = {
  EMPTY: ['PREPARING_REBALANCE', 'DEAD'],
  PREPARING_REBALANCE: ['COMPLETING_REBALANCE', 'EMPTY', 'DEAD'],
  COMPLETING_REBALANCE: ['STABLE', 'PREPARING_REBALANCE', 'DEAD'],
  STABLE: ['PREPARING_REBALANCE', 'DEAD'],
  DEAD: [],
} as const satisfies Record<GroupState, readonly GroupState[]>

/** As DescribeGroups and ListGroups spell them. */
export const groupStateNames: Readonly<Record<GroupState, string>> = {
  EMPTY: 'Empty',
  PREPARING_REBALANCE: 'PreparingRebalance',
  COMPLETING_REBALANCE: 'CompletingRebalance',
  STABLE: 'Stable',
  DEAD: 'Dead',
}
