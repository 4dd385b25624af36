import type { ClassicGroup } from './classic/classic-group.ts'
import type { ConsumerGroup } from './consumer/consumer-group.ts'

/** A group of either protocol; `type` tells which. */
export type Group = ClassicGroup | ConsumerGroup
