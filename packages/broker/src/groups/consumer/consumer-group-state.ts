/**
 * States of a consumer group (Kafka: ConsumerGroupState). They are read off its epochs and members, never set, so there are no moves to guard;
 * what the steps of a member are says `reconciliation.ts`.
 */
export const ConsumerGroupState = {
  /** No members; perhaps offsets. */
  EMPTY: 'EMPTY',
  /** Something changed, and the next heartbeat makes new targets. */
  ASSIGNING: 'ASSIGNING',
  /** Members are on their way to their targets. */
  RECONCILING: 'RECONCILING',
  /** Every member has what it is meant to have. */
  STABLE: 'STABLE',
  /** Removed. */
  DEAD: 'DEAD',
} as const
export type ConsumerGroupState = (typeof ConsumerGroupState)[keyof typeof ConsumerGroupState]

/** As ConsumerGroupDescribe and ListGroups spell them. */
export const consumerGroupStateNames: Readonly<Record<ConsumerGroupState, string>> = {
  EMPTY: 'Empty',
  ASSIGNING: 'Assigning',
  RECONCILING: 'Reconciling',
  STABLE: 'Stable',
  DEAD: 'Dead',
}
